//! The folder's change log as its readers see it.

use super::{Flags, ModSeq, Uid};

/// What happened to one message since some point in the log. Latest state only: a message flagged
/// three times is one `Live`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The message exists, with these flags: new, or reflagged.
    Live {
        uid: Uid,
        flags: Flags,
        modseq: ModSeq,
    },
    Expunged {
        uid: Uid,
    },
}

/// How far back the folder remembers what is gone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Memory {
    /// Far enough: what is listed as expunged went since then.
    #[default]
    Whole,
    /// Not that far: every UID that was ever given and is no more is listed as expunged.
    Cut,
}

/// The difference since a point in the log, read in one snapshot of the index.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// The point that this difference leads to.
    pub through: ModSeq,
    pub list: Vec<Change>,
    pub memory: Memory,
}
