//! How long a login lasts: until its password, its use or its connection is taken back.

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use super::{Account, LocalPassword, Purpose};

/// Someone who was let in.
#[derive(Clone, Debug)]
pub struct Login {
    pub account: Account,
    pub lease: Lease,
}

/// Tells a session when its login is no longer good.
#[derive(Clone, Debug)]
pub struct Lease(CancellationToken);

/// What the sessions of one connection hold: one lease for each password and purpose in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases(HashMap<(String, Purpose), CancellationToken>);

impl Lease {
    pub fn is_over(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves when the login is taken back.
    pub async fn over(&self) {
        self.0.cancelled().await;
    }
}

impl Leases {
    pub(super) fn of(&mut self, hash: &str, purpose: Purpose) -> Lease {
        Lease(self.0.entry((hash.to_owned(), purpose)).or_default().clone())
    }

    /// Ends those that none of `passwords` gives any more.
    pub(super) fn keep(&mut self, passwords: &[LocalPassword]) {
        self.0.retain(|(hash, purpose), lease| {
            let given = passwords.iter().any(|password| password.gives(hash, *purpose));
            if !given {
                lease.cancel();
            }
            given
        });
    }
}
