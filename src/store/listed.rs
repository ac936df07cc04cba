//! Headers told without their messages: for clients that are content with estimated sizes.

use bytes::Bytes;
use rusqlite::{OptionalExtension, params};

use super::Store;
use super::values::{self, ROW, ROW_SOURCE, key};
use crate::mailbox::{FolderId, Outcome, RemoteId, Row, Uid};

/// The header of a message as it was received, and its ENVELOPE, finished for the wire.
#[derive(Clone)]
pub struct Listed {
    pub header: Bytes,
    pub envelope: Bytes,
}

impl Store {
    /// The listed headers of those of `uids` that have one and whose bytes were never here, in that order.
    pub async fn listed(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<(Uid, Listed)>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "SELECT l.header, l.envelope FROM {ROW_SOURCE} JOIN listed l ON l.remote = m.remote
                 WHERE m.folder = ?1 AND m.uid = ?2 AND m.content = ''
                 AND b.size IS NULL AND l.header IS NOT NULL"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut found = Vec::with_capacity(uids.len());
            for uid in uids {
                let listed = statement.query_row(params![key(folder), uid.get()], |record| {
                    let (header, envelope): (Vec<u8>, Vec<u8>) = (record.get(0)?, record.get(1)?);
                    Ok(Listed { header: header.into(), envelope: envelope.into() })
                });
                found.extend(listed.optional()?.map(|listed| (uid, listed)));
            }
            Ok(found)
        })
        .await
    }

    /// Those of `uids` of which neither the bytes nor a listing's answer are here. Drafts are left out: they
    /// have no received header.
    pub async fn unlisted(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<Row>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "SELECT {ROW} FROM {ROW_SOURCE}
                 WHERE m.folder = ?1 AND m.uid = ?2 AND m.content = '' AND b.size IS NULL
                 AND NOT EXISTS (SELECT 1 FROM listed l WHERE l.remote = m.remote)"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = Vec::new();
            for uid in uids {
                let row = statement.query_row(params![key(folder), uid.get()], values::row);
                rows.extend(row.optional()?);
            }
            Ok(rows)
        })
        .await
    }

    /// Keeps what a listing told: the header, or that there is none.
    pub async fn keep_listed(&self, told: Vec<(RemoteId, Option<Listed>)>) -> Outcome<()> {
        self.write(move |writing| {
            let sql =
                "INSERT OR REPLACE INTO listed (remote, header, envelope) VALUES (?1, ?2, ?3)";
            let mut statement = writing.transaction.prepare_cached(sql)?;
            for (remote, listed) in told {
                let header = listed.as_ref().map(|listed| listed.header.as_ref());
                let envelope = listed.as_ref().map(|listed| listed.envelope.as_ref());
                statement.execute(params![remote.as_str(), header, envelope])?;
            }
            Ok(())
        })
        .await
    }
}

/// Headers are mail, so logs see only their length.
impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listed({} bytes)", self.header.len())
    }
}
