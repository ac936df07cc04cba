//! What the index holds about the messages that an answer speaks of, read before it is folded in.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, Row as Record, params};

use super::values::{self, key};
use super::worker::Writing;
use super::{Incoming, spared};
use crate::mailbox::{Epoch, Flags, FolderId, Outcome, RemoteId, RemoteVersion, SystemFlag, Uid};

/// A row, as far as `fold` needs it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) uid: Uid,
    pub(super) version: Option<RemoteVersion>,
    pub(super) flags: Flags,
    pub(super) estimate: Option<u64>,
    /// Whether its conversation is known.
    pub(super) threaded: bool,
    /// Was a draft when it got its UID.
    pub(super) drafted: bool,
    pub(super) confirmed: Epoch,
}

#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) known: HashMap<RemoteId, Known>,
    /// Known to have left, and how late that was known.
    pub(super) departed: HashMap<RemoteId, Epoch>,
    /// Every message of the folder that is to be looked up.
    pub(super) doubted: HashSet<RemoteId>,
    /// Every message, wherever it is, whose `\Deleted` is not believed (`spared.rs`).
    pub(super) spared: HashSet<RemoteId>,
}

const KNOWN: &str = "SELECT remote, uid, version, flags, keywords, estimate, content, confirmed,
                     thread IS NOT NULL FROM messages";
const DEPARTED: &str = "SELECT remote, confirmed FROM departures";

// === impl Picture ===

impl Picture {
    /// Of the whole folder.
    pub(super) fn whole(writing: &Writing<'_>, folder: FolderId) -> Outcome<Self> {
        let mut picture = Self::empty(writing, folder)?;
        let sql = format!("{KNOWN} WHERE folder = ?1");
        let mut statement = writing.transaction.prepare_cached(&sql)?;
        for entry in statement.query_map([key(folder)], known)? {
            let (remote, known) = entry?;
            picture.known.insert(remote, known);
        }
        let sql = format!("{DEPARTED} WHERE folder = ?1");
        let mut statement = writing.transaction.prepare_cached(&sql)?;
        for entry in statement.query_map([key(folder)], departed)? {
            let (remote, confirmed) = entry?;
            picture.departed.insert(remote, confirmed);
        }
        Ok(picture)
    }

    /// Of some messages.
    pub(super) fn of<'r>(
        writing: &Writing<'_>,
        folder: FolderId,
        remotes: impl Iterator<Item = &'r RemoteId>,
    ) -> Outcome<Self> {
        let mut picture = Self::empty(writing, folder)?;
        let sql = format!("{KNOWN} WHERE folder = ?1 AND remote = ?2");
        let mut find_known = writing.transaction.prepare_cached(&sql)?;
        let sql = format!("{DEPARTED} WHERE folder = ?1 AND remote = ?2");
        let mut find_departed = writing.transaction.prepare_cached(&sql)?;
        for remote in remotes {
            let place = params![key(folder), remote.as_str()];
            if let Some((remote, known)) = find_known.query_row(place, known).optional()? {
                picture.known.insert(remote, known);
            } else if let Some((remote, at)) =
                find_departed.query_row(place, departed).optional()?
            {
                picture.departed.insert(remote, at);
            }
        }
        Ok(picture)
    }

    fn empty(writing: &Writing<'_>, folder: FolderId) -> Outcome<Self> {
        let (doubted, spared) = (doubted(writing, folder)?, spared::all(writing)?);
        Ok(Self { doubted, spared, ..Self::default() })
    }
}

// === impl Known ===

impl Known {
    /// Whether the bytes may be others now. Only drafts can be rewritten; for all else another version
    /// means other flags.
    pub(super) fn is_rewritten(&self, row: &Incoming) -> bool {
        let draft = self.is_draft() || row.flags.has(SystemFlag::Draft);
        let versions = self.version.as_ref().zip(row.version.as_ref());
        draft && versions.is_some_and(|(before, now)| before != now)
    }

    pub(super) fn is_draft(&self) -> bool {
        self.drafted || self.flags.has(SystemFlag::Draft)
    }
}

fn doubted(writing: &Writing<'_>, folder: FolderId) -> Outcome<HashSet<RemoteId>> {
    let sql = "SELECT remote FROM doubts WHERE folder = ?1";
    let mut statement = writing.transaction.prepare_cached(sql)?;
    let remotes = statement.query_map([key(folder)], |record| values::remote(record, 0))?;
    Ok(remotes.collect::<Result<_, _>>()?)
}

fn known(record: &Record<'_>) -> rusqlite::Result<(RemoteId, Known)> {
    let known = Known {
        uid: values::uid(record, 1)?,
        version: values::version(record, 2)?,
        flags: values::flags(record, 3, 4)?,
        estimate: values::octets(record, 5)?,
        drafted: !record.get_ref(6)?.as_str()?.is_empty(),
        confirmed: values::epoch(record, 7)?,
        threaded: record.get(8)?,
    };
    Ok((values::remote(record, 0)?, known))
}

fn departed(record: &Record<'_>) -> rusqlite::Result<(RemoteId, Epoch)> {
    Ok((values::remote(record, 0)?, values::epoch(record, 1)?))
}
