//! What a LIST selects, and what it says of each (RFC 5258, RFC 6154). Pure.

use std::collections::{BTreeMap, BTreeSet};

use wire::imap::{Data, List, ListAttribute, ListExtended, ListReturn, ListSelection, MailboxName};

use super::convert;
use super::pattern::Pattern;
use crate::account::FolderEntry;
use crate::mailbox::FolderPath;

/// A folder that LIST shows.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) folder: FolderEntry,
    /// It meets itself what the client selects by.
    pub(super) is_selected: bool,
    /// Something below meets what the client selects by.
    has_selected_below: bool,
}

/// The folders that a LIST shows, in the order given.
///
/// A name is shown if it matches a pattern and meets the selection options, or, with RECURSIVEMATCH,
/// if it matches and something below meets them that no pattern would show (RFC 5258 §3.3).
pub(super) fn select(folders: Vec<FolderEntry>, list: &List) -> Vec<Listed> {
    let patterns: Vec<Pattern> =
        list.patterns.iter().map(|pattern| Pattern::new(&list.reference, pattern)).collect();
    let matches = |path: &FolderPath| patterns.iter().any(|pattern| pattern.matches(path));
    if !list.selection.contains(&ListSelection::RecursiveMatch) {
        let shown = |folder: &FolderEntry| is_selected(folder, list) && matches(&folder.path);
        let shown = folders.into_iter().filter(shown);
        let listed = |folder| Listed { folder, is_selected: true, has_selected_below: false };
        return shown.map(listed).collect();
    }
    let folders = with_missing_parents(folders);
    let mut above: BTreeMap<FolderPath, Below> = BTreeMap::new();
    for folder in folders.iter().filter(|folder| is_selected(folder, list)) {
        let below = if matches(&folder.path) { Below::Shown } else { Below::Hidden };
        for path in ancestors(&folder.path) {
            let known = above.entry(path).or_insert(below);
            *known = below.max(*known);
        }
    }
    let listed = folders.into_iter().filter_map(|folder| {
        let below = above.get(&folder.path).copied();
        let is_selected = is_selected(&folder, list);
        let shown = is_selected || below == Some(Below::Hidden);
        let has_selected_below = below.is_some();
        (shown && matches(&folder.path)).then_some(Listed {
            folder,
            is_selected,
            has_selected_below,
        })
    });
    listed.collect()
}

impl Listed {
    pub(super) fn data(&self, list: &List) -> Data {
        let mut attributes = attributes(&self.folder);
        let asked = list.selection.contains(&ListSelection::Subscribed)
            || list.returns.contains(&ListReturn::Subscribed);
        if asked && self.folder.subscribed {
            attributes.push(ListAttribute::Subscribed);
        }
        let extended = self.has_selected_below.then(|| ListExtended::ChildInfo(criteria(list)));
        data(&self.folder, attributes, extended)
    }
}

/// A folder as it is shown without being listed.
pub(super) fn mention(folder: &FolderEntry, formerly: Option<MailboxName>) -> Data {
    data(folder, attributes(folder), formerly.map(ListExtended::OldName))
}

/// The folders above, nearest first.
pub(super) fn ancestors(path: &FolderPath) -> impl Iterator<Item = FolderPath> {
    std::iter::successors(path.parent(), FolderPath::parent)
}

/// What of those selection options a name can meet or not. REMOTE adds names, and there are none.
fn criteria(list: &List) -> Vec<ListSelection> {
    let base = [ListSelection::Subscribed, ListSelection::SpecialUse];
    base.into_iter().filter(|option| list.selection.contains(option)).collect()
}

fn is_selected(folder: &FolderEntry, list: &List) -> bool {
    let subscribed = list.selection.contains(&ListSelection::Subscribed);
    let special = list.selection.contains(&ListSelection::SpecialUse);
    let special_use = folder.role.and_then(convert::special_use);
    // A subscription to a folder that is gone shows only to those who ask for subscriptions.
    (folder.exists || subscribed)
        && (!subscribed || folder.subscribed)
        && (!special || special_use.is_some())
}

/// Whether what is below a folder and meets the options is shown itself; the second is the news.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Below {
    Shown,
    Hidden,
}

/// Subscriptions may lie below folders that are gone as well.
fn with_missing_parents(mut folders: Vec<FolderEntry>) -> Vec<FolderEntry> {
    let mut known: BTreeSet<FolderPath> = folders.iter().map(|entry| entry.path.clone()).collect();
    let gone = folders.iter().filter(|folder| !folder.exists);
    let parents: Vec<FolderPath> = gone.flat_map(|folder| ancestors(&folder.path)).collect();
    for path in parents {
        if known.insert(path.clone()) {
            let (role, subscribed, has_children, exists) = (None, false, false, false);
            folders.push(FolderEntry { path, role, subscribed, has_children, exists });
        }
    }
    folders.sort_by(|a, b| (!a.path.is_inbox(), &a.path).cmp(&(!b.path.is_inbox(), &b.path)));
    folders
}

