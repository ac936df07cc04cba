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

/// What became of a message that was handed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Submission {
    /// Taken by the service, at once or out of the queue.
    Sent,
    /// Accepted, to be sent later.
    Queued,
    /// Refused for now (4yz): the client keeps it.
    Deferred,
    /// Refused for good (5yz).
    Refused,
    /// Given up after it was queued; its sender was told, if that was wanted.
    Bounced,
    /// Removed from the queue by hand.
    Dropped,
}

/// Messages since the start, by what became of them.
#[derive(Debug, Default)]
pub struct Submissions([AtomicU64; Submission::ALL.len()]);

impl Submission {
    pub const ALL: [Self; 6] =
        [Self::Sent, Self::Queued, Self::Deferred, Self::Refused, Self::Bounced, Self::Dropped];

    /// The value of its label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Bounced => "bounced",
            Self::Dropped => "dropped",
        }
    }
}

impl Submissions {
    pub fn count(&self, outcome: Submission) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn of(&self, outcome: Submission) -> u64 {
        self.0[outcome as usize].load(Ordering::Relaxed)
    }
}
