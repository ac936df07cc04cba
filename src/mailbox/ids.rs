//! Identities. Each is its own type, so that a UID can never be taken for a sequence number.

use std::fmt;
use std::num::NonZeroU32;

/// A message's durable number in its folder (RFC 3501 §2.3.1.1): ours, assigned oldest first, never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Uid(NonZeroU32);

/// A message's place in one session's picture of a folder (RFC 3501 §2.3.1.2), counted from 1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SeqNum(NonZeroU32);

/// Changes only when a folder's UIDs were lost (RFC 3501 §2.3.1.1).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UidValidity(NonZeroU32);

/// Grows with every recorded change of a folder (RFC 7162 §3.1); 0 is "before anything", and so is
/// never the number of a folder or a message.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ModSeq(u64);

/// A folder's number in our index.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FolderId(i64);

/// The remote service's name for a folder or a message: opaque and case-sensitive.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RemoteId(Box<str>);

/// The remote service's tag for one state of a message: equal tags, equal state; no order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RemoteVersion(Box<str>);

/// Where a walk through the remote service's changes stands: opaque, followed verbatim.
#[derive(Clone, Eq, PartialEq)]
pub struct Cursor(Box<str>);

/// A tick of the index's own logical clock. Taken before a question is put to the remote service
/// and when a write is recorded, it tells which of the two knows better.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Epoch(u64);

// === impl Uid, SeqNum, UidValidity ===

macro_rules! nonzero {
    ($($name:ident),*) => {$(
        impl $name {
            /// `None` for 0, which no protocol allows here.
            pub const fn new(number: u32) -> Option<Self> {
                match NonZeroU32::new(number) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            pub const fn get(self) -> u32 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
nonzero!(Uid, SeqNum, UidValidity);

impl Uid {
    pub const FIRST: Self = Self(NonZeroU32::MIN);
    pub const MAX: Self = Self(NonZeroU32::MAX);

    /// The UID after this one; the numbers of a folder end at 2^32 - 1.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl SeqNum {
    /// The number of the message at `index`, counted from 0.
    ///
    /// # Panics
    /// Beyond 2^32 - 2 messages: UIDs run out before.
    pub fn at(index: usize) -> Self {
        let number = u32::try_from(index).ok().and_then(|index| index.checked_add(1));
        Self(number.and_then(NonZeroU32::new).expect("a folder holds fewer than 2^32 messages"))
    }

    /// The place in a list counted from 0.
    pub const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

// === impl ModSeq, FolderId, Epoch ===

impl ModSeq {
    pub const ZERO: Self = Self(0);
    /// A folder in which nothing has happened yet.
    pub const FIRST: Self = Self(1);

    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FolderId {
    pub const fn new(row: i64) -> Self {
        Self(row)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl Epoch {
    pub const fn new(tick: u64) -> Self {
        Self(tick)
    }

    pub const fn get(self) -> u64 {
        self.0
    }
}

// === impl RemoteId, RemoteVersion, Cursor ===

impl RemoteId {
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RemoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl RemoteVersion {
    pub fn new(tag: impl Into<Box<str>>) -> Self {
        Self(tag.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Cursor {
    pub fn new(link: impl Into<Box<str>>) -> Self {
        Self(link.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Cursors carry server state of unknown content, so logs see only their length.
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}
