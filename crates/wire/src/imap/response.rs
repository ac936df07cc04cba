//! What a server can say (RFC 3501 section 7), except FETCH, which [`super::FetchWriter`] writes
//! piece by piece.

use std::borrow::Cow;
use std::num::{NonZeroU32, NonZeroU64};

use super::{
    ESearch, Flag, Forest, IdField, ListSelection, MailboxName, MessageSet, ObjectId, SpecialUse,
    StatusItem, Tag, UidSet,
};

/// A status response: tagged, or untagged if `tag` is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub tag: Option<Tag>,
    pub status: Status,
    pub code: Option<Code>,
    /// For people. Written as printable US-ASCII whatever it holds.
    pub text: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    No,
    Bad,
    /// Untagged only.
    Bye,
    /// Untagged only, as a greeting.
    PreAuth,
}

/// A response code: RFC 3501 section 7.1 first, then RFC 4315, 4978, 5530, 7162 and 7889.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    Alert,
    /// The charsets that are supported.
    BadCharset(Vec<Cow<'static, str>>),
    Capability(Vec<Cow<'static, str>>),
    /// `any_keyword` adds `\*`: clients may make new keywords.
    PermanentFlags {
        flags: Vec<Flag>,
        any_keyword: AnyKeyword,
    },
    ReadOnly,
    ReadWrite,
    TryCreate,
    UidNext(NonZeroU32),
    UidValidity(NonZeroU32),
    /// Sequence number of the first unseen message.
    Unseen(NonZeroU32),

    AppendUid {
        validity: NonZeroU32,
        uid: NonZeroU32,
    },
    /// Both sets in the same order, one to one; the validity is the target's.
    CopyUid {
        validity: NonZeroU32,
        source: UidSet,
        target: UidSet,
    },

    CompressionActive,

    AlreadyExists,
    AuthenticationFailed,
    AuthorizationFailed,
    Cannot,
    ClientBug,
    ContactAdmin,
    Corruption,
    Expired,
    ExpungeIssued,
    HasChildren,
    InUse,
    Limit,
    NonExistent,
    NoPerm,
    OverQuota,
    PrivacyRequired,
    ServerBug,
    Unavailable,

    Closed,
    HighestModSeq(NonZeroU64),
    /// RFC 8474 section 4.
    MailboxId(ObjectId),
    /// The messages that an UNCHANGEDSINCE has spared, in the numbers that the STORE speaks.
    Modified(MessageSet),
    NoModSeq,
    TooBig,
    /// RFC 6154 section 3: the special use of a CREATE is refused.
    UseAttr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyKeyword {
    Allowed,
    Refused,
}

/// Untagged data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Capability(Vec<Cow<'static, str>>),
    Enabled(Vec<Cow<'static, str>>),
    /// RFC 4731.
    ESearch(ESearch),
    Exists(u32),
    Expunge(NonZeroU32),
    Flags(Vec<Flag>),
    Id(Option<Vec<IdField>>),
    List {
        attributes: Vec<ListAttribute>,
        delimiter: Option<char>,
        mailbox: MailboxName,
    },
    /// LIST with an extended data item (RFC 5258 section 6).
    ListExtended {
        attributes: Vec<ListAttribute>,
        delimiter: Option<char>,
        mailbox: MailboxName,
        extended: ListExtended,
    },
    Lsub {
        attributes: Vec<ListAttribute>,
        delimiter: Option<char>,
        mailbox: MailboxName,
    },
    Namespace {
        personal: Vec<Namespace>,
        other_users: Vec<Namespace>,
        shared: Vec<Namespace>,
    },
    Recent(u32),
    /// Sequence numbers or UIDs, as the SEARCH asked.
    Search(Vec<NonZeroU32>),
    /// The same with the highest mod-sequence of what was found (RFC 7162 section 3.1.6).
    SearchModSeq(Vec<NonZeroU32>, NonZeroU64),
    /// In the order that SORT asked for (RFC 5256).
    Sort(Vec<NonZeroU32>),
    /// The same with the highest mod-sequence of what was found.
    SortModSeq(Vec<NonZeroU32>, NonZeroU64),
    Status {
        mailbox: MailboxName,
        items: Vec<(StatusItem, StatusValue)>,
    },
    /// RFC 5256 section 4.
    Thread(Forest),
    /// Expunged now: sequence numbers move (RFC 7162 section 3.2.10).
    Vanished(UidSet),
    /// Expunged before the folder was opened: sequence numbers stay.
    VanishedEarlier(UidSet),
}

/// More about a listed name than its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListExtended {
    /// Names below meet these selection options (RFC 5258 section 3.5).
    ChildInfo(Vec<ListSelection>),
    /// What the mailbox was called, by the client or until now (RFC 9051 section 6.3.9.7).
    OldName(MailboxName),
}

/// What a STATUS item says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusValue {
    Number(u64),
    ObjectId(ObjectId),
}

impl From<u64> for StatusValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// RFC 2342 section 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    pub prefix: String,
    pub delimiter: Option<char>,
}

/// RFC 3501 section 7.2.2, RFC 3348, RFC 5258 section 3, RFC 6154 section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListAttribute {
    HasChildren,
    HasNoChildren,
    Marked,
    NoInferiors,
    NonExistent,
    NoSelect,
    Remote,
    Subscribed,
    Unmarked,
    SpecialUse(SpecialUse),
}

// === impl Reply ===

impl Reply {
    pub fn tagged(tag: &Tag, status: Status, text: impl Into<Cow<'static, str>>) -> Self {
        Self { tag: Some(tag.clone()), status, code: None, text: text.into() }
    }

    pub fn untagged(status: Status, text: impl Into<Cow<'static, str>>) -> Self {
        Self { tag: None, status, code: None, text: text.into() }
    }

    #[must_use]
    pub fn with_code(self, code: Code) -> Self {
        Self { code: Some(code), ..self }
    }
}
