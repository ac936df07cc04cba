//! What may have been made although the client was told "no": remembered, so that the client's next
//! try finds it instead of making it twice.
//!
//! Copies only: what a client files is in a journal of its own (`store::filings`). Kept in memory: a
//! doubt that outlives the process is settled by whoever reads the folder.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::mailbox::{RemoteId, Timestamp};

/// Doubts kept at a time, and copies: a client that is told "no" this often has other troubles.
const MOST: usize = 1_000;

/// Seconds for which a client's next try is taken for the same wish.
pub(super) const KEPT: i64 = 24 * 60 * 60;

/// What was to be copied, and where to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Copying {
    pub(super) of: RemoteId,
    pub(super) to: RemoteId,
}

#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// When each was first tried.
    open: Mutex<HashMap<Copying, Timestamp>>,
    /// The latest copies and drafts whose making is certain: none of them came of anything else.
    made: Mutex<VecDeque<RemoteId>>,
}

impl Doubts {
    pub(super) fn note(&self, copying: Copying, since: Timestamp) {
        let mut doubts = self.lock();
        doubts.retain(|_, old| since.0.saturating_sub(old.0) < KEPT);
        if doubts.len() >= MOST {
            let oldest = doubts.iter().min_by_key(|(_, old)| **old).map(|(old, _)| old.clone());
            oldest.map(|oldest| doubts.remove(&oldest));
        }
        doubts.insert(copying, since);
    }

    /// The doubt of an earlier try; whoever takes it settles it or notes it again.
    pub(super) fn take(&self, copying: &Copying) -> Option<Timestamp> {
        self.lock().remove(copying)
    }

    pub(super) fn note_made(&self, message: RemoteId) {
        let mut made = self.made();
        if made.len() >= MOST {
            made.pop_front();
        }
        made.push_back(message);
    }

    /// Whether it is known what this came of.
    pub(super) fn is_made(&self, message: &str) -> bool {
        self.made().iter().any(|made| made.as_str() == message)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Copying, Timestamp>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, VecDeque<RemoteId>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(of: usize) -> Copying {
        Copying { of: RemoteId::new(of.to_string().as_str()), to: RemoteId::new("to") }
    }

    #[test]
    fn a_doubt_is_taken_once() {
        let doubts = Doubts::default();
        doubts.note(copy(1), Timestamp(5));
        assert_eq!(doubts.take(&copy(1)), Some(Timestamp(5)));
        assert_eq!(doubts.take(&copy(1)), None);
    }

    #[test]
    fn the_oldest_doubt_makes_room_and_none_is_kept_for_ever() {
        let doubts = Doubts::default();
        for number in 0..=MOST {
            doubts.note(copy(number), Timestamp(i64::try_from(number).unwrap()));
        }
        assert_eq!(doubts.take(&copy(0)), None);
        assert!(doubts.take(&copy(1)).is_some());
        doubts.note(copy(0), Timestamp(2 * KEPT));
        assert_eq!(doubts.lock().len(), 1);
    }
    #[test]
    fn copies_that_were_made_are_remembered_until_many_more_are() {
        let doubts = Doubts::default();
        for number in 0..=MOST {
            doubts.note_made(RemoteId::new(number.to_string().as_str()));
        }
        assert!(!doubts.is_made("0"));
        assert!(doubts.is_made("1") && doubts.is_made(&MOST.to_string()));
    }
}
