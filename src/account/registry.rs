//! All connected mailboxes, found by local login.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::lease::{Ground, Leases};
use super::lockout::{Lockout, LoginLimits};
use super::{Account, LastUses, Login};
use crate::auth::Secret;
use crate::auth::password::{self, HashedPassword, VerifiedLogins};
use crate::clock::Clock;
use crate::config::connections::password_id;
use crate::mailbox::{Address, Fault, Kind, Outcome};

/// What a client is going to do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
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
    /// The name of the device that it is for.
    pub device: Option<Box<str>>,
}

/// Someone at the door.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub purpose: Purpose,
    pub source: IpAddr,
}

#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    verified: VerifiedLogins,
    /// Checked for users that do not exist, so that both cases cost the same.
    nobody: HashedPassword,
    lockout: Lockout,
    uses: LastUses,
    /// Checks of users that exist, at one time: each takes 19 MiB.
    checks: Semaphore,
    /// Checks of users that do not exist wait for each other, and for no one else.
    strangers: Semaphore,
    connected: RwLock<HashMap<Address, Connected>>,
}

#[derive(Clone)]
struct Connected {
    account: Account,
    /// What the connection is for.
    purpose: Use,
    passwords: Vec<LocalPassword>,
    leases: Leases,
    /// One check at a time: who guesses at this user slows down this user's other new logins only.
    lane: Arc<Semaphore>,
}

const CHECKS: usize = 4;

impl Use {
    pub fn allows(self, purpose: Purpose) -> bool {
        match self {
            Self::Both => true,
            Self::Source => purpose == Purpose::Receive,
            Self::Outbound => purpose == Purpose::Send,
        }
    }
}

impl LocalPassword {
    /// Whether it is the one with this hash, and may be used for that.
    pub(super) fn gives(&self, hash: &str, purpose: Purpose) -> bool {
        self.hash.as_str() == hash && self.purpose.allows(purpose)
    }
}

impl Accounts {
    pub fn new() -> Self {
        Self::with(LastUses::default(), LoginLimits::default())
    }

    /// With what is known of the passwords' last uses, and what wrong ones cost.
    pub fn with(uses: LastUses, limits: LoginLimits) -> Self {
        Self(Arc::new(Inner {
            verified: VerifiedLogins::new(),
            nobody: HashedPassword::new(&password::generate()),
            lockout: Lockout::new(limits),
            uses,
            checks: Semaphore::new(CHECKS),
            strangers: Semaphore::new(1),
            connected: RwLock::default(),
        }))
    }

    /// Under its own address as the user name.
    pub fn add(&self, account: Account, passwords: Vec<LocalPassword>) {
        self.add_as(account.address().clone(), account, Use::Both, passwords);
    }

    /// Under another user name; what was there under that name is replaced. Whoever is logged in by a
    /// password that is not among `passwords` is told that the login is over.
    /// `purpose` is what the connection is for, whatever a password says.
    pub fn add_as(
        &self,
        user: Address,
        account: Account,
        purpose: Use,
        passwords: Vec<LocalPassword>,
    ) {
        let mut connected = self.0.connected.write().unwrap_or_else(PoisonError::into_inner);
        let known = connected.remove(&user).map(|known| (known.lane, known.leases));
        let (lane, mut leases) =
            known.unwrap_or_else(|| (Arc::new(Semaphore::new(1)), Leases::default()));
        leases.keep(&passwords, Some(purpose));
        connected.insert(user, Connected { account, purpose, passwords, leases, lane });
    }

