//! A folder that a session looks at.

use std::ops::RangeInclusive;
use std::sync::Arc;

use tokio::sync::watch;

use super::desk::Watching;
use super::live::Live;
use super::sync::Need;
use super::{Account, Opened, Status};
use crate::backend::{Urgency, Writing};
use crate::mailbox::{
    Changes, Folder, FolderPath, Kind, ModSeq, Outcome, RemoteId, Row, Snapshot, Uid, UidValidity,
    View,
};
use crate::store::Claim;

/// An opened folder; while any clone lives, the folder is watched for changes.
#[derive(Clone, Debug)]
pub struct OpenFolder {
    pub(super) account: Account,
    pub(super) folder: Arc<Folder>,
    pub(super) live: Arc<Live>,
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
        let live =
            self.desk(folder.id).live_or(|| Live::new(&self.0.store, folder.id, self.0.pace.sizes));
        let snapshot = live.current().await?;
        let recent = self.0.store.recent(folder.id, Claim::Look).await?;
        self.0.shelf.put(&live, self.0.clock.instant());
        self.desk(folder.id).note_opened(self.0.clock.instant());
        Ok(Opened {
            view: View::sharing(Arc::clone(snapshot.uids()), snapshot.through()),
            status: Status::of(&snapshot, recent.as_ref()),
            first_unseen: snapshot.tally().first_unseen,
            keywords: snapshot.keywords().into_iter().collect(),
            writable: self.0.backend.rights().writing == Writing::Allowed,
            folder: OpenFolder {
                account: self.clone(),
                folder: Arc::new(folder),
                live,
                _watching: watching,
            },
        })
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

    /// The folder as the index has it now, shared with all who look at it.
    ///
    /// # Errors
    /// `NoSuchFolder` once the folder is gone.
    pub async fn snapshot(&self) -> Outcome<Arc<Snapshot>> {
        self.live.current().await
    }

    /// # Errors
    /// `NoSuchFolder` once the folder is gone.
    pub async fn changes(&self, since: ModSeq) -> Outcome<Changes> {
        let changes = self.account.0.store.changes(self.folder.id, since).await?;
        self.live.note_read(changes.through);
        Ok(changes)
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
        let rows = self.account.0.store.rows(self.folder.id, uids).await?;
        if let Some(newest) = rows.iter().map(|row| row.modseq).max() {
            self.live.note_read(newest);
        }
        Ok(rows)
    }

    pub(super) async fn row(&self, uid: Uid) -> Outcome<Row> {
        self.rows(&[uid]).await?.pop().ok_or_else(|| Kind::NoSuchMessage.into())
    }
}
