//! How far the service's clock is ahead of ours, as the `Date` of its answers tells.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::mailbox::Timestamp;

/// Seconds; zero until something else is known.
#[derive(Debug, Default)]
pub(super) struct Lead(AtomicI64);

impl Lead {
    /// `theirs` was written at some time between our `asked` and our `read`. An answer that was long on its
    /// way, or lay here while the computer slept, tells little: no more is believed than it proves.
    pub(super) fn learn(&self, theirs: Timestamp, asked: Timestamp, read: Timestamp) {
        let least = theirs.0.saturating_sub(read.0);
        // A second may have passed that the date does not show.
        let most = theirs.0.saturating_sub(asked.0).saturating_add(1).max(least);
        let seconds = self.seconds();
        if !(least..=most).contains(&seconds) {
            self.0.store(seconds.clamp(least, most), Ordering::Relaxed);
        }
    }

    pub(super) fn seconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(lead: &Lead, theirs: i64, asked: i64, read: i64) -> i64 {
        lead.learn(Timestamp(theirs), Timestamp(asked), Timestamp(read));
        lead.seconds()
    }

    #[test]
    fn a_quick_answer_tells_the_lead_and_a_slow_one_changes_nothing_that_may_be_true() {
        let lead = Lead::default();
        assert_eq!(learn(&lead, 1_000, 1_000, 1_000), 0);
        assert_eq!(learn(&lead, 1_300, 1_000, 1_001), 299);
        assert_eq!(learn(&lead, 2_300, 2_000, 2_600), 299);
        assert_eq!(learn(&lead, 2_300, 2_000, 2_000), 300);
        assert_eq!(learn(&lead, 3_000, 3_000, 3_000), 1);
        assert_eq!(learn(&lead, 4_000, 3_000, 4_600), 1);
        assert_eq!(learn(&lead, 5_000, 5_100, 5_100), -99);
    }

    #[test]
    fn a_clock_of_ours_that_was_set_back_meanwhile_breaks_nothing() {
        assert_eq!(learn(&Lead::default(), 1_000, 1_500, 900), 100);
    }
}
