//! Paths and query values, percent-encoded (reference B.1).

use std::fmt::Write as _;

use crate::mailbox::RemoteId;

/// Whose mailbox: the first part of every path.
#[derive(Clone, Debug)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn me() -> Self {
        Self("/me".to_owned())
    }

    /// A shared mailbox (reference B.14), by user principal name or id.
    pub(super) fn user(name: &str) -> Self {
        Self(format!("/users/{}", encode(name)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn messages(&self) -> String {
        format!("{}/messages", self.0)
    }

    pub(super) fn message(&self, id: &RemoteId) -> String {
        format!("{}/messages/{}", self.0, encode(id.as_str()))
    }

    pub(super) fn folders(&self) -> String {
        format!("{}/mailFolders", self.0)
    }

    /// `id` may be a well-known name.
    pub(super) fn folder(&self, id: &str) -> String {
        format!("{}/mailFolders/{}", self.0, encode(id))
    }
}

/// Everything but RFC 3986 §2.3's unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A string literal of OData: quotes doubled.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_encoded() {
        assert_eq!(Prefix::me().message(&RemoteId::new("AAMk=/+")), "/me/messages/AAMk%3D%2F%2B");
        let guest = Prefix::user("eve_fabrikam.com#EXT#@contoso.com");
        assert_eq!(guest.as_str(), "/users/eve_fabrikam.com%23EXT%23%40contoso.com");
    }

    #[test]
    fn quotes_in_literals_are_doubled() {
        assert_eq!(literal("let's"), "'let''s'");
    }
}
