//! `footbridge demo`: everything in one process, so that a newcomer sees it work in a minute.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use m365_sim::seed::{self, Seed};
use m365_sim::{Clock as TenantClock, Tenant};
use tokio::net::TcpListener;

use crate::app::{App, Parts, SignedIn};
use crate::auth::password::{self, HashedPassword};
use crate::auth::{MemoryVault, Secret};
use crate::cli::{Ready, ReadyConnection, stop_signal};
use crate::clock::Clock;
use crate::config::connections::{Connection, ConnectionKind, ConnectionUse, StoredPassword};
use crate::config::{CloudName, Config, Problems};

const ADA: &str = "ada@contoso.example";
const CLIENT_ID: &str = "00000000-0000-4000-8000-0000000f00b1";
const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access openid profile";

#[derive(Args, Debug)]
pub struct Options {
    /// Where mail clients read (port 0 takes any free one).
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1143")]
    imap: SocketAddr,
    /// Where mail clients send.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1025")]
    smtp: SocketAddr,
    /// Not served in this release.
    #[arg(long, value_name = "ADDR")]
    pop3: Option<SocketAddr>,
    /// The status page.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8025")]
    console: SocketAddr,
    /// The simulated tenant.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8365")]
    sim: SocketAddr,
    /// Show this mail: an .eml file, an mbox, a Maildir, or a folder of them. It is only read.
    #[arg(long, value_name = "PATH")]
    mail: Option<PathBuf>,
    /// Add this many generated messages to the inbox.
    #[arg(long, value_name = "N", default_value_t = 0)]
    messages: u32,
    /// Keep the bridge's state here instead of in a temporary folder.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print one line of JSON on standard output once everything listens.
    #[arg(long)]
    json: bool,
}

/// Runs until stopped by a signal.
///
/// # Errors
/// An address that is taken, mail that cannot be read.
pub async fn run(options: Options) -> anyhow::Result<()> {
    if options.pop3.is_some() {
        tracing::warn!("--pop3 is not served in this release");
    }
    let tenant = tenant(&options).await?;
    let listener = TcpListener::bind(options.sim).await.context("--sim")?;
    let sim = tenant.serve(listener).await;
    let temporary = tempfile::tempdir()?;
    let state = options.state.as_deref().unwrap_or_else(|| temporary.path());
    let password = password::generate();
    let connection = SignedIn {
        connection: connection(&password),
        vault: Arc::new(MemoryVault::holding(Secret::new(tenant.grant(ADA, CLIENT_ID, SCOPES)))),
    };
    let config = config(&options, state, &sim.url())?;
    let parts = Parts { config, clock: Clock::system(), connections: vec![connection] };
    let app = App::build(parts).await?;
    let shown = ReadyConnection {
        address: ADA.to_owned(),
        user: ADA.to_owned(),
        password: Some(password.expose().to_owned()),
    };
    let ready = Ready::new(&app.addresses(), vec![shown], Some(sim.url()));
    let stop = stop_signal();
    if options.json {
        ready.print_json()?
    } else {
        crate::cli::print(&ready.greeting())?
    }
    app.run(stop).await?;
    sim.shutdown().await;
    Ok(())
}

/// The demo's own people and mail, unless other mail was asked for.
async fn tenant(options: &Options) -> anyhow::Result<Tenant> {
    if options.mail.is_none() && options.messages == 0 {
        let seed = Seed::parse(seed::DEMO).map_err(anyhow::Error::msg)?;
        return Ok(seed.build(TenantClock::real()));
    }
    let tenant = Tenant::builder().named_user(ADA, "Ada").clock(TenantClock::real()).build();
    let ada = tenant.person(ADA);
    if let Some(path) = options.mail.clone() {
        let read = tokio::task::spawn_blocking(move || seed::load_mail(&path)).await;
        let read = read.map_err(|_| anyhow::anyhow!("--mail: reading broke off"))?;
        seed::put_mail(&ada, read.context("--mail")?, tenant.clock().now());
    }
    ada.inbox().seed(options.messages);
    Ok(tenant)
}

fn connection(password: &Secret) -> Connection {
    Connection {
        address: ADA.to_owned(),
        kind: ConnectionKind::Graph,
        purpose: ConnectionUse::Both,
        passwords: vec![StoredPassword {
            label: "demo".to_owned(),
            purpose: ConnectionUse::Both,
            hash: HashedPassword::new(password).as_str().to_owned(),
            ..StoredPassword::default()
        }],
        ..Connection::default()
    }
}

fn config(options: &Options, state: &Path, sim: &str) -> Result<Config, Problems> {
    // The environment may set the pace and the limits here, too.
    let mut config = Config { state_dir: state.to_owned(), ..Config::load(None)? };
    config.cloud.name = CloudName::Custom;
    config.cloud.client_id = CLIENT_ID.to_owned();
    config.cloud.login = sim.to_owned();
    config.cloud.graph = sim.to_owned();
    config.imap.listen = vec![options.imap];
    config.smtp.listen = vec![options.smtp];
    config.console = Some(options.console);
    Ok(config)
}
