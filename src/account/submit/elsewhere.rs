//! To and Cc beside the envelope: whom they name although the message does not go there.
//!
//! The service reads recipients from the header and from nowhere else (reference F.2), so who is
//! named must be meant.

use std::ops::Range;

use super::addresses::{Named, entries};
use super::header::Header;
use super::splice::Splice;
use crate::config::submission::RecipientsElsewhere;
use crate::mailbox::{Address, Fault, Flaw, Kind, Outcome};

/// What To and Cc come to.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Whom they name once the changes are made.
    pub(super) addresses: Vec<Address>,
    pub(super) changes: Vec<Splice>,
}

/// One field, and what is left of it.
struct Field {
    /// Of the value.
    place: Range<usize>,
    lines: Range<usize>,
    left: Left,
}

enum Left {
    /// All of it.
    Whole(Names),
    /// The value without those who are not meant; empty if nobody is.
    Cut(Vec<u8>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Names {
    Someone,
    Nobody,
}

const BETWEEN: &[u8] = b",\r\n ";

/// # Errors
/// `Unacceptable` if it cannot be told for certain whom a field names, or if it names someone who is
/// not in `wanted` and that is not to be changed.
pub(super) fn shown(
    header: &Header,
    wanted: &[Address],
    rule: RecipientsElsewhere,
) -> Outcome<Shown> {
    let mut shown = Shown::default();
    for name in ["To", "Cc"] {
        let mut fields = Vec::new();
        for (place, lines) in header.places(name).zip(header.lines(name)) {
            let value = &header.bytes()[place.clone()];
            let left = left(value, (wanted, rule), &mut shown.addresses)?;
            fields.push(Field { place, lines, left });
        }
        shown.changes.extend(written(header, name, &fields));
    }
    Ok(shown)
}

/// What is left of a field's value; `addresses` are told who that is.
fn left(
    value: &[u8],
    (wanted, rule): (&[Address], RecipientsElsewhere),
    addresses: &mut Vec<Address>,
) -> Outcome<Left> {
    let unclear = || Fault::from(Kind::Unacceptable(Flaw::Recipients));
    let named = entries(value).ok_or_else(unclear)?;
    let is_meant =
        |named: &Named| named.address.as_ref().is_none_or(|address| wanted.contains(address));
    if named.iter().all(is_meant) {
        let before = addresses.len();
        addresses.extend(named.into_iter().filter_map(|named| named.address));
        let names = if addresses.len() > before { Names::Someone } else { Names::Nobody };
        return Ok(Left::Whole(names));
    }
    if rule == RecipientsElsewhere::Refuse {
        return Err(Kind::Unacceptable(Flaw::Elsewhere).into());
    }
    let mut texts: Vec<&[u8]> = Vec::new();
    for Named { text, address, .. } in named {
        if let Some(address) = address.filter(|address| wanted.contains(address)) {
            texts.push(&value[text]);
            addresses.push(address);
        }
    }
    Ok(Left::Cut(texts.join(BETWEEN)))
}

/// The changes to all fields of a name. Two of them become one: a reader who takes only one (RFC 5322 §3.6
/// allows no more) would leave out those whom the other names.
fn written(header: &Header, name: &str, fields: &[Field]) -> Vec<Splice> {
    let [first, others @ ..] = fields else { return Vec::new() };
    let is_whole = |field: &Field| matches!(field.left, Left::Whole(_));
    if others.is_empty() && is_whole(first) {
        return Vec::new();
    }
    let texts: Vec<&[u8]> = fields.iter().filter_map(|field| field.text(header)).collect();
    let mut changes: Vec<Splice> =
        others.iter().map(|field| Splice::gone(field.lines.clone())).collect();
    if !texts.is_empty() {
        let text = [b" ", &*texts.join(BETWEEN)].concat();
        changes.push(Splice::new(first.place.clone(), text));
    } else if !fields.iter().all(is_whole) {
        changes.push(match name {
            // RFC 5322 §3.6.3 wants no empty field; this group is what people know for it.
            "To" => Splice::new(first.place.clone(), b" undisclosed-recipients:;".to_vec()),
            _ => Splice::gone(first.lines.clone()),
        });
    }
    changes
}

impl Field {
    /// Whom it is to name, if anyone.
    fn text<'a>(&'a self, header: &'a Header) -> Option<&'a [u8]> {
        match &self.left {
            Left::Whole(Names::Someone) => {
                let value = header.bytes()[self.place.clone()].trim_ascii();
                Some(value.strip_suffix(b",").unwrap_or(value))
            }
            Left::Cut(text) if !text.is_empty() => Some(text),
            Left::Whole(Names::Nobody) | Left::Cut(_) => None,
        }
    }
}
