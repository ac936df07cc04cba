//! Framing: bytes in, events out. No I/O, no parsing beyond what framing needs.
//!
//! The caller pushes what it read and takes events until there are none:
//!
//! - [`Event::Command`]: parse it with [`super::parse()`] and answer it.
//! - [`Event::Continue`]: write a continuation request; more bytes of a command will follow.
//! - [`Event::Message`]: an APPEND announced its message. Call [`Stream::accept`] or
//!   [`Stream::refuse`] before taking the next event. After `accept` come [`Event::Chunk`]s and
//!   one [`Event::MessageEnd`]; only an `Ok` there makes the command complete.
//! - [`Event::Data`]: one line, in [`Mode::Data`].
//! - [`Event::Broken`]: answer it; close the connection if [`StreamError::trust`] is lost.

use std::{fmt, mem};

use super::literal::Suffix;
use super::parse::{AppendHead, append_head};
use super::{
    Bad, Defect, Event, Limits, Line, LiteralKind, MessageLiteral, Mode, NameEncoding, StreamError,
    Tag, Trust,
};
use crate::Secret;
use crate::buffer::{Buffer, Taken};

/// See the module.
pub struct Stream {
    limits: Limits,
    login: Login,
    mode: Mode,
    names: NameEncoding,
    buffer: Buffer,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    Before,
    After,
}

enum State {
    /// Between commands or inside one.
    Line(Assembly),
    /// Octets of an argument literal are due.
    Argument {
        assembly: Assembly,
        due: usize,
    },
    /// The caller must accept or refuse.
    Announced {
        tag: Tag,
        size: u32,
        kind: LiteralKind,
    },
    /// The continuation request is not yet out.
    Accepted {
        tag: Tag,
        due: u64,
    },
    Message {
        tag: Tag,
        due: u64,
    },
    /// The line end after a message, or after one that was swallowed (`tag` is then `None`).
    Tail {
        tag: Option<Tag>,
    },
    /// Octets nobody wants.
    Swallow {
        due: u64,
    },
    Broken,
}

/// The part of a command that has arrived.
#[derive(Default)]
struct Assembly {
    bytes: Vec<u8>,
    lines: usize,
    literals: usize,
}

// === impl Stream ===

