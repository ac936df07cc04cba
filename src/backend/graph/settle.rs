//! Times for settling doubts by looking.

use std::time::Duration;

/// How long the service is given to show what it may have done before it is asked.
pub(super) const SETTLING: Duration = Duration::from_secs(2);
/// How far the service's clock may be behind ours, in seconds, when something new is looked for by
/// its time of creation.
pub(super) const CLOCK_SKEW: i64 = 120;
