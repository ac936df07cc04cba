//! Telling a client what it has missed: VANISHED and the FETCHes that belong to it (RFC 7162 §3.2).

use std::num::NonZeroU32;

use wire::imap::{Data, Expunged, Fetch, Numbering, QResync, Ranges, SeqMatches, UidSet};

use super::connection::Connection;
use super::convert;
use super::enabled::Extension;
use super::ending::{Ending, Halt};
use super::selected::Selected;
use crate::account::OpenFolder;
use crate::mailbox::{Change, Changes, Memory, ModSeq, Notice, Uid, View};

/// Ranges of UIDs in one line: at 22 octets each it stays below the 8,192 that RFC 7162 §4 takes for
/// a reasonable line.
const RANGES_AT_ONCE: usize = 350;

// === SELECT ===

/// What happened since the client was here (RFC 7162 §3.2.5). Nothing, if its UIDs are not ours.
pub(super) async fn on_select(
    connection: &mut Connection,
    selected: &Selected,
    known: &QResync,
) -> Result<(), Halt> {
    if known.validity.get() != selected.folder.validity().get() {
        return Ok(());
    }
    let since = ModSeq::new(known.mod_seq.get());
    let changes = connection.patiently(selected.folder.changes(since)).await??;
    let uids = known.known_uids.as_ref().map(everywhere);
    let is_known = |uid: Uid| uids.as_ref().is_none_or(|uids| uids.contains(uid.get()));
    let told_until = match (changes.memory, &known.matches) {
        (Memory::Cut, Some(matches)) => last_match(matches, &selected.view),
        _ => None,
    };
    let missed = |uid: &Uid| is_known(*uid) && told_until.is_none_or(|until| *uid > until);
    vanished_earlier(connection, selected, &changes, missed);
    for change in &changes.list {
        let Change::Live { uid, flags, modseq } = change else { continue };
        // What is newer than the picture is told by the sync point that follows.
        let told = *modseq <= selected.view.seen() && is_known(*uid);
        if let (true, Some(seq)) = (told, selected.view.seq(*uid)) {
            selected.write_state(connection, seq, (*uid, Some(flags), *modseq), Numbering::Uid);
            connection.relieve().await?;
        }
    }
    Ok(())
}

/// The last message that has the number that the client knows: what it knows up to there is all
/// still there, or it was told that it is not (RFC 7162 §3.2.5.2).
fn last_match(matches: &SeqMatches, view: &View) -> Option<Uid> {
    let there = matches.pairs().take_while(|(number, _)| *number as usize <= view.len());
    let same = there.filter_map(|(number, uid)| {
        let ours = view.uids().get(number as usize - 1)?;
        (ours.get() == uid).then_some(*ours)
    });
    same.last()
}

// === FETCH ===

/// The messages of the set; of those, if the client asked for it, the ones that have changed since, and
/// of those the ones on a page (RFC 9394 §3.3).
pub(super) async fn wanted(
    connection: &mut Connection,
    selected: &Selected,
    fetch: &Fetch,
) -> Result<Vec<Uid>, Halt> {
    let mut uids = selected.resolve(&fetch.set)?;
    if fetch.changed_since.is_some() {
        uids = changed(connection, selected, fetch, &uids).await?;
    }
    Ok(match fetch.page {
        Some(page) => page.of(&uids).to_vec(),
        None => uids,
    })
}

/// Those of `uids` that have changed since, and before them, if the client asked for it, what is gone
/// (RFC 7162 §3.1.4.1, §3.2.6).
async fn changed(
    connection: &mut Connection,
    selected: &Selected,
    fetch: &Fetch,
    uids: &[Uid],
) -> Result<Vec<Uid>, Halt> {
    let Some(changed_since) = fetch.changed_since else { return Ok(uids.to_vec()) };
    let listed = changed_since.expunged == Expunged::Listed;
    if listed && !selected.enabled().has(Extension::QResync) {
        return Err(Ending::bad("VANISHED needs ENABLE QRESYNC first").into());
    }
    let changes = changes(connection, &selected.folder, changed_since.mod_seq.get()).await?;
    if let (true, wire::imap::MessageSet::Uid(set)) = (listed, &fetch.set) {
        let set = everywhere(set);
        vanished_earlier(connection, selected, &changes, |uid| set.contains(uid.get()));
    }
    let changed = changes.list.iter().filter_map(|change| match change {
        Change::Live { uid, .. } => Some(*uid),
        Change::Expunged { .. } => None,
    });
    let mut changed: Vec<Uid> = changed.filter(|uid| uids.binary_search(uid).is_ok()).collect();
    changed.sort_unstable();
    Ok(changed)
}

