//! `[queue]`: mail that is kept and tried again, where a client cannot (`when_unreachable = "queue"`).

use std::time::Duration;

use super::reader::Reader;

/// The bounds of one mailbox's queue; each with its reason in the example file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Queue {
    pub max_messages: usize,
    /// Octets.
    pub max_bytes: u64,
    /// How long a client waits for the first try before it is told that its message is queued.
    pub answer_within: Duration,
    /// After the first try; it doubles with each further one.
    pub first_retry: Duration,
    pub longest_retry: Duration,
    pub give_up_after: Duration,
    pub tries_at_once: usize,
    /// Largest message, in octets, that comes back whole with a report.
    pub report_bytes: u64,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Default for Queue {
    fn default() -> Self {
        Self {
            max_messages: 1_000,
            max_bytes: 1 << 30,
            answer_within: Duration::from_secs(10),
            first_retry: MINUTE,
            longest_retry: 60 * MINUTE,
            give_up_after: 5 * 24 * 60 * MINUTE,
            tries_at_once: 4,
            report_bytes: 1 << 20,
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Queue {
    let base = Queue::default();
    let queue = Queue {
        max_messages: reader.count("queue.max_messages", base.max_messages),
        max_bytes: reader.size("queue.max_bytes", base.max_bytes),
        answer_within: reader.duration("queue.answer_within", base.answer_within),
        first_retry: reader.duration("queue.first_retry", base.first_retry),
        longest_retry: reader.duration("queue.longest_retry", base.longest_retry),
        give_up_after: reader.duration("queue.give_up_after", base.give_up_after),
        tries_at_once: reader.count("queue.tries_at_once", base.tries_at_once),
        report_bytes: reader.size("queue.report_bytes", base.report_bytes),
    };
    if queue.first_retry < Duration::from_secs(1) {
        reader.problem("queue.first_retry", "must be at least \"1s\": Microsoft counts requests");
    }
    if queue.longest_retry < queue.first_retry {
        reader.problem("queue.longest_retry", "must not be shorter than queue.first_retry");
    }
    if queue.report_bytes > LARGEST_REPORT {
        reader.problem(
            "queue.report_bytes",
            "must be at most 2 MiB: a report is filed in one request",
        );
    }
    queue
}

/// With room for the report itself and the growth that comes with it (reference B.9).
const LARGEST_REPORT: u64 = 2 << 20;
