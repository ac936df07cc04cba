//! Commands about mailboxes: SELECT, CREATE, LIST and STATUS.

use crate::imap::lexer::{Expected, Lexer};
use crate::imap::utf7::InvalidUtf7;
use crate::imap::{
    Body, CreateMailbox, Flag, InvalidMailboxName, Keyword, List, ListReturn, ListSelection,
    MailboxName, NameEncoding, SpecialUse, StatusItem,
};

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
