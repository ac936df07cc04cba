//! Messages that this bridge is putting into a folder by APPEND or COPY.
//!
//! Another session may meet such a message as soon as the service has it, before its own bytes are
//! recorded here. What the service would give for it then are other bytes, made anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::mailbox::Uid;

/// What is on its way into one folder.
#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<Vec<Arc<Under>>>);

#[derive(Debug)]
struct Under {
    /// The folder's next UID when it began: what has a lower one was there before.
    next: Uid,
    /// Closed at the end; it never has a permit.
    done: Semaphore,
}

/// Lasts from before the request until the bytes are recorded, or are known not to come.
#[derive(Debug)]
pub(super) struct Arriving<'a> {
    arrivals: &'a Arrivals,
    under: Arc<Under>,
}

impl Arrivals {
    pub(super) fn begin(&self, next: Uid) -> Arriving<'_> {
        let under = Arc::new(Under { next, done: Semaphore::new(0) });
        self.list().push(Arc::clone(&under));
        Arriving { arrivals: self, under }
    }

    /// Returns once nothing is under way that `uid` could be. What begins later is not waited for.
    pub(super) async fn settled(&self, uid: Uid) {
        let running = self.list().clone();
        for under in running.iter().filter(|under| under.next <= uid) {
            let _closed = under.done.acquire().await;
        }
    }

    fn list(&self) -> MutexGuard<'_, Vec<Arc<Under>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        self.arrivals.list().retain(|other| !Arc::ptr_eq(other, &self.under));
        self.under.done.close();
    }
}
