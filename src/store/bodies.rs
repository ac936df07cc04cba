//! Frozen bytes: what was once served for a UID stays what it was (RFC 3501 §2.3.1.1).
//!
//! A body is keyed by the remote id and, for drafts, the version it was read at, so a message that
//! moves keeps its bytes and a draft that was edited elsewhere does not.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row as Record, params};

use super::blobs::{DIRECTORY, Measured, Pin, is_whole, place};
use super::fold::content;
use super::values::{self, ROW, ROW_SOURCE, key, signed};
use super::worker::Writing;
use super::{BlobHash, Incoming, SpoolFile, Store};
use crate::mailbox::{Fault, FolderId, Kind, Outcome, Row, Uid};

/// What the bytes say, finished for the wire; opaque here.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Texts {
    /// The serialised MIME outline.
    pub outline: Vec<u8>,
    /// ENVELOPE.
    pub envelope: Vec<u8>,
    /// BODYSTRUCTURE.
    pub structure: Vec<u8>,
    /// BODY.
    pub body: Vec<u8>,
}

/// The record of a message's bytes. It outlives the bytes themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Body {
    /// Octets.
    pub size: u64,
    pub hash: BlobHash,
    pub texts: Texts,
}

/// What a freeze came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freezing {
    /// The first bytes of this message.
    First,
    /// The same bytes as before, which had been evicted.
    Restored,
    /// Other bytes are there already, and they stay.
    Kept,
    /// The old bytes were evicted and the service now makes others of the same message: to be counted.
    Regenerated,
}

#[derive(Clone, Debug)]
pub struct Frozen {
    /// What is true now: the given body, or the one that was there before.
    pub body: Body,
    pub freezing: Freezing,
    /// The file that holds the bytes.
    pub path: PathBuf,
}

impl Store {
    /// Takes `file` as the bytes of this message, unless it has some already.
    ///
    /// # Errors
    /// `NoSuchMessage` if the row has gone meanwhile.
    pub async fn freeze(
        &self,
        folder: FolderId,
        uid: Uid,
        file: SpoolFile,
        texts: Texts,
    ) -> Outcome<Frozen> {
        let measured = Measured::of(file).await?;
        let directory = self.path(DIRECTORY);
        self.write(move |writing| {
            let sql = "SELECT remote, content FROM messages WHERE folder = ?1 AND uid = ?2";
            let mut statement = writing.transaction.prepare_cached(sql)?;
            let name = statement.query_row(params![key(folder), uid.get()], |record| {
                Ok(Name { remote: record.get(0)?, content: record.get(1)? })
            });
            let name = name.optional()?.ok_or_else(|| Fault::from(Kind::NoSuchMessage))?;
            settle(writing, &directory, &name, Given { measured, texts, pin: Pin::Evictable })
        })
        .await
    }

    /// Takes `file` as the bytes of a message that a client filed, before `Applied::Added` announces
    /// it. Such bytes are not evicted: the service may not be able to give them back.
    pub async fn adopt(
        &self,
        incoming: &Incoming,
        file: SpoolFile,
        texts: Texts,
    ) -> Outcome<Frozen> {
        let measured = Measured::of(file).await?;
        let directory = self.path(DIRECTORY);
        let content = content(&incoming.flags, incoming.version.as_ref()).into();
        let name = Name { remote: incoming.remote.as_str().into(), content };
        self.write(move |writing| {
            settle(writing, &directory, &name, Given { measured, texts, pin: Pin::Pinned })
        })
        .await
    }

    /// The record of a message's bytes, if they were ever frozen.
    pub async fn body(&self, folder: FolderId, uid: Uid) -> Outcome<Option<Body>> {
        Ok(self.bodies(folder, &[uid]).await?.pop().map(|(_, body)| body))
    }

