//! FETCH, STORE, COPY, MOVE and UID EXPUNGE.

use std::num::NonZeroU32;

use super::mailbox::{flag, only};
use super::resync::FetchModifiers;
use super::{message_set, resync};
use crate::imap::lexer::{Expected, Lexer};
use crate::imap::{
    BinaryPart, BinarySection, Body, BodySection, Fetch, FetchItem, Flag, Laziness, Numbering,
    Partial, Peek, Section, SectionText, Store, StoreAction, StoreAnswer,
};

pub(super) fn fetch(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<Body, Expected> {
    lexer.space()?;
    let set = message_set(lexer, numbering)?;
    lexer.space()?;
    let items = if lexer.peek() == Some(b'(') {
        lexer.list(item)?
    } else if let Some(items) = macro_items(lexer) {
        items
    } else {
        vec![item(lexer)?]
    };
    if items.is_empty() {
        return Err(Expected("expected FETCH items"));
    }
    let FetchModifiers { changed_since, page } = resync::fetch_modifiers(lexer, numbering)?;
    lexer.end()?;
    Ok(Body::Fetch(Fetch { set, items, changed_since, page }))
}

/// ALL, FAST and FULL, which stand alone (RFC 3501 section 6.4.5).
fn macro_items(lexer: &mut Lexer<'_>) -> Option<Vec<FetchItem>> {
    let mut ahead = lexer.clone();
    let mut items = vec![FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size];
    match ahead.word().ok()?.as_str() {
        "FAST" => {}
        "ALL" => items.push(FetchItem::Envelope),
        "FULL" => items.extend([FetchItem::Envelope, FetchItem::Body]),
        _ => return None,
    }
    *lexer = ahead;
    Some(items)
}

fn item(lexer: &mut Lexer<'_>) -> Result<FetchItem, Expected> {
    let word = lexer.word()?;
    if lexer.peek() == Some(b'[') {
        return match word.as_str() {
            "BODY" => body_section(lexer, Peek::SetsSeen).map(FetchItem::Section),
            "BODY.PEEK" => body_section(lexer, Peek::Peek).map(FetchItem::Section),
            "BINARY" => binary_section(lexer, Peek::SetsSeen).map(FetchItem::Binary),
            "BINARY.PEEK" => binary_section(lexer, Peek::Peek).map(FetchItem::Binary),
            "BINARY.SIZE" => binary_part(lexer).map(FetchItem::BinarySize),
            _ => Err(Expected("unknown FETCH item")),
        };
    }
    Ok(match word.as_str() {
        "UID" => FetchItem::Uid,
        "FLAGS" => FetchItem::Flags,
        "INTERNALDATE" => FetchItem::InternalDate,
        "RFC822.SIZE" => FetchItem::Rfc822Size,
        "ENVELOPE" => FetchItem::Envelope,
        "BODY" => FetchItem::Body,
        "BODYSTRUCTURE" => FetchItem::BodyStructure,
        "RFC822" => FetchItem::Rfc822,
        "RFC822.HEADER" => FetchItem::Rfc822Header,
        "RFC822.TEXT" => FetchItem::Rfc822Text,
        "MODSEQ" => FetchItem::ModSeq,
        "EMAILID" => FetchItem::EmailId,
        "THREADID" => FetchItem::ThreadId,
        "PREVIEW" => FetchItem::Preview(laziness(lexer)?),
        _ => return Err(Expected("unknown FETCH item")),
    })
}

fn body_section(lexer: &mut Lexer<'_>, peek: Peek) -> Result<BodySection, Expected> {
    lexer.expect(b'[', "expected a section")?;
    let section = section(lexer)?;
    lexer.expect(b']', "expected the end of the section")?;
    let partial = if lexer.peek() == Some(b'<') { Some(partial(lexer)?) } else { None };
    Ok(BodySection { peek, section, partial })
}

fn binary_section(lexer: &mut Lexer<'_>, peek: Peek) -> Result<BinarySection, Expected> {
    let part = binary_part(lexer)?;
    let partial = if lexer.peek() == Some(b'<') { Some(partial(lexer)?) } else { None };
    Ok(BinarySection { peek, part, partial })
}

/// `"[" [section-part] "]"`
fn binary_part(lexer: &mut Lexer<'_>) -> Result<BinaryPart, Expected> {
    lexer.expect(b'[', "expected a part number in brackets")?;
    let mut part = Vec::new();
    while lexer.peek().is_some_and(|byte| byte.is_ascii_digit()) || !part.is_empty() {
        part.push(lexer.nonzero()?);
        if !lexer.skip(b'.') {
            break;
        }
    }
    lexer.expect(b']', "expected the end of the part number")?;
    Ok(BinaryPart(part))
}

/// `[SP "(" "LAZY" ")"]`: parentheses that may as well end the list of items.
fn laziness(lexer: &mut Lexer<'_>) -> Result<Laziness, Expected> {
    let mut ahead = lexer.clone();
    if ahead.space().is_err() || ahead.peek() != Some(b'(') {
        return Ok(Laziness::Eager);
    }
    let modifiers = ahead.list(|lexer| match lexer.word()?.as_str() {
        "LAZY" => Ok(Laziness::Lazy),
        _ => Err(Expected("unknown PREVIEW modifier")),
    });
    // `FETCH 1 PREVIEW (CHANGEDSINCE 1)`: modifiers of the FETCH follow a single item.
    match modifiers {
        Ok(modifiers) if !modifiers.is_empty() => {
            *lexer = ahead;
            Ok(Laziness::Lazy)
        }
        _ => Ok(Laziness::Eager),
    }
}

fn section(lexer: &mut Lexer<'_>) -> Result<Section, Expected> {
    let mut part: Vec<NonZeroU32> = Vec::new();
    while lexer.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        part.push(lexer.nonzero()?);
        if !lexer.skip(b'.') {
            return Ok(Section { part, text: SectionText::Whole });
        }
    }
    if part.is_empty() && lexer.peek() == Some(b']') {
        return Ok(Section::whole());
    }
    let text = section_text(lexer)?;
    if text == SectionText::Mime && part.is_empty() {
        return Err(Expected("MIME needs a part number"));
    }
    Ok(Section { part, text })
}