async fn changes(
    connection: &mut Connection,
    folder: &OpenFolder,
    since: u64,
) -> Result<Changes, Halt> {
    Ok(connection.patiently(folder.changes(ModSeq::new(since))).await??)
}

/// Also beyond the last message that exists: `1:*` means those that were there, too.
fn everywhere(set: &UidSet) -> Ranges {
    set.ranges(u32::MAX)
}

// === VANISHED ===

/// A message that the client still counts is no earlier one: the sync point tells of it, and its
/// number goes then.
fn vanished_earlier(
    connection: &mut Connection,
    selected: &Selected,
    changes: &Changes,
    missed: impl Fn(&Uid) -> bool,
) {
    let gone = changes.list.iter().filter_map(|change| match change {
        Change::Expunged { uid } => Some(*uid),
        Change::Live { .. } => None,
    });
    let gone = gone.filter(|uid| missed(uid) && selected.view.seq(*uid).is_none());
    sets(gone).into_iter().for_each(|uids| connection.data(&Data::VanishedEarlier(uids)));
}

/// What a QRESYNC client hears instead of EXPUNGE.
pub(super) fn vanished(connection: &mut Connection, notices: &[Notice]) {
    let gone = notices.iter().rev().filter_map(|notice| match notice {
        Notice::Expunge(_, uid) => Some(*uid),
        Notice::Exists(_) | Notice::Flags(..) => None,
    });
    sets(gone).into_iter().for_each(|uids| connection.data(&Data::Vanished(uids)));
}

/// Ascending UIDs as sets that each fit a line.
fn sets(uids: impl Iterator<Item = Uid>) -> Vec<UidSet> {
    let (mut sets, mut line): (Vec<UidSet>, Vec<NonZeroU32>) = (Vec::new(), Vec::new());
    let mut ranges = 0;
    for uid in uids {
        let number = convert::number(uid.get());
        let follows = line.last().is_some_and(|last| last.get() + 1 == number.get());
        if !follows && ranges == RANGES_AT_ONCE {
            sets.extend(UidSet::from_ascending(line.drain(..)));
            ranges = 0;
        }
        ranges += usize::from(!follows);
        line.push(number);
    }
    sets.extend(UidSet::from_ascending(line));
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    #[test]
    fn a_line_of_vanished_uids_stays_short_and_no_uid_is_lost() {
        let every_other = (1..=800).map(|number| uid(4_294_960_000 + 2 * number));
        let lines = sets(every_other);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.to_string().len() < 8_192));
        let told: u64 = lines.iter().map(|line| line.ranges(u32::MAX).count()).sum();
        assert_eq!(told, 800);
        assert_eq!(sets((1..=10_000).map(uid)).len(), 1);
        assert!(sets(std::iter::empty()).is_empty());
    }

    #[test]
    fn what_the_client_knows_in_its_place_ends_what_it_may_have_missed() {
        let uids = [3, 6, 9, 12, 15].map(uid).to_vec();
        let view = View::new(uids, ModSeq::FIRST);
        let last = |numbers: &str, uids: &str| {
            let numbers = wire::imap::SeqSet::parse(numbers.as_bytes()).unwrap();
            let uids = UidSet::parse(uids.as_bytes()).unwrap();
            last_match(&SeqMatches::new(&numbers, &uids).unwrap(), &view)
        };
        assert_eq!(last("2,3,5", "6,9,16"), Some(uid(9)));
        assert_eq!(last("2,4", "5,11"), None);
        assert_eq!(last("5:4000000000", "15:4000000010"), Some(uid(15)));
        assert_eq!(last("6:4000000000", "15:4000000009"), None);
    }
}
