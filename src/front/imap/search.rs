//! SEARCH and UID SEARCH (RFC 3501 §6.4.4, RFC 4731): columns first, bytes only where they decide.

use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use wire::imap::{Code, Formula, ReturnOption, Returns, Search, SearchKey, Tag};

use super::connection::Connection;
use super::criteria::{self, Criteria, Facts, Reach, Read};
use super::enabled::Extension;
use super::ending::{Ending, Halt, Handled};
use super::fetch::AHEAD;
use super::found::{Found, Telling, Verb};
use super::objects::Named;
use super::saved::{self, Saved};
use super::selected::Selected;
use crate::account::{Body, OpenFolder};
use crate::mailbox::{Fault, Kind, Outcome, SeqNum, Snapshot, Uid};
use crate::mime::{HELD_WHOLE, Heads, look};

/// Messages looked into by one thread at a time.
const AT_ONCE: usize = 64;
/// Messages of which the kept headers are read with one query.
const HEADS_AT_ONCE: usize = 1000;

/// A message that the columns cannot decide on.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    seq: SeqNum,
    uid: Uid,
    /// In the snapshot.
    index: usize,
}

/// One SEARCH, for all who work on it.
#[derive(Clone, Debug)]
struct Question {
    folder: OpenFolder,
    snapshot: Arc<Snapshot>,
    criteria: Arc<Criteria>,
}

/// What is searched for, by SEARCH, SORT or THREAD.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) charset: Option<&'a str>,
    pub(super) key: &'a Formula<SearchKey>,
}

pub(super) async fn run(
    connection: &mut Connection,
    selected: &mut Selected,
    (tag, search): (&Tag, &Search),
) -> Handled {
    // There is no SEARCH response in the newer protocol (RFC 9051 §6.4.4).
    let everything = selected.enabled().has(Extension::Rev2).then(Returns::all);
    let returns = search.returns.as_ref().or(everything.as_ref());
    let asked = Asked { charset: search.charset.as_deref(), key: &search.key };
    let found = find(connection, selected, asked).await;
    let found = or_empty_saved(selected, returns, found)?;
    let telling = Telling {
        tag,
        numbering: search.numbering,
        returns,
        verb: Verb::Search,
        mod_seq: search.key.names_mod_seq().into(),
    };
    telling.tell(connection, selected, (&found.hits, &found.snapshot));
    Ok(Ending::ok("SEARCH done"))
}

/// All messages that match.
pub(super) async fn find(
    connection: &mut Connection,
    selected: &Selected,
    asked: Asked<'_>,
) -> Result<Found, Halt> {
    let named = connection.patiently(Named::of(asked.key, &selected.folder)).await??;
    let criteria = Arc::new(criteria::compile(asked, selected, &named, connection.now())?);
    let snapshot = connection.patiently(selected.folder.snapshot()).await??;
    let folder = selected.folder.clone();
    let question = Question { folder, snapshot: Arc::clone(&snapshot), criteria };
    let (mut hits, suspects) = question.by_columns(selected.view.uids());
    hits.extend(look_into(connection, question, suspects).await?);
    hits.sort_unstable();
    Ok(Found { hits, snapshot })
}

/// A search with SAVE that fails leaves nothing behind `$` (RFC 5182 §2.1).
pub(super) fn or_empty_saved<T>(
    selected: &mut Selected,
    returns: Option<&Returns>,
    found: Result<T, Halt>,
) -> Result<T, Halt> {
    if let Err(halt) = &found
        && returns.is_some_and(|returns| returns.has(ReturnOption::Save))
        && saved::is_emptied_by(halt)
    {
        selected.saved = Saved::default();
    }
    found
}

