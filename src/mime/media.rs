//! `Content-Type` and the fields built like it (RFC 2045 §5.1, RFC 2231), read with tolerance and not decoded.

use super::{
    BOUNDARY_LONGEST,
    field::{fields, is_blank, trimmed},
    transfer::hex_pair,
};

/// Octets of the longest comment recognised. Without an end to the search, a header full of opening parentheses
/// would cost the square of its length.
const COMMENT_LONGEST: usize = 500;

/// Pieces of one RFC 2231 parameter that are joined; for the same reason.
const PIECES_MAX: usize = 100;

/// A media type with its parameters, everything spelled as in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) kind: Vec<u8>,
    pub(super) subtype: Vec<u8>,
    pub(super) parameters: Vec<Parameter>,
}

/// One parameter; the value without its quotes. An RFC 2231 piece is a parameter of its own (`name*0*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// The type of a part that names none (RFC 2046 §5.1, §5.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefaultType {
    TextPlain,
    /// In a digest.
    MessageRfc822,
}

/// Reads `token; name=value; …`, as `Content-Disposition` and `Content-Type` are built.
pub(super) fn token_with_parameters(value: &[u8]) -> (Vec<u8>, Vec<Parameter>) {
    let end = find(value, 0, |octet| octet == b';');
    (without_comments(&value[..end]), parameters(&value[end..]))
}

/// Leaves out the comments and blanks of a field that allows no other blanks.
pub(super) fn without_comments(value: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < value.len() {
        if let Some(end) = comment_end(value, at) {
            at = end;
            continue;
        }
        if !value[at].is_ascii_whitespace() {
            kept.push(value[at]);
        }
        at += 1;
    }
    kept
}

/// Where the comment that begins here ends; `None` where none begins or it is never closed.
pub(super) fn comment_end(octets: &[u8], start: usize) -> Option<usize> {
    if octets.get(start) != Some(&b'(') {
        return None;
    }
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, octet) in octets.iter().enumerate().skip(start).take(COMMENT_LONGEST) {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The text of the quoted string that begins here and the place after it; without a closing quote it takes all.
pub(super) fn quoted_string(octets: &[u8], start: usize) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut at = start + 1;
    while at < octets.len() {
        match octets[at] {
            b'"' => return (text, at + 1),
            b'\\' if at + 1 < octets.len() => {
                text.push(octets[at + 1]);
                at += 1;
            }
            octet => text.push(octet),
        }
        at += 1;
    }
    (text, at)
}

// === impl Media ===

impl Media {
    /// The type that a header names; `None` when it names none or one that cannot be read.
    pub(super) fn of(header: &[u8]) -> Option<Self> {
        let field = fields(header).find(|field| field.is("Content-Type"))?;
        Self::parse(&field.unfolded())
    }