/// Those that are told whether or not they are asked for: old clients ask for nothing.
fn attributes(folder: &FolderEntry) -> Vec<ListAttribute> {
    let mut attributes = Vec::new();
    if !folder.exists {
        // It implies \Noselect (RFC 5258 §3), and only who extends LIST comes to see it.
        attributes.push(ListAttribute::NonExistent);
    }
    attributes.push(match folder.has_children {
        true => ListAttribute::HasChildren,
        false => ListAttribute::HasNoChildren,
    });
    let special_use = folder.role.and_then(convert::special_use);
    attributes.extend(special_use.map(ListAttribute::SpecialUse));
    attributes
}

fn data(
    folder: &FolderEntry,
    attributes: Vec<ListAttribute>,
    extended: Option<ListExtended>,
) -> Data {
    let (delimiter, mailbox) = (Some(FolderPath::SEPARATOR), convert::mailbox_name(&folder.path));
    match extended {
        Some(extended) => Data::ListExtended { attributes, delimiter, mailbox, extended },
        None => Data::List { attributes, delimiter, mailbox },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::Role;

    fn entry(path: &str, subscribed: bool, exists: bool) -> FolderEntry {
        let path = FolderPath::parse(path).unwrap();
        let role = (path.as_str() == "Sent").then_some(Role::Sent);
        FolderEntry { path, role, subscribed, has_children: false, exists }
    }

    /// RFC 5258 §5 in our spelling: some folders are subscribed, some are gone.
    fn folders() -> Vec<FolderEntry> {
        vec![
            entry("foo2", false, true),
            entry("foo2/bar1", true, true),
            entry("foo2/bar2", true, true),
            entry("baz2", true, true),
            entry("baz2/bar22", true, true),
            entry("eps2", false, true),
            entry("eps2/mamba", true, true),
            entry("gone/deep", true, false),
            entry("qux2", false, true),
            entry("qux2/bar2", false, true),
            entry("Sent", false, true),
        ]
    }

    fn listed(selection: &[ListSelection], patterns: &[&str]) -> Vec<String> {
        let list = List {
            selection: selection.to_vec(),
            reference: String::new(),
            patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            returns: Vec::new(),
        };
        let mark = |listed: &Listed| if listed.has_selected_below { "+" } else { "" };
        let listed = select(folders(), &list);
        listed.iter().map(|one| format!("{}{}", one.folder.path, mark(one))).collect()
    }

    const SUBSCRIBED: ListSelection = ListSelection::Subscribed;
    const RECURSIVE: ListSelection = ListSelection::RecursiveMatch;

    #[test]
    fn parents_of_what_is_selected_are_told_only_to_who_asks_for_them() {
        assert_eq!(listed(&[SUBSCRIBED], &["%"]), ["baz2"]);
        let parents = listed(&[SUBSCRIBED, RECURSIVE], &["%"]);
        assert_eq!(parents, ["baz2+", "eps2+", "foo2+", "gone+"]);
    }

    #[test]
    fn a_parent_whose_children_are_all_shown_is_not_told() {
        let all = ["baz2+", "baz2/bar22", "eps2/mamba", "foo2/bar1", "foo2/bar2", "gone/deep"];
        assert_eq!(listed(&[SUBSCRIBED, RECURSIVE], &["*"]), all);
        // foo2/bar1 and eps2/mamba meet the option and do not end in 2.
        let some = listed(&[RECURSIVE, SUBSCRIBED], &["*2"]);
        assert_eq!(some, ["baz2+", "baz2/bar22", "eps2+", "foo2+", "foo2/bar2"]);
    }

    #[test]
    fn a_name_is_shown_once_however_many_patterns_find_it() {
        assert_eq!(listed(&[], &["foo2", "f%", "*/bar1"]), ["foo2", "foo2/bar1"]);
        assert_eq!(listed(&[SUBSCRIBED], &["gone/*"]), ["gone/deep"]);
        assert_eq!(listed(&[], &["gone*"]), [""; 0]);
        assert_eq!(listed(&[ListSelection::Remote], &["S*"]), ["Sent"]);
        assert_eq!(listed(&[ListSelection::SpecialUse], &["*"]), ["Sent"]);
        assert_eq!(listed(&[ListSelection::SpecialUse, SUBSCRIBED], &["*"]), [""; 0]);
    }
}