    /// Nobody gets in by this name any more, and who is in is told to leave.
    pub fn remove(&self, user: &Address) {
        let mut connected = self.0.connected.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut removed) = connected.remove(user) {
            removed.leases.keep(&[], None);
        }
    }

    /// When the passwords were last used.
    pub fn last_uses(&self) -> &LastUses {
        &self.0.uses
    }

    /// Every account, by address.
    pub fn all(&self) -> Vec<Account> {
        let connected = self.0.connected.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Account> = connected.values().map(|one| one.account.clone()).collect();
        all.sort_by(|a, b| a.address().as_str().cmp(b.address().as_str()));
        all
    }

    /// How long the answer to a wrong password is held back, where this connection has tried
    /// `tried` before; what came for this user or from this address on others counts as well.
    pub fn delay(&self, user: &str, source: IpAddr, tried: u32, clock: &Clock) -> Duration {
        let before = self.0.lockout.failures(user, source, clock.instant());
        self.0.lockout.limits().delay(tried.max(before))
    }

    /// The account of this login, and for how long.
    ///
    /// # Errors
    /// `WrongPassword`, whether or not the user exists, and after the same work; `LockedOut`.
    pub async fn log_in(
        &self,
        user: &str,
        password: &[u8],
        caller: Caller,
        clock: &Clock,
    ) -> Outcome<Login> {
        let found = self.find(user);
        let outcome = self.check(user, password, caller, clock).await;
        match &outcome {
            Ok(hash) => {
                self.0.lockout.passed(user);
                self.0.uses.note(password_id(hash.as_str()), clock.now().0);
            }
            Err(fault) => {
                // What a stranger types may be a password that slipped into the wrong field.
                let user = found.as_ref().map_or("(unknown)", |_| user);
                let reason = fault.kind();
                tracing::warn!(target: "footbridge::audit", user, source = %caller.source, purpose = ?caller.purpose, ?reason, "login refused");
            }
        }
        self.admit(user, &outcome?, caller.purpose)
    }

    /// The password may have been taken back while it was checked.
    fn admit(&self, user: &str, hash: &HashedPassword, purpose: Purpose) -> Outcome<Login> {
        let gone = || Fault::from(Kind::WrongPassword);
        let user = Address::new(user).ok_or_else(gone)?;
        let mut connected = self.0.connected.write().unwrap_or_else(PoisonError::into_inner);
        let found = connected.get_mut(&user).ok_or_else(gone)?;
        let hash = hash.as_str();
        let given = found.passwords.iter().find(|password| password.gives(hash, purpose));
        let device = given.ok_or_else(gone)?.device.clone();
        let ground = Ground::Password { hash: hash.to_owned(), purpose, device: device.clone() };
        Ok(Login { account: found.account.clone(), lease: found.leases.of(ground), device })
    }

    /// Lets someone in without a password: the caller knows by other means that they may.
    /// `None` if there is no such connection, or it is not for that.
    pub fn trust(&self, user: &str, caller: Caller) -> Option<Login> {
        let user = Address::new(user)?;
        let mut connected = self.0.connected.write().unwrap_or_else(PoisonError::into_inner);
        let found =
            connected.get_mut(&user).filter(|found| found.purpose.allows(caller.purpose))?;
        let lease = found.leases.of(Ground::Place(caller.purpose));
        tracing::info!(target: "footbridge::audit", %user, source = %caller.source, purpose = ?caller.purpose, "let in without a password");
        Some(Login { account: found.account.clone(), lease, device: None })
    }

    /// The stored hash that the password belongs to.
    async fn check(
        &self,
        user: &str,
        password: &[u8],
        caller: Caller,
        clock: &Clock,
    ) -> Outcome<HashedPassword> {
        let wrong = || Fault::from(Kind::WrongPassword);
        let found = self.find(user);
        let allowed = |password: &&LocalPassword| password.purpose.allows(caller.purpose);
        let passwords = found.iter().flat_map(|found| &found.passwords);
        let hashes: Vec<HashedPassword> =
            passwords.filter(allowed).map(|password| password.hash.clone()).collect();
        let secret =
            std::str::from_utf8(password).map(Secret::new).unwrap_or_else(|_| Secret::new(""));
        if let Some(known) = self.known(user, &secret, &hashes) {
            return Ok(known);
        }
        let (lane, room) = match &found {
            Some(found) => (&*found.lane, Some(&self.0.checks)),
            None => (&self.0.strangers, None),
        };
        let _turn = lane.acquire().await.map_err(Fault::defect)?;
        // Others may have been verified, or failed, while this one waited.
        if let Some(known) = self.known(user, &secret, &hashes) {
            return Ok(known);
        }
        if self.0.lockout.is_locked(user, caller.source, clock.instant()) {
            return Err(Kind::LockedOut.into());
        }
        match self.verify(user, secret, hashes, room).await? {
            Some(hash) => Ok(hash),
            None => {
                self.0.lockout.failed(user, caller.source, clock.instant());
                Err(wrong())
            }
        }
    }

    fn known(
        &self,
        user: &str,
        password: &Secret,
        hashes: &[HashedPassword],
    ) -> Option<HashedPassword> {
        hashes.iter().find(|hash| self.0.verified.knows(user, password, hash)).cloned()
    }

    /// Argon2 is slow on purpose: it runs off the async threads, and once for each login that is right.
    async fn verify(
        &self,
        user: &str,
        password: Secret,
        hashes: Vec<HashedPassword>,
        room: Option<&Semaphore>,
    ) -> Outcome<Option<HashedPassword>> {
        let _room = match room {
            Some(room) => Some(room.acquire().await.map_err(Fault::defect)?),
            None => None,
        };
        let (inner, user) = (Arc::clone(&self.0), user.to_owned());
        let checked = tokio::task::spawn_blocking(move || {
            let right = hashes.iter().find(|hash| hash.matches(&password));
            match right {
                Some(hash) => inner.verified.remember(&user, &password, hash),
                None if hashes.is_empty() => drop(inner.nobody.matches(&password)),
                None => {}
            }
            right.cloned()
        });
        // A panic's own words may hold what it worked on.
        checked.await.map_err(|_| Fault::defect("the check of a password broke off"))
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
