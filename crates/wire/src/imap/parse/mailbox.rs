//! Commands about mailboxes: SELECT, CREATE, LIST, STATUS and the head of APPEND.

use super::Bad;
use crate::imap::lexer::{Expected, Lexer};
use crate::imap::utf7::InvalidUtf7;
use crate::imap::{
    Append, Body, CreateMailbox, DateTime, Flag, InvalidMailboxName, Keyword, List, ListReturn,
    ListSelection, MailboxName, NameEncoding, SpecialUse, StatusItem, Tag,
};

/// What a line that ends in a literal announcement is the beginning of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::imap) enum AppendHead {
    /// The literal is an argument like any other.
    Argument,
    /// The literal is the message of an APPEND.
    Message { tag: Tag, append: Append },
    /// An APPEND that cannot be understood.
    Bad(Bad),
}

/// Reads what stands before a literal announcement.
pub(in crate::imap) fn append_head(head: &[u8], names: NameEncoding) -> AppendHead {
    let mut lexer = Lexer::with_names(head, names);
    let Some(tag) = Tag::new(lexer.take_while(|byte| byte != b' ')) else {
        return AppendHead::Argument;
    };
    lexer.skip_spaces();
    if super::verb(&mut lexer) != "APPEND" || lexer.at_end() {
        return AppendHead::Argument;
    }
    match append(&mut lexer) {
        Ok(append) => AppendHead::Message { tag, append },
        Err(Expected(text)) => AppendHead::Bad(Bad::arguments(tag, text)),
    }
}

/// `SP mailbox` and nothing else.
pub(super) fn only(lexer: &mut Lexer<'_>) -> Result<MailboxName, Expected> {
    lexer.space()?;
    let name = mailbox(lexer)?;
    lexer.end()?;
    Ok(name)
}

pub(super) fn mailbox(lexer: &mut Lexer<'_>) -> Result<MailboxName, Expected> {
    Ok(MailboxName::from_wire(&lexer.astring()?, lexer.names)?)
}

/// `create` of RFC 6154 section 6: `SP mailbox [SP "(" "USE" SP "(" uses ")" ")"]`
pub(super) fn create(lexer: &mut Lexer<'_>) -> Result<Body, Expected> {
    lexer.space()?;
    let mailbox = mailbox(lexer)?;
    let mut uses = Vec::new();
    lexer.skip_spaces();
    if lexer.peek() == Some(b'(') {
        let parameters = lexer.list(|lexer| {
            if lexer.word()? != "USE" {
                return Err(Expected("unknown CREATE parameter"));
            }
            lexer.space()?;
            lexer.list(special_use)
        })?;
        uses = parameters.into_iter().flatten().collect();
    }
    lexer.end()?;
    Ok(Body::Create(CreateMailbox { mailbox, uses }))
}

fn special_use(lexer: &mut Lexer<'_>) -> Result<SpecialUse, Expected> {
    lexer.expect(b'\\', "expected a special use")?;
    let name = lexer.atom()?;
    SpecialUse::ALL
        .into_iter()
        .find(|known| known.name()[1..].eq_ignore_ascii_case(name))
        .ok_or(Expected("unknown special use"))
}

/// `list` of RFC 5258 section 6.
pub(super) fn list(lexer: &mut Lexer<'_>) -> Result<Body, Expected> {
    lexer.space()?;
    let mut selection = Vec::new();
    if lexer.peek() == Some(b'(') {
        selection = lexer.list(list_selection)?;
        lexer.space()?;
    }
    let reference = reference(lexer)?;
    lexer.space()?;
    let patterns =
        if lexer.peek() == Some(b'(') { lexer.list(pattern)? } else { vec![pattern(lexer)?] };
    if patterns.is_empty() {
        return Err(Expected("expected a mailbox pattern"));
    }
    let is_base = |option: &ListSelection| {
        matches!(option, ListSelection::Subscribed | ListSelection::SpecialUse)
    };
    if selection.contains(&ListSelection::RecursiveMatch) && !selection.iter().any(is_base) {
        return Err(Expected("RECURSIVEMATCH needs another selection option"));
    }
    let returns = list_returns(lexer)?;
    lexer.end()?;
    Ok(Body::List(List { selection, reference, patterns, returns }))
}

