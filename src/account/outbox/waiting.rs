//! A client that waits for the first try of its message.

use tokio::sync::watch;

use super::Outbox;
use super::board::{Answer, Progress};
use crate::account::{Accepted, Standing};
use crate::backend::Trail;
use crate::clock::Instant;
use crate::mailbox::{Fault, Outcome};
use crate::store::QueueId;

/// A client that waits for its answer.
pub(super) struct Waiting<'a> {
    pub(super) outbox: &'a Outbox,
    pub(super) id: QueueId,
    pub(super) progress: watch::Receiver<Progress>,
}

impl Waiting<'_> {
    /// What is known by `until`, or soon after.
    pub(super) async fn answer(mut self, until: Instant) -> (Outcome<Accepted>, Trail) {
        let outbox = self.outbox;
        let is_known = |progress: &Progress| !matches!(progress, Progress::Underway);
        let wait = until.since(outbox.clock.instant());
        // Late or not, what is known by then is told.
        let _ = outbox.clock.timeout(wait, self.progress.wait_for(is_known)).await.map(drop);
        loop {
            match self.known() {
                Some(known) => return known,
                None if self.progress.changed().await.is_err() => {
                    return (
                        Err(Fault::defect("a queued message is lost sight of")),
                        Trail::default(),
                    );
                }
                None => {}
            }
        }
    }

    fn known(&mut self) -> Option<(Outcome<Accepted>, Trail)> {
        // The board is locked before the progress is read: nothing comes between.
        let mut board = self.outbox.board();
        let progress = self.progress.borrow_and_update().clone();
        match progress {
            Progress::Sent(accepted, trail) => return Some((Ok(accepted), trail)),
            Progress::Refused(fault, trail) => return Some((Err(fault), trail)),
            Progress::Underway | Progress::Queued => {}
        }
        match board.answer(&self.id) {
            Answer::Queued => {
                let id = self.id.to_string();
                let queued = Accepted { id, sent_copy: None, standing: Standing::Queued };
                Some((Ok(queued), Trail::default()))
            }
            Answer::Soon => None,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.outbox.board().leave(&self.id);
    }
}
