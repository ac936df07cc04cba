//! Mailbox addresses of the envelope (RFC 5321 section 4.1.2, `Mailbox`), also in UTF-8 (RFC 6531
//! section 3.3).

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

/// RFC 5321 section 4.5.3.1.1.
const LONGEST_LOCAL_PART: usize = 64;

/// Longest address taken: a local part, `@`, 255 octets of domain (RFC 5321 section 4.5.3.1).
const LONGEST: usize = LONGEST_LOCAL_PART + 1 + 255;

// === impl Address ===

impl Address {
    /// Without angle brackets. A local part that is quoted without need loses its quotes.
    /// Whether an address beyond US-ASCII may be used here and now is for the caller to say.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.len() > LONGEST {
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

    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What may stand before the `@` without quotes.
pub(super) fn is_local_part(text: &str) -> bool {
    text.len() <= LONGEST_LOCAL_PART && is_dot_string(text)
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
            character if is_letter_beyond_ascii(character) => content.push(character),
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
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    !text.is_empty() && text.chars().all(|c| is_atom(c) || is_letter_beyond_ascii(c))
}

/// Names with underscores exist in private networks.
fn is_domain(text: &str) -> bool {
    let in_label = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| in_label(c) || is_letter_beyond_ascii(c))
    };
    text.split('.').all(is_label)
}

/// `UTF8-non-ascii` of RFC 6531, without what no assigned mailbox has and a later reader could take
/// for something else: spaces, line breaks, marks that turn the direction of text or cannot be
/// seen, and the look-alikes of `@`, `.`, `<` and their kind (RFC 5892 and RFC 8264 disallow these).
fn is_letter_beyond_ascii(c: char) -> bool {
    let is_misleading = matches!(c,
        '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2024}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3002}'
        | '\u{fe10}'..='\u{fe19}'
        | '\u{fe50}'..='\u{fe6f}'
        | '\u{feff}'
        | '\u{ff01}'..='\u{ff61}'
        | '\u{fff0}'..='\u{ffff}'
        | '\u{e0000}'..);
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !is_misleading
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
            "jörg@bücher.test",
            "\"jörg müller\"@x",
            "उपयोगकर्ता@उदाहरण.कॉम",
            "用户@例子.广告",
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
            "ä@",
            "ä b@c",
            "a\u{85}b@c",
            "a\u{2028}b@c",
            "a\u{a0}b@c",
            "\"a\u{2028}b\"@c",
            "a\u{202e}b@c",
            "a\u{ff20}b@c",
            "a@b\u{3002}c",
            "a@b\u{feff}",
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
