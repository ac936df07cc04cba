//! The command line: what people and their scripts type.
//!
//! Exit codes: 0 done, 1 the thing failed (standard error says what to do next), 2 wrong usage or
//! settings.

mod browser;
mod certs;
mod connection;
mod consent;
mod crash;
mod explain;
mod password;
mod prompt;
mod queue;
mod ready;
mod sign_in;
mod vaults;

use std::future::pending;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use clap::{Parser, Subcommand, ValueEnum};

use crate::app::{App, Parts, SignedIn};
use crate::auth::TokenVault;
use crate::clock::Clock;
use crate::config::connections::{Connection, ConnectionUse, Connections};
use crate::config::{self, Config, Problems};
use crate::demo;
use certs::CertsCommand;
use connection::ConnectionCommand;
use consent::ConsentUrl;
pub use crash::leave_no_secret;
use explain::Explain;
use password::PasswordCommand;
use queue::QueueCommand;
pub use ready::{Ready, ReadyConnection};
use vaults::Vaults;

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
    /// Mail that was accepted and is not sent yet.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Local passwords that mail clients use.
    #[command(subcommand)]
    Password(PasswordCommand),
    /// Print the link by which an administrator consents for the whole organisation.
    #[command(after_help = consent::AFTER_HELP)]
    ConsentUrl(ConsentUrl),
    /// Say what an error number on Microsoft's sign-in page means, and what to do about it.
    #[command(after_help = "Example: footbridge explain AADSTS50105")]
    Explain(Explain),
    /// Certificates for TLS.
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Settings.
    #[command(subcommand)]
    Config(ConfigCommand),
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

/// Exit code for wrong usage or settings.
const WRONG_USAGE: u8 = 2;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    leave_no_secret();
    let cli = Cli::parse();
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow!(error)),
    };
    let done = runtime.block_on(Box::pin(run(cli)));
    // What still blocks a thread waits for someone else, as for a lock; everything of ours is done.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let file = cli.config.or_else(config::find_file);
    match cli.command {
        Command::Demo(options) => demo::run(options).await,
        Command::Config(ConfigCommand::Example) => print(config::EXAMPLE.trim_end()),
        Command::Explain(wanted) => explain::run(&wanted),
        command => {
            // Who only looks after connections needs no certificate.
            let listens =
                matches!(command, Command::Serve { .. } | Command::Config(ConfigCommand::Check));
            let config = match listens {
                true => Config::load_to_serve(file.as_deref())?,
                false => Config::load(file.as_deref())?,
            };
            run_with(config, command).await
        }
    }
}

async fn run_with(config: Config, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve { json } => serve(config, json).await,
        Command::Connection(command) => Box::pin(connection::run(&config, command)).await,
        Command::Queue(command) => queue::run(&config, command).await,
        Command::Password(command) => password::run(&config, command),
        Command::ConsentUrl(wanted) => Box::pin(consent::run(&config, &wanted)).await,
        Command::Explain(wanted) => explain::run(&wanted),
        Command::Config(ConfigCommand::Show) => print(&format!("{config:#?}")),
        Command::Config(_) => check(&config),
        Command::Certs(command) => certs::run(&config, command),
        Command::Demo(options) => demo::run(options).await,
    }
}

/// All is in order but for what `Config::load_to_serve` has refused already.
fn check(config: &Config) -> anyhow::Result<()> {
    for warning in config.warnings(Clock::system().now()) {
        print(&format!("warning: {warning}"))?;
    }
    print("The settings are in order.")
}

async fn serve(config: Config, json: bool) -> anyhow::Result<()> {
    let stored = Connections::load(&config.state_dir)?;
    if stored.list.is_empty() {
        tracing::warn!("no connection yet: add one with: footbridge connection add ADDRESS");
    }
    // Without connections a key may still be missing; one that is added later will have brought it.
    let vaults = match Vaults::unlock(&config) {
        Err(error) if stored.list.is_empty() => {
            tracing::warn!("{error:#}");
            None
        }
        vaults => Some(vaults?),
    };
    let vault_of = move |config: &Config, connection: &Connection| {
        let vaults = vaults.clone().map_or_else(|| Vaults::unlock(config), Ok)?;
        let vault: Arc<dyn TokenVault> = Arc::new(vaults.of(&connection.user()));
        Ok(vault)
    };
    let opened = |connection: Connection| {
        anyhow::Ok(SignedIn { vault: vault_of(&config, &connection)?, connection })
    };
    let connections: Vec<SignedIn> =
        stored.list.iter().cloned().map(opened).collect::<anyhow::Result<_>>()?;
    let listed = stored.list.iter().map(|connection| ReadyConnection {
        address: connection.address.clone(),
        user: connection.user(),
        password: None,
    });
    let parts = Parts { config, clock: Clock::system(), connections };
    let app = App::build(parts).await?.following(Box::new(vault_of));
    let ready = Ready::new(&app.addresses(), listed.collect(), None);
    let stop = stop_signal();
    if json {
        ready.print_json()?
    } else {
        print(&ready.greeting())?
    }
    app.run(stop).await.map(drop)
}

/// SIGINT or SIGTERM, from now on: who was told that the bridge is ready may ask it to end at once.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};

    let heard = |kind| {
        let signal = signal(kind);
        async move {
            // One that cannot be heard ends the program without our help.
            let Ok(mut signal) = signal else { return pending().await };
            signal.recv().await;
        }
    };
    let (interrupted, terminated) =
        (heard(SignalKind::interrupt()), heard(SignalKind::terminate()));
    async move {
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
    }
}

/// Logs go to standard error, so that standard output stays for answers.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_new(config::log_filter())
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(config::DEFAULT_LOG));
    let coloured = std::io::stderr().is_terminal() && !config::no_color();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured);
    // Someone who embeds the bridge may have a subscriber of their own.
    let _ = log.with_writer(std::io::stderr).try_init();
}

pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Something to know while a command waits: on standard error, so that standard output stays for
/// answers.
pub(crate) fn note(text: &str) {
    // Whoever closed standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[expect(clippy::print_stderr, reason = "standard error is where a failed command says why")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("footbridge: {error:#}");
    if error.downcast_ref::<Problems>().is_some() {
        ExitCode::from(WRONG_USAGE)
    } else {
        ExitCode::FAILURE
    }
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
