//! The SMTP submission server (RFC 6409 over RFC 5321): what a client hands in is sent by the
//! mailbox's service or, where the rules say so, kept on disk to be sent, and only then answered 250.

mod answers;
mod auth;
mod chunks;
mod connection;
mod data;
mod deliver;
mod session;
mod talk;
mod transaction;
mod treatment;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::account::{Accounts, Purpose};
use crate::front::login::Door;
use crate::net::{Drain, Protocol, Transport};
use connection::Connection;
use talk::Talk;
pub use treatment::Policy;
use treatment::Treatment;

/// SMTP for everyone who has an account here. A handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    accounts: Accounts,
    drain: Drain,
    policy: Policy,
    /// Whose address it is, if it is for one device only.
    device: Option<Arc<str>>,
    connections: Arc<AtomicU64>,
}

impl Server {
    pub fn new(accounts: Accounts, policy: Policy, drain: Drain) -> Self {
        Self { accounts, drain, policy, device: None, connections: Arc::default() }
    }

    /// The same for the addresses of one device.
    #[must_use]
    pub fn of_device(&self, name: &str) -> Self {
        Self { device: Some(name.into()), ..self.clone() }
    }
}

impl Protocol for Server {
    async fn serve(&self, transport: Transport) {
        let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let (clock, source) = (transport.clock().clone(), transport.peer().ip());
        let silence = self.policy.silence();
        let mut connection = Connection::new(transport, silence, self.drain.clone());
        let treatment = Treatment::begin(self.policy.clone(), self.device.as_deref(), source);
        let Some(treatment) = treatment else {
            tracing::info!(peer = %source, device = self.device.as_deref(), "turned away: not from the device's networks");
            // Whether it gets to read this is all the same.
            let _ = connection.reply(&answers::turned_away()).await;
            connection.close().await;
            return;
        };
        let door = Door::new(self.accounts.clone(), Purpose::Send, source, clock);
        Talk::new(id, connection, door, treatment).run().await;
    }

    fn turn_away(&self) -> &'static [u8] {
        b"421 4.7.0 Too many connections from this address\r\n"
    }
}
