//! What is counted for the console. Counting costs an addition and waits for no one.

use std::sync::atomic::{AtomicU64, Ordering};

/// How one attempt at a request to the service ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    Answered,
    /// The token was no good, or more claims are demanded.
    Unauthorized,
    /// The service asked to slow down.
    Throttled,
    /// Any other answer that says no.
    Refused,
    /// An answer that says nothing about the request: 502, 503, 504.
    Unavailable,
    /// It never left: no route, no name, no TLS.
    NotSent,
    /// It left, and no answer came that could be read.
    Lost,
}

/// Attempts since the start, by their end.
#[derive(Debug, Default)]
pub struct Requests([AtomicU64; Fate::ALL.len()]);

impl Fate {
    pub const ALL: [Self; 7] = [
        Self::Answered,
        Self::Unauthorized,
        Self::Throttled,
        Self::Refused,
        Self::Unavailable,
        Self::NotSent,
        Self::Lost,
    ];

    /// The value of its label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unauthorized => "unauthorized",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::NotSent => "not_sent",
            Self::Lost => "lost",
        }
    }
}

impl Requests {
    pub fn count(&self, fate: Fate) {
        self.0[fate as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn of(&self, fate: Fate) -> u64 {
        self.0[fate as usize].load(Ordering::Relaxed)
    }
}
