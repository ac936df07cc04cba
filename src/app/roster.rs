//! The running connections, kept as the connections file has them.
//!
//! A mailbox that was opened once stays open, for its index may be open only once: a removed
//! connection is shut to everyone and its token dropped, and comes back if it is added again.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connect::{Connected, Connecting, passwords, purpose, senders, user_name};
use super::{SignedIn, VaultOf};
use crate::account::Accounts;
use crate::admin::{Watched, Watchlist};
use crate::config::connections::{Connection, ConnectionUse, Connections};
use crate::mailbox::Address;
use crate::net::Drain;

#[derive(Debug)]
pub(super) struct Roster {
    pub(super) connecting: Connecting,
    pub(super) accounts: Accounts,
    /// What the console shows.
    pub(super) watchlist: Watchlist,
    /// Looks at the connections file that are done, what they found included.
    pub(super) looks: watch::Sender<u32>,
    members: HashMap<Address, Member>,
}

#[derive(Debug)]
struct Member {
    connection: Connection,
    connected: Connected,
    standing: Standing,
    /// Whether queued mail is looked after. That does not end before the bridge does: what is
    /// queued under a connection that was removed waits for it to come back, or for a person.
    sends: bool,
}

#[derive(Debug)]
enum Standing {
    /// Not started yet.
    Waiting,
    /// Its syncer runs until this says otherwise.
    Present(CancellationToken),
    /// The connection was removed.
    Gone,
}

/// How often the connections file is looked at: half of what a person should have to wait.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two writings of the passwords' last uses: nobody needs them to the second.
const LOOKS_PER_SAVE: u32 = 60;

impl Roster {
    pub(super) fn new(connecting: Connecting, accounts: Accounts) -> Self {
        let watchlist = Watchlist::default();
        let looks = watch::Sender::new(0);
        Self { connecting, accounts, watchlist, looks, members: HashMap::new() }
    }

    /// Opens a connection; nothing of it runs but its keeper.
    pub(super) async fn add(&mut self, signed_in: SignedIn) -> anyhow::Result<()> {
        let user = user_name(&signed_in.connection)?;
        let passwords = passwords(&signed_in.connection);
        let connected = self.connecting.connect(&signed_in).await?;
        connected.account.let_send_as(senders(&signed_in.connection));
        let purpose = purpose(&signed_in.connection);
        self.accounts.add_as(user.clone(), connected.account.clone(), purpose, passwords);
        let connection = signed_in.connection;
        let standing = Standing::Waiting;
        let member = Member { connection, connected, standing, sends: false };
        self.members.insert(user, member);
        self.show();
        Ok(())
    }

