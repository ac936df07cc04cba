//! Which messages no session has been told of yet: `\Recent` (RFC 3501 §2.3.2).

use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension};

use super::Store;
use super::values::{self, key};
use crate::mailbox::{FolderId, Kind, Outcome, Uid};

/// Whether asking takes the recent messages away from the sessions that ask later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claim {
    /// SELECT, and mail that arrives in a selected folder.
    Take,
    /// EXAMINE and STATUS.
    Look,
}

impl Store {
    /// The UIDs that are recent for who asks, whether or not each still exists.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn recent(
        &self,
        folder: FolderId,
        claim: Claim,
    ) -> Outcome<Option<RangeInclusive<Uid>>> {
        let found = self.read(move |connection| unclaimed(connection, folder)).await?;
        if found.is_none() || claim == Claim::Look {
            return Ok(found);
        }
        // Asked again, since another session may have been quicker.
        self.write(move |writing| {
            let found = unclaimed(writing.transaction, folder)?;
            let sql = "UPDATE folders SET recent = next WHERE id = ?1";
            writing.transaction.prepare_cached(sql)?.execute([key(folder)])?;
            Ok(found)
        })
        .await
    }
}

fn unclaimed(connection: &Connection, folder: FolderId) -> Outcome<Option<RangeInclusive<Uid>>> {
    let sql = "SELECT recent, next FROM folders WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let bounds = statement
        .query_row([key(folder)], |row| Ok((values::next(row, 0)?, values::next(row, 1)?)))
        .optional()?;
    let (recent, next) = bounds.ok_or(Kind::NoSuchFolder)?;
    let last = Uid::new(next.get() - 1);
    Ok(last.filter(|last| recent <= *last).map(|last| recent..=last))
}
