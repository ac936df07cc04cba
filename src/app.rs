//! Builds the running bridge out of settings and connections: binds everything, then serves, then
//! drains.

mod claim;
mod connect;
mod gates;
mod roster;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::account::{Accounts, Hydration, LastUses, LoginLimits, Pace, Sizes};
use crate::admin;
use crate::auth::{Cloud, TokenVault};
use crate::backend::LARGEST_MESSAGE;
use crate::clock::Clock;
use crate::config::connections::{Connection, ConnectionUse};
use crate::config::{self, Config, DeviceLogin};
use crate::front::{Silence, imap, smtp};
use crate::http::{HttpClient, HttpLimits, Reach};
use crate::mailbox::Outcome;
use crate::net::{self, Drain, Drained};
use claim::Claim;
use connect::Connecting;
pub use gates::Gate;
use gates::Gates;
use roster::Roster;

/// What a bridge is made of.
#[derive(Debug)]
pub struct Parts {
    pub config: Config,
    pub clock: Clock,
    pub connections: Vec<SignedIn>,
}

/// A connection and the place where its refresh token is kept.
#[derive(Debug)]
pub struct SignedIn {
    pub connection: Connection,
    pub vault: Arc<dyn TokenVault>,
}

/// Opens the vault of a connection that is added while the bridge runs.
pub type VaultOf =
    Box<dyn Fn(&Config, &Connection) -> anyhow::Result<Arc<dyn TokenVault>> + Send + Sync>;

/// A bridge that holds all its addresses and serves none of them yet.
pub struct App {
    clock: Clock,
    roster: Roster,
    /// Set if the connections file is to be followed.
    vault_of: Option<VaultOf>,
    imap: Gates,
    smtp: Gates,
    /// Those of devices with addresses of their own, by name.
    devices: Vec<(String, Gates)>,
    console: Option<TcpListener>,
    claim: Claim,
}

/// Where the bridge listens, ports resolved.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub imap: Vec<Gate>,
    pub smtp: Vec<Gate>,
    /// SMTP for one device each, by name.
    pub devices: BTreeMap<String, Vec<Gate>>,
    pub console: Option<SocketAddr>,
}

impl App {
    /// Binds every address and opens every connection's store, or fails without serving anything.
    ///
    /// # Errors
    /// What could not be bound or opened, by name.
    pub async fn build(parts: Parts) -> anyhow::Result<Self> {
        let Parts { config, clock, connections } = parts;
        let claim = Claim::take(&config.state_dir)?;
        let state_dir = &config.state_dir;
        let imap = Gates::open(&config.imap, state_dir, "imap").await.context("[imap]")?;
        let smtp = Gates::open(&config.smtp, state_dir, "smtp").await.context("[smtp]")?;
        let mut devices = Vec::new();
        for device in config.devices.iter().filter(|device| device.has_addresses()) {
            let gates = Gates::open(&device.listener, state_dir, "smtp").await;
            let gates = gates.with_context(|| format!("[device.{}]", device.name))?;
            devices.push((device.name.clone(), gates));
        }
        let console = match config.console {
            Some(address) => Some(TcpListener::bind(address).await.context("[console] listen")?),
            None => None,
        };
        warn_of_missing(&config, &connections);
        let drain = Drain::new();
        let accounts = Accounts::with(LastUses::load(&config.state_dir), login_limits(&config));
        let http = http_client(&config, clock.clone())?;
        let mut roster = Roster::new(Connecting { config, http, drain }, accounts);
        for signed_in in connections {
            let user = signed_in.connection.user();
            roster.add(signed_in).await.with_context(|| format!("connection {user}"))?;
        }
        Ok(Self { clock, roster, vault_of: None, imap, smtp, devices, console, claim })
    }

    /// Connections and passwords that are added, removed or signed in anew while the bridge runs
    /// are taken over within two seconds.
    #[must_use]
    pub fn following(self, vault_of: VaultOf) -> Self {
        Self { vault_of: Some(vault_of), ..self }
    }

    /// Counts the looks at the connections file that are done.
    pub fn looks(&self) -> watch::Receiver<u32> {
        self.roster.looks.subscribe()
    }

    pub fn addresses(&self) -> Addresses {
        Addresses {
            imap: self.imap.list(),
            smtp: self.smtp.list(),
            devices: self
                .devices
                .iter()
                .map(|(name, gates)| (name.clone(), gates.list()))
                .collect(),
            console: self.console.as_ref().and_then(|console| console.local_addr().ok()),
        }
    }

