//! Work that one task does for all who asked for it.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Instant;

/// One run at a time; whoever asked before a run began is served by that run.
#[derive(Debug)]
pub(super) struct Turn {
    gate: Semaphore,
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Runs {
    begun: u64,
    /// The newest run that came to a good end: its number, and when it began.
    done: Option<(u64, Instant)>,
}

/// What a caller has seen begin when it asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

/// The right to run. Dropping it without `succeed` leaves the next one to try again.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    turn: &'a Turn,
    _permit: SemaphorePermit<'a>,
}

impl Default for Turn {
    fn default() -> Self {
        Self { gate: Semaphore::new(1), runs: Mutex::default() }
    }
}

impl Turn {
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.runs().begun)
    }

    /// Waits for the run in progress, if any.
    pub(super) async fn enter(&self) -> Entered<'_> {
        let permit = self.gate.acquire().await.expect("the gate is never closed");
        Entered { turn: self, _permit: permit }
    }

    /// `None` while someone else runs.
    pub(super) fn try_enter(&self) -> Option<Entered<'_>> {
        let permit = self.gate.try_acquire().ok()?;
        Some(Entered { turn: self, _permit: permit })
    }

    /// When the newest successful run began.
    pub(super) fn last(&self) -> Option<Instant> {
        self.runs().done.map(|(_, at)| at)
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered<'_> {
    /// Whether a run that began after the ticket was drawn has done the work already.
    pub(super) fn served(&self, ticket: Ticket) -> bool {
        self.turn.runs().done.is_some_and(|(run, _)| run > ticket.0)
    }

    /// To be called before the question is put to the service.
    pub(super) fn begin(&self) {
        self.turn.runs().begun += 1;
    }

    pub(super) fn succeed(self, began: Instant) {
        let mut runs = self.turn.runs();
        runs.done = Some((runs.begun, began));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::mailbox::Timestamp;

    #[tokio::test]
    async fn who_asked_before_a_run_began_is_served_by_it_and_who_asked_later_is_not() {
        let clock = Clock::manual(Timestamp(0));
        let turn = Turn::default();
        let early = turn.ticket();
        let run = turn.enter().await;
        run.begin();
        let late = turn.ticket();
        run.succeed(clock.instant());
        let next = turn.enter().await;
        assert!(next.served(early));
        assert!(!next.served(late));
    }

    #[tokio::test]
    async fn a_failed_run_serves_nobody() {
        let turn = Turn::default();
        let ticket = turn.ticket();
        let run = turn.enter().await;
        run.begin();
        drop(run);
        assert!(!turn.enter().await.served(ticket));
    }
}