    /// Reads an unfolded `Content-Type`; `None` when it has no type and subtype.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let (token, parameters) = token_with_parameters(value);
        let slash = token.iter().position(|octet| *octet == b'/')?;
        let (kind, subtype) = (token[..slash].to_vec(), token[slash + 1..].to_vec());
        let readable = !kind.is_empty() && !subtype.is_empty() && !subtype.contains(&b'/');
        readable.then_some(Self { kind, subtype, parameters })
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.kind.eq_ignore_ascii_case(b"multipart")
    }

    pub(super) fn is_text(&self) -> bool {
        self.kind.eq_ignore_ascii_case(b"text")
    }

    pub(super) fn is_html(&self) -> bool {
        self.is_text() && self.subtype.eq_ignore_ascii_case(b"html")
    }

    /// Whether the body is a message of its own (RFC 2046 §5.2.1, RFC 6532 §3.7).
    pub(super) fn holds_message(&self) -> bool {
        self.is_rfc822() || self.is_message() && self.subtype.eq_ignore_ascii_case(b"global")
    }

    pub(super) fn is_rfc822(&self) -> bool {
        self.is_message() && self.subtype.eq_ignore_ascii_case(b"rfc822")
    }

    fn is_message(&self) -> bool {
        self.kind.eq_ignore_ascii_case(b"message")
    }

    /// What stands between the parts of a multipart; `None` if it is not named, or cannot be looked for.
    pub(super) fn boundary(&self) -> Option<Vec<u8>> {
        let boundary = self.parameter("boundary")?.trim_ascii_end().to_vec();
        (!boundary.is_empty() && boundary.len() <= BOUNDARY_LONGEST).then_some(boundary)
    }

    /// What the parts of this multipart are by default.
    pub(super) fn part_default(&self) -> DefaultType {
        match self.subtype.eq_ignore_ascii_case(b"digest") {
            true => DefaultType::MessageRfc822,
            false => DefaultType::TextPlain,
        }
    }

    /// The meant value of a parameter: RFC 2231 pieces joined and percent-decoded, without charset conversion.
    pub(super) fn parameter(&self, name: &str) -> Option<Vec<u8>> {
        if let Some(plain) = self.spelled(name) {
            return Some(plain.to_vec());
        }
        if let Some(extended) = self.spelled(&format!("{name}*")) {
            return Some(percent_decoded(after_charset(extended)));
        }
        let mut joined = Vec::new();
        for piece in 0..PIECES_MAX {
            let plain = self.spelled(&format!("{name}*{piece}"));
            let extended = self.spelled(&format!("{name}*{piece}*"));
            match (plain, extended) {
                (Some(value), _) => joined.extend_from_slice(value),
                (None, Some(value)) if piece == 0 => {
                    joined.extend(percent_decoded(after_charset(value)))
                }
                (None, Some(value)) => joined.extend(percent_decoded(value)),
                (None, None) if piece == 0 => return None,
                (None, None) => break,
            }
        }
        Some(joined)
    }

    fn spelled(&self, name: &str) -> Option<&[u8]> {
        let named = |parameter: &&Parameter| parameter.name.eq_ignore_ascii_case(name.as_bytes());
        self.parameters.iter().find(named).map(|parameter| parameter.value.as_slice())
    }
}

// === impl DefaultType ===

impl DefaultType {
    pub(super) fn media(self) -> Media {
        match self {
            Self::TextPlain => Media {
                kind: b"TEXT".to_vec(),
                subtype: b"PLAIN".to_vec(),
                parameters: vec![Parameter {
                    name: b"CHARSET".to_vec(),
                    value: b"US-ASCII".to_vec(),
                }],
            },
            Self::MessageRfc822 => Media {
                kind: b"MESSAGE".to_vec(),
                subtype: b"RFC822".to_vec(),
                parameters: Vec::new(),
            },
        }
    }
}

fn parameters(octets: &[u8]) -> Vec<Parameter> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        at = after_blanks(octets, at, |octet| octet == b';');
        let end = find(octets, at, |octet| matches!(octet, b'=' | b';'));
        match octets.get(end) {
            None => return found,
            Some(b';') => {
                at = end;
                continue;
            }
            Some(_) => {}
        }
        let name = last_word(&octets[at..end]);
        let start = after_blanks(octets, end + 1, |_| false);
        let (value, after) = match octets.get(start) {
            Some(b'"') => quoted_string(octets, start),
            _ => bare_value(octets, start),
        };
        at = after;
        if !name.is_empty() {
            found.push(Parameter { name: name.to_vec(), value });
        }
    }
}

/// A value without quotes. Senders forget them around blanks and specials, so it reaches to the semicolon,
/// to a trailing comment, or to what looks like the next parameter.
fn bare_value(octets: &[u8], start: usize) -> (Vec<u8>, usize) {
    let mut at = start;
    while at < octets.len() && octets[at] != b';' {
        if octets[at].is_ascii_whitespace() {
            let next = after_blanks(octets, at, |_| false);
            if next >= octets.len() || octets[next] == b';' || begins_parameter(&octets[next..]) {
                return (trimmed(&octets[start..at]).to_vec(), next);
            }
            at = next;
            continue;
        }
        at += 1;
    }
    (trimmed(&octets[start..at]).to_vec(), at)
}

