//! Use cases on the folder tree.

use std::collections::HashSet;

use super::sync::Need;
use super::{Account, FolderEntry, Status};
use crate::backend::{RemoteFolder, RemoteFolderRef, Urgency};
use crate::mailbox::{Fault, Folder, FolderPath, Kind, Outcome, RemoteId};
use crate::store::{Claim, Subscription, Tree};

impl Account {
    /// Every folder, and every subscription to one that is gone; INBOX first, then by path.
    pub async fn folders(&self) -> Outcome<Vec<FolderEntry>> {
        self.tree_known().await?;
        self.refresh_tree(Need::Within(self.0.pace.poll), Urgency::Interactive).await?;
        self.entries().await
    }

    /// A folder as LIST shows it; the index alone is asked.
    pub async fn entry(&self, path: &FolderPath) -> Outcome<Option<FolderEntry>> {
        Ok(self.entries().await?.into_iter().find(|entry| entry.path == *path && entry.exists))
    }

    async fn entries(&self) -> Outcome<Vec<FolderEntry>> {
        let folders = self.0.store.folders().await?;
        let parents: HashSet<FolderPath> = folders.iter().filter_map(|f| f.path.parent()).collect();
        let mut entries: Vec<FolderEntry> = folders
            .into_iter()
            .map(|folder| FolderEntry {
                has_children: parents.contains(&folder.path),
                path: folder.path,
                role: folder.role,
                subscribed: folder.subscribed,
                exists: true,
            })
            .collect();
        let present: HashSet<FolderPath> = entries.iter().map(|entry| entry.path.clone()).collect();
        for path in self.0.store.subscriptions().await? {
            if !present.contains(&path) {
                let has_children = parents.contains(&path);
                let (role, subscribed, exists) = (None, true, false);
                entries.push(FolderEntry { path, role, subscribed, has_children, exists });
            }
        }
        entries.sort_by(|a, b| (!a.path.is_inbox(), &a.path).cmp(&(!b.path.is_inbox(), &b.path)));
        Ok(entries)
    }

    pub async fn has_folder(&self, path: &FolderPath) -> Outcome<bool> {
        Ok(self.folder_at(path).await?.is_some())
    }

    pub async fn subscribe(&self, path: &FolderPath, to: Subscription) -> Outcome<()> {
        self.0.store.subscribe(path, to).await
    }

    /// Counts, at most one poll old.
    pub(super) async fn status_of(&self, folder: &Folder) -> Outcome<Status> {
        let need = match self.0.store.cursor(folder.id).await? {
            Some(_) => Need::Within(self.0.pace.poll),
            None => Need::Now,
        };
        self.refresh(folder, need, Urgency::Interactive).await?;
        Ok(match self.desk(folder.id).live() {
            Some(live) => {
                let recent = self.0.store.recent(folder.id, Claim::Look).await?;
                Status::of(&*live.current().await?, recent.as_ref())
            }
            None => Status::from(&self.0.store.counts(folder.id).await?),
        })
    }

    /// Makes a folder, and those above it that are missing (RFC 3501 §6.3.3). Answers what came of it, which
    /// the service may have spelled otherwise.
    ///
    /// # Errors
    /// `AlreadyExists`, `Misnamed`.
    pub async fn create_folder(&self, path: &FolderPath) -> Outcome<Folder> {
        if self.folder_at(path).await?.is_some() {
            return Err(Kind::AlreadyExists.into());
        }
        let parent = self.make_parents(path).await?;
        self.make(path, parent.as_ref()).await
    }

