//! What was settled when a message was accepted. Written once.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::QueueId;
use crate::mailbox::{
    Address, Envelope, Octets, Recipient, ReportOn, Reports, Returned, SenderBy, Timestamp,
};
use crate::store::Digest;

/// The form of the file that this version writes and reads.
const VERSION: u32 = 1;

/// A queued message without its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    pub id: QueueId,
    pub accepted: Timestamp,
    pub envelope: Envelope,
    /// The local user name that handed it in.
    pub login: String,
    pub client: IpAddr,
    /// The device profile that it came by.
    pub profile: Option<String>,
    /// Octets of the message as it goes out.
    pub size: u64,
    /// Angle brackets included.
    pub message_id: String,
    pub naming: Naming,
    /// Equal for the same bytes to the same people.
    pub key: Digest,
    /// Of the bytes as they came.
    pub received: Digest,
    /// Of the bytes as they go out.
    pub staged: Digest,
    pub routing: Routing,
}

/// Who gave a message its Message-ID.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    Client,
    Bridge,
}

/// By which rules it was taken, as far as they matter from then on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// Whether a copy stays in Sent Items.
    pub save_to_sent: bool,
    /// What its mailbox may send.
    pub messages_per_minute: usize,
    pub recipients_per_day: usize,
    /// Senders of whom it could not be found out whether they may send from this mailbox.
    pub unchecked: Vec<String>,
    /// An earlier try of the same message, outside of the queue, whose fate was open: if it was sent
    /// after all, this one is not.
    pub follows: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    id: String,
    accepted: i64,
    sender: Option<String>,
    recipients: Vec<WrittenRecipient>,
    envelope_id: Option<String>,
    returned: Option<WrittenReturned>,
    binary: bool,
    login: String,
    client: IpAddr,
    profile: Option<String>,
    size: u64,
    message_id: String,
    naming: Naming,
    key: String,
    received: String,
    staged: String,
    routing: Routing,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenRecipient {
    address: String,
    /// `None`: nothing was said; empty: never.
    notify: Option<Vec<WrittenReportOn>>,
    original: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum WrittenReportOn {
    Success,
    Failure,
    Delay,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum WrittenReturned {
    Full,
    Headers,
}

impl Entry {
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut text =
            serde_json::to_vec_pretty(&self.written()).expect("texts and numbers can be written");
        text.push(b'\n');
        text
    }

    /// # Errors
    /// Says what is wrong with the file.
    pub(super) fn from_json(text: &[u8]) -> Result<Self, String> {
        let damaged = |error: serde_json::Error| format!("its description is damaged: {error}");
        let Version { version } = serde_json::from_slice(text).map_err(damaged)?;
        if version != VERSION {
            return Err(format!("it was queued by another release (version {version})"));
        }
        let written: Written = serde_json::from_slice(text).map_err(damaged)?;
        written.read().ok_or_else(|| "its description makes no sense".to_owned())
    }

    fn written(&self) -> Written {
        let text = |address: &Address| address.as_str().to_owned();
        Written {
            version: VERSION,
            id: self.id.to_string(),
            accepted: self.accepted.0,
            sender: self.envelope.sender.as_ref().map(text),
            recipients: self.envelope.recipients.iter().map(WrittenRecipient::of).collect(),
            envelope_id: self.envelope.id.as_deref().map(str::to_owned),
            returned: self.envelope.returned.map(|returned| match returned {
                Returned::Full => WrittenReturned::Full,
                Returned::Headers => WrittenReturned::Headers,
            }),
            binary: self.envelope.octets == Octets::Binary,
            login: self.login.clone(),
            client: self.client,
            profile: self.profile.clone(),
            size: self.size,
            message_id: self.message_id.clone(),
            naming: self.naming,
            key: self.key.to_string(),
            received: self.received.to_string(),
            staged: self.staged.to_string(),
            routing: self.routing.clone(),
        }
    }
}

impl Written {
    fn read(self) -> Option<Entry> {
        let sender = match self.sender {
            Some(sender) => Some(Address::new(&sender)?),
            None => None,
        };
        let envelope = Envelope {
            sender,
            // No rule is asked again.
            sender_by: SenderBy::Client,
            recipients: self
                .recipients
                .into_iter()
                .map(WrittenRecipient::read)
                .collect::<Option<_>>()?,
            id: self.envelope_id.map(Into::into),
            returned: self.returned.map(|returned| match returned {
                WrittenReturned::Full => Returned::Full,
                WrittenReturned::Headers => Returned::Headers,
            }),
            octets: if self.binary { Octets::Binary } else { Octets::Lines },
        };
        Some(Entry {
            id: QueueId::parse(&self.id)?,
            accepted: Timestamp(self.accepted),
            envelope,
            login: self.login,
            client: self.client,
            profile: self.profile,
            size: self.size,
            message_id: self.message_id,
            naming: self.naming,
            key: Digest::parse(&self.key)?,
            received: Digest::parse(&self.received)?,
            staged: Digest::parse(&self.staged)?,
            routing: self.routing,
        })
    }
}

impl WrittenRecipient {
    fn of(recipient: &Recipient) -> Self {
        let events = |Reports(events): &Reports| {
            let written = events.iter().map(|event| match event {
                ReportOn::Success => WrittenReportOn::Success,
                ReportOn::Failure => WrittenReportOn::Failure,
                ReportOn::Delay => WrittenReportOn::Delay,
            });
            written.collect()
        };
        Self {
            address: recipient.address.as_str().to_owned(),
            notify: recipient.reports.as_ref().map(events),
            original: recipient.original.as_deref().map(str::to_owned),
        }
    }

    fn read(self) -> Option<Recipient> {
        let events = |events: Vec<WrittenReportOn>| {
            let read = events.into_iter().map(|event| match event {
                WrittenReportOn::Success => ReportOn::Success,
                WrittenReportOn::Failure => ReportOn::Failure,
                WrittenReportOn::Delay => ReportOn::Delay,
            });
            Reports(read.collect())
        };
        Some(Recipient {
            address: Address::new(&self.address)?,
            reports: self.notify.map(events),
            original: self.original.map(Into::into),
        })
    }
}
