//! The command line: what people and their scripts type.
//!
//! Exit codes: 0 done, 1 the thing failed (standard error says what to do next), 2 wrong usage or
//! settings.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::app::{Addresses, App, Parts, SignedIn};
use crate::auth::password::{self, HashedPassword};
use crate::auth::{FileVault, Secret, TokenVault as _, VaultKey};
use crate::clock::Clock;
use crate::config::connections::{Connection, ConnectionKind, ConnectionUse, Connections, StoredPassword};
use crate::config::{self, Config, Problems};
use crate::demo;
use crate::mailbox::Address;

/// A bridge from IMAP and SMTP clients to Microsoft 365.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    /// The settings file [default: $FOOTBRIDGE_CONFIG, ./footbridge.toml, the configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a simulated tenant, a signed-in mailbox and all listeners in one process.
    #[command(after_help = "Example: footbridge demo --mail ~/Maildir")]
    Demo(demo::Options),
    /// Run the bridge.
    #[command(after_help = "Example: footbridge serve --config /etc/footbridge.toml")]
    Serve {
        /// Print one line of JSON on standard output once everything listens.
        #[arg(long)]
        json: bool,
    },
    /// Connected mailboxes.
    #[command(subcommand)]
    Connection(ConnectionCommand),
    /// Local passwords that mail clients use.
    #[command(subcommand)]
    Password(PasswordCommand),
    /// Settings.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConnectionCommand {
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
struct AddConnection {
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
enum PasswordCommand {
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

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say everything that is wrong with the settings.
    Check,
    /// Show the settings as they are in force.
    Show,
    /// Print the commented example.
    Example,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UseArgument {
    Source,
    Outbound,
    Both,
}

/// The one line that scripts wait for.
#[derive(Debug, Serialize)]
pub struct Ready {
    pub ready: bool,
    pub imap: Vec<String>,
    pub smtp: Vec<String>,
    pub pop3: Vec<String>,
    pub console: Option<String>,
    pub connections: Vec<ReadyConnection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sim: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct ReadyConnection {
    pub address: String,
    pub user: String,
    /// Only in the demo, where it guards nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Exit code for wrong usage or settings.
const WRONG_USAGE: u8 = 2;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow!(error)),
    };
    match runtime.block_on(Box::pin(run(cli))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let file = cli.config.or_else(config::find_file);
    match cli.command {
        Command::Demo(options) => demo::run(options).await,
        Command::Config(ConfigCommand::Example) => print(config::EXAMPLE.trim_end()),
        command => {
            let config = Config::load(file.as_deref())?;
            run_with(config, command).await
        }
    }
}

async fn run_with(config: Config, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve { json } => serve(config, json).await,
        Command::Connection(ConnectionCommand::Add(wanted)) => add_connection(&config, wanted).await,
        Command::Connection(ConnectionCommand::List { json }) => list_connections(&config, json),
        Command::Connection(ConnectionCommand::Remove { address }) => {
            remove_connection(&config, &address)
        }
        Command::Password(PasswordCommand::Add { address, label, purpose }) => {
            add_password(&config, &address, label, purpose.into())
        }
        Command::Config(ConfigCommand::Show) => print(&format!("{config:#?}")),
        Command::Config(_) => print("The settings are in order."),
        Command::Demo(options) => demo::run(options).await,
    }
}

async fn serve(config: Config, json: bool) -> anyhow::Result<()> {
    let stored = Connections::load(&config.state_dir)?;
    let connections = if stored.list.is_empty() {
        tracing::warn!("no connection yet: add one with: footbridge connection add ADDRESS");
        Vec::new()
    } else {
        let key = vault_key(&config)?;
        let signed_in = |connection: Connection| SignedIn {
            vault: std::sync::Arc::new(vault(&config, &connection.address, key.clone())),
            connection,
        };
        stored.list.iter().cloned().map(signed_in).collect()
    };
    let app = App::build(Parts { config, clock: Clock::system(), connections }).await?;
    let addresses = app.addresses();
    let listed = stored.list.iter().map(|connection| ReadyConnection {
        address: connection.address.clone(),
        user: connection.address.clone(),
        password: None,
    });
    let ready = Ready::new(&addresses, listed.collect(), None);
    if json { ready.print_json()? } else { print(&ready.greeting())? }
    app.run(stop_signal()).await.map(drop)
}

/// SIGINT or SIGTERM.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};

    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without it Ctrl-C still ends the program.
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

async fn add_connection(config: &Config, wanted: AddConnection) -> anyhow::Result<()> {
    let address = checked_address(&wanted.address)?;
    let mut stored = Connections::load(&config.state_dir)?;
    if stored.find(&address).is_some() && !wanted.replace {
        return Err(anyhow!("{address} is connected already; use --replace to sign it in anew"));
    }
    let key = vault_key(config)?;
    let read = std::fs::read_to_string(&wanted.refresh_token_file);
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
    let shown = password.map_or_else(String::new, |password| format!("\npassword (shown once): {password}"));
    print(&format!("connected: {address}\nuser: {address}{shown}\nA running bridge takes it at its next start."))
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
            print(&format!("{}  {:?}  {:?}", connection.address, connection.kind, connection.purpose))?;
        }
    }
    Ok(())
}

