//! Opening the index: pragmas, migrations, and what to do with one that cannot be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::mailbox::{Fault, Outcome};

/// The steps from an empty file to the present schema; `user_version` counts those taken.
/// Never edit a step that was released: add one.
const MIGRATIONS: [&str; 12] = [
    include_str!("migrations/0001_begin.sql"),
    include_str!("migrations/0002_recent.sql"),
    include_str!("migrations/0003_heads.sql"),
    include_str!("migrations/0004_sort_keys.sql"),
    include_str!("migrations/0005_filings.sql"),
    include_str!("migrations/0006_objects.sql"),
    include_str!("migrations/0007_listed.sql"),
    include_str!("migrations/0008_claims.sql"),
    include_str!("migrations/0009_recipients.sql"),
    include_str!("migrations/0010_parts.sql"),
    include_str!("migrations/0011_unwanted.sql"),
    include_str!("migrations/0012_spared.sql"),
];

/// How long a connection waits for another's lock. Only a checkpoint can hold one against us.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Different statements that a connection keeps prepared; the store has fewer than a hundred.
const PREPARED: usize = 128;

/// A write-ahead log larger than this is cut back at the next checkpoint: it only grows that far in
/// a first listing.
const LOG_BYTES: u32 = 64 << 20;

/// The file ends before it should (SQLITE_IOERR_SHORT_READ).
const IOERR_SHORT_READ: i32 = 522;

/// Opens the index for writing, moving a broken one aside first.
///
/// # Errors
/// `Defect` if no index can be made here at all, or if this one was made by a newer version: that
/// one is whole, and throwing it away would renumber every message.
pub(super) fn open_writer(path: &Path) -> Outcome<Connection> {
    let fault = match open_sound(path) {
        Ok(connection) => return Ok(connection),
        Err(Unfit::Foreign(fault)) => return Err(fault),
        Err(Unfit::Broken(fault)) => fault,
    };
    let aside = move_aside(path)?;
    tracing::error!(
        event = "store.index.lost",
        moved_to = %aside.display(),
        cause = %fault.cause(),
        "the index could not be read; a new one is begun and all folders get new UIDVALIDITYs"
    );
    open_sound(path).map_err(|unfit| match unfit {
        Unfit::Broken(fault) | Unfit::Foreign(fault) => fault,
    })
}

/// Opens one more connection that can only read.
pub(super) fn open_reader(path: &Path) -> Outcome<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Why an index file cannot be used.
enum Unfit {
    /// Its content is damaged: a new one must be begun.
    Broken(Fault),
    /// The file may be well, but not for us or not now: leave it alone.
    Foreign(Fault),
}

fn open_sound(path: &Path) -> Result<Connection, Unfit> {
    let mut connection = Connection::open(path).map_err(unfit)?;
    prepare(&connection).map_err(unfit)?;
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unfit)?;
    if verdict != "ok" {
        return Err(Unfit::Broken(Fault::defect("the index fails its integrity check")));
    }
    migrate(&mut connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // FULL, not NORMAL: with NORMAL a power cut can undo the latest commits, and with them UIDs that
    // clients have already seen; the same numbers would then be given to other messages.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))
}

fn migrate(connection: &mut Connection) -> Result<(), Unfit> {
    let taken: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unfit)?;
    let taken = usize::try_from(taken)
        .map_err(|_| Unfit::Broken(Fault::defect("the index has no sensible version")))?;
    if taken > MIGRATIONS.len() {
        return Err(Unfit::Foreign(Fault::defect("the index was made by a newer version")));
    }
    for (step, sql) in (1_u32..).zip(MIGRATIONS).skip(taken) {
        let transaction = connection.transaction().map_err(unfit)?;
        transaction.execute_batch(sql).map_err(unfit)?;
        transaction.pragma_update(None, "user_version", step).map_err(unfit)?;
        transaction.commit().map_err(unfit)?;
    }
    Ok(())
}

fn unfit(error: rusqlite::Error) -> Unfit {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let truncated = error.sqlite_error().is_some_and(|e| e.extended_code == IOERR_SHORT_READ);
    let broken =
        truncated || matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase));
    if broken { Unfit::Broken(error.into()) } else { Unfit::Foreign(error.into()) }
}

/// Renames the index and its log to the first free `index.db.broken-<n>`.
fn move_aside(path: &Path) -> Outcome<PathBuf> {
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut number = 1_u32;
    while named(&format!(".broken-{number}")).exists() {
        number += 1;
    }
    let aside = named(&format!(".broken-{number}"));
    fs::rename(path, &aside).map_err(Fault::defect)?;
    for log in ["-wal", "-shm"] {
        match fs::rename(named(log), named(&format!(".broken-{number}{log}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::defect(error));
            }
            _ => {}
        }
    }
    Ok(aside)
}
