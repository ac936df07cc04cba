//! `connection senders`: in whose name mail may be handed in.

use anyhow::anyhow;
use clap::Args;

use super::{NOT_THERE, needs};
use crate::auth::scopes::Granted;
use crate::cli::{note, print};
use crate::config::Config;
use crate::config::connections::{Connection, Connections};
use crate::mailbox::Address;

#[derive(Args, Debug)]
pub(in crate::cli) struct ChangeSenders {
    address: String,
    /// A mailbox for which the account has the right to send as, or on behalf.
    #[arg(long, value_name = "SENDER")]
    allow: Vec<String>,
    #[arg(long, value_name = "SENDER")]
    forbid: Vec<String>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Config, wanted: &ChangeSenders) -> anyhow::Result<()> {
    let connection = match wanted.allow.is_empty() && wanted.forbid.is_empty() {
        true => super::existing(config, &wanted.address)?,
        false => change(config, wanted)?,
    };
    let granted = Granted::new(&connection.granted);
    let missing = needs(&connection).missing(&granted);
    if !granted.is_empty() && missing.contains(&"Mail.Send.Shared") {
        let user = connection.user();
        note(&format!(
            "Sending in the name of another mailbox takes the permission Mail.Send.Shared; run: \
             footbridge connection sign-in {user}"
        ));
    }
    if wanted.json {
        let line = serde_json::json!({
            "user": connection.user(), "senders": connection.senders, "missing": missing,
        });
        return print(&line.to_string());
    }
    for sender in &connection.senders {
        print(sender)?;
    }
    Ok(())
}

fn change(config: &Config, wanted: &ChangeSenders) -> anyhow::Result<Connection> {
    if let Some(sender) = wanted.allow.iter().find(|sender| Address::new(sender).is_none()) {
        return Err(anyhow!("{sender:?} is not a mail address"));
    }
    Connections::edit(&config.state_dir, |connections| {
        let found = connections.find_mut(&wanted.address).ok_or_else(|| anyhow!(NOT_THERE))?;
        let is = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        for sender in &wanted.allow {
            if !found.senders.iter().any(|known| is(known, sender)) {
                found.senders.push(sender.clone());
            }
        }
        for sender in &wanted.forbid {
            let before = found.senders.len();
            found.senders.retain(|known| !is(known, sender));
            if found.senders.len() == before {
                return Err(anyhow!("{sender} is not among the senders of {}", wanted.address));
            }
        }
        Ok(found.clone())
    })
}
