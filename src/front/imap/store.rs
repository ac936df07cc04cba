//! STORE and UID STORE (RFC 3501 §6.4.6, RFC 7162 §3.1.3).

use std::collections::HashMap;

use wire::imap::{Code, MessageSet, Numbering, SeqSet, Store, StoreAction, StoreAnswer, UidSet};

use super::connection::Connection;
use super::convert;
use super::enabled::Extension;
use super::ending::{Ending, Halt, Handled};
use super::selected::{Selected, numbering};
use crate::account::Conditional;
use crate::mailbox::{Fault, FlagEdit, Flags, Kind, ModSeq, Outcome, Row, Uid};

/// Messages changed with one call: the client sees progress in between.
const AT_ONCE: usize = 200;

/// What of the request was not done.
#[derive(Debug, Default)]
struct Lapses {
    /// Changed since the client last looked, and so spared.
    modified: Vec<Uid>,
    vanished: bool,
    first_fault: Option<Fault>,
}

pub(super) async fn run(
    connection: &mut Connection,
    selected: &mut Selected,
    store: &Store,
) -> Handled {
    selected.writable()?;
    let uids = selected.resolve(&store.set)?;
    let flags = convert::from_wire(&store.flags)?;
    let edit = match store.action {
        StoreAction::Replace => FlagEdit::Set(flags),
        StoreAction::Add => FlagEdit::Add(flags),
        StoreAction::Remove => FlagEdit::Remove(flags),
    };
    let mut lapses = Lapses::default();
    for uids in uids.chunks(AT_ONCE) {
        change(connection, selected, uids, (&edit, store, &mut lapses)).await?;
        connection.relieve().await?;
    }
    lapses.end(selected, store)
}

/// Changes some messages and shows what the service confirmed.
async fn change(
    connection: &mut Connection,
    selected: &mut Selected,
    uids: &[Uid],
    (edit, store, lapses): (&FlagEdit, &Store, &mut Lapses),
) -> Result<(), Halt> {
    let expected = expected(connection, selected, uids, edit).await?;
    let numbering = numbering(&store.set);
    for (uid, result) in edited(connection, selected, uids, (edit, store)).await? {
        match result {
            Ok(Conditional::Edited(row))
                if store.answer == StoreAnswer::Silent
                    && expected.get(&uid) == Some(&row.flags) =>
            {
                acknowledge(connection, selected, &row, store);
            }
            Ok(Conditional::Edited(row)) => {
                selected.show_flags(connection, &(&row).into(), numbering)
            }
            // Spares the client the question what has changed.
            Ok(Conditional::Modified(row)) => {
                selected.show_flags(connection, &(&row).into(), numbering);
                lapses.modified.push(uid);
            }
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => lapses.vanished = true,
            Err(fault) => drop(lapses.first_fault.get_or_insert(fault)),
        }
    }
    Ok(())
}

async fn edited(
    connection: &mut Connection,
    selected: &Selected,
    uids: &[Uid],
    (edit, store): (&FlagEdit, &Store),
) -> Result<Vec<(Uid, Outcome<Conditional>)>, Halt> {
    let folder = &selected.folder;
    if let Some(since) = store.unchanged_since.map(ModSeq::new) {
        let edited = folder.edit_flags_unchanged_since(uids, edit, since);
        return Ok(connection.patiently(edited).await??);
    }
    let edited = connection.patiently(folder.edit_flags(uids, edit)).await??;
    Ok(edited.into_iter().map(|(uid, row)| (uid, row.map(Conditional::Edited))).collect())
}

/// The client knows the flags that it has set, but not the mod-sequence of that.
fn acknowledge(connection: &mut Connection, selected: &mut Selected, row: &Row, store: &Store) {
    let is_news = row.modseq > selected.view.seen() || store.unchanged_since.is_some();
    if is_news && selected.enabled().has(Extension::CondStore) {
        selected.show_mod_seq(connection, &row.into());
    } else {
        selected.tell(&row.into());
    }
}

/// The flags that the client will assume after `.SILENT`. A message whose newest state it has not
/// been told of is missing here, and so is shown in spite of `.SILENT`.
async fn expected(
    connection: &mut Connection,
    selected: &Selected,
    uids: &[Uid],
    edit: &FlagEdit,
) -> Result<HashMap<Uid, Flags>, Halt> {
    let snapshot = connection.patiently(selected.folder.snapshot()).await??;
    let known = snapshot.lines(uids).filter(|row| selected.has_told(row));
    Ok(known.map(|row| (row.uid, edit.apply(row.flags))).collect())
}

// === impl Lapses ===

impl Lapses {
    /// What was spared is no failure of the command, but is always told, and before what has failed
    /// (RFC 7162 §3.1.3).
    fn end(self, selected: &Selected, store: &Store) -> Handled {
        let numbering = numbering(&store.set);
        let modified = modified(&self.modified, selected, numbering);
        // UIDs that are gone are passed over (RFC 3501 §6.4.8), and so is all that is gone from a STORE
        // that shows nothing (RFC 2180 §4.2.1), unless it is conditional (RFC 7162 §3.1.3).
        let silent = store.answer == StoreAnswer::Silent && store.unchanged_since.is_none();
        let passes_over = numbering == Numbering::Uid || silent;
        let missed = self.vanished && !passes_over;
        let fault = self.first_fault.or_else(|| missed.then(|| Kind::NoSuchMessage.into()));
        let ending = match (fault, &modified) {
            (None, None) => return Ok(Ending::ok("STORE done")),
            (Some(fault), None) => return Err(fault.into()),
            (None, Some(_)) => Ending::ok("Some messages have changed meanwhile"),
            (Some(fault), Some(_)) => {
                tracing::info!(kind = ?fault.kind(), cause = fault.cause(), "a part of a STORE failed");
                Ending::fault(&fault)
            }
        };
        Ok(Ending { code: modified, ..ending })
    }
}

/// In the numbers in which the STORE speaks.
fn modified(uids: &[Uid], selected: &Selected, numbering: Numbering) -> Option<Code> {
    let set = match numbering {
        Numbering::Uid => {
            let uids = uids.iter().map(|uid| convert::number(uid.get()));
            MessageSet::Uid(UidSet::from_ascending(uids)?)
        }
        Numbering::Seq => {
            let numbers = uids.iter().filter_map(|uid| selected.view.seq(*uid));
            let numbers = numbers.map(|number| convert::number(number.get()));
            MessageSet::Seq(SeqSet::from_ascending(numbers)?)
        }
    };
    Some(Code::Modified(set))
}
