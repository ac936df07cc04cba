//! The IMAP4rev1 server (RFC 3501): one session per connection, one file per command family.

mod append;
mod auth;
mod basic;
mod connection;
mod convert;
mod copy;
mod criteria;
mod enabled;
mod ending;
mod expunge;
mod fetch;
mod folder;
mod found;
mod idle;
mod keyed;
mod list;
mod listing;
mod manner;
mod object_id;
mod pattern;
mod plan;
mod recent;
mod render;
mod resync;
mod saved;
mod search;
mod select;
mod selected;
mod session;
mod sort;
mod status;
mod store;
mod thread;
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

/// Modes of the whole conversation that a client may enable: each is true only if every part of it is.
const MODES: &[&str] = &["IMAP4rev2", "UTF8=ACCEPT"];
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
    "LIST-EXTENDED",
    "LIST-STATUS",
    "STATUS=SIZE",
    "ENABLE",
    "COMPRESS=DEFLATE",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "SEARCHRES",
    "WITHIN",
    "PARTIAL",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "I18NLEVEL=1",
];

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
    let (names, ways_in) = match standing {
        Standing::Stranger(security) => (BEFORE_LOGIN, ways_in(security)),
        Standing::User => (AFTER_LOGIN, [].as_slice()),
    };
    names.iter().chain(MODES).chain(ways_in).copied().map(Cow::Borrowed).collect()
}

/// How a stranger becomes a user (RFC 3501 §6.2.1, §6.2.3).
fn ways_in(security: Security) -> &'static [&'static str] {
    match security {
        Security::Plain | Security::Tls => &["AUTH=PLAIN", "AUTH=LOGIN"],
        Security::Offered(PlainLogin::Allowed) => &["STARTTLS", "AUTH=PLAIN", "AUTH=LOGIN"],
        Security::Offered(PlainLogin::Refused) => &["STARTTLS", "LOGINDISABLED"],
    }
}
