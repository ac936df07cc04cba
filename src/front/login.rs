//! The local login, shared by all protocols: one check, one growing delay.

use std::net::IpAddr;
use std::time::Duration;

use crate::account::{Accounts, Caller, Login, Purpose};
use crate::clock::Clock;
use crate::mailbox::{Kind, Outcome};

/// What a client is told whose login ends while it is connected.
pub(super) const TAKEN_BACK: &str =
    "This login was taken back: its password was revoked or its connection removed";
/// Wrong passwords that one connection may try before it is closed.
const ATTEMPTS: u32 = 5;

/// Stands at the door of one connection.
#[derive(Debug)]
pub struct Door {
    accounts: Accounts,
    caller: Caller,
    clock: Clock,
    failures: u32,
}

impl Door {
    /// `source` is the client's address.
    pub fn new(accounts: Accounts, purpose: Purpose, source: IpAddr, clock: Clock) -> Self {
        Self { accounts, caller: Caller { purpose, source }, clock, failures: 0 }
    }

    /// Lets a user in, or not.
    ///
    /// # Errors
    /// `WrongPassword`, after the delay, whether or not the user exists; `LockedOut`; or what keeps
    /// the right user out.
    pub async fn admit(&mut self, user: &[u8], password: &[u8]) -> Outcome<Login> {
        let (admitted, delay) = self.examine(user, password).await;
        self.wait(delay).await;
        admitted
    }

    /// Like `admit`, for who has something to say during the delay: the caller owes it (`wait`)
    /// before it tells anyone what came of it.
    pub async fn examine(&mut self, user: &[u8], password: &[u8]) -> (Outcome<Login>, Duration) {
        let user = String::from_utf8_lossy(user);
        let wait = self.accounts.delay(&user, self.caller.source, self.failures, &self.clock);
        let admitted = self.accounts.log_in(&user, password, self.caller, &self.clock).await;
        if let Err(fault) = &admitted
            && matches!(fault.kind(), Kind::WrongPassword | Kind::LockedOut)
        {
            self.failures += 1;
            return (admitted, wait);
        }
        (admitted, Duration::ZERO)
    }

    /// Lets in whoever may do so from where they are; `None` if there is no such connection.
    pub fn trust(&self, user: &str) -> Option<Login> {
        self.accounts.trust(user, self.caller)
    }

    pub async fn wait(&self, delay: Duration) {
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
    }

    /// Whether this connection has guessed often enough and is to be closed.
    pub fn is_shut(&self) -> bool {
        self.failures >= ATTEMPTS
    }
}
