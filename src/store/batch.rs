//! Frozen bodies of many messages with one query: what FETCH and SEARCH go through a folder with.

use std::path::PathBuf;

use bytes::Bytes;
use rusqlite::{Connection, Row as Record, params};

use super::blobs::{USED_GRAIN, touch};
use super::values::{self, key};
use super::{BlobHash, Store};
use crate::mailbox::{FolderId, Outcome, Uid};

/// UIDs that lie this close are read in one go, and those between them passed over: cheaper than to
/// find the place anew.
const GAP: u32 = 8;

/// Finished texts of a message.
#[derive(Clone, Debug)]
pub struct Told {
    pub uid: Uid,
    /// Octets of the message.
    pub size: u64,
    /// ENVELOPE.
    pub envelope: Bytes,
    /// BODYSTRUCTURE.
    pub structure: Bytes,
    /// BODY.
    pub body: Bytes,
}

/// Where the bytes of a message are. The file may be evicted before it is opened, or shorter than
/// it should be: then fetch again.
#[derive(Clone, Debug)]
pub struct Located {
    pub uid: Uid,
    /// Octets.
    pub size: u64,
    /// The serialised MIME outline.
    pub outline: Vec<u8>,
    pub path: PathBuf,
}

impl Store {
    /// The texts of those of `uids` (ascending) that were ever frozen, in that order.
    pub async fn told(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<Told>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = "SELECT m.uid, b.size, b.envelope, b.structure, b.body FROM messages m
                       JOIN bodies b ON b.remote = m.remote AND b.content = m.content";
            let mut texts = Vec::new();
            let mut found = Vec::with_capacity(uids.len());
            each(connection, sql, (folder, &uids), |uid, record| {
                let size = values::octets(record, 1)?.unwrap_or(0);
                let begin = texts.len();
                let mut end = || -> rusqlite::Result<[usize; 3]> {
                    let mut ends = [0; 3];
                    for (column, end) in (2..).zip(&mut ends) {
                        texts.extend_from_slice(record.get_ref(column)?.as_blob()?);
                        *end = texts.len();
                    }
                    Ok(ends)
                };
                found.push((uid, size, begin, end()?));
                Ok(())
            })?;
            let texts = Bytes::from(texts);
            let told = found.into_iter().map(|(uid, size, begin, [first, second, third])| Told {
                uid,
                size,
                envelope: texts.slice(begin..first),
                structure: texts.slice(first..second),
                body: texts.slice(second..third),
            });
            Ok(told.collect())
        })
        .await
    }

    /// What SEARCH compares, of those of `uids` (ascending) of which it is kept, in that order.
    pub async fn heads(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<(Uid, Bytes)>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = "SELECT m.uid, b.heads FROM messages m
                       JOIN bodies b ON b.remote = m.remote AND b.content = m.content";
            let (mut texts, mut ends) = (Vec::new(), Vec::with_capacity(uids.len()));
            each(connection, sql, (folder, &uids), |uid, record| {
                if let Some(heads) = record.get_ref(1)?.as_blob_or_null()? {
                    texts.extend_from_slice(heads);
                    ends.push((uid, texts.len()));
                }
                Ok(())
            })?;
            let texts = Bytes::from(texts);
            let mut begin = 0;
            let heads = ends.into_iter().map(|(uid, end)| {
                let heads = texts.slice(begin..end);
                begin = end;
                (uid, heads)
            });
            Ok(heads.collect())
        })
        .await
    }

    /// The bytes of those of `uids` (ascending) that are in the cache, in that order.
    pub async fn located(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<Located>> {
        let (uids, store, now) = (uids.to_owned(), self.clone(), self.0.clock.now());
        let (located, stale) = self
            .read(move |connection| {
                let sql = "SELECT m.uid, b.size, b.hash, b.outline, l.used FROM messages m
                           JOIN bodies b ON b.remote = m.remote AND b.content = m.content
                           JOIN blobs l ON l.hash = b.hash";
                let (mut located, mut stale) = (Vec::with_capacity(uids.len()), Vec::new());
                each(connection, sql, (folder, &uids), |uid, record| {
                    let hash = BlobHash::from_column(record, 2)?;
                    let used: i64 = record.get(4)?;
                    if now.0.saturating_sub(used) >= USED_GRAIN {
                        stale.push(hash);
                    }
                    let size = values::octets(record, 1)?.unwrap_or(0);
                    let (outline, path) = (record.get(3)?, store.blob_path(&hash));
                    located.push(Located { uid, size, outline, path });
                    Ok(())
                })?;
                Ok((located, stale))
            })
            .await?;
        if !stale.is_empty() {
            self.write(move |writing| stale.iter().try_for_each(|hash| touch(writing, hash)))
                .await?;
        }
        Ok(located)
    }
}

/// Calls `take` with the record of each of `uids` (ascending) that `sql` finds: its first column is
/// the UID, and its source of messages is named `m`.
fn each(
    connection: &Connection,
    sql: &str,
    (folder, uids): (FolderId, &[Uid]),
    mut take: impl FnMut(Uid, &Record<'_>) -> rusqlite::Result<()>,
) -> Outcome<()> {
    let sql = format!("{sql} WHERE m.folder = ?1 AND m.uid BETWEEN ?2 AND ?3 ORDER BY m.uid");
    let mut statement = connection.prepare_cached(&sql)?;
    for run in uids.chunk_by(|one, other| other.get() - one.get() <= GAP) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let mut wanted = run.iter().copied().peekable();
        let mut records = statement.query(params![key(folder), first.get(), last.get()])?;
        while let Some(record) = records.next()? {
            let uid = values::uid(record, 0)?;
            while wanted.next_if(|wanted| *wanted < uid).is_some() {}
            if wanted.next_if_eq(&uid).is_some() {
                take(uid, record)?;
            }
        }
    }
    Ok(())
}
