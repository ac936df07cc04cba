//! What is going on with one folder right now: who looks at it, and how well it is known.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::arrivals::Arrivals;
use super::live::Live;
use super::sync::LOOK_UPS_MAX;
use super::turn::Turn;
use crate::clock::Instant;
use crate::mailbox::{Epoch, RemoteId};

/// How long a folder stays watched after a STATUS: clients ask for it again and again.
const INTEREST: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(super) struct Desk {
    /// Looks at the folder, one at a time.
    pub(super) turn: Turn,
    pub(super) arrivals: Arrivals,
    /// Listings of headers, one at a time.
    pub(super) headers: Semaphore,
    /// Edits that the service makes only if it finds what we know, one at a time.
    pub(super) edits: Semaphore,
    sessions: AtomicUsize,
    notes: Mutex<Notes>,
    /// While a session has the folder open, and a while after.
    live: Mutex<Weak<Live>>,
}

#[derive(Debug, Default)]
struct Notes {
    /// When a client last opened the folder.
    opened: Option<Instant>,
    asked_about: Option<Instant>,
    audited: Option<Instant>,
    /// Items that the service counts and never lists (reference B.2: counts include what is no mail).
    unlisted: i64,
    /// Messages recorded on other evidence than the folder's own feed, and when.
    ahead: Vec<(RemoteId, Epoch)>,
}

/// Keeps a folder watched while it lives.
#[derive(Debug)]
pub(super) struct Watching(Arc<Desk>);

impl Default for Desk {
    fn default() -> Self {
        Self {
            turn: Turn::default(),
            arrivals: Arrivals::default(),
            headers: Semaphore::new(1),
            edits: Semaphore::new(1),
            sessions: AtomicUsize::default(),
            notes: Mutex::default(),
            live: Mutex::default(),
        }
    }
}

impl Desk {
    pub(super) fn watch(self: &Arc<Self>) -> Watching {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        Watching(Arc::clone(self))
    }

    /// The snapshot that the folder's sessions share, if there are any.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    pub(super) fn live_or(&self, make: impl FnOnce() -> Live) -> Arc<Live> {
        let mut known = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let live = Arc::new(make());
            *known = Arc::downgrade(&live);
            live
        })
    }

    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        let asked = self.notes().asked_about;
        self.sessions.load(Ordering::Relaxed) > 0
            || asked.is_some_and(|at| now.since(at) < INTEREST)
    }

    pub(super) fn opened(&self) -> Option<Instant> {
        self.notes().opened
    }

    pub(super) fn note_opened(&self, now: Instant) {
        self.notes().opened = Some(now);
    }

    pub(super) fn note_interest(&self, now: Instant) {
        self.notes().asked_about = Some(now);
    }

    pub(super) fn audit_due(&self, now: Instant, every: Duration) -> bool {
        self.notes().audited.is_none_or(|at| now.since(at) >= every)
    }

    pub(super) fn note_audit(&self, now: Instant) {
        self.notes().audited = Some(now);
    }

    /// Items beyond what a full listing had, when it was last made.
    pub(super) fn unlisted(&self) -> i64 {
        self.notes().unlisted
    }

    pub(super) fn note_unlisted(&self, items: i64) {
        self.notes().unlisted = items;
    }

    /// These were recorded before the folder's feed told of them. If they leave again before it is
    /// asked, it will never mention them: to it, nothing has happened.
    pub(super) fn note_ahead(&self, messages: impl IntoIterator<Item = RemoteId>, at: Epoch) {
        let mut notes = self.notes();
        // One more than is looked up: then the folder is counted, whatever their names.
        let room = (LOOK_UPS_MAX + 1).saturating_sub(notes.ahead.len());
        notes.ahead.extend(messages.into_iter().take(room).map(|message| (message, at)));
    }

    /// Those of which a feed asked at `asked` could have told.
    pub(super) fn ahead(&self, asked: Epoch) -> Vec<RemoteId> {
        let notes = self.notes();
        let earlier = notes.ahead.iter().filter(|(_, at)| *at < asked);
        earlier.map(|(message, _)| message.clone()).collect()
    }

    pub(super) fn settle_ahead(&self, asked: Epoch) {
        self.notes().ahead.retain(|(_, at)| *at >= asked);
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
