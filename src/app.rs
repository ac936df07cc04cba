//! Builds the running bridge out of settings and connections: binds everything, then serves, then
//! drains.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::net::TcpListener;

use crate::account::{Account, Accounts, LocalPassword, Pace, Use};
use crate::admin::{self, Watched};
use crate::auth::password::HashedPassword;
use crate::auth::{Cloud, Keeper, KeeperLimits, TokenSource, TokenVault};
use crate::backend::graph::Graph;
use crate::clock::Clock;
use crate::config::connections::{Connection, ConnectionUse};
use crate::config::{self, Config};
use crate::front::{Silence, imap, smtp};
use crate::http::{HttpClient, HttpLimits, MailboxHttp, Reach};
use crate::mailbox::Address;
use crate::net::{self, Bound, Drain, Drained, bind_all};
use crate::store::Store;

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

/// A bridge that holds all its addresses and serves none of them yet.
#[derive(Debug)]
pub struct App {
    config: Config,
    clock: Clock,
    drain: Drain,
    accounts: Accounts,
    watched: Vec<Watched>,
    imap: Vec<Bound>,
    smtp: Vec<Bound>,
    console: Option<TcpListener>,
}

/// Where the bridge listens, ports resolved.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub imap: Vec<SocketAddr>,
    pub smtp: Vec<SocketAddr>,
    pub console: Option<SocketAddr>,
}

impl App {
    /// Binds every address and opens every connection's store, or fails without serving anything.
    ///
    /// # Errors
    /// What could not be bound or opened, by name.
    pub async fn build(parts: Parts) -> anyhow::Result<Self> {
        let Parts { config, clock, connections } = parts;
        let imap = bind_all(&config.imap.listen).await.context("[imap] listen")?;
        let smtp = bind_all(&config.smtp.listen).await.context("[smtp] listen")?;
        let console = match config.console {
            Some(address) => Some(TcpListener::bind(address).await.context("[console] listen")?),
            None => None,
        };
        let drain = Drain::new();
        let accounts = Accounts::new();
        let http = HttpClient::new(reach(&config), clock.clone(), http_limits(&config))?;
        let mut watched = Vec::new();
        for signed_in in connections {
            let connected = Connecting { config: &config, http: &http, drain: &drain };
            let (account, tokens) = connected
                .connect(&signed_in)
                .await
                .with_context(|| format!("connection {}", signed_in.connection.address))?;
            accounts.add(account.clone(), passwords(&signed_in.connection)?);
            watched.push(Watched { account, tokens });
        }
        Ok(Self { config, clock, drain, accounts, watched, imap, smtp, console })
    }

    pub fn addresses(&self) -> Addresses {
        let of = |bound: &[Bound]| bound.iter().map(Bound::address).collect();
        Addresses {
            imap: of(&self.imap),
            smtp: of(&self.smtp),
            console: self.console.as_ref().and_then(|console| console.local_addr().ok()),
        }
    }

    /// The accounts, for whoever composes the bridge into something larger.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Serves until `stop`, then ends in order.
    ///
    /// # Errors
    /// If the console's server fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<Drained> {
        let Self { config, clock, drain, accounts, watched, imap, smtp, console } = self;
        let limits = net::Limits {
            total: config.limits.connections,
            per_source: config.limits.connections_per_address,
        };
        let silence = Silence {
            stranger: config.limits.idle_stranger,
            imap: config.limits.idle,
            smtp: config.limits.idle_smtp,
        };
        for watched in &watched {
            let (account, ending) = (watched.account.clone(), drain.clone());
            drain.spawn(async move {
                tokio::select! {
                    () = account.run() => {}
                    () = ending.begun() => {}
                }
            });
        }
        let imap_server = imap::Server::new(accounts.clone(), silence, drain.clone());
        for bound in imap {
            let serving = bound.serve(imap_server.clone(), limits, clock.clone(), drain.clone());
            drain.spawn(serving);
        }
        let smtp_server = smtp::Server::new(accounts, silence, drain.clone());
        for bound in smtp {
            let serving = bound.serve(smtp_server.clone(), limits, clock.clone(), drain.clone());
            drain.spawn(serving);
        }
        if let Some(listener) = console {
            let ending = drain.clone();
            drain.spawn(async move { admin::serve(listener, watched, ending).await });
        }
        stop.await;
        Ok(drain.drain(&clock, config.limits.drain).await)
    }
}

/// What every connection shares while it is set up.
struct Connecting<'a> {
    config: &'a Config,
    http: &'a HttpClient,
    drain: &'a Drain,
}

impl Connecting<'_> {
    async fn connect(&self, signed_in: &SignedIn) -> anyhow::Result<(Account, TokenSource)> {
        let connection = &signed_in.connection;
        let address = Address::new(&connection.address)
            .ok_or_else(|| anyhow!("{:?} is not a mail address", connection.address))?;
        let cloud = cloud(&self.config.cloud);
        let root = cloud.graph_root();
        let keeper = Keeper {
            address: address.to_string(),
            http: self.http.clone(),
            cloud,
            vault: Arc::clone(&signed_in.vault),
            limits: KeeperLimits::default(),
            shutdown: self.drain.token(),
        };
        let tokens = keeper.start(self.drain.tracker());
        let mailbox = MailboxHttp::new(self.http.clone(), &root, Arc::new(tokens.clone()))?;
        let directory = store_directory(&self.config.state_dir, &address);
        let clock = self.http.clock().clone();
        let store = Store::open(&directory, clock.clone()).await?;
        let backend = Arc::new(Graph::own(mailbox));
        let pace = pace(self.config);
        let parts = crate::account::Parts { address, backend, store, clock, pace };
        Ok((Account::new(parts), tokens))
    }
}

/// `state/mail/<address>`, spelled so that no address can name another place.
fn store_directory(state_dir: &Path, address: &Address) -> std::path::PathBuf {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '-' | '_' | '+');
    let spelled = |c: char| if keep(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) };
    let lower = address.as_str().to_ascii_lowercase();
    let dots_kept = lower.chars().map(|c| if c == '.' { ".".to_owned() } else { spelled(c) });
    state_dir.join("mail").join(dots_kept.collect::<String>())
}

fn cloud(settings: &config::Cloud) -> Cloud {
    Cloud {
        login: settings.login.clone(),
        graph: settings.graph.clone(),
        tenant: settings.tenant.clone(),
        client_id: settings.client_id.clone(),
    }
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

fn pace(config: &Config) -> Pace {
    Pace {
        poll: config.sync.poll,
        freshness: config.sync.freshness,
        audit: config.sync.audit,
        cache_bytes: config.cache.max_bytes,
        message_bytes: config.limits.message_bytes,
    }
}

fn passwords(connection: &Connection) -> anyhow::Result<Vec<LocalPassword>> {
    let mut usable = Vec::new();
    for stored in &connection.passwords {
        let hash = HashedPassword::parse(&stored.hash)
            .ok_or_else(|| anyhow!("a password hash of {} is damaged", connection.address))?;
        if let Some(purpose) = common(connection.purpose, stored.purpose) {
            usable.push(LocalPassword { hash, purpose });
        }
    }
    Ok(usable)
}

/// What both the connection and the password are for.
fn common(connection: ConnectionUse, password: ConnectionUse) -> Option<Use> {
    use ConnectionUse::{Both, Outbound, Source};
    match (connection, password) {
        (Both, Both) => Some(Use::Both),
        (Source, Source | Both) | (Both, Source) => Some(Use::Source),
        (Outbound, Outbound | Both) | (Both, Outbound) => Some(Use::Outbound),
        (Source, Outbound) | (Outbound, Source) => None,
    }
}
