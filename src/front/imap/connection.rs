//! Bytes to events and answers to bytes: the only IMAP file that touches a connection.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use wire::imap::{
    Code, Data, Event, Limits, Mode, NameEncoding, Progress, Reply, Status, Stream, Tag,
};

use crate::account::Lease;
use crate::clock::Instant;
use crate::front::Silence;
pub(super) use crate::front::link::Next;
use crate::front::link::{Link, Patience};
use crate::mailbox::Timestamp;
use crate::net::{Drain, Loss, Security, Transport};

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
/// Output collected before it is written: a few packets, so that small answers share one.
const FLUSH_AT: usize = 64 * 1024;
/// The silence that the first impatient clients bear is 10 s (the default of Jira's mail handler).
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(5);

/// One client's socket with its framing.
#[derive(Debug)]
pub(super) struct Connection {
    link: Link<Stream>,
    silence: Silence,
    names: NameEncoding,
    /// When the client last heard of us, or began to wait for us.
    heard: Instant,
    task: Option<Task>,
}

/// The command that is being carried out, for whoever waits for it.
#[derive(Debug)]
struct Task {
    tag: Tag,
    progress: Progress,
}

/// A point in the output to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    writes: u64,
    length: usize,
}

impl Connection {
    pub(super) fn new(transport: Transport, silence: Silence, drain: Drain) -> Self {
        // A client may stop reading for as long as it may stop writing.
        let patience = Patience { read: silence.stranger, write: silence.imap };
        let heard = transport.clock().instant();
        let link = Link::new(transport, Stream::new(LIMITS), patience, drain);
        Self { link, silence, names: NameEncoding::default(), heard, task: None }
    }

    /// From now on the limits of a user hold.
    pub(super) fn logged_in(&mut self, lease: Lease) {
        self.link.logged_in(lease);
        self.link.framing().logged_in();
        self.link.set_patience(Patience { read: self.silence.imap, write: self.silence.imap });
    }

    /// How mailbox names are written from now on, in both directions.
    pub(super) fn set_names(&mut self, names: NameEncoding) {
        self.names = names;
        self.link.framing().set_names(names);
    }

    pub(super) fn set_mode(&mut self, mode: Mode) {
        self.link.framing().set_mode(mode);
    }

    /// The announced message is wanted.
    pub(super) fn accept(&mut self) {
        self.link.framing().accept();
    }

    /// The announced message is not wanted.
    pub(super) fn refuse(&mut self) {
        self.link.framing().refuse();
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.link.peer()
    }

    // === reading ===

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

    /// How many writes have left before the client began to say what it said last.
    pub(super) fn writes_before(&self) -> u64 {
        self.link.writes_before()
    }

    /// The writes after which all that is said up to now has left, provided that it leaves in one.
    pub(super) fn writes_needed(&self) -> u64 {
        self.link.writes() + 1
    }

    pub(super) fn now(&self) -> Timestamp {
        self.link.clock().now()
    }

    // === wrapping ===

    pub(super) fn security(&self) -> Security {
        self.link.security()
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.link.is_compressed()
    }

    /// See [`Link::secure`].
    pub(super) async fn secure(&mut self) -> Result<(), Loss> {
        self.link.secure().await
    }

    /// See [`Link::compress`].
    pub(super) async fn compress(&mut self) -> Result<(), Loss> {
        self.link.compress().await
    }

    // === writing ===

    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        self.link.output()
    }

    pub(super) fn data(&mut self, data: &Data) {
        data.write_with(self.link.output(), self.names);
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.write(self.link.output());
    }

    pub(super) fn continuation(&mut self, text: &str) {
        wire::imap::continuation(self.link.output(), text);
    }

    /// Writes what has been collected if that is much: call it after each piece of output.
    pub(super) async fn relieve(&mut self) -> Result<(), Loss> {
        if self.link.output().len() < FLUSH_AT {
            return Ok(());
        }
        self.flush().await
    }

    /// See [`Link::flush`].
    pub(super) async fn flush(&mut self) -> Result<(), Loss> {
        if self.link.output().is_empty() {
            return Ok(());
        }
        self.link.flush().await?;
        self.heard = self.link.clock().instant();
        Ok(())
    }

    /// Writes what has been collected and then `bytes`, without a copy.
    pub(super) async fn pass(&mut self, bytes: &[u8]) -> Result<(), Loss> {
        let output = self.link.output();
        if output.len() + bytes.len() < FLUSH_AT {
            output.extend_from_slice(bytes);
            return Ok(());
        }
        self.link.pass(bytes).await?;
        self.heard = self.link.clock().instant();
        Ok(())
    }

    /// Where the output stands now.
    pub(super) fn mark(&mut self) -> Mark {
        Mark { writes: self.link.writes(), length: self.link.output().len() }
    }

    /// Takes back everything since `mark`.
    ///
    /// # Errors
    /// `Loss` if a part of it has left already: then only closing is honest.
    pub(super) fn rewind(&mut self, mark: Mark) -> Result<(), Loss> {
        if mark.writes != self.link.writes() {
            return Err(Loss::Broken(std::io::Error::other("an answer could not be completed")));
        }
        self.link.output().truncate(mark.length);
        Ok(())
    }

    // === waiting ===

    /// The client waits from now on for the answer to this command.
    pub(super) fn begin(&mut self, tag: &Tag) {
        self.heard = self.link.clock().instant();
        self.task = Some(Task { tag: tag.clone(), progress: Progress::Unknown });
    }

    /// What is done of the command, and how much there is to do: messages, where that makes sense.
    pub(super) fn progress(&mut self, done: usize, goal: usize) {
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let goal = NonZeroU32::new(narrow(goal));
        let Some(task) = &mut self.task else { return };
        // What was gathered and is now shown was counted before: it never runs backwards.
        let before = match task.progress {
            Progress::Counted { done, .. } => done,
            Progress::Unknown => 0,
        };
        task.progress = Progress::Counted { done: narrow(done).max(before), goal };
    }

    /// `* OK [INPROGRESS …]` (RFC 9585), which whoever does not know it takes for a remark.
    fn say_alive(&mut self) {
        let sign = Reply::untagged(Status::Ok, "Still working");
        let sign = match &self.task {
            Some(Task { tag, progress }) => {
                sign.with_code(Code::InProgress { tag: tag.clone(), progress: *progress })
            }
            None => sign,
        };
        self.reply(&sign);
    }

    /// Waits for `work`, telling the client from time to time that we are alive: by the time since it
    /// last heard of us, since many short waits make a long one. Only between two responses, never
    /// inside one.
    pub(super) async fn patiently<F: Future>(&mut self, work: F) -> Result<F::Output, Loss> {
        let (mut work, clock) = (pin!(work), self.link.clock().clone());
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
                () = clock.sleep_until(self.heard.plus(SIGN_OF_LIFE_EVERY)) => {}
            }
            self.say_alive();
            if let Err(loss) = self.flush().await {
                // What was begun is better finished, though no one is left to hear of it.
                work.await;
                return Err(loss);
            }
        }
    }

    /// Writes the last words and closes.
    pub(super) async fn close(self) {
        self.link.close().await;
    }
}
