//! Where folders hang: from "who is my parent" to paths. Pure, and the order of the input's arrival
//! does not matter: a parent may become known after its children.

use std::collections::{HashMap, HashSet};

use crate::mailbox::{FolderPath, RemoteId, Role};

/// What the layout needs of a folder.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) remote: RemoteId,
    pub(super) parent: Option<RemoteId>,
    pub(super) name: String,
    pub(super) role: Option<Role>,
}

/// A name for what the service gave no name, since a path has no empty names.
const NAMELESS: &str = "_";

/// The path of each node, in the order of the nodes.
///
/// A folder whose parent is not known hangs at the top: its mail must stay within reach, and a
/// parent that the service hides never becomes known. Siblings that spell alike get ` (2)`, ` (3)` …
/// in the order of the nodes.
pub(super) fn paths(nodes: &[Node]) -> Vec<FolderPath> {
    let index: HashMap<&RemoteId, usize> =
        nodes.iter().enumerate().map(|(at, node)| (&node.remote, at)).collect();
    let inbox = nodes.iter().position(|node| node.role == Some(Role::Inbox));
    let parents: Vec<Option<usize>> = parents(nodes, &index, inbox);
    let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (at, parent) in parents.iter().enumerate() {
        children.entry(*parent).or_default().push(at);
    }
    let mut paths: Vec<Option<FolderPath>> = vec![None; nodes.len()];
    let mut open: Vec<Option<usize>> = vec![None];
    while let Some(parent) = open.pop() {
        let above = parent.and_then(|at| paths[at].clone());
        let Some(siblings) = children.get(&parent) else { continue };
        for (at, path) in name_siblings(nodes, siblings, inbox, above.as_ref()) {
            paths[at] = Some(path);
            open.push(Some(at));
        }
    }
    let every = "every node hangs below the top: chains that do not end were cut";
    paths.into_iter().map(|path| path.expect(every)).collect()
}

/// The known parent of each node; `None` at the top and where a chain of parents bites its tail, as
/// it may between two pages of one change.
fn parents(
    nodes: &[Node],
    index: &HashMap<&RemoteId, usize>,
    inbox: Option<usize>,
) -> Vec<Option<usize>> {
    let mut parents: Vec<Option<usize>> = nodes
        .iter()
        .map(|node| node.parent.as_ref().and_then(|parent| index.get(parent).copied()))
        .collect();
    if let Some(inbox) = inbox {
        parents[inbox] = None;
    }
    let mut ends_at_top = vec![false; nodes.len()];
    for start in 0..nodes.len() {
        let mut trail = HashSet::new();
        let mut at = start;
        while let Some(parent) = parents[at].filter(|_| !ends_at_top[at]) {
            if !trail.insert(at) {
                parents[at] = None;
                break;
            }
            at = parent;
        }
        ends_at_top[at] = true;
        trail.into_iter().for_each(|passed| ends_at_top[passed] = true);
    }
    parents
}

fn name_siblings(
    nodes: &[Node],
    siblings: &[usize],
    inbox: Option<usize>,
    above: Option<&FolderPath>,
) -> Vec<(usize, FolderPath)> {
    let mut taken = HashSet::new();
    let mut named = Vec::with_capacity(siblings.len());
    let mut alike = Vec::new();
    for &at in siblings {
        let path = match inbox {
            Some(inbox) if inbox == at => FolderPath::inbox(),
            _ => FolderPath::child(above, spelled(&nodes[at].name)),
        };
        if taken.insert(path.clone()) {
            named.push((at, path));
        } else {
            alike.push(at);
        }
    }
    for at in alike {
        let candidates = (2..).map(|n| format!("{} ({n})", spelled(&nodes[at].name)));
        let mut paths = candidates.map(|name| FolderPath::child(above, &name));
        let path = paths.find(|path| !taken.contains(path)).expect("numbers do not end");
        taken.insert(path.clone());
        named.push((at, path));
    }
    named
}

fn spelled(name: &str) -> &str {
    if name.is_empty() { NAMELESS } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(remote: &str, parent: Option<&str>, name: &str) -> Node {
        let role = (remote == "inbox").then_some(Role::Inbox);
        Node {
            remote: RemoteId::new(remote),
            parent: parent.map(RemoteId::new),
            name: name.into(),
            role,
        }
    }

    fn spell(nodes: &[Node]) -> Vec<String> {
        paths(nodes).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let nodes = [
            node("c", Some("b"), "C"),
            node("b", Some("a"), "B"),
            node("a", None, "A"),
            node("i", Some("inbox"), "Done"),
            node("inbox", None, "Posteingang"),
        ];
        assert_eq!(spell(&nodes), ["A/B/C", "A/B", "A", "INBOX/Done", "INBOX"]);
    }

    #[test]
    fn siblings_that_spell_alike_are_told_apart_and_none_is_lost() {
        let nodes = [
            node("a", None, "News"),
            node("b", None, "News"),
            node("c", None, "News (2)"),
            node("d", None, "inbox"),
            node("inbox", None, "Inbox"),
        ];
        assert_eq!(spell(&nodes), ["News", "News (3)", "News (2)", "_x0069_nbox", "INBOX"]);
    }

    #[test]
    fn a_folder_with_an_unknown_parent_hangs_at_the_top() {
        assert_eq!(
            spell(&[node("a", Some("hidden"), "A"), node("b", Some("a"), "")]),
            ["A", "A/_"]
        );
    }

    #[test]
    fn folders_that_are_each_others_parents_stay_within_reach() {
        let nodes =
            [node("a", Some("b"), "A"), node("b", Some("a"), "B"), node("c", Some("b"), "C")];
        let spelled = spell(&nodes);
        assert_eq!(spelled.len(), 3);
        assert!(spelled.iter().all(|path| !path.is_empty()));
    }
}
