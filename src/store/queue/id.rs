//! Names of queued messages.

use std::fmt;

use crate::mailbox::Timestamp;

/// Sixteen hexadecimal digits, in the order in which messages were accepted to the second. It is a
/// file name, and what a person types.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct QueueId(Box<str>);

const LENGTH: usize = 16;

impl QueueId {
    /// A new one.
    pub fn new(now: Timestamp) -> Self {
        let random = u128::from_be_bytes(*uuid::Uuid::new_v4().as_bytes()) & 0xffff_ffff;
        Self(format!("{:08x}{random:08x}", now.0 & 0xffff_ffff).into())
    }

    /// `None` for anything that no queue gives as a name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == LENGTH && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
