//! Makes the message that goes out of the message that came in: the bytes stay, but for what the
//! service needs to know and what a submission server has to add (RFC 6409 §8).
//!
//! The service reads recipients from the header only (reference B.8), so the envelope has to be
//! told there:
//! - recipients that To and Cc do not name stand in one `Bcc:` field at the end of the header, which
//!   the service removes before delivery; any other Bcc field goes;
//! - a message whose To or Cc names people who are not in the envelope is refused, since the
//!   service would mail them as well (reference F.2).
//!
//! Missing Message-ID, Date and From fields are added at the top; a body without an empty line
//! before it gets one; an mbox `From ` line goes.

use std::ops::Range;

use super::addresses::{addresses, canonical};
use super::header::{After, Header, unacceptable};
use crate::mailbox::{Address, Envelope, Fault, Kind, Outcome, Timestamp};

/// What to write in place of the header block.
#[derive(Debug)]
pub(super) struct Edit {
    /// The new header block, up to but not including the empty line that follows it in the file.
    pub(super) header: Vec<u8>,
    /// The octets of the file that it replaces.
    pub(super) replaces: usize,
    /// As the header has it: angle brackets included, if the client did not forget them.
    pub(super) message_id: String,
}

/// What a message without it is given.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    /// Angle brackets included.
    pub(super) message_id: String,
    pub(super) date: Timestamp,
    pub(super) from: Address,
}

/// # Errors
/// `Unacceptable` if there are no recipients, or the header names others, or it cannot be told whom
/// it names; `RecipientRefused` for a recipient that no header can hold.
pub(super) fn edit(header: &Header, envelope: &Envelope, defaults: &Defaults) -> Outcome<Edit> {
    let hidden = hidden_recipients(header, envelope)?;
    let mut gone: Vec<Range<usize>> = Vec::new();
    if header.preface > 0 {
        gone.push(0..header.preface);
    }
    let mut top = Vec::new();
    let message_id = match first_word(header, "Message-ID") {
        Some(message_id) => message_id,
        None => {
            add(header, ("Message-ID", &defaults.message_id), &mut top, &mut gone);
            defaults.message_id.clone()
        }
    };
    if first_word(header, "Date").is_none() {
        add(header, ("Date", &date(defaults.date)?), &mut top, &mut gone);
    }
    if first_word(header, "From").is_none() {
        add(header, ("From", defaults.from.as_str()), &mut top, &mut gone);
    }
    let mut bottom = Vec::new();
    if !is_hidden_already(header, &hidden) {
        gone.extend(header.lines("Bcc"));
        bottom = bcc(&hidden);
    }
    gone.sort_by_key(|range| range.start);
    let mut edited = top;
    edited.extend_from_slice(&without(header.bytes(), &gone));
    edited.extend_from_slice(&bottom);
    if header.after == After::Body {
        edited.extend_from_slice(b"\r\n");
    }
    Ok(Edit { header: edited, replaces: header.len(), message_id })
}

/// The recipients that To and Cc do not name, in the order of the envelope.
fn hidden_recipients(header: &Header, envelope: &Envelope) -> Outcome<Vec<Address>> {
    let mut wanted: Vec<Address> = Vec::with_capacity(envelope.recipients.len());
    for recipient in &envelope.recipients {
        let recipient = canonical(recipient.as_str())
            .filter(|address| address.as_str().is_ascii())
            .ok_or_else(|| Fault::from(Kind::RecipientRefused).because("no header can hold it"))?;
        if !wanted.contains(&recipient) {
            wanted.push(recipient);
        }
    }
    if wanted.is_empty() {
        return Err(unacceptable("no recipients"));
    }
    let mut shown = Vec::new();
    for value in header.values("To").chain(header.values("Cc")) {
        let named =
            addresses(value).ok_or_else(|| unacceptable("To or Cc cannot be read for certain"))?;
        shown.extend(named);
    }
    if shown.iter().any(|address| !wanted.contains(address)) {
        return Err(unacceptable("To or Cc names someone who is not in the envelope"));
    }
    wanted.retain(|address| !shown.contains(address));
    Ok(wanted)
}

/// Whether the client's own Bcc says it exactly, so that no byte needs to change.
fn is_hidden_already(header: &Header, hidden: &[Address]) -> bool {
    let mut fields = header.values("Bcc");
    let named = match (fields.next(), fields.next()) {
        (None, _) => return hidden.is_empty(),
        (Some(value), None) => addresses(value),
        // Two Bcc fields are against RFC 5322 §3.6; what a service makes of them is open.
        (Some(_), Some(_)) => None,
    };
    let same = |named: Vec<Address>| {
        named.iter().all(|address| hidden.contains(address))
            && hidden.iter().all(|address| named.contains(address))
    };
    !hidden.is_empty() && named.is_some_and(same)
}

/// One field, one recipient a line. The addresses are canonical, so none can end its line or its
/// brackets.
fn bcc(hidden: &[Address]) -> Vec<u8> {
    if hidden.is_empty() {
        return Vec::new();
    }
    let list: Vec<String> = hidden.iter().map(|address| format!("<{address}>")).collect();
    format!("Bcc: {}\r\n", list.join(",\r\n ")).into_bytes()
}

/// Puts a field at the top; empty ones of that name go.
fn add(header: &Header, field: (&str, &str), top: &mut Vec<u8>, gone: &mut Vec<Range<usize>>) {
    let (name, value) = field;
    gone.extend(header.lines(name));
    top.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
}

/// The first word of the first field of that name which is not empty.
pub(super) fn first_word(header: &Header, name: &str) -> Option<String> {
    let words = |value: &[u8]| {
        let text = String::from_utf8_lossy(value).into_owned();
        text.split_ascii_whitespace().next().map(str::to_owned)
    };
    header.values(name).find_map(words)
}

fn without(bytes: &[u8], gone: &[Range<usize>]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for range in gone {
        kept.extend_from_slice(&bytes[from..range.start]);
        from = range.end;
    }
    kept.extend_from_slice(&bytes[from..]);
    kept
}

/// RFC 5322 §3.3, in UTC.
fn date(at: Timestamp) -> Outcome<String> {
    let at = jiff::Timestamp::from_second(at.0).map_err(Fault::defect)?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&at).map_err(Fault::defect)
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
