//! Bytes to events and answers to bytes: the only IMAP file that touches a socket.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use wire::imap::{Data, Event, Limits, Mode, Reply, Status, Stream};

use crate::clock::Clock;
use crate::front::Silence;
use crate::net::{Drain, Loss, Transport};

/// What a client may make us hold, in octets.
const LIMITS: Limits = Limits {
    // Room for the longest ID (RFC 2971 §3.3: 30 fields of 30 and 1,024 octets), and no more for
    // strangers.
    line_before_login: 40 * 1024,
    // Clients list thousands of UIDs in one command.
    line: 64 * 1024,
    // A user name and a password.
    literal_before_login: 8 * 1024,
    // Mailbox names and search strings.
    literal: 64 * 1024,
    // The account knows the real limit and refuses before the message is read.
    message: u32::MAX,
};
/// What a client may still send after our last words, and for how long, so that it gets to read them.
const LINGER_OCTETS: usize = 1024 * 1024;
const LINGER_FOR: Duration = Duration::from_secs(2);
/// Output collected before it is written: a few packets, so that small answers share one.
const FLUSH_AT: usize = 64 * 1024;
/// Octets read at once.
const READ_SIZE: usize = 16 * 1024;
/// The silence that the first impatient clients bear is 10 s (the default of Jira's mail handler).
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(5);

/// One client's socket with its framing.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    stream: Stream,
    input: Box<[u8]>,
    output: Vec<u8>,
    drain: Drain,
    clock: Clock,
    silence: Silence,
    /// How long the client may be silent now.
    patience: Duration,
    /// How often output has left for good.
    writes: u64,
}

/// A point in the output to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    writes: u64,
    length: usize,
}

/// What comes next from outside.
#[derive(Debug)]
pub(super) enum Next {
    Event(Event),
    /// The bridge goes down.
    Shutdown,
    /// The client said nothing for too long.
    Silence,
}

impl Connection {
    pub(super) fn new(transport: Transport, silence: Silence, drain: Drain) -> Self {
        Self {
            clock: transport.clock().clone(),
            transport,
            stream: Stream::new(LIMITS),
            input: vec![0; READ_SIZE].into(),
            output: Vec::new(),
            drain,
            silence,
            patience: silence.stranger,
            writes: 0,
        }
    }

    /// From now on the limits of a user hold.
    pub(super) fn logged_in(&mut self) {
        self.stream.logged_in();
        self.patience = self.silence.imap;
    }

    pub(super) fn set_mode(&mut self, mode: Mode) {
        self.stream.set_mode(mode);
    }

    /// The announced message is wanted.
    pub(super) fn accept(&mut self) {
        self.stream.accept();
    }

    /// The announced message is not wanted.
    pub(super) fn refuse(&mut self) {
        self.stream.refuse();
    }

    // === reading ===

    /// The next event between two commands: shutdown and silence end the conversation here.
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Next, Loss> {
        if self.drain.has_begun() {
            return Ok(Next::Shutdown);
        }
        if let Some(event) = self.stream.next() {
            return Ok(Next::Event(event));
        }
        // Outside the race below: a write must not be dropped half-way.
        self.flush().await?;
        let drain = self.drain.clone();
        tokio::select! {
            biased;
            event = self.event() => match event {
                Ok(event) => Ok(Next::Event(event)),
                Err(Loss::TimedOut) => Ok(Next::Silence),
                Err(loss) => Err(loss),
            },
            () = drain.begun() => Ok(Next::Shutdown),
        }
    }

    /// The next event inside a command. Dropping the future loses nothing.
    pub(super) async fn event(&mut self) -> Result<Event, Loss> {
        loop {
            if let Some(event) = self.stream.next() {
                return Ok(event);
            }
            self.flush().await?;
            let read = self.transport.read(&mut self.input, self.patience).await?;
            self.stream.push(&self.input[..read]);
        }
    }

    // === writing ===

    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub(super) fn data(&mut self, data: &Data) {
        data.write(&mut self.output);
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
    }

    pub(super) fn continuation(&mut self, text: &str) {
        wire::imap::continuation(&mut self.output, text);
    }

    /// Writes what has been collected if that is much: call it after each piece of output.
    pub(super) async fn relieve(&mut self) -> Result<(), Loss> {
        if self.output.len() < FLUSH_AT {
            return Ok(());
        }
        self.flush().await
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
        // A client may stop reading for as long as it may stop writing.
        self.transport.write(&self.output, self.silence.imap).await?;
        self.output.clear();
        // One large answer must not claim its memory for the life of an idle connection.
        self.output.shrink_to(FLUSH_AT);
        Ok(())
    }

    /// Writes what has been collected and then `bytes`, without a copy.
    pub(super) async fn pass(&mut self, bytes: &[u8]) -> Result<(), Loss> {
        if self.output.len() + bytes.len() < FLUSH_AT {
            self.output.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush().await?;
        self.writes += 1;
        self.transport.write(bytes, self.silence.imap).await
    }

    /// Where the output stands now.
    pub(super) fn mark(&self) -> Mark {
        Mark { writes: self.writes, length: self.output.len() }
    }

    /// Takes back everything since `mark`.
    ///
    /// # Errors
    /// `Loss` if a part of it has left already: then only closing is honest.
    pub(super) fn rewind(&mut self, mark: Mark) -> Result<(), Loss> {
        if mark.writes != self.writes {
            return Err(Loss::Broken(std::io::Error::other("an answer could not be completed")));
        }
        self.output.truncate(mark.length);
        Ok(())
    }

    /// Waits for `work`, telling the client from time to time that we are alive. Only between two
    /// responses, never inside one.
    pub(super) async fn patiently<F: Future>(&mut self, work: F) -> Result<F::Output, Loss> {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = std::future::ready(()) => {}
        }
        // What is known already should not wait for what is not.
        if let Err(loss) = self.flush().await {
            work.await;
            return Err(loss);
        }
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = self.clock.sleep(SIGN_OF_LIFE_EVERY) => {}
            }
            self.reply(&Reply::untagged(Status::Ok, "Still working"));
            if let Err(loss) = self.flush().await {
                // What was begun is better finished, though no one is left to hear of it.
                work.await;
                return Err(loss);
            }
        }
    }

    /// Writes the last words and closes.
    pub(super) async fn close(mut self) {
        if self.flush().await.is_err() {
            // The client is gone already; there is no one to tell.
            return;
        }
        if self.drain.has_begun() {
            return self.transport.close().await;
        }
        tokio::select! {
            () = self.transport.linger(LINGER_OCTETS, LINGER_FOR) => {}
            () = self.drain.begun() => {}
        }
    }

    pub(super) fn peer(&self) -> std::net::SocketAddr {
        self.transport.peer()
    }
}
