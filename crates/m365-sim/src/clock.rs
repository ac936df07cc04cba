//! The tenant's clock: a test turns it, a demo lets it run.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::lock::locked;

/// A shared clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Face>>);

enum Face {
    /// Wall time plus what `advance` added.
    Real {
        ahead: SignedDuration,
    },
    Manual(Timestamp),
    Following(Box<dyn Fn() -> Timestamp + Send>),
}

impl Clock {
    /// Wall time. `advance` jumps ahead of it.
    pub fn real() -> Self {
        Self(Arc::new(Mutex::new(Face::Real { ahead: SignedDuration::ZERO })))
    }

    /// Stands still at `start` until `advance` is called.
    pub fn manual(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Face::Manual(start))))
    }

    /// Shows what another clock shows. `advance` does nothing: that clock is to be turned.
    pub fn following(other: impl Fn() -> Timestamp + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Face::Following(Box::new(other)))))
    }

    pub fn now(&self) -> Timestamp {
        match &*locked(&self.0) {
            Face::Real { ahead } => later(wall(), *ahead),
            Face::Manual(now) => *now,
            Face::Following(other) => other(),
        }
    }

    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        match &mut *locked(&self.0) {
            Face::Real { ahead } => *ahead = ahead.saturating_add(by),
            Face::Manual(now) => *now = later(*now, by),
            Face::Following(_) => {}
        }
    }
}

impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real { ahead } => write!(f, "Real({ahead:?} ahead)"),
            Self::Manual(now) => write!(f, "Manual({now})"),
            Self::Following(_) => f.write_str("Following"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the simulator's one look at wall time")]
fn wall() -> Timestamp {
    Timestamp::now()
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `2026-01-31T12:34:56Z`: Graph shows whole seconds on messages.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 9110 section 5.6.7, for `Date` and `Retry-After`.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// RFC 5322 section 3.3, always in UTC.
pub(crate) fn mail_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