    /// Answers the id of the folder that is gone now.
    ///
    /// # Errors
    /// `HasChildren`: the service would delete the whole subtree with it.
    pub async fn delete_folder(&self, path: &FolderPath) -> Outcome<RemoteId> {
        let folder = self.existing(path).await?;
        if folder.role.is_some() {
            return Err(Fault::from(Kind::Denied).because("a special folder"));
        }
        self.refresh_tree(Need::Now, Urgency::Interactive).await?;
        let all = self.0.store.folders().await?;
        if all.iter().any(|other| other.path.is_below(&folder.path)) {
            return Err(Kind::HasChildren.into());
        }
        self.0.backend.delete_folder(&folder.remote).await?;
        let tree = Tree::Written { upserts: Vec::new(), gone: vec![folder.remote.clone()] };
        self.0.store.apply_folders(tree, None).await?;
        Ok(folder.remote)
    }

    /// Renames or moves a folder with all that is below it; it keeps its UIDs. Answers what came of it, which
    /// the service may have spelled otherwise.
    ///
    /// # Errors
    /// `AlreadyExists` and `Misnamed` for the new path, `NoSuchFolder` for the old one.
    pub async fn rename_folder(&self, from: &FolderPath, to: &FolderPath) -> Outcome<Folder> {
        let folder = self.existing(from).await?;
        if folder.role.is_some() {
            return Err(Fault::from(Kind::Denied).because("a special folder"));
        }
        if to.is_below(from) {
            return Err(Fault::from(Kind::NotSupported).because("a folder cannot go below itself"));
        }
        if self.folder_at(to).await?.is_some() {
            return Err(Kind::AlreadyExists.into());
        }
        let parent = self.make_parents(to).await?;
        let reference = reference(&folder);
        let renamed = self.0.backend.rename_folder(&reference, parent.as_ref(), &to.name()).await?;
        self.record_written(renamed).await
    }

    pub(super) async fn existing(&self, path: &FolderPath) -> Outcome<Folder> {
        self.folder_at(path).await?.ok_or_else(|| Kind::NoSuchFolder.into())
    }

    /// The folder that something shall go to: its absence is for the client to mend.
    pub(super) async fn target(&self, path: &FolderPath) -> Outcome<Folder> {
        self.folder_at(path).await?.ok_or_else(|| Kind::NoSuchTarget.into())
    }

    /// The folder above, made with those above it if need be; but nothing is made for a name that cannot be.
    async fn make_parents(&self, path: &FolderPath) -> Outcome<Option<RemoteId>> {
        let mut missing = Vec::new();
        let mut above = path.parent();
        let mut parent = None;
        while let Some(path) = above {
            if let Some(folder) = self.0.store.folder_by_path(&path).await? {
                parent = Some(folder.remote);
                break;
            }
            above = path.parent();
            missing.push(path);
        }
        // What is there is called as it is; what shall be there must be found again.
        if let Some(misnomer) = missing.iter().chain([path]).find_map(FolderPath::misnomer) {
            return Err(Kind::Misnamed(misnomer).into());
        }
        for path in missing.iter().rev() {
            parent = Some(self.make(path, parent.as_ref()).await?.remote);
        }
        Ok(parent)
    }

    async fn make(&self, path: &FolderPath, parent: Option<&RemoteId>) -> Outcome<Folder> {
        let made = self.0.backend.create_folder(parent, &path.name()).await?;
        let made = self.record_written(made).await?;
        // Who makes a folder by IMAP says by SUBSCRIBE whether to look at it.
        self.0.store.leave_unsubscribed(&made.path).await?;
        Ok(made)
    }

    /// A folder as the service has written it; its path is where it hangs now.
    async fn record_written(&self, written: RemoteFolder) -> Outcome<Folder> {
        let remote = written.id.clone();
        let tree = Tree::Written { upserts: vec![written.into()], gone: Vec::new() };
        self.0.store.apply_folders(tree, None).await?;
        let folder = self.0.store.folder_by_remote(&remote).await?;
        folder.ok_or_else(|| Kind::NoSuchFolder.into())
    }
}

pub(super) fn reference(folder: &Folder) -> RemoteFolderRef {
    RemoteFolderRef {
        id: folder.remote.clone(),
        parent: folder.parent.clone(),
        name: folder.path.name(),
        role: folder.role,
    }
}