pub(super) fn lsub(lexer: &mut Lexer<'_>) -> Result<Body, Expected> {
    lexer.space()?;
    let reference = reference(lexer)?;
    lexer.space()?;
    let pattern = pattern(lexer)?;
    lexer.end()?;
    Ok(Body::Lsub { reference, pattern })
}

fn list_selection(lexer: &mut Lexer<'_>) -> Result<ListSelection, Expected> {
    match lexer.word()?.as_str() {
        "SUBSCRIBED" => Ok(ListSelection::Subscribed),
        "REMOTE" => Ok(ListSelection::Remote),
        "RECURSIVEMATCH" => Ok(ListSelection::RecursiveMatch),
        "SPECIAL-USE" => Ok(ListSelection::SpecialUse),
        _ => Err(Expected("unknown LIST selection option")),
    }
}

/// `[SP "RETURN" SP "(" options ")"]`
fn list_returns(lexer: &mut Lexer<'_>) -> Result<Vec<ListReturn>, Expected> {
    if lexer.at_end() {
        return Ok(Vec::new());
    }
    lexer.space()?;
    if lexer.word()? != "RETURN" {
        return Err(Expected("expected RETURN"));
    }
    lexer.space()?;
    lexer.list(|lexer| match lexer.word()?.as_str() {
        "SUBSCRIBED" => Ok(ListReturn::Subscribed),
        "CHILDREN" => Ok(ListReturn::Children),
        "SPECIAL-USE" => Ok(ListReturn::SpecialUse),
        "STATUS" => {
            lexer.space()?;
            Ok(ListReturn::Status(status_items(lexer)?))
        }
        _ => Err(Expected("unknown LIST return option")),
    })
}

fn reference(lexer: &mut Lexer<'_>) -> Result<String, Expected> {
    let bytes = lexer.astring()?;
    text(&bytes, lexer.names)
}

fn pattern(lexer: &mut Lexer<'_>) -> Result<String, Expected> {
    let bytes = lexer.list_mailbox()?;
    text(&bytes, lexer.names)
}

fn text(bytes: &[u8], names: NameEncoding) -> Result<String, Expected> {
    names.decode(bytes).map_err(|_| InvalidMailboxName::from(InvalidUtf7).into())
}

pub(super) fn status(lexer: &mut Lexer<'_>) -> Result<Body, Expected> {
    lexer.space()?;
    let mailbox = mailbox(lexer)?;
    lexer.space()?;
    let items = status_items(lexer)?;
    lexer.end()?;
    Ok(Body::Status { mailbox, items })
}

fn status_items(lexer: &mut Lexer<'_>) -> Result<Vec<StatusItem>, Expected> {
    let items = lexer.list(|lexer| match lexer.word()?.as_str() {
        "MESSAGES" => Ok(StatusItem::Messages),
        "RECENT" => Ok(StatusItem::Recent),
        "UIDNEXT" => Ok(StatusItem::UidNext),
        "UIDVALIDITY" => Ok(StatusItem::UidValidity),
        "UNSEEN" => Ok(StatusItem::Unseen),
        "SIZE" => Ok(StatusItem::Size),
        "DELETED" => Ok(StatusItem::Deleted),
        "HIGHESTMODSEQ" => Ok(StatusItem::HighestModSeq),
        "APPENDLIMIT" => Ok(StatusItem::AppendLimit),
        "MAILBOXID" => Ok(StatusItem::MailboxId),
        _ => Err(Expected("unknown STATUS item")),
    })?;
    if items.is_empty() { Err(Expected("expected STATUS items")) } else { Ok(items) }
}

/// `SP mailbox [SP flag-list] [SP date-time] SP`, up to the announcement of the message.
fn append(lexer: &mut Lexer<'_>) -> Result<Append, Expected> {
    lexer.space()?;
    let mailbox = mailbox(lexer)?;
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
    lexer.end()?;
    Ok(Append { mailbox, flags, date })
}

/// A flag that a client may set.
pub(super) fn flag(lexer: &mut Lexer<'_>) -> Result<Flag, Expected> {
    const INVALID: Expected = Expected("expected a flag");
    if !lexer.skip(b'\\') {
        return Keyword::new(lexer.atom()?).map(Flag::Keyword).map_err(|_| INVALID);
    }
    match Flag::system(lexer.atom()?) {
        Ok(Flag::Recent) => Err(Expected("\\Recent cannot be set")),
        Ok(flag) => Ok(flag),
        Err(_) => Err(INVALID),
    }
}
