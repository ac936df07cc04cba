//! The journal of submissions: what was handed over for sending, and how far it came.
//!
//! It makes a client's retry harmless: a cut connection or a killed process cannot make the bridge
//! send twice or forget. What is written here is on disk when the call returns.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Params, Row as Record, params};

use super::{Store, values};
use crate::mailbox::{Fault, Outcome, RemoteId, Timestamp};

/// A BLAKE3 digest.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Digest(pub [u8; 32]);

/// One try to send one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Unique; also what the client is told.
    pub id: String,
    /// Equal for the same bytes to the same people.
    pub key: Digest,
    /// As the header has it, angle brackets included.
    pub message_id: String,
    /// Of the bytes as the client sent them.
    pub received: Digest,
    /// Of the bytes as the service got them.
    pub staged: Digest,
    /// Of what stays the same in them if the service writes them anew.
    pub likeness: Option<Digest>,
    /// How many people it goes to.
    pub recipients: u32,
    pub begun: Timestamp,
    pub stage: Stage,
    /// When the stage was reached.
    pub since: Timestamp,
    pub sent_copy: SentCopy,
}

/// What is to become of the sender's copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SentCopy {
    Kept,
    /// It is to be removed, unless a client takes it for its own.
    Unwanted,
}

/// A submission that went out, or may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outgoing {
    pub id: String,
    pub begun: Timestamp,
    pub recipients: u32,
}

/// Whose a sent copy is that no client's message was taken for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unclaimed {
    /// That of the first who asks.
    Free,
    /// Nobody's any more.
    Kept,
}

/// How far an attempt came, as far as is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stage {
    /// About to be put into the mailbox as a draft. It was certainly not sent.
    Staging,
    /// The same of a message that is more than one request says: the draft lacks parts of it, or a wish.
    Planting,
    /// In the mailbox as a draft that gets one part after the other. It was certainly not sent, and never
    /// will be as it is.
    Growing(RemoteId),
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
    /// It was certainly not told so: it is going to try again.
    Missed,
    Unknown,
    Delivered,
}

impl Store {
    /// Writes down a new attempt, before anything is asked of the service.
    pub async fn begin_attempt(&self, attempt: &Attempt) -> Outcome<()> {
        let attempt = attempt.clone();
        self.write(move |writing| {
            let sql = "INSERT INTO submissions
                       (id, key, message_id, received, staged, likeness, recipients, begun, since, stage,
                        remote, unwanted)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
            let (name, remote) = attempt.stage.columns();
            writing.transaction.prepare_cached(sql)?.execute(params![
                attempt.id,
                attempt.key.0,
                attempt.message_id,
                attempt.received.0,
                attempt.staged.0,
                attempt.likeness.map(|likeness| likeness.0),
                attempt.recipients,
                attempt.begun.0,
                attempt.since.0,
                name,
                remote.map(RemoteId::as_str),
                attempt.sent_copy == SentCopy::Unwanted,
            ])?;
            Ok(())
        })
        .await
    }

    /// Records how far it came. What was sent stays sent.
    ///
    /// # Errors
    /// `Defect` if it was never begun, or if something sent is said not to be.
    pub async fn advance_attempt(&self, id: &str, stage: &Stage) -> Outcome<()> {
        let (id, stage) = (id.to_owned(), stage.clone());
        self.write(move |writing| {
            let known = one(writing.transaction, "id = ?1", [&id])?
                .ok_or_else(|| Fault::defect("a submission moves that was never begun"))?;
            if known.stage.is_sent() && !stage.is_sent() {
                return Err(Fault::defect("a submission that was sent cannot be unsent"));
            }
            let (name, remote) = stage.columns();
            let sql = "UPDATE submissions SET stage = ?2, remote = ?3, since = ?4 WHERE id = ?1";
            let columns = params![id, name, remote.map(RemoteId::as_str), writing.now.0];
            writing.transaction.prepare_cached(sql)?.execute(columns)?;
            Ok(())
        })
        .await
    }

    pub async fn attempt(&self, id: &str) -> Outcome<Option<Attempt>> {
        let id = id.to_owned();
        self.read(move |connection| one(connection, "id = ?1", [id])).await
    }

