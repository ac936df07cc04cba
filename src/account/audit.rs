//! One line in the log for every message that was handed in, whatever became of it; of a queued
//! message one when it was accepted, and one at its end. No subject, no text, no recipient's address.

use std::fmt;
use std::net::IpAddr;

use super::{Accepted, Account, Standing};
use crate::backend::Trail;
use crate::mailbox::{Envelope, Origin, Outcome};
use crate::metrics::Submission;
use crate::store::Entry;

/// What such a line says of a message.
#[derive(Clone, Debug)]
pub struct Handed {
    login: String,
    peer: IpAddr,
    profile: Option<String>,
    sender: String,
    recipients: usize,
    /// Octets.
    size: u64,
    /// In the queue.
    id: Option<String>,
}

impl Handed {
    pub fn new(origin: &Origin, envelope: &Envelope, size: u64) -> Self {
        Self {
            login: origin.login.to_string(),
            peer: origin.peer,
            profile: origin.profile.as_deref().map(str::to_owned),
            sender: sender(envelope),
            recipients: envelope.recipients.len(),
            size,
            id: None,
        }
    }

    pub(super) fn queued(entry: &Entry) -> Self {
        Self {
            login: entry.login.clone(),
            peer: entry.client,
            profile: entry.profile.clone(),
            sender: sender(&entry.envelope),
            recipients: entry.envelope.recipients.len(),
            size: entry.size,
            id: Some(entry.id.to_string()),
        }
    }

    /// Writes the line. `trail` holds the requests that changed something at the service.
    pub fn note(&self, result: &dyn fmt::Display, trail: &Trail) {
        tracing::info!(
            event = "smtp.submission",
            login = self.login,
            peer = %self.peer,
            profile = self.profile.as_deref().unwrap_or("-"),
            queue.id = self.id.as_deref().unwrap_or("-"),
            mail.sender = self.sender,
            mail.recipients = self.recipients,
            mail.size = self.size,
            graph.requests = %trail,
            %result,
            "message handed in"
        );
    }
}

impl Account {
    pub(super) fn note_submission(
        &self,
        handed: &Handed,
        outcome: &Outcome<Accepted>,
        trail: &Trail,
    ) {
        let (became, result) = match outcome {
            Ok(Accepted { id, standing: Standing::Sent, .. }) => {
                (Submission::Sent, format!("sent as {id}"))
            }
            Ok(Accepted { id, standing: Standing::Queued, .. }) => {
                (Submission::Queued, format!("queued as {id}"))
            }
            Err(fault) if fault.may_pass() => (Submission::Deferred, format!("refused: {fault}")),
            Err(fault) => (Submission::Refused, format!("refused: {fault}")),
        };
        self.count(became);
        handed.note(&result, trail);
    }

    /// A message was refused before it was a submission: its data were no message, or there was no
    /// room to take it.
    pub fn note_refused(&self, handed: &Handed, outcome: Submission, result: &dyn fmt::Display) {
        self.count(outcome);
        handed.note(result, &Trail::default());
    }

    pub(super) fn count(&self, outcome: Submission) {
        self.0.submissions.count(outcome);
    }
}

fn sender(envelope: &Envelope) -> String {
    envelope.sender.as_ref().map_or("<>", |sender| sender.as_str()).to_owned()
}
