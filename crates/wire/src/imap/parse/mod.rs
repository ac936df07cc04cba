//! One assembled line in, one [`Command`] out. One verb has one parser.
//!
//! `imap-codec` reads the verbs it can express without loss ([`standard`]), above all what a
//! stranger can send before login. The others have their own grammar here, because they carry
//! extensions that it does not know, or because real clients are sloppier than it allows.

mod fetch;
mod mailbox;
mod resync;
mod returns;
mod search;
mod sort;
mod standard;

use std::fmt;

pub(super) use mailbox::{AppendHead, append_head};

use super::lexer::{Expected, Lexer, is_atom_char};
use super::{
    Body, Command, InvalidMailboxName, Line, MessageSet, NameEncoding, Numbering, Reply, SeqSet,
    Status, Tag, UidSet,
};

/// The longest piece of input a BAD may repeat, in octets.
const ECHO_LENGTH: usize = 32;

/// A command that cannot be understood: `tag BAD text`, or `* BAD text` if there is no tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Bad {
    pub tag: Option<Tag>,
    pub kind: BadKind,
    /// Printable US-ASCII, short; repeats nothing but a piece of the verb.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKind {
    Tag,
    UnknownCommand,
    Arguments,
}

/// Reads one command of a client that has enabled nothing. The line is what
/// [`super::Event::Command`] brought.
pub fn parse(line: &Line) -> Result<Command, Bad> {
    parse_with(line, NameEncoding::default())
}

/// Reads one command whose mailbox names are written in `names`.
pub fn parse_with(line: &Line, names: NameEncoding) -> Result<Command, Bad> {
    let bytes = line.as_bytes();
    let bytes = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
    let mut lexer = Lexer::with_names(bytes, names);
    let tag = Tag::new(lexer.take_while(|byte| byte != b' ')).ok_or_else(Bad::tag)?;
    lexer.skip_spaces();
    let verb = verb(&mut lexer);
    match body(&verb, &mut lexer, &tag) {
        Ok(Some(body)) => Ok(Command { tag, body }),
        Ok(None) => Err(Bad::unknown_command(tag, &verb)),
        Err(Expected(text)) => Err(Bad::arguments(tag, text)),
    }
}

/// `Ok(None)`: there is no such verb.
fn body(verb: &str, lexer: &mut Lexer<'_>, tag: &Tag) -> Result<Option<Body>, Expected> {
    let body = match verb {
        "SELECT" => resync::select(lexer).map(Body::Select),
        "EXAMINE" => resync::select(lexer).map(Body::Examine),
        "CREATE" => mailbox::create(lexer),
        "LIST" => mailbox::list(lexer),
        "LSUB" => mailbox::lsub(lexer),
        "STATUS" => mailbox::status(lexer),
        // Its message is a literal, so a well-formed one never arrives as a line.
        "APPEND" => Err(Expected("APPEND needs its message as a literal")),
        "FETCH" => fetch::fetch(lexer, Numbering::Seq),
        "STORE" => fetch::store(lexer, Numbering::Seq),
        "COPY" => fetch::copy(lexer, Numbering::Seq),
        "MOVE" => fetch::relocate(lexer, Numbering::Seq),
        "SEARCH" => search::search(lexer, Numbering::Seq),
        "SORT" => sort::sort(lexer, Numbering::Seq),
        "THREAD" => sort::thread(lexer, Numbering::Seq),
        "UID" => return uid(lexer),
        _ if standard::knows(verb) => standard::parse(verb, lexer, tag),
        _ => return Ok(None),
    };
    body.map(Some)
}

fn uid(lexer: &mut Lexer<'_>) -> Result<Option<Body>, Expected> {
    lexer.space()?;
    let body = match verb(lexer).as_str() {
        "FETCH" => fetch::fetch(lexer, Numbering::Uid),
        "STORE" => fetch::store(lexer, Numbering::Uid),
        "COPY" => fetch::copy(lexer, Numbering::Uid),
        "MOVE" => fetch::relocate(lexer, Numbering::Uid),
        "SEARCH" => search::search(lexer, Numbering::Uid),
        "SORT" => sort::sort(lexer, Numbering::Uid),
        "THREAD" => sort::thread(lexer, Numbering::Uid),
        "EXPUNGE" => fetch::uid_expunge(lexer),
        _ => return Ok(None),
    };
    body.map(Some)
}

fn verb(lexer: &mut Lexer<'_>) -> String {
    let verb = lexer.take_while(|byte| byte != b' ');
    String::from_utf8_lossy(verb).to_ascii_uppercase()
}

// === arguments that several verbs share ===

fn message_set(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<MessageSet, Expected> {
    if lexer.skip(b'$') {
        return Ok(MessageSet::Saved(numbering));
    }
    let text = set_text(lexer);
    let set = match numbering {
        Numbering::Seq => SeqSet::parse(text).map(MessageSet::Seq),
        Numbering::Uid => UidSet::parse(text).map(MessageSet::Uid),
    };
    set.map_err(|_| Expected("expected a sequence set"))
}

fn uid_set(lexer: &mut Lexer<'_>) -> Result<UidSet, Expected> {
    UidSet::parse(set_text(lexer)).map_err(|_| Expected("expected a set of UIDs"))
}

fn set_text<'a>(lexer: &mut Lexer<'a>) -> &'a [u8] {
    lexer.take_while(|byte| byte.is_ascii_digit() || b"*:,".contains(&byte))
}

// === impl Bad ===

impl Bad {
    /// The answer.
    pub fn reply(&self) -> Reply {
        Reply {
            tag: self.tag.clone(),
            status: Status::Bad,
            code: None,
            text: self.text.clone().into(),
        }
    }

    pub(super) fn arguments(tag: Tag, text: &str) -> Self {
        Self { tag: Some(tag), kind: BadKind::Arguments, text: text.to_owned() }
    }

    fn tag() -> Self {
        Self { tag: None, kind: BadKind::Tag, text: "expected a tag and a command".to_owned() }
    }

    fn unknown_command(tag: Tag, verb: &str) -> Self {
        let text = if verb.is_empty() {
            "expected a command after the tag".to_owned()
        } else {
            format!("unknown command {}", Echo(verb))
        };
        Self { tag: Some(tag), kind: BadKind::UnknownCommand, text }
    }
}

/// A piece of input made harmless: short, and nothing but the characters of an atom.
struct Echo<'a>(&'a str);

impl fmt::Display for Echo<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes().take(ECHO_LENGTH) {
            let shown = if is_atom_char(byte) { char::from(byte) } else { '?' };
            write!(formatter, "{shown}")?;
        }
        if self.0.len() > ECHO_LENGTH { formatter.write_str("...") } else { Ok(()) }
    }
}

impl From<InvalidMailboxName> for Expected {
    fn from(invalid: InvalidMailboxName) -> Self {
        match invalid {
            InvalidMailboxName::Encoding(_) => {
                Self("mailbox name is neither modified UTF-7 nor UTF-8")
            }
            InvalidMailboxName::Control => Self("mailbox name contains a control character"),
        }
    }
}

#[cfg(test)]
mod resync_tests;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;
