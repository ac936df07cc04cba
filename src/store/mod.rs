//! What the bridge remembers of one mailbox: an index (SQLite) and the message bytes (files).
//!
//! One `Store` for each account directory:
//! ```text
//! index.db        folders, rows, UIDs, change log, cursors, recent submissions
//! blobs/ab/…      message bytes by content hash
//! spool/          files in flight, emptied at open
//! lock            held while the store is open
//! ```
//! All writing happens on one thread, one transaction a job (`worker.rs`); reading happens on a few
//! connections, each in one snapshot. The index records what the service has confirmed, and what it
//! records is synced to disk before it is answered: a UID that a client saw must survive a power cut.

pub mod apply;
pub mod blobs;
pub mod bodies;
pub mod folders;
mod layout;
pub mod outbox;
pub mod read;
mod retain;
mod schema;
pub mod spool;
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

use tokio::sync::watch;

use crate::clock::Clock;
use crate::mailbox::{Epoch, FolderId, ModSeq, Outcome};

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
    watching: Arc<watching::Watching>,
    readers: worker::Readers,
    writer: worker::Writer,
    spooled: AtomicU64,
}

impl Store {
    /// Opens the store in `directory`, making what is missing. An index that cannot be read is moved
    /// aside (`index.db.broken-<n>`) and begun anew: every folder then gets a new UIDVALIDITY.
    ///
    /// # Errors
    /// `Busy` if another process has it open; `Defect` if the directory cannot be used.
    pub async fn open(directory: &Path, clock: Clock) -> Outcome<Self> {
        todo!()
    }

    /// Finishes what is queued and closes; later calls on any clone fail with `Busy`.
    pub async fn close(&self) {
        todo!()
    }

    /// The next tick of the logical clock. Take one BEFORE a question or a write is sent to the
    /// service and hand it in as `asked` with the answer.
    pub fn epoch(&self) -> Epoch {
        Epoch::new(self.0.epochs.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Wakes after each commit that changed the folder. The first value may be zero: subscribe,
    /// then read, then wait. Closed once the folder is gone.
    pub fn watch(&self, folder: FolderId) -> watch::Receiver<ModSeq> {
        todo!()
    }

    /// Wakes after each commit that changed the folder tree or the subscriptions.
    pub fn watch_folders(&self) -> watch::Receiver<u64> {
        todo!()
    }
}
