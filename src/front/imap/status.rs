//! STATUS (RFC 3501 §6.3.10).

use wire::imap::{Data, MailboxName, StatusItem};

use super::connection::Connection;
use super::convert;
use super::ending::{Ending, Handled};
use crate::account::{Account, Status};

pub(super) async fn run(
    connection: &mut Connection,
    account: &Account,
    name: &MailboxName,
    items: &[StatusItem],
) -> Handled {
    check(items)?;
    let path = convert::path(name)?;
    let status = connection.patiently(account.status(&path)).await??;
    connection.data(&data(name.clone(), items, &status));
    Ok(Ending::ok("STATUS done"))
}

/// # Errors
/// BAD for an item that needs an extension which is not offered.
pub(super) fn check(items: &[StatusItem]) -> Result<(), Ending> {
    if items.contains(&StatusItem::Size) {
        return Err(Ending::bad("STATUS=SIZE is not offered"));
    }
    Ok(())
}

pub(super) fn data(mailbox: MailboxName, items: &[StatusItem], status: &Status) -> Data {
    let value = |item: &StatusItem| {
        let number = match item {
            StatusItem::HighestModSeq => return Some(status.highest.get()),
            StatusItem::Messages => status.messages,
            StatusItem::Recent => status.recent,
            StatusItem::UidNext => status.next.get(),
            StatusItem::UidValidity => status.validity.get(),
            StatusItem::Unseen => status.unseen,
            StatusItem::Deleted => status.deleted,
            StatusItem::Size => return None,
        };
        Some(u64::from(number))
    };
    let values = items.iter().filter_map(|item| Some((*item, value(item)?)));
    Data::Status { mailbox, items: values.collect() }
}
