//! SORT and THREAD (RFC 5256 section 5, 5957).

use super::returns::returns;
use super::search;
use crate::imap::lexer::{Expected, Lexer};
use crate::imap::{
    Body, Direction, Formula, Numbering, SearchKey, Sort, SortCriterion, SortKey, Thread, Threading,
};

/// Criteria beyond this many cannot change an order that has nine keys in two directions.
const CRITERIA_MAX: usize = 32;

/// `SP [return-opts SP] sort-criteria SP charset 1*(SP search-key)`
pub(super) fn sort(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<Body, Expected> {
    lexer.space()?;
    let returns = returns(lexer)?;
    let criteria = lexer.list(criterion)?;
    if criteria.is_empty() {
        return Err(Expected("expected sort criteria"));
    }
    if criteria.len() > CRITERIA_MAX {
        return Err(Expected("too many sort criteria"));
    }
    let (charset, key) = searched(lexer)?;
    Ok(Body::Sort(Sort { numbering, returns, criteria, charset, key }))
}

fn criterion(lexer: &mut Lexer<'_>) -> Result<SortCriterion, Expected> {
    let mut word = lexer.word()?;
    let mut direction = Direction::Ascending;
    if word == "REVERSE" {
        lexer.space()?;
        direction = Direction::Descending;
        word = lexer.word()?;
    }
    let key = match word.as_str() {
        "ARRIVAL" => SortKey::Arrival,
        "CC" => SortKey::Cc,
        "DATE" => SortKey::Date,
        "DISPLAYFROM" => SortKey::DisplayFrom,
        "DISPLAYTO" => SortKey::DisplayTo,
        "FROM" => SortKey::From,
        "SIZE" => SortKey::Size,
        "SUBJECT" => SortKey::Subject,
        "TO" => SortKey::To,
        _ => return Err(Expected("unknown sort criterion")),
    };
    Ok(SortCriterion { key, direction })
}

/// `SP thread-alg SP charset 1*(SP search-key)`
pub(super) fn thread(lexer: &mut Lexer<'_>, numbering: Numbering) -> Result<Body, Expected> {
    lexer.space()?;
    let algorithm = match lexer.word()?.as_str() {
        "ORDEREDSUBJECT" => Threading::OrderedSubject,
        "REFERENCES" => Threading::References,
        _ => return Err(Expected("unknown thread algorithm")),
    };
    let (charset, key) = searched(lexer)?;
    Ok(Body::Thread(Thread { numbering, algorithm, charset, key }))
}

fn searched(lexer: &mut Lexer<'_>) -> Result<(String, Formula<SearchKey>), Expected> {
    lexer.space()?;
    let charset = search::charset_name(lexer)?;
    lexer.space()?;
    Ok((charset, search::keys(lexer)?))
}
