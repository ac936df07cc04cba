//! Mailbox names, and the two ways to write them.

use std::borrow::Cow;
use std::fmt;

use super::utf7;

/// A mailbox name in Unicode. `INBOX` in any case is always `INBOX` (RFC 3501 section 5.1); the
/// hierarchy is the caller's affair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxName(Box<str>);

/// How mailbox names, patterns and other quoted text are written, in both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameEncoding {
    /// Modified UTF-7 (RFC 3501 section 5.1.3): what holds until something else is enabled.
    #[default]
    Utf7,
    /// Net-Unicode in UTF-8 (RFC 6855 section 3, RFC 9051 section 5.1).
    Utf8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMailboxName {
    #[error("mailbox name is neither modified UTF-7 nor UTF-8")]
    Encoding(#[from] utf7::InvalidUtf7),
    #[error("mailbox name contains a control character")]
    Control,
}

// === impl NameEncoding ===

impl NameEncoding {
    /// In UTF-7 mode plain UTF-8 is taken too, against the letter of RFC 3501; in UTF-8 mode an
    /// ampersand is an ampersand.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<String, utf7::InvalidUtf7> {
        match self {
            Self::Utf7 => utf7::decode(bytes),
            Self::Utf8 => {
                let text = std::str::from_utf8(bytes).map_err(|_| utf7::InvalidUtf7)?;
                Ok(text.to_owned())
            }
        }
    }

    pub(super) fn encode(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Utf7 => Cow::Owned(utf7::encode(text)),
            Self::Utf8 => Cow::Borrowed(text),
        }
    }
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

    /// From what a client sent. Line and paragraph separators count as control characters (RFC 6855
    /// section 3).
    pub fn from_wire(bytes: &[u8], encoding: NameEncoding) -> Result<Self, InvalidMailboxName> {
        let name = encoding.decode(bytes)?;
        if name.contains(['\u{2028}', '\u{2029}']) {
            return Err(InvalidMailboxName::Control);
        }
        Self::new(&name)
    }

    pub fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn to_wire(&self, encoding: NameEncoding) -> Cow<'_, str> {
        encoding.encode(&self.0)
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
