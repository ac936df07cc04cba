//! Names of things that last (RFC 8474).

use std::fmt;

/// 1 to 255 of the characters `A`-`Z`, `a`-`z`, `0`-`9`, `_` and `-` (RFC 8474 section 7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectId(Box<str>);

impl ObjectId {
    /// `None` if a character or the length is not allowed.
    pub fn new(id: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = (1..=255).contains(&id.len()) && id.bytes().all(allowed);
        fits.then(|| Self(id.into()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_characters_and_lengths_of_rfc_8474_pass() {
        assert_eq!(ObjectId::new("F3ac-9_Z").unwrap().to_string(), "F3ac-9_Z");
        for refused in ["", "a=", "a+b", "a/b", "a b", "ä", &"a".repeat(256)] {
            assert!(ObjectId::new(refused).is_none(), "{refused}");
        }
        assert!(ObjectId::new(&"a".repeat(255)).is_some());
    }
}