    /// The accounts, for whoever composes the bridge into something larger.
    pub fn accounts(&self) -> &Accounts {
        &self.roster.accounts
    }

    /// Serves until `stop`, then ends in order.
    ///
    /// # Errors
    /// If the console's server fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<Drained> {
        let Self { clock, mut roster, vault_of, imap, smtp, devices, console, claim } = self;
        let config = roster.connecting.config.clone();
        let (drain, accounts) = (roster.connecting.drain.clone(), roster.accounts.clone());
        let watchlist = Arc::clone(&roster.watchlist);
        let limits = net::Limits {
            total: config.limits.connections,
            per_source: config.limits.connections_per_address,
        };
        let silence = Silence {
            stranger: config.limits.idle_stranger,
            imap: config.limits.idle,
            smtp: config.limits.idle_smtp,
        };
        roster.start();
        if let Some(vault_of) = vault_of {
            drain.spawn(Box::pin(roster.follow(vault_of)));
        }
        let largest = config.limits.message_bytes.min(LARGEST_MESSAGE);
        let policy =
            smtp::Policy::new(silence, config.submission.clone(), &config.devices, largest);
        let imap_server = imap::Server::new(accounts.clone(), silence, drain.clone());
        imap.serve(&imap_server, limits, &clock, &drain);
        let smtp_server = smtp::Server::new(accounts, policy, drain.clone());
        smtp.serve(&smtp_server, limits, &clock, &drain);
        for (name, gates) in devices {
            gates.serve(&smtp_server.of_device(&name), limits, &clock, &drain);
        }
        if let Some(listener) = console {
            let ending = drain.clone();
            drain.spawn(async move { admin::serve(listener, watchlist, ending).await });
        }
        stop.await;
        tracing::info!("shutting down");
        let drained = drain.drain(&clock, config.limits.drain).await;
        drop(claim);
        Ok(drained)
    }
}

/// Devices that send by a connection which is not there, or not for sending.
fn warn_of_missing(config: &Config, connections: &[SignedIn]) {
    for device in &config.devices {
        let DeviceLogin::Network { connection } = &device.login else { continue };
        let is_it = |signed_in: &SignedIn| {
            signed_in.connection.user().eq_ignore_ascii_case(connection)
                && signed_in.connection.purpose != ConnectionUse::Source
        };
        if !connections.iter().any(is_it) {
            let device = &device.name;
            tracing::warn!(
                device,
                connection,
                "this device sends by a connection that is not there, or not for sending; until it is, the device is told to try later"
            );
        }
    }
}

/// The client that every connection shares.
pub(crate) fn http_client(config: &Config, clock: Clock) -> Outcome<HttpClient> {
    HttpClient::new(reach(config), clock, http_limits(config))
}

pub(crate) fn cloud(settings: &config::Cloud) -> Cloud {
    Cloud::from(settings)
}

/// A bridge whose cloud is on this machine needs no proxy and no certificates.
fn reach(config: &Config) -> Reach {
    let plain = |url: &str| url.starts_with("http://");
    if plain(&config.cloud.login) && plain(&config.cloud.graph) {
        return Reach::Loopback;
    }
    Reach::Internet
}

fn http_limits(config: &Config) -> HttpLimits {
    HttpLimits {
        interactive_patience: config.limits.patience,
        first_byte: config.limits.answer,
        idle: config.limits.answer,
        download: config.limits.download,
        ..HttpLimits::default()
    }
}

fn login_limits(config: &Config) -> LoginLimits {
    let many = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    LoginLimits {
        user_failures: many(config.limits.login_failures),
        source_failures: many(config.limits.login_failures_per_address),
        lockout: config.limits.login_lockout,
        first_delay: config.limits.login_delay,
        longest_delay: config.limits.login_delay_max,
    }
}

/// Who is content with estimates does not want a whole mailbox fetched.
fn hydration(sync: &config::Sync) -> Hydration {
    match (sync.hydrate, sync.size) {
        (true, config::Size::Exact) => Hydration::On,
        (false, _) | (_, config::Size::Estimate) => Hydration::Off,
    }
}

fn pace(config: &Config) -> Pace {
    Pace {
        poll: config.sync.poll,
        freshness: config.sync.freshness,
        audit: config.sync.audit,
        cache_bytes: config.cache.max_bytes,
        message_bytes: config.limits.message_bytes,
        hydration: hydration(&config.sync),
        sizes: match config.sync.size {
            config::Size::Exact => Sizes::Exact,
            config::Size::Estimate => Sizes::Estimate,
        },
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("roster", &self.roster).finish_non_exhaustive()
    }
}
