//! What is going on with one folder right now: who looks at it, and how well it is known.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::turn::Turn;
use crate::clock::Instant;

/// How long a folder stays watched after a STATUS: clients ask for it again and again.
const INTEREST: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Looks at the folder, one at a time.
    pub(super) turn: Turn,
    sessions: AtomicUsize,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    asked_about: Option<Instant>,
    audited: Option<Instant>,
    /// Items that the service counts and never lists (reference B.2: counts include what is no mail).
    unlisted: i64,
}

/// Keeps a folder watched while it lives.
#[derive(Debug)]
pub(super) struct Watching(Arc<Desk>);

impl Desk {
    pub(super) fn watch(self: &Arc<Self>) -> Watching {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        Watching(Arc::clone(self))
    }

    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        let asked = self.notes().asked_about;
        self.sessions.load(Ordering::Relaxed) > 0
            || asked.is_some_and(|at| now.since(at) < INTEREST)
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

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
