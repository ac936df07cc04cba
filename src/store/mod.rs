//! What the bridge remembers of one mailbox: an index (SQLite) and the message bytes (files).
//!
//! One `Store` for each account directory:
//! ```text
//! index.db        folders, rows, UIDs, change log, cursors, recent submissions
//! blobs/ab/…      message bytes by content hash
//! spool/          files in flight, emptied at open
//! outbox/         mail accepted and not yet sent (`queue`), whatever becomes of the index
//! uidvalidity     the highest one ever given here
//! lock            held while the store is open
//! ```
//! All writing happens on one thread, one transaction a job (`worker.rs`); reading happens on a few
//! connections, each in one snapshot. The index records what the service has confirmed, and what it
//! records is synced to disk before it is answered: a UID that a client saw must survive a power cut.

pub mod apply;
pub mod batch;
pub mod blobs;
pub mod bodies;
mod files;
pub mod filings;
mod fold;
pub mod folders;
mod layout;
pub mod listed;
mod objects;
mod octets;
pub mod outbox;
mod picture;
pub mod queue;
pub mod read;
mod recent;
mod retain;
mod schema;
mod snapshot;
mod spared;
pub mod spool;
mod tree;
mod validity;
mod values;
mod watching;
mod worker;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod testing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::mailbox::{Epoch, Fault, FolderId, ModSeq, Outcome};

use watching::Watching;
use worker::{Readers, Writer, Writing};

pub use apply::{Applied, Incoming, Receipt};
pub use batch::{Located, Told};
pub use blobs::BlobHash;
pub use bodies::{Body, ContentKey, Freezing, Frozen, Texts};
pub use filings::{Binding, Filing, FilingStage};
pub use folders::{FolderFacts, Subscription, Tree, TreeReceipt};
pub use listed::Listed;
pub use objects::Names;
pub use outbox::{
    Answer, Attempt, Digest, Outgoing, SentCopy, Stage, Unclaimed, first_id, further_id,
};
pub use queue::{Entry, Naming, QueueFolder, QueueId};
pub use read::Counts;
pub use recent::Claim;
pub use snapshot::Sizes;
pub use spool::SpoolFile;

/// A handle to one mailbox's memory; clones share it. It closes when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    clock: Clock,
    epochs: Arc<AtomicU64>,
    watching: Arc<Watching>,
    spooled: AtomicU64,
    readers: Readers,
    // Last: its drop waits for the thread, when nobody reads any more.
    writer: Writer,
}

impl Store {
    /// Opens the store in `directory`, making what is missing. An index that cannot be read is moved
    /// aside (`index.db.broken-<n>`) and begun anew: every folder then gets a new UIDVALIDITY.
    ///
    /// # Errors
    /// `Busy` if another process has it open; `Defect` if the directory cannot be used.
    pub async fn open(directory: &Path, clock: Clock) -> Outcome<Self> {
        let directory = directory.to_owned();
        let opening = tokio::task::spawn_blocking(move || Inner::open(directory, clock));
        let inner = opening.await.map_err(|_| Fault::defect("opening the index broke off"))??;
        Ok(Self(Arc::new(inner)))
    }

    /// Finishes what is queued and closes; later calls on any clone fail with `Busy`.
    pub async fn close(&self) {
        self.0.readers.close().await;
        self.0.writer.close().await;
    }

