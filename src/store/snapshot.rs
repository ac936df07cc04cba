//! A folder's snapshot, read from the index and moved on with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row as Record, params};

use super::Store;
use super::values::{self, ROW_SOURCE, key, signed};
use crate::mailbox::{
    Entry, FolderId, Kind, ModSeq, Outcome, Snapshot, Timestamp, Uid, UidValidity,
};

/// The columns of `Entry`.
const COLUMNS: &str = "m.uid, m.modseq, m.received, b.size, m.flags, m.keywords";

/// Where a folder's log stands.
struct Place {
    through: ModSeq,
    next: Uid,
    validity: UidValidity,
    /// The log of expunges is whole only after this.
    forgotten: ModSeq,
}

impl Store {
    /// The folder as it is now.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn snapshot(&self, folder: FolderId) -> Outcome<Arc<Snapshot>> {
        self.read(move |connection| Ok(Arc::new(whole(connection, folder)?))).await
    }

    /// Moves a snapshot on to now, in place if no one else holds it.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn advance(
        &self,
        folder: FolderId,
        snapshot: Arc<Snapshot>,
    ) -> Outcome<Arc<Snapshot>> {
        self.read(move |connection| {
            let place = place(connection, folder)?;
            if snapshot.through() < place.forgotten || snapshot.validity() != place.validity {
                return Ok(Arc::new(whole(connection, folder)?));
            }
            if snapshot.through() == place.through {
                return Ok(snapshot);
            }
            let since = snapshot.through();
            let mut snapshot = Arc::unwrap_or_clone(snapshot);
            put(connection, folder, since, &mut snapshot)?;
            snapshot.remove(&expunged(connection, folder, since)?);
            snapshot.reach(place.through, place.next);
            Ok(Arc::new(snapshot))
        })
        .await
    }
}

fn whole(connection: &Connection, folder: FolderId) -> Outcome<Snapshot> {
    let place = place(connection, folder)?;
    let mut snapshot = Snapshot::empty(place.validity);
    put(connection, folder, ModSeq::ZERO, &mut snapshot)?;
    snapshot.reach(place.through, place.next);
    Ok(snapshot)
}

fn place(connection: &Connection, folder: FolderId) -> Outcome<Place> {
    let sql = "SELECT highest, next, validity, forgotten FROM folders WHERE id = ?1";
    let place = connection.prepare_cached(sql)?.query_row([key(folder)], |record| {
        Ok(Place {
            through: values::modseq(record, 0)?,
            next: values::next(record, 1)?,
            validity: values::validity(record, 2)?,
            forgotten: values::modseq(record, 3)?,
        })
    });
    place.optional()?.ok_or_else(|| Kind::NoSuchFolder.into())
}

/// Takes in what has changed after `since`, by UID ascending.
fn put(
    connection: &Connection,
    folder: FolderId,
    since: ModSeq,
    snapshot: &mut Snapshot,
) -> Outcome<()> {
    // Walking all messages in order is cheaper than asking the index of changes for all of them.
    let changed = if since == ModSeq::ZERO { "+m.modseq" } else { "m.modseq" };
    let sql = format!(
        "SELECT {COLUMNS} FROM {ROW_SOURCE}
         WHERE m.folder = ?1 AND {changed} > ?2 ORDER BY m.uid"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut records = statement.query(params![key(folder), signed(since.get())])?;
    while let Some(record) = records.next()? {
        snapshot.put(&entry(record)?);
    }
    Ok(())
}

fn entry<'r>(record: &'r Record<'_>) -> rusqlite::Result<Entry<'r>> {
    Ok(Entry {
        uid: values::uid(record, 0)?,
        modseq: values::modseq(record, 1)?,
        received: Timestamp(record.get(2)?),
        size: values::octets(record, 3)?,
        bits: record.get(4)?,
        keywords: record.get_ref(5)?.as_str()?,
    })
}

fn expunged(connection: &Connection, folder: FolderId, since: ModSeq) -> Outcome<BTreeSet<Uid>> {
    let sql = "SELECT uid FROM tombstones WHERE folder = ?1 AND modseq > ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let place = params![key(folder), signed(since.get())];
    let uids = statement.query_map(place, |record| values::uid(record, 0))?;
    Ok(uids.collect::<Result<_, _>>()?)
}
