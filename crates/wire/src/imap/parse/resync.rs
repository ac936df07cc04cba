//! The arguments that RFC 7162 section 7 adds to SELECT, FETCH, STORE and SEARCH, and RFC 9394 to FETCH.

use super::mailbox::mailbox;
use super::returns::page;
use super::{set_text, uid_set};
use crate::imap::lexer::{Expected, Lexer};
use crate::imap::{
    ChangedSince, Expunged, Numbering, Page, QResync, Select, SelectParameter, SeqMatches, SeqSet,
    UidSet,
};

const TWICE: Expected = Expected("the same parameter is given twice");

/// `SP mailbox [SP "(" select-param *(SP select-param) ")"]`
pub(super) fn select(lexer: &mut Lexer<'_>) -> Result<Select, Expected> {
    lexer.space()?;
    let mut select = Select::from(mailbox(lexer)?);
    if !lexer.at_end() {
        lexer.space()?;
        select.parameters = some(lexer, select_parameter)?;
    }
    lexer.end()?;
    let is_qresync = |parameter: &SelectParameter| !matches!(parameter, SelectParameter::CondStore);
    let qresyncs = select.parameters.iter().filter(|parameter| is_qresync(parameter)).count();
    if qresyncs > 1 || select.parameters.len() - qresyncs > 1 {
        return Err(TWICE);
    }
    Ok(select)
}

fn select_parameter(lexer: &mut Lexer<'_>) -> Result<SelectParameter, Expected> {
    match lexer.word()?.as_str() {
        "CONDSTORE" => Ok(SelectParameter::CondStore),
        "QRESYNC" => {
            lexer.space()?;
            qresync(lexer).map(SelectParameter::QResync)
        }
        _ => Err(Expected("unknown SELECT parameter")),
    }
}

/// `"(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"`
fn qresync(lexer: &mut Lexer<'_>) -> Result<QResync, Expected> {
    lexer.expect(b'(', "expected the parameters of QRESYNC")?;
    let validity = lexer.nonzero()?;
    lexer.space()?;
    let mod_seq = lexer.mod_sequence()?;
    let (mut known_uids, mut matches) = (None, None);
    if lexer.skip(b' ') {
        lexer.skip_spaces();
        if lexer.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            known_uids = Some(known_uid_set(lexer)?);
            if lexer.skip(b' ') {
                matches = Some(seq_matches(lexer)?);
            }
        } else {
            matches = Some(seq_matches(lexer)?);
        }
    }
    lexer.expect(b')', "expected the end of the QRESYNC parameters")?;
    Ok(QResync { validity, mod_seq, known_uids, matches })
}

fn known_uid_set(lexer: &mut Lexer<'_>) -> Result<UidSet, Expected> {
    let uids = uid_set(lexer)?;
    if uids.is_open() { Err(Expected("* is no known UID")) } else { Ok(uids) }
}

fn seq_matches(lexer: &mut Lexer<'_>) -> Result<SeqMatches, Expected> {
    lexer.skip_spaces();
    lexer.expect(b'(', "expected sequence numbers and their UIDs")?;
    let numbers =
        SeqSet::parse(set_text(lexer)).map_err(|_| Expected("expected a sequence set"))?;
    lexer.space()?;
    let uids = uid_set(lexer)?;
    lexer.expect(b')', "expected the end of the known UIDs")?;
    SeqMatches::new(&numbers, &uids)
        .ok_or(Expected("sequence numbers and UIDs must ascend and be as many"))
}

/// What may stand after the items of a FETCH.
#[derive(Default)]
pub(super) struct FetchModifiers {
    pub(super) changed_since: Option<ChangedSince>,
    pub(super) page: Option<Page>,
}

