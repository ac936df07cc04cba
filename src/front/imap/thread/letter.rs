//! What threads are made of.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use crate::mime::{MessageId, Standing};

/// One message, as THREAD sees it.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// As the answer names it. Letters come in the order of these.
    pub(super) number: NonZeroU32,
    /// Seconds since 1970, UTC (RFC 5256 §2.2).
    pub(super) sent: i64,
    pub(super) id: Option<MessageId>,
    /// Oldest first.
    pub(super) references: Vec<MessageId>,
    pub(super) base_subject: Box<str>,
    pub(super) standing: Standing,
}

impl Letter {
    /// By the date of sending, then by the sequence number.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        (self.sent, self.number).cmp(&(other.sent, other.number))
    }
}
