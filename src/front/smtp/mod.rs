//! The SMTP submission server (RFC 6409 over RFC 5321): what a client hands in is sent by the
//! mailbox's service, and only then answered 250.

mod answers;
mod auth;
mod connection;
mod data;
mod session;
mod talk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::account::{Accounts, Purpose};
use crate::front::Silence;
use crate::front::login::Door;
use crate::net::{Drain, Protocol, Transport};
use connection::Connection;
use talk::Talk;

/// The largest message that is announced before the account, and so its service, is known: what
/// one Graph request takes (reference B.9).
const MESSAGE_BEFORE_LOGIN: u64 = 3_000_000;

/// SMTP for everyone who has an account here. A handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    accounts: Accounts,
    drain: Drain,
    silence: Silence,
    connections: Arc<AtomicU64>,
}

impl Server {
    pub fn new(accounts: Accounts, silence: Silence, drain: Drain) -> Self {
        Self { accounts, drain, silence, connections: Arc::default() }
    }
}

impl Protocol for Server {
    async fn serve(&self, transport: Transport) {
        let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let (clock, source) = (transport.clock().clone(), transport.peer().ip());
        let door = Door::new(self.accounts.clone(), Purpose::Send, source, clock);
        let connection = Connection::new(transport, self.silence, self.drain.clone());
        Talk::new(id, connection, door).run().await;
    }

    fn turn_away(&self) -> &'static [u8] {
        b"421 4.7.0 Too many connections from this address\r\n"
    }
}
