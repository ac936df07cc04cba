//! REPLACE and UID REPLACE (RFC 8508): a new message takes the place of an old one.
//!
//! The service knows no such step, so it is two: the new one is filed, then the old one removed. A
//! failure in between leaves both, and says so; mail is never lost by it.

use wire::imap::{MessageLiteral, MessageSet, Reply, Status};

use super::append;
use super::connection::Connection;
use super::ending::{Ending, Halt};
use super::literals;
use super::selected::Selected;
use crate::account::{Filed, Meaning};
use crate::mailbox::{Fault, Kind, Uid};

/// The answer, and what is to be confirmed once the client has it.
pub(super) async fn run(
    connection: &mut Connection,
    selected: &Selected,
    (set, message): (&MessageSet, MessageLiteral),
    own: &[String],
) -> Result<(Ending, Filed), Halt> {
    let old = match replaceable(connection, selected, set).await {
        Ok(old) => old,
        Err(halt) => {
            connection.refuse();
            return Err(halt);
        }
    };
    let place = (&selected.account, selected.enabled());
    let received = literals::receive(connection, place, message).await?;
    let filed =
        append::file(connection, &selected.account, (received, Meaning::Replacement), own).await?;
    if let Some(code) = append::code(&filed) {
        // Before the EXPUNGE of the sync point (RFC 8508 §3.4).
        let ready = Reply::untagged(Status::Ok, "The new message is there");
        connection.reply(&ready.with_code(code));
    }
    // What was filed may turn out to be the message that is there. A folder is known by its UIDVALIDITY here:
    // others may have renamed it since it was selected.
    if filed.validity == selected.folder.validity() && filed.uids.contains(&old) {
        return Ok((Ending::ok("Replaced by itself"), filed));
    }
    match connection.patiently(selected.folder.discard(old)).await? {
        Ok(()) => Ok((Ending::ok("Replaced"), filed)),
        Err(fault) => {
            let mut ending = Ending::fault(&fault);
            ending.text =
                format!("The new message is there, but so is the old one: {}", ending.text).into();
            tracing::info!(cause = fault.cause(), "a replaced message could not be removed");
            Ok((ending, filed))
        }
    }
}

/// The message to be replaced, if it is still there.
async fn replaceable(
    connection: &mut Connection,
    selected: &Selected,
    set: &MessageSet,
) -> Result<Uid, Halt> {
    selected.writable()?;
    let gone = || Fault::from(Kind::NoSuchMessage);
    let uids = selected.resolve(set)?;
    let old = *uids.first().ok_or_else(gone)?;
    let rows = connection.patiently(selected.folder.rows(&[old])).await??;
    if rows.is_empty() { Err(gone().into()) } else { Ok(old) }
}
