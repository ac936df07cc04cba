//! Questions to the index about a folder's messages. Each is answered from one snapshot.

use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension, params};

use super::Store;
use super::values::{self, ROW, ROW_SOURCE, key, signed};
use crate::mailbox::{
    Change, Changes, Cursor, FolderId, Kind, Memory, ModSeq, Outcome, RemoteId, Row, Uid,
    UidValidity,
};

/// What SELECT and STATUS tell of a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counts {
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    pub recent: u32,
    pub first_unseen: Option<Uid>,
    pub next: Uid,
    pub validity: UidValidity,
    pub highest: ModSeq,
}

impl Store {
    /// These messages, by UID ascending; what is not there is left out.
    pub async fn rows(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<Row>> {
        let mut uids = uids.to_owned();
        uids.sort_unstable();
        uids.dedup();
        self.read(move |connection| {
            let sql = format!("SELECT {ROW} FROM {ROW_SOURCE} WHERE m.folder = ?1 AND m.uid = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = Vec::with_capacity(uids.len());
            for uid in uids {
                let place = [key(folder), uid.get().into()];
                rows.extend(statement.query_row(place, values::row).optional()?);
            }
            Ok(rows)
        })
        .await
    }

    /// The messages of a range of UIDs, ascending.
    pub async fn range(&self, folder: FolderId, uids: RangeInclusive<Uid>) -> Outcome<Vec<Row>> {
        self.read(move |connection| rows_between(connection, folder, &uids)).await
    }

    /// All messages, by UID ascending, and the point in the log they were read at.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn all_rows(&self, folder: FolderId) -> Outcome<(Vec<Row>, ModSeq)> {
        self.read(move |connection| {
            let highest = highest(connection, folder)?;
            Ok((rows_between(connection, folder, &(Uid::FIRST..=Uid::MAX))?, highest))
        })
        .await
    }

    /// All UIDs, ascending, and the point in the log they were read at: what `View::new` takes.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn uids(&self, folder: FolderId) -> Outcome<(Vec<Uid>, ModSeq)> {
        self.read(move |connection| Ok((uids(connection, folder)?, highest(connection, folder)?)))
            .await
    }

