//! Identifiers of RFC 8474: names of messages, conversations and folders that outlive their place.

use std::fmt;

/// Letters, digits, `-` and `_`; 1 to 255 of them (RFC 8474 section 7 `objectid`). Case matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectId(Box<str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidObjectId;

/// RFC 8474 section 7.
const LONGEST: usize = 255;

impl ObjectId {
    /// # Errors
    /// If this is no `objectid`.
    pub fn new(id: &str) -> Result<Self, InvalidObjectId> {
        let fits = (1..=LONGEST).contains(&id.len());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if fits && id.bytes().all(allowed) { Ok(Self(id.into())) } else { Err(InvalidObjectId) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for InvalidObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object identifier has 1 to 255 letters, digits, - or _")
    }
}

impl std::error::Error for InvalidObjectId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_short_and_plain() {
        assert!(ObjectId::new("M-1_a").is_ok());
        assert!(ObjectId::new(&"x".repeat(255)).is_ok());
        for wrong in ["", "a=", "a+b", "a/b", "a b", "\u{e9}", &"x".repeat(256)] {
            assert_eq!(ObjectId::new(wrong), Err(InvalidObjectId), "{wrong}");
        }
    }
}
