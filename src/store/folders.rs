//! The folder tree: who is there, under which path, with which UIDVALIDITY.

use super::Store;
use crate::mailbox::{Cursor, Epoch, Folder, FolderId, FolderPath, Outcome, RemoteId, Role};

/// A folder, as the service tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FolderFacts {
    pub remote: RemoteId,
    /// `None` directly below the mailbox's root.
    pub parent: Option<RemoteId>,
    pub name: String,
    pub role: Option<Role>,
    /// How many items the service says are inside, where it says so.
    pub total: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum Tree {
    /// Every folder there is: what is not in it is gone.
    Whole { folders: Vec<FolderFacts>, asked: Epoch },
    /// What changed.
    Delta { upserts: Vec<FolderFacts>, gone: Vec<RemoteId>, asked: Epoch },
    /// Our own confirmed create, rename or delete.
    Written { upserts: Vec<FolderFacts>, gone: Vec<RemoteId> },
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TreeReceipt {
    pub changed: bool,
    /// A part of the answer was older than a write of ours and was left out: walk the tree again.
    pub stale: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subscription {
    Subscribed,
    Unsubscribed,
}

impl Store {
    /// Folds what the service said of the tree into the index, in one transaction.
    ///
    /// New folders get a UIDVALIDITY greater than any before; renamed and moved ones keep theirs and
    /// their UIDs; vanished ones go with all their rows.
    pub async fn apply_folders(&self, tree: Tree, cursor: Option<Cursor>) -> Outcome<TreeReceipt> {
        todo!()
    }

    /// All folders, ordered by path.
    pub async fn folders(&self) -> Outcome<Vec<Folder>> {
        todo!()
    }

    pub async fn folder(&self, id: FolderId) -> Outcome<Option<Folder>> {
        todo!()
    }

    pub async fn folder_by_path(&self, path: &FolderPath) -> Outcome<Option<Folder>> {
        todo!()
    }

    pub async fn folder_by_remote(&self, remote: &RemoteId) -> Outcome<Option<Folder>> {
        todo!()
    }

    pub async fn folder_by_role(&self, role: Role) -> Outcome<Option<Folder>> {
        todo!()
    }

    /// How many items the service said are inside, when it last spoke of the folder.
    pub async fn remote_total(&self, folder: FolderId) -> Outcome<Option<u64>> {
        todo!()
    }

    /// Where the walk through tree changes stands.
    pub async fn folder_cursor(&self) -> Outcome<Option<Cursor>> {
        todo!()
    }

    pub async fn clear_folder_cursor(&self) -> Outcome<()> {
        todo!()
    }

    /// Subscriptions are by path, so they can be made before the folder and survive it (RFC 3501
    /// §6.3.6). Folders that nobody decided about are subscribed.
    pub async fn subscribe(&self, path: &FolderPath, to: Subscription) -> Outcome<()> {
        todo!()
    }

    /// Every subscribed path, also of folders that do not exist.
    pub async fn subscriptions(&self) -> Outcome<Vec<FolderPath>> {
        todo!()
    }
}
