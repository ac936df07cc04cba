//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2; RFC 7162 §3.1.2, §3.2.5; RFC 8474 §4.2; RFC 9051
//! §6.3.2).

use wire::imap::{Code, Data, Reply, Select, Status};

use super::connection::Connection;
use super::enabled::{Enabled, Extension};
use super::ending::{Ending, Halt};
use super::selected::{Access, Selected};
use super::{convert, listing, object_id, resync};
use crate::account::Account;

/// What the client asks for, and what it has asked for before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub(super) select: &'a Select,
    pub(super) access: Access,
    pub(super) enabled: Enabled,
}

pub(super) async fn run(
    connection: &mut Connection,
    account: Account,
    wish: &Wish<'_>,
) -> Result<(Selected, Ending), Halt> {
    let path = convert::path(&wish.select.mailbox)?;
    let opened = connection.patiently(account.open(&path)).await??;
    let access = if opened.writable { wish.access } else { Access::ReadOnly };
    let (validity, next) = (opened.status.validity, opened.status.next);
    let first_unseen = opened.first_unseen;
    let mut selected = Selected::new(account, opened, access, wish.enabled);
    selected.look_for_recent().await?;

    selected.describe_flags(connection);
    let count = u32::try_from(selected.view.len()).unwrap_or(u32::MAX);
    connection.data(&Data::Exists(count));
    if wish.enabled.has(Extension::Rev2) {
        name_it(connection, &selected, wish).await?;
    } else {
        connection.data(&Data::Recent(selected.recent.count(&selected.view)));
    }
    let mut say = |code, text| {
        connection.reply(&Reply::untagged(Status::Ok, text).with_code(code));
    };
    let first_unseen = first_unseen.filter(|_| !wish.enabled.has(Extension::Rev2));
    if let Some(seq) = first_unseen.and_then(|uid| selected.view.seq(uid)) {
        say(Code::Unseen(convert::number(seq.get())), "First unseen message");
    }
    say(Code::UidValidity(convert::number(validity.get())), "UIDs are valid");
    say(Code::UidNext(convert::number(next.get())), "Predicted next UID");
    say(Code::MailboxId(object_id::of_folder(selected.folder.id())), "The folder's own name");
    say(Code::HighestModSeq(convert::mod_seq(selected.view.seen())), "Highest mod-sequence");
    if let Some(known) = wish.select.qresync() {
        resync::on_select(connection, &selected, known).await?;
    }
    let ending = match access {
        Access::ReadWrite => Ending::ok("Folder selected").with(Code::ReadWrite),
        Access::ReadOnly => Ending::ok("Folder opened read-only").with(Code::ReadOnly),
    };
    Ok((selected, ending))
}

/// Under its own name, if the client has called it otherwise.
async fn name_it(
    connection: &mut Connection,
    selected: &Selected,
    wish: &Wish<'_>,
) -> Result<(), Halt> {
    let path = selected.folder.path();
    // Gone between the two looks: the sync point will say so.
    let Some(entry) = selected.account.entry(path).await? else { return Ok(()) };
    let asked = &wish.select.mailbox;
    let formerly = (asked.as_str() != path.as_str()).then(|| asked.clone());
    connection.data(&listing::mention(&entry, formerly));
    Ok(())
}