async fn look_into(
    connection: &mut Connection,
    question: Question,
    suspects: Vec<Suspect>,
) -> Result<Vec<(SeqNum, Uid)>, Halt> {
    let (mut hits, suspects) = if question.criteria.asks_header() {
        question.by_heads(connection, suspects).await?
    } else {
        (Vec::new(), suspects)
    };
    let batches: Vec<Vec<Suspect>> = suspects.chunks(AT_ONCE).map(<[_]>::to_vec).collect();
    let looks = stream::iter(batches).map(move |batch| question.clone().look_into(batch));
    let mut looks = Box::pin(looks.buffered(AHEAD));
    while let Some(found) = connection.patiently(looks.next()).await? {
        hits.extend(found?);
    }
    Ok(hits)
}

impl Question {
    /// Those of `uids` that match as far as the columns tell, and those that they leave open.
    fn by_columns(&self, uids: &[Uid]) -> (Vec<(SeqNum, Uid)>, Vec<Suspect>) {
        let (mut hits, mut suspects) = (Vec::new(), Vec::new());
        let mut next = 0;
        for (place, uid) in uids.iter().copied().enumerate() {
            // Most often the next one is the very next one.
            let at = match self.snapshot.uids().get(next) {
                Some(there) if *there == uid => next,
                _ => match self.snapshot.find(uid) {
                    Some(at) => at,
                    None => continue,
                },
            };
            next = at + 1;
            let suspect = Suspect { seq: SeqNum::at(place), uid, index: at };
            match self.evaluate(suspect, None, Read::Nothing) {
                Some(true) => hits.push((suspect.seq, uid)),
                Some(false) => {}
                None => suspects.push(suspect),
            }
        }
        (hits, suspects)
    }

    fn evaluate(&self, suspect: Suspect, size: Option<u64>, read: Read<'_>) -> Option<bool> {
        let row = self.snapshot.line(suspect.index);
        let size = size.or(row.size);
        self.criteria.evaluate(&Facts { seq: suspect.seq, row, size, read })
    }

    /// What the index keeps of the headers decides without opening a message.
    async fn by_heads(
        &self,
        connection: &mut Connection,
        suspects: Vec<Suspect>,
    ) -> Result<(Vec<(SeqNum, Uid)>, Vec<Suspect>), Halt> {
        let batches: Vec<Vec<Suspect>> =
            suspects.chunks(HEADS_AT_ONCE).map(<[_]>::to_vec).collect();
        let question = self.clone();
        let looks = stream::iter(batches).map(move |batch| question.clone().compare_heads(batch));
        let mut looks = Box::pin(looks.buffered(AHEAD));
        let (mut hits, mut open) = (Vec::new(), Vec::new());
        while let Some(compared) = connection.patiently(looks.next()).await? {
            let (found, left) = compared?;
            hits.extend(found);
            open.extend(left);
        }
        Ok((hits, open))
    }

    async fn compare_heads(
        self,
        suspects: Vec<Suspect>,
    ) -> Outcome<(Vec<(SeqNum, Uid)>, Vec<Suspect>)> {
        let uids: Vec<Uid> = suspects.iter().map(|suspect| suspect.uid).collect();
        let mut heads = self.folder.heads(&uids).await?.into_iter().peekable();
        let (mut hits, mut open) = (Vec::new(), Vec::new());
        for suspect in suspects {
            let kept = heads.next_if(|(uid, _)| *uid == suspect.uid);
            let kept = kept.as_ref().and_then(|(_, kept)| Heads::new(kept));
            match kept.and_then(|heads| self.evaluate(suspect, None, Read::Heads(heads))) {
                Some(true) => hits.push((suspect.seq, suspect.uid)),
                Some(false) => {}
                None => open.push(suspect),
            }
        }
        Ok((hits, open))
    }

    async fn look_into(self, suspects: Vec<Suspect>) -> Result<Vec<(SeqNum, Uid)>, Halt> {
        match self.criteria.reach() {
            Reach::Row | Reach::Size => Ok(self.by_size(suspects).await?),
            Reach::Header | Reach::Whole => self.by_bytes(suspects).await,
        }
    }

