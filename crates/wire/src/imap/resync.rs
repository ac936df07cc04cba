//! What RFC 7162 adds to the arguments of SELECT and FETCH.

use std::num::{NonZeroU32, NonZeroU64};

use super::{MailboxName, Ranges, SeqSet, UidSet};

/// SELECT or EXAMINE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    pub mailbox: MailboxName,
    /// Each kind at most once.
    pub parameters: Vec<SelectParameter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectParameter {
    /// RFC 7162 section 3.1.8.
    CondStore,
    QResync(QResync),
}

/// What a client that was here before still knows (RFC 7162 section 3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QResync {
    pub validity: NonZeroU32,
    /// At most 2^63 - 1.
    pub mod_seq: NonZeroU64,
    /// Without `*`. `None`: every UID that was ever given.
    pub known_uids: Option<UidSet>,
    pub matches: Option<SeqMatches>,
}

/// A sample of sequence numbers with their UIDs (RFC 7162 section 3.2.5.2): as many of the one as
/// of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqMatches {
    numbers: Ranges,
    uids: Ranges,
}

/// `CHANGEDSINCE` of FETCH (RFC 7162 section 3.1.4.1), with or without `VANISHED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedSince {
    /// At most 2^63 - 1.
    pub mod_seq: NonZeroU64,
    pub expunged: Expunged,
}

/// Whether the answer names the UIDs that are gone (RFC 7162 section 3.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expunged {
    Omitted,
    /// `VANISHED`; only of UID FETCH.
    Listed,
}

// === impl Select ===

impl Select {
    pub fn qresync(&self) -> Option<&QResync> {
        self.parameters.iter().find_map(|parameter| match parameter {
            SelectParameter::QResync(qresync) => Some(qresync),
            SelectParameter::CondStore => None,
        })
    }
}

impl From<MailboxName> for Select {
    fn from(mailbox: MailboxName) -> Self {
        Self { mailbox, parameters: Vec::new() }
    }
}

// === impl SeqMatches ===

impl SeqMatches {
    /// `None` unless both ascend without `*` and have the same length.
    pub fn new(numbers: &SeqSet, uids: &UidSet) -> Option<Self> {
        if !numbers.ascends() || !uids.ascends() {
            return None;
        }
        let (numbers, uids) = (numbers.ranges(u32::MAX), uids.ranges(u32::MAX));
        (numbers.count() == uids.count()).then_some(Self { numbers, uids })
    }

    /// Sequence number and UID, ascending. As many as the client says, so stop at what exists.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.numbers.numbers().zip(self.uids.numbers())
    }
}
