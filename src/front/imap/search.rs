//! SEARCH and UID SEARCH (RFC 3501 §6.4.4): rows first, bytes only where they decide.

use std::num::NonZeroU32;

use futures_util::stream::{self, StreamExt as _};
use wire::imap::{Data, Numbering, Search};

use super::connection::Connection;
use super::convert;
use super::criteria::{self, Criterion, Facts, Reach, Read};
use super::ending::{Ending, Halt, Handled};
use super::fetch::AHEAD;
use super::render::read_all;
use super::selected::Selected;
use crate::account::{Body, OpenFolder};
use crate::mailbox::{Kind, ModSeq, Outcome, Row, SeqNum, Uid};

/// Rows asked for at once.
const ROWS_AT_ONCE: usize = 500;
/// Octets of a message that BODY and TEXT look through. Text stands before attachments, and
/// decoding must not take memory without limit.
const LOOK_THROUGH: u64 = 32 * 1024 * 1024;

/// What was brought to decide about a message.
enum Evidence {
    Size(u64),
    Bytes(Body),
}

pub(super) async fn run(
    connection: &mut Connection,
    selected: &Selected,
    search: &Search,
) -> Handled {
    let criterion = criteria::compile(search, &selected.view, &selected.recent)?;
    let mut found: Vec<NonZeroU32> = Vec::new();
    let mut highest = ModSeq::ZERO;
    for uids in selected.view.uids().chunks(ROWS_AT_ONCE) {
        let hits = search_rows(connection, selected, uids, &criterion).await?;
        highest = hits.iter().map(|(_, modseq)| *modseq).fold(highest, ModSeq::max);
        let number = |(uid, _): (Uid, ModSeq)| match search.numbering {
            Numbering::Uid => Some(convert::number(uid.get())),
            Numbering::Seq => selected.view.seq(uid).map(|seq| convert::number(seq.get())),
        };
        found.extend(hits.into_iter().filter_map(number));
    }
    // RFC 7162 §3.1.6: only who asked about mod-sequences is told one, and only of something found.
    connection.data(&match search.key.names_mod_seq() && !found.is_empty() {
        true => Data::SearchModSeq(found, convert::mod_seq(highest)),
        false => Data::Search(found),
    });
    Ok(Ending::ok("SEARCH done"))
}

/// Those of `uids` that match, ascending, with their mod-sequences.
async fn search_rows(
    connection: &mut Connection,
    selected: &Selected,
    uids: &[Uid],
    criterion: &Criterion,
) -> Result<Vec<(Uid, ModSeq)>, Halt> {
    let rows = connection.patiently(selected.folder.rows(uids)).await??;
    let mut hits = Vec::new();
    let mut undecided = Vec::new();
    for row in rows {
        let Some(seq) = selected.view.seq(row.uid) else { continue };
        let facts = Facts { seq, row: &row, size: row.size, read: Read::Nothing };
        match criterion.evaluate(&facts) {
            Some(true) => hits.push((row.uid, row.modseq)),
            Some(false) => {}
            None => undecided.push((seq, row)),
        }
    }
    let mut gathered = gather(&selected.folder, undecided, criterion.reach());
    while let Some((seq, row, evidence)) = connection.patiently(gathered.next()).await? {
        let verdict = match evidence {
            Ok(evidence) => decide(criterion, (seq, &row), &evidence).await,
            Err(fault) => Err(fault),
        };
        match verdict {
            Ok(true) => hits.push((row.uid, row.modseq)),
            Ok(false) => {}
            // It is gone, so it does not match.
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    hits.sort_unstable();
    Ok(hits)
}

fn gather(
    folder: &OpenFolder,
    undecided: Vec<(SeqNum, Row)>,
    reach: Reach,
) -> impl stream::Stream<Item = (SeqNum, Row, Outcome<Evidence>)> + Unpin + Send + use<> {
    let folder = folder.clone();
    let gathered = stream::iter(undecided).map(move |(seq, row)| {
        let folder = folder.clone();
        async move {
            let evidence = evidence(&folder, row.uid, reach).await;
            (seq, row, evidence)
        }
    });
    Box::pin(gathered.buffered(AHEAD))
}

async fn evidence(folder: &OpenFolder, uid: Uid, reach: Reach) -> Outcome<Evidence> {
    Ok(match reach {
        Reach::Row | Reach::Size => Evidence::Size(folder.summary(uid).await?.size),
        Reach::Header | Reach::Whole => Evidence::Bytes(folder.body(uid).await?),
    })
}

/// The header may decide; the whole message must.
async fn decide(
    criterion: &Criterion,
    (seq, row): (SeqNum, &Row),
    evidence: &Evidence,
) -> Outcome<bool> {
    let facts = |size, read| Facts { seq, row, size: Some(size), read };
    let body = match evidence {
        Evidence::Size(size) => {
            return Ok(criterion.evaluate(&facts(*size, Read::Nothing)).unwrap_or(false));
        }
        Evidence::Bytes(body) => body,
    };
    let header = body.outline.root().header.clone();
    let header = read_all(body, header.start..header.end.min(LOOK_THROUGH)).await?;
    if let Some(answer) = criterion.evaluate(&facts(body.size, Read::Header(&header))) {
        return Ok(answer);
    }
    let message = read_all(body, 0..body.size.min(LOOK_THROUGH)).await?;
    Ok(criterion.evaluate(&facts(body.size, Read::Whole(&message))).unwrap_or(false))
}
