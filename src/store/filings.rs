//! The journal of filing: what clients hand over by APPEND, from before the service is asked until
//! the client has its answer.
//!
//! It makes a client's retry harmless: a cut connection or a killed process cannot make the bridge
//! file a message twice, or serve other bytes than those that the client gave. The bytes are kept
//! from the start, in `bodies` under a name of their own, and go over to the message once its id is
//! known.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Params, Row as Record, params};

use super::blobs::{DIRECTORY, Measured, Pin, forget};
use super::bodies::{Name, exact_body, is_announced, record};
use super::values::{self, key};
use super::worker::Writing;
use super::{Answer, BlobHash, Body, Incoming, SpoolFile, Store, Texts};
use crate::mailbox::{Fault, Flags, FolderId, Outcome, RemoteId, Timestamp};

/// One message being filed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filing {
    /// Unique; the item at the service carries it where it can.
    pub id: String,
    pub folder: FolderId,
    /// Of the client's bytes.
    pub hash: BlobHash,
    pub begun: Timestamp,
    pub flags: Flags,
    /// `None`: when it is filed.
    pub received: Option<Timestamp>,
    pub stage: FilingStage,
    /// The file with the client's bytes, while they have not gone over to a message.
    pub path: PathBuf,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FilingStage {
    /// The service may have it or not.
    Begun,
    /// The service has it; `answer` is never `Delivered`, since the journal ends there.
    Made { remote: RemoteId, answer: Answer },
}

/// Whether a message could be given the client's bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Binding {
    Bound,
    /// Someone was served other bytes of it before: they stay, and the message is another one.
    Served,
}

const COLUMNS: &str = "id, folder, hash, begun, flags, keywords, received, remote, missed";

impl Store {
    /// Takes a client's bytes and writes down that they are to be filed, before anything is asked of
    /// the service. `id` was never used before; `wish` is what the message shall carry.
    pub async fn begin_filing(
        &self,
        (id, folder): (String, FolderId),
        (file, texts): (SpoolFile, Texts),
        (flags, received): (Flags, Option<Timestamp>),
    ) -> Outcome<Filing> {
        let measured = Measured::of(file).await?;
        let directory = self.path(DIRECTORY);
        self.write(move |writing| {
            let (hash, size, begun) = (measured.hash, measured.size, writing.now);
            measured.keep(writing, &directory, Pin::Pinned)?;
            record(writing, &waiting(&id), &Body { size, hash, texts })?;
            let sql = format!(
                "INSERT INTO filings ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, 0)"
            );
            writing.transaction.prepare_cached(&sql)?.execute(params![
                id,
                key(folder),
                hash.bytes(),
                begun.0,
                flags.bits(),
                values::keywords(&flags),
                received.map(|at| at.0),
            ])?;
            let path = super::blobs::place(&directory, &hash);
            let stage = FilingStage::Begun;
            Ok(Filing { id, folder, hash, begun, flags, received, stage, path })
        })
        .await
    }

    /// What the journal holds, oldest first.
    pub async fn filings(&self) -> Outcome<Vec<Filing>> {
        let directory = self.path(DIRECTORY);
        self.read(move |connection| many(connection, &directory, "1 ORDER BY number", [])).await
    }

    pub async fn filing(&self, id: &str) -> Outcome<Option<Filing>> {
        let (id, directory) = (id.to_owned(), self.path(DIRECTORY));
        let reading =
            self.read(move |connection| many(connection, &directory, "id = ?1", params![id]));
        Ok(reading.await?.pop())
    }

    /// What the journal holds of these bytes in this folder, oldest first.
    pub async fn filings_of(&self, folder: FolderId, hash: BlobHash) -> Outcome<Vec<Filing>> {
        let directory = self.path(DIRECTORY);
        self.read(move |connection| {
            let choice = "folder = ?1 AND hash = ?2 ORDER BY number";
            many(connection, &directory, choice, params![key(folder), hash.bytes()])
        })
        .await
    }

    /// Gives the client's bytes to the message that came of it, before `Applied::Added` announces it.
    pub async fn bind_filing(
        &self,
        id: &str,
        incoming: &Incoming,
        answer: Answer,
    ) -> Outcome<Binding> {
        let (id, name) = (id.to_owned(), Name::of(incoming));
        self.write(move |writing| bind(writing, (&id, answer), &name)).await
    }

