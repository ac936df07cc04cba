//! What a client can say.

use super::Address;
use crate::{Mechanism, Secret};

/// RFC 5321 section 4.1, RFC 4954 (AUTH), RFC 3207 (STARTTLS), RFC 3030 (BDAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The name the client gives itself; not checked, because scanners send anything.
    Helo(String),
    Ehlo(String),
    Mail(Mail),
    Rcpt(Rcpt),
    Data,
    Bdat(Bdat),
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

/// MAIL FROM with the parameters of RFC 1870, 6152, 3030, 4954, 6531 and 3461.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub sender: Sender,
    /// SIZE in octets; a number too large to count is `u64::MAX`.
    pub size: Option<u64>,
    pub body: Option<BodyType>,
    pub smtputf8: SmtpUtf8,
    pub ret: Option<Ret>,
    /// ENVID, decoded: printable US-ASCII.
    pub envelope_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// `<>`
    Null,
    Address(Address),
    /// A local part alone, as devices say it; no address, but it may stand for one.
    Local(String),
}

/// RCPT TO with the parameters of RFC 3461 and 6533.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    pub recipient: Recipient,
    pub notify: Option<Notify>,
    /// ORCPT, decoded: `type;address` without control characters.
    pub original: Option<String>,
    /// Whether any of it came in UTF-8 beyond US-ASCII; to be refused unless MAIL asked for it.
    pub script: Script,
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
    /// RFC 3030; goes with BDAT only.
    BinaryMime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpUtf8 {
    Absent,
    /// The client wants RFC 6531 for this message.
    Requested,
}

/// In which characters something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    Ascii,
    Utf8,
}

/// What a report about the message gives back of it (RFC 3461 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    Full,
    Headers,
}

/// Of what the sender wants reports (RFC 3461 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    Never,
    /// At least one, none twice, in the client's order.
    On(Vec<NotifyEvent>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyEvent {
    Success,
    Failure,
    Delay,
}

/// `BDAT n [LAST]`: so many octets follow at once, whatever is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bdat {
    pub octets: u64,
    pub place: ChunkPlace,
}

/// Where a chunk stands in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkPlace {
    Within,
    Last,
}
