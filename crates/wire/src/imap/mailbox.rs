//! Mailbox names.

use std::fmt;

use super::utf7;

/// A mailbox name in Unicode. `INBOX` in any case is always `INBOX` (RFC 3501 section 5.1); the
/// hierarchy is the caller's affair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxName(Box<str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMailboxName {
    #[error("mailbox name is not valid modified UTF-7")]
    Encoding(#[from] utf7::InvalidUtf7),
    #[error("mailbox name contains a control character")]
    Control,
}

// === impl MailboxName ===

impl MailboxName {
    /// From Unicode.
    pub fn new(name: &str) -> Result<Self, InvalidMailboxName> {
        if name.chars().any(char::is_control) {
            return Err(InvalidMailboxName::Control);
        }
        if name.eq_ignore_ascii_case("INBOX") {
            return Ok(Self::inbox());
        }
        Ok(Self(name.into()))
    }

    pub fn inbox() -> Self {
        Self("INBOX".into())
    }

    /// From what a client sent: modified UTF-7, or (against the letter of RFC 3501) plain UTF-8.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, InvalidMailboxName> {
        Self::new(&utf7::decode(bytes)?)
    }

    pub fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In modified UTF-7: printable US-ASCII only.
    pub fn to_wire(&self) -> String {
        utf7::encode(&self.0)
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
