//! Shutdown: one signal that everyone hears, one list of everyone who is still at work.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;

/// The shutdown signal and the tasks that obey it. A handle, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// "Come to an end": finish what is in flight, start nothing new.
    ending: CancellationToken,
    /// "Now": whoever still runs is dropped where it stands.
    cutting: CancellationToken,
    tracker: TaskTracker,
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drained {
    /// Every task came to its own end.
    Clean,
    /// The deadline passed; this many tasks were dropped.
    Cut(usize),
}

impl Drain {
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` until it ends or the deadline of `drain` passes.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cutting = self.cutting.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = task => {}
                () = cutting.cancelled() => {}
            }
        });
    }

    /// The signal itself, for whoever passes it on.
    pub fn token(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// The list itself, for tasks that must not be cut: they end by the signal or not at all.
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Resolves when shutdown has begun.
    pub async fn begun(&self) {
        self.ending.cancelled().await;
    }

    pub fn has_begun(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Asks all tasks to end, waits for them up to `deadline`, then drops those that are left.
    pub async fn drain(&self, clock: &Clock, deadline: Duration) -> Drained {
        self.ending.cancel();
        self.tracker.close();
        if clock.timeout(deadline, self.tracker.wait()).await.is_ok() {
            return Drained::Clean;
        }
        let left = self.tracker.len();
        self.cutting.cancel();
        self.tracker.wait().await;
        Drained::Cut(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::Timestamp;

    #[tokio::test]
    async fn a_task_that_obeys_makes_a_clean_end() {
        let drain = Drain::new();
        let heard = drain.clone();
        drain.spawn(async move { heard.begun().await });
        let clock = Clock::manual(Timestamp(0));
        assert_eq!(drain.drain(&clock, Duration::from_secs(1)).await, Drained::Clean);
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_cut_at_the_deadline() {
        let drain = Drain::new();
        drain.spawn(std::future::pending());
        let clock = Clock::manual(Timestamp(0));
        let mut draining = Box::pin(drain.drain(&clock, Duration::from_secs(5)));
        assert!(futures_util::poll!(&mut draining).is_pending());
        clock.advance(Duration::from_secs(5));
        assert_eq!(draining.await, Drained::Cut(1));
    }
}
