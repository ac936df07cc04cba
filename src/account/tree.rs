//! Keeping the folder tree up to date.

use std::collections::HashSet;

use super::Account;
use super::pages::Pages;
use super::sync::Need;
use crate::backend::{Page, RemoteChange, RemoteFolder, Urgency};
use crate::mailbox::{Cursor, Epoch, Folder, FolderPath, Kind, Outcome, RemoteId};
use crate::store::{FolderFacts, Tree};

impl Account {
    /// Brings the tree up to date, unless that was done recently enough or while waiting.
    pub(super) async fn refresh_tree(&self, need: Need, urgency: Urgency) -> Outcome<()> {
        let ticket = self.0.tree.ticket();
        if let (Need::Within(age), Some(last)) = (need, self.0.tree.last())
            && self.0.clock.instant().since(last) < age
        {
            return Ok(());
        }
        let turn = self.0.tree.enter().await;
        if turn.served(ticket) {
            return Ok(());
        }
        turn.begin();
        let began = self.0.clock.instant();
        match self.0.store.folder_cursor().await? {
            Some(cursor) => self.pull_tree(&cursor, urgency).await?,
            None => self.walk_tree(urgency).await?,
        }
        turn.succeed(began);
        Ok(())
    }

    /// The tree must have been seen once; after that the syncer keeps it.
    pub(super) async fn tree_known(&self) -> Outcome<()> {
        match self.0.store.folder_cursor().await? {
            Some(_) => Ok(()),
            None => self.refresh_tree(Need::Now, Urgency::Interactive).await,
        }
    }

    /// The folder of this path; asks the service before it says that there is none.
    pub(super) async fn folder_at(&self, path: &FolderPath) -> Outcome<Option<Folder>> {
        self.tree_known().await?;
        if let Some(folder) = self.0.store.folder_by_path(path).await? {
            return Ok(Some(folder));
        }
        // However fresh the tree: a client that hears "no such folder" makes one, or gives up.
        self.refresh_tree(Need::Now, Urgency::Interactive).await?;
        self.0.store.folder_by_path(path).await
    }

    async fn pull_tree(&self, cursor: &Cursor, urgency: Urgency) -> Outcome<()> {
        let asked = self.0.store.epoch();
        match self.0.backend.folders(Some(cursor), urgency).await {
            Ok(page) => self.fold_tree_changes(page, asked, urgency).await,
            Err(fault) if *fault.kind() == Kind::CursorExpired => self.walk_tree(urgency).await,
            Err(fault) => Err(fault),
        }
    }

    /// Takes the first page of a round of tree changes and follows the rest.
    pub(super) async fn fold_tree_changes(
        &self,
        first: Page<RemoteFolder>,
        asked: Epoch,
        urgency: Urgency,
    ) -> Outcome<()> {
        let mut upserts: Vec<FolderFacts> = Vec::new();
        let mut gone = Vec::new();
        let mut page = first;
        let mut pages = Pages::default();
        loop {
            for change in page.changes {
                match change {
                    RemoteChange::Upsert(folder) => upserts.push(folder.into()),
                    RemoteChange::Gone(id) => gone.push(id),
                    // Rare, and the tree is small: simpler to walk than to look one up.
                    RemoteChange::Touched(_) => return self.walk_tree(urgency).await,
                }
            }
            pages.turn(upserts.len() + gone.len())?;
            if !page.more {
                break;
            }
            page = self.0.backend.folders(Some(&page.cursor), urgency).await?;
        }
        let (tree, cursor) = self.proved((upserts, gone), asked, (page.cursor, urgency)).await?;
        let receipt = self.0.store.apply_folders(tree, cursor).await?;
        if receipt.stale { self.walk_tree(urgency).await } else { Ok(()) }
    }

    /// Changes of the tree without removals that are none. The cursor is kept back while the service does not
    /// tell what became of a folder, so that the feed tells of it again.
    async fn proved(
        &self,
        (mut upserts, gone): (Vec<FolderFacts>, Vec<RemoteId>),
        asked: Epoch,
        (cursor, urgency): (Cursor, Urgency),
    ) -> Outcome<(Tree, Option<Cursor>)> {
        let found = self.find_folders(gone, &upserts, urgency).await?;
        let is_gone: HashSet<&RemoteId> = found.gone.iter().collect();
        upserts.retain(|facts| !is_gone.contains(&facts.remote));
        upserts.extend(found.there);
        let cursor = (!found.is_open).then_some(cursor);
        Ok((Tree::Delta { upserts, gone: found.gone, asked }, cursor))
    }

    pub(super) async fn walk_tree(&self, urgency: Urgency) -> Outcome<()> {
        let asked = self.0.store.epoch();
        let mut folders: Vec<FolderFacts> = Vec::new();
        let mut next: Option<Cursor> = None;
        let mut pages = Pages::default();
        let cursor = loop {
            let page = self.0.backend.folders(next.as_ref(), urgency).await?;
            folders.extend(page.changes.into_iter().filter_map(|change| match change {
                RemoteChange::Upsert(folder) => Some(FolderFacts::from(folder)),
                RemoteChange::Touched(_) | RemoteChange::Gone(_) => None,
            }));
            pages.turn(folders.len())?;
            if !page.more {
                break page.cursor;
            }
            next = Some(page.cursor);
        };
        let missing = self.left_out(&folders).await?;
        let (tree, cursor) = if missing.is_empty() || folders.is_empty() {
            (Tree::Whole { folders, asked }, Some(cursor))
        } else {
            self.proved((folders, missing), asked, (cursor, urgency)).await?
        };
        self.0.store.apply_folders(tree, cursor).await.map(drop)
    }

    /// Known folders that a walk through the whole tree did not come by.
    async fn left_out(&self, folders: &[FolderFacts]) -> Outcome<Vec<RemoteId>> {
        let present: HashSet<&RemoteId> = folders.iter().map(|facts| &facts.remote).collect();
        let known = self.0.store.folders().await?.into_iter().map(|folder| folder.remote);
        Ok(known.filter(|remote| !present.contains(remote)).collect())
    }
}

impl From<RemoteFolder> for FolderFacts {
    fn from(folder: RemoteFolder) -> Self {
        let RemoteFolder { id, parent, name, role, total } = folder;
        Self { remote: id, parent, name, role, total }
    }
}