fn begins_parameter(octets: &[u8]) -> bool {
    let name =
        find(octets, 0, |octet| !octet.is_ascii_alphanumeric() && !matches!(octet, b'-' | b'*'));
    name > 0 && octets.get(name) == Some(&b'=')
}

/// Skips blanks, comments and whatever else is named.
fn after_blanks(octets: &[u8], start: usize, also: impl Fn(u8) -> bool) -> usize {
    let mut at = start;
    while at < octets.len() {
        match comment_end(octets, at) {
            Some(end) => at = end,
            None if octets[at].is_ascii_whitespace() || also(octets[at]) => at += 1,
            None => break,
        }
    }
    at
}

fn last_word(octets: &[u8]) -> &[u8] {
    let text = trimmed(octets);
    text.rsplit(|octet| is_blank(*octet)).next().unwrap_or(text)
}

fn find(octets: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    octets[start..].iter().position(|octet| wanted(*octet)).map_or(octets.len(), |at| start + at)
}

/// What follows `charset'language'` (RFC 2231 §4).
pub(super) fn after_charset(value: &[u8]) -> &[u8] {
    let mut pieces = value.splitn(3, |octet| *octet == b'\'');
    pieces.nth(2).unwrap_or(value)
}

pub(super) fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        let code = (*first == b'%').then(|| hex_pair(after)).flatten();
        decoded.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<(String, String)> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        let media = Media::parse(value.as_bytes()).unwrap();
        let pair = |parameter: &Parameter| (text(&parameter.name), text(&parameter.value));
        media.parameters.iter().map(pair).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn comments_are_no_part_of_the_value() {
        let value =
            "text/plain (a; comment); charset=us-ascii (Plain \\) text); (x=y) format = flowed";
        assert_eq!(read(value), pairs(&[("charset", "us-ascii"), ("format", "flowed")]));
    }

    #[test]
    fn quotes_are_removed_and_escapes_resolved() {
        let value = r#"text/plain; name="a \"b\"; c.txt"; CharSet="utf-8""#;
        assert_eq!(read(value), pairs(&[("name", r#"a "b"; c.txt"#), ("CharSet", "utf-8")]));
    }

    #[test]
    fn unquoted_specials_are_tolerated() {
        assert_eq!(
            read("application/pdf; name=My File (1).pdf; x=5\" disk; y=a/b"),
            pairs(&[("name", "My File (1).pdf"), ("x", "5\" disk"), ("y", "a/b")])
        );
        assert_eq!(
            read("text/plain charset=x; format=flowed delsp=yes;"),
            pairs(&[("format", "flowed"), ("delsp", "yes")])
        );
        assert_eq!(read("text/plain; name=a (b"), pairs(&[("name", "a (b")]));
        assert_eq!(read("text/plain; name=\"a; b"), pairs(&[("name", "a; b")]));
    }

    #[test]
    fn extended_parameters_stay_as_written_and_are_joined_on_demand() {
        let value = "a/b; name*0*=utf-8''caf%C3; name*1*=%A9%20; name*2=\"x%20\"";
        assert_eq!(read(value)[0].1, "utf-8''caf%C3");
        let media = Media::parse(value.as_bytes()).unwrap();
        assert_eq!(media.parameter("NAME"), Some("café x%20".as_bytes().to_vec()));
        assert_eq!(media.parameter("charset"), None);
    }

    #[test]
    fn a_type_without_subtype_is_no_type() {
        for value in ["", "text", "text/", "/plain", "text/plain/x", "; charset=x"] {
            assert_eq!(Media::parse(value.as_bytes()), None, "{value}");
        }
    }
}
