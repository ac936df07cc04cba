//! Folders that the service no longer tells of: looked for before anything is dropped.
//!
//! A folder that goes takes its UIDs and its UIDVALIDITY along, so a feed's "removed", or a walk that left it
//! out, is a hint as it is for messages (reference B.6.4).

use std::collections::HashSet;

use super::Account;
use crate::backend::Urgency;
use crate::mailbox::{Kind, Outcome, RemoteId};
use crate::store::FolderFacts;

/// How far up it is asked where a folder hangs. Exchange itself nests no deeper than 300, people far less.
const LEVELS_MAX: usize = 32;

/// What became of the folders that were missing.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Still in the tree, or above one that is.
    pub(super) there: Vec<FolderFacts>,
    pub(super) gone: Vec<RemoteId>,
    /// Of some the service told nothing: they stay as they are, and are to be asked about again.
    pub(super) is_open: bool,
}

impl Account {
    /// Looks for `missing` folders; `heard` are those that the same answer tells of.
    ///
    /// # Errors
    /// A fault that all folders share.
    pub(super) async fn find_folders(
        &self,
        missing: Vec<RemoteId>,
        heard: &[FolderFacts],
        urgency: Urgency,
    ) -> Outcome<Found> {
        let mut known: HashSet<RemoteId> =
            self.0.store.folders().await?.into_iter().map(|folder| folder.remote).collect();
        // What was never in the index need not be proved gone.
        let (suspects, strangers): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|id| known.contains(id));
        let mut found = Found { gone: strangers, ..Found::default() };
        known.extend(heard.iter().map(|facts| facts.remote.clone()));
        known.retain(|id| !suspects.contains(id));
        let (mut asked, mut questions) = (HashSet::new(), suspects.clone());
        let mut candidates: Vec<FolderFacts> = Vec::new();
        for _ in 0..LEVELS_MAX {
            if questions.is_empty() {
                break;
            }
            let answers = self.0.backend.look_up_folders(&questions, urgency).await?;
            for (id, answer) in questions.iter().zip(answers) {
                asked.insert(id.clone());
                match answer {
                    Ok(folder) => candidates.push(folder.into()),
                    Err(fault) if *fault.kind() == Kind::NoSuchFolder => {}
                    Err(fault) if fault.is_general() => return Err(fault),
                    Err(fault) => {
                        tracing::warn!(account = %self.0.address, %fault, "the service does not tell about a folder");
                        known.insert(id.clone());
                        found.is_open = true;
                    }
                }
            }
            questions = above(&candidates, |id| known.contains(id) || asked.contains(id));
        }
        found.there = in_the_tree(candidates, &mut known);
        found.gone.extend(suspects.into_iter().filter(|id| !known.contains(id)));
        Ok(found)
    }
}

/// The parents of `folders` of which nothing is known.
fn above(folders: &[FolderFacts], is_known: impl Fn(&RemoteId) -> bool) -> Vec<RemoteId> {
    let parents = folders.iter().filter_map(|folder| folder.parent.as_ref());
    let unknown: HashSet<&RemoteId> = parents.filter(|id| !is_known(id)).collect();
    unknown.into_iter().cloned().collect()
}

/// Those that hang below the mailbox's root, which `known` then holds as well. A folder that was purged may
/// still be told of, below a root that is not the mailbox's.
fn in_the_tree(folders: Vec<FolderFacts>, known: &mut HashSet<RemoteId>) -> Vec<FolderFacts> {
    let mut there = Vec::new();
    let mut open = folders;
    loop {
        let (hanging, rest): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|folder| folder.parent.as_ref().is_none_or(|parent| known.contains(parent)));
        if hanging.is_empty() {
            return there;
        }
        known.extend(hanging.iter().map(|folder| folder.remote.clone()));
        there.extend(hanging);
        open = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(id: &str, parent: Option<&str>) -> FolderFacts {
        let (role, total) = (None, None);
        let parent = parent.map(RemoteId::new);
        FolderFacts { remote: RemoteId::new(id), parent, name: id.to_owned(), role, total }
    }

    #[test]
    fn only_what_hangs_below_the_mailboxs_root_is_there() {
        let mut known = HashSet::from([RemoteId::new("shelf")]);
        let folders = vec![
            folder("deep", Some("work")),
            folder("work", Some("shelf")),
            folder("top", None),
            folder("purged", Some("dumpster")),
            folder("below", Some("purged")),
        ];
        assert_eq!(above(&folders, |id| known.contains(id)).len(), 3);
        let there = in_the_tree(folders, &mut known);
        let mut names: Vec<&str> = there.iter().map(|folder| folder.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["deep", "top", "work"]);
    }
}