    /// Starts the syncers of all that wait, and the senders of queued mail.
    pub(super) fn start(&mut self) {
        let drain = &self.connecting.drain;
        for member in self.members.values_mut() {
            if !matches!(member.standing, Standing::Waiting) {
                continue;
            }
            member.send_queued(drain);
            let stop = CancellationToken::new();
            member.standing = Standing::Present(stop.clone());
            // Without the right to read there is nothing to look at.
            if member.connection.purpose == ConnectionUse::Outbound {
                continue;
            }
            let (account, ending) = (member.connected.account.clone(), drain.clone());
            drain.spawn(async move {
                tokio::select! {
                    () = account.run() => {}
                    () = ending.begun() => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }

    /// Follows the connections file, each second, until shutdown.
    pub(super) async fn follow(mut self, vault_of: VaultOf) {
        let clock = self.connecting.http.clock().clone();
        let state_dir = self.connecting.config.state_dir.clone();
        let drain = self.connecting.drain.clone();
        // What changed since the start was read is taken over as well.
        let mut seen = None;
        for look in 1_u32.. {
            tokio::select! {
                () = clock.sleep(LOOK) => {}
                () = drain.begun() => break,
            }
            let present = Some(self.file());
            if present != seen {
                seen = present;
                match Connections::load(&state_dir) {
                    Ok(connections) => self.apply(connections.list, &vault_of).await,
                    Err(error) => {
                        tracing::warn!(%error, "the connections cannot be read; they stay as they are")
                    }
                }
            }
            if look.is_multiple_of(LOOKS_PER_SAVE) {
                self.save_uses();
            }
            self.looks.send_replace(look);
        }
        self.save_uses();
    }

    fn file(&self) -> Vec<u8> {
        let path: PathBuf = self.connecting.config.state_dir.join("connections.toml");
        // A file that is not there has no connections.
        fs::read(path).unwrap_or_default()
    }

    fn save_uses(&self) {
        let saved = self.accounts.last_uses().save(&self.connecting.config.state_dir);
        if let Err(error) = saved {
            tracing::warn!(%error, "the passwords' last uses cannot be stored");
        }
    }

    async fn apply(&mut self, wanted: Vec<Connection>, vault_of: &VaultOf) {
        let wanted: Vec<(Address, Connection)> = wanted
            .into_iter()
            .filter_map(|connection| Some((user_name(&connection).ok()?, connection)))
            .collect();
        for (user, member) in &mut self.members {
            if !wanted.iter().any(|(name, _)| name == user) {
                member.leave(user, &self.accounts);
            }
        }
        for (user, connection) in wanted {
            let outcome = match self.members.get_mut(&user) {
                Some(member) => member.take(&user, connection, &self.accounts),
                None => self.join(&user, connection, vault_of).await,
            };
            if let Err(error) = outcome {
                tracing::warn!(connection = %user, "cannot be taken over: {error:#}");
            }
        }
        self.start();
        self.show();
    }

    async fn join(
        &mut self,
        user: &Address,
        connection: Connection,
        vault_of: &VaultOf,
    ) -> anyhow::Result<()> {
        let vault = vault_of(&self.connecting.config, &connection).context("its vault")?;
        self.add(SignedIn { connection, vault }).await?;
        tracing::info!(connection = %user, "connected");
        Ok(())
    }

    fn show(&self) {
        let mut watched: Vec<Watched> = self
            .members
            .values()
            .filter(|member| !matches!(member.standing, Standing::Gone))
            .map(Member::watched)
            .collect();
        watched.sort_by(|a, b| a.user.cmp(&b.user));
        *self.watchlist.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(watched);
    }
}

impl Member {
    fn send_queued(&mut self, drain: &Drain) {
        if std::mem::replace(&mut self.sends, true) {
            return;
        }
        let Connected { account, tokens, .. } = self.connected.clone();
        let ending = drain.clone();
        drain.spawn(async move {
            account.send_queued(Some(tokens.status()), ending.begun()).await;
        });
    }

    fn watched(&self) -> Watched {
        let Connected { account, tokens, requests } = self.connected.clone();
        Watched {
            user: self.connection.user(),
            account,
            tokens,
            requests,
            purpose: self.connection.purpose,
        }
    }

    fn leave(&mut self, user: &Address, accounts: &Accounts) {
        if matches!(self.standing, Standing::Gone) {
            return;
        }
        accounts.remove(user);
        if let Standing::Present(stop) = std::mem::replace(&mut self.standing, Standing::Gone) {
            stop.cancel();
        }
        // The vault is gone as well, so this ends in "nobody has signed in".
        self.connected.tokens.renew();
        tracing::info!(connection = %user, "removed");
    }

    /// Takes over what has changed in the connection's record.
    fn take(
        &mut self,
        user: &Address,
        connection: Connection,
        accounts: &Accounts,
    ) -> anyhow::Result<()> {
        let is_back = matches!(self.standing, Standing::Gone);
        if !is_back && connection == self.connection {
            return Ok(());
        }
        let both_known = connection.account.is_some() && self.connection.account.is_some();
        if both_known && connection.account != self.connection.account {
            // The vault holds the other one's token by now: none of their mail may come here.
            self.leave(user, accounts);
            anyhow::bail!("another account of the same name signed in; restart the bridge");
        }
        self.connected.account.let_send_as(senders(&connection));
        let account = self.connected.account.clone();
        accounts.add_as(user.clone(), account, purpose(&connection), passwords(&connection));
        tracing::info!(connection = %user, passwords = connection.passwords.len(), "taken over");
        let is_new_sign_in = connection.signed_in != self.connection.signed_in;
        let is_new_use = connection.purpose != self.connection.purpose;
        self.connection = connection;
        if let (true, Standing::Present(stop)) = (is_new_use, &self.standing) {
            stop.cancel();
        }
        if is_back || is_new_use {
            self.standing = Standing::Waiting;
        }
        if is_back || is_new_sign_in {
            self.connected.tokens.renew();
            tracing::info!(connection = %user, "signed in again");
        }
        Ok(())
    }
}
