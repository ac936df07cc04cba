//! What is known of a connection's sign-in at a glance.

use super::lapse::{Lapse, Owner};
use crate::mailbox::Timestamp;

/// What the console shows of a connection's sign-in.
#[derive(Clone, Debug)]
pub struct SignInStatus {
    pub state: SignInState,
    /// Of this run of the bridge.
    pub last_refresh: Option<Timestamp>,
    /// Of any run, as far as the vault knows.
    pub renewed: Option<Timestamp>,
    pub owner: Owner,
    /// What was granted, as far as a refresh told.
    pub scopes: Vec<String>,
    pub refreshes: Refreshes,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignInState {
    /// The first refresh, or one after a refused token, is under way.
    Refreshing,
    Fresh,
    /// The last refresh failed for a reason that may pass.
    Troubled {
        cause: String,
    },
    /// No retry helps until a person signs in.
    NeedsSignIn {
        cause: String,
    },
}

/// Token refreshes since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refreshes {
    pub done: u64,
    pub failed: u64,
}

impl SignInStatus {
    pub(super) fn new(renewed: Option<Timestamp>, owner: Owner) -> Self {
        Self {
            state: SignInState::Refreshing,
            last_refresh: None,
            renewed,
            owner,
            scopes: Vec::new(),
            refreshes: Refreshes::default(),
        }
    }

    pub fn lapse(&self) -> Lapse {
        Lapse::new(self.renewed, self.owner)
    }

    pub(super) fn refreshed(&mut self, now: Timestamp, scopes: &[String]) {
        self.state = SignInState::Fresh;
        self.last_refresh = Some(now);
        self.renewed = Some(now);
        self.scopes = scopes.to_vec();
        self.refreshes.done += 1;
    }
}

impl SignInState {
    /// The value of its label.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refreshing => "refreshing",
            Self::Fresh => "fresh",
            Self::Troubled { .. } => "troubled",
            Self::NeedsSignIn { .. } => "needed",
        }
    }
}