    /// The next tick of the logical clock. Take one BEFORE each request, question or write, is sent
    /// to the service and hand it in as `asked` with the answer. A listing of many pages carries the
    /// tick taken before its first.
    pub fn epoch(&self) -> Epoch {
        Epoch::new(self.0.epochs.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Where mail waits that was accepted and not yet sent.
    pub fn queue(&self) -> QueueFolder {
        QueueFolder::of(&self.0.directory)
    }

    /// Wakes after each commit that changed the folder. The first value may be zero: subscribe,
    /// then read, then wait. Closed once the folder is gone.
    pub fn watch(&self, folder: FolderId) -> watch::Receiver<ModSeq> {
        self.0.watching.folder(folder)
    }

    /// Wakes after each commit that changed the folder tree or the subscriptions.
    pub fn watch_folders(&self) -> watch::Receiver<u64> {
        self.0.watching.tree()
    }

    async fn read<T, F>(&self, work: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        self.0.readers.read(work).await
    }

    async fn write<T, F>(&self, work: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writing<'_>) -> Outcome<T> + Send + 'static,
    {
        self.0.writer.write(self.0.clock.now(), work).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.directory.join(name)
    }
}

impl Inner {
    fn open(directory: PathBuf, clock: Clock) -> Outcome<Self> {
        files::make_directory(&directory)?;
        let lock = files::lock(&directory.join("lock"))?;
        spool::empty(&directory.join(spool::DIRECTORY))?;
        files::make_directory(&directory.join(blobs::DIRECTORY))?;
        let index = directory.join("index.db");
        files::make_private(&index)?;
        let connection = schema::open_writer(&index)?;
        let epochs = Arc::new(AtomicU64::new(last_epoch(&connection)?));
        let watching = Arc::new(Watching::new());
        let writer = Writer::start(connection, lock, Arc::clone(&epochs), Arc::clone(&watching))?;
        let readers = Readers::new(index);
        let spooled = AtomicU64::new(0);
        Ok(Self { directory, clock, epochs, watching, spooled, readers, writer })
    }
}

fn last_epoch(connection: &Connection) -> Outcome<u64> {
    let sql = "SELECT value FROM meta WHERE key = 'epoch'";
    let tick: Option<i64> = connection.query_row(sql, [], |record| record.get(0)).optional()?;
    Ok(tick.and_then(|tick| u64::try_from(tick).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::testing::{fixture, mail, remote};
    use super::*;
    use crate::mailbox::Kind;

    #[tokio::test]
    async fn an_open_store_cannot_be_opened_twice_and_a_closed_one_refuses_work() {
        let here = fixture().await;
        let second = Store::open(here.directory.path(), here.clock.clone()).await;
        assert_eq!(*second.unwrap_err().kind(), Kind::Busy);
        here.store.close().await;
        assert_eq!(*here.store.folders().await.unwrap_err().kind(), Kind::Busy);
        let page =
            Applied::Added { rows: vec![mail("a", 1)], asked: here.store.epoch(), spared: vec![] };
        let fault = here.store.apply(here.inbox, page).await.unwrap_err();
        assert_eq!(*fault.kind(), Kind::Busy);
        Store::open(here.directory.path(), here.clock.clone()).await.unwrap();
    }

    #[tokio::test]
    async fn the_logical_clock_goes_on_above_all_that_was_recorded() {
        let here = fixture().await;
        let rows = vec![mail("a", 1)];
        here.apply(Applied::Added { rows, asked: here.store.epoch(), spared: vec![] }).await;
        let here = here.reopen().await;
        // A fresh look is believed, so it was asked after what the first run recorded.
        let receipt = here.page(vec![], &["a"]).await;
        assert!(receipt.changed && receipt.doubtful.is_empty());
    }

    #[tokio::test]
    async fn an_index_made_by_a_newer_version_is_left_alone() {
        let here = fixture().await;
        let (directory, clock) = (here.directory, here.clock);
        drop(here.store);
        let index = directory.path().join("index.db");
        let connection = Connection::open(&index).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        drop(connection);
        assert!(Store::open(directory.path(), clock).await.is_err());
        assert!(!directory.path().join("index.db.broken-1").exists());
    }

    #[tokio::test]
    async fn a_damaged_index_is_moved_aside_and_begun_anew() {
        let here = fixture().await;
        let (directory, clock) = (here.directory, here.clock);
        drop(here.store);
        let index = directory.path().join("index.db");
        let mut bytes = std::fs::read(&index).unwrap();
        bytes[4_096..].fill(0xa5);
        std::fs::write(&index, bytes).unwrap();
        let store = Store::open(directory.path(), clock).await.unwrap();
        assert!(store.folders().await.unwrap().is_empty());
        assert!(directory.path().join("index.db.broken-1").exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_can_read_what_is_stored() {
        use std::os::unix::fs::PermissionsExt;
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let file = here.file(b"bytes").await;
        let row = here.store.by_remote(here.inbox, &[remote("a")]).await.unwrap();
        let uid = row[0].as_ref().unwrap().uid;
        here.store.freeze(here.inbox, uid, file, Texts::default()).await.unwrap();
        let mut open = vec![here.directory.path().to_owned()];
        while let Some(path) = open.pop() {
            for entry in std::fs::read_dir(&path).unwrap() {
                let entry = entry.unwrap();
                let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
                assert_eq!(mode, 0, "{} can be read by others", entry.path().display());
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                }
            }
        }
    }

    #[tokio::test]
    async fn forgotten_tombstones_make_the_answer_longer_and_not_wrong() {
        let here = fixture().await;
        here.list(vec![mail("a", 1), mail("b", 2), mail("c", 3)]).await;
        let mut early = here.view().await;
        here.page(vec![], &["b"]).await;
        here.clock.advance(std::time::Duration::from_secs(200 * 24 * 60 * 60));
        here.store.prune().await.unwrap();
        let changes = here.store.changes(here.inbox, early.seen()).await.unwrap();
        early.catch_up(&changes, crate::mailbox::Expunges::Announce);
        assert_eq!(early.uids(), here.view().await.uids());
    }

    /// What a kill leaves behind: the files as they are while the store is open.
    #[tokio::test]
    async fn what_was_answered_is_still_there_after_a_kill() {
        let here = fixture().await;
        for number in 0..5 {
            let id = format!("m{number}");
            let receipt = here.page(vec![mail(&id, number)], &[]).await;
            let left = tempfile::TempDir::new().unwrap();
            for name in ["index.db", "index.db-wal"] {
                let from = here.directory.path().join(name);
                std::fs::copy(from, left.path().join(name)).unwrap();
            }
            let after = Store::open(left.path(), here.clock.clone()).await.unwrap();
            let rows = after.by_remote(here.inbox, &[remote(&id)]).await.unwrap();
            assert_eq!(rows[0].as_ref().map(|row| row.uid), Some(receipt.uids[0].1));
        }
    }
}
