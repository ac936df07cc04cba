//! A message handed over for sending.

use std::fmt;
use std::path::PathBuf;

/// A mail address as the envelope carries it: `local@domain`, compared without regard to case.
///
/// Local parts are case-sensitive on paper (RFC 5321 §2.4); Exchange treats them as equal, and so
/// must a test for "the same recipient".
#[derive(Clone)]
pub struct Address(Box<str>);

/// Who sends and who shall receive (RFC 5321 §2.3.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// `None` is the null sender `<>`.
    pub sender: Option<Address>,
    pub recipients: Vec<Address>,
}

/// Message bytes in a file of the spool, complete and at rest.
#[derive(Clone, Debug)]
pub struct Spooled {
    pub path: PathBuf,
    /// Octets.
    pub size: u64,
}

#[derive(Clone, Debug)]
pub struct Submission {
    pub envelope: Envelope,
    pub message: Spooled,
}

impl Address {
    /// RFC 5321 §4.5.3.1.3: a path holds 256 octets, angle brackets included.
    pub const MAX_LEN: usize = 254;

    /// `None` unless the text has a local part, an `@` and a domain, and no control character or space.
    pub fn new(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let printable =
            text.chars().all(|c| !c.is_control() && (c != ' ' || local.starts_with('"')));
        let fits = text.len() <= Self::MAX_LEN && !local.is_empty() && !domain.is_empty();
        (fits && printable && !text.contains(['<', '>'])).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Address {}

impl std::hash::Hash for Address {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.bytes().for_each(|b| state.write_u8(b.to_ascii_lowercase()));
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
