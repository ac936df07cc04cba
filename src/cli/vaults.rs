//! The vaults of this bridge's connections, and the key that opens them.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};

use super::prompt;
use crate::auth::key::has_salt;
use crate::auth::{FileVault, KeySources, Secret, VaultError, VaultKey};
use crate::config::{self, Config};

/// Opens any connection's vault.
#[derive(Clone)]
pub(super) struct Vaults {
    directory: PathBuf,
    key: VaultKey,
}

impl Vaults {
    pub(super) fn directory(config: &Config) -> PathBuf {
        config.state_dir.join("vault")
    }

    /// # Errors
    /// If there is no key: then nothing may be stored.
    pub(super) fn unlock(config: &Config) -> anyhow::Result<Self> {
        let directory = Self::directory(config);
        let passphrase = config::passphrase_variable().context("FOOTBRIDGE_PASSPHRASE_FILE")?;
        let mut sources = KeySources {
            credentials: config::credentials_directory(),
            file: config::key_file_variable().or_else(|| config.key_file.clone()),
            secret: config::key_variable().map(Secret::new),
            keyring: config.keyring,
            passphrase: passphrase.map(Secret::new),
        };
        let key = match sources.find(&directory) {
            Err(VaultError::NoKey) if std::io::stdin().is_terminal() => {
                sources.passphrase = Some(ask(has_salt(&directory))?);
                sources.find(&directory)?
            }
            found => found?,
        };
        Ok(Self { directory, key })
    }

    pub(super) fn of(&self, user: &str) -> FileVault {
        FileVault::within(&self.directory, user, self.key.clone())
    }
}

/// Asked once if a passphrase is in use here, else chosen, and typed twice.
fn ask(is_known: bool) -> anyhow::Result<Secret> {
    if is_known {
        return prompt::secret("passphrase of the vault: ");
    }
    let chosen = prompt::secret("no vault key is set; choose a passphrase for the vault: ")?;
    match prompt::secret("once more: ")? == chosen {
        true => Ok(chosen),
        false => Err(anyhow!("the two passphrases differ")),
    }
}
