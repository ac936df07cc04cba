//! What a client can say.

use super::Address;
use crate::{Mechanism, Secret};

/// RFC 5321 section 4.1, RFC 4954 (AUTH), RFC 3207 (STARTTLS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The name the client gives itself; not checked, because scanners send anything.
    Helo(String),
    Ehlo(String),
    Mail(Mail),
    Rcpt(Recipient),
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,
    /// `initial` is decoded from base64; `=` is an empty one.
    Auth {
        mechanism: Mechanism,
        initial: Option<Secret<Vec<u8>>>,
    },
}

/// MAIL FROM with the parameters of RFC 1870, 6152, 4954 and 6531.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub sender: Sender,
    /// SIZE in octets; a number too large to count is `u64::MAX`.
    pub size: Option<u64>,
    pub body: Option<BodyType>,
    pub smtputf8: SmtpUtf8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// `<>`
    Null,
    Address(Address),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// `<postmaster>` without a domain (RFC 5321 section 4.5.1).
    Postmaster,
    Address(Address),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyType {
    SevenBit,
    EightBitMime,
    /// RFC 3030; to be refused unless it was offered.
    BinaryMime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpUtf8 {
    Absent,
    /// The client wants RFC 6531; to be refused unless it was offered.
    Requested,
}
