//! One at a time, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whoever holds the turn of a name is alone with that name.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<String, Weak<Semaphore>>>);

/// Given back on drop.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(super) async fn take(&self, name: String) -> Turn {
        let line = self.line(name);
        // Fails only for a closed semaphore, and these are never closed.
        Turn { _permit: line.acquire_owned().await.ok() }
    }

    /// `None` while someone else has it.
    pub(super) fn try_take(&self, name: String) -> Option<Turn> {
        let permit = self.line(name).try_acquire_owned().ok()?;
        Some(Turn { _permit: Some(permit) })
    }

    /// Whether someone waits for another's turn to end.
    #[cfg(test)]
    pub(super) fn is_awaited(&self) -> bool {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.values().any(|line| line.strong_count() > 1)
    }

    fn line(&self, name: String) -> Arc<Semaphore> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, line| line.strong_count() > 0);
        if let Some(line) = lines.get(&name).and_then(Weak::upgrade) {
            return line;
        }
        let line = Arc::new(Semaphore::new(1));
        lines.insert(name, Arc::downgrade(&line));
        line
    }
}
