//! COPY and MOVE (RFC 3501 §6.4.7, RFC 6851), with the UIDs of what came out (RFC 4315 §3).
//!
//! The service copies message by message and can fail half-way. A COPY of which a part failed is
//! answered NO with the count of what was copied: taking the copies back could lose mail, and
//! saying nothing would hide it.

use std::num::NonZeroU32;

use wire::imap::{Code, MailboxName, MessageSet, Numbering, Reply, Status, UidSet};

use super::connection::Connection;
use super::convert;
use super::ending::{self, Ending, Halt, Handled};
use super::selected::{Selected, numbering};
use crate::account::Transfer;
use crate::mailbox::{Fault, FolderPath, Kind, Uid};

pub(super) async fn copy(
    connection: &mut Connection,
    selected: &Selected,
    set: &MessageSet,
    name: &MailboxName,
) -> Handled {
    let (uids, target) = prepare(connection, selected, (set, name)).await?;
    if uids.is_empty() {
        return Ok(Ending::ok("There was nothing to copy"));
    }
    let copied = connection.patiently(selected.folder.copy(&uids, &target)).await?;
    let transfer = copied.map_err(ending::as_target)?;
    if let Some(fault) = failure(&transfer, numbering(set)) {
        return Err(partly(&fault, &transfer, "copied").into());
    }
    let done = Ending::ok("Copied");
    Ok(match code(&transfer) {
        Some(code) => done.with(code),
        None => done,
    })
}

/// COPYUID comes before the EXPUNGEs of the sync point (RFC 6851 §4.3), and so does what is known
/// of a move that went half-way.
pub(super) async fn relocate(
    connection: &mut Connection,
    selected: &Selected,
    set: &MessageSet,
    name: &MailboxName,
) -> Handled {
    selected.writable()?;
    let (uids, target) = prepare(connection, selected, (set, name)).await?;
    if uids.is_empty() {
        return Ok(Ending::ok("There was nothing to move"));
    }
    let moved = connection.patiently(selected.folder.relocate(&uids, &target)).await?;
    let transfer = moved.map_err(ending::as_target)?;
    if let Some(code) = code(&transfer) {
        connection.reply(&Reply::untagged(Status::Ok, "Moved").with_code(code));
    }
    match failure(&transfer, numbering(set)) {
        Some(fault) => Err(partly(&fault, &transfer, "moved").into()),
        None => Ok(Ending::ok("Moved")),
    }
}

/// What to transfer, and where to. Of sequence numbers all must still be there: nothing is transferred
/// rather than a part (RFC 2180 §4.4.1).
async fn prepare(
    connection: &mut Connection,
    selected: &Selected,
    (set, name): (&MessageSet, &MailboxName),
) -> Result<(Vec<Uid>, FolderPath), Halt> {
    let nowhere = || Ending::fault(&Fault::from(Kind::NoSuchTarget));
    let target = FolderPath::parse(name.as_str()).ok_or_else(nowhere)?;
    let uids = selected.resolve(set)?;
    if numbering(set) == Numbering::Seq {
        let snapshot = connection.patiently(selected.folder.snapshot()).await??;
        if !uids.iter().all(|uid| snapshot.contains(*uid)) {
            return Err(Fault::from(Kind::NoSuchMessage).into());
        }
    }
    Ok((uids, target))
}

fn code(transfer: &Transfer) -> Option<Code> {
    let numbers = |uid: &Uid| convert::number(uid.get());
    let source = transfer.pairs.iter().map(|(source, _)| numbers(source));
    let target: Vec<NonZeroU32> =
        transfer.pairs.iter().map(|(_, target)| numbers(target)).collect();
    Some(Code::CopyUid {
        validity: convert::number(transfer.validity.get()),
        source: UidSet::from_ordered(source)?,
        target: UidSet::from_ordered(target)?,
    })
}

/// The first fault that matters: UIDs that are gone are passed over (RFC 3501 §6.4.8).
pub(super) fn failure(transfer: &Transfer, numbering: Numbering) -> Option<Fault> {
    let matters =
        |fault: &&Fault| numbering == Numbering::Seq || *fault.kind() != Kind::NoSuchMessage;
    transfer.failed.iter().map(|(_, fault)| fault).find(matters).cloned()
}

pub(super) fn partly(fault: &Fault, transfer: &Transfer, done: &str) -> Ending {
    let (reached, failed) = (transfer.pairs.len(), transfer.failed.len());
    let mut ending = Ending::fault(fault);
    if reached > 0 {
        let all = reached + failed;
        ending.text = format!("{} ({reached} of {all} messages were {done})", ending.text).into();
    }
    ending
}
