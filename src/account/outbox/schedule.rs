//! When a message is tried again, and when all wait because the service is away.

use std::time::Duration;

use crate::config::Queue as Limits;
use crate::mailbox::{Fault, Kind, Timestamp};

/// While every message meets the same trouble, one at a time finds out whether it is over.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Option<Timestamp>,
    failures: u32,
}

impl Pause {
    /// Whether messages that were tried before may be tried now; `trying` are under way.
    pub(super) fn lets_retry(&self, now: Timestamp, trying: usize) -> bool {
        self.until.is_none_or(|until| until <= now && trying == 0)
    }

    /// When the next one may find out.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// A try met something that every other would have met.
    pub(super) fn failed(&mut self, fault: &Fault, now: Timestamp, limits: &Limits) {
        // Tries that were under way together are one failure.
        if self.until.is_some_and(|until| until > now) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.until = Some(later(now, wait(fault, self.failures, limits)));
    }

    /// The service is there; answers whether it was away.
    pub(super) fn end(&mut self) -> bool {
        self.failures = 0;
        self.until.take().is_some()
    }
}

/// The wait after a failed try, of which there were `tries`.
pub(super) fn wait(fault: &Fault, tries: u32, limits: &Limits) -> Duration {
    let doublings = tries.saturating_sub(1).min(31);
    let usual = limits.first_retry.saturating_mul(1 << doublings).min(limits.longest_retry);
    match fault.kind() {
        Kind::Throttled { retry_after: Some(asked) } => usual.max(*asked),
        // A renewed sign-in wakes it.
        Kind::SignInNeeded => limits.longest_retry,
        _ => usual,
    }
}

pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Timestamp(now.0.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest_and_what_the_service_asks_for_is_kept() {
        let limits = Limits::default();
        let away = Fault::from(Kind::Unreachable);
        let waits: Vec<Duration> = (1..=8).map(|tries| wait(&away, tries, &limits)).collect();
        let doubled = [1, 2, 4, 8, 16, 32, 60, 60].map(minutes);
        assert_eq!(waits, doubled);
        let asked = |after: Duration| Kind::Throttled { retry_after: Some(after) }.into();
        assert_eq!(wait(&asked(minutes(90)), 1, &limits), minutes(90));
        assert_eq!(wait(&asked(Duration::from_secs(2)), 1, &limits), minutes(1));
        assert_eq!(wait(&Kind::SignInNeeded.into(), 1, &limits), limits.longest_retry);
        assert_eq!(wait(&away, u32::MAX, &limits), limits.longest_retry);
    }

    #[test]
    fn while_the_service_is_away_one_message_at_a_time_finds_out() {
        let limits = Limits::default();
        let away = Fault::from(Kind::Unreachable);
        let mut pause = Pause::default();
        assert!(pause.lets_retry(Timestamp(0), 3));
        pause.failed(&away, Timestamp(0), &limits);
        pause.failed(&away, Timestamp(5), &limits);
        assert_eq!(pause.until(), Some(Timestamp(60)), "one failure");
        assert!(!pause.lets_retry(Timestamp(59), 0));
        assert!(pause.lets_retry(Timestamp(60), 0) && !pause.lets_retry(Timestamp(60), 1));
        pause.failed(&away, Timestamp(70), &limits);
        assert_eq!(pause.until(), Some(Timestamp(190)));
        assert!(pause.end() && !pause.end());
        assert!(pause.lets_retry(Timestamp(71), 4));
    }
}
