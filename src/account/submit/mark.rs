//! What the file of a queued message says of requests: that the service was asked for something which
//! may have come to something.
//!
//! First the journal has the attempt, then the file the mark, then the service the request, each synced
//! before the next. So without a mark nothing was asked, whatever became of the journal; and a journal
//! that does not know what a mark names is lost, or an older one that someone has put back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::mailbox::{Fault, Outcome};
use crate::store::queue::{Asked, Doubt, State};
use crate::store::{QueueFolder, QueueId};

/// The mark of one message, while it is tried.
#[derive(Debug)]
pub(super) struct Mark {
    queue: QueueFolder,
    id: QueueId,
    clock: Clock,
    /// As the file has it.
    state: Mutex<State>,
}

impl Mark {
    /// `state` is what was known before the try.
    pub(super) fn new(queue: QueueFolder, id: QueueId, clock: Clock, state: State) -> Self {
        Self { queue, id, clock, state: Mutex::new(state) }
    }

    /// # Errors
    /// If it cannot be written.
    pub(super) async fn set(&self, asked: Option<Asked>) -> Outcome<()> {
        let now = self.clock.now();
        let mut state = State { tried: Some(now), ..self.state() };
        state.set_doubt(Some(Doubt { since: now, asked }));
        let (queue, id, written) = (self.queue.clone(), self.id.clone(), state.clone());
        let writing = tokio::task::spawn_blocking(move || queue.set_state(&id, &written));
        writing.await.map_err(|_| Fault::defect("marking a queued message broke off"))??;
        *self.lock() = state;
        Ok(())
    }

    pub(super) fn state(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
