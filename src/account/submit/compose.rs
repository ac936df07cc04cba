//! Makes the message that goes out of the message that came in: the bytes stay, but for what the
//! service needs to know and what a submission server has to add (RFC 6409 §8).
//!
//! The service reads recipients from the header only (reference B.8), so the envelope has to be
//! told there:
//! - recipients that To and Cc do not name stand in one `Bcc:` field at the end of the header, which
//!   the service removes before delivery; any other Bcc field goes, and so does Resent-Bcc, of which nobody
//!   says that the service removes it;
//! - a message whose To or Cc names people who are not in the envelope is refused, or they are left
//!   out, since the service would mail them as well (`elsewhere.rs`).
//!
//! Missing Message-ID, Date and From fields are added at the top; a From that cannot go out is written
//! anew (`author.rs`); Return-Path goes; a body without an empty line before it gets one; an mbox
//! `From ` line goes.

use std::sync::Arc;

use super::addresses::{addresses, canonical};
use super::author::Author;
use super::elsewhere;
use super::header::{After, Header};
use super::splice::{Splice, splice};
use super::trace;
use crate::config::Submission as Rules;
use crate::mailbox::{Address, Envelope, Fault, Flaw, Kind, Origin, Outcome, Timestamp};

/// What to write in place of the header block.
#[derive(Debug)]
pub(super) struct Edit {
    /// The new header block, up to but not including the empty line that follows it in the file.
    pub(super) header: Vec<u8>,
    /// The octets of the file that it replaces.
    pub(super) replaces: usize,
    /// As the header has it, unfolded: angle brackets included, if the client did not forget them.
    pub(super) message_id: String,
}

/// What is known beside the message itself.
#[derive(Debug)]
pub(super) struct Circumstances {
    /// For a message without one; angle brackets included.
    pub(super) message_id: String,
    pub(super) date: Timestamp,
    /// The envelope's sender, rewritten if need be: the author of a message without one.
    pub(super) sender: Address,
    /// Whom the message goes to.
    pub(super) envelope: Envelope,
    pub(super) author: Author,
    pub(super) rules: Arc<Rules>,
    pub(super) origin: Origin,
}

/// # Errors
/// `Unacceptable` if there are no recipients, or the header names others, or it cannot be told whom
/// it names; `RecipientRefused` for a recipient that no header can hold.
pub(super) fn edit(header: &Header, known: &Circumstances) -> Outcome<Edit> {
    trace::check_loop(header)?;
    let wanted = wanted_recipients(&known.envelope)?;
    let shown = elsewhere::shown(header, &wanted, known.rules.recipients_elsewhere)?;
    let hidden: Vec<Address> =
        wanted.into_iter().filter(|address| !shown.addresses.contains(address)).collect();
    let mut changes = shown.changes;
    changes.extend(known.author.changes.iter().cloned());
    changes.extend(trace::without_return_path(header));
    if header.preface > 0 {
        changes.push(Splice::gone(0..header.preface));
    }
    let mut added = Added { header, top: Vec::new(), changes };
    let date = date(known.date)?;
    if known.rules.add_received {
        added.top.extend_from_slice(trace::received(&known.origin, &date).as_bytes());
    }
    let given = message_id(header);
    if given.is_none() {
        added.field("Message-ID", &known.message_id);
    }
    if first_word(header, "Date").is_none() {
        added.field("Date", &date);
    }
    if first_word(header, "From").is_none() {
        added.field("From", known.sender.as_str());
    }
    let Added { top, mut changes, .. } = added;
    changes.extend(header.lines("Resent-Bcc").map(Splice::gone));
    let mut bottom = Vec::new();
    if !is_hidden_already(header, &hidden) {
        changes.extend(header.lines("Bcc").map(Splice::gone));
        bottom = bcc(&hidden);
    }
    let mut edited = top;
    edited.extend_from_slice(&splice(header.bytes(), changes));
    edited.extend_from_slice(&bottom);
    if header.after == After::Body {
        edited.extend_from_slice(b"\r\n");
    }
    let message_id = given.unwrap_or_else(|| known.message_id.clone());
    Ok(Edit { header: edited, replaces: header.len(), message_id })
}

/// Fields put at the top.
struct Added<'a> {
    header: &'a Header,
    top: Vec<u8>,
    changes: Vec<Splice>,
}

impl Added<'_> {
    /// Empty ones of that name go.
    fn field(&mut self, name: &str, value: &str) {
        self.changes.extend(self.header.lines(name).map(Splice::gone));
        self.top.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
}

/// The recipients of the envelope, each once, in its order.
fn wanted_recipients(envelope: &Envelope) -> Outcome<Vec<Address>> {
    let mut wanted: Vec<Address> = Vec::with_capacity(envelope.recipients.len());
    for recipient in envelope.addresses() {
        let recipient = canonical(recipient.as_str())
            .ok_or_else(|| Fault::from(Kind::RecipientRefused).because("no header can hold it"))?;
        if !wanted.contains(&recipient) {
            wanted.push(recipient);
        }
    }
    if wanted.is_empty() {
        return Err(Kind::Unacceptable(Flaw::NoRecipients).into());
    }
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

/// The first Message-ID that says something, on one line. Most have one word, but not all clients keep to it.
pub(super) fn message_id(header: &Header) -> Option<String> {
    let words = |value: &[u8]| {
        let text = String::from_utf8_lossy(value).into_owned();
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    };
    header.values("Message-ID").map(words).find(|id| !id.is_empty())
}

/// The first word of the first field of that name which is not empty.
fn first_word(header: &Header, name: &str) -> Option<String> {
    let words = |value: &[u8]| {
        let text = String::from_utf8_lossy(value).into_owned();
        text.split_ascii_whitespace().next().map(str::to_owned)
    };
    header.values(name).find_map(words)
}

/// RFC 5322 §3.3, in UTC.
fn date(at: Timestamp) -> Outcome<String> {
    let at = jiff::Timestamp::from_second(at.0).map_err(Fault::defect)?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&at).map_err(Fault::defect)
}

#[cfg(test)]
#[path = "compose_tests.rs"]
pub(super) mod tests;
