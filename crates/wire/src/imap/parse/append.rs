//! What stands around the messages of APPEND (RFC 3501, 3502, 3516, 6855) and REPLACE (RFC 8508).

use super::mailbox::{flag, mailbox};
use super::{Bad, message_set, verb};
use crate::imap::lexer::{Expected, Lexer};
use crate::imap::{
    Append, DateTime, FilingVerb, Flag, MailboxName, MessageSet, NameEncoding, Numbering, Octets,
    Tag, Wrapping,
};

/// What a line that ends in a literal announcement is the beginning of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::imap) enum AppendHead {
    /// The literal is an argument like any other.
    Argument,
    /// The literal is a message to be filed.
    Message { tag: Tag, verb: FilingVerb, append: Append, wrapping: Wrapping },
    /// An APPEND or REPLACE that cannot be understood.
    Bad(Bad),
}

/// What stands behind a message.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::imap) enum AppendTail {
    End,
    /// Another message is announced.
    Message {
        append: Append,
        wrapping: Wrapping,
    },
}

/// Reads what stands before a literal announcement.
pub(in crate::imap) fn append_head(head: &[u8], octets: Octets, names: NameEncoding) -> AppendHead {
    let mut lexer = Lexer::with_names(head, names);
    let Some(tag) = Tag::new(lexer.take_while(|byte| byte != b' ')) else {
        return AppendHead::Argument;
    };
    lexer.skip_spaces();
    let filing = match filing_verb(&mut lexer) {
        Ok(Some(filing)) if !lexer.at_end() => filing,
        Ok(_) => return AppendHead::Argument,
        Err(Expected(text)) => return AppendHead::Bad(Bad::arguments(tag, text)),
    };
    let read = append(&mut lexer, octets);
    match read {
        Ok((append, wrapping)) => AppendHead::Message { tag, verb: filing, append, wrapping },
        Err(Expected(text)) => AppendHead::Bad(Bad::arguments(tag, text)),
    }
}

/// Reads what stands behind a message: up to the next announcement if there is one, which `octets`
/// then tells the kind of.
pub(in crate::imap) fn append_tail(
    tail: &[u8],
    (mailbox, wrapping): (&MailboxName, Wrapping),
    octets: Option<Octets>,
) -> Result<AppendTail, Expected> {
    // No name stands here.
    let mut lexer = Lexer::with_names(tail, NameEncoding::default());
    if wrapping == Wrapping::Utf8 {
        lexer.expect(b')', "expected the end of UTF8 ()")?;
    }
    let Some(octets) = octets else {
        let rest = Expected("unexpected text after the message");
        return if lexer.at_end() { Ok(AppendTail::End) } else { Err(rest) };
    };
    let (flags, date, wrapping) = options(&mut lexer, octets)?;
    Ok(AppendTail::Message { append: Append { mailbox: mailbox.clone(), flags, date }, wrapping })
}

/// `None`: another verb.
fn filing_verb(lexer: &mut Lexer<'_>) -> Result<Option<FilingVerb>, Expected> {
    match verb(lexer).as_str() {
        "APPEND" => Ok(Some(FilingVerb::Append)),
        "REPLACE" => replaced(lexer, Numbering::Seq).map(Some),
        "UID" => {
            lexer.skip_spaces();
            match verb(lexer).as_str() {
                "REPLACE" => replaced(lexer, Numbering::Uid).map(Some),
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// `SP seq-number` or `SP uniqueid`: one message.
fn replaced(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<FilingVerb, Expected> {
    lexer.space()?;
    if lexer.rest().iter().take_while(|byte| **byte != b' ').any(|byte| b":,$".contains(byte)) {
        return Err(Expected("REPLACE takes one message"));
    }
    let set: MessageSet = message_set(lexer, numbering)?;
    Ok(FilingVerb::Replace(set))
}

/// `SP mailbox` and the options, up to the announcement of the message.
fn append(lexer: &mut Lexer<'_>, octets: Octets) -> Result<(Append, Wrapping), Expected> {
    lexer.space()?;
    let mailbox = mailbox(lexer)?;
    let (flags, date, wrapping) = options(lexer, octets)?;
    Ok((Append { mailbox, flags, date }, wrapping))
}

/// `[SP flag-list] [SP date-time] SP ["UTF8" SP "("]`
fn options(
    lexer: &mut Lexer<'_>,
    octets: Octets,
) -> Result<(Vec<Flag>, Option<DateTime>, Wrapping), Expected> {
    lexer.space()?;
    let mut flags = Vec::new();
    if lexer.peek() == Some(b'(') {
        flags = lexer.list(flag)?;
        lexer.space()?;
    }
    let mut date = None;
    if lexer.peek() == Some(b'"') {
        let text = lexer.quoted()?;
        date = Some(DateTime::parse(&text).map_err(|_| Expected("invalid date-time"))?);
        lexer.space()?;
    }
    let wrapping = wrapping(lexer, octets)?;
    lexer.end()?;
    Ok((flags, date, wrapping))
}

fn wrapping(lexer: &mut Lexer<'_>, octets: Octets) -> Result<Wrapping, Expected> {
    if lexer.at_end() {
        return Ok(Wrapping::Bare);
    }
    if lexer.word()? != "UTF8" {
        return Err(Expected("expected the message as a literal"));
    }
    lexer.space()?;
    lexer.expect(b'(', "expected UTF8 (")?;
    match octets {
        Octets::Any => Ok(Wrapping::Utf8),
        Octets::Text => Err(Expected("UTF8 () takes a literal8")),
    }
}
