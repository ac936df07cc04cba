//! LIST and LSUB (RFC 3501 §6.3.8, §6.3.9; RFC 3348, RFC 5258, RFC 5819, RFC 6154).

use std::collections::BTreeSet;

use wire::imap::{Data, List, ListAttribute, ListReturn, ListSelection, MailboxName, StatusItem};

use super::connection::Connection;
use super::convert;
use super::ending::{Ending, Halt, Handled};
use super::pattern::Pattern;
use super::status;
use crate::account::{Account, FolderEntry};
use crate::mailbox::FolderPath;

pub(super) async fn list(connection: &mut Connection, account: &Account, list: &List) -> Handled {
    if list.selection.is_empty() && list.patterns.iter().all(String::is_empty) {
        connection.data(&root());
        return Ok(Ending::ok("LIST done"));
    }
    let wanted = status_items(list);
    status::check(wanted)?;
    let patterns: Vec<Pattern> =
        list.patterns.iter().map(|pattern| Pattern::new(&list.reference, pattern)).collect();
    let folders = connection.patiently(account.folders()).await??;
    let matching = |folder: &&FolderEntry| {
        is_selected(folder, &list.selection)
            && patterns.iter().any(|pattern| pattern.matches(&folder.path))
    };
    for folder in folders.iter().filter(matching) {
        let mailbox = convert::mailbox_name(&folder.path);
        connection.data(&Data::List {
            attributes: attributes(folder, list),
            delimiter: Some(FolderPath::SEPARATOR),
            mailbox: mailbox.clone(),
        });
        if folder.exists && !wanted.is_empty() {
            show_status(connection, account, (folder, mailbox), wanted).await?;
        }
        connection.relieve().await?;
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
            levels.extend(ancestors(&folder.path).find(|path| pattern.matches(path)));
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

fn is_selected(folder: &FolderEntry, selection: &[ListSelection]) -> bool {
    let subscribed = selection.contains(&ListSelection::Subscribed);
    let special = selection.contains(&ListSelection::SpecialUse);
    let special_use = folder.role.and_then(convert::special_use);
    // A subscription to a folder that is gone shows only to those who ask for subscriptions.
    let there = folder.exists || folder.has_children || subscribed;
    there && (!subscribed || folder.subscribed) && (!special || special_use.is_some())
}

fn attributes(folder: &FolderEntry, list: &List) -> Vec<ListAttribute> {
    let mut attributes = Vec::new();
    if !folder.exists {
        attributes.extend([ListAttribute::NonExistent, ListAttribute::NoSelect]);
    }
    attributes.push(match folder.has_children {
        true => ListAttribute::HasChildren,
        false => ListAttribute::HasNoChildren,
    });
    let asked = list.selection.contains(&ListSelection::Subscribed)
        || list.returns.contains(&ListReturn::Subscribed);
    if asked && folder.subscribed {
        attributes.push(ListAttribute::Subscribed);
    }
    let special_use = folder.role.and_then(convert::special_use);
    attributes.extend(special_use.map(ListAttribute::SpecialUse));
    attributes
}

fn status_items(list: &List) -> &[StatusItem] {
    let items = list.returns.iter().find_map(|wanted| match wanted {
        ListReturn::Status(items) => Some(items.as_slice()),
        _ => None,
    });
    items.unwrap_or_default()
}

/// A folder whose counts cannot be had is left without (RFC 5819 §2).
async fn show_status(
    connection: &mut Connection,
    account: &Account,
    (folder, mailbox): (&FolderEntry, MailboxName),
    items: &[StatusItem],
) -> Result<(), Halt> {
    if let Ok(status) = connection.patiently(account.status(&folder.path)).await? {
        connection.data(&status::data(mailbox, items, &status));
    }
    Ok(())
}

/// The folders above, nearest first.
fn ancestors(path: &FolderPath) -> impl Iterator<Item = FolderPath> {
    std::iter::successors(path.parent(), FolderPath::parent)
}
