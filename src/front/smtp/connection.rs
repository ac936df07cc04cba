//! Bytes to events and replies to bytes: the only SMTP file that touches a connection.

use std::net::SocketAddr;
use std::time::Duration;

use wire::smtp::{Event, Limits, Mode, Reply, Stream};

use crate::account::Lease;
use crate::front::Silence;
pub(super) use crate::front::link::Next;
use crate::front::link::{Link, Patience};
use crate::net::{Drain, Loss, Parting, Security, Transport};

/// Replies collected before they are written: those to one group of pipelined commands share a
/// packet, and an endless group cannot make us hold more than this.
const FLUSH_AT: usize = 16 * 1024;
/// Octets that a client may send ahead while its message is being submitted.
const AHEAD: usize = 64 * 1024;
/// Longer than any submission takes: the end of a client is noticed, not its silence.
const WHILE_SUBMITTING: Duration = Duration::from_secs(24 * 60 * 60);

/// One client's socket with its framing.
#[derive(Debug)]
pub(super) struct Connection {
    link: Link<Stream>,
}

impl Connection {
    pub(super) fn new(transport: Transport, silence: Silence, drain: Drain) -> Self {
        let patience = Patience { read: silence.smtp, write: silence.smtp };
        Self { link: Link::new(transport, Stream::new(Limits::default()), patience, drain) }
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.link.peer()
    }

    pub(super) fn logged_in(&mut self, lease: Lease) {
        self.link.logged_in(lease);
    }

    pub(super) fn is_taken_back(&self) -> bool {
        self.link.is_taken_back()
    }

    pub(super) fn set_mode(&mut self, mode: Mode) {
        self.link.framing().set_mode(mode);
    }

    /// See [`Link::next`].
    pub(super) async fn next(&mut self) -> Result<Next<Event>, Loss> {
        self.link.next().await
    }

    /// See [`Link::event`].
    pub(super) async fn event(&mut self) -> Result<Event, Loss> {
        self.link.event().await
    }

    /// Whether the client has said more than was taken yet.
    pub(super) fn is_ahead(&self) -> bool {
        self.link.buffered() > 0
    }

    /// Resolves when the client is gone; keeps what it sends until then. Dropping it loses nothing.
    pub(super) async fn hang_up(&mut self) {
        while self.link.buffered() < AHEAD {
            match self.link.hear(WHILE_SUBMITTING).await {
                Ok(()) | Err(Loss::TimedOut) => {}
                Err(_) => return,
            }
        }
        std::future::pending().await
    }

    /// Collects a reply.
    pub(super) async fn reply(&mut self, reply: &Reply) -> Result<(), Loss> {
        reply.write(self.link.output());
        if self.link.output().len() < FLUSH_AT {
            return Ok(());
        }
        self.flush().await
    }

    /// See [`Link::flush`].
    pub(super) async fn flush(&mut self) -> Result<(), Loss> {
        self.link.flush().await
    }

    /// See [`Link::writes`].
    pub(super) fn writes(&self) -> u64 {
        self.link.writes()
    }

    /// See [`Link::writes_before`].
    pub(super) fn writes_before(&self) -> u64 {
        self.link.writes_before()
    }

    pub(super) fn security(&self) -> Security {
        self.link.security()
    }

    /// See [`Link::secure`].
    pub(super) async fn secure(&mut self) -> Result<(), Loss> {
        self.link.secure().await
    }

    /// Writes the last words and closes.
    pub(super) async fn close(self) -> Parting {
        self.link.close().await
    }
}
