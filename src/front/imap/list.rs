//! LIST and LSUB (RFC 3501 §6.3.8, §6.3.9; RFC 3348, RFC 5258, RFC 5819, RFC 6154).

use std::collections::BTreeSet;

use wire::imap::{Data, List, ListAttribute, ListReturn, MailboxName, StatusItem};

use super::connection::Connection;
use super::convert;
use super::enabled::Enabled;
use super::ending::{Ending, Halt, Handled};
use super::listing::{self, Listed};
use super::pattern::Pattern;
use super::status;
use crate::account::{Account, FolderEntry};
use crate::mailbox::FolderPath;

pub(super) async fn list(
    connection: &mut Connection,
    account: &Account,
    list: &List,
    enabled: Enabled,
) -> Handled {
    if list.selection.is_empty() && list.patterns.iter().all(String::is_empty) {
        connection.data(&root());
        return Ok(Ending::ok("LIST done"));
    }
    let wanted = status_items(list);
    status::check(wanted, enabled)?;
    let folders = connection.patiently(account.folders()).await??;
    let listed = listing::select(folders, list);
    for folder in &listed {
        connection.data(&folder.data(list));
        connection.relieve().await?;
    }
    if !wanted.is_empty() {
        show_statuses(connection, account, &listed, wanted).await?;
    }
    Ok(Ending::ok("LIST done"))
}

pub(super) async fn lsub(
    connection: &mut Connection,
    account: &Account,
    reference: &str,
    pattern: &str,
) -> Handled {
    let pattern = Pattern::new(reference, pattern);
    let folders = connection.patiently(account.folders()).await??;
    let subscribed: Vec<&FolderEntry> = folders.iter().filter(|folder| folder.subscribed).collect();
    let mut levels = BTreeSet::new();
    for folder in &subscribed {
        if pattern.matches(&folder.path) {
            let no_select = (!folder.exists).then_some(ListAttribute::NoSelect);
            connection.data(&lsub_data(&folder.path, no_select));
        } else {
            levels.extend(listing::ancestors(&folder.path).find(|path| pattern.matches(path)));
        }
    }
    // Levels above what `%` cannot reach (RFC 3501 §6.3.9).
    for path in levels {
        if !subscribed.iter().any(|folder| folder.path == path) {
            connection.data(&lsub_data(&path, Some(ListAttribute::NoSelect)));
        }
    }
    Ok(Ending::ok("LSUB done"))
}

/// The answer to the empty pattern: the delimiter, and that there is one root.
fn root() -> Data {
    let mailbox = MailboxName::new("").expect("the empty name holds no control character");
    let delimiter = Some(FolderPath::SEPARATOR);
    Data::List { attributes: vec![ListAttribute::NoSelect], delimiter, mailbox }
}

fn lsub_data(path: &FolderPath, attribute: Option<ListAttribute>) -> Data {
    Data::Lsub {
        attributes: attribute.into_iter().collect(),
        delimiter: Some(FolderPath::SEPARATOR),
        mailbox: convert::mailbox_name(path),
    }
}

fn status_items(list: &List) -> &[StatusItem] {
    let items = list.returns.iter().find_map(|wanted| match wanted {
        ListReturn::Status(items) => Some(items.as_slice()),
        _ => None,
    });
    items.unwrap_or_default()
}

/// Not of a folder that is shown only for what lies below it (RFC 5819 §3). One whose figures cannot be had
/// is left without (§2), and so are all of them if the service cannot be asked.
async fn show_statuses(
    connection: &mut Connection,
    account: &Account,
    listed: &[Listed],
    items: &[StatusItem],
) -> Result<(), Halt> {
    let there = listed.iter().filter(|listed| listed.is_selected && listed.folder.exists);
    let paths: Vec<FolderPath> = there.map(|listed| listed.folder.path.clone()).collect();
    if let Err(fault) = connection.patiently(account.survey(&paths)).await? {
        tracing::info!(kind = ?fault.kind(), cause = fault.cause(), "LIST tells no STATUS");
        return Ok(());
    }
    let (weighing, limit) = (status::weighing(items), account.limits().append);
    for path in &paths {
        let figures = connection.patiently(account.glance(path, weighing)).await?;
        if let Ok(figures) = figures {
            let mailbox = convert::mailbox_name(path);
            connection.data(&status::data(mailbox, items, (&figures, limit)));
            connection.relieve().await?;
        }
    }
    Ok(())
}
