//! What may be forgotten, and when.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::{OptionalExtension, params};

use super::blobs::{BlobHash, DIRECTORY, forget, is_whole, place};
use super::objects::forget_names;
use super::worker::Writing;
use super::{Store, files, spared, values};
use crate::mailbox::{Fault, Outcome, RemoteId, Timestamp};

const DAY: i64 = 24 * 60 * 60;

/// How long it is remembered which UIDs are gone. A client away for longer gets a longer answer
/// (`Store::changes`), so this only weighs space against that.
const TOMBSTONE_AGE: i64 = 180 * DAY;

/// How long an absence is held against older answers. No answer is under way for a day.
const DEPARTURE_AGE: i64 = DAY;

/// How long bytes outlive their message. It may be on its way to a folder that is not synced yet,
/// or in a deleted folder that comes back.
const ORPHAN_AGE: i64 = 7 * DAY;

impl Store {
    /// Forgets tombstones and bodies that nothing needs any more, and sets right what a deleted or
    /// strange file in `blobs/` has put wrong. For a daily run in the background: it works in short
    /// transactions.
    pub async fn prune(&self) -> Outcome<()> {
        self.write(|writing| forget_log(writing)).await?;
        let directory = self.path(DIRECTORY);
        self.write(move |writing| forget_orphans(writing, &directory)).await?;
        for shelf in 0..=u8::MAX {
            let directory = self.path(DIRECTORY);
            self.write(move |writing| sweep(writing, &directory, shelf)).await?;
        }
        Ok(())
    }

    /// When `note_prune` was last called.
    pub async fn last_prune(&self) -> Outcome<Option<Timestamp>> {
        self.read(|connection| {
            let sql = "SELECT value FROM meta WHERE key = 'pruned'";
            let at: Option<i64> =
                connection.query_row(sql, [], |record| record.get(0)).optional()?;
            Ok(at.map(Timestamp))
        })
        .await
    }

    /// Remembers that what `prune` and `settle_orphans` do was done now.
    pub async fn note_prune(&self) -> Outcome<()> {
        self.write(|writing| {
            let sql = "INSERT INTO meta (key, value) VALUES ('pruned', ?1)
                       ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            writing.transaction.prepare_cached(sql)?.execute([writing.now.0])?;
            Ok(())
        })
        .await
    }

    /// Messages that are in no folder known here, or left one long ago, and whose bytes the service may not be
    /// able to give back. Only it can tell whether they are anywhere.
    pub async fn pinned_orphans(&self, limit: u32) -> Outcome<Vec<RemoteId>> {
        let before = self.0.clock.now().0.saturating_sub(ORPHAN_AGE);
        self.read(move |connection| {
            let sql = "SELECT DISTINCT b.remote FROM bodies b JOIN blobs l ON l.hash = b.hash
                       WHERE b.orphaned < ?1 AND l.pinned ORDER BY b.orphaned LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let remotes =
                statement.query_map([before, i64::from(limit)], |r| values::remote(r, 0))?;
            Ok(remotes.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Drops the bytes of those that are gone; asks about the others again when they have been orphans as
    /// long as now.
    pub async fn settle_orphans(&self, gone: Vec<RemoteId>, kept: Vec<RemoteId>) -> Outcome<()> {
        if gone.is_empty() && kept.is_empty() {
            return Ok(());
        }
        let directory = self.path(DIRECTORY);
        self.write(move |writing| {
            let before = orphans_before(writing);
            let transaction = writing.transaction;
            let sql = "DELETE FROM bodies WHERE remote = ?1 AND orphaned < ?2";
            let mut statement = transaction.prepare_cached(sql)?;
            for remote in gone {
                statement.execute(params![remote.as_str(), before])?;
            }
            let sql = "UPDATE bodies SET orphaned = ?3 WHERE remote = ?1 AND orphaned < ?2";
            let mut statement = transaction.prepare_cached(sql)?;
            for remote in kept {
                statement.execute(params![remote.as_str(), before, writing.now.0])?;
            }
            forget_unused(writing, &directory)
        })
        .await
    }
}

fn forget_log(writing: &Writing<'_>) -> Outcome<()> {
    let before = writing.now.0.saturating_sub(TOMBSTONE_AGE);
    let sql = "UPDATE folders SET forgotten = MAX(forgotten, COALESCE((SELECT MAX(modseq)
               FROM tombstones WHERE folder = folders.id AND at < ?1), 0))";
    writing.transaction.prepare_cached(sql)?.execute([before])?;
    writing.transaction.execute("DELETE FROM tombstones WHERE at < ?1", [before])?;
    spared::forget(writing, before)?;
    let sql = "DELETE FROM listed
               WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.remote = listed.remote)";
    writing.transaction.execute(sql, [])?;
    let before = writing.now.0.saturating_sub(DEPARTURE_AGE);
    writing.transaction.execute("DELETE FROM departures WHERE at < ?1", [before])?;
    Ok(())
}

