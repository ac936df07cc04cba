//! One client's connection with its framing: bytes to events and answers to bytes, for every
//! protocol alike.

use std::net::SocketAddr;
use std::time::Duration;

use crate::account::Lease;
use crate::clock::Clock;
use crate::front;
use crate::net::{Drain, Loss, Parting, Security, Transport};

/// What turns a protocol's bytes into events.
pub(super) trait Framing {
    type Event;

    /// `None` if more bytes are needed.
    fn next(&mut self) -> Option<Self::Event>;

    fn push(&mut self, bytes: &[u8]);

    /// Octets pushed and not yet taken.
    fn buffered(&self) -> usize;
}

#[derive(Debug)]
pub(super) struct Link<F> {
    transport: Transport,
    framing: F,
    input: Box<[u8]>,
    output: Vec<u8>,
    drain: Drain,
    /// Of the user who is logged in.
    lease: Option<Lease>,
    patience: Patience,
    /// How often output has left for good.
    writes: u64,
    /// How often it had, before the client began to say what was taken last.
    writes_before: u64,
}

/// How long the client may be silent, and how long it may leave unread what we say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) read: Duration,
    pub(super) write: Duration,
}

/// What comes next from outside.
#[derive(Debug)]
pub(super) enum Next<E> {
    Event(E),
    /// The bridge goes down.
    Shutdown,
    /// The login is no longer good.
    TakenBack,
    /// The client said nothing for too long.
    Silence,
}

/// What a client may still send after our last words, and for how long, so that it gets to read them.
const LINGER_OCTETS: usize = 1024 * 1024;
const LINGER_FOR: Duration = Duration::from_secs(2);
/// Room for output that a connection keeps while its client is silent: most clients are, for hours.
const KEPT_OUTPUT: usize = 1024;
/// Octets read at once.
const READ_SIZE: usize = 16 * 1024;
/// What an idle connection keeps for its output.
const OUTPUT_KEPT: usize = 64 * 1024;

impl<F: Framing> Link<F> {
    pub(super) fn new(transport: Transport, framing: F, patience: Patience, drain: Drain) -> Self {
        let (input, output) = (vec![0; READ_SIZE].into(), Vec::new());
        Self {
            transport,
            framing,
            input,
            output,
            drain,
            lease: None,
            patience,
            writes: 0,
            writes_before: 0,
        }
    }

    pub(super) fn framing(&mut self) -> &mut F {
        &mut self.framing
    }

    pub(super) fn logged_in(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    pub(super) fn is_taken_back(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_over)
    }

    pub(super) fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.transport.peer()
    }

    pub(super) fn clock(&self) -> &Clock {
        self.transport.clock()
    }

    // === reading ===

    /// The next event between two commands: shutdown, a lost login and silence end the conversation here.
    /// What has been collected is written when there is nothing left to read. Dropping the future
    /// loses nothing.
    pub(super) async fn next(&mut self) -> Result<Next<F::Event>, Loss> {
        if self.drain.has_begun() {
            return Ok(Next::Shutdown);
        }
        if self.is_taken_back() {
            return Ok(Next::TakenBack);
        }
        if let Some(event) = self.framing.next() {
            return Ok(Next::Event(event));
        }
        // Outside the race below: a write must not be dropped half-way.
        self.flush().await?;
        self.output.shrink_to(KEPT_OUTPUT);
        // Else the event began before, and the client may not have read what was written just now.
        if self.buffered() == 0 {
            self.writes_before = self.writes;
        }
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

    /// The next event inside a command: shutdown waits for its end. Dropping the future loses
    /// nothing.
    pub(super) async fn event(&mut self) -> Result<F::Event, Loss> {
        loop {
            if let Some(event) = self.framing.next() {
                return Ok(event);
            }
            self.flush().await?;
            self.hear(self.patience.read).await?;
        }
    }

    /// Reads ahead, without taking events.
    pub(super) async fn hear(&mut self, limit: Duration) -> Result<(), Loss> {
        let read = self.transport.read(&mut self.input, limit).await?;
        self.framing.push(&self.input[..read]);
        Ok(())
    }

    /// Octets read and not yet taken.
    pub(super) fn buffered(&self) -> usize {
        self.framing.buffered()
    }

    // === writing ===

    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    /// How many of the writes the client had before it spoke last, as far as can be told from here.
    pub(super) fn writes_before(&self) -> u64 {
        self.writes_before
    }

    /// Writes what has been collected.
    ///
    /// A dropped future would leave a piece half-written; it is only ever dropped together with
    /// the connection, or with nothing collected.
    pub(super) async fn flush(&mut self) -> Result<(), Loss> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.writes += 1;
        self.transport.write(&self.output, self.patience.write).await?;
        self.output.clear();
        // One large answer must not claim its memory for the life of an idle connection.
        self.output.shrink_to(OUTPUT_KEPT);
        Ok(())
    }

    /// Writes what has been collected and then `bytes`, without a copy.
    pub(super) async fn pass(&mut self, bytes: &[u8]) -> Result<(), Loss> {
        self.flush().await?;
        self.writes += 1;
        self.transport.write(bytes, self.patience.write).await
    }

    /// Writes the last words and closes.
    pub(super) async fn close(mut self) -> Parting {
        if self.flush().await.is_err() {
            // The client is gone already; there is no one to tell.
            return Parting::Unclear;
        }
        if self.drain.has_begun() {
            self.transport.close().await;
            return Parting::Unclear;
        }
        tokio::select! {
            parting = self.transport.linger(LINGER_OCTETS, LINGER_FOR) => parting,
            () = self.drain.begun() => Parting::Unclear,
        }
    }

    // === wrapping ===

    pub(super) fn security(&self) -> Security {
        self.transport.security()
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.transport.is_compressed()
    }

    /// Writes what has been collected, then TLS begins. What was read before is none of the
    /// client's: it has not been said under TLS. Callers refuse if there is any (`buffered`).
    pub(super) async fn secure(&mut self) -> Result<(), Loss> {
        self.flush().await?;
        let drain = self.drain.clone();
        tokio::select! {
            biased;
            secured = self.transport.secure() => secured,
            () = drain.begun() => Err(Loss::Closed),
        }
    }

    /// Writes what has been collected; all that follows is compressed, in both directions.
    pub(super) async fn compress(&mut self) -> Result<(), Loss> {
        self.flush().await?;
        self.transport.compress();
        Ok(())
    }
}

impl Framing for wire::imap::Stream {
    type Event = wire::imap::Event;

    fn next(&mut self) -> Option<Self::Event> {
        self.next()
    }

    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn buffered(&self) -> usize {
        self.buffered()
    }
}

impl Framing for wire::smtp::Stream {
    type Event = wire::smtp::Event;

    fn next(&mut self) -> Option<Self::Event> {
        self.next()
    }

    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn buffered(&self) -> usize {
        self.buffered()
    }
}
