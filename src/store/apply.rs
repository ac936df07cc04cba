//! What the service said or confirmed about a folder's messages, folded into the index.
//!
//! Every entry carries the epoch at which its question was asked; every row remembers the epoch of
//! what it was last confirmed by. An answer older than the record changes nothing: it is reported
//! as doubtful and the caller looks the message up with a fresh epoch. So replays, reordered pages
//! and pages that crossed a write of ours on the wire are all harmless.

use super::Store;
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
        todo!()
    }
}
