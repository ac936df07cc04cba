//! The only place that reads time, so that tests can own it.
//!
//! Three waits, because a test treats them differently: `sleep` (background pace) waits for the
//! test to advance; `back_off` (waiting politely before a retry) makes a test's clock jump, so that
//! a Retry-After costs no wall time; `timeout` gives up only if the test says so.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::mailbox::Timestamp;

#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<Manual>>),
}

/// A test's time: stands still until advanced.
#[derive(Debug)]
struct Manual {
    started: i64,
    elapsed: Duration,
    sleepers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
    issued: u64,
}

/// A point on the clock's own scale; only differences mean anything.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Instant(Duration);

/// The wait was longer than allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Elapsed;

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until `advance` moves it.
    pub fn manual(start: Timestamp) -> Self {
        let manual = Manual {
            started: start.0,
            elapsed: Duration::ZERO,
            sleepers: BTreeMap::new(),
            issued: 0,
        };
        Self(Source::Manual(Arc::new(Mutex::new(manual))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(jiff_now()),
            Source::Manual(manual) => {
                let manual = lock(manual);
                let passed = i64::try_from(manual.elapsed.as_secs()).unwrap_or(i64::MAX);
                Timestamp(manual.started.saturating_add(passed))
            }
        }
    }

    pub fn instant(&self) -> Instant {
        match &self.0 {
            Source::System => Instant(monotonic()),
            Source::Manual(manual) => Instant(lock(manual).elapsed),
        }
    }

    /// Background pace: the next poll, the next retention run.
    pub async fn sleep(&self, wait: Duration) {
        match &self.0 {
            Source::System => system_sleep(wait).await,
            Source::Manual(_) if wait.is_zero() => tokio::task::yield_now().await,
            Source::Manual(manual) => {
                let woken = lock(manual).enlist(wait);
                // A dropped clock wakes its sleepers: there is no one left to advance it.
                let _ = woken.await;
            }
        }
    }

    /// Background pace with a fixed beat: comes back at once if the moment has passed.
    pub async fn sleep_until(&self, moment: Instant) {
        self.sleep(moment.since(self.instant())).await;
    }

    /// A polite wait before trying again.
    pub async fn back_off(&self, wait: Duration) {
        match &self.0 {
            Source::System => system_sleep(wait).await,
            Source::Manual(_) => {
                self.advance(wait);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Runs `work` for at most `limit`.
    ///
    /// # Errors
    /// `Elapsed` if the work was not done by then; it is dropped.
    pub async fn timeout<F: Future>(&self, limit: Duration, work: F) -> Result<F::Output, Elapsed> {
        tokio::select! {
            biased;
            output = work => Ok(output),
            () = self.sleep(limit) => Err(Elapsed),
        }
    }

    /// How long until the next sleeper of a manual clock wakes, if anyone sleeps.
    pub fn next_waking(&self) -> Option<Duration> {
        let Source::Manual(manual) = &self.0 else { return None };
        let mut manual = lock(manual);
        manual.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        let (moment, _) = manual.sleepers.keys().next()?;
        Some(moment.saturating_sub(manual.elapsed))
    }

    /// Moves a manual clock and wakes whoever waited for that; a system clock moves by itself.
    pub fn advance(&self, by: Duration) {
        let Source::Manual(manual) = &self.0 else { return };
        let mut manual = lock(manual);
        manual.elapsed += by;
        let first_to_stay = (manual.elapsed + Duration::from_nanos(1), 0);
        let later = manual.sleepers.split_off(&first_to_stay);
        for (_, sleeper) in std::mem::replace(&mut manual.sleepers, later) {
            let _ = sleeper.send(());
        }
    }
}

impl Manual {
    fn enlist(&mut self, wait: Duration) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        self.issued += 1;
        self.sleepers.insert((self.elapsed.saturating_add(wait), self.issued), wake);
        woken
    }
}

impl Instant {
    /// Zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

fn lock(manual: &Mutex<Manual>) -> std::sync::MutexGuard<'_, Manual> {
    manual.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn jiff_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn monotonic() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
async fn system_sleep(wait: Duration) {
    tokio::time::sleep(wait).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = Clock::manual(Timestamp(1_000));
        let mut sleeper = Box::pin(clock.sleep(Duration::from_secs(10)));
        assert!(futures_util::poll!(&mut sleeper).is_pending());
        clock.advance(Duration::from_secs(9));
        assert!(futures_util::poll!(&mut sleeper).is_pending());
        clock.advance(Duration::from_secs(1));
        sleeper.await;
        assert_eq!(clock.now(), Timestamp(1_010));
    }

    #[tokio::test]
    async fn backing_off_costs_a_test_no_time() {
        let clock = Clock::manual(Timestamp(0));
        clock.back_off(Duration::from_secs(300)).await;
        assert_eq!(clock.now(), Timestamp(300));
    }
}
