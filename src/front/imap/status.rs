//! STATUS (RFC 3501 §6.3.10, RFC 9051 §6.3.11; RFC 7889, RFC 8438, RFC 8474).

use wire::imap::{Data, MailboxName, StatusItem, StatusValue};

use super::connection::Connection;
use super::enabled::{Enabled, Extension};
use super::ending::{Ending, Handled};
use super::{convert, object_id};
use crate::account::{Account, Figures, Weighing};

pub(super) async fn run(
    connection: &mut Connection,
    account: &Account,
    (name, items): (&MailboxName, &[StatusItem]),
    enabled: Enabled,
) -> Handled {
    check(items, enabled)?;
    let path = convert::path(name)?;
    let figures = connection.patiently(account.figures(&path, weighing(items))).await??;
    connection.data(&data(name.clone(), items, (&figures, account.limits().append)));
    Ok(Ending::ok("STATUS done"))
}

/// # Errors
/// BAD for an item that the protocol in force does not have.
pub(super) fn check(items: &[StatusItem], enabled: Enabled) -> Result<(), Ending> {
    if items.contains(&StatusItem::Recent) && enabled.has(Extension::Rev2) {
        return Err(Ending::bad("IMAP4rev2 has no RECENT"));
    }
    Ok(())
}

pub(super) fn weighing(items: &[StatusItem]) -> Weighing {
    if items.contains(&StatusItem::Size) { Weighing::Asked } else { Weighing::Unasked }
}

/// `limit` is that of APPEND, in octets.
pub(super) fn data(
    mailbox: MailboxName,
    items: &[StatusItem],
    (figures, limit): (&Figures, u64),
) -> Data {
    let status = &figures.status;
    let value = |item: &StatusItem| {
        let number = match item {
            StatusItem::MailboxId => {
                return Some(StatusValue::ObjectId(object_id::of_folder(&figures.id)));
            }
            StatusItem::AppendLimit => return Some(limit.into()),
            StatusItem::HighestModSeq => return Some(status.highest.get().into()),
            StatusItem::Size => return figures.size.map(StatusValue::from),
            StatusItem::Messages => status.messages,
            StatusItem::Recent => status.recent,
            StatusItem::UidNext => status.next.get(),
            StatusItem::UidValidity => status.validity.get(),
            StatusItem::Unseen => status.unseen,
            StatusItem::Deleted => status.deleted,
        };
        Some(u64::from(number).into())
    };
    let values = items.iter().filter_map(|item| Some((*item, value(item)?)));
    Data::Status { mailbox, items: values.collect() }
}
