//! The gate that a throttled mailbox stands before: one for all its requests (reference H.1).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{HttpLimits, retry};
use crate::clock::{Clock, Instant};

#[derive(Debug)]
pub(super) struct Gate {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    opens: Option<Instant>,
    /// Answers of "too many requests" in a row, for back-off when the service names no time.
    throttled: u32,
}

impl Gate {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// How long the gate stays shut; `None` if it is open.
    pub(super) fn shut_for(&self) -> Option<Duration> {
        let now = self.clock.instant();
        let opens = self.lock().opens?;
        Some(opens.since(now)).filter(|wait| !wait.is_zero())
    }

    /// Shuts the gate for as long as the service says, or ever longer while it does not say.
    pub(super) fn shut(&self, wait: Option<Duration>, limits: &HttpLimits) {
        let now = self.clock.instant();
        let mut state = self.lock();
        let wait = match wait {
            Some(wait) => wait.min(limits.longest_retry_after),
            None => retry::back_off(state.throttled, limits),
        };
        state.throttled += 1;
        let opens = now.plus(wait);
        state.opens = Some(state.opens.map_or(opens, |known| known.max(opens)));
    }

    /// The service took a request again.
    pub(super) fn passed(&self) {
        self.lock().throttled = 0;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
