//! `footbridge queue`: mail that was accepted and is not sent yet.
//!
//! It reads the files of the queue. What it changes, it asks of the bridge that has the mailbox open,
//! by an order beside the message; if none has, it does it itself.

mod orders;
mod shown;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use super::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::connections::Connections;
use crate::store::QueueId;
use crate::store::queue::{Found, Order, QueueFolder};
use orders::Wanted;

#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// List what is queued, oldest first, of one connection or of all.
    #[command(after_help = "Example: footbridge queue list --json")]
    List {
        address: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Everything that is known of one message; neither its subject nor its text.
    #[command(after_help = "Example: footbridge queue show 6ae851289f954a0b")]
    Show {
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Try it now, also if it is held or was given up; with --all, everything that waits.
    #[command(after_help = "Example: footbridge queue retry --all")]
    Retry {
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// What is held or was given up stays as it is.
        #[arg(long)]
        all: bool,
        #[arg(long)]
        json: bool,
    },
    /// Keep a message without trying it, until it is retried or dropped. It does not grow too old meanwhile.
    #[command(after_help = "Example: footbridge queue hold 6ae851289f954a0b")]
    Hold {
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Remove a message unsent. Its sender gets no report.
    #[command(after_help = "Example: footbridge queue drop 6ae851289f954a0b")]
    Drop {
        id: String,
        #[arg(long)]
        json: bool,
    },
}

/// The queue of one mailbox.
pub(super) struct Mailbox {
    /// The local user name.
    user: String,
    folder: QueueFolder,
    found: Vec<Found>,
    is_connected: bool,
}

const NOT_THERE: &str = "no such message is queued: it was sent, returned or dropped meanwhile, \
    which the log tells; see also: footbridge queue list";

pub(super) async fn run(config: &Config, command: QueueCommand) -> anyhow::Result<()> {
    match command {
        QueueCommand::List { address, json } => list(config, address.as_deref(), json),
        QueueCommand::Show { id, json } => show(config, &id, json),
        QueueCommand::Retry { id: Some(id), json, .. } => {
            one(config, &id, (Order::Retry, json)).await
        }
        QueueCommand::Retry { json, .. } => retry_all(config, json).await,
        QueueCommand::Hold { id, json } => one(config, &id, (Order::Hold, json)).await,
        QueueCommand::Drop { id, json } => one(config, &id, (Order::Drop, json)).await,
    }
}

fn list(config: &Config, user: Option<&str>, json: bool) -> anyhow::Result<()> {
    let wanted = |name: &str| user.is_none_or(|user| user.eq_ignore_ascii_case(name));
    for mailbox in mailboxes(config)?.iter().filter(|mailbox| wanted(&mailbox.user)) {
        for found in &mailbox.found {
            let line = match json {
                true => shown::brief(mailbox, found).to_string(),
                false => shown::line(mailbox, found),
            };
            print(&line)?;
        }
    }
    Ok(())
}

fn show(config: &Config, id: &str, json: bool) -> anyhow::Result<()> {
    let mailboxes = mailboxes(config)?;
    let (mailbox, found) = find(&mailboxes, &parse(id)?)?;
    match json {
        true => print(&shown::whole(mailbox, found).to_string()),
        false => print(&shown::page(mailbox, found)),
    }
}

async fn one(config: &Config, id: &str, (order, json): (Order, bool)) -> anyhow::Result<()> {
    let id = parse(id)?;
    let mailboxes = mailboxes(config)?;
    let (mailbox, found) = find(&mailboxes, &id)?;
    let wanted = Wanted { id, order, folder: &mailbox.folder };
    let reply = orders::give(std::slice::from_ref(&wanted)).await?.remove(0);
    let (ok, text) = orders::words(&wanted, reply, found);
    match (json, ok) {
        (true, _) => print(&orders::answer(&wanted, reply).to_string())?,
        (false, true) => print(&text)?,
        (false, false) => {}
    }
    if ok { Ok(()) } else { Err(anyhow!(text)) }
}

async fn retry_all(config: &Config, json: bool) -> anyhow::Result<()> {
    let mailboxes = mailboxes(config)?;
    let mut all = Vec::new();
    for mailbox in &mailboxes {
        let waiting = mailbox.found.iter().filter_map(shown::waiting);
        let folder = &mailbox.folder;
        all.extend(waiting.map(|id| Wanted { id: id.clone(), order: Order::Retry, folder }));
    }
    let replies = orders::give(&all).await?;
    let mut failed = 0;
    for (wanted, reply) in all.iter().zip(replies) {
        if json {
            print(&orders::answer(wanted, reply).to_string())?;
        }
        failed += usize::from(!orders::is_fine(reply));
    }
    if !json {
        print(&format!("to be tried now: {}", all.len() - failed))?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(anyhow!("{failed} could not be reached; see: footbridge queue list")),
    }
}

fn parse(id: &str) -> anyhow::Result<QueueId> {
    QueueId::parse(&id.to_ascii_lowercase()).ok_or_else(|| anyhow!(NOT_THERE))
}

fn find<'a>(mailboxes: &'a [Mailbox], id: &QueueId) -> anyhow::Result<(&'a Mailbox, &'a Found)> {
    for mailbox in mailboxes {
        if let Some(found) = mailbox.found.iter().find(|found| found.id() == id) {
            return Ok((mailbox, found));
        }
    }
    Err(anyhow!(NOT_THERE))
}

/// Every mailbox of which something is kept here, connected or not.
fn mailboxes(config: &Config) -> anyhow::Result<Vec<Mailbox>> {
    let directory = config.state_dir.join("mail");
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let connections = Connections::load(&config.state_dir)?;
    let now = Clock::system().now();
    let mut mailboxes = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let folder = QueueFolder::of(&path);
        let found = folder.survey(now).with_context(|| path.display().to_string())?;
        let user = user_of(&path);
        let is_connected = connections.find(&user).is_some();
        mailboxes.push(Mailbox { user, folder, found, is_connected });
    }
    mailboxes.sort_by(|a, b| a.user.cmp(&b.user));
    Ok(mailboxes)
}

/// The user name that a mailbox's directory is spelled after.
fn user_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.split('%');
    let mut user = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u32::from_str_radix(code, 16).ok());
        match code.and_then(char::from_u32) {
            Some(c) => {
                user.push(c);
                user.push_str(&part[2..]);
            }
            None => user.push_str(part),
        }
    }
    user
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_names_its_user() {
        let user = |name: &str| user_of(Path::new("/state/mail").join(name).as_path());
        assert_eq!(user("ada@contoso.example"), "ada@contoso.example");
        assert_eq!(
            user("ada@contoso.example%2Fsales@contoso.example"),
            "ada@contoso.example/sales@contoso.example"
        );
    }
}
