//! What the stream says, and within which limits.

use std::fmt;

use super::{Append, Bad, Code, MessageSet, Reply, Status, Tag};
use crate::Secret;

/// How much a client may make us hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of all lines of one command together before login. Room for the longest sign-in
    /// tokens, and no more for strangers.
    pub line_before_login: usize,
    /// The same after login. RFC 7162 section 4 asks for 8,192; clients that list thousands of
    /// UIDs in one FETCH need more.
    pub line: usize,
    /// Octets of all argument literals of one command together before login: a user name and a
    /// password.
    pub literal_before_login: usize,
    /// The same after login: mailbox names and search strings.
    pub literal: usize,
    /// Octets of the largest message an APPEND may announce.
    pub message: u32,
}

/// One assembled command: lines ended by CRLF, literals in place as they were announced. It may
/// carry a password, so its content does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Line(Vec<u8>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Command(Line),
    Continue,
    Message(MessageLiteral),
    /// The next octets of an accepted message; never empty. After the last of them comes the next
    /// `Message` of the same command (RFC 3502) or its `MessageEnd`.
    Chunk(Vec<u8>),
    /// The APPEND is over. On `Err` nothing may be stored, and that is the answer.
    MessageEnd(Result<(), Bad>),
    /// An APPEND whose head is wrong: answer it. The stream goes on with the next command.
    Bad(Bad),
    /// One line without its line end, such as base64 or DONE.
    Data(Secret<Vec<u8>>),
    Broken(StreamError),
}

/// An APPEND or REPLACE up to the announcement of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageLiteral {
    pub tag: Tag,
    pub verb: FilingVerb,
    pub append: Append,
    /// Octets announced; at most [`Limits::message`].
    pub size: u32,
    pub kind: LiteralKind,
    pub octets: Octets,
    pub wrapping: Wrapping,
}

/// What a message is filed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilingVerb {
    Append,
    /// RFC 8508; the set names one message.
    Replace(MessageSet),
}

/// What octets a literal may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Octets {
    /// All but NUL.
    Text,
    /// `literal8` (RFC 3516 section 7).
    Any,
}

/// How a message stands in its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    Bare,
    /// `UTF8 (~{n} ...)` (RFC 6855 section 4).
    Utf8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralKind {
    /// The client waits for our continuation request.
    Synchronizing,
    /// The octets come at once (RFC 7888).
    NonSynchronizing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Command,
    /// The next line belongs to the command in progress: a SASL response, or DONE after IDLE.
    Data,
}

/// What is wrong with the stream itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{defect}")]
pub struct StreamError {
    /// Of the command in question, if it could be read.
    pub tag: Option<Tag>,
    pub defect: Defect,
    pub trust: Trust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    #[error("command line too long")]
    LineTooLong,
    #[error("literal too large for a command argument")]
    LiteralTooLarge,
    #[error("malformed literal announcement")]
    MalformedLiteral,
    #[error("message exceeds the size limit")]
    MessageTooLarge,
    #[error("NUL is not allowed in a command")]
    Nul,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The next bytes are the start of a command.
    Kept,
    /// Data could be taken for commands: say BAD or BYE and close. No further event comes.
    Lost,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_before_login: 8 * 1024,
            line: 64 * 1024,
            literal_before_login: 8 * 1024,
            literal: 64 * 1024,
            // Exchange Online takes no larger message.
            message: 150 * 1024 * 1024,
        }
    }
}

// === impl Line ===

impl Line {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Line({} octets)", self.0.len())
    }
}

// === impl StreamError ===

impl StreamError {
    /// The answer; after it comes a BYE if trust is lost.
    pub fn reply(&self) -> Reply {
        let (status, code) = match self.defect {
            Defect::MessageTooLarge => (Status::No, Some(Code::TooBig)),
            _ => (Status::Bad, None),
        };
        Reply { tag: self.tag.clone(), status, code, text: self.defect.to_string().into() }
    }
}
