//! RETURN and its options (RFC 4731 section 4, 5182, 9394).

use std::num::NonZeroU32;

use crate::imap::lexer::{Expected, Lexer};
use crate::imap::{End, Page, ReturnOption, Returns};

/// `["RETURN" SP "(" [option *(SP option)] ")" SP]`
pub(super) fn returns(lexer: &mut Lexer<'_>) -> Result<Option<Returns>, Expected> {
    let mut ahead = lexer.clone();
    if !ahead.word().is_ok_and(|word| word == "RETURN") {
        return Ok(None);
    }
    ahead.space()?;
    let options = ahead.list(option)?;
    ahead.space()?;
    *lexer = ahead;
    let contradiction = Expected("a RETURN option is given twice, or PARTIAL beside ALL");
    Returns::new(options).ok_or(contradiction).map(Some)
}

fn option(lexer: &mut Lexer<'_>) -> Result<ReturnOption, Expected> {
    Ok(match lexer.word()?.as_str() {
        "MIN" => ReturnOption::Min,
        "MAX" => ReturnOption::Max,
        "ALL" => ReturnOption::All,
        "COUNT" => ReturnOption::Count,
        "SAVE" => ReturnOption::Save,
        "PARTIAL" => {
            lexer.space()?;
            ReturnOption::Partial(page(lexer)?)
        }
        _ => return Err(Expected("unknown RETURN option")),
    })
}

/// `nz-number ":" nz-number / "-" nz-number ":" "-" nz-number`
pub(super) fn page(lexer: &mut Lexer<'_>) -> Result<Page, Expected> {
    let from = if lexer.peek() == Some(b'-') { End::Last } else { End::First };
    let one = bound(lexer, from)?;
    lexer.expect(b':', "expected a range of results")?;
    Ok(Page { from, bounds: (one, bound(lexer, from)?) })
}

fn bound(lexer: &mut Lexer<'_>, from: End) -> Result<NonZeroU32, Expected> {
    if from == End::Last {
        lexer.expect(b'-', "both ends of a range are counted from the same side")?;
    }
    lexer.nonzero()
}
