//! The journal of recent submissions: what was handed over for sending, and how far it came.
//!
//! It makes a client's retry harmless: the same message to the same people is sent once, also when
//! the bridge was killed in between.

use rusqlite::{Connection, OptionalExtension, Row as Record, params};

use super::worker::Writing;
use super::{Store, values};
use crate::mailbox::{Fault, Outcome, RemoteId, Timestamp};

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
        self.write(move |writing| {
            let known = find(writing.transaction, &submitted.key)?;
            match known {
                Some(known) if known.progress != Progress::Refused => Ok(Begun::Known(known)),
                _ => insert(writing, &submitted).map(|()| Begun::Fresh),
            }
        })
        .await
    }

    /// Records how far it came. What was sent stays sent.
    ///
    /// # Errors
    /// `Defect` if it was never begun, or if something sent is said not to be.
    pub async fn advance(&self, key: &str, progress: Progress) -> Outcome<()> {
        let key = key.to_owned();
        self.write(move |writing| {
            let known = find(writing.transaction, &key)?
                .ok_or_else(|| Fault::defect("a submission moves that was never begun"))?;
            let (was_sent, is_sent) = (known.progress.is_sent(), progress.is_sent());
            if was_sent && !is_sent {
                return Err(Fault::defect("a submission that was sent cannot be unsent"));
            }
            let (name, remote) = progress.columns();
            // A second report of the sending may know less about the copy than the first.
            let sql = "UPDATE submissions SET progress = ?2,
                       remote = CASE WHEN ?4 THEN COALESCE(?3, remote) ELSE ?3 END WHERE key = ?1";
            let columns = params![key, name, remote.map(RemoteId::as_str), was_sent];
            writing.transaction.prepare_cached(sql)?.execute(columns)?;
            Ok(())
        })
        .await
    }

    pub async fn find(&self, key: &str) -> Outcome<Option<Recorded>> {
        let key = key.to_owned();
        self.read(move |connection| find(connection, &key)).await
    }

    /// Submissions with this Message-ID, latest first.
    pub async fn recent(&self, message_id: &str) -> Outcome<Vec<Recorded>> {
        let message_id = message_id.to_owned();
        self.read(move |connection| {
            let sql = format!("{SUBMISSION} WHERE message_id = ?1 ORDER BY at DESC, key");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map([message_id], recorded)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Submissions that were neither sent nor refused: after a crash, look for each.
    pub async fn unsettled(&self) -> Outcome<Vec<Recorded>> {
        self.read(|connection| {
            let sql = format!("{SUBMISSION} WHERE progress IN ('staging', 'staged') ORDER BY at");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map([], recorded)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets settled submissions begun before `before`.
    pub async fn expire(&self, before: Timestamp) -> Outcome<()> {
        self.write(move |writing| {
            let sql = "DELETE FROM submissions
                       WHERE at < ?1 AND progress NOT IN ('staging', 'staged')";
            writing.transaction.prepare_cached(sql)?.execute([before.0])?;
            Ok(())
        })
        .await
    }
}

// === impl Progress ===

impl Progress {
    fn is_sent(&self) -> bool {
        matches!(self, Self::Sent { .. })
    }

    fn columns(&self) -> (&'static str, Option<&RemoteId>) {
        match self {
            Self::Staging => ("staging", None),
            Self::Staged(draft) => ("staged", Some(draft)),
            Self::Sent { sent_copy } => ("sent", sent_copy.as_ref()),
            Self::Refused => ("refused", None),
        }
    }

    fn from_columns(name: &str, remote: Option<RemoteId>) -> Option<Self> {
        match (name, remote) {
            ("staging", None) => Some(Self::Staging),
            ("staged", Some(draft)) => Some(Self::Staged(draft)),
            ("sent", sent_copy) => Some(Self::Sent { sent_copy }),
            ("refused", None) => Some(Self::Refused),
            _ => None,
        }
    }
}

const SUBMISSION: &str =
    "SELECT key, message_id, recipients, bytes, at, progress, remote FROM submissions";

fn insert(writing: &Writing<'_>, submitted: &Submitted) -> Outcome<()> {
    let sql = "INSERT OR REPLACE INTO submissions
               (key, message_id, recipients, bytes, at, progress, remote)
               VALUES (?1, ?2, ?3, ?4, ?5, 'staging', NULL)";
    let Submitted { key, message_id, recipients, bytes } = submitted;
    let columns = params![key, message_id, recipients, bytes, writing.now.0];
    writing.transaction.prepare_cached(sql)?.execute(columns)?;
    Ok(())
}

fn find(connection: &Connection, key: &str) -> Outcome<Option<Recorded>> {
    let sql = format!("{SUBMISSION} WHERE key = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([key], recorded).optional()?)
}

fn recorded(record: &Record<'_>) -> rusqlite::Result<Recorded> {
    let remote: Option<Box<str>> = record.get(6)?;
    let progress = Progress::from_columns(record.get_ref(5)?.as_str()?, remote.map(RemoteId::new));
    Ok(Recorded {
        submitted: Submitted {
            key: record.get(0)?,
            message_id: record.get(1)?,
            recipients: record.get(2)?,
            bytes: record.get(3)?,
        },
        at: Timestamp(record.get(4)?),
        progress: progress.ok_or_else(|| values::senseless(5))?,
    })
}
