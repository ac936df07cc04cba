//! The IMAP4rev1 server (RFC 3501): one session per connection, one file per command family.

mod ahead;
mod append;
mod auth;
mod basic;
mod binary;
mod connection;
mod convert;
mod copy;
mod criteria;
mod enabled;
mod ending;
mod expunge;
mod fetch;
mod folder;
mod idle;
mod list;
mod manner;
mod objects;
mod pattern;
mod plan;
mod recent;
mod render;
mod resync;
mod search;
mod select;
mod selected;
mod session;
mod status;
mod store;
mod wrap;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connection::Connection;
use session::Session;

use crate::account::{Accounts, Purpose};
use crate::front::Silence;
use crate::front::login::Door;
use crate::net::{Drain, PlainLogin, Protocol, Security, Transport};

/// What a stranger can use, whatever protects the connection.
const BEFORE_LOGIN: &[&str] = &["IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE"];
/// What a user can use.
const AFTER_LOGIN: &[&str] = &[
    "IMAP4rev1",
    "LITERAL+",
    "SASL-IR",
    "ID",
    "IDLE",
    "NAMESPACE",
    "UIDPLUS",
    "MOVE",
    "UNSELECT",
    "CHILDREN",
    "SPECIAL-USE",
    "ENABLE",
    "COMPRESS=DEFLATE",
    "CONDSTORE",
    "QRESYNC",
    "PREVIEW",
    "INPROGRESS",
];
/// What is offered only with its other half: `BINARY`, once APPEND takes a literal8 (RFC 3516 §4.4), and `OBJECTID`, once
/// folders are named in SELECT, CREATE and STATUS as well (RFC 8474 §3).
const WITH_OTHER_HALF: &[&str] = &[];

/// IMAP for everyone who has an account here. A handle, cheap to clone.
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
        let door = Door::new(self.accounts.clone(), Purpose::Receive, source, clock);
        let connection = Connection::new(transport, self.silence, self.drain.clone());
        Session::new(id, connection, door).run().await;
    }

    fn turn_away(&self) -> &'static [u8] {
        b"* BYE Too many connections from this address\r\n"
    }
}

/// Whether a user has logged in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    Stranger(Security),
    User,
}

fn capabilities(standing: Standing) -> Vec<Cow<'static, str>> {
    let (names, more) = match standing {
        Standing::Stranger(security) => (BEFORE_LOGIN, ways_in(security)),
        Standing::User => (AFTER_LOGIN, WITH_OTHER_HALF),
    };
    names.iter().chain(more).copied().map(Cow::Borrowed).collect()
}

/// How a stranger becomes a user (RFC 3501 §6.2.1, §6.2.3).
fn ways_in(security: Security) -> &'static [&'static str] {
    match security {
        Security::Plain | Security::Tls => &["AUTH=PLAIN", "AUTH=LOGIN"],
        Security::Offered(PlainLogin::Allowed) => &["STARTTLS", "AUTH=PLAIN", "AUTH=LOGIN"],
        Security::Offered(PlainLogin::Refused) => &["STARTTLS", "LOGINDISABLED"],
    }
}
