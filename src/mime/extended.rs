//! Parameters that RFC 2231 spells in pieces (`name*0`, `name*1`), percent-encoded (`name*`), or both.

use std::collections::BTreeMap;

use super::media::{Parameter, after_charset, percent_decoded, token_with_parameters};

/// What such a parameter says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extended {
    /// In lower case.
    pub(super) name: String,
    /// As the first piece names it; empty if it names none.
    pub(super) charset: Vec<u8>,
    pub(super) octets: Vec<u8>,
}

/// All of them in a value built like `Content-Type`, each put together in the order of its numbers. A number that is
/// missing is passed over, and of two that are the same the first counts.
pub(super) fn extended_parameters(value: &[u8]) -> Vec<Extended> {
    let mut pieces = BTreeMap::new();
    let (_, parameters) = token_with_parameters(value);
    for Parameter { name, value } in &parameters {
        if let Some((name, number, encoding)) = place(name) {
            pieces.entry((name, number)).or_insert((encoding, value));
        }
    }
    let mut found: Vec<Extended> = Vec::new();
    for ((name, _), (encoding, value)) in pieces {
        match found.last_mut().filter(|last| last.name == name) {
            Some(last) => last.octets.extend(encoding.resolved(value)),
            None => {
                let (charset, value) = encoding.with_charset(value);
                found.push(Extended { name, charset, octets: encoding.resolved(value) });
            }
        }
    }
    found
}

#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    Percent,
}

/// The name, number and form of one piece; `None` for a parameter that is whole and plain.
fn place(name: &[u8]) -> Option<(String, u32, Encoding)> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    let (name, rest) = name.split_once('*')?;
    let (number, encoding) = match rest.strip_suffix('*') {
        _ if rest.is_empty() => ("0", Encoding::Percent),
        Some(number) => (number, Encoding::Percent),
        None => (rest, Encoding::Plain),
    };
    Some((name.to_owned(), number.parse().ok()?, encoding))
}

// === impl Encoding ===

impl Encoding {
    fn resolved(self, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => value.to_vec(),
            Self::Percent => percent_decoded(value),
        }
    }

    /// A first piece begins with `charset'language'` if it is encoded.
    fn with_charset(self, value: &[u8]) -> (Vec<u8>, &[u8]) {
        let rest = match self {
            Self::Plain => value,
            Self::Percent => after_charset(value),
        };
        let named = value.len() > rest.len();
        let charset = value.split(|octet| *octet == b'\'').next().filter(|_| named);
        (charset.unwrap_or_default().to_vec(), rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<(String, String, Vec<u8>)> {
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        let found = extended_parameters(value.as_bytes()).into_iter();
        found.map(|one| (one.name, text(one.charset), one.octets)).collect()
    }

    fn one(name: &str, charset: &str, octets: &[u8]) -> (String, String, Vec<u8>) {
        (name.to_owned(), charset.to_owned(), octets.to_vec())
    }

    #[test]
    fn pieces_are_joined_by_their_numbers() {
        let value = "a; x=plain; name*1*=%A9%20; NAME*0*=utf-8'de'caf%C3; name*2=\"x%20\"";
        assert_eq!(read(value), [one("name", "utf-8", "café x%20".as_bytes())]);
        let value = "a; name*10=c; name*2=b; name*0=a";
        assert_eq!(read(value), [one("name", "", b"abc")]);
    }

    #[test]
    fn one_piece_may_be_encoded_too_and_may_name_no_charset() {
        assert_eq!(read("a; filename*=iso-8859-1''%E9"), [one("filename", "iso-8859-1", b"\xe9")]);
        assert_eq!(read("a; filename*=x%20y"), [one("filename", "", b"x y")]);
        assert_eq!(read("a; name=plain; name*x=y; *=z"), [one("", "", b"z")]);
    }
}
