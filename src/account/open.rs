//! A folder that a session looks at.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tokio::sync::watch;

use super::desk::Watching;
use super::sync::Need;
use super::{Account, Opened, Status};
use crate::backend::{Urgency, Writing};
use crate::mailbox::{
    Changes, Folder, FolderPath, Keyword, Kind, ModSeq, Outcome, RemoteId, Row, Uid, UidValidity,
    View,
};
use crate::store::Claim;

/// An opened folder; while any clone lives, the folder is watched for changes.
#[derive(Clone, Debug)]
pub struct OpenFolder {
    pub(super) account: Account,
    pub(super) folder: Arc<Folder>,
    _watching: Arc<Watching>,
}

impl Account {
    /// Opens a folder as the service has it now.
    ///
    /// # Errors
    /// `NoSuchFolder`; what kept the service from being asked.
    pub async fn open(&self, path: &FolderPath) -> Outcome<Opened> {
        let folder = self.existing(path).await?;
        let watching = Arc::new(self.desk(folder.id).watch());
        self.refresh(&folder, Need::Now, Urgency::Interactive).await?;
        let store = &self.0.store;
        let (uids, counts) = store.opening(folder.id).await?;
        let keywords = self.keywords(&folder).await?;
        let opened =
            OpenFolder { account: self.clone(), folder: Arc::new(folder), _watching: watching };
        Ok(Opened {
            folder: opened,
            view: View::new(uids, counts.highest),
            status: Status::from(&counts),
            first_unseen: counts.first_unseen,
            keywords,
            writable: self.0.backend.rights().writing == Writing::Allowed,
        })
    }

    async fn keywords(&self, folder: &Folder) -> Outcome<Vec<Keyword>> {
        let (rows, _) = self.0.store.all_rows(folder.id).await?;
        let used: BTreeSet<Keyword> =
            rows.iter().flat_map(|row| row.flags.keywords().cloned()).collect();
        Ok(used.into_iter().collect())
    }
}

impl OpenFolder {
    pub fn path(&self) -> &FolderPath {
        &self.folder.path
    }

    /// The folder's own id, which outlives every rename.
    pub fn id(&self) -> &RemoteId {
        &self.folder.remote
    }

    pub fn validity(&self) -> UidValidity {
        self.folder.validity
    }

    /// Asks the service for changes, unless that was done a moment ago.
    pub async fn refresh(&self) -> Outcome<()> {
        let need = Need::Within(self.account.0.pace.freshness);
        self.account.refresh(&self.folder, need, Urgency::Interactive).await
    }

    /// # Errors
    /// `NoSuchFolder` once the folder is gone.
    pub async fn changes(&self, since: ModSeq) -> Outcome<Changes> {
        self.account.0.store.changes(self.folder.id, since).await
    }

    /// The UIDs that are recent for a session.
    ///
    /// # Errors
    /// `NoSuchFolder` once the folder is gone.
    pub async fn recent(&self, claim: Claim) -> Outcome<Option<RangeInclusive<Uid>>> {
        self.account.0.store.recent(self.folder.id, claim).await
    }

    /// Says "look again". Closed once the folder is gone.
    pub fn watch(&self) -> watch::Receiver<ModSeq> {
        self.account.0.store.watch(self.folder.id)
    }

    /// Rows of those messages that still exist, by UID ascending.
    pub async fn rows(&self, uids: &[Uid]) -> Outcome<Vec<Row>> {
        self.account.0.store.rows(self.folder.id, uids).await
    }

    pub(super) async fn row(&self, uid: Uid) -> Outcome<Row> {
        self.rows(&[uid]).await?.pop().ok_or_else(|| Kind::NoSuchMessage.into())
    }
}
