//! EXPUNGE, UID EXPUNGE (RFC 4315 §2.1) and what CLOSE does.

use wire::imap::MessageSet;

use super::connection::Connection;
use super::ending::{Ending, Halt, Handled};
use super::selected::Selected;
use crate::mailbox::{Kind, Uid};

/// Messages removed with one call: the client hears of progress in between.
const AT_ONCE: usize = 200;

pub(super) async fn all(connection: &mut Connection, selected: &Selected) -> Handled {
    selected.writable()?;
    remove(connection, selected, selected.view.uids()).await?;
    Ok(Ending::ok("Expunged"))
}

pub(super) async fn some(
    connection: &mut Connection,
    selected: &Selected,
    set: &MessageSet,
) -> Handled {
    selected.writable()?;
    remove(connection, selected, &selected.resolve(set)?).await?;
    Ok(Ending::ok("Expunged"))
}

/// Without a word about single messages: the folder is being closed.
pub(super) async fn quietly(connection: &mut Connection, selected: &Selected) -> Result<(), Halt> {
    remove(connection, selected, selected.view.uids()).await
}

/// Removes those of `uids` that are marked \Deleted. The sync point tells which are gone, so
/// nothing is announced that the service has not confirmed.
async fn remove(
    connection: &mut Connection,
    selected: &Selected,
    uids: &[Uid],
) -> Result<(), Halt> {
    let deleted = connection.patiently(selected.deleted(uids)).await??;
    let mut first_fault = None;
    for uids in deleted.chunks(AT_ONCE) {
        let results = connection.patiently(selected.folder.expunge(uids)).await??;
        let faults = results.into_iter().filter_map(|(_, result)| result.err());
        // A message that is gone already is what was wanted.
        let fault = faults.into_iter().find(|fault| *fault.kind() != Kind::NoSuchMessage);
        first_fault = first_fault.or(fault);
    }
    first_fault.map_or(Ok(()), |fault| Err(fault.into()))
}
