//! All connected mailboxes, found by local login.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::Account;
use crate::auth::Secret;
use crate::auth::password::{self, HashedPassword, VerifiedLogins};
use crate::mailbox::{Address, Fault, Kind, Outcome};

/// What a client is going to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    Receive,
    Send,
}

/// What a connection or one of its local passwords is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    Source,
    Outbound,
    Both,
}

/// One of a connection's local passwords.
#[derive(Clone, Debug)]
pub struct LocalPassword {
    pub hash: HashedPassword,
    pub purpose: Use,
}

#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    verified: VerifiedLogins,
    /// Checked for users that do not exist, so that both cases cost the same.
    nobody: HashedPassword,
    connected: RwLock<HashMap<Address, Connected>>,
}

#[derive(Clone)]
struct Connected {
    account: Account,
    passwords: Vec<LocalPassword>,
}

impl Use {
    pub fn allows(self, purpose: Purpose) -> bool {
        match self {
            Self::Both => true,
            Self::Source => purpose == Purpose::Receive,
            Self::Outbound => purpose == Purpose::Send,
        }
    }
}

impl Accounts {
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            verified: VerifiedLogins::new(),
            nobody: HashedPassword::new(&password::generate()),
            connected: RwLock::default(),
        }))
    }

    pub fn add(&self, account: Account, passwords: Vec<LocalPassword>) {
        let mut connected = self.0.connected.write().unwrap_or_else(PoisonError::into_inner);
        connected.insert(account.address().clone(), Connected { account, passwords });
    }

    /// Every account, by address.
    pub fn all(&self) -> Vec<Account> {
        let connected = self.0.connected.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Account> = connected.values().map(|one| one.account.clone()).collect();
        all.sort_by(|a, b| a.address().as_str().cmp(b.address().as_str()));
        all
    }

    /// The account of this login.
    ///
    /// # Errors
    /// `WrongPassword`, whether or not the user exists, and after the same work.
    pub async fn log_in(&self, user: &str, password: &[u8], purpose: Purpose) -> Outcome<Account> {
        let found = self.find(user);
        let hashes: Vec<HashedPassword> = found
            .iter()
            .flat_map(|found| &found.passwords)
            .filter(|password| password.purpose.allows(purpose))
            .map(|password| password.hash.clone())
            .collect();
        let wrong = || Fault::from(Kind::WrongPassword);
        let password = std::str::from_utf8(password).map_err(|_| wrong())?;
        let right = self.verify(user.to_owned(), Secret::new(password), hashes).await?;
        found.filter(|_| right).map(|found| found.account).ok_or_else(wrong)
    }

    /// Argon2 is slow on purpose: it runs off the async threads, and once for each login that is right.
    async fn verify(
        &self,
        user: String,
        password: Secret,
        hashes: Vec<HashedPassword>,
    ) -> Outcome<bool> {
        let verified = &self.0.verified;
        if hashes.iter().any(|hash| verified.knows(&user, &password, hash)) {
            return Ok(true);
        }
        let inner = Arc::clone(&self.0);
        let checked = tokio::task::spawn_blocking(move || {
            let right = hashes.iter().find(|hash| hash.matches(&password));
            match right {
                Some(hash) => inner.verified.remember(&user, &password, hash),
                None if hashes.is_empty() => drop(inner.nobody.matches(&password)),
                None => {}
            }
            right.is_some()
        });
        checked.await.map_err(Fault::defect)
    }

    fn find(&self, user: &str) -> Option<Connected> {
        let address = Address::new(user)?;
        let connected = self.0.connected.read().unwrap_or_else(PoisonError::into_inner);
        connected.get(&address).cloned()
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}
