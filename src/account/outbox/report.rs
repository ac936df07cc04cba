//! The report on a message that was not sent (RFC 3464), in the form of a multipart/report (RFC 6522).
//!
//! Everything in it is made of what is on disk and of the time when it was first tried to file it: the
//! same report comes out however often it is made.

use std::fmt::Write as _;

use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};

use crate::account::submit::Extent;
use crate::mailbox::{Address, Envelope, Fault, Outcome, Recipient, ReportOn, Timestamp};
use crate::store::Entry;
use crate::store::queue::Words;

/// By this name the bridge greets its clients.
const REPORTING: &str = "dns; footbridge";

/// What a report tells.
pub(super) struct Report<'a> {
    pub(super) entry: &'a Entry,
    /// The mailbox that it was to be sent from. Its owner gets the report, whoever the message named
    /// as its sender: that may be someone who has never heard of it.
    pub(super) mailbox: &'a Address,
    pub(super) why: &'a Words,
    /// When the last try began.
    pub(super) tried: Option<Timestamp>,
    /// When it was made for the first time.
    pub(super) made: Timestamp,
    /// It may have been sent all the same.
    pub(super) in_doubt: bool,
}

/// The recipients of whom the sender wants to know that they did not get it (RFC 3461 §4.1).
pub(super) fn of_interest(envelope: &Envelope) -> Vec<&Recipient> {
    let is_wanted = |recipient: &&Recipient| {
        let reports = recipient.reports.as_ref();
        reports.is_none_or(|reports| reports.0.contains(&ReportOn::Failure))
    };
    envelope.recipients.iter().filter(is_wanted).collect()
}

impl Report<'_> {
    /// The whole report; `returned` is what of the message comes with it.
    pub(super) fn write(&self, (returned, extent): (&[u8], Extent)) -> Outcome<Vec<u8>> {
        let id = &self.entry.id;
        let domain = self.mailbox.as_str().rsplit_once('@').map_or("localhost", |(_, d)| d);
        // It was chosen after the message had come, so nothing in there can hold it.
        let boundary = format!("footbridge-report-{id}");
        let kind = ContentType::new("multipart/report")
            .attribute("report-type", "delivery-status")
            .attribute("boundary", boundary);
        let returned = match extent {
            Extent::Headers => part("text/rfc822-headers", returned),
            Extent::Whole => part("message/rfc822", returned),
        };
        let status = part("message/delivery-status", self.status()?.as_bytes());
        let parts = vec![MimePart::new("text/plain", self.text()?), status, returned];
        let message = MessageBuilder::new()
            .from(("Footbridge", self.mailbox.as_str()))
            .to(self.mailbox.as_str())
            .subject("Undelivered mail returned to its sender")
            .date(self.made.0)
            .message_id(format!("{id}.report@{domain}"))
            .header("In-Reply-To", Raw::new(clean(&self.entry.message_id)))
            .header("References", Raw::new(clean(&self.entry.message_id)))
            .header("Auto-Submitted", Raw::new("auto-replied"))
            .body(MimePart::new(kind, BodyPart::Multipart(parts)));
        message.write_to_vec().map_err(Fault::defect)
    }

    fn text(&self) -> Outcome<String> {
        let Words { code, status, text } = self.why;
        let accepted = date(self.entry.accepted)?;
        let mut page = format!(
            "Your message could not be sent.\r\n\r\n\
             It was accepted on {accepted} and had the number {} in the queue of footbridge.\r\n\
             The last answer was: {code} {status} {text}\r\n",
            self.entry.id
        );
        if self.in_doubt {
            page.push_str(
                "\r\nIt may have arrived all the same: the connection broke while it was sent, and\r\n\
                 this connection may not look what became of it. Ask before you send it again.\r\n",
            );
        } else {
            page.push_str(
                "\r\nIt was not sent, and will not be tried again. It did not reach:\r\n\r\n",
            );
        }
        for recipient in of_interest(&self.entry.envelope) {
            let _ = write!(page, "  {}\r\n", recipient.address);
        }
        Ok(page)
    }

    /// RFC 3464 §2: the fields of the message, then those of each recipient.
    fn status(&self) -> Outcome<String> {
        let mut fields = String::new();
        if let Some(id) = &self.entry.envelope.id {
            field(&mut fields, "Original-Envelope-Id", &clean(id));
        }
        field(&mut fields, "Reporting-MTA", REPORTING);
        field(&mut fields, "Arrival-Date", &date(self.entry.accepted)?);
        let Words { code, status, text } = self.why;
        let attempt = self.tried.map(date).transpose()?;
        for recipient in of_interest(&self.entry.envelope) {
            fields.push_str("\r\n");
            if let Some(original) = recipient.original.as_deref().and_then(original) {
                field(&mut fields, "Original-Recipient", &original);
            }
            field(&mut fields, "Final-Recipient", &named(&recipient.address));
            field(&mut fields, "Action", "failed");
            field(&mut fields, "Status", status);
            field(&mut fields, "Diagnostic-Code", &format!("smtp; {code} {status} {text}"));
            if let Some(attempt) = &attempt {
                field(&mut fields, "Last-Attempt-Date", attempt);
            }
        }
        Ok(fields)
    }
}

/// A part as it is: none of these may be encoded (RFC 3464 §2.1, RFC 2046 §5.2.1).
fn part<'a>(kind: &str, content: &[u8]) -> MimePart<'a> {
    let mut bytes = format!("Content-Type: {kind}\r\n").into_bytes();
    if !content.is_ascii() {
        bytes.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(content);
    MimePart::raw(BodyPart::Binary(bytes.into()))
}

fn field(fields: &mut String, name: &str, value: &str) {
    let _ = write!(fields, "{name}: {value}\r\n");
}

/// RFC 3464 §2.3.2; RFC 6533 §3 for addresses that are not ASCII.
fn named(address: &Address) -> String {
    let text = address.as_str();
    if is_plain(text) {
        return format!("rfc822; {text}");
    }
    format!("utf-8; {}", spelled(text))
}

/// What ORCPT said (RFC 3464 §2.3.1), which is kept decoded; `None` for what does not stay on its line.
fn original(text: &str) -> Option<String> {
    let (kind, address) = text.split_once(';')?;
    let is_utf8 = kind.eq_ignore_ascii_case("utf-8") && !address.contains(char::is_control);
    match is_utf8 {
        true => Some(format!("{kind};{}", spelled(address))),
        false => is_plain(text).then(|| text.to_owned()),
    }
}

/// An address of type `utf-8` where only US-ASCII may stand (RFC 6533 §3, utf-8-addr-xtext).
fn spelled(text: &str) -> String {
    let spell = |c: char| match c {
        '!'..='~' if !matches!(c, '\\' | '+' | '=') => c.to_string(),
        c => format!("\\x{{{:X}}}", u32::from(c)),
    };
    text.chars().map(spell).collect()
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| (' '..='~').contains(&c))
}

/// What a client gave is no field of ours, and stays on its line.
fn clean(text: &str) -> String {
    text.chars().filter(|c| (' '..='~').contains(c)).collect()
}

/// RFC 5322 §3.3, in UTC.
fn date(at: Timestamp) -> Outcome<String> {
    let at = jiff::Timestamp::from_second(at.0).map_err(Fault::defect)?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&at).map_err(Fault::defect)
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
