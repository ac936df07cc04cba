//! `connection add` and `connection sign-in`: a sign-in, then one stored connection.
//!
//! The token is stored before the connection, so a crash in between leaves no connection without one.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::{NOT_THERE, existing, needs};
use crate::app;
use crate::auth::consent::ConsentRequest;
use crate::auth::oauth::{self, NoGrant};
use crate::auth::password::{self, HashedPassword};
use crate::auth::scopes::Granted;
use crate::auth::sign_in::{SignInError, SignedInAs};
use crate::auth::{FileVault, Secret, TokenVault as _};
use crate::cli::sign_in::{self, SignInArguments, Wanted};
use crate::cli::vaults::Vaults;
use crate::cli::{UseArgument, print};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::connections::{
    AccountId, Connection, ConnectionKind, ConnectionUse, Connections, StoredPassword,
};
use crate::mailbox::Address;

#[derive(Args, Debug)]
pub(in crate::cli) struct AddConnection {
    /// The mailbox's address, which is also the local user name.
    address: String,
    #[arg(long, value_enum, default_value_t = KindArgument::Graph)]
    kind: KindArgument,
    /// What it is for: receiving, sending or both. No more permissions are asked for than that takes.
    #[arg(long = "use", value_enum, default_value_t = UseArgument::Both)]
    purpose: UseArgument,
    /// A shared mailbox that is opened with this sign-in; the local user name is ADDRESS/SHARED.
    #[arg(long, value_name = "SHARED")]
    mailbox: Option<String>,
    #[command(flatten)]
    sign_in: SignInArguments,
    /// Instead of a sign-in: a file that holds a refresh token for the configured client_id (it is
    /// read, sealed, and not needed after).
    #[arg(long, value_name = "FILE")]
    refresh_token_file: Option<PathBuf>,
    /// Replace the connection if it is there already; its local passwords stay.
    #[arg(long)]
    replace: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct SignInAgain {
    address: String,
    #[command(flatten)]
    sign_in: SignInArguments,
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum KindArgument {
    Graph,
}

pub(super) async fn add(config: &Config, wanted: AddConnection) -> anyhow::Result<()> {
    let KindArgument::Graph = wanted.kind;
    let mut connection = Connection {
        address: checked(&wanted.address)?,
        mailbox: wanted.mailbox.as_deref().map(checked).transpose()?,
        kind: ConnectionKind::Graph,
        purpose: wanted.purpose.into(),
        ..Connection::default()
    };
    let user = connection.user();
    if Connections::load(&config.state_dir)?.find(&user).is_some() && !wanted.replace {
        return Err(anyhow!("{user} is connected already; use --replace to sign it in anew"));
    }
    // A missing key is told before anyone is sent to a browser.
    let vault = Vaults::unlock(config)?.of(&user);
    if let Some(file) = &wanted.refresh_token_file {
        let read = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        return keep(config, connection, &vault, &Secret::new(read.trim()), wanted.json)
            .await
            .map(drop);
    }
    let (account, needs) = (connection.address.clone(), needs(&connection));
    let whose = Wanted { account: &account, needs, challenge: None, tenant_id: None };
    sign_in::run(config, &wanted.sign_in, whose, async |signed_in| {
        let refresh = record(&mut connection, signed_in)?;
        keep(config, connection, &vault, &refresh, wanted.json).await
    })
    .await
}

pub(super) async fn sign_in_again(config: &Config, wanted: SignInAgain) -> anyhow::Result<()> {
    let mut connection = existing(config, &wanted.address)?;
    let vault = Vaults::unlock(config)?.of(&connection.user());
    // What cannot be opened may belong to another key, and is not written over unless someone says so.
    vault.load().await?;
    let challenge = challenge(config, &vault).await;
    let tenant_id = connection.account.as_ref().map(|account| account.tenant_id.clone());
    let (account, needs) = (connection.address.clone(), needs(&connection));
    let whose = Wanted { account: &account, needs, challenge, tenant_id };
    sign_in::run(config, &wanted.sign_in, whose, async |signed_in| {
        let refresh = record(&mut connection, signed_in)?;
        let now = Clock::system().now().0;
        // Two sign-ins within a second are two for a running bridge as well.
        connection.signed_in = now.max(connection.signed_in + 1);
        save(&vault, &refresh).await?;
        let changed = connection.clone();
        Connections::edit(&config.state_dir, |connections| {
            let stored = connections.find_mut(&changed.user()).ok_or_else(|| anyhow!(NOT_THERE))?;
            let passwords = std::mem::take(&mut stored.passwords);
            let senders = std::mem::take(&mut stored.senders);
            *stored = Connection { passwords, senders, ..changed };
            anyhow::Ok(())
        })?;
        report(config, &connection, None, wanted.json)
    })
    .await
}

/// What is demanded of the next sign-in (reference A.5): what the bridge met, or else what the token
/// endpoint says now.
async fn challenge(config: &Config, vault: &FileVault) -> Option<String> {
    let _lock = vault.lock().await.ok()?;
    if let Some(demanded) = vault.demanded().await.ok()? {
        return Some(demanded);
    }
    let token = vault.load().await.ok()??;
    let http = app::http_client(config, Clock::system()).ok()?;
    match oauth::refresh(&http, &app::cloud(&config.cloud), &token, None).await {
        Ok(grant) => {
            if let Some(refresh) = grant.refresh {
                vault.save(&refresh).await.ok()?;
            }
            None
        }
        Err(NoGrant::SignIn(error)) => error.claims.map(String::from),
        Err(_) => None,
    }
}

/// Writes down who signed in and what was granted; answers the refresh token.
fn record(connection: &mut Connection, signed_in: SignedInAs) -> anyhow::Result<Secret> {
    let SignedInAs { identity, refresh, granted, .. } = signed_in;
    let id = AccountId { tenant_id: identity.tenant_id, object_id: identity.object_id };
    if connection.account.as_ref().is_some_and(|known| *known != id) {
        let wanted = connection.address.clone();
        return Err(SignInError::OtherAccount { wanted, found: identity.address }.into());
    }
    let needs = needs(connection);
    if needs.missing(&granted).len() == needs.permissions().len() {
        let missing = needs.permissions().join(" and ");
        return Err(anyhow!(
            "Microsoft granted none of what is needed ({missing}): add the permissions to the \
             registration, and have an administrator consent (footbridge consent-url)"
        ));
    }
    connection.account = Some(id);
    connection.granted = granted.names().to_vec();
    Ok(refresh)
}

/// Stores a new connection with its token, and reports it.
async fn keep(
    config: &Config,
    mut connection: Connection,
    vault: &FileVault,
    refresh: &Secret,
    json: bool,
) -> anyhow::Result<Vec<&'static str>> {
    connection.signed_in = Clock::system().now().0;
    save(vault, refresh).await?;
    let fresh = store(config, connection.clone())?;
    report(config, &connection, fresh.as_ref(), json)
}

async fn save(vault: &FileVault, refresh: &Secret) -> anyhow::Result<()> {
    // A running bridge may be renewing the old token this moment, and would store it over this one.
    let _lock = vault.lock().await?;
    Ok(vault.save(refresh).await?)
}

/// Answers the first local password, if the connection has none yet.
fn store(config: &Config, connection: Connection) -> anyhow::Result<Option<Secret>> {
    let fresh = password::generate();
    let first = StoredPassword {
        label: "first".to_owned(),
        purpose: ConnectionUse::Both,
        hash: HashedPassword::new(&fresh).as_str().to_owned(),
        ..StoredPassword::default()
    };
    Connections::edit(&config.state_dir, |connections| {
        let user = connection.user();
        let old = connections.find(&user).cloned().unwrap_or_default();
        connections.list.retain(|old| !old.user().eq_ignore_ascii_case(&user));
        let is_first = old.passwords.is_empty();
        let passwords = if is_first { vec![first] } else { old.passwords };
        connections.list.push(Connection { passwords, senders: old.senders, ..connection });
        anyhow::Ok(is_first.then_some(fresh))
    })
}

/// Answers what was not granted.
fn report(
    config: &Config,
    connection: &Connection,
    fresh: Option<&Secret>,
    json: bool,
) -> anyhow::Result<Vec<&'static str>> {
    let user = connection.user();
    let password = fresh.map(Secret::expose);
    let needs = needs(connection);
    let granted = Granted::new(&connection.granted);
    let missing = if granted.is_empty() { Vec::new() } else { needs.missing(&granted) };
    if json {
        let line = serde_json::json!({
            "address": connection.address, "user": user, "password": password,
            "granted": connection.granted, "missing": missing,
        });
        return print(&line.to_string()).map(|()| missing);
    }
    let mut text = format!("connected: {}\nuser: {user}", connection.address);
    text.extend(password.map(|password| format!("\npassword (shown once): {password}")));
    if !missing.is_empty() {
        let names = missing.join(" and ");
        text += &format!("\nnot granted: {names}. What needs it will be refused");
        // Personal accounts have no administrator, and no link.
        if let Ok(link) = ConsentRequest::to_send(&app::cloud(&config.cloud), needs, None) {
            text += &format!("; an administrator can grant it with {}", link.url);
        }
        text += &format!("\nThen run: footbridge connection sign-in {user}");
    }
    print(&text).map(|()| missing)
}

fn checked(text: &str) -> anyhow::Result<String> {
    let address = Address::new(text).filter(|address| !address.as_str().contains('/'));
    let address = address.ok_or_else(|| anyhow!("{text:?} is not a mail address"))?;
    Ok(address.as_str().to_owned())
}
