//! Framing: bytes in, events out. Push what was read, then take events until there are none.

use std::{fmt, mem};

use super::parse::announces_octets;
use super::{Bdat, Command, DataError, DataReader, Invalid, parse};
use crate::Secret;
use crate::buffer::{Buffer, Taken};

/// How much a client may make us hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command line with its CRLF. RFC 5321 section 4.5.3.1.4 says 512, and
    /// extensions add to MAIL and RCPT; the rest is generosity.
    pub command_line: usize,
    /// Octets of an AUTH command or of a SASL response (RFC 4954 section 4 and 4.3).
    pub auth_line: usize,
    /// Octets of a message.
    pub message: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// After BDAT its octets come by themselves, as `Chunk` and at last `ChunkEnd`.
    Command(Command),
    /// A line that is no command; the next line is read as usual. After [`Invalid::ChunkSize`]
    /// there is no next one: hang up.
    Invalid(Invalid),
    /// One line in [`Mode::Auth`], without CRLF: base64, or `*`.
    Auth(Secret<Vec<u8>>),
    /// The next octets of a message, after DATA with dots removed; never empty.
    Chunk(Vec<u8>),
    /// The octets of a BDAT are all there and commands follow.
    ChunkEnd,
    /// The data is over and commands follow: octets of the message. On `Err` nothing may be sent.
    DataEnd(Result<u64, DataError>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Command,
    /// The next line is a SASL response.
    Auth,
    /// After `354`. Ends by itself with [`Event::DataEnd`].
    Data,
}

pub struct Stream {
    limits: Limits,
    buffer: Buffer,
    state: State,
}

#[derive(Debug)]
enum State {
    Command,
    Auth,
    Data(DataReader),
    /// Data has ended, after a last chunk that is already out.
    DataEnded(Result<u64, DataError>),
    /// So many octets of a BDAT are to come.
    Octets(u64),
    /// Where the next command begins is not known, and octets of a message must never be taken for
    /// one.
    Lost,
    /// In a line that is too long, up to its end; then this is said, and it goes on as the mode says.
    Skip(Mode, Invalid),
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line: 2048,
            auth_line: 12_288,
            // Exchange Online takes no larger message.
            message: 150 * 1024 * 1024,
        }
    }
}

// === impl Stream ===

impl Stream {
    pub fn new(limits: Limits) -> Self {
        Self { limits, buffer: Buffer::default(), state: State::Command }
    }

    /// Adds what was read. Take all events before the next push: that keeps memory within the
    /// limits plus one read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    /// Octets pushed and not yet taken. Not 0 at STARTTLS means that someone slipped in commands
    /// before the handshake: close the connection.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// How the bytes from here on are to be read. Octets that a BDAT has counted stay its own.
    pub fn set_mode(&mut self, mode: Mode) {
        if matches!(self.state, State::Octets(_) | State::Lost) {
            return;
        }
        self.state = match mode {
            Mode::Command => State::Command,
            Mode::Auth => State::Auth,
            Mode::Data => State::Data(DataReader::new(self.limits.message)),
        };
    }

    #[expect(
        clippy::should_implement_trait,
        reason = "not an end of iteration: more can be pushed"
    )]
    pub fn next(&mut self) -> Option<Event> {
        match mem::replace(&mut self.state, State::Command) {
            State::Command => self.command(),
            State::Auth => self.auth(),
            State::Data(reader) => self.data(reader),
            State::DataEnded(end) => Some(Event::DataEnd(end)),
            State::Octets(0) => Some(Event::ChunkEnd),
            State::Octets(left) => self.octets(left),
            State::Lost => {
                self.buffer.take(self.buffer.len());
                self.state = State::Lost;
                None
            }
            State::Skip(mode, invalid) => self.skip(mode, invalid),
        }
    }

    fn command(&mut self) -> Option<Event> {
        let longest = self.limits.command_line.max(self.limits.auth_line);
        let parsed = match self.line(longest, Mode::Command)? {
            Ok(line) if line.len() + 2 > self.limits.command_line && !is_auth(&line) => {
                match announces_octets(&line) {
                    true => Err(Invalid::ChunkSize),
                    false => Err(Invalid::LineTooLong),
                }
            }
            line => line.and_then(|line| parse(&line)),
        };
        Some(match parsed {
            Ok(command) => {
                if let Command::Bdat(Bdat { octets, .. }) = command {
                    self.state = State::Octets(octets);
                }
                Event::Command(command)
            }
            Err(invalid) => {
                if invalid == Invalid::ChunkSize {
                    self.state = State::Lost;
                }
                Event::Invalid(invalid)
            }
        })
    }

    fn auth(&mut self) -> Option<Event> {
        let line = self.line(self.limits.auth_line, Mode::Auth);
        if !matches!(self.state, State::Skip(..)) {
            self.state = State::Auth;
        }
        match line? {
            Err(invalid) => Some(Event::Invalid(invalid)),
            Ok(line) => Some(Event::Auth(Secret::new(line))),
        }
    }

    /// One line without CRLF.
    fn line(&mut self, limit: usize, mode: Mode) -> Option<Result<Vec<u8>, Invalid>> {
        match self.buffer.take_line(limit - 1) {
            Taken::Partial => None,
            Taken::Line(mut line) => Some(match line.pop() {
                Some(b'\r') => Ok(line),
                _ if mode == Mode::Command && announces_octets(&line) => Err(Invalid::ChunkSize),
                _ => Err(Invalid::BareLineBreak),
            }),
            Taken::TooLong if mode == Mode::Command && announces_octets(self.buffer.waiting()) => {
                Some(Err(Invalid::ChunkSize))
            }
            Taken::TooLong => {
                // RFC 4954 §6.
                let invalid = match mode == Mode::Auth || is_auth(self.buffer.waiting()) {
                    true => Invalid::AuthTooLong,
                    false => Invalid::LineTooLong,
                };
                self.skip(mode, invalid).map(|_| Err(invalid))
            }
        }
    }

    /// Drops bytes up to the end of an over-long line, which is then answered.
    fn skip(&mut self, mode: Mode, invalid: Invalid) -> Option<Event> {
        if self.buffer.drop_line() {
            self.set_mode(mode);
            return Some(Event::Invalid(invalid));
        }
        self.state = State::Skip(mode, invalid);
        None
    }

    fn octets(&mut self, left: u64) -> Option<Event> {
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let chunk = self.buffer.take(most).to_vec();
        self.state = State::Octets(left - chunk.len() as u64);
        (!chunk.is_empty()).then_some(Event::Chunk(chunk))
    }

    fn data(&mut self, mut reader: DataReader) -> Option<Event> {
        let mut chunk = Vec::new();
        let (used, end) = reader.read(self.buffer.waiting(), &mut chunk);
        self.buffer.take(used);
        self.state = match end {
            Some(end) if chunk.is_empty() => return Some(Event::DataEnd(end)),
            Some(end) => State::DataEnded(end),
            None => State::Data(reader),
        };
        (!chunk.is_empty()).then_some(Event::Chunk(chunk))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("state", &self.state)
            .field("buffered", &self.buffered())
            .finish_non_exhaustive()
    }
}

fn is_auth(line: &[u8]) -> bool {
    line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH "))
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
