//! STORE and UID STORE (RFC 3501 §6.4.6).

use std::collections::HashMap;

use wire::imap::{Numbering, Store, StoreAction, StoreAnswer};

use super::connection::Connection;
use super::convert;
use super::ending::{Ending, Halt, Handled};
use super::selected::{Selected, numbering};
use crate::mailbox::{Fault, FlagEdit, Flags, Kind, Uid};

/// Messages changed with one call: the client sees progress in between.
const AT_ONCE: usize = 200;

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
    let mut first_fault = None;
    for uids in uids.chunks(AT_ONCE) {
        let fault = change(connection, selected, uids, (&edit, store)).await?;
        first_fault = first_fault.or(fault);
        connection.relieve().await?;
    }
    match first_fault {
        None => Ok(Ending::ok("STORE done")),
        Some(fault) => Err(fault.into()),
    }
}

/// Changes some messages and shows what the service confirmed; the first fault that matters.
async fn change(
    connection: &mut Connection,
    selected: &mut Selected,
    uids: &[Uid],
    (edit, store): (&FlagEdit, &Store),
) -> Result<Option<Fault>, Halt> {
    let expected = expected(connection, selected, uids, edit).await?;
    let results = connection.patiently(selected.folder.edit_flags(uids, edit)).await??;
    let numbering = numbering(&store.set);
    let mut first_fault = None;
    for (uid, result) in results {
        match result {
            Ok(row)
                if store.answer == StoreAnswer::Silent
                    && expected.get(&uid) == Some(&row.flags) =>
            {
                selected.tell(&(&row).into());
            }
            Ok(row) => selected.show_flags(connection, &(&row).into(), numbering),
            Err(fault) if passes_over(&fault, numbering) => {}
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    Ok(first_fault)
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
    let known = snapshot.lines(uids).filter(|row| row.modseq <= selected.view.seen());
    Ok(known.map(|row| (row.uid, edit.apply(row.flags))).collect())
}

/// UIDs that are gone are passed over (RFC 3501 §6.4.8); sequence numbers that are gone are not.
fn passes_over(fault: &Fault, numbering: Numbering) -> bool {
    numbering == Numbering::Uid && *fault.kind() == Kind::NoSuchMessage
}
