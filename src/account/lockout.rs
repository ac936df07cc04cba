//! Who has guessed wrong too often is not listened to for a while.
//!
//! Counted by user name and by source address, whatever the connection. A login that was verified
//! before passes all the same (`registry.rs`), so that a guesser cannot lock out a client at work.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Instant;

/// What wrong passwords cost whoever sends them.
#[derive(Clone, Copy, Debug)]
pub struct LoginLimits {
    /// Wrong passwords for one user name before it is locked.
    pub user_failures: u32,
    /// From one address.
    pub source_failures: u32,
    /// How long a lockout lasts.
    pub lockout: Duration,
    /// The wait after the first wrong password; it doubles with each further one.
    pub first_delay: Duration,
    pub longest_delay: Duration,
}

/// Failures are remembered for so many lockouts: who comes back after one has one try, not ten.
const MEMORY: u32 = 3;
/// Names and addresses remembered; beyond it the one silent for longest is forgotten.
const RECORDS: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Lockout {
    limits: LoginLimits,
    records: Mutex<HashMap<Key, Record>>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Key {
    User(String),
    Source(IpAddr),
}

#[derive(Debug)]
struct Record {
    failures: u32,
    last: Instant,
}

impl LoginLimits {
    /// The wait after a wrong password that so many others went before.
    pub fn delay(&self, failures: u32) -> Duration {
        self.first_delay.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest_delay)
    }

    fn memory(&self) -> Duration {
        self.lockout.saturating_mul(MEMORY)
    }

    fn failures(&self, key: &Key) -> u32 {
        match key {
            Key::User(_) => self.user_failures,
            Key::Source(_) => self.source_failures,
        }
    }
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self {
            // More than a person mistypes, and nothing against 100 bits.
            user_failures: 10,
            // Several users may sit behind one address.
            source_failures: 50,
            // Long enough to make guessing hopeless, short enough to wait for.
            lockout: Duration::from_secs(5 * 60),
            // A person who mistyped hardly notices, a guesser does.
            first_delay: Duration::from_secs(1),
            // Clients give up on a server that is silent for longer than some 30 seconds.
            longest_delay: Duration::from_secs(8),
        }
    }
}

impl Lockout {
    pub(super) fn new(limits: LoginLimits) -> Self {
        Self { limits, records: Mutex::default() }
    }

    pub(super) fn limits(&self) -> &LoginLimits {
        &self.limits
    }

    pub(super) fn is_locked(&self, user: &str, source: IpAddr, now: Instant) -> bool {
        let records = self.lock();
        keys(user, source).into_iter().flatten().any(|key| {
            records.get(&key).is_some_and(|record| {
                record.failures >= self.limits.failures(&key)
                    && now.since(record.last) < self.limits.lockout
            })
        })
    }

    /// Wrong passwords in a row for this user name, or of late from this address: the larger number.
    pub(super) fn failures(&self, user: &str, source: IpAddr, now: Instant) -> u32 {
        let records = self.lock();
        let known = keys(user, source).into_iter().flatten().filter_map(|key| records.get(&key));
        let fresh = known.filter(|record| now.since(record.last) < self.limits.memory());
        fresh.map(|record| record.failures).max().unwrap_or(0)
    }

    pub(super) fn failed(&self, user: &str, source: IpAddr, now: Instant) {
        let mut records = self.lock();
        for key in keys(user, source).into_iter().flatten() {
            if records.len() >= RECORDS && !records.contains_key(&key) {
                forget_oldest(&mut records);
            }
            let record = records.entry(key).or_insert(Record { failures: 0, last: now });
            // A locked one that tries again after its time has one try before it is locked again.
            let lapsed = now.since(record.last) >= self.limits.memory();
            record.failures = if lapsed { 1 } else { record.failures.saturating_add(1) };
            record.last = now;
        }
    }

    /// The right password: the user is who they say. The source is not cleared by that: it may
    /// still be guessing at others.
    pub(super) fn passed(&self, user: &str) {
        self.lock().remove(&Key::User(user.to_ascii_lowercase()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everyone on this machine shares its loopback address, so that is never locked.
fn keys(user: &str, source: IpAddr) -> [Option<Key>; 2] {
    let source = Some(source).filter(|source| !source.is_loopback()).map(Key::Source);
    [Some(Key::User(user.to_ascii_lowercase())), source]
}

fn forget_oldest(records: &mut HashMap<Key, Record>) {
    let oldest = records.iter().min_by_key(|(_, record)| record.last).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        records.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::mailbox::Timestamp;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_user_is_locked_for_a_while_and_no_other() {
        let (lockout, clock) = (Lockout::default(), Clock::manual(Timestamp(0)));
        for _ in 0..LoginLimits::default().user_failures {
            assert!(!lockout.is_locked("ada", HERE, clock.instant()));
            lockout.failed("Ada", HERE, clock.instant());
        }
        assert!(lockout.is_locked("ada", HERE, clock.instant()));
        assert!(!lockout.is_locked("bob", HERE, clock.instant()));
        clock.advance(LoginLimits::default().lockout);
        assert!(!lockout.is_locked("ada", HERE, clock.instant()));
        lockout.passed("ada");
        assert_eq!(lockout.failures("ada", HERE, clock.instant()), 0);
    }

    #[test]
    fn an_address_that_guesses_names_is_locked_but_never_this_machine() {
        let (lockout, now) = (Lockout::default(), Clock::manual(Timestamp(0)).instant());
        for number in 0..LoginLimits::default().source_failures {
            lockout.failed(&format!("user{number}"), THERE, now);
            lockout.failed(&format!("user{number}"), HERE, now);
        }
        assert!(lockout.is_locked("ada", THERE, now));
        assert!(!lockout.is_locked("ada", HERE, now));
        assert!(lockout.failures("ada", THERE, now) >= LoginLimits::default().source_failures);
        assert_eq!(lockout.failures("ada", HERE, now), 0);
    }

    #[test]
    fn who_comes_back_after_a_lockout_has_one_try_however_long_it_was() {
        let limits = LoginLimits { lockout: Duration::from_secs(3600), ..LoginLimits::default() };
        let (lockout, clock) = (Lockout::new(limits), Clock::manual(Timestamp(0)));
        for _ in 0..limits.user_failures {
            lockout.failed("ada", HERE, clock.instant());
        }
        clock.advance(limits.lockout);
        assert!(!lockout.is_locked("ada", HERE, clock.instant()));
        lockout.failed("ada", HERE, clock.instant());
        assert!(lockout.is_locked("ada", HERE, clock.instant()));
    }

    #[test]
    fn each_wrong_password_costs_more_up_to_a_limit() {
        let limits = LoginLimits::default();
        let waits: Vec<u64> = (0..6).map(|failures| limits.delay(failures).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
    }

    #[test]
    fn a_flood_of_names_does_not_fill_the_memory() {
        let (lockout, now) = (Lockout::default(), Clock::manual(Timestamp(0)).instant());
        for number in 0..RECORDS + 100 {
            lockout.failed(&number.to_string(), HERE, now);
        }
        assert_eq!(lockout.lock().len(), RECORDS);
    }
}
