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
    #[command(after_help = "Example: footbridge password add ada@contoso.com --label printer")]
    Add {
        address: String,
        #[arg(long, default_value = "")]
        label: String,
        #[arg(long = "use", value_enum, default_value_t = UseArgument::Both)]
        purpose: UseArgument,
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
        PasswordCommand::Add { address, label, purpose, json } => add(
            config,
            &address,
            StoredPassword { label, purpose: purpose.into(), hash: String::new() },
            json,
        ),
        PasswordCommand::List { address, json } => list(config, address.as_deref(), json),
        PasswordCommand::Revoke { address, password } => revoke(config, &address, &password),
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
                    "last_used": last,
                })
                .to_string(),
                false => format!(
                    "{user}  {id}  {}  {:?}  last used {}",
                    if password.label.is_empty() { "-" } else { &password.label },
                    password.purpose,
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
