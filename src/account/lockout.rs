//! Who has guessed wrong too often is not listened to for a while.
//!
//! Counted by user name and by source address, whatever the connection. A login that was verified
//! before passes all the same (`registry.rs`), so that a guesser cannot lock out a client at work.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Instant;

/// Wrong passwords for one user name before it is locked: more than a person mistypes, and nothing
/// against 100 bits.
const USER_FAILURES: u32 = 10;
/// From one address: several users may sit behind it.
const SOURCE_FAILURES: u32 = 50;
/// Long enough to make guessing hopeless, short enough to wait for.
const LOCKED: Duration = Duration::from_secs(5 * 60);
/// Failures older than this are forgotten.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// Names and addresses remembered; beyond it the one silent for longest is forgotten.
const RECORDS: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Lockout(Mutex<HashMap<Key, Record>>);

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

impl Lockout {
    pub(super) fn is_locked(&self, user: &str, source: IpAddr, now: Instant) -> bool {
        let records = self.lock();
        keys(user, source).into_iter().flatten().any(|key| {
            let limit = key.limit();
            records
                .get(&key)
                .is_some_and(|record| record.failures >= limit && now.since(record.last) < LOCKED)
        })
    }

    /// Wrong passwords in a row for this user name.
    pub(super) fn failures(&self, user: &str, now: Instant) -> u32 {
        let records = self.lock();
        let record = records.get(&Key::User(user.to_ascii_lowercase()));
        record.filter(|record| now.since(record.last) < MEMORY).map_or(0, |record| record.failures)
    }

    pub(super) fn failed(&self, user: &str, source: IpAddr, now: Instant) {
        let mut records = self.lock();
        for key in keys(user, source).into_iter().flatten() {
            if records.len() >= RECORDS && !records.contains_key(&key) {
                forget_oldest(&mut records);
            }
            let record = records.entry(key).or_insert(Record { failures: 0, last: now });
            // A locked one that tries again after its time has one try before it is locked again.
            let lapsed = now.since(record.last) >= MEMORY;
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn limit(&self) -> u32 {
        match self {
            Self::User(_) => USER_FAILURES,
            Self::Source(_) => SOURCE_FAILURES,
        }
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
        for _ in 0..USER_FAILURES {
            assert!(!lockout.is_locked("ada", HERE, clock.instant()));
            lockout.failed("Ada", HERE, clock.instant());
        }
        assert!(lockout.is_locked("ada", HERE, clock.instant()));
        assert!(!lockout.is_locked("bob", HERE, clock.instant()));
        clock.advance(LOCKED);
        assert!(!lockout.is_locked("ada", HERE, clock.instant()));
        lockout.passed("ada");
        assert_eq!(lockout.failures("ada", clock.instant()), 0);
    }

    #[test]
    fn an_address_that_guesses_names_is_locked_but_never_this_machine() {
        let (lockout, now) = (Lockout::default(), Clock::manual(Timestamp(0)).instant());
        for number in 0..SOURCE_FAILURES {
            lockout.failed(&format!("user{number}"), THERE, now);
            lockout.failed(&format!("user{number}"), HERE, now);
        }
        assert!(lockout.is_locked("ada", THERE, now));
        assert!(!lockout.is_locked("ada", HERE, now));
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
