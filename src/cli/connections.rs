//! `footbridge connection` and `footbridge password`: what is connected, and who may use it.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand, ValueEnum};

use super::{ReadyConnection, print};
use crate::auth::password::{self, HashedPassword};
use crate::auth::{FileVault, Secret, TokenVault as _, VaultKey};
use crate::config::connections::{
    Connection, ConnectionKind, ConnectionUse, Connections, StoredPassword,
};
use crate::config::{self, Config};
use crate::mailbox::Address;

#[derive(Debug, Subcommand)]
pub(super) enum ConnectionCommand {
    /// Add a connection from a refresh token that was obtained elsewhere.
    #[command(
        after_help = "Example: footbridge connection add ada@contoso.com --refresh-token-file token.txt"
    )]
    Add(AddConnection),
    /// List the connections.
    #[command(after_help = "Example: footbridge connection list --json")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Forget a connection, its token and its local passwords. Mail in Microsoft 365 is not touched.
    #[command(after_help = "Example: footbridge connection remove ada@contoso.com")]
    Remove { address: String },
}

#[derive(Args, Debug)]
pub(super) struct AddConnection {
    /// The mailbox's address, which is also the local user name.
    address: String,
    #[arg(long = "use", value_enum, default_value_t = UseArgument::Both)]
    purpose: UseArgument,
    /// A file that holds a refresh token for the configured client_id (it is read, sealed, and not
    /// needed after).
    #[arg(long, value_name = "FILE")]
    refresh_token_file: PathBuf,
    /// Replace the connection if it is there already; its local passwords stay.
    #[arg(long)]
    replace: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum PasswordCommand {
    /// Make a new local password; it is shown once.
    #[command(after_help = "Example: footbridge password add ada@contoso.com --label printer")]
    Add {
        address: String,
        #[arg(long, default_value = "")]
        label: String,
        #[arg(long = "use", value_enum, default_value_t = UseArgument::Both)]
        purpose: UseArgument,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum UseArgument {
    Source,
    Outbound,
    Both,
}

const NOT_THERE: &str = "there is no such connection; see: footbridge connection list";

pub(super) async fn run(config: &Config, command: ConnectionCommand) -> anyhow::Result<()> {
    match command {
        ConnectionCommand::Add(wanted) => add_connection(config, wanted).await,
        ConnectionCommand::List { json } => list_connections(config, json),
        ConnectionCommand::Remove { address } => remove_connection(config, &address),
    }
}

pub(super) fn run_password(config: &Config, command: PasswordCommand) -> anyhow::Result<()> {
    match command {
        PasswordCommand::Add { address, label, purpose } => {
            add_password(config, &address, label, purpose.into())
        }
    }
}

async fn add_connection(config: &Config, wanted: AddConnection) -> anyhow::Result<()> {
    let address = checked_address(&wanted.address)?;
    let mut stored = Connections::load(&config.state_dir)?;
    if stored.find(&address).is_some() && !wanted.replace {
        return Err(anyhow!("{address} is connected already; use --replace to sign it in anew"));
    }
    let key = vault_key(config)?;
    let read = fs::read_to_string(&wanted.refresh_token_file);
    let token = read.with_context(|| wanted.refresh_token_file.display().to_string())?;
    vault(config, &address, key).save(&Secret::new(token.trim())).await?;
    let old = stored.list.iter().position(|connection| connection.address == address);
    let kept = old.map(|index| stored.list.remove(index).passwords).unwrap_or_default();
    let fresh = kept.is_empty().then(password::generate);
    let mut passwords = kept;
    passwords.extend(fresh.as_ref().map(|fresh| StoredPassword {
        label: "first".to_owned(),
        purpose: ConnectionUse::Both,
        hash: HashedPassword::new(fresh).as_str().to_owned(),
    }));
    stored.list.push(Connection {
        address: address.clone(),
        kind: ConnectionKind::Graph,
        purpose: wanted.purpose.into(),
        passwords,
    });
    stored.save(&config.state_dir)?;
    let password = fresh.as_ref().map(|fresh| fresh.expose().to_owned());
    if wanted.json {
        let line = ReadyConnection { address: address.clone(), user: address, password };
        return print(&serde_json::to_string(&line)?);
    }
    let shown = password
        .map_or_else(String::new, |password| format!("\npassword (shown once): {password}"));
    print(&format!(
        "connected: {address}\nuser: {address}{shown}\nA running bridge takes it at its next start."
    ))
}

fn list_connections(config: &Config, json: bool) -> anyhow::Result<()> {
    let stored = Connections::load(&config.state_dir)?;
    for connection in &stored.list {
        if json {
            let line = serde_json::json!({
                "address": connection.address, "kind": connection.kind, "use": connection.purpose,
            });
            print(&line.to_string())?;
        } else {
            print(&format!(
                "{}  {:?}  {:?}",
                connection.address, connection.kind, connection.purpose
            ))?;
        }
    }
    Ok(())
}

fn remove_connection(config: &Config, address: &str) -> anyhow::Result<()> {
    let mut stored = Connections::load(&config.state_dir)?;
    let address = stored.find(address).map(|found| found.address.clone());
    let address = address.ok_or_else(|| anyhow!(NOT_THERE))?;
    stored.list.retain(|connection| connection.address != address);
    stored.save(&config.state_dir)?;
    match fs::remove_file(vault_path(config, &address)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => print(&format!("removed: {address}")),
    }
}

fn add_password(
    config: &Config,
    address: &str,
    label: String,
    purpose: ConnectionUse,
) -> anyhow::Result<()> {
    let mut stored = Connections::load(&config.state_dir)?;
    let found =
        stored.list.iter_mut().find(|connection| connection.address.eq_ignore_ascii_case(address));
    let connection = found.ok_or_else(|| anyhow!(NOT_THERE))?;
    let fresh = password::generate();
    let hash = HashedPassword::new(&fresh).as_str().to_owned();
    connection.passwords.push(StoredPassword { label, purpose, hash });
    stored.save(&config.state_dir)?;
    print(&format!("password (shown once): {}", fresh.expose()))
}

fn checked_address(text: &str) -> anyhow::Result<String> {
    let address = Address::new(text).ok_or_else(|| anyhow!("{text:?} is not a mail address"))?;
    Ok(address.as_str().to_owned())
}

fn vault_path(config: &Config, address: &str) -> PathBuf {
    let name = blake_name(address);
    config.state_dir.join("vault").join(name)
}

/// Addresses may hold characters that file names may not.
fn blake_name(address: &str) -> String {
    blake3::hash(address.to_ascii_lowercase().as_bytes()).to_hex()[..32].to_owned()
}

pub(super) fn vault(config: &Config, address: &str, key: VaultKey) -> FileVault {
    FileVault::new(vault_path(config, address), address, key)
}

pub(super) fn vault_key(config: &Config) -> anyhow::Result<VaultKey> {
    let file = config::key_file_variable().or_else(|| config.key_file.clone());
    let material = match file {
        Some(path) => {
            Some(fs::read(&path).with_context(|| format!("key file {}", path.display()))?)
        }
        None => None,
    };
    Ok(VaultKey::new(material.as_deref())?)
}

impl From<UseArgument> for ConnectionUse {
    fn from(argument: UseArgument) -> Self {
        match argument {
            UseArgument::Source => Self::Source,
            UseArgument::Outbound => Self::Outbound,
            UseArgument::Both => Self::Both,
        }
    }
}