    async fn by_size(self, suspects: Vec<Suspect>) -> Outcome<Vec<(SeqNum, Uid)>> {
        let uids: Vec<Uid> = suspects.iter().map(|suspect| suspect.uid).collect();
        let known = self.folder.summaries(&uids).await?;
        let mut hits = Vec::new();
        for suspect in suspects {
            let size = match known.binary_search_by_key(&suspect.uid, |(uid, _)| *uid) {
                Ok(at) => Some(known[at].1.size),
                Err(_) => if_there(self.folder.summary(suspect.uid).await)?.map(|one| one.size),
            };
            let Some(size) = size else { continue };
            if self.evaluate(suspect, Some(size), Read::Nothing) == Some(true) {
                hits.push((suspect.seq, suspect.uid));
            }
        }
        Ok(hits)
    }

    async fn by_bytes(self, suspects: Vec<Suspect>) -> Result<Vec<(SeqNum, Uid)>, Halt> {
        let uids: Vec<Uid> = suspects.iter().map(|suspect| suspect.uid).collect();
        let mut bodies = self.folder.small_bodies(&uids).await?.into_iter().peekable();
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for suspect in suspects {
            match bodies.next_if(|(uid, _)| *uid == suspect.uid) {
                Some((_, body)) => near.push((suspect, body)),
                None => far.push(suspect),
            }
        }
        let mut hits = self.decide(near).await?;
        for suspect in far {
            if let Some(body) = if_there(self.folder.body(suspect.uid).await)? {
                hits.extend(self.decide(vec![(suspect, body)]).await?);
            }
        }
        Ok(hits)
    }

    /// Off the async threads: decoding takes its time.
    async fn decide(&self, bodies: Vec<(Suspect, Body)>) -> Result<Vec<(SeqNum, Uid)>, Halt> {
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let question = self.clone();
        let deciding = tokio::task::spawn_blocking(move || {
            let mut hits = Vec::new();
            for (suspect, body) in &bodies {
                if question.matches(*suspect, body)? {
                    hits.push((suspect.seq, suspect.uid));
                }
            }
            Ok(hits)
        });
        deciding.await.map_err(Fault::defect)?
    }

    /// The header may decide; the whole message must, unless it is too large for that.
    fn matches(&self, suspect: Suspect, body: &Body) -> Result<bool, Halt> {
        let (body, outline) = (&body.at_hand()?, body.outline()?);
        let at = outline.root().header.clone();
        let header = match self.criteria.asks_header() && at.end - at.start <= HELD_WHOLE {
            true => Some(read_all(body, at)?),
            false => None,
        };
        let size = Some(body.size);
        if let Some(header) = &header
            && let Some(answer) = self.evaluate(suspect, size, Read::Header(header))
        {
            return Ok(answer);
        }
        let found = look(&outline, self.criteria.sought(), |range| body.read_blocking(range))?;
        let answer = self.evaluate(suspect, size, Read::Whole(header.as_deref(), &found));
        answer.ok_or_else(|| {
            let refusal = Ending::no("A text in one of the messages is too large to look through");
            refusal.with(Code::Limit).into()
        })
    }
}

/// What is gone does not match.
pub(super) fn if_there<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(fault) if *fault.kind() == Kind::NoSuchMessage => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// All of a range, which must be small enough to be held.
pub(super) fn read_all(body: &Body, range: Range<u64>) -> Outcome<bytes::Bytes> {
    let mut at = range.start;
    let mut octets = body.read_blocking(at..range.end)?;
    at += octets.len() as u64;
    if at >= range.end {
        return Ok(octets);
    }
    let mut all = octets.to_vec();
    while at < range.end && !octets.is_empty() {
        octets = body.read_blocking(at..range.end)?;
        at += octets.len() as u64;
        all.extend_from_slice(&octets);
    }
    Ok(all.into())
}