impl Stream {
    /// A connection before login.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            login: Login::Before,
            mode: Mode::Command,
            names: NameEncoding::default(),
            buffer: Buffer::default(),
            state: State::Line(Assembly::default()),
        }
    }

    /// From now on the larger limits hold.
    pub fn logged_in(&mut self) {
        self.login = Login::After;
    }

    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// How the mailbox name of an APPEND is written from now on.
    pub fn set_names(&mut self, names: NameEncoding) {
        self.names = names;
    }

    /// Adds what was read. Take all events before the next push: that keeps memory within the
    /// limits plus one read.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Broken) {
            self.buffer.push(bytes);
        }
    }

    /// Octets pushed and not yet taken. Not 0 at STARTTLS means that someone slipped in commands
    /// before the handshake (RFC 9051 section 6.2.1): close the connection.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The announced message is wanted: its chunks are the next events.
    pub fn accept(&mut self) {
        if let State::Announced { tag, size, kind } = self.take_state() {
            let due = u64::from(size);
            self.state = match kind {
                LiteralKind::Synchronizing => State::Accepted { tag, due },
                LiteralKind::NonSynchronizing => State::Message { tag, due },
            };
        }
    }

    /// The announced message is not wanted, and the caller answers the command. Octets that come
    /// anyway are counted and dropped.
    pub fn refuse(&mut self) {
        if let State::Announced { size, kind, .. } = self.take_state() {
            self.drop_literal(size, kind);
        }
    }

    /// The next event, or `None` if more bytes (or a decision on a message) are needed.
    #[expect(
        clippy::should_implement_trait,
        reason = "not an end of iteration: more can be pushed"
    )]
    pub fn next(&mut self) -> Option<Event> {
        loop {
            let step = match self.take_state() {
                State::Line(assembly) => self.line(assembly),
                State::Argument { assembly, due } => self.argument(assembly, due),
                State::Accepted { tag, due } => {
                    self.state = State::Message { tag, due };
                    Step::Event(Event::Continue)
                }
                State::Message { tag, due } => self.message(tag, due),
                State::Tail { tag } => self.tail(tag),
                State::Swallow { due } => self.swallow(due),
                state @ (State::Announced { .. } | State::Broken) => {
                    self.state = state;
                    Step::Wait
                }
            };
            match step {
                Step::Event(event) => return Some(event),
                Step::Wait => return None,
                Step::Again => {}
            }
        }
    }

    /// Every path puts a state back; if one forgot, the stream would end instead of misreading.
    fn take_state(&mut self) -> State {
        mem::replace(&mut self.state, State::Broken)
    }

    fn line_limit(&self) -> usize {
        match self.login {
            Login::Before => self.limits.line_before_login,
            Login::After => self.limits.line,
        }
    }

    fn literal_limit(&self) -> usize {
        match self.login {
            Login::Before => self.limits.literal_before_login,
            Login::After => self.limits.literal,
        }
    }

    fn line(&mut self, mut assembly: Assembly) -> Step {
        let budget = self.line_limit().saturating_sub(assembly.lines);
        let line = match self.buffer.take_line(budget) {
            Taken::Line(line) => without_carriage_return(line),
            Taken::Partial => {
                self.state = State::Line(assembly);
                return Step::Wait;
            }
            Taken::TooLong => return self.lost(assembly.tag(), Defect::LineTooLong),
        };
        if assembly.is_empty() && self.mode == Mode::Data {
            self.state = State::Line(assembly);
            return Step::Event(Event::Data(Secret::new(line)));
        }
        assembly.lines += line.len();
        if assembly.is_empty() && line.is_empty() {
            // Some clients end a literal with one line end too many.
            self.state = State::Line(Assembly::default());
            return Step::Again;
        }
        let suffix = Suffix::of(&line);
        let has_nul = line.contains(&0);
        assembly.bytes.extend_from_slice(&line);
        match suffix {
            Suffix::Malformed => self.lost(assembly.tag(), Defect::MalformedLiteral),
            Suffix::Literal { .. } if has_nul => self.lost(assembly.tag(), Defect::Nul),
            Suffix::Plain if has_nul => self.kept(assembly.tag(), Defect::Nul),
            Suffix::Plain => {
                assembly.bytes.extend_from_slice(b"\r\n");
                self.state = State::Line(Assembly::default());
                Step::Event(Event::Command(Line::new(assembly.bytes)))
            }
            Suffix::Literal { at, size, kind } => {
                let head = assembly.bytes.len() - line.len() + at;
                self.announced(assembly, head, size, kind)
            }
        }
    }

    /// `head` is where the announcement begins in the assembly.
    fn announced(&mut self, assembly: Assembly, head: usize, size: u32, kind: LiteralKind) -> Step {
        match append_head(&assembly.bytes[..head], self.names) {
            AppendHead::Argument => self.announced_argument(assembly, size, kind),
            AppendHead::Bad(bad) => {
                self.drop_literal(size, kind);
                Step::Event(Event::Bad(bad))
            }
            AppendHead::Message { tag, .. } if size > self.limits.message => {
                self.drop_literal(size, kind);
                let defect = Defect::MessageTooLarge;
                Step::Event(Event::Broken(StreamError {
                    tag: Some(tag),
                    defect,
                    trust: Trust::Kept,
                }))
            }
            AppendHead::Message { tag, append } => {
                self.state = State::Announced { tag: tag.clone(), size, kind };
                Step::Event(Event::Message(MessageLiteral { tag, append, size, kind }))
            }
        }
    }

    fn announced_argument(&mut self, mut assembly: Assembly, size: u32, kind: LiteralKind) -> Step {
        let room = self.literal_limit().saturating_sub(assembly.literals);
        let due = usize::try_from(size).unwrap_or(usize::MAX);
        if due > room {
            return match kind {
                LiteralKind::Synchronizing => self.kept(assembly.tag(), Defect::LiteralTooLarge),
                LiteralKind::NonSynchronizing => self.lost(assembly.tag(), Defect::LiteralTooLarge),
            };
        }
        assembly.bytes.extend_from_slice(b"\r\n");
        assembly.literals += due;
        self.state = State::Argument { assembly, due };
        match kind {
            LiteralKind::Synchronizing => Step::Event(Event::Continue),
            LiteralKind::NonSynchronizing => Step::Again,
        }
    }

    fn argument(&mut self, mut assembly: Assembly, due: usize) -> Step {
        let taken = self.buffer.take(due);
        assembly.bytes.extend_from_slice(taken);
        let due = due - taken.len();
        if due > 0 {
            self.state = State::Argument { assembly, due };
            return Step::Wait;
        }
        self.state = State::Line(assembly);
        Step::Again
    }

    fn message(&mut self, tag: Tag, due: u64) -> Step {
        if due == 0 {
            self.state = State::Tail { tag: Some(tag) };
            return Step::Again;
        }
        let chunk = self.buffer.take(usize::try_from(due).unwrap_or(usize::MAX)).to_vec();
        self.state = State::Message { tag, due: due - chunk.len() as u64 };
        if chunk.is_empty() { Step::Wait } else { Step::Event(Event::Chunk(chunk)) }
    }

    fn swallow(&mut self, due: u64) -> Step {
        let taken = self.buffer.take(usize::try_from(due).unwrap_or(usize::MAX)).len();
        let due = due - taken as u64;
        if due > 0 {
            self.state = State::Swallow { due };
            return Step::Wait;
        }
        self.state = State::Tail { tag: None };
        Step::Again
    }

    fn tail(&mut self, tag: Option<Tag>) -> Step {
        let line = match self.buffer.take_line(self.line_limit()) {
            Taken::Line(line) => without_carriage_return(line),
            Taken::Partial => {
                self.state = State::Tail { tag };
                return Step::Wait;
            }
            Taken::TooLong => return self.lost(tag, Defect::LineTooLong),
        };
        match Suffix::of(&line) {
            Suffix::Malformed => return self.lost(tag, Defect::MalformedLiteral),
            Suffix::Plain => self.state = State::Line(Assembly::default()),
            Suffix::Literal { size, kind, .. } => self.drop_literal(size, kind),
        }
        let Some(tag) = tag else { return Step::Again };
        let end = if line.trim_ascii().is_empty() {
            Ok(())
        } else {
            Err(Bad::arguments(tag, "unexpected text after the message"))
        };
        Step::Event(Event::MessageEnd(end))
    }

    fn drop_literal(&mut self, size: u32, kind: LiteralKind) {
        self.state = match kind {
            LiteralKind::Synchronizing => State::Line(Assembly::default()),
            LiteralKind::NonSynchronizing => State::Swallow { due: u64::from(size) },
        };
    }

    fn kept(&mut self, tag: Option<Tag>, defect: Defect) -> Step {
        self.state = State::Line(Assembly::default());
        Step::Event(Event::Broken(StreamError { tag, defect, trust: Trust::Kept }))
    }

    fn lost(&mut self, tag: Option<Tag>, defect: Defect) -> Step {
        self.state = State::Broken;
        self.buffer = Buffer::default();
        Step::Event(Event::Broken(StreamError { tag, defect, trust: Trust::Lost }))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("login", &self.login)
            .field("mode", &self.mode)
            .field("buffered", &self.buffered())
            .finish_non_exhaustive()
    }
}

enum Step {
    Event(Event),
    /// The state changed without an event.
    Again,
    Wait,
}

// === impl Assembly ===

impl Assembly {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn tag(&self) -> Option<Tag> {
        Tag::new(self.bytes.split(|&byte| byte == b' ').next()?)
    }
}

// === helpers ===

/// A line may end in CRLF or, against the letter of the standard, in LF alone.
fn without_carriage_return(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests;
