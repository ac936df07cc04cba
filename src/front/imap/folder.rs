//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7).

use wire::imap::{Code, CreateMailbox, MailboxName};

use super::connection::Connection;
use super::convert;
use super::ending::{Ending, Halt, Handled};
use crate::account::{Account, Subscription};
use crate::mailbox::FolderPath;

pub(super) async fn create(
    connection: &mut Connection,
    account: &Account,
    create: &CreateMailbox,
) -> Handled {
    if !create.uses.is_empty() {
        let refusal = Ending::no("Microsoft 365 decides what a folder is for");
        return Err(refusal.with(Code::UseAttr).into());
    }
    let path = new_path(&create.mailbox)?;
    connection.patiently(account.create_folder(&path)).await??;
    Ok(Ending::ok("Folder created"))
}

/// The folder that is gone now.
pub(super) async fn delete(
    connection: &mut Connection,
    account: &Account,
    name: &MailboxName,
) -> Result<FolderPath, Halt> {
    let path = convert::path(name)?;
    if path.is_inbox() {
        return Err(Ending::no("INBOX cannot be deleted").with(Code::Cannot).into());
    }
    connection.patiently(account.delete_folder(&path)).await??;
    Ok(path)
}

pub(super) async fn rename(
    connection: &mut Connection,
    account: &Account,
    from: &MailboxName,
    to: &MailboxName,
) -> Handled {
    let from = convert::path(from)?;
    if from.is_inbox() {
        // It would have to move all mail out (RFC 3501 §6.3.5), which no one means.
        return Err(Ending::no("INBOX cannot be renamed").with(Code::Cannot).into());
    }
    let to = new_path(to)?;
    if to.is_below(&from) {
        return Err(Ending::no("A folder cannot move below itself").with(Code::Cannot).into());
    }
    connection.patiently(account.rename_folder(&from, &to)).await??;
    Ok(Ending::ok("Folder renamed"))
}

/// Also to folders that do not exist: RFC 3501 §6.3.6 allows it, and clients keep such lists.
pub(super) async fn subscribe(
    connection: &mut Connection,
    account: &Account,
    name: &MailboxName,
) -> Handled {
    let path = convert::path(name)?;
    connection.patiently(account.subscribe(&path, Subscription::Subscribed)).await??;
    Ok(Ending::ok("Subscribed"))
}

pub(super) async fn unsubscribe(
    connection: &mut Connection,
    account: &Account,
    name: &MailboxName,
) -> Handled {
    let path = convert::path(name)?;
    connection.patiently(account.subscribe(&path, Subscription::Unsubscribed)).await??;
    Ok(Ending::ok("Unsubscribed"))
}

/// A name that LIST could not tell from a pattern would come back spelled otherwise than asked.
fn new_path(name: &MailboxName) -> Result<FolderPath, Ending> {
    let refused = || Ending::no("No folder can have that name").with(Code::Cannot);
    if name.as_str().contains(['%', '*']) {
        return Err(refused());
    }
    FolderPath::parse(name.as_str()).ok_or_else(refused)
}
