//! Queued messages as people and scripts see them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Mailbox;
use crate::mailbox::{Recipient, ReportOn, Returned, Timestamp};
use crate::store::queue::{Course, Found, State, Words};
use crate::store::{Entry, QueueId};

impl Found {
    pub(super) fn id(&self) -> &QueueId {
        match self {
            Self::Whole(entry, _) => &entry.id,
            Self::Damaged { id, .. } => id,
        }
    }
}

/// The id of one that is to be sent and neither held nor given up.
pub(super) fn waiting(found: &Found) -> Option<&QueueId> {
    match found {
        Found::Whole(entry, state) if state.course == Course::Send => Some(&entry.id),
        _ => None,
    }
}

pub(super) fn line(mailbox: &Mailbox, found: &Found) -> String {
    let (id, user, state) = (found.id(), &mailbox.user, standing(mailbox, found));
    let (entry, known) = match found {
        Found::Whole(entry, known) => (entry, known),
        Found::Damaged { reason, .. } => return format!("{id}  {user}  {state}: {reason}"),
    };
    let mut line = format!(
        "{id}  {user}  {state}  accepted {}  {} recipients  {} octets  {} tries",
        time(entry.accepted),
        entry.envelope.recipients.len(),
        entry.size,
        known.tries,
    );
    if let Some(next) = next(known) {
        let _ = write!(line, "  next {}", time(next));
    }
    if let Some(last) = &known.last {
        let _ = write!(line, "  {}", sentence(last));
    }
    line
}

pub(super) fn brief(mailbox: &Mailbox, found: &Found) -> Value {
    let mut value = json!({
        "id": found.id().as_str(),
        "user": mailbox.user,
        "state": standing(mailbox, found),
        "connected": mailbox.is_connected,
    });
    match found {
        Found::Damaged { reason, .. } => value["reason"] = json!(reason),
        Found::Whole(entry, state) => {
            value["accepted"] = json!(time(entry.accepted));
            value["from"] = json!(sender(entry));
            value["recipients"] = json!(entry.envelope.recipients.len());
            value["size"] = json!(entry.size);
            value["tries"] = json!(state.tries);
            value["next"] = json!(next(state).map(time));
            value["last"] = json!(state.last);
            value["in_doubt"] = json!(state.in_doubt.is_some());
        }
    }
    value
}

pub(super) fn whole(mailbox: &Mailbox, found: &Found) -> Value {
    let mut value = brief(mailbox, found);
    let Found::Whole(entry, state) = found else { return value };
    let recipient = |recipient: &Recipient| {
        json!({
            "address": recipient.address.as_str(),
            "notify": notify(recipient),
            "original": recipient.original,
        })
    };
    let to: Vec<Value> = entry.envelope.recipients.iter().map(recipient).collect();
    value["to"] = json!(to);
    value["envelope_id"] = json!(entry.envelope.id);
    value["returned"] = json!(entry.envelope.returned.map(returned));
    value["login"] = json!(entry.login);
    value["client"] = json!(entry.client);
    value["profile"] = json!(entry.profile);
    value["message_id"] = json!(entry.message_id);
    value["tried"] = json!(state.tried.map(time));
    value["answered"] = json!(state.confirmed);
    value
}

pub(super) fn page(mailbox: &Mailbox, found: &Found) -> String {
    let mut page = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(page, "{name:<12}{value}");
    };
    row("id", found.id().to_string());
    row("connection", mailbox.user.clone());
    row("state", standing(mailbox, found).to_owned());
    match found {
        Found::Damaged { reason, .. } => row("reason", reason.clone()),
        Found::Whole(entry, state) => {
            row("accepted", time(entry.accepted));
            row("from", sender(entry).to_owned());
            for recipient in &entry.envelope.recipients {
                row("to", recipient_line(recipient));
            }
            row("size", format!("{} octets", entry.size));
            row("message-id", entry.message_id.clone());
            row("login", entry.login.clone());
            row("client", entry.client.to_string());
            if let Some(profile) = &entry.profile {
                row("profile", profile.clone());
            }
            tries(&mut row, state);
        }
    }
    page.trim_end().to_owned()
}

fn tries(row: &mut impl FnMut(&str, String), state: &State) {
    row("tries", state.tries.to_string());
    if let Some(tried) = state.tried {
        row("last try", time(tried));
    }
    if let Some(last) = &state.last {
        row("it said", sentence(last));
    }
    if let Some(next) = next(state) {
        row("next try", time(next));
    }
    if state.in_doubt.is_some() {
        row("in doubt", "a try may have sent it; that is found out before it is sent".to_owned());
    }
}

/// When it is tried again; one that was never put off is tried as soon as it can be.
fn next(state: &State) -> Option<Timestamp> {
    (state.course == Course::Send && state.next > Timestamp(0)).then_some(state.next)
}

/// Where it stands, in one word or two.
fn standing(mailbox: &Mailbox, found: &Found) -> &'static str {
    match found {
        Found::Damaged { .. } => "damaged",
        Found::Whole(_, state) => match state.course {
            Course::Held => "held",
            _ if !mailbox.is_connected => "waiting for its connection",
            Course::Send => "waiting",
            Course::Report { .. } => "failed",
        },
    }
}

fn sender(entry: &Entry) -> &str {
    entry.envelope.sender.as_ref().map_or("<>", |sender| sender.as_str())
}

fn sentence(words: &Words) -> String {
    format!("{} {} {}", words.code, words.status, words.text)
}

fn recipient_line(recipient: &Recipient) -> String {
    match notify(recipient) {
        Some(events) if events.is_empty() => format!("{} (notify never)", recipient.address),
        Some(events) => format!("{} (notify {})", recipient.address, events.join(", ")),
        None => recipient.address.to_string(),
    }
}

fn notify(recipient: &Recipient) -> Option<Vec<&'static str>> {
    let word = |event: &ReportOn| match event {
        ReportOn::Success => "success",
        ReportOn::Failure => "failure",
        ReportOn::Delay => "delay",
    };
    recipient.reports.as_ref().map(|reports| reports.0.iter().map(word).collect())
}

fn returned(returned: Returned) -> &'static str {
    match returned {
        Returned::Full => "full",
        Returned::Headers => "headers",
    }
}

fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_was_never_put_off_has_no_next_try() {
        let fresh = State::default();
        assert_eq!(next(&fresh), None);
        let later = State { next: Timestamp(1_795_428_000), ..State::default() };
        assert_eq!(next(&later).map(time).as_deref(), Some("2026-11-23T10:00:00Z"));
        assert_eq!(next(&State { course: Course::Held, ..later }), None);
    }
}
