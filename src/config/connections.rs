//! The connections of this bridge, as `state/connections.toml` keeps them. Tokens are not in it.

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
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    pub address: String,
    #[serde(default)]
    pub kind: ConnectionKind,
    #[serde(default, rename = "use")]
    pub purpose: ConnectionUse,
    #[serde(default, rename = "password", skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<StoredPassword>,
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
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPassword {
    #[serde(default)]
    pub label: String,
    #[serde(default, rename = "use")]
    pub purpose: ConnectionUse,
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

    pub fn find(&self, address: &str) -> Option<&Connection> {
        self.list.iter().find(|connection| connection.address.eq_ignore_ascii_case(address))
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
            hash: "$argon2id$x".to_owned(),
        };
        let connection = Connection {
            address: "ada@contoso.example".to_owned(),
            kind: ConnectionKind::Graph,
            purpose: ConnectionUse::Both,
            passwords: vec![password],
        };
        Connections { list: vec![connection] }.save(dir.path()).unwrap();
        let loaded = Connections::load(dir.path()).unwrap();
        let found = loaded.find("ADA@contoso.example").unwrap();
        assert_eq!(found.passwords[0].purpose, ConnectionUse::Outbound);
    }
}