    /// The records of many; what has none, or is not there, is left out.
    pub async fn bodies(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<(Uid, Body)>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "SELECT {BODY} FROM messages m
                 JOIN bodies b ON b.remote = m.remote AND b.content = m.content
                 WHERE m.folder = ?1 AND m.uid = ?2"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut bodies = Vec::with_capacity(uids.len());
            for uid in uids {
                let found = statement.query_row(params![key(folder), uid.get()], body);
                bodies.extend(found.optional()?.map(|body| (uid, body)));
            }
            Ok(bodies)
        })
        .await
    }

    /// Up to `limit` messages that were never frozen, newest first.
    pub async fn unfrozen(&self, folder: FolderId, limit: u32) -> Outcome<Vec<Row>> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {ROW} FROM {ROW_SOURCE}
                 WHERE m.folder = ?1 AND b.size IS NULL ORDER BY m.uid DESC LIMIT ?2"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![key(folder), limit], values::row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Texts are mail, so logs see only their lengths.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total =
            self.outline.len() + self.envelope.len() + self.structure.len() + self.body.len();
        write!(f, "Texts({total} bytes)")
    }
}

/// The key of a body.
struct Name {
    remote: String,
    /// See `fold::content`.
    content: String,
}

struct Given {
    measured: Measured,
    texts: Texts,
    pin: Pin,
}

const BODY: &str = "b.size, b.hash, b.outline, b.envelope, b.structure, b.body";

/// Decides between the bytes that are there and the bytes that are given, and records the outcome.
fn settle(writing: &Writing<'_>, directory: &Path, name: &Name, given: Given) -> Outcome<Frozen> {
    let known = find(writing, name)?;
    let freezing = match &known {
        Some(known) => decide(writing, directory, name, (known, &given))?,
        None => Freezing::First,
    };
    let Given { measured, texts, pin } = given;
    let given = Body { size: measured.size, hash: measured.hash, texts };
    let is_same = known.as_ref().is_some_and(|known| known.hash == given.hash);
    let body = match (known, freezing) {
        (Some(known), Freezing::Kept) if !is_same => known,
        (Some(known), Freezing::Kept | Freezing::Restored) => {
            measured.keep(writing, directory, pin)?;
            known
        }
        _ => {
            measured.keep(writing, directory, pin)?;
            record(writing, name, &given)?;
            given
        }
    };
    let path = place(directory, &body.hash);
    Ok(Frozen { body, freezing, path })
}

fn decide(
    writing: &Writing<'_>,
    directory: &Path,
    name: &Name,
    (known, given): (&Body, &Given),
) -> Outcome<Freezing> {
    let is_same = known.hash == given.measured.hash;
    // Nobody was served the bytes of a message that was never announced: the client's own win.
    if !is_same && given.pin == Pin::Pinned && !is_announced(writing, name)? {
        return Ok(Freezing::First);
    }
    let is_there = is_whole(&place(directory, &known.hash), known.size);
    Ok(match (is_there, is_same) {
        (true, _) => Freezing::Kept,
        (false, true) => Freezing::Restored,
        (false, false) => Freezing::Regenerated,
    })
}

fn is_announced(writing: &Writing<'_>, name: &Name) -> Outcome<bool> {
    let sql = "SELECT 1 FROM messages WHERE remote = ?1 AND content = ?2";
    Ok(writing.transaction.prepare_cached(sql)?.exists([&name.remote, &name.content])?)
}

fn find(writing: &Writing<'_>, name: &Name) -> Outcome<Option<Body>> {
    let sql = format!("SELECT {BODY} FROM bodies b WHERE b.remote = ?1 AND b.content = ?2");
    let mut statement = writing.transaction.prepare_cached(&sql)?;
    Ok(statement.query_row([&name.remote, &name.content], body).optional()?)
}

fn record(writing: &Writing<'_>, name: &Name, body: &Body) -> Outcome<()> {
    let sql = "INSERT OR REPLACE INTO bodies
               (remote, content, size, hash, outline, envelope, structure, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    writing.transaction.prepare_cached(sql)?.execute(params![
        name.remote,
        name.content,
        signed(body.size),
        body.hash.bytes(),
        body.texts.outline,
        body.texts.envelope,
        body.texts.structure,
        body.texts.body,
    ])?;
    Ok(())
}

fn body(record: &Record<'_>) -> rusqlite::Result<Body> {
    Ok(Body {
        size: values::octets(record, 0)?.unwrap_or(0),
        hash: BlobHash::from_column(record, 1)?,
        texts: Texts {
            outline: record.get(2)?,
            envelope: record.get(3)?,
            structure: record.get(4)?,
            body: record.get(5)?,
        },
    })
}
