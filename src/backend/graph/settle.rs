//! Times for settling doubts by looking.

use std::time::Duration;

use super::Graph;
use crate::mailbox::Timestamp;

/// How long the service is given to show what it may have done before it is asked.
pub(super) const SETTLING: Duration = Duration::from_secs(2);
/// How far the service's servers may disagree about the time, in seconds, when something new is
/// looked for by its time of creation.
const CLOCK_SKEW: i64 = 120;

impl Graph {
    /// The service's time from which on something counts as made since `started` (our time). Asked
    /// after the answer that is judged by it, so that its clock is known.
    pub(super) fn new_since(&self, started: Timestamp) -> Timestamp {
        Timestamp(self.http.service_time(started).0.saturating_sub(CLOCK_SKEW))
    }
}
