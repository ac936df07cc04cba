//! Local passwords: what a mail client gives the bridge instead of Microsoft's sign-in.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use subtle::{Choice, ConstantTimeEq as _};

use super::Secret;

/// A password's argon2id hash in PHC form; safe to store.
#[derive(Clone, Eq, PartialEq)]
pub struct HashedPassword(String);

/// Remembers which logins were verified, so that a client that polls does not cost one argon2 run
/// each time. Holds keyed digests only, in memory only.
pub struct VerifiedLogins {
    key: [u8; 32],
    recent: Mutex<VecDeque<[u8; 32]>>,
}

/// No letter or digit that is easily taken for another (l, o, 0, 1).
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Five groups of four characters of five bits each: 100 bits.
const GROUPS: usize = 5;
const GROUP: usize = 4;
/// As many as a bridge has sessions (`limits.connections`): all are looked through at each login, in
/// some microseconds.
const REMEMBERED: usize = 1024;

/// A new password such as `abcd-efgh-ijkm-npqr-stuv`, shown to its owner once.
///
/// # Panics
/// If the system has no randomness to give: nothing safe could be done then.
pub fn generate() -> Secret {
    let mut random = [0; GROUPS * GROUP];
    getrandom::fill(&mut random).expect("the system provides randomness");
    let letters: Vec<char> =
        random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    Secret::new(groups.join("-"))
}

impl HashedPassword {
    /// Takes some 20 ms and 19 MiB; run it where blocking is allowed.
    ///
    /// # Panics
    /// If the system has no randomness for a salt.
    pub fn new(password: &Secret) -> Self {
        let hash = Argon2::default().hash_password(password.expose().as_bytes());
        Self(hash.expect("default parameters and a random salt are valid").to_string())
    }

    /// A hash as stored; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        PasswordHash::new(text).ok()?;
        Some(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As slow as `new`.
    pub fn matches(&self, password: &Secret) -> bool {
        PasswordHash::new(&self.0).is_ok_and(|hash| {
            Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
        })
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword(…)")
    }
}

impl VerifiedLogins {
    /// # Panics
    /// If the system has no randomness to give.
    pub fn new() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system provides randomness");
        Self { key, recent: Mutex::default() }
    }

    /// Whether exactly this login was verified against exactly this hash before.
    pub fn knows(&self, user: &str, password: &Secret, hash: &HashedPassword) -> bool {
        let digest = self.digest(user, password, hash);
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let found = recent
            .iter()
            .fold(Choice::from(0), |found, known| found | known.as_slice().ct_eq(&digest));
        found.into()
    }

    pub fn remember(&self, user: &str, password: &Secret, hash: &HashedPassword) {
        let digest = self.digest(user, password, hash);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(digest);
    }

    /// The stored hash is part of it: a revoked password is forgotten with its hash.
    fn digest(&self, user: &str, password: &Secret, hash: &HashedPassword) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        let user = user.to_ascii_lowercase();
        for part in [user.as_str(), password.expose(), hash.as_str()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    }
}

impl Default for VerifiedLogins {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VerifiedLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedLogins")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_easy_to_type_and_hard_to_guess() {
        let password = generate();
        let groups: Vec<&str> = password.expose().split('-').collect();
        assert_eq!(groups.len(), GROUPS);
        assert!(groups.iter().all(|group| {
            group.len() == GROUP && group.bytes().all(|byte| ALPHABET.contains(&byte))
        }));
        assert_ne!(password, generate());
    }

    #[test]
    fn only_the_right_password_matches() {
        let password = generate();
        let stored = HashedPassword::parse(HashedPassword::new(&password).as_str()).unwrap();
        assert!(stored.as_str().starts_with("$argon2id$"));
        assert!(stored.matches(&password));
        assert!(!stored.matches(&generate()));
        assert!(HashedPassword::parse("plain").is_none());
    }

    #[test]
    fn a_verified_login_is_known_until_its_hash_changes() {
        let (password, logins) = (generate(), VerifiedLogins::new());
        let hash = HashedPassword::new(&password);
        assert!(!logins.knows("ada", &password, &hash));
        logins.remember("Ada", &password, &hash);
        assert!(logins.knows("ada", &password, &hash));
        assert!(!logins.knows("eve", &password, &hash));
        assert!(!logins.knows("ada", &generate(), &hash));
        assert!(!logins.knows("ada", &password, &HashedPassword::new(&password)));
    }

    #[test]
    fn old_logins_are_forgotten() {
        let (password, logins) = (generate(), VerifiedLogins::new());
        let hash = HashedPassword::new(&password);
        for number in 0..=REMEMBERED {
            logins.remember(&number.to_string(), &password, &hash);
        }
        assert!(!logins.knows("0", &password, &hash));
        assert!(logins.knows("1", &password, &hash));
    }
}
