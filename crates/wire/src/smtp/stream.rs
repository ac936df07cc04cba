//! Framing: bytes in, events out. Push what was read, then take events until there are none.

use std::{fmt, mem};

use super::{Command, DataError, DataReader, Invalid, parse};
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
    Command(Command),
    /// A line that is no command; the next line is read as usual.
    Invalid(Invalid),
    /// One line in [`Mode::Auth`], without CRLF: base64, or `*`.
    Auth(Secret<Vec<u8>>),
    /// The next octets of a message, dots removed; never empty.
    Chunk(Vec<u8>),
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
    /// In a line that is too long, up to its end; then as the mode says.
    Skip(Mode),
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

    /// How the bytes from here on are to be read.
    pub fn set_mode(&mut self, mode: Mode) {
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
            State::Skip(mode) => self.skip(mode),
        }
    }

    fn command(&mut self) -> Option<Event> {
        let longest = self.limits.command_line.max(self.limits.auth_line);
        match self.line(longest, Mode::Command)? {
            Err(invalid) => Some(Event::Invalid(invalid)),
            Ok(line) if line.len() + 2 > self.limits.command_line && !is_auth(&line) => {
                Some(Event::Invalid(Invalid::LineTooLong))
            }
            Ok(line) => Some(match parse(&line) {
                Ok(command) => Event::Command(command),
                Err(invalid) => Event::Invalid(invalid),
            }),
        }
    }

    fn auth(&mut self) -> Option<Event> {
        let line = self.line(self.limits.auth_line, Mode::Auth);
        if !matches!(self.state, State::Skip(_)) {
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
                _ => Err(Invalid::BareLineBreak),
            }),
            Taken::TooLong => {
                self.state = State::Skip(mode);
                self.skip(mode).map(|_| Err(Invalid::LineTooLong))
            }
        }
    }

    /// Drops bytes up to the end of an over-long line, which is then answered.
    fn skip(&mut self, mode: Mode) -> Option<Event> {
        if self.buffer.drop_line() {
            self.set_mode(mode);
            return Some(Event::Invalid(Invalid::LineTooLong));
        }
        self.state = State::Skip(mode);
        None
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(stream: &mut Stream) -> Vec<Event> {
        std::iter::from_fn(|| stream.next()).collect()
    }

    fn stream_of(bytes: &[u8]) -> Stream {
        let mut stream = Stream::new(Limits::default());
        stream.push(bytes);
        stream
    }

    #[test]
    fn pipelined_commands_come_one_by_one() {
        let mut stream = stream_of(b"RSET\r\nNOOP\r\nQU");
        assert_eq!(
            events(&mut stream),
            [Event::Command(Command::Rset), Event::Command(Command::Noop)]
        );
        stream.push(b"IT\r\n");
        assert_eq!(events(&mut stream), [Event::Command(Command::Quit)]);
        assert_eq!(stream.buffered(), 0);
    }

    #[test]
    fn a_line_without_carriage_return_is_refused() {
        let mut stream = stream_of(b"NOOP\nQUIT\r\n\n");
        let bare = Event::Invalid(Invalid::BareLineBreak);
        assert_eq!(events(&mut stream), [bare.clone(), Event::Command(Command::Quit), bare]);
    }

    #[test]
    fn an_endless_line_is_dropped_and_answered_once() {
        let mut stream = Stream::new(Limits::default());
        for sent in 1..100 {
            stream.push(&[b'x'; 1000]);
            assert_eq!(stream.next(), None);
            let held = if sent <= 12 { sent * 1000 } else { 0 };
            assert_eq!(stream.buffered(), held);
        }
        stream.push(b"\r\nNOOP\r\n");
        let too_long = Event::Invalid(Invalid::LineTooLong);
        assert_eq!(events(&mut stream), [too_long, Event::Command(Command::Noop)]);
    }

    #[test]
    fn only_auth_may_be_long() {
        let token = "A".repeat(8000);
        let mut stream = stream_of(format!("AUTH XOAUTH2 {token}\r\nNOOP {token}\r\n").as_bytes());
        let events = events(&mut stream);
        assert!(matches!(events[0], Event::Command(Command::Auth { .. })));
        assert_eq!(events[1..], [Event::Invalid(Invalid::LineTooLong)]);
    }

    #[test]
    fn data_ends_and_commands_go_on() {
        let mut stream = stream_of(b"DATA\r\n");
        assert_eq!(stream.next(), Some(Event::Command(Command::Data)));
        stream.set_mode(Mode::Data);
        stream.push(b"Hi\r\n..\r\n.\r\nQUIT\r\n");
        let expected = [
            Event::Chunk(b"Hi\r\n.\r\n".to_vec()),
            Event::DataEnd(Ok(7)),
            Event::Command(Command::Quit),
        ];
        assert_eq!(events(&mut stream), expected);
    }

    #[test]
    fn sasl_responses_are_secret_lines() {
        let mut stream = stream_of(b"dXNlcg==\r\n*\r\n");
        stream.set_mode(Mode::Auth);
        assert_eq!(format!("{:?}", stream.next()), "Some(Auth([redacted]))");
        assert_eq!(stream.next(), Some(Event::Auth(Secret::new(b"*".to_vec()))));
        stream.set_mode(Mode::Command);
        assert_eq!(stream.next(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_cut_anywhere_give_the_same_events(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n')], 0..200),
            cut in 0_usize..200,
        ) {
            let cut = cut.min(bytes.len());
            let whole = events(&mut stream_of(&bytes));
            let mut stream = stream_of(&bytes[..cut]);
            let mut cut_events = events(&mut stream);
            stream.push(&bytes[cut..]);
            cut_events.extend(events(&mut stream));
            prop_assert_eq!(whole, cut_events);
        }
    }
}