/// Bodies without a message are first marked, then dropped if they stay without one.
fn forget_orphans(writing: &Writing<'_>, directory: &Path) -> Outcome<()> {
    // A message being filed has its bytes before the service has told its name.
    const HELD: &str = "(EXISTS (SELECT 1 FROM messages m
                         WHERE m.remote = bodies.remote AND m.content = bodies.content)
                         OR EXISTS (SELECT 1 FROM filings f WHERE bodies.remote = 'filing:' || f.id))";
    let sql = format!("UPDATE bodies SET orphaned = NULL WHERE orphaned IS NOT NULL AND {HELD}");
    writing.transaction.execute(&sql, [])?;
    let sql = format!("UPDATE bodies SET orphaned = ?1 WHERE orphaned IS NULL AND NOT {HELD}");
    writing.transaction.execute(&sql, [writing.now.0])?;
    // What a client filed waits for an answer on where its message is (`Store::pinned_orphans`), unless
    // the message is here with other bytes, as an edited draft is.
    let sql = "DELETE FROM bodies WHERE orphaned < ?1 AND
               (NOT EXISTS (SELECT 1 FROM blobs l WHERE l.hash = bodies.hash AND l.pinned)
                OR EXISTS (SELECT 1 FROM messages m WHERE m.remote = bodies.remote))";
    writing.transaction.execute(sql, [orphans_before(writing)])?;
    forget_unused(writing, directory)
}

fn orphans_before(writing: &Writing<'_>) -> i64 {
    writing.now.0.saturating_sub(ORPHAN_AGE)
}

/// Drops the files that no body names.
fn forget_unused(writing: &Writing<'_>, directory: &Path) -> Outcome<()> {
    let sql = "SELECT hash FROM blobs WHERE NOT EXISTS
               (SELECT 1 FROM bodies WHERE bodies.hash = blobs.hash)";
    let mut statement = writing.transaction.prepare_cached(sql)?;
    let unused = statement.query_map([], |record| BlobHash::from_column(record, 0))?;
    for hash in unused.collect::<Result<Vec<_>, _>>()? {
        forget(writing, directory, &hash)?;
    }
    forget_names(writing)
}

/// Makes one of the 256 directories of `blobs/` and its records agree.
fn sweep(writing: &Writing<'_>, directory: &Path, shelf: u8) -> Outcome<()> {
    let sql = "SELECT hash, size FROM blobs WHERE hash >= ?1 AND hash < ?2";
    let from = vec![shelf];
    let to = shelf.checked_add(1).map_or_else(|| vec![u8::MAX; 33], |next| vec![next]);
    let mut statement = writing.transaction.prepare_cached(sql)?;
    let records = statement.query_map(params![from, to], |record| {
        Ok((BlobHash::from_column(record, 0)?, values::octets(record, 1)?.unwrap_or(0)))
    })?;
    let mut expected = HashSet::new();
    for (hash, size) in records.collect::<Result<Vec<_>, _>>()? {
        if is_whole(&place(directory, &hash), size) {
            expected.insert(OsString::from(hash.to_string()));
        } else {
            forget(writing, directory, &hash)?;
        }
    }
    let entries = match fs::read_dir(directory.join(format!("{shelf:02x}"))) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::defect(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Fault::defect)?;
        if !expected.contains(&entry.file_name()) {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}
