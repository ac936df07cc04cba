//! What may be forgotten, and when.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::params;

use super::blobs::{BlobHash, DIRECTORY, forget, is_whole, place};
use super::objects::forget_names;
use super::worker::Writing;
use super::{Store, files, values};
use crate::mailbox::{Fault, Outcome};

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
}

fn forget_log(writing: &Writing<'_>) -> Outcome<()> {
    let before = writing.now.0.saturating_sub(TOMBSTONE_AGE);
    let sql = "UPDATE folders SET forgotten = MAX(forgotten, COALESCE((SELECT MAX(modseq)
               FROM tombstones WHERE folder = folders.id AND at < ?1), 0))";
    writing.transaction.prepare_cached(sql)?.execute([before])?;
    writing.transaction.execute("DELETE FROM tombstones WHERE at < ?1", [before])?;
    let before = writing.now.0.saturating_sub(DEPARTURE_AGE);
    writing.transaction.execute("DELETE FROM departures WHERE at < ?1", [before])?;
    Ok(())
}

/// Bodies without a message are first marked, then dropped if they stay without one.
fn forget_orphans(writing: &Writing<'_>, directory: &Path) -> Outcome<()> {
    const HELD: &str = "EXISTS (SELECT 1 FROM messages m
                        WHERE m.remote = bodies.remote AND m.content = bodies.content)";
    let sql = format!("UPDATE bodies SET orphaned = NULL WHERE orphaned IS NOT NULL AND {HELD}");
    writing.transaction.execute(&sql, [])?;
    let sql = format!("UPDATE bodies SET orphaned = ?1 WHERE orphaned IS NULL AND NOT {HELD}");
    writing.transaction.execute(&sql, [writing.now.0])?;
    let before = writing.now.0.saturating_sub(ORPHAN_AGE);
    writing.transaction.execute("DELETE FROM bodies WHERE orphaned < ?1", [before])?;
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