/// `[SP "(" fetch-modifier *(SP fetch-modifier) ")"]`
pub(super) fn fetch_modifiers(
    lexer: &mut Lexer<'_>,
    numbering: Numbering,
) -> Result<FetchModifiers, Expected> {
    if lexer.at_end() {
        return Ok(FetchModifiers::default());
    }
    lexer.space()?;
    let (mut mod_seq, mut expunged, mut page) = (None, Expunged::Omitted, None);
    for modifier in some(lexer, fetch_modifier)? {
        match modifier {
            FetchModifier::ChangedSince(_) if mod_seq.is_some() => return Err(TWICE),
            FetchModifier::ChangedSince(value) => mod_seq = Some(value),
            FetchModifier::Vanished if expunged == Expunged::Listed => return Err(TWICE),
            FetchModifier::Vanished if numbering == Numbering::Seq => {
                return Err(Expected("VANISHED belongs to UID FETCH"));
            }
            FetchModifier::Vanished => expunged = Expunged::Listed,
            FetchModifier::Partial(_) if page.is_some() => return Err(TWICE),
            FetchModifier::Partial(_) if numbering == Numbering::Seq => {
                return Err(Expected("PARTIAL belongs to UID FETCH"));
            }
            FetchModifier::Partial(wanted) => page = Some(wanted),
        }
    }
    let changed_since = match (mod_seq, expunged) {
        (Some(mod_seq), expunged) => Some(ChangedSince { mod_seq, expunged }),
        (None, Expunged::Omitted) => None,
        (None, Expunged::Listed) => return Err(Expected("VANISHED needs CHANGEDSINCE")),
    };
    Ok(FetchModifiers { changed_since, page })
}

enum FetchModifier {
    ChangedSince(std::num::NonZeroU64),
    Vanished,
    Partial(Page),
}

fn fetch_modifier(lexer: &mut Lexer<'_>) -> Result<FetchModifier, Expected> {
    match lexer.word()?.as_str() {
        "CHANGEDSINCE" => {
            lexer.space()?;
            lexer.mod_sequence().map(FetchModifier::ChangedSince)
        }
        "VANISHED" => Ok(FetchModifier::Vanished),
        "PARTIAL" => {
            lexer.space()?;
            page(lexer).map(FetchModifier::Partial)
        }
        _ => Err(Expected("unknown FETCH modifier")),
    }
}

/// `["(" store-modifier ")" SP]`
pub(super) fn store_modifiers(lexer: &mut Lexer<'_>) -> Result<Option<u64>, Expected> {
    if lexer.peek() != Some(b'(') {
        return Ok(None);
    }
    let values = some(lexer, |lexer| {
        if lexer.word()? != "UNCHANGEDSINCE" {
            return Err(Expected("unknown STORE modifier"));
        }
        lexer.space()?;
        lexer.mod_sequence_or_zero()
    })?;
    lexer.space()?;
    match values[..] {
        [value] => Ok(Some(value)),
        _ => Err(TWICE),
    }
}

/// `[SP entry-name SP entry-type-req] SP mod-sequence-valzer`
pub(super) fn search_mod_seq(lexer: &mut Lexer<'_>) -> Result<u64, Expected> {
    lexer.space()?;
    if lexer.peek() == Some(b'"') {
        let entry = lexer.quoted()?;
        if !entry.to_ascii_lowercase().starts_with(b"/flags/") {
            return Err(Expected("expected the name of a flag"));
        }
        lexer.space()?;
        if !matches!(lexer.word()?.as_str(), "PRIV" | "SHARED" | "ALL") {
            return Err(Expected("expected priv, shared or all"));
        }
        lexer.space()?;
    }
    lexer.mod_sequence_or_zero()
}

/// A list that is not empty.
fn some<T>(
    lexer: &mut Lexer<'_>,
    item: impl FnMut(&mut Lexer<'_>) -> Result<T, Expected>,
) -> Result<Vec<T>, Expected> {
    let items = lexer.list(item)?;
    if items.is_empty() { Err(Expected("the list of parameters is empty")) } else { Ok(items) }
}
