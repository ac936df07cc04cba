//! The vault key in the desktop's keyring: made once, and nowhere on disk as it is.
//!
//! macOS has its Keychain, Windows its Credential Manager, other desktops the Secret Service on D-Bus
//! (GNOME Keyring, KWallet, KeePassXC).

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use keyring::v1::{Entry, Error};
use zeroize::Zeroizing;

use super::key::alone;
use super::vault::{FileVault, VaultError, VaultKey};

const SERVICE: &str = "footbridge";
const NAME: &str = "vault key";
const KEY: usize = 32;
/// A locked keyring asks for its password in a window: time to type it, and no more. A service that
/// hangs ends with it, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// The key, made if there is none yet.
///
/// # Errors
/// `Keyring` if it cannot be had; there is no other place that it would be put in instead.
pub(super) fn key(vaults: &Path) -> Result<VaultKey, VaultError> {
    let vaults = vaults.to_owned();
    let (tell, told) = mpsc::channel();
    // A thread of its own: D-Bus is spoken with blocking calls, and some have no end.
    std::thread::spawn(move || tell.send(found_or_made(&vaults)));
    let silent = |_| trouble(format!("gave no answer within {} seconds", PATIENCE.as_secs()));
    let material = told.recv_timeout(PATIENCE).map_err(silent)??;
    VaultKey::new(Some(&material))
}

fn found_or_made(vaults: &Path) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    if let Err(error) = Entry::store_status() {
        return Err(refused(error));
    }
    let entry = Entry::new(SERVICE, NAME).map_err(|error| refused(&error))?;
    let _alone = alone(vaults)?;
    match entry.get_secret() {
        Ok(material) => Ok(Zeroizing::new(material)),
        // A new key would open none of them, and look as if it should.
        Err(Error::NoEntry) if holds_vaults(vaults) => Err(trouble(format!(
            "holds no key of footbridge, and the sign-ins in {} were sealed with one",
            vaults.display()
        ))),
        Err(Error::NoEntry) => make(&entry),
        Err(error) => Err(refused(&error)),
    }
}

fn make(entry: &Entry) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut material = Zeroizing::new(vec![0; KEY]);
    getrandom::fill(&mut material).map_err(|error| std::io::Error::other(error.to_string()))?;
    entry.set_secret(&material).map_err(|error| refused(&error))?;
    // What is not kept would seal tokens that nobody opens again.
    let kept = entry.get_secret().map(Zeroizing::new).map_err(|error| refused(&error))?;
    if kept.len() != KEY {
        return Err(trouble("did not keep the key that it was given".to_owned()));
    }
    Ok(kept)
}

fn holds_vaults(vaults: &Path) -> bool {
    let entries = fs::read_dir(vaults).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| FileVault::is_name(&entry.file_name()))
}

/// Some of these errors hold what was stored; only what the platform itself said is passed on.
fn refused(error: &Error) -> VaultError {
    trouble(match error {
        Error::NoStorageAccess(_) => "is locked".to_owned(),
        Error::PlatformFailure(cause) => format!("cannot be reached ({cause})"),
        Error::Ambiguous(_) => format!("holds several entries {SERVICE:?}; remove all but one"),
        _ => "cannot be used".to_owned(),
    })
}

fn trouble(text: String) -> VaultError {
    VaultError::Keyring(text)
}
