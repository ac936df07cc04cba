//! Questions to the index about a folder's messages. Each is answered from one snapshot.

use std::ops::RangeInclusive;

use super::Store;
use crate::mailbox::{
    Changes, Cursor, FolderId, ModSeq, Outcome, RemoteId, Row, Uid, UidValidity,
};

/// What SELECT and STATUS tell of a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counts {
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    pub first_unseen: Option<Uid>,
    pub next: Uid,
    pub validity: UidValidity,
    pub highest: ModSeq,
}

impl Store {
    /// These messages, by UID ascending; what is not there is left out.
    pub async fn rows(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<Row>> {
        todo!()
    }

    /// The messages of a range of UIDs, ascending.
    pub async fn range(&self, folder: FolderId, uids: RangeInclusive<Uid>) -> Outcome<Vec<Row>> {
        todo!()
    }

    /// All messages, by UID ascending, and the point in the log they were read at.
    pub async fn all_rows(&self, folder: FolderId) -> Outcome<(Vec<Row>, ModSeq)> {
        todo!()
    }

    /// All UIDs, ascending, and the point in the log they were read at: what `View::new` takes.
    pub async fn uids(&self, folder: FolderId) -> Outcome<(Vec<Uid>, ModSeq)> {
        todo!()
    }

    /// What changed since `since`, by UID ascending: live messages first, then expunged ones.
    pub async fn changes(&self, folder: FolderId, since: ModSeq) -> Outcome<Changes> {
        todo!()
    }

    /// # Errors
    /// `NoSuchFolder`.
    pub async fn counts(&self, folder: FolderId) -> Outcome<Counts> {
        todo!()
    }

    /// For each remote id its row, if it is in the folder.
    pub async fn by_remote(
        &self,
        folder: FolderId,
        remotes: &[RemoteId],
    ) -> Outcome<Vec<Option<Row>>> {
        todo!()
    }

    /// The remote ids of all messages in the folder.
    pub async fn remotes(&self, folder: FolderId) -> Outcome<Vec<RemoteId>> {
        todo!()
    }

    /// Every folder that holds this remote id.
    pub async fn places(&self, remote: &RemoteId) -> Outcome<Vec<(FolderId, Uid)>> {
        todo!()
    }

    /// Messages that `apply` called doubtful and that no look-up has settled yet.
    pub async fn doubts(&self, folder: FolderId) -> Outcome<Vec<RemoteId>> {
        todo!()
    }

    /// Where the walk through the folder's changes stands.
    pub async fn cursor(&self, folder: FolderId) -> Outcome<Option<Cursor>> {
        todo!()
    }

    pub async fn set_cursor(&self, folder: FolderId, cursor: Option<Cursor>) -> Outcome<()> {
        todo!()
    }
}