fn remove_connection(config: &Config, address: &str) -> anyhow::Result<()> {
    let mut stored = Connections::load(&config.state_dir)?;
    let address = stored.find(address).map(|found| found.address.clone());
    let address = address.ok_or_else(|| anyhow!("there is no such connection; see: footbridge connection list"))?;
    stored.list.retain(|connection| connection.address != address);
    stored.save(&config.state_dir)?;
    match std::fs::remove_file(vault_path(config, &address)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => print(&format!("removed: {address}")),
    }
}

fn add_password(config: &Config, address: &str, label: String, purpose: ConnectionUse) -> anyhow::Result<()> {
    let mut stored = Connections::load(&config.state_dir)?;
    let found = stored.list.iter_mut().find(|connection| connection.address.eq_ignore_ascii_case(address));
    let connection = found.ok_or_else(|| anyhow!("there is no such connection; see: footbridge connection list"))?;
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

fn vault(config: &Config, address: &str, key: VaultKey) -> FileVault {
    FileVault::new(vault_path(config, address), address, key)
}

fn vault_key(config: &Config) -> anyhow::Result<VaultKey> {
    let file = config::key_file_variable().or_else(|| config.key_file.clone());
    let material = match file {
        Some(path) => Some(std::fs::read(&path).with_context(|| format!("key file {}", path.display()))?),
        None => None,
    };
    Ok(VaultKey::new(material.as_deref())?)
}

/// Logs go to standard error, so that standard output stays for answers.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_new(config::log_filter())
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("footbridge=info,warn"));
    // Someone who embeds the bridge may have a subscriber of their own.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

#[expect(clippy::print_stderr, reason = "standard error is where a failed command says why")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("footbridge: {error:#}");
    if error.downcast_ref::<Problems>().is_some() { ExitCode::from(WRONG_USAGE) } else { ExitCode::FAILURE }
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

impl Ready {
    pub fn new(addresses: &Addresses, connections: Vec<ReadyConnection>, sim: Option<String>) -> Self {
        let texts = |list: &[SocketAddr]| list.iter().map(ToString::to_string).collect();
        Self {
            ready: true,
            imap: texts(&addresses.imap),
            smtp: texts(&addresses.smtp),
            pop3: Vec::new(),
            console: addresses.console.map(|address| format!("http://{address}")),
            connections,
            sim,
        }
    }

    pub(crate) fn print_json(&self) -> anyhow::Result<()> {
        print(&serde_json::to_string(self)?)
    }

    /// What to type into a mail client.
    pub(crate) fn greeting(&self) -> String {
        let mut lines = vec!["footbridge is ready".to_owned()];
        lines.push(format!("  IMAP     {}  (no TLS)", self.imap.join(", ")));
        lines.push(format!("  SMTP     {}  (no TLS)", self.smtp.join(", ")));
        lines.extend(self.console.iter().map(|console| format!("  Console  {console}")));
        lines.extend(self.sim.iter().map(|sim| format!("  Tenant   {sim}  (simulated)")));
        for connection in &self.connections {
            lines.push(format!("  User     {}", connection.user));
            lines.extend(connection.password.iter().map(|password| format!("  Password {password}")));
        }
        lines.push("Stop with Ctrl-C.".to_owned());
        lines.join("\n")
    }
}
