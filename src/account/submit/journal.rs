//! What the submission flow writes down, so that a cut connection or a killed process cannot make
//! it send twice or forget.

use std::fmt;

use async_trait::async_trait;

use crate::mailbox::{Address, Outcome, RemoteId, Timestamp};

/// A BLAKE3 digest.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Digest(pub [u8; 32]);

/// The same bytes to the same people.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Key(pub [u8; 32]);

/// One try to send one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Unique; also what the client is told.
    pub id: String,
    pub key: Key,
    /// Angle brackets included.
    pub message_id: String,
    /// Of the bytes as the client sent them.
    pub received: Digest,
    /// Of the bytes as the service got them.
    pub staged: Digest,
    pub begun: Timestamp,
    pub stage: Stage,
}

/// How far an attempt came, as far as is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stage {
    /// About to be put into the mailbox. It was certainly not sent.
    Staging,
    /// In the mailbox as a draft; it may have been sent.
    Staged(RemoteId),
    /// Taken by the service. The id is the draft's or, if that did not last, the sent copy's.
    Sent { copy: RemoteId, answer: Answer },
    /// Not sent and never to be; a draft that could not be taken back yet.
    Refused { leftover: Option<RemoteId> },
}

/// Whether the client knows that its message was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    Unknown,
    Delivered,
}

/// The durable record of attempts. Every write is on disk when it returns.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// Writes down a new attempt, before anything is asked of the service.
    async fn begin(&self, attempt: &Attempt) -> Outcome<()>;

    async fn advance(&self, id: &str, stage: &Stage) -> Outcome<()>;

    async fn find(&self, id: &str) -> Outcome<Option<Attempt>>;

    /// The youngest attempt with that key.
    async fn latest(&self, key: &Key) -> Outcome<Option<Attempt>>;

    /// Attempts with that Message-ID, youngest first.
    async fn named(&self, message_id: &str) -> Outcome<Vec<Attempt>>;

    /// Attempts in `Staging`, in `Staged`, or with a leftover; oldest first.
    async fn unsettled(&self) -> Outcome<Vec<Attempt>>;

    /// Forgets settled attempts begun before `before`.
    async fn expire(&self, before: Timestamp) -> Outcome<()>;
}

impl Key {
    pub fn of(received: Digest, recipients: &[Address]) -> Self {
        let lower = |address: &Address| address.as_str().to_ascii_lowercase();
        let mut recipients: Vec<String> = recipients.iter().map(lower).collect();
        recipients.sort_unstable();
        recipients.dedup();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&received.0);
        for recipient in recipients {
            // An address holds no NUL, so the list cannot be cut in two ways.
            hasher.update(recipient.as_bytes()).update(b"\0");
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl Stage {
    pub fn is_unsettled(&self) -> bool {
        matches!(self, Self::Staging | Self::Staged(_) | Self::Refused { leftover: Some(_) })
    }
}

macro_rules! hex {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
hex!(Digest, Key);
