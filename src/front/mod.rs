//! The protocols that mail clients speak: words on one side, use cases on the other.

use std::time::Duration;

use crate::account::Lease;

pub mod imap;
mod link;
pub mod login;
pub mod smtp;

/// How long a peer may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// Of someone who has not logged in: enough to type a password.
    pub stranger: Duration,
    /// In an IMAP session (RFC 3501 §5.4: at least 30 minutes).
    pub imap: Duration,
    /// In an SMTP session (RFC 5321 §4.5.3.2: five minutes).
    pub smtp: Duration,
}

/// Resolves when the login is taken back; never for someone who is not logged in.
async fn over(lease: Option<&Lease>) {
    match lease {
        Some(lease) => lease.over().await,
        None => std::future::pending().await,
    }
}

impl Default for Silence {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self { stranger: minutes(3), imap: minutes(31), smtp: minutes(5) }
    }
}
