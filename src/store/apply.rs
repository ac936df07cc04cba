//! What the service said or confirmed about a folder's messages, folded into the index.
//!
//! Every entry carries the epoch at which its question was asked; every row remembers the epoch of
//! what it was last confirmed by. An answer older than the record changes nothing: it is reported
//! as doubtful and the caller looks the message up with a fresh epoch. So replays, reordered pages
//! and pages that crossed a write of ours on the wire are all harmless.

use std::collections::HashSet;

use super::Store;
use super::fold::{Folding, Source};
use super::picture::Picture;
use super::worker::Writing;
use crate::mailbox::{
    Cursor, Epoch, Flags, FolderId, ModSeq, Outcome, RemoteId, RemoteVersion, Timestamp, Uid,
};

/// A message of the folder, as the service tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Incoming {
    pub remote: RemoteId,
    /// `None`: not told, which is no evidence of a change.
    pub version: Option<RemoteVersion>,
    pub flags: Flags,
    pub received: Timestamp,
    /// The service's own idea of the size, in octets.
    pub estimate: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum Applied {
    /// Everything the folder holds: rows that are not in it are gone.
    Listing { rows: Vec<Incoming>, asked: Epoch, cursor: Option<Cursor> },
    /// Some changes, or the answer to a look-up. A cursor is kept only if given.
    Page { upserts: Vec<Incoming>, gone: Vec<RemoteId>, asked: Epoch, cursor: Option<Cursor> },
    /// Our own confirmed edit of messages that are in the folder.
    Written { rows: Vec<Incoming>, asked: Epoch },
    /// Our own confirmed append, copy or move into the folder.
    Added { rows: Vec<Incoming>, asked: Epoch },
    /// Our own confirmed delete, or move out of the folder.
    Removed { remotes: Vec<RemoteId>, asked: Epoch },
}

/// What became of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Receipt {
    /// The end of the folder's log after this.
    pub highest: ModSeq,
    /// The UID of each message of the input that is now in the folder.
    pub uids: Vec<(RemoteId, Uid)>,
    /// Whether readers of the folder see any difference.
    pub changed: bool,
    /// To be looked up with a fresh epoch. Also kept in the index until answered (`Store::doubts`).
    pub doubtful: Vec<RemoteId>,
}

impl Store {
    /// Folds an answer or a confirmed write into the folder, in one transaction.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn apply(&self, folder: FolderId, applied: Applied) -> Outcome<Receipt> {
        self.write(move |writing| fold(writing, folder, applied)).await
    }
}

fn fold(writing: &mut Writing<'_>, folder: FolderId, applied: Applied) -> Outcome<Receipt> {
    writing.stamp();
    match applied {
        Applied::Listing { rows, asked, cursor } => {
            let picture = Picture::whole(writing, folder)?;
            let mut folding = Folding::begin(writing, folder, picture, Source::Read(asked))?;
            folding.listing(latest(rows))?;
            folding.finish(cursor)
        }
        Applied::Page { upserts, gone, asked, cursor } => {
            let upserts = latest(upserts);
            let remotes = upserts.iter().map(|row| &row.remote).chain(&gone);
            let picture = Picture::of(writing, folder, remotes)?;
            let mut folding = Folding::begin(writing, folder, picture, Source::Read(asked))?;
            folding.page(upserts, gone)?;
            folding.finish(cursor)
        }
        Applied::Written { rows, asked } => {
            let mut folding = own(writing, folder, rows.iter().map(|row| &row.remote), asked)?;
            latest(rows).into_iter().try_for_each(|row| folding.edit(row))?;
            folding.finish(None)
        }
        Applied::Added { rows, asked } => {
            let mut folding = own(writing, folder, rows.iter().map(|row| &row.remote), asked)?;
            latest(rows).into_iter().try_for_each(|row| folding.add(row))?;
            folding.finish(None)
        }
        Applied::Removed { remotes, asked } => {
            let mut folding = own(writing, folder, remotes.iter(), asked)?;
            remotes.into_iter().try_for_each(|remote| folding.remove(&remote))?;
            folding.finish(None)
        }
    }
}

fn own<'w, 'a, 'r>(
    writing: &'w mut Writing<'a>,
    folder: FolderId,
    remotes: impl Iterator<Item = &'r RemoteId>,
    asked: Epoch,
) -> Outcome<Folding<'w, 'a>> {
    let picture = Picture::of(writing, folder, remotes)?;
    let stamp = writing.tick();
    Folding::begin(writing, folder, picture, Source::Own { asked, stamp })
}

/// One entry for each message: where one comes twice, the last counts.
fn latest(rows: Vec<Incoming>) -> Vec<Incoming> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut latest: Vec<Incoming> =
        rows.into_iter().rev().filter(|row| seen.insert(row.remote.clone())).collect();
    latest.reverse();
    latest
}