    /// Forgets filings that came to nothing, with their bytes.
    pub async fn abandon_filings(&self, ids: Vec<String>) -> Outcome<()> {
        let directory = self.path(DIRECTORY);
        self.write(move |writing| ids.iter().try_for_each(|id| abandon(writing, &directory, id)))
            .await
    }

    /// Forgets filings whose clients have their answer; the messages keep the bytes.
    pub async fn end_filings(&self, ids: Vec<String>) -> Outcome<()> {
        self.write(move |writing| ids.iter().try_for_each(|id| remove(writing, id))).await
    }

    /// Whether a client has filed this message, as far as is known.
    pub async fn is_filed(&self, message: &RemoteId) -> Outcome<bool> {
        let message = message.clone();
        self.read(move |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM filings WHERE remote = ?1)
                       OR EXISTS (SELECT 1 FROM bodies b JOIN blobs f ON f.hash = b.hash
                                  WHERE b.remote = ?1 AND f.pinned)";
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement.query_row([message.as_str()], |record| record.get(0))?)
        })
        .await
    }

    /// The messages of a folder that have the bytes which a client gave for them.
    pub async fn filed(&self, folder: FolderId) -> Outcome<Vec<RemoteId>> {
        self.read(move |connection| {
            let sql = "SELECT m.remote FROM messages m
                       JOIN bodies b ON b.remote = m.remote AND b.content = m.content
                       JOIN blobs f ON f.hash = b.hash WHERE m.folder = ?1 AND f.pinned";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([key(folder)], |record| values::remote(record, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// The name of bytes whose message is not known yet; no service gives such an id.
fn waiting(id: &str) -> Name {
    Name { remote: format!("filing:{id}"), content: String::new() }
}

fn bind(writing: &Writing<'_>, (id, answer): (&str, Answer), name: &Name) -> Outcome<Binding> {
    let waiting = waiting(id);
    let Some(given) = exact_body(writing, &waiting)? else {
        return Err(Fault::defect("a filing has lost its bytes"));
    };
    let known = exact_body(writing, name)?;
    let is_same = known.as_ref().is_some_and(|known| known.hash == given.hash);
    if known.is_some() && !is_same && is_announced(writing, name)? {
        return Ok(Binding::Served);
    }
    record(writing, name, &given)?;
    drop_waiting(writing, id)?;
    let sql = "UPDATE filings SET remote = ?2, missed = ?3 WHERE id = ?1";
    let missed = answer == Answer::Missed;
    writing.transaction.prepare_cached(sql)?.execute(params![id, name.remote, missed])?;
    Ok(Binding::Bound)
}

fn abandon(writing: &Writing<'_>, directory: &Path, id: &str) -> Outcome<()> {
    let given = exact_body(writing, &waiting(id))?;
    drop_waiting(writing, id)?;
    remove(writing, id)?;
    let Some(given) = given else { return Ok(()) };
    let sql = "SELECT 1 FROM bodies WHERE hash = ?1";
    if !writing.transaction.prepare_cached(sql)?.exists([given.hash.bytes()])? {
        forget(writing, directory, &given.hash)?;
    }
    Ok(())
}

fn drop_waiting(writing: &Writing<'_>, id: &str) -> Outcome<()> {
    let sql = "DELETE FROM bodies WHERE remote = ?1";
    writing.transaction.prepare_cached(sql)?.execute([waiting(id).remote])?;
    Ok(())
}

fn remove(writing: &Writing<'_>, id: &str) -> Outcome<()> {
    writing.transaction.prepare_cached("DELETE FROM filings WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn many(
    connection: &Connection,
    directory: &Path,
    choice: &str,
    parameters: impl Params,
) -> Outcome<Vec<Filing>> {
    let sql = format!("SELECT {COLUMNS} FROM filings WHERE {choice}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(parameters, |record| filing(record, directory))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn filing(record: &Record<'_>, directory: &Path) -> rusqlite::Result<Filing> {
    let hash = BlobHash::from_column(record, 2)?;
    let received: Option<i64> = record.get(6)?;
    let remote: Option<Box<str>> = record.get(7)?;
    let answer = if record.get(8)? { Answer::Missed } else { Answer::Unknown };
    Ok(Filing {
        id: record.get(0)?,
        folder: FolderId::new(record.get(1)?),
        hash,
        begun: Timestamp(record.get(3)?),
        flags: values::flags(record, 4, 5)?,
        received: received.map(Timestamp),
        stage: remote.map_or(FilingStage::Begun, |id| FilingStage::Made {
            remote: RemoteId::new(id),
            answer,
        }),
        path: super::blobs::place(directory, &hash),
    })
}
