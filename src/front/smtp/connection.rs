//! Bytes to events and replies to bytes: the only SMTP file that touches a socket.

use std::time::Duration;

use wire::smtp::{Event, Limits, Mode, Reply, Stream};

use crate::account::Lease;
use crate::front::{self, Silence};
use crate::net::{Drain, Loss, Transport};

/// Replies collected before they are written: those to one group of pipelined commands share a
/// packet, and an endless group cannot make us hold more than this.
const FLUSH_AT: usize = 16 * 1024;
/// Octets read at once.
const READ_SIZE: usize = 16 * 1024;
/// Octets that a client may send ahead while its message is being submitted.
const AHEAD: usize = 64 * 1024;
/// Longer than any submission takes: the end of a client is noticed, not its silence.
const WHILE_SUBMITTING: Duration = Duration::from_secs(24 * 60 * 60);

/// One client's socket with its framing.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    stream: Stream,
    input: Box<[u8]>,
    output: Vec<u8>,
    drain: Drain,
    silence: Silence,
    /// Of the user who is logged in.
    lease: Option<Lease>,
}

/// What comes next from outside.
#[derive(Debug)]
pub(super) enum Next {
    Event(Event),
    /// The bridge goes down.
    Shutdown,
    /// The login is no longer good.
    TakenBack,
    /// The client said nothing for too long.
    Silence,
}

impl Connection {
    pub(super) fn new(transport: Transport, silence: Silence, drain: Drain) -> Self {
        Self {
            transport,
            stream: Stream::new(Limits::default()),
            input: vec![0; READ_SIZE].into(),
            output: Vec::new(),
            drain,
            silence,
            lease: None,
        }
    }

    pub(super) fn logged_in(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    pub(super) fn is_taken_back(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_over)
    }

    pub(super) fn peer(&self) -> std::net::SocketAddr {
        self.transport.peer()
    }

    pub(super) fn set_mode(&mut self, mode: Mode) {
        self.stream.set_mode(mode);
    }

    /// The next event between two commands. Replies are written when there is nothing left to read.
    pub(super) async fn next(&mut self) -> Result<Next, Loss> {
        if self.drain.has_begun() {
            return Ok(Next::Shutdown);
        }
        if self.is_taken_back() {
            return Ok(Next::TakenBack);
        }
        if let Some(event) = self.stream.next() {
            return Ok(Next::Event(event));
        }
        // Outside the race below: a write must not be dropped half-way.
        self.flush().await?;
        let (drain, lease) = (self.drain.clone(), self.lease.clone());
        tokio::select! {
            biased;
            event = self.event() => match event {
                Ok(event) => Ok(Next::Event(event)),
                Err(Loss::TimedOut) => Ok(Next::Silence),
                Err(loss) => Err(loss),
            },
            () = drain.begun() => Ok(Next::Shutdown),
            () = front::over(lease.as_ref()) => Ok(Next::TakenBack),
        }
    }

    /// The next event inside a message: shutdown waits for its end.
    pub(super) async fn event(&mut self) -> Result<Event, Loss> {
        loop {
            if let Some(event) = self.stream.next() {
                return Ok(event);
            }
            self.flush().await?;
            let read = self.transport.read(&mut self.input, self.silence.smtp).await?;
            self.stream.push(&self.input[..read]);
        }
    }

    /// Resolves when the client is gone; keeps what it sends until then. Dropping it loses nothing.
    pub(super) async fn hang_up(&mut self) {
        while self.stream.buffered() < AHEAD {
            match self.transport.read(&mut self.input, WHILE_SUBMITTING).await {
                Ok(read) => self.stream.push(&self.input[..read]),
                Err(Loss::TimedOut) => {}
                Err(_) => return,
            }
        }
        std::future::pending().await
    }

    /// Collects a reply.
    pub(super) async fn reply(&mut self, reply: &Reply) -> Result<(), Loss> {
        reply.write(&mut self.output);
        if self.output.len() < FLUSH_AT {
            return Ok(());
        }
        self.flush().await
    }

    /// Writes what has been collected. Only ever dropped together with the connection.
    pub(super) async fn flush(&mut self) -> Result<(), Loss> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.transport.write(&self.output, self.silence.smtp).await?;
        self.output.clear();
        Ok(())
    }

    pub(super) async fn close(mut self) {
        // A client that is gone already has heard enough.
        let _ = self.flush().await;
        self.transport.close().await;
    }
}
