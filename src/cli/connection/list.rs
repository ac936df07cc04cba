//! `connection list`, `show` and `remove`.

use anyhow::anyhow;

use super::{NOT_THERE, existing, needs};
use crate::auth::scopes::Granted;
use crate::auth::{FileVault, Lapse, Owner};
use crate::cli::print;
use crate::cli::vaults::Vaults;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::connections::{Connection, Connections};

pub(super) fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    for connection in &Connections::load(&config.state_dir)?.list {
        let facts = facts(config, connection);
        if json {
            print(&facts.to_string())?;
            continue;
        }
        let now = Clock::system().now();
        let lapse = lapse(config, connection);
        let soon = if lapse.is_near(now) { "; run: footbridge connection ping" } else { "" };
        let renewed = format!("{}{soon}", lapse.words(now));
        print(&format!(
            "{}  {:?}  {:?}  {renewed}",
            connection.user(),
            connection.kind,
            connection.purpose
        ))?;
    }
    Ok(())
}

pub(super) fn show(config: &Config, user: &str, json: bool) -> anyhow::Result<()> {
    let facts = facts(config, &existing(config, user)?);
    if json {
        return print(&facts.to_string());
    }
    let lines = facts.as_object().into_iter().flatten().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    });
    print(&lines.collect::<Vec<_>>().join("\n"))
}

pub(super) fn lapse(config: &Config, connection: &Connection) -> Lapse {
    let renewed = FileVault::last_saved(&Vaults::directory(config), &connection.user());
    let tenant = connection.account.as_ref().map(|account| account.tenant_id.as_str());
    Lapse::new(renewed, Owner::of(tenant))
}

fn facts(config: &Config, connection: &Connection) -> serde_json::Value {
    let user = connection.user();
    let renewed = FileVault::last_saved(&Vaults::directory(config), &user);
    let now = Clock::system().now();
    let days_left = lapse(config, connection).days_left(now);
    let time = |at: i64| jiff::Timestamp::from_second(at).ok().map(|at| at.to_string());
    let granted = Granted::new(&connection.granted);
    let missing = if granted.is_empty() { Vec::new() } else { needs(connection).missing(&granted) };
    serde_json::json!({
        "address": connection.address,
        "user": user,
        "mailbox": connection.mailbox,
        "kind": connection.kind,
        "use": connection.purpose,
        "granted": connection.granted,
        "missing": missing,
        "signed_in": Some(connection.signed_in).filter(|at| *at > 0).and_then(time),
        "last_refresh": renewed.and_then(|at| time(at.0)),
        "days_left": days_left,
        "senders": connection.senders,
        "passwords": connection.passwords.len(),
    })
}

/// The connection goes first: from then on nobody uses the token.
pub(super) fn remove(config: &Config, user: &str) -> anyhow::Result<()> {
    let removed = Connections::edit(&config.state_dir, |connections| {
        let found = connections.find(user).map(Connection::user);
        let found = found.ok_or_else(|| anyhow!(NOT_THERE))?;
        connections.list.retain(|connection| connection.user() != found);
        anyhow::Ok(found)
    })?;
    FileVault::forget(&Vaults::directory(config), &removed)?;
    print(&format!("removed: {removed}"))
}
