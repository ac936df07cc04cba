//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7).

use wire::imap::{Code, CreateMailbox, MailboxName};

use super::connection::Connection;
use super::enabled::{Enabled, Extension};
use super::ending::{Ending, Halt, Handled};
use super::{convert, listing};
use crate::account::{Account, Subscription};
use crate::mailbox::FolderPath;

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
    let id = connection.patiently(account.create_folder(&path)).await??;
    let asked = create.mailbox.as_str();
    if asked.strip_suffix(FolderPath::SEPARATOR).unwrap_or(asked) != path.as_str() {
        tell_of_new_name(connection, account, (&create.mailbox, &path), enabled).await?;
    }
    Ok(Ending::ok("Folder created").with(Code::MailboxId(convert::folder_id(&id))))
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
    (old, new): (&MailboxName, &MailboxName),
    enabled: Enabled,
) -> Handled {
    let from = convert::path(old)?;
    if from.is_inbox() {
        // It would have to move all mail out (RFC 3501 §6.3.5), which no one means.
        return Err(Ending::no("INBOX cannot be renamed").with(Code::Cannot).into());
    }
    let to = new_path(new)?;
    if to.is_below(&from) {
        return Err(Ending::no("A folder cannot move below itself").with(Code::Cannot).into());
    }
    connection.patiently(account.rename_folder(&from, &to)).await??;
    tell_of_new_name(connection, account, (old, &to), enabled).await?;
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
    // As it is spelled: the same octets reach it afterwards, and parents that exist are the ones meant.
    FolderPath::parse(name.as_str()).ok_or_else(refused)
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