fn section_text(lexer: &mut Lexer<'_>) -> Result<SectionText, Expected> {
    Ok(match lexer.word()?.as_str() {
        "HEADER" => SectionText::Header,
        "HEADER.FIELDS" => SectionText::HeaderFields(field_names(lexer)?),
        "HEADER.FIELDS.NOT" => SectionText::HeaderFieldsNot(field_names(lexer)?),
        "TEXT" => SectionText::Text,
        "MIME" => SectionText::Mime,
        _ => return Err(Expected("unknown section")),
    })
}

fn field_names(lexer: &mut Lexer<'_>) -> Result<Vec<String>, Expected> {
    lexer.skip_spaces();
    let names = lexer.list(|lexer| {
        // Echoed in the answer, so nothing that would need a literal there.
        let name = String::from_utf8(lexer.astring()?).ok();
        name.filter(|name| !name.is_empty() && name.bytes().all(|byte| matches!(byte, b' '..=b'~')))
            .ok_or(Expected("invalid header field name"))
    })?;
    if names.is_empty() { Err(Expected("expected header field names")) } else { Ok(names) }
}

/// `<offset.length>`
fn partial(lexer: &mut Lexer<'_>) -> Result<Partial, Expected> {
    lexer.expect(b'<', "expected a partial range")?;
    let offset = lexer.number64()?;
    lexer.expect(b'.', "expected a partial range")?;
    let length = lexer.number64()?;
    lexer.expect(b'>', "expected the end of the partial range")?;
    Ok(Partial { offset, length })
}

/// `SP set [SP "(" modifiers ")"] SP ("FLAGS" / "+FLAGS" / "-FLAGS") [".SILENT"] SP flags`
pub(super) fn store(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<Body, Expected> {
    lexer.space()?;
    let set = message_set(lexer, numbering)?;
    lexer.space()?;
    let unchanged_since = resync::store_modifiers(lexer)?;
    let action = if lexer.skip(b'+') {
        StoreAction::Add
    } else if lexer.skip(b'-') {
        StoreAction::Remove
    } else {
        StoreAction::Replace
    };
    let answer = match lexer.word()?.as_str() {
        "FLAGS" => StoreAnswer::Flags,
        "FLAGS.SILENT" => StoreAnswer::Silent,
        _ => return Err(Expected("unknown STORE item")),
    };
    lexer.space()?;
    let flags = if lexer.peek() == Some(b'(') { lexer.list(flag)? } else { bare_flags(lexer)? };
    lexer.end()?;
    Ok(Body::Store(Store { set, unchanged_since, action, answer, flags }))
}

/// One flag or several without parentheses.
fn bare_flags(lexer: &mut Lexer<'_>) -> Result<Vec<Flag>, Expected> {
    let mut flags = vec![flag(lexer)?];
    while !lexer.at_end() {
        lexer.space()?;
        flags.push(flag(lexer)?);
    }
    Ok(flags)
}

pub(super) fn copy(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<Body, Expected> {
    lexer.space()?;
    let set = message_set(lexer, numbering)?;
    Ok(Body::Copy { set, mailbox: only(lexer)? })
}

pub(super) fn relocate(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<Body, Expected> {
    lexer.space()?;
    let set = message_set(lexer, numbering)?;
    Ok(Body::Move { set, mailbox: only(lexer)? })
}

pub(super) fn uid_expunge(lexer: &mut Lexer<'_>) -> Result<Body, Expected> {
    lexer.space()?;
    let set = message_set(lexer, Numbering::Uid)?;
    lexer.end()?;
    Ok(Body::UidExpunge(set))
}
