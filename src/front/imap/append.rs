//! APPEND (RFC 3501 §6.3.11, RFC 3502): the messages go straight into files.

use wire::imap::{Code, MessageLiteral, UidSet};

use super::connection::Connection;
use super::convert;
use super::enabled::Enabled;
use super::ending::{self, Ending, Halt};
use super::literals::{self, Received};
use crate::account::{Account, Filed, Meaning};
use crate::mailbox::Uid;

/// The answer, and what is to be confirmed once the client has it.
pub(super) async fn run(
    connection: &mut Connection,
    (account, enabled): (&Account, Enabled),
    message: MessageLiteral,
    own: &[String],
) -> Result<(Ending, Filed), Halt> {
    let received = literals::receive(connection, (account, enabled), message).await?;
    let filed = file(connection, account, (received, Meaning::Message), own).await?;
    let done = Ending::ok("Appended");
    Ok(match code(&filed) {
        Some(code) => (done.with(code), filed),
        None => (done, filed),
    })
}

pub(super) async fn file(
    connection: &mut Connection,
    account: &Account,
    (Received { path, uploads }, meaning): (Received, Meaning),
    own: &[String],
) -> Result<Filed, Halt> {
    let filed = connection.patiently(account.append(&path, (uploads, meaning), own)).await?;
    Ok(filed.map_err(ending::as_target)?)
}

/// The UIDs of the messages, in their order.
pub(super) fn code(filed: &Filed) -> Option<Code> {
    let number = |uid: &Uid| convert::number(uid.get());
    let uids = UidSet::from_ordered(filed.uids.iter().map(number))?;
    Some(Code::AppendUid { validity: convert::number(filed.validity.get()), uids })
}
