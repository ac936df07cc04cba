//! SEARCH (RFC 3501 section 6.4.4, 4731, 5032, 5182).

use std::num::NonZeroU32;

use super::returns::returns;
use super::{message_set, resync};
use crate::imap::formula::{Builder, Next};
use crate::imap::lexer::{Expected, Lexer};
use crate::imap::{
    Body, Date, Formula, Keyword, MessageSet, Numbering, ObjectId, Search, SearchKey,
};

/// `SP [return-opts SP] ["CHARSET" SP astring SP] search-key *(SP search-key)`
pub(super) fn search(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<Body, Expected> {
    lexer.space()?;
    let returns = returns(lexer)?;
    let charset = charset(lexer)?;
    Ok(Body::Search(Search { numbering, returns, charset, key: keys(lexer)? }))
}

/// `search-key *(SP search-key)`, to the end of the command. Without recursion: how deep OR, NOT and parentheses nest is
/// up to the client.
pub(super) fn keys(lexer: &mut Lexer<'_>) -> Result<Formula<SearchKey>, Expected> {
    let mut formula = Builder::new();
    loop {
        if lexer.skip(b'(') {
            formula.begin_list();
            lexer.skip_spaces();
            continue;
        }
        let next = match key(lexer)? {
            Begun::Either => {
                formula.begin_either();
                Next::Operand
            }
            Begun::Not => {
                formula.begin_not();
                Next::Operand
            }
            Begun::Key(key) => formula.key(key),
        };
        match after_lists(lexer, &mut formula, next)? {
            Next::Outermost if lexer.at_end() => return Ok(formula.finish()),
            Next::Outermost | Next::Operand => lexer.space()?,
            Next::InList => {}
        }
    }
}

/// Reads the ends of lists, and the space where one goes on.
fn after_lists(
    lexer: &mut Lexer<'_>,
    formula: &mut Builder<SearchKey>,
    mut next: Next,
) -> Result<Next, Expected> {
    while next == Next::InList {
        let is_apart = lexer.peek() == Some(b' ');
        lexer.skip_spaces();
        if lexer.skip(b')') {
            next = formula.end_list();
        } else if is_apart {
            break;
        } else {
            return Err(Expected("expected a space or the end of the list"));
        }
    }
    Ok(next)
}

fn charset(lexer: &mut Lexer<'_>) -> Result<Option<String>, Expected> {
    let mut ahead = lexer.clone();
    if ahead.word().is_ok_and(|word| word == "CHARSET") {
        ahead.space()?;
        let name = charset_name(&mut ahead)?;
        ahead.space()?;
        *lexer = ahead;
        return Ok(Some(name));
    }
    Ok(None)
}

/// In upper case.
pub(super) fn charset_name(lexer: &mut Lexer<'_>) -> Result<String, Expected> {
    let name = String::from_utf8(lexer.astring()?).map_err(|_| Expected("invalid charset"))?;
    Ok(name.to_ascii_uppercase())
}

/// What begins with a word or a number.
enum Begun {
    Key(SearchKey),
    Either,
    Not,
}

fn key(lexer: &mut Lexer<'_>) -> Result<Begun, Expected> {
    if matches!(lexer.peek(), Some(b'*' | b'0'..=b'9' | b'$')) {
        return set_key(lexer, Numbering::Seq).map(Begun::Key);
    }
    let word = lexer.word()?;
    match word.as_str() {
        "NOT" => Ok(Begun::Not),
        "OR" => Ok(Begun::Either),
        _ => match bare_key(&word) {
            Some(key) => Ok(Begun::Key(key)),
            None => key_with_argument(&word, lexer).map(Begun::Key),
        },
    }
}

fn set_key(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<SearchKey, Expected> {
    Ok(match message_set(lexer, numbering)? {
        MessageSet::Seq(set) => SearchKey::SeqSet(set),
        MessageSet::Uid(set) => SearchKey::Uid(set),
        MessageSet::Saved(_) => SearchKey::Saved,
    })
}

fn bare_key(word: &str) -> Option<SearchKey> {
    Some(match word {
        "ALL" => SearchKey::All,
        "ANSWERED" => SearchKey::Answered,
        "DELETED" => SearchKey::Deleted,
        "DRAFT" => SearchKey::Draft,
        "FLAGGED" => SearchKey::Flagged,
        "NEW" => SearchKey::New,
        "OLD" => SearchKey::Old,
        "RECENT" => SearchKey::Recent,
        "SEEN" => SearchKey::Seen,
        "UNANSWERED" => SearchKey::Unanswered,
        "UNDELETED" => SearchKey::Undeleted,
        "UNDRAFT" => SearchKey::Undraft,
        "UNFLAGGED" => SearchKey::Unflagged,
        "UNSEEN" => SearchKey::Unseen,
        _ => return None,
    })
}

fn key_with_argument(word: &str, lexer: &mut Lexer<'_>) -> Result<SearchKey, Expected> {
    Ok(match word {
        "BCC" => SearchKey::Bcc(string(lexer)?),
        "BODY" => SearchKey::Body(string(lexer)?),
        "CC" => SearchKey::Cc(string(lexer)?),
        "FROM" => SearchKey::From(string(lexer)?),
        "SUBJECT" => SearchKey::Subject(string(lexer)?),
        "TEXT" => SearchKey::Text(string(lexer)?),
        "TO" => SearchKey::To(string(lexer)?),
        "HEADER" => SearchKey::Header { name: string(lexer)?, value: string(lexer)? },
        "KEYWORD" => SearchKey::Keyword(keyword(lexer)?),
        "UNKEYWORD" => SearchKey::Unkeyword(keyword(lexer)?),
        "BEFORE" => SearchKey::Before(date(lexer)?),
        "ON" => SearchKey::On(date(lexer)?),
        "SINCE" => SearchKey::Since(date(lexer)?),
        "SENTBEFORE" => SearchKey::SentBefore(date(lexer)?),
        "SENTON" => SearchKey::SentOn(date(lexer)?),
        "SENTSINCE" => SearchKey::SentSince(date(lexer)?),
        "LARGER" => SearchKey::Larger(octets(lexer)?),
        "SMALLER" => SearchKey::Smaller(octets(lexer)?),
        "EMAILID" => SearchKey::EmailId(object_id(lexer)?),
        "THREADID" => SearchKey::ThreadId(object_id(lexer)?),
        "MODSEQ" => SearchKey::ModSeq(resync::search_mod_seq(lexer)?),
        "OLDER" => SearchKey::Older(seconds(lexer)?),
        "YOUNGER" => SearchKey::Younger(seconds(lexer)?),
        "UID" => {
            lexer.space()?;
            set_key(lexer, Numbering::Uid)?
        }
        _ => return Err(Expected("unknown search key")),
    })
}

fn string(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, Expected> {
    lexer.space()?;
    lexer.astring()
}

fn octets(lexer: &mut Lexer<'_>) -> Result<u64, Expected> {
    lexer.space()?;
    lexer.number64()
}

fn seconds(lexer: &mut Lexer<'_>) -> Result<NonZeroU32, Expected> {
    lexer.space()?;
    lexer.nonzero()
}

fn object_id(lexer: &mut Lexer<'_>) -> Result<ObjectId, Expected> {
    let id = string(lexer)?;
    let id = std::str::from_utf8(&id).ok().and_then(ObjectId::new);
    id.ok_or(Expected("expected an object identifier"))
}

fn keyword(lexer: &mut Lexer<'_>) -> Result<Keyword, Expected> {
    lexer.space()?;
    Keyword::new(lexer.atom()?).map_err(|_| Expected("expected a keyword flag"))
}

fn date(lexer: &mut Lexer<'_>) -> Result<Date, Expected> {
    lexer.space()?;
    Date::parse(&lexer.astring()?).map_err(|_| Expected("invalid date"))
}
