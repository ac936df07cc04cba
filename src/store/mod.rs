//! What the bridge remembers of one mailbox: an index (SQLite) and the message bytes (files).
//!
//! One `Store` for each account directory:
//! ```text
//! index.db        folders, rows, UIDs, change log, cursors, recent submissions
//! blobs/ab/…      message bytes by content hash
//! spool/          files in flight, emptied at open
//! uidvalidity     the highest one ever given here
//! lock            held while the store is open
//! ```
//! All writing happens on one thread, one transaction a job (`worker.rs`); reading happens on a few
//! connections, each in one snapshot. The index records what the service has confirmed, and what it
//! records is synced to disk before it is answered: a UID that a client saw must survive a power cut.

pub mod apply;
pub mod blobs;
pub mod bodies;
mod files;
mod fold;
pub mod folders;
mod layout;
pub mod outbox;
mod picture;
pub mod read;
mod retain;
mod schema;
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
pub use blobs::BlobHash;
pub use bodies::{Body, Freezing, Frozen, Texts};
pub use folders::{FolderFacts, Subscription, Tree, TreeReceipt};
pub use outbox::{Begun, Progress, Recorded, Submitted};
pub use read::Counts;
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

    /// The next tick of the logical clock. Take one BEFORE a question or a write is sent to the
    /// service and hand it in as `asked` with the answer.
    pub fn epoch(&self) -> Epoch {
        Epoch::new(self.0.epochs.fetch_add(1, Ordering::SeqCst) + 1)
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
