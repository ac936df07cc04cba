//! `footbridge password`: what mail clients log in with.

use anyhow::anyhow;
use clap::Subcommand;

use super::connection::NOT_THERE;
use super::{UseArgument, print};
use crate::account::LastUses;
use crate::auth::password::{self, HashedPassword};
use crate::config::Config;
use crate::config::connections::{Connections, StoredPassword};

#[derive(Debug, Subcommand)]
pub(super) enum PasswordCommand {
    /// Make a new local password; it is shown once.
    #[command(
        after_help = "Example: footbridge password add scans@contoso.com --label copier --device copier"
    )]
    Add {
        address: String,
        #[arg(long, default_value = "")]
        label: String,
        /// What it may be used for [default: both, with --device outbound]
        #[arg(long = "use", value_enum)]
        purpose: Option<UseArgument>,
        /// The device that uses it, by the name of its section [device.NAME]; its settings count then
        #[arg(long)]
        device: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// List the local passwords of one connection or of all, without the passwords themselves.
    #[command(after_help = "Example: footbridge password list ada@contoso.com")]
    List {
        address: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Take a password back, by its id or its label (see: footbridge password list).
    #[command(after_help = "Example: footbridge password revoke ada@contoso.com printer")]
    Revoke { address: String, password: String },
}

pub(super) fn run(config: &Config, command: PasswordCommand) -> anyhow::Result<()> {
    match command {
        PasswordCommand::Add { address, label, purpose, device, json } => {
            check_device(config, device.as_deref())?;
            let usual = if device.is_some() { UseArgument::Outbound } else { UseArgument::Both };
            let purpose = purpose.unwrap_or(usual).into();
            let wanted = StoredPassword { label, purpose, device, ..StoredPassword::default() };
            add(config, &address, wanted, json)
        }
        PasswordCommand::List { address, json } => list(config, address.as_deref(), json),
        PasswordCommand::Revoke { address, password } => revoke(config, &address, &password),
    }
}

/// Nobody could log in with a password for a device that the settings do not know.
fn check_device(config: &Config, device: Option<&str>) -> anyhow::Result<()> {
    let Some(device) = device else { return Ok(()) };
    let known: Vec<&str> = config.devices.iter().map(|device| device.name.as_str()).collect();
    if known.contains(&device) {
        return Ok(());
    }
    match known.is_empty() {
        true => Err(anyhow!("the settings have no devices; add a section [device.{device}] first")),
        false => Err(anyhow!("the settings have no device {device}, but {}", known.join(", "))),
    }
}

fn add(config: &Config, user: &str, wanted: StoredPassword, json: bool) -> anyhow::Result<()> {
    let fresh = password::generate();
    let hash = HashedPassword::new(&fresh).as_str().to_owned();
    let stored = StoredPassword { hash, ..wanted };
    let id = stored.id();
    Connections::edit(&config.state_dir, |connections| {
        let connection = connections.find_mut(user).ok_or_else(|| anyhow!(NOT_THERE))?;
        connection.passwords.push(stored);
        anyhow::Ok(())
    })?;
    if json {
        let line = serde_json::json!({"user": user, "id": id, "password": fresh.expose()});
        return print(&line.to_string());
    }
    print(&format!("password (shown once): {}", fresh.expose()))
}

fn list(config: &Config, user: Option<&str>, json: bool) -> anyhow::Result<()> {
    let connections = Connections::load(&config.state_dir)?;
    if user.is_some_and(|user| connections.find(user).is_none()) {
        return Err(anyhow!(NOT_THERE));
    }
    let uses = LastUses::load(&config.state_dir);
    let wanted = |name: &str| user.is_none_or(|user| user.eq_ignore_ascii_case(name));
    for connection in connections.list.iter().filter(|connection| wanted(&connection.user())) {
        for password in &connection.passwords {
            let (user, id) = (connection.user(), password.id());
            let last = uses.of(&id).and_then(|at| jiff::Timestamp::from_second(at).ok());
            let last = last.map(|at| at.to_string());
            let line = match json {
                true => serde_json::json!({
                    "user": user, "id": id, "label": password.label, "use": password.purpose,
                    "device": password.device, "last_used": last,
                })
                .to_string(),
                false => format!(
                    "{user}  {id}  {}  {:?}{}  last used {}",
                    if password.label.is_empty() { "-" } else { &password.label },
                    password.purpose,
                    password
                        .device
                        .iter()
                        .map(|name| format!("  device {name}"))
                        .collect::<String>(),
                    last.as_deref().unwrap_or("never"),
                ),
            };
            print(&line)?;
        }
    }
    Ok(())
}

fn revoke(config: &Config, user: &str, wanted: &str) -> anyhow::Result<()> {
    Connections::edit(&config.state_dir, |connections| {
        let connection = connections.find_mut(user).ok_or_else(|| anyhow!(NOT_THERE))?;
        let is = |password: &StoredPassword| password.id() == wanted || password.label == wanted;
        match connection.passwords.iter().filter(|password| is(password)).count() {
            0 => Err(anyhow!("there is no such password; see: footbridge password list {user}")),
            1 => {
                connection.passwords.retain(|password| !is(password));
                Ok(())
            }
            _ => Err(anyhow!("several passwords are labelled {wanted}; name one by its id")),
        }
    })?;
    print(&format!("revoked: {wanted}"))
}
