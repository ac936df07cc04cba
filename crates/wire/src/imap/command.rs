//! What a client can ask for.

use std::borrow::Cow;
use std::fmt;

use super::{
    DateTime, Fetch, Flag, MailboxName, Search, Select, SeqSet, Sort, SpecialUse, Thread, UidSet,
};
use crate::{Mechanism, Secret};

/// The client's name for one command (RFC 3501 section 2.2.1), echoed in the tagged answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(Box<str>);

/// One complete command. APPEND is not among them: its message is announced by the stream
/// ([`super::Event::Message`]) and never held in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub tag: Tag,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    // Any state (RFC 3501 section 6.1, RFC 2971)
    Capability,
    Noop,
    Logout,
    /// `None` is `ID NIL`. Bytes that are not UTF-8 are replaced.
    Id(Option<Vec<IdField>>),

    // Before login (section 6.2, RFC 4959)
    StartTls,
    Authenticate {
        mechanism: Mechanism,
        initial: Option<Secret<Vec<u8>>>,
    },
    /// User and password are bytes: IMAP names no charset for them.
    Login {
        user: Vec<u8>,
        password: Secret<Vec<u8>>,
    },

    // After login (section 6.3, RFC 5161, 2342, 2177, 4978)
    Enable(Vec<String>),
    /// The algorithm is always DEFLATE: there is no other.
    Compress,
    Namespace,
    Select(Select),
    Examine(Select),
    Create(CreateMailbox),
    Delete(MailboxName),
    Rename {
        from: MailboxName,
        to: MailboxName,
    },
    Subscribe(MailboxName),
    Unsubscribe(MailboxName),
    List(List),
    Lsub {
        reference: String,
        pattern: String,
    },
    Status {
        mailbox: MailboxName,
        items: Vec<StatusItem>,
    },
    Idle,

    // Selected (section 6.4, RFC 3691, 4315, 6851)
    Check,
    Close,
    Unselect,
    Expunge,
    /// Never with sequence numbers.
    UidExpunge(MessageSet),
    Search(Search),
    Sort(Sort),
    Thread(Thread),
    Fetch(Fetch),
    Store(Store),
    Copy {
        set: MessageSet,
        mailbox: MailboxName,
    },
    Move {
        set: MessageSet,
        mailbox: MailboxName,
    },
}

/// One field of an ID command or answer (RFC 2971 section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdField {
    pub name: Cow<'static, str>,
    pub value: Option<Cow<'static, str>>,
}

/// The messages a command is about; the UID form of a verb differs from its plain form by type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageSet {
    Seq(SeqSet),
    Uid(UidSet),
    /// `$`: what the latest search with SAVE found (RFC 5182), in a command that speaks so.
    Saved(Numbering),
}

/// Whether a command speaks in sequence numbers or in UIDs where it carries no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    Seq,
    Uid,
}

/// CREATE, with the special uses of RFC 6154 section 3 if the client gave any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMailbox {
    /// As given: a trailing hierarchy delimiter ("names below this one will follow",
    /// RFC 3501 section 6.3.3) is the caller's to strip.
    pub mailbox: MailboxName,
    pub uses: Vec<SpecialUse>,
}

/// LIST (RFC 3501 section 6.3.8) with the options of RFC 5258, 5819 and 6154.
///
/// Reference and patterns are decoded to Unicode; `*` and `%` are wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    pub selection: Vec<ListSelection>,
    pub reference: String,
    /// At least one.
    pub patterns: Vec<String>,
    pub returns: Vec<ListReturn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSelection {
    Subscribed,
    Remote,
    RecursiveMatch,
    SpecialUse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListReturn {
    Subscribed,
    Children,
    SpecialUse,
    Status(Vec<StatusItem>),
}

/// RFC 3501 section 6.3.10; SIZE is RFC 8438, DELETED is RFC 9051 section 6.3.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    Size,
    Deleted,
    /// RFC 7162 section 3.1.7.
    HighestModSeq,
    /// RFC 7889 section 4.
    AppendLimit,
    /// RFC 8474 section 4.3.
    MailboxId,
}

/// STORE (RFC 3501 section 6.4.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub set: MessageSet,
    /// Only messages that have not changed since (RFC 7162 section 3.1.3); 0 to 2^63 - 1.
    pub unchanged_since: Option<u64>,
    pub action: StoreAction,
    pub answer: StoreAnswer,
    /// Never [`Flag::Recent`].
    pub flags: Vec<Flag>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    Replace,
    Add,
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAnswer {
    /// Untagged FETCH with the new flags.
    Flags,
    /// `.SILENT`
    Silent,
}

/// The head of an APPEND (RFC 3501 section 6.3.11): all but the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub mailbox: MailboxName,
    /// Never [`Flag::Recent`].
    pub flags: Vec<Flag>,
    pub date: Option<DateTime>,
}

// === impl Tag ===

impl Tag {
    /// `None` if a byte is not allowed in a tag: `1*<any ASTRING-CHAR except "+">`.
    pub fn new(text: &[u8]) -> Option<Self> {
        if text.is_empty() || !text.iter().all(|&byte| is_tag_char(byte)) {
            return None;
        }
        std::str::from_utf8(text).ok().map(|text| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_tag_char(byte: u8) -> bool {
    byte != b'+' && super::lexer::is_astring_char(byte)
}

// === impl StatusItem ===

impl StatusItem {
    /// As it is written on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Size => "SIZE",
            Self::Deleted => "DELETED",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
        }
    }
}
