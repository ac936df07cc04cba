//! How long a login lasts: until its password, its use or its connection is taken back.

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use super::{Account, LocalPassword, Purpose, Use};

/// Someone who was let in.
#[derive(Clone, Debug)]
pub struct Login {
    pub account: Account,
    pub lease: Lease,
    /// The name of the device that the password is for.
    pub device: Option<Box<str>>,
}

/// Tells a session when its login is no longer good.
#[derive(Clone, Debug)]
pub struct Lease(CancellationToken);

/// What a login rests on.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Ground {
    Password {
        hash: String,
        purpose: Purpose,
        device: Option<Box<str>>,
    },
    /// Where the client is (`Accounts::trust`).
    Place(Purpose),
}

/// What the sessions of one connection hold: one lease for each ground in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases(HashMap<Ground, CancellationToken>);

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
    pub(super) fn of(&mut self, ground: Ground) -> Lease {
        Lease(self.0.entry(ground).or_default().clone())
    }

    /// Ends those that rest on none of `passwords`, and on nothing that a connection for `purpose`
    /// gives. `None`: there is no connection any more.
    pub(super) fn keep(&mut self, passwords: &[LocalPassword], purpose: Option<Use>) {
        self.0.retain(|ground, lease| {
            let given = match ground {
                Ground::Password { hash, purpose, device } => passwords
                    .iter()
                    .any(|password| password.gives(hash, *purpose) && password.device == *device),
                Ground::Place(wanted) => purpose.is_some_and(|purpose| purpose.allows(*wanted)),
            };
            if !given {
                lease.cancel();
            }
            given
        });
    }
}
