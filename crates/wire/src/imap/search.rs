//! What SEARCH can look for (RFC 3501 section 6.4.4).

use std::num::NonZeroU32;

use super::{Date, Formula, Keyword, Numbering, ObjectId, Returns, SeqSet, UidSet};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Whether the answer is in sequence numbers or in UIDs.
    pub numbering: Numbering,
    /// `None`: answered by SEARCH, else by ESEARCH (RFC 4731 section 3.1).
    pub returns: Option<Returns>,
    /// As the client named it, in upper case. `None` means US-ASCII (UTF-8 is a safe reading).
    pub charset: Option<String>,
    /// Keys that stand side by side must all hold.
    pub key: Formula<SearchKey>,
}

/// One key; several are a [`Formula`]. Strings are bytes in the charset of the [`Search`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    All,
    SeqSet(SeqSet),
    Uid(UidSet),
    /// `$`, with or without UID before it (RFC 5182).
    Saved,

    Answered,
    Deleted,
    Draft,
    Flagged,
    Keyword(Keyword),
    New,
    Old,
    Recent,
    Seen,
    Unanswered,
    Undeleted,
    Undraft,
    Unflagged,
    Unkeyword(Keyword),
    Unseen,

    Bcc(Vec<u8>),
    Body(Vec<u8>),
    Cc(Vec<u8>),
    From(Vec<u8>),
    /// An empty value asks only whether the field is there.
    Header {
        name: Vec<u8>,
        value: Vec<u8>,
    },
    Subject(Vec<u8>),
    Text(Vec<u8>),
    To(Vec<u8>),

    Before(Date),
    On(Date),
    Since(Date),
    SentBefore(Date),
    SentOn(Date),
    SentSince(Date),
    /// Arrived at least so many seconds ago (RFC 5032).
    Older(NonZeroU32),
    /// Arrived at most so many seconds ago.
    Younger(NonZeroU32),

    /// Strictly more octets than this.
    Larger(u64),
    /// Strictly fewer octets than this.
    Smaller(u64),

    /// Changed at this mod-sequence or later (RFC 7162 section 3.1.5); 0 to 2^63 - 1. The name of
    /// a flag that may stand before it is not kept: mod-sequences here are those of whole messages.
    ModSeq(u64),

    /// RFC 8474 section 6.
    EmailId(ObjectId),
    ThreadId(ObjectId),
}

// === impl Formula ===

impl Formula<SearchKey> {
    /// Whether the search asks for mod-sequences anywhere.
    pub fn names_mod_seq(&self) -> bool {
        self.keys().any(|key| matches!(key, SearchKey::ModSeq(_)))
    }

    /// Whether the search names sequence numbers anywhere.
    pub fn names_numbers(&self) -> bool {
        self.keys().any(|key| matches!(key, SearchKey::SeqSet(_)))
    }

    /// Every key that names messages or conversations, in order.
    pub fn object_ids(&self) -> impl Iterator<Item = &SearchKey> {
        self.keys().filter(|key| matches!(key, SearchKey::EmailId(_) | SearchKey::ThreadId(_)))
    }
}
