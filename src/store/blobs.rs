//! The files that hold message bytes, named by what is in them.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row as Record, params};

use super::worker::Writing;
use super::{SpoolFile, Store, files, values};
use crate::mailbox::{Fault, Outcome, Timestamp};

pub(super) const DIRECTORY: &str = "blobs";

/// How coarsely it is noted when a blob was last used, in seconds: eviction needs no better, and a
/// read should hardly ever cost a write.
pub(super) const USED_GRAIN: i64 = 3_600;

/// BLAKE3 of a message's bytes.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BlobHash([u8; 32]);

/// A spooled file, read through once and synced: ready to become a blob.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) file: SpoolFile,
    pub(super) hash: BlobHash,
    /// Octets.
    pub(super) size: u64,
}

/// Whether a blob may be evicted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pin {
    Evictable,
    /// The service may not be able to give these bytes back.
    Pinned,
}

impl Store {
    /// The file with these bytes, if it is still there. It may be evicted before it is opened:
    /// then fetch again.
    pub async fn blob(&self, hash: &BlobHash) -> Outcome<Option<PathBuf>> {
        let hash = *hash;
        let path = self.blob_path(&hash);
        let (now, at) = (self.0.clock.now(), path.clone());
        let reading = self.read(move |connection| {
            let sql = "SELECT used, size FROM blobs WHERE hash = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let facts: Option<(i64, Option<u64>)> = statement
                .query_row([hash.0], |record| Ok((record.get(0)?, values::octets(record, 1)?)))
                .optional()?;
            let whole = facts.filter(|(_, size)| is_whole(&at, size.unwrap_or(0)));
            Ok(whole.map(|(used, _)| used))
        });
        let Some(used) = reading.await? else { return Ok(None) };
        if now.0.saturating_sub(used) >= USED_GRAIN {
            self.write(move |writing| touch(writing, &hash)).await?;
        }
        Ok(Some(path))
    }

    /// Octets in all blobs.
    pub async fn cached_bytes(&self) -> Outcome<u64> {
        self.read(|connection| {
            let sql = "SELECT COALESCE(SUM(size), 0) FROM blobs";
            let total = connection.query_row(sql, [], |record| values::octets(record, 0))?;
            Ok(total.unwrap_or(0))
        })
        .await
    }

    /// Drops the blobs used longest ago until at most `max_bytes` are left; answers the octets freed.
    /// What a client filed stays, whatever the limit.
    pub async fn evict(&self, max_bytes: u64) -> Outcome<u64> {
        let directory = self.path(DIRECTORY);
        let mut excess = self.cached_bytes().await?.saturating_sub(max_bytes);
        let mut freed = 0;
        while excess > 0 {
            let directory = directory.clone();
            let step = self.write(move |writing| evict_some(writing, &directory, excess)).await?;
            if step == 0 {
                break;
            }
            freed += step;
            excess = excess.saturating_sub(step);
        }
        Ok(freed)
    }

    pub(super) fn blob_path(&self, hash: &BlobHash) -> PathBuf {
        place(&self.path(DIRECTORY), hash)
    }
}

// === impl BlobHash ===

impl BlobHash {
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn from_column(record: &Record<'_>, column: usize) -> rusqlite::Result<Self> {
        record.get(column).map(Self)
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Measured ===

impl Measured {
    /// Reads, hashes and syncs the file.
    pub(super) async fn of(file: SpoolFile) -> Outcome<Self> {
        let measuring = tokio::task::spawn_blocking(move || {
            let mut bytes = File::open(file.path()).map_err(Fault::defect)?;
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(&mut bytes).map_err(Fault::defect)?;
            bytes.sync_all().map_err(Fault::defect)?;
            let hash = BlobHash(*hasher.finalize().as_bytes());
            Ok(Self { file, hash, size: hasher.count() })
        });
        measuring.await.map_err(|_| Fault::defect("reading a spooled file broke off"))?
    }

    /// Makes the file the blob of its hash, and records it. Inside a write, so that eviction and
    /// sweeping cannot come between.
    pub(super) fn keep(self, writing: &Writing<'_>, directory: &Path, pin: Pin) -> Outcome<()> {
        let path = place(directory, &self.hash);
        let parent = path.parent().unwrap_or(directory);
        if !parent.is_dir() {
            files::make_directory(parent)?;
            files::sync_directory(directory).map_err(Fault::defect)?;
        }
        fs::rename(self.file.path(), &path).map_err(Fault::defect)?;
        files::sync_directory(parent).map_err(Fault::defect)?;
        let sql = "INSERT INTO blobs (hash, size, used, pinned) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (hash) DO UPDATE
                   SET used = excluded.used, pinned = MAX(pinned, excluded.pinned)";
        let pinned = pin == Pin::Pinned;
        let size = values::signed(self.size);
        let columns = params![self.hash.0, size, writing.now.0, pinned];
        writing.transaction.prepare_cached(sql)?.execute(columns)?;
        Ok(())
    }
}

pub(super) fn place(directory: &Path, hash: &BlobHash) -> PathBuf {
    let name = hash.to_string();
    directory.join(&name[..2]).join(name)
}

/// Whether the file is there at its full length; a shorter one is as good as none.
pub(super) fn is_whole(path: &Path, size: u64) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.len() == size)
}

pub(super) fn touch(writing: &Writing<'_>, hash: &BlobHash) -> Outcome<()> {
    let sql = "UPDATE blobs SET used = ?2 WHERE hash = ?1";
    let Timestamp(now) = writing.now;
    writing.transaction.prepare_cached(sql)?.execute(params![hash.0, now])?;
    Ok(())
}

/// Blobs that one transaction drops: other writes wait no longer than for these.
const EVICTION_STEP: u32 = 100;

/// Drops some of the blobs used longest ago, at least `excess` octets if there are so many here.
fn evict_some(writing: &Writing<'_>, directory: &Path, excess: u64) -> Outcome<u64> {
    let sql = "SELECT hash, size FROM blobs WHERE NOT pinned ORDER BY used LIMIT ?1";
    let mut statement = writing.transaction.prepare_cached(sql)?;
    let oldest = statement.query_map([EVICTION_STEP], |record| {
        Ok((BlobHash::from_column(record, 0)?, values::octets(record, 1)?.unwrap_or(0)))
    })?;
    let mut freed = 0;
    for blob in oldest.collect::<Result<Vec<_>, _>>()? {
        if freed >= excess {
            break;
        }
        let (hash, size) = blob;
        forget(writing, directory, &hash)?;
        freed += size;
    }
    Ok(freed)
}

/// Removes a blob and its record.
pub(super) fn forget(writing: &Writing<'_>, directory: &Path, hash: &BlobHash) -> Outcome<()> {
    files::remove(&place(directory, hash))?;
    let sql = "DELETE FROM blobs WHERE hash = ?1";
    writing.transaction.prepare_cached(sql)?.execute([hash.0])?;
    Ok(())
}
