//! The journal of recent submissions: what was handed over for sending, and how far it came.
//!
//! It makes a client's retry harmless: the same message to the same people is sent once, also when
//! the bridge was killed in between.

use super::Store;
use crate::mailbox::{Outcome, RemoteId, Timestamp};

/// A submission as it is first written down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Submitted {
    /// The caller's name for "the very same submission".
    pub key: String,
    /// Angle brackets included.
    pub message_id: String,
    /// A digest of the recipients, without regard to order.
    pub recipients: [u8; 32],
    /// A digest of the message's bytes.
    pub bytes: [u8; 32],
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// About to be put into the mailbox; nothing is known of it there.
    Staging,
    /// In the mailbox as a draft; whether it was sent is for a look to tell.
    Staged(RemoteId),
    Sent {
        sent_copy: Option<RemoteId>,
    },
    /// Not sent, and not going to be.
    Refused,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recorded {
    pub submitted: Submitted,
    pub at: Timestamp,
    pub progress: Progress,
}

/// Whether a submission is new.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Begun {
    /// It is recorded as `Staging`; send it.
    Fresh,
    /// It was begun before and not refused: do not send it again without a look.
    Known(Recorded),
}

impl Store {
    /// Writes a submission down before anything is sent. One that was refused may begin again.
    pub async fn begin(&self, submitted: Submitted) -> Outcome<Begun> {
        todo!()
    }

    /// Records how far it came. What was sent stays sent.
    ///
    /// # Errors
    /// `Defect` if it was never begun, or if something sent is said not to be.
    pub async fn advance(&self, key: &str, progress: Progress) -> Outcome<()> {
        todo!()
    }

    pub async fn find(&self, key: &str) -> Outcome<Option<Recorded>> {
        todo!()
    }

    /// Submissions with this Message-ID, latest first.
    pub async fn recent(&self, message_id: &str) -> Outcome<Vec<Recorded>> {
        todo!()
    }

    /// Submissions that were neither sent nor refused: after a crash, look for each.
    pub async fn unsettled(&self) -> Outcome<Vec<Recorded>> {
        todo!()
    }

    /// Forgets settled submissions begun before `before`.
    pub async fn expire(&self, before: Timestamp) -> Outcome<()> {
        todo!()
    }
}
