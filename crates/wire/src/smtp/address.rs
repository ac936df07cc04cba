//! Mailbox addresses of the envelope (RFC 5321 section 4.1.2, `Mailbox`).

use std::fmt;

/// `local-part@domain` as it goes on the wire: a quoted local part keeps its quotes, the domain
/// may be an address literal such as `[10.0.0.1]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: Box<str>,
    /// Where the `@` stands.
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid address")]
pub struct InvalidAddress;
