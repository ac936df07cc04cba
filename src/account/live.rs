//! The one snapshot of a folder that all its sessions read from.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::clock::Instant;
use crate::mailbox::{FolderId, Kind, ModSeq, Outcome, Snapshot, Uid};
use crate::store::Store;

/// How long a snapshot is kept after the last session has left: clients come back within minutes.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// Messages in snapshots that no session holds, before the oldest are dropped: some six megabytes.
const KEPT_MESSAGES: usize = 200_000;

/// A folder's snapshot, kept up with the index.
#[derive(Debug)]
pub(super) struct Live {
    store: Store,
    folder: FolderId,
    /// Told of every commit before whoever asked for it.
    news: watch::Receiver<ModSeq>,
    /// Held while the snapshot is read or moved on, so that many sessions cost one query.
    turn: Semaphore,
    held: Mutex<Option<Arc<Snapshot>>>,
}

/// Snapshots of folders opened lately, newest last.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<VecDeque<(Arc<Live>, Instant)>>);

impl Live {
    pub(super) fn new(store: &Store, folder: FolderId) -> Self {
        Self {
            news: store.watch(folder),
            store: store.clone(),
            folder,
            turn: Semaphore::new(1),
            held: Mutex::default(),
        }
    }

    /// The folder as the index has it now: at once, unless something has changed.
    ///
    /// # Errors
    /// `NoSuchFolder` once the folder is gone.
    pub(super) async fn current(&self) -> Outcome<Arc<Snapshot>> {
        if let Some(snapshot) = self.fresh()? {
            return Ok(snapshot);
        }
        let _turn = self.turn.acquire().await.expect("the gate is never closed");
        if let Some(snapshot) = self.fresh()? {
            return Ok(snapshot);
        }
        // Taken out, so that it can be moved on in place; whoever comes now waits for its turn.
        let held = self.held().take();
        let snapshot = match held {
            Some(snapshot) => self.store.advance(self.folder, snapshot).await?,
            None => self.store.snapshot(self.folder).await?,
        };
        *self.held() = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn fresh(&self) -> Outcome<Option<Arc<Snapshot>>> {
        if self.news.has_changed().is_err() {
            return Err(Kind::NoSuchFolder.into());
        }
        let published = *self.news.borrow();
        let held = self.held();
        Ok(held.as_ref().filter(|snapshot| snapshot.through() >= published).cloned())
    }

    /// The exact size of a message has become known. It never changes after that, but for bytes
    /// that the service made anew: then what is on its way here may be older.
    pub(super) async fn note_size(&self, uid: Uid, octets: u64) {
        let _turn = self.turn.acquire().await.expect("the gate is never closed");
        if let Some(snapshot) = self.held().as_ref() {
            snapshot.note_size(uid, octets);
        }
    }

    fn messages(&self) -> usize {
        self.held().as_ref().map_or(0, |snapshot| snapshot.len())
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<Snapshot>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Shelf ===

impl Shelf {
    /// Keeps what was just opened a while longer than its sessions do.
    pub(super) fn put(&self, live: &Arc<Live>, now: Instant) {
        let mut shelf = self.lock();
        shelf.retain(|(kept, _)| !Arc::ptr_eq(kept, live));
        shelf.push_back((Arc::clone(live), now));
        drop(shelf);
        self.tidy(now);
    }

    /// Drops what no session has held for long, and the oldest of the rest if it is much.
    pub(super) fn tidy(&self, now: Instant) {
        let mut room = KEPT_MESSAGES;
        let mut shelf = self.lock();
        let mut kept = VecDeque::with_capacity(shelf.len());
        while let Some((live, at)) = shelf.pop_back() {
            // Sessions and the shelf hold it; if only the shelf does, no one can come by it meanwhile
            // but through the desk, and then nothing is lost but the reading.
            if Arc::strong_count(&live) > 1 {
                kept.push_front((live, now));
            } else if now.since(at) < KEPT_FOR && live.messages() <= room {
                room -= live.messages();
                kept.push_front((live, at));
            }
        }
        *shelf = kept;
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Arc<Live>, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