    /// Attempts at one message: the one that was begun under `id`, and those that followed it
    /// (`further_id`); youngest first.
    pub async fn attempts_at(&self, id: &str) -> Outcome<Vec<Attempt>> {
        // Whatever follows a point sorts before the next character.
        let (first, from, to) = (id.to_owned(), format!("{id}."), format!("{id}/"));
        let choice = "(id = ?1 OR id > ?2 AND id < ?3) ORDER BY number DESC";
        self.read(move |connection| many(connection, choice, [first, from, to])).await
    }

    /// The youngest attempt with that key.
    pub async fn latest_attempt(&self, key: Digest) -> Outcome<Option<Attempt>> {
        let choice = "key = ?1 ORDER BY number DESC LIMIT 1";
        self.read(move |connection| one(connection, choice, [key.0])).await
    }

    /// Attempts with that Message-ID, youngest first.
    pub async fn attempts_named(&self, message_id: &str) -> Outcome<Vec<Attempt>> {
        let message_id = message_id.to_owned();
        let choice = "message_id = ?1 ORDER BY number DESC";
        self.read(move |connection| many(connection, choice, [message_id])).await
    }

    /// What went out since then, or may have; oldest first. What is still being staged has not.
    pub async fn outgoing_since(&self, since: Timestamp) -> Outcome<Vec<Outgoing>> {
        self.read(move |connection| {
            let sql = "SELECT id, begun, recipients FROM submissions
                       WHERE begun >= ?1 AND stage IN ('staged', 'missed', 'sent', 'delivered')
                       ORDER BY begun";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_map([since.0], |record| {
                Ok(Outgoing {
                    id: record.get(0)?,
                    begun: Timestamp(record.get(1)?),
                    recipients: record.get(2)?,
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Attempts of unknown fate or with a draft left over, oldest first.
    pub async fn unsettled_attempts(&self) -> Outcome<Vec<Attempt>> {
        let open = "'staging', 'planting', 'growing', 'staged', 'leftover'";
        let choice = format!("stage IN ({open}) ORDER BY number");
        self.read(move |connection| many(connection, &choice, [])).await
    }

    /// Takes the sent copy for a client's message with this digest. Answers whether it is that
    /// message's: the first one to ask while it is `Free` has it for good.
    pub async fn claim_sent_copy(
        &self,
        id: &str,
        claimer: Digest,
        unclaimed: Unclaimed,
    ) -> Outcome<bool> {
        let id = id.to_owned();
        self.write(move |writing| {
            let sql = "UPDATE submissions SET claim = ?2
                       WHERE id = ?1 AND (claim = ?2 OR claim IS NULL AND unwanted < 2 AND ?3)";
            let is_free = unclaimed == Unclaimed::Free;
            let claimed = writing
                .transaction
                .prepare_cached(sql)?
                .execute(params![id, claimer.0, is_free])?;
            Ok(claimed > 0)
        })
        .await
    }

    /// What was sent and whose copy is still to be removed, oldest first. What a client took for its own stays.
    pub async fn unwanted_copies(&self) -> Outcome<Vec<Attempt>> {
        let choice = "unwanted AND claim IS NULL AND stage IN ('missed', 'sent', 'delivered')
                      ORDER BY number";
        self.read(move |connection| many(connection, choice, [])).await
    }

    /// The copy is about to be removed, and can be claimed no more. `false` if a client has claimed it.
    pub async fn give_up_copy(&self, id: &str) -> Outcome<bool> {
        let id = id.to_owned();
        self.write(move |writing| {
            let sql = "UPDATE submissions SET unwanted = 2
                       WHERE id = ?1 AND unwanted > 0 AND claim IS NULL";
            Ok(writing.transaction.prepare_cached(sql)?.execute([id])? > 0)
        })
        .await
    }

    /// The copy is gone, or shall be let be.
    pub async fn forget_unwanted(&self, id: &str) -> Outcome<()> {
        let id = id.to_owned();
        self.write(move |writing| {
            let sql = "UPDATE submissions SET unwanted = 0 WHERE id = ?1";
            writing.transaction.prepare_cached(sql)?.execute([id])?;
            Ok(())
        })
        .await
    }

    /// Forgets settled attempts begun before `before`.
    pub async fn expire_attempts(&self, before: Timestamp) -> Outcome<()> {
        self.write(move |writing| {
            let sql = "DELETE FROM submissions
                       WHERE begun < ?1 AND stage IN ('missed', 'sent', 'delivered', 'refused')";
            writing.transaction.prepare_cached(sql)?.execute([before.0])?;
            Ok(())
        })
        .await
    }
}

/// The id of another attempt at the message to which the attempt `id` belongs.
pub fn further_id(id: &str) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{}.{}", first_id(id), &random[..8])
}

/// The id of the first attempt at that message.
pub fn first_id(id: &str) -> &str {
    id.split_once('.').map_or(id, |(first, _)| first)
}

// === impl Stage ===

impl Stage {
    pub fn is_sent(&self) -> bool {
        matches!(self, Self::Sent { .. })
    }

    /// The draft or sent copy that is known to belong to it.
    pub fn remote(&self) -> Option<&RemoteId> {
        self.columns().1
    }

    fn columns(&self) -> (&'static str, Option<&RemoteId>) {
        match self {
            Self::Staging => ("staging", None),
            Self::Planting => ("planting", None),
            Self::Growing(draft) => ("growing", Some(draft)),
            Self::Staged(draft) => ("staged", Some(draft)),
            Self::Sent { copy, answer: Answer::Missed } => ("missed", Some(copy)),
            Self::Sent { copy, answer: Answer::Unknown } => ("sent", Some(copy)),
            Self::Sent { copy, answer: Answer::Delivered } => ("delivered", Some(copy)),
            Self::Refused { leftover: Some(draft) } => ("leftover", Some(draft)),
            Self::Refused { leftover: None } => ("refused", None),
        }
    }

    fn from_columns(name: &str, remote: Option<RemoteId>) -> Option<Self> {
        match (name, remote) {
            ("staging", None) => Some(Self::Staging),
            ("planting", None) => Some(Self::Planting),
            ("growing", Some(draft)) => Some(Self::Growing(draft)),
            ("staged", Some(draft)) => Some(Self::Staged(draft)),
            ("missed", Some(copy)) => Some(Self::Sent { copy, answer: Answer::Missed }),
            ("sent", Some(copy)) => Some(Self::Sent { copy, answer: Answer::Unknown }),
            ("delivered", Some(copy)) => Some(Self::Sent { copy, answer: Answer::Delivered }),
            ("leftover", Some(draft)) => Some(Self::Refused { leftover: Some(draft) }),
            ("refused", None) => Some(Self::Refused { leftover: None }),
            _ => None,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === reading ===

const ATTEMPT: &str = "SELECT id, key, message_id, received, staged, begun, stage, remote,
                              likeness, coalesce(since, begun), recipients, unwanted
                       FROM submissions WHERE";

fn one(connection: &Connection, choice: &str, values: impl Params) -> Outcome<Option<Attempt>> {
    let mut statement = connection.prepare_cached(&format!("{ATTEMPT} {choice}"))?;
    Ok(statement.query_row(values, attempt).optional()?)
}

fn many(connection: &Connection, choice: &str, values: impl Params) -> Outcome<Vec<Attempt>> {
    let mut statement = connection.prepare_cached(&format!("{ATTEMPT} {choice}"))?;
    let found = statement.query_map(values, attempt)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn attempt(record: &Record<'_>) -> rusqlite::Result<Attempt> {
    let remote: Option<Box<str>> = record.get(7)?;
    let stage = Stage::from_columns(record.get_ref(6)?.as_str()?, remote.map(RemoteId::new));
    Ok(Attempt {
        id: record.get(0)?,
        key: Digest(record.get(1)?),
        message_id: record.get(2)?,
        received: Digest(record.get(3)?),
        staged: Digest(record.get(4)?),
        recipients: record.get(10)?,
        begun: Timestamp(record.get(5)?),
        stage: stage.ok_or_else(|| values::senseless(6))?,
        likeness: record.get::<_, Option<_>>(8)?.map(Digest),
        since: Timestamp(record.get(9)?),
        sent_copy: match record.get::<_, u8>(11)? {
            0 => SentCopy::Kept,
            _ => SentCopy::Unwanted,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fixture, remote};
    use super::*;

    fn attempt(id: &str, key: u8) -> Attempt {
        Attempt {
            id: id.into(),
            key: Digest([key; 32]),
            message_id: "<1@a.test>".into(),
            received: Digest([2; 32]),
            staged: Digest([3; 32]),
            likeness: Some(Digest([4; 32])),
            recipients: 2,
            begun: Timestamp(1_700_000_000),
            stage: Stage::Staging,
            since: Timestamp(1_700_000_000),
            sent_copy: SentCopy::Kept,
        }
    }

    #[tokio::test]
    async fn every_stage_comes_back_as_it_was_written_also_after_reopening() {
        let fixture = fixture().await;
        let stages = [
            Stage::Staging,
            Stage::Planting,
            Stage::Growing(remote("d")),
            Stage::Staged(remote("d")),
            Stage::Refused { leftover: Some(remote("d")) },
            Stage::Refused { leftover: None },
            Stage::Sent { copy: remote("d"), answer: Answer::Missed },
            Stage::Sent { copy: remote("d"), answer: Answer::Unknown },
            Stage::Sent { copy: remote("c"), answer: Answer::Delivered },
        ];
        for (number, stage) in stages.iter().enumerate() {
            let begun = attempt(&number.to_string(), 1);
            fixture.store.begin_attempt(&begun).await.unwrap();
            fixture.store.advance_attempt(&begun.id, stage).await.unwrap();
        }
        fixture.store.close().await;
        let store = Store::open(fixture.directory.path(), fixture.clock.clone()).await;
        // The lock is free only when the last handle is gone.
        drop(fixture.store);
        let store = match store {
            Ok(store) => store,
            Err(_) => Store::open(fixture.directory.path(), fixture.clock.clone()).await.unwrap(),
        };
        for (number, stage) in stages.iter().enumerate() {
            let (stage, since) = (stage.clone(), fixture.clock.now());
            let expected = Attempt { stage, since, ..attempt(&number.to_string(), 1) };
            assert_eq!(store.attempt(&number.to_string()).await.unwrap(), Some(expected));
        }
        let unsettled = store.unsettled_attempts().await.unwrap();
        assert_eq!(
            unsettled.iter().map(|one| &*one.id).collect::<Vec<_>>(),
            ["0", "1", "2", "3", "4"]
        );
        assert_eq!(store.latest_attempt(Digest([1; 32])).await.unwrap().unwrap().id, "8");
        assert_eq!(store.attempts_named("<1@a.test>").await.unwrap()[0].id, "8");
    }

    #[tokio::test]
    async fn what_was_sent_cannot_be_unsent_and_what_is_open_is_not_forgotten() {
        let store = fixture().await.store;
        store.begin_attempt(&attempt("open", 1)).await.unwrap();
        store.begin_attempt(&attempt("sent", 2)).await.unwrap();
        let sent = Stage::Sent { copy: remote("d"), answer: Answer::Unknown };
        store.advance_attempt("sent", &sent).await.unwrap();
        let unsent = Stage::Refused { leftover: None };
        store.advance_attempt("sent", &unsent).await.unwrap_err();
        store.advance_attempt("never begun", &sent).await.unwrap_err();
        store.begin_attempt(&attempt("refused", 3)).await.unwrap();
        store.advance_attempt("refused", &Stage::Refused { leftover: None }).await.unwrap();
        store.begin_attempt(&attempt("on its way", 4)).await.unwrap();
        store.advance_attempt("on its way", &Stage::Staged(remote("e"))).await.unwrap();
        let begun = Timestamp(1_700_000_000);
        let one = |id: &str| Outgoing { id: id.to_owned(), begun, recipients: 2 };
        let outgoing = store.outgoing_since(begun).await.unwrap();
        assert_eq!(outgoing, [one("sent"), one("on its way")]);
        assert_eq!(store.outgoing_since(Timestamp(1_700_000_001)).await.unwrap(), []);
        store.expire_attempts(Timestamp(1_700_000_001)).await.unwrap();
        assert_eq!(store.attempt("sent").await.unwrap(), None);
        assert!(store.attempt("open").await.unwrap().is_some());
    }
}
