//! Mailbox addresses of the envelope (RFC 5321 section 4.1.2, `Mailbox`).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

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

/// Longest address taken: 64 octets of local part, `@`, 255 of domain (RFC 5321 section 4.5.3.1).
const LONGEST: usize = 64 + 1 + 255;

// === impl Address ===

impl Address {
    /// Without angle brackets. A local part that is quoted without need loses its quotes.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.len() > LONGEST || !text.is_ascii() {
            return Err(InvalidAddress);
        }
        let (local_part, domain) = if text.starts_with('"') {
            split_quoted(text)?
        } else {
            let (local_part, domain) = text.split_once('@').ok_or(InvalidAddress)?;
            (
                is_dot_string(local_part).then(|| local_part.to_owned()).ok_or(InvalidAddress)?,
                domain,
            )
        };
        if !is_domain(domain) && !is_address_literal(domain) {
            return Err(InvalidAddress);
        }
        Ok(Self { at: local_part.len(), text: format!("{local_part}@{domain}").into() })
    }

    /// With its quotes, if it needs them.
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

// === helpers ===

/// Takes a quoted local part apart and quotes it again only as far as needed.
fn split_quoted(text: &str) -> Result<(String, &str), InvalidAddress> {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => {
                let domain = text[index + 1..].strip_prefix('@').ok_or(InvalidAddress)?;
                return Ok((quote(&content), domain));
            }
            '\\' => match characters.next() {
                Some((_, escaped @ ' '..='~')) => content.push(escaped),
                _ => return Err(InvalidAddress),
            },
            ' '..='~' => content.push(character),
            _ => return Err(InvalidAddress),
        }
    }
    Err(InvalidAddress)
}

fn quote(content: &str) -> String {
    if is_dot_string(content) {
        return content.to_owned();
    }
    format!("\"{}\"", content.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `Dot-string`; dots may also stand at the ends or in a row, as some providers assign them.
fn is_dot_string(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte))
}

/// Names with underscores exist in private networks.
fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    })
}

/// `[10.0.0.1]`, `[IPv6:::1]`
fn is_address_literal(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inside.is_some_and(|inside| {
        let address = inside.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("IPv6:"));
        match address {
            Some(_) => inside[5..].parse::<Ipv6Addr>().is_ok(),
            None => inside.parse::<Ipv4Addr>().is_ok(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_what_they_need() {
        for text in [
            "a@b.c",
            "\"john doe\"@x.org",
            "a@[10.0.0.1]",
            "a@[IPv6:::1]",
            "a..b.@x",
            "\"a\\\"\\\\b\"@x",
            "\"a@b\"@c",
        ] {
            assert_eq!(Address::parse(text).unwrap().as_str(), text);
        }
        let address = Address::parse("\"john\"@x.org").unwrap();
        assert_eq!((address.local_part(), address.domain()), ("john", "x.org"));
        let address = Address::parse("\"john@doe\"@x.org").unwrap();
        assert_eq!((address.local_part(), address.domain()), ("\"john@doe\"", "x.org"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b@c",
            "a@b..c",
            "a@[1.2.3]",
            "\"a@b",
            "\"a\"b@c",
            "ä@b",
            "a@b c",
            "<a@b>",
            "a@b\r\n",
            "\"\\\n\"@b",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
        assert!(Address::parse(&format!("a@{}", "b".repeat(400))).is_err());
    }
}
