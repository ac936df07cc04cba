//! SEARCH and UID SEARCH (RFC 3501 §6.4.4): columns first, bytes only where they decide.

use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use wire::imap::{Data, Numbering, Search};

use super::connection::Connection;
use super::convert;
use super::criteria::{self, Criterion, Facts, Reach, Read};
use super::ending::{Ending, Halt, Handled};
use super::fetch::AHEAD;
use super::selected::Selected;
use crate::account::{Body, OpenFolder};
use crate::mailbox::{Fault, Kind, Outcome, SeqNum, Snapshot, Uid};
use crate::mime::Heads;

/// Messages looked into by one thread at a time.
const AT_ONCE: usize = 64;
/// Messages of which the kept headers are read with one query.
const HEADS_AT_ONCE: usize = 1000;
/// Octets of a message that BODY and TEXT look through. Text stands before attachments, and
/// decoding must not take memory without limit.
const LOOK_THROUGH: u64 = 32 * 1024 * 1024;

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
    criterion: Arc<Criterion>,
}

pub(super) async fn run(
    connection: &mut Connection,
    selected: &Selected,
    search: &Search,
) -> Handled {
    let criterion = Arc::new(criteria::compile(search, &selected.view, &selected.recent)?);
    let snapshot = connection.patiently(selected.folder.snapshot()).await??;
    let folder = selected.folder.clone();
    let question = Question { folder, snapshot: Arc::clone(&snapshot), criterion };
    let (mut hits, suspects) = question.by_columns(selected.view.uids());
    hits.extend(look_into(connection, question, suspects).await?);
    hits.sort_unstable();
    let number = |(seq, uid): (SeqNum, Uid)| match search.numbering {
        Numbering::Uid => convert::number(uid.get()),
        Numbering::Seq => convert::number(seq.get()),
    };
    let highest = hits.iter().filter_map(|(_, uid)| Some(snapshot.get(*uid)?.modseq)).max();
    let found = hits.into_iter().map(number).collect();
    // RFC 7162 §3.1.6: only who asked about mod-sequences is told one, and only of something found.
    connection.data(&match highest.filter(|_| search.key.names_mod_seq()) {
        Some(highest) => Data::SearchModSeq(found, convert::mod_seq(highest)),
        None => Data::Search(found),
    });
    Ok(Ending::ok("SEARCH done"))
}

async fn look_into(
    connection: &mut Connection,
    question: Question,
    suspects: Vec<Suspect>,
) -> Result<Vec<(SeqNum, Uid)>, Halt> {
    let (mut hits, suspects) = if question.criterion.asks_header() {
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
        self.criterion.evaluate(&Facts { seq: suspect.seq, row, size, read })
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

    async fn look_into(self, suspects: Vec<Suspect>) -> Outcome<Vec<(SeqNum, Uid)>> {
        match self.criterion.reach() {
            Reach::Row | Reach::Size => self.by_size(suspects).await,
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

    async fn by_bytes(self, suspects: Vec<Suspect>) -> Outcome<Vec<(SeqNum, Uid)>> {
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
    async fn decide(&self, bodies: Vec<(Suspect, Body)>) -> Outcome<Vec<(SeqNum, Uid)>> {
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

    /// The header may decide; the whole message must.
    fn matches(&self, suspect: Suspect, body: &Body) -> Outcome<bool> {
        if self.criterion.asks_header() {
            let header = body.outline()?.root().header.clone();
            let header = read_all(body, header.start..header.end.min(LOOK_THROUGH))?;
            if let Some(answer) = self.evaluate(suspect, Some(body.size), Read::Header(&header)) {
                return Ok(answer);
            }
        }
        let message = read_all(body, 0..body.size.min(LOOK_THROUGH))?;
        let answer = self.evaluate(suspect, Some(body.size), Read::Whole(&message));
        Ok(answer.unwrap_or(false))
    }
}

/// What is gone does not match.
fn if_there<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(fault) if *fault.kind() == Kind::NoSuchMessage => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// All of a range, which must be small enough to be held.
fn read_all(body: &Body, range: Range<u64>) -> Outcome<bytes::Bytes> {
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