    /// All UIDs, ascending, and the counts, both of the same moment: a UIDNEXT beyond a message that
    /// was not counted would hide it from a client that asks for what is newer.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn opening(&self, folder: FolderId) -> Outcome<(Vec<Uid>, Counts)> {
        self.read(move |connection| Ok((uids(connection, folder)?, counts(connection, folder)?)))
            .await
    }

    /// What changed since `since`: live messages by UID ascending, then expunged ones likewise.
    ///
    /// If `since` lies before what the log still holds, every UID that is no more counts as expunged
    /// (RFC 7162 §3.2.10.2 lets a server say too much, never too little).
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn changes(&self, folder: FolderId, since: ModSeq) -> Outcome<Changes> {
        self.read(move |connection| {
            let through = highest(connection, folder)?;
            let mut list = live(connection, folder, since)?;
            let (expunged, memory) = expunged(connection, folder, since)?;
            list.extend(expunged);
            Ok(Changes { through, list, memory })
        })
        .await
    }

    /// # Errors
    /// `NoSuchFolder`.
    pub async fn counts(&self, folder: FolderId) -> Outcome<Counts> {
        self.read(move |connection| counts(connection, folder)).await
    }

    /// For each remote id its row, if it is in the folder.
    pub async fn by_remote(
        &self,
        folder: FolderId,
        remotes: &[RemoteId],
    ) -> Outcome<Vec<Option<Row>>> {
        let remotes = remotes.to_owned();
        self.read(move |connection| {
            let sql =
                format!("SELECT {ROW} FROM {ROW_SOURCE} WHERE m.folder = ?1 AND m.remote = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = Vec::with_capacity(remotes.len());
            for remote in remotes {
                let place = params![key(folder), remote.as_str()];
                rows.push(statement.query_row(place, values::row).optional()?);
            }
            Ok(rows)
        })
        .await
    }

    /// The remote ids of all messages in the folder.
    pub async fn remotes(&self, folder: FolderId) -> Outcome<Vec<RemoteId>> {
        let sql = "SELECT remote FROM messages WHERE folder = ?1 ORDER BY remote";
        self.read(move |connection| remotes(connection, sql, folder)).await
    }

    /// Every folder that holds this remote id.
    pub async fn places(&self, remote: &RemoteId) -> Outcome<Vec<(FolderId, Uid)>> {
        let remote = remote.to_string();
        self.read(move |connection| {
            let sql = "SELECT folder, uid FROM messages WHERE remote = ?1 ORDER BY folder";
            let mut statement = connection.prepare_cached(sql)?;
            let places = statement.query_map([remote], |record| {
                Ok((FolderId::new(record.get(0)?), values::uid(record, 1)?))
            })?;
            Ok(places.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Messages that `apply` called doubtful and that no look-up has settled yet.
    pub async fn doubts(&self, folder: FolderId) -> Outcome<Vec<RemoteId>> {
        let sql = "SELECT remote FROM doubts WHERE folder = ?1 ORDER BY remote";
        self.read(move |connection| remotes(connection, sql, folder)).await
    }

    /// Where the walk through the folder's changes stands.
    pub async fn cursor(&self, folder: FolderId) -> Outcome<Option<Cursor>> {
        self.read(move |connection| {
            let sql = "SELECT cursor FROM folders WHERE id = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let cursor: Option<Option<Box<str>>> =
                statement.query_row([key(folder)], |record| record.get(0)).optional()?;
            Ok(cursor.flatten().map(Cursor::new))
        })
        .await
    }

    /// Moves the walk, or with `None` makes the next one begin at the start.
    pub async fn set_cursor(&self, folder: FolderId, cursor: Option<Cursor>) -> Outcome<()> {
        self.write(move |writing| {
            let sql = "UPDATE folders SET cursor = ?2 WHERE id = ?1";
            let cursor = cursor.as_ref().map(Cursor::as_str);
            writing.transaction.prepare_cached(sql)?.execute(params![key(folder), cursor])?;
            Ok(())
        })
        .await
    }
}

fn counts(connection: &Connection, folder: FolderId) -> Outcome<Counts> {
    let sql = "SELECT next, validity, highest,
          (SELECT COUNT(*) FROM messages WHERE folder = ?1),
          (SELECT COUNT(*) FROM messages WHERE folder = ?1 AND flags & 1 = 0),
          (SELECT COUNT(*) FROM messages WHERE folder = ?1 AND flags & 8 <> 0),
          (SELECT MIN(uid) FROM messages WHERE folder = ?1 AND flags & 1 = 0),
          (SELECT COUNT(*) FROM messages WHERE folder = ?1 AND uid >= folders.recent)
        FROM folders WHERE id = ?1";
    let counts = connection.prepare_cached(sql)?.query_row([key(folder)], |record| {
        let first_unseen: Option<u32> = record.get(6)?;
        Ok(Counts {
            next: values::next(record, 0)?,
            validity: values::validity(record, 1)?,
            highest: values::highest(record, 2)?,
            messages: record.get(3)?,
            unseen: record.get(4)?,
            deleted: record.get(5)?,
            recent: record.get(7)?,
            first_unseen: first_unseen.and_then(Uid::new),
        })
    });
    counts.optional()?.ok_or_else(|| Kind::NoSuchFolder.into())
}

fn uids(connection: &Connection, folder: FolderId) -> Outcome<Vec<Uid>> {
    let sql = "SELECT uid FROM messages WHERE folder = ?1 ORDER BY uid";
    let mut statement = connection.prepare_cached(sql)?;
    let uids = statement.query_map([key(folder)], |record| values::uid(record, 0))?;
    Ok(uids.collect::<Result<_, _>>()?)
}

fn highest(connection: &Connection, folder: FolderId) -> Outcome<ModSeq> {
    let sql = "SELECT highest FROM folders WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let highest = statement.query_row([key(folder)], |record| values::highest(record, 0));
    highest.optional()?.ok_or_else(|| Kind::NoSuchFolder.into())
}

fn live(connection: &Connection, folder: FolderId, since: ModSeq) -> Outcome<Vec<Change>> {
    let sql = "SELECT uid, flags, keywords, modseq FROM messages
               WHERE folder = ?1 AND modseq > ?2 ORDER BY uid";
    let mut statement = connection.prepare_cached(sql)?;
    let live = statement.query_map([key(folder), signed(since.get())], |record| {
        Ok(Change::Live {
            uid: values::uid(record, 0)?,
            flags: values::flags(record, 1, 2)?,
            modseq: values::modseq(record, 3)?,
        })
    })?;
    Ok(live.collect::<Result<_, _>>()?)
}

fn expunged(
    connection: &Connection,
    folder: FolderId,
    since: ModSeq,
) -> Outcome<(Vec<Change>, Memory)> {
    let sql = "SELECT forgotten, next FROM folders WHERE id = ?1";
    let (forgotten, next) = connection
        .prepare_cached(sql)?
        .query_row([key(folder)], |r| Ok((values::modseq(r, 0)?, values::next(r, 1)?)))?;
    if since < forgotten {
        return Ok((all_expunged(connection, folder, next)?, Memory::Cut));
    }
    let sql = "SELECT uid FROM tombstones WHERE folder = ?1 AND modseq > ?2 ORDER BY uid";
    let mut statement = connection.prepare_cached(sql)?;
    let uids =
        statement.query_map([key(folder), signed(since.get())], |record| values::uid(record, 0))?;
    let expunged = uids.map(|uid| uid.map(|uid| Change::Expunged { uid }));
    Ok((expunged.collect::<Result<_, _>>()?, Memory::Whole))
}

fn all_expunged(connection: &Connection, folder: FolderId, next: Uid) -> Outcome<Vec<Change>> {
    let sql = "SELECT uid FROM messages WHERE folder = ?1 ORDER BY uid";
    let mut statement = connection.prepare_cached(sql)?;
    let living = statement.query_map([key(folder)], |record| values::uid(record, 0))?;
    let living: Vec<Uid> = living.collect::<Result<_, _>>()?;
    let given = (1..next.get()).filter_map(Uid::new);
    let gone = given.filter(|uid| living.binary_search(uid).is_err());
    Ok(gone.map(|uid| Change::Expunged { uid }).collect())
}

fn rows_between(
    connection: &Connection,
    folder: FolderId,
    uids: &RangeInclusive<Uid>,
) -> Outcome<Vec<Row>> {
    let sql = format!(
        "SELECT {ROW} FROM {ROW_SOURCE}
         WHERE m.folder = ?1 AND m.uid BETWEEN ?2 AND ?3 ORDER BY m.uid"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let place = params![key(folder), uids.start().get(), uids.end().get()];
    let rows = statement.query_map(place, values::row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn remotes(connection: &Connection, sql: &str, folder: FolderId) -> Outcome<Vec<RemoteId>> {
    let mut statement = connection.prepare_cached(sql)?;
    let remotes = statement.query_map([key(folder)], |record| values::remote(record, 0))?;
    Ok(remotes.collect::<Result<_, _>>()?)
}
