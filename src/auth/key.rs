//! Where the key of the vaults comes from, and keys made of passphrases.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::Secret;
use super::vault::{VaultError, VaultKey, make_private, replace};

/// All the places that may hold the key, tried in this order.
#[derive(Clone, Debug, Default)]
pub struct KeySources {
    /// A service manager's credentials; the key is the file `footbridge-key` in it.
    pub credentials: Option<PathBuf>,
    pub file: Option<PathBuf>,
    /// The key itself.
    pub secret: Option<Secret>,
    /// Whether the desktop's keyring may be asked; only builds with the feature `keyring` can. Not
    /// where a passphrase is given, or in use: what someone chose goes before what is found.
    pub keyring: bool,
    /// Stretched with the salt that lies beside the vaults.
    pub passphrase: Option<Secret>,
}

pub type Salt = [u8; 16];

const CREDENTIAL: &str = "footbridge-key";

/// RFC 9106 §4, second recommendation: 64 MiB, three passes. One run at start is no burden.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Below this a passphrase is a password.
const SHORTEST_PASSPHRASE: usize = 8;

impl KeySources {
    /// # Errors
    /// `NoKey` if no place holds one; a place that is named and cannot be read is an error, never
    /// passed over.
    pub fn find(&self, vaults: &Path) -> Result<VaultKey, VaultError> {
        let credential = self.credentials.as_ref().map(|folder| folder.join(CREDENTIAL));
        let file = credential.filter(|path| path.exists()).or_else(|| self.file.clone());
        if let Some(path) = file {
            let material = fs::read(&path).map(Zeroizing::new);
            let material = material.map_err(|error| {
                io::Error::other(format!("key file {}: {error}", path.display()))
            })?;
            return VaultKey::new(Some(&material));
        }
        if let Some(secret) = &self.secret {
            return VaultKey::new(Some(secret.expose().as_bytes()));
        }
        #[cfg(feature = "keyring")]
        if self.keyring && self.passphrase.is_none() && !has_salt(vaults) {
            return super::keyring::key(vaults);
        }
        let passphrase = self.passphrase.as_ref().ok_or(VaultError::NoKey)?;
        stretch(passphrase, &salt(vaults)?)
    }
}

/// A key from a passphrase.
///
/// # Errors
/// `ShortKey` below eight characters.
pub(super) fn stretch(passphrase: &Secret, salt: &Salt) -> Result<VaultKey, VaultError> {
    let text = passphrase.expose().as_bytes();
    if text.len() < SHORTEST_PASSPHRASE {
        return Err(VaultError::ShortPassphrase);
    }
    let mut key = Zeroizing::new([0; 32]);
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(key.len()))
        .expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text, salt, key.as_mut_slice())
        .expect("salt and key have lengths that argon2 takes");
    VaultKey::new(Some(key.as_slice()))
}

/// # Errors
/// If the system has no randomness to give.
pub(super) fn fresh_salt() -> io::Result<Salt> {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(salt)
}

/// Whether a passphrase has been in use here.
pub fn has_salt(vaults: &Path) -> bool {
    vaults.join("salt").exists()
}

/// The salt beside the vaults, made at first use.
fn salt(vaults: &Path) -> io::Result<Salt> {
    let path = vaults.join("salt");
    let _alone = alone(vaults)?;
    match fs::read(&path) {
        Ok(salt) => salt.try_into().map_err(|_| io::Error::other("the vault's salt is damaged")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let salt = fresh_salt()?;
            replace(&path, &salt)?;
            Ok(salt)
        }
        Err(error) => Err(error),
    }
}

/// With no other process that makes a key, until the answer is dropped.
pub(super) fn alone(vaults: &Path) -> io::Result<fs::File> {
    make_private(vaults)?;
    let lock = fs::File::create(vaults.join("salt.lock"))?;
    lock.lock()?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{FileVault, TokenVault as _};

    async fn opens(one: &KeySources, other: &KeySources) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let vault = |sources: &KeySources| {
            FileVault::within(folder.path(), "ada", sources.find(folder.path()).unwrap())
        };
        vault(one).save(&Secret::new("token")).await.unwrap();
        vault(other).load().await.is_ok()
    }

    #[tokio::test]
    async fn the_first_place_that_holds_a_key_wins() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(CREDENTIAL), [1; 32]).unwrap();
        let file = folder.path().join("file");
        fs::write(&file, [2; 32]).unwrap();
        let all = KeySources {
            credentials: Some(folder.path().to_owned()),
            file: Some(file.clone()),
            secret: Some(Secret::new("3".repeat(32))),
            keyring: false,
            passphrase: Some(Secret::new("correct horse")),
        };
        let credential = KeySources { credentials: all.credentials.clone(), ..Default::default() };
        assert!(opens(&all, &credential).await);
        let rest = KeySources { credentials: None, ..all.clone() };
        let only_file = KeySources { file: Some(file), ..Default::default() };
        assert!(opens(&rest, &only_file).await);
        assert!(!opens(&all, &only_file).await);
        let rest = KeySources { file: None, ..rest };
        let secret = KeySources { secret: rest.secret.clone(), ..Default::default() };
        assert!(opens(&rest, &secret).await);
        let passphrase = KeySources { passphrase: all.passphrase, ..Default::default() };
        assert!(opens(&passphrase, &passphrase).await);
        let wrong = Some(Secret::new("wrong horse!"));
        assert!(!opens(&passphrase, &KeySources { passphrase: wrong, ..Default::default() }).await);
    }

    #[test]
    fn no_key_is_refused_and_a_named_one_that_is_missing_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let none = KeySources::default().find(folder.path());
        assert!(matches!(none, Err(VaultError::NoKey)));
        let lost = KeySources {
            file: Some(folder.path().join("gone")),
            passphrase: Some(Secret::new("correct horse")),
            ..Default::default()
        };
        assert!(matches!(lost.find(folder.path()), Err(VaultError::Disk(_))));
        let short = KeySources { passphrase: Some(Secret::new("short")), ..Default::default() };
        assert!(matches!(short.find(folder.path()), Err(VaultError::ShortPassphrase)));
    }
}
