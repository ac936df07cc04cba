//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7).

use wire::imap::{Code, CreateMailbox, MailboxName, Numbering};

use super::connection::Connection;
use super::enabled::{Enabled, Extension};
use super::ending::{Ending, Halt, Handled};
use super::{convert, copy, listing};
use crate::account::{Account, Subscription};
use crate::mailbox::{FolderPath, RemoteId};

pub(super) async fn create(
    connection: &mut Connection,
    account: &Account,
    create: &CreateMailbox,
    enabled: Enabled,
) -> Handled {
    if !create.uses.is_empty() {
        let refusal = Ending::no("Microsoft 365 decides what a folder is for");
        return Err(refusal.with(Code::UseAttr).into());
    }
    let path = new_path(&create.mailbox)?;
    let made = connection.patiently(account.create_folder(&path)).await??;
    tell_if_respelled(connection, account, (&create.mailbox, &made.path), enabled).await?;
    Ok(Ending::ok("Folder created").with(Code::MailboxId(convert::folder_id(&made.remote))))
}

/// The folder that is gone now.
pub(super) async fn delete(
    connection: &mut Connection,
    account: &Account,
    name: &MailboxName,
) -> Result<RemoteId, Halt> {
    let path = convert::path(name)?;
    if path.is_inbox() {
        return Err(Ending::no("INBOX cannot be deleted").with(Code::Cannot).into());
    }
    Ok(connection.patiently(account.delete_folder(&path)).await??)
}

pub(super) async fn rename(
    connection: &mut Connection,
    account: &Account,
    (old, new): (&MailboxName, &MailboxName),
    enabled: Enabled,
) -> Handled {
    let from = convert::path(old)?;
    if from.is_inbox() {
        return move_inbox_out(connection, account, new, enabled).await;
    }
    let to = new_path(new)?;
    if to.is_below(&from) {
        return Err(Ending::no("A folder cannot move below itself").with(Code::Cannot).into());
    }
    let renamed = connection.patiently(account.rename_folder(&from, &to)).await??;
    tell_of_new_name(connection, account, (old, &renamed.path), enabled).await?;
    Ok(Ending::ok("Folder renamed"))
}

/// INBOX itself stays (RFC 3501 §6.3.5), so the new name is told only as that of a folder made.
async fn move_inbox_out(
    connection: &mut Connection,
    account: &Account,
    new: &MailboxName,
    enabled: Enabled,
) -> Handled {
    let to = new_path(new)?;
    let (made, transfer) = connection.patiently(account.move_inbox_out(&to)).await??;
    tell_if_respelled(connection, account, (new, &made.path), enabled).await?;
    match copy::failure(&transfer, Numbering::Uid) {
        Some(fault) => Err(copy::partly(&fault, &transfer, "moved").into()),
        None => Ok(Ending::ok("The mail of INBOX was moved there")),
    }
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
    // As it is spelled: the same octets reach it afterwards, and parents that exist are the ones meant.
    FolderPath::parse(name.as_str()).ok_or_else(refused)
}

async fn tell_if_respelled(
    connection: &mut Connection,
    account: &Account,
    (asked, made): (&MailboxName, &FolderPath),
    enabled: Enabled,
) -> Result<(), Halt> {
    let name = asked.as_str();
    if name.strip_suffix(FolderPath::SEPARATOR).unwrap_or(name) == made.as_str() {
        return Ok(());
    }
    tell_of_new_name(connection, account, (asked, made), enabled).await
}

/// IMAP4rev2 is told what a name has become (RFC 9051 §6.3.9.7).
async fn tell_of_new_name(
    connection: &mut Connection,
    account: &Account,
    (old, new): (&MailboxName, &FolderPath),
    enabled: Enabled,
) -> Result<(), Halt> {
    if enabled.has(Extension::Rev2)
        && let Some(entry) = account.entry(new).await?
    {
        connection.data(&listing::mention(&entry, Some(old.clone())));
    }
    Ok(())
}
