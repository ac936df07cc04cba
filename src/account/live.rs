//! The one snapshot of a folder that all its sessions read from.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::clock::Instant;
use crate::mailbox::{FolderId, Kind, ModSeq, Outcome, Snapshot, Uid};
use crate::store::{Sizes, Store};

/// How long a snapshot is kept after the last session has left: clients come back within minutes.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// Messages in snapshots that no session holds, before the oldest are dropped: some six megabytes.
const KEPT_MESSAGES: usize = 200_000;

/// A folder's snapshot, kept up with the index.
#[derive(Debug)]
pub(super) struct Live {
    store: Store,
    folder: FolderId,
    sizes: Sizes,
    /// Told of every commit before whoever asked for it.
    news: watch::Receiver<ModSeq>,
    /// The newest state that a session has read past the snapshot: a commit can be read a moment before it is
    /// told of, and what a client was shown must not be followed by something older.
    read: AtomicU64,
    /// Held while the snapshot is read or moved on, so that many sessions cost one query.
    turn: Semaphore,
    held: Mutex<Option<Arc<Snapshot>>>,
}

/// Snapshots of folders opened lately, newest last.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<VecDeque<(Arc<Live>, Instant)>>);

impl Live {
    pub(super) fn new(store: &Store, folder: FolderId, sizes: Sizes) -> Self {
        Self {
            news: store.watch(folder),
            store: store.clone(),
            folder,
            sizes,
            read: AtomicU64::new(0),
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
            Some(snapshot) => self.store.advance(self.folder, snapshot, self.sizes).await?,
            None => self.store.snapshot(self.folder, self.sizes).await?,
        };
        *self.held() = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn fresh(&self) -> Outcome<Option<Arc<Snapshot>>> {
        if self.news.has_changed().is_err() {
            return Err(Kind::NoSuchFolder.into());
        }
        let read = ModSeq::new(self.read.load(Ordering::Acquire));
        let published = (*self.news.borrow()).max(read);
        let held = self.held();
        Ok(held.as_ref().filter(|snapshot| snapshot.through() >= published).cloned())
    }

    /// A session has read a message in that state.
    pub(super) fn note_read(&self, modseq: ModSeq) {
        self.read.fetch_max(modseq.get(), Ordering::AcqRel);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::mailbox::{Flags, RemoteId, Role, SystemFlag, Timestamp};
    use crate::store::{Applied, FolderFacts, Incoming, Tree};

    fn mail(flags: Flags) -> Incoming {
        let (remote, received) = (RemoteId::new("m"), Timestamp(0));
        Incoming { remote, version: None, flags, received, estimate: None, thread: None }
    }

    #[tokio::test]
    async fn a_snapshot_is_never_older_than_what_a_session_has_read_of_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), Clock::manual(Timestamp(0))).await.unwrap();
        let (remote, role) = (RemoteId::new("inbox"), Some(Role::Inbox));
        let inbox = FolderFacts { remote, parent: None, name: "Inbox".into(), role, total: None };
        let tree = Tree::Delta { upserts: vec![inbox], gone: vec![], asked: store.epoch() };
        store.apply_folders(tree, None).await.unwrap();
        let folder = store.folder_by_role(Role::Inbox).await.unwrap().unwrap().id;
        let change = async |flags: Flags| {
            let (upserts, asked) = (vec![mail(flags)], store.epoch());
            let page = Applied::Page { upserts, gone: vec![], asked, cursor: None };
            store.apply(folder, page).await.unwrap().uids[0].1
        };
        let uid = change(Flags::none()).await;
        // Commits that nobody is told of yet.
        let (_teller, news) = watch::channel(ModSeq::ZERO);
        let live = Live { news, ..Live::new(&store, folder, Sizes::Exact) };
        let seen = async || {
            let snapshot = live.current().await.unwrap();
            snapshot.lines(&[uid]).next().unwrap().flags.has(SystemFlag::Seen)
        };
        assert!(!seen().await);
        change(Flags::none().with(SystemFlag::Seen)).await;
        assert!(!seen().await);
        live.note_read(store.rows(folder, &[uid]).await.unwrap()[0].modseq);
        assert!(seen().await);
    }
}
