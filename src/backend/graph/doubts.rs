//! What may have been made although the client was told "no": remembered, so that the client's next
//! try finds it instead of making it twice.
//!
//! Kept in memory only: a doubt that outlives the process is settled by whoever reads the folder.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::mime::Mime;
use crate::mailbox::{RemoteId, Timestamp};

/// Doubts kept at a time: a client that is told "no" this often has other troubles.
const MOST: usize = 1_000;

/// Seconds for which a client's next try is taken for the same wish.
const KEPT: i64 = 24 * 60 * 60;

/// What was to be made, and where.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Making {
    Copy {
        of: RemoteId,
        to: RemoteId,
    },
    /// By the hash of the message's bytes.
    Filing {
        message: blake3::Hash,
        to: RemoteId,
    },
}

/// How to recognize it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Doubt {
    /// When it was first tried.
    pub(super) since: Timestamp,
    /// The value of the tag that a filed item carries; empty where there is none.
    pub(super) tag: String,
}

#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<HashMap<Making, Doubt>>);

impl Making {
    pub(super) fn filing(mime: &Mime, to: &RemoteId) -> Self {
        Self::Filing { message: mime.hash(), to: to.clone() }
    }
}

impl Doubts {
    pub(super) fn note(&self, making: Making, doubt: Doubt) {
        let mut doubts = self.lock();
        doubts.retain(|_, old| doubt.since.0.saturating_sub(old.since.0) < KEPT);
        if doubts.len() >= MOST {
            let oldest = doubts.iter().min_by_key(|(_, old)| old.since).map(|(old, _)| old.clone());
            oldest.map(|oldest| doubts.remove(&oldest));
        }
        doubts.insert(making, doubt);
    }

    /// The doubt of an earlier try; whoever takes it settles it or notes it again.
    pub(super) fn take(&self, making: &Making) -> Option<Doubt> {
        self.lock().remove(making)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Making, Doubt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(of: usize) -> Making {
        Making::Copy { of: RemoteId::new(of.to_string().as_str()), to: RemoteId::new("to") }
    }

    #[test]
    fn a_doubt_is_taken_once() {
        let doubts = Doubts::default();
        let doubt = Doubt { since: Timestamp(5), tag: "tag".to_owned() };
        doubts.note(copy(1), doubt.clone());
        assert_eq!(doubts.take(&copy(1)), Some(doubt));
        assert_eq!(doubts.take(&copy(1)), None);
    }

    #[test]
    fn the_oldest_doubt_makes_room_and_none_is_kept_for_ever() {
        let doubts = Doubts::default();
        let at = |since| Doubt { since: Timestamp(since), tag: String::new() };
        for number in 0..=MOST {
            doubts.note(copy(number), at(i64::try_from(number).unwrap()));
        }
        assert_eq!(doubts.take(&copy(0)), None);
        assert!(doubts.take(&copy(1)).is_some());
        doubts.note(copy(0), at(2 * KEPT));
        assert_eq!(doubts.lock().len(), 1);
    }
}
