//! A message handed over for sending.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// A mail address as the envelope carries it: `local@domain`, compared without regard to case.
///
/// Local parts are case-sensitive on paper (RFC 5321 §2.4); Exchange treats them as equal, and so
/// must a test for "the same recipient".
#[derive(Clone)]
pub struct Address(Box<str>);

/// Who sends and who shall receive (RFC 5321 §2.3.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Envelope {
    /// `None` is the null sender `<>`.
    pub sender: Option<Address>,
    pub sender_by: SenderBy,
    pub recipients: Vec<Recipient>,
    /// The sender's own name for this envelope (RFC 3461 §4.4), decoded.
    pub id: Option<Box<str>>,
    /// How much of the message a report gives back, if the sender cares.
    pub returned: Option<Returned>,
    pub octets: Octets,
}

/// Whose word the sender's address is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SenderBy {
    #[default]
    Client,
    /// A rule's, for the name without a domain that the client gave.
    Rule,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient {
    pub address: Address,
    /// When the sender wants a report; `None` leaves it to whoever delivers.
    pub reports: Option<Reports>,
    /// `type;address` as the sender first wrote it (RFC 3461 §4.2), decoded.
    pub original: Option<Box<str>>,
}

/// How a message was handed in.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The local user name that handed it in.
    pub login: Box<str>,
    /// The device profile by which it was taken.
    pub profile: Option<Box<str>>,
    /// Where the client sits.
    pub peer: IpAddr,
    /// The name that the client gave itself, as it came.
    pub hello: Box<str>,
    /// By its registered name (RFC 3848): `ESMTPSA` and its kin.
    pub protocol: &'static str,
}

/// What of a message stands in a report about it (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Returned {
    Full,
    Headers,
}

/// The events that a report is wanted of (RFC 3461 §4.1); none of them is `NEVER`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reports(pub Vec<ReportOn>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReportOn {
    Success,
    Failure,
    Delay,
}

/// What the octets of a message are by its sender's word.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Octets {
    /// Lines that end in CRLF.
    #[default]
    Lines,
    /// Anything (RFC 3030 BINARYMIME).
    Binary,
}

/// Message bytes in a file of the spool, complete and at rest.
#[derive(Clone, Debug)]
pub struct Spooled {
    pub path: PathBuf,
    /// Octets.
    pub size: u64,
}

impl Envelope {
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.recipients.iter().map(|recipient| &recipient.address)
    }
}

impl From<Address> for Recipient {
    /// Nothing is asked but that it arrives.
    fn from(address: Address) -> Self {
        Self { address, reports: None, original: None }
    }
}

impl Address {
    /// RFC 5321 §4.5.3.1.3: a path holds 256 octets, angle brackets included.
    pub const MAX_LEN: usize = 254;

    /// `None` unless the text has a local part, an `@` and a domain, and no control character, space or
    /// angle bracket: those end an address for readers who know nothing of quotes.
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
