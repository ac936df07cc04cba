//! The connections of this bridge, as `state/connections.toml` keeps them. Tokens are not in it.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file's own shape.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    #[serde(default, rename = "connection")]
    pub list: Vec<Connection>,
}

/// A signed-in mailbox.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Of the account that signed in.
    pub address: String,
    /// A shared mailbox that is opened with the account's sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    #[serde(default)]
    pub kind: ConnectionKind,
    #[serde(default, rename = "use")]
    pub purpose: ConnectionUse,
    /// When someone last signed in, in seconds since 1970: a running bridge sees by it that there
    /// is a new sign-in.
    #[serde(default)]
    pub signed_in: i64,
    /// The permissions granted then, by their bare names; empty if not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub granted: Vec<String>,
    /// Who signed in, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Other mailboxes in whose name it may send, beside its own addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub senders: Vec<String>,
    #[serde(default, rename = "password", skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<StoredPassword>,
}

/// What stays the same when an account is renamed (reference A.6).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccountId {
    pub tenant_id: String,
    pub object_id: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionKind {
    #[default]
    Graph,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionUse {
    Source,
    Outbound,
    #[default]
    Both,
}

/// A local password; only its argon2id hash is kept.
#[derive(Clone, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPassword {
    #[serde(default)]
    pub label: String,
    #[serde(default, rename = "use")]
    pub purpose: ConnectionUse,
    /// The name of the device that uses it (`[device.NAME]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    pub hash: String,
}

impl Connections {
    fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("connections.toml")
    }

    /// # Errors
    /// If the file is there and cannot be read; the text names it.
    pub fn load(state_dir: &Path) -> io::Result<Self> {
        let path = Self::path(state_dir);
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                io::Error::other(format!("{}: {}", path.display(), error.message()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }

    /// Replaces the file whole: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// If the state directory cannot be written.
    pub fn save(&self, state_dir: &Path) -> io::Result<()> {
        fs::create_dir_all(state_dir)?;
        let text = toml::to_string_pretty(self).map_err(io::Error::other)?;
        let path = Self::path(state_dir);
        let draft = path.with_extension("toml.new");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        fs::File::open(state_dir)?.sync_all()
    }

    /// Changes the file with no other process in between; nothing is written if `work` fails.
    ///
    /// # Errors
    /// Those of `load`, `save` and `work`.
    pub fn edit<T, E: From<io::Error>>(
        state_dir: &Path,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        fs::create_dir_all(state_dir)?;
        let path = Self::path(state_dir).with_extension("lock");
        let lock = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        lock.lock()?;
        let mut connections = Self::load(state_dir)?;
        let done = work(&mut connections)?;
        connections.save(state_dir)?;
        Ok(done)
    }

    /// By local user name.
    pub fn find(&self, user: &str) -> Option<&Connection> {
        self.list.iter().find(|connection| connection.is(user))
    }

    pub fn find_mut(&mut self, user: &str) -> Option<&mut Connection> {
        self.list.iter_mut().find(|connection| connection.is(user))
    }
}

impl Connection {
    /// The local user name: the address, and after a slash the shared mailbox if it is one.
    pub fn user(&self) -> String {
        match &self.mailbox {
            Some(mailbox) => format!("{}/{mailbox}", self.address),
            None => self.address.clone(),
        }
    }

    fn is(&self, user: &str) -> bool {
        self.user().eq_ignore_ascii_case(user)
    }
}

impl StoredPassword {
    /// What `password list` and `password revoke` call it; it tells nothing of the password.
    pub fn id(&self) -> String {
        password_id(&self.hash)
    }
}

/// The id of the password with this hash.
pub fn password_id(hash: &str) -> String {
    blake3::hash(hash.as_bytes()).to_hex()[..8].to_owned()
}

/// A hash is not for other eyes either: it can be guessed at.
impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredPassword")
            .field("id", &self.id())
            .field("label", &self.label)
            .field("purpose", &self.purpose)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_what_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let password = StoredPassword {
            label: "printer".to_owned(),
            purpose: ConnectionUse::Outbound,
            device: Some("scanner".to_owned()),
            hash: "$argon2id$x".to_owned(),
        };
        let connection = Connection {
            address: "ada@contoso.example".to_owned(),
            kind: ConnectionKind::Graph,
            purpose: ConnectionUse::Both,
            passwords: vec![password],
            ..Connection::default()
        };
        Connections { list: vec![connection] }.save(dir.path()).unwrap();
        let loaded = Connections::load(dir.path()).unwrap();
        let found = loaded.find("ADA@contoso.example").unwrap();
        assert_eq!(found.passwords[0].purpose, ConnectionUse::Outbound);
        assert_eq!(found.passwords[0].device.as_deref(), Some("scanner"));
    }

    #[test]
    fn changes_made_at_the_same_time_are_all_kept_and_a_failed_one_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let add = |number: u32| {
            Connections::edit(dir.path(), |connections| {
                let address = format!("{number}@contoso.example");
                connections.list.push(Connection { address, ..Connection::default() });
                if number == 0 { Err(io::Error::other("no")) } else { Ok(()) }
            })
        };
        std::thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || assert_eq!(add(number).is_ok(), number > 0));
            }
        });
        assert_eq!(Connections::load(dir.path()).unwrap().list.len(), 7);
    }

    #[test]
    fn a_shared_mailbox_has_a_user_name_of_its_own() {
        let shared = Connection {
            address: "ada@contoso.example".to_owned(),
            mailbox: Some("sales@contoso.example".to_owned()),
            ..Connection::default()
        };
        let connections = Connections { list: vec![shared] };
        assert!(connections.find("ada@contoso.example").is_none());
        assert!(connections.find("Ada@contoso.example/sales@contoso.example").is_some());
    }
}
