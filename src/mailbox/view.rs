//! One session's sequence numbers. Pure, so that thousands of histories can be run against it.

use std::sync::Arc;

use super::{Change, Changes, Flags, ModSeq, SeqNum, Uid};

/// What a session must tell its client, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    Expunge(SeqNum, Uid),
    /// The folder now holds this many messages.
    Exists(u32),
    Flags(SeqNum, Uid, Flags, ModSeq),
}

/// Whether the client may be told now that messages are gone (RFC 3501 §7.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expunges {
    Announce,
    /// During FETCH, STORE and SEARCH by sequence number, numbers must not move.
    Hold,
}

/// One session's frozen picture of a folder: which UID has which sequence number.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Shared with every other session that sees the same, and with the folder's snapshot.
    uids: Arc<Vec<Uid>>,
    seen: ModSeq,
}

impl View {
    /// The picture at SELECT: `uids` ascending, as of `seen`.
    pub fn new(uids: Vec<Uid>, seen: ModSeq) -> Self {
        Self::sharing(Arc::new(uids), seen)
    }

    /// Like `new`, with a list that others hold too.
    pub fn sharing(uids: Arc<Vec<Uid>>, seen: ModSeq) -> Self {
        debug_assert!(uids.is_sorted());
        Self { uids, seen }
    }

    /// Gives up its own list for an equal one that others hold too.
    pub fn share(&mut self, uids: &Arc<Vec<Uid>>) {
        if !self.shares(uids) && self.uids == *uids {
            self.uids = Arc::clone(uids);
        }
    }

    /// Whether this very list is in the picture.
    pub fn shares(&self, uids: &Arc<Vec<Uid>>) -> bool {
        Arc::ptr_eq(&self.uids, uids)
    }

    /// The point in the folder's log that this picture shows: the client has been told of all that
    /// happened up to it, expunges included.
    pub fn seen(&self) -> ModSeq {
        self.seen
    }

    pub fn len(&self) -> usize {
        self.uids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// All UIDs in the picture, ascending: index 0 is sequence number 1.
    pub fn uids(&self) -> &[Uid] {
        &self.uids
    }

    pub fn uid(&self, seq: SeqNum) -> Option<Uid> {
        self.uids.get(seq.index()).copied()
    }

    pub fn seq(&self, uid: Uid) -> Option<SeqNum> {
        self.uids.binary_search(&uid).ok().map(SeqNum::at)
    }

    /// Folds everything the log says since `self.seen()` into the picture.
    ///
    /// If something is gone that must not be announced, nothing is: news told past an expunge that
    /// is held back would let a client that leaves now believe that it knows of the expunge, too
    /// (RFC 7162 §3.2). Then the picture stays behind `changes.through`.
    pub fn catch_up(&mut self, changes: &Changes, expunges: Expunges) -> Vec<Notice> {
        let newest = self.uids.last().copied();
        let (mut gone, mut arrived, mut reflagged) = (Vec::new(), Vec::new(), Vec::new());
        for change in &changes.list {
            match change {
                Change::Live { uid, .. } if newest.is_none_or(|newest| *uid > newest) => {
                    arrived.push(*uid);
                }
                Change::Live { uid, flags, modseq } => reflagged.push((*modseq, *uid, flags)),
                Change::Expunged { uid } if self.seq(*uid).is_some() => gone.push(*uid),
                Change::Expunged { .. } => {} // Came and went between two looks.
            }
        }
        if expunges == Expunges::Hold && !gone.is_empty() {
            return Vec::new();
        }
        let mut notices = Vec::new();
        self.announce_gone(gone, &mut notices);
        if !arrived.is_empty() {
            arrived.sort_unstable();
            Arc::make_mut(&mut self.uids).extend(arrived);
            let count = u32::try_from(self.uids.len()).unwrap_or(u32::MAX);
            notices.push(Notice::Exists(count));
        }
        // In the order of the log: who hears only the beginning has missed nothing before it.
        reflagged.sort_unstable_by_key(|(modseq, uid, _)| (*modseq, *uid));
        for (modseq, uid, flags) in reflagged {
            if let Some(seq) = self.seq(uid) {
                notices.push(Notice::Flags(seq, uid, flags.clone(), modseq));
            }
        }
        self.seen = changes.through;
        notices
    }

    /// Highest first, so that each announced number is right at the moment it is read.
    fn announce_gone(&mut self, mut gone: Vec<Uid>, notices: &mut Vec<Notice>) {
        if gone.is_empty() {
            return;
        }
        gone.sort_unstable();
        gone.dedup();
        // What is lower has not moved when a number is told.
        notices.extend(gone.iter().rev().filter_map(|uid| {
            let seq = self.seq(*uid)?;
            Some(Notice::Expunge(seq, *uid))
        }));
        Arc::make_mut(&mut self.uids).retain(|uid| gone.binary_search(uid).is_err());
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
