//! All connected mailboxes, found by local login.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::Account;
use crate::auth::password::{PasswordHash, Verifier};
use crate::mailbox::{Address, Fault, Kind, Outcome};

/// What a client is going to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    Receive,
    Send,
}

/// One of a connection's local passwords.
#[derive(Clone, Debug)]
pub struct LocalPassword {
    pub hash: PasswordHash,
    pub receive: bool,
    pub send: bool,
}

#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    connected: RwLock<HashMap<Address, Connected>>,
}

#[derive(Clone)]
struct Connected {
    account: Account,
    passwords: Vec<LocalPassword>,
}

impl Accounts {
    pub fn new(verifier: Verifier) -> Self {
        Self(Arc::new(Inner { verifier, connected: RwLock::default() }))
    }

    pub fn add(&self, account: Account, passwords: Vec<LocalPassword>) {
        let mut connected = self.0.connected.write().unwrap_or_else(PoisonError::into_inner);
        connected.insert(account.address().clone(), Connected { account, passwords });
    }

    pub fn all(&self) -> Vec<Account> {
        let connected = self.0.connected.read().unwrap_or_else(PoisonError::into_inner);
        connected.values().map(|connected| connected.account.clone()).collect()
    }

    /// The account of this login.
    ///
    /// # Errors
    /// `WrongPassword`, whether or not the user exists, and after the same work.
    pub async fn log_in(&self, user: &str, password: &[u8], purpose: Purpose) -> Outcome<Account> {
        let found = self.find(user);
        let passwords = found.as_ref().map_or_else(Vec::new, |found| found.passwords.clone());
        let allowed = passwords.into_iter().filter(|password| match purpose {
            Purpose::Receive => password.receive,
            Purpose::Send => password.send,
        });
        let hashes: Vec<PasswordHash> = allowed.map(|password| password.hash).collect();
        let right = self.0.verifier.verify(user, password, hashes).await;
        match (found, right) {
            (Some(found), true) => Ok(found.account),
            _ => Err(Fault::from(Kind::WrongPassword)),
        }
    }

    fn find(&self, user: &str) -> Option<Connected> {
        let address = Address::new(user)?;
        let connected = self.0.connected.read().unwrap_or_else(PoisonError::into_inner);
        connected.get(&address).cloned()
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}
