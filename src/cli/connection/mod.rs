//! `footbridge connection`: what is connected.

mod add;
mod carry;
mod cures;
mod list;
mod ping;
mod senders;
mod steps;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;

use crate::auth::scopes::{Needs, Ownership};
use crate::config::Config;
use crate::config::connections::{Connection, Connections};
use add::{AddConnection, SignInAgain};
use ping::Ping;
use senders::ChangeSenders;

#[derive(Debug, Subcommand)]
pub(super) enum ConnectionCommand {
    /// Sign in with Microsoft, once, and store the connection.
    #[command(after_help = "Example: footbridge connection add ada@contoso.com --use outbound")]
    Add(AddConnection),
    /// Sign in again, after the sign-in has lapsed or an administrator has consented.
    #[command(after_help = "Example: footbridge connection sign-in ada@contoso.com")]
    SignIn(SignInAgain),
    /// List the connections.
    #[command(after_help = "Example: footbridge connection list --json")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Everything that is known of one connection; no secret is among it.
    #[command(after_help = "Example: footbridge connection show ada@contoso.com")]
    Show {
        address: String,
        #[arg(long)]
        json: bool,
    },
    /// Test a connection step by step; no mail is sent unless --send-test is given.
    #[command(after_help = "Example: footbridge connection ping ada@contoso.com --json")]
    Ping(Ping),
    /// Show or change in whose name a connection may send, beside the mailbox's own addresses and aliases.
    #[command(
        after_help = "Example: footbridge connection senders ada@contoso.com --allow sales@contoso.com"
    )]
    Senders(ChangeSenders),
    /// Write a connection into a file sealed under a passphrase, for another machine.
    #[command(
        after_help = "Example: footbridge connection export ada@contoso.com --out ada.footbridge"
    )]
    Export {
        address: String,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A file whose first line is the passphrase; asked for otherwise.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Take a connection out of such a file.
    #[command(after_help = "Example: footbridge connection import ada.footbridge")]
    Import {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Replace the connection if it is there already.
        #[arg(long)]
        replace: bool,
    },
    /// Forget a connection, its token and its local passwords. Mail in Microsoft 365 is not touched.
    #[command(after_help = "Example: footbridge connection remove ada@contoso.com")]
    Remove { address: String },
}

pub(super) const NOT_THERE: &str = "there is no such connection; see: footbridge connection list";

pub(super) async fn run(config: &Config, command: ConnectionCommand) -> anyhow::Result<()> {
    match command {
        ConnectionCommand::Add(wanted) => add::add(config, wanted).await,
        ConnectionCommand::SignIn(wanted) => add::sign_in_again(config, wanted).await,
        ConnectionCommand::List { json } => list::list(config, json),
        ConnectionCommand::Show { address, json } => list::show(config, &address, json),
        ConnectionCommand::Ping(wanted) => ping::run(config, wanted).await,
        ConnectionCommand::Senders(wanted) => senders::run(config, &wanted),
        ConnectionCommand::Export { address, out, passphrase_file } => {
            carry::export(config, &address, &out, passphrase_file.as_deref()).await
        }
        ConnectionCommand::Import { file, passphrase_file, replace } => {
            carry::import(config, &file, passphrase_file.as_deref(), replace).await
        }
        ConnectionCommand::Remove { address } => list::remove(config, &address),
    }
}

fn existing(config: &Config, user: &str) -> anyhow::Result<Connection> {
    let connections = Connections::load(&config.state_dir)?;
    connections.find(user).cloned().ok_or_else(|| anyhow!(NOT_THERE))
}

/// The permissions that a connection is meant to have.
fn needs(connection: &Connection) -> Needs {
    let mailbox = match connection.mailbox {
        Some(_) => Ownership::Shared,
        None if connection.senders.is_empty() => Ownership::Own,
        None => Ownership::OwnForOthers,
    };
    Needs { purpose: connection.purpose, mailbox }
}
