//! The part tree of one message, as byte ranges.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

use super::{field, media::Media};

/// Where the parts of one message lie. The tree is kept flat: `parts[0]` is the message itself, every other part
/// stands after the part that holds it and is held exactly once (checked when an outline is read back).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Outline {
    /// Octets of the whole message.
    pub size: u64,
    pub parts: Vec<Part>,
}

/// A body part, or a message (the whole one, or one inside a `message/rfc822` part).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Offsets of the header in the message, its blank line included.
    pub header: Range<u64>,
    /// Offsets of the body in the message, without the line end that belongs to the next delimiter.
    pub body: Range<u64>,
    /// Lines of the body; a last line without a line end counts.
    pub lines: u64,
    /// The header as it stands in the message, or its beginning when `HEADERS_KEPT` was used up.
    #[serde(with = "latin1")]
    pub fields: Vec<u8>,
    pub content: Content,
}

/// What the body of a part is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// One body of the type the header names.
    Single,
    /// A multipart or message that cannot be taken apart (no boundary, no delimiter, too deep, too many):
    /// shown as `TEXT/PLAIN`, so that a person still sees what is in it.
    Opaque,
    /// The parts of a multipart, never empty.
    Multipart(Vec<PartIndex>),
    /// The message in a `message/rfc822` or `message/global` part. Its header starts where the body starts.
    Message(PartIndex),
}

/// The place of a part in [`Outline::parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartIndex(pub(super) usize);

/// The value of the first top-level field of this name: unfolded, without surrounding blanks, not decoded.
pub fn header_value(outline: &Outline, name: &str) -> Option<Vec<u8>> {
    outline.root().value(name)
}

// === impl PartIndex ===

impl PartIndex {
    /// The whole message.
    pub const ROOT: Self = Self(0);
}

// === impl Outline ===

impl Outline {
    /// The part that is the whole message.
    pub fn root(&self) -> &Part {
        &self.parts[0]
    }

    /// A part named by [`Content`].
    pub fn part(&self, index: PartIndex) -> &Part {
        &self.parts[index.0]
    }

    /// The same tree without the header octets: enough for `locate`, a fraction of the size.
    pub fn without_headers(mut self) -> Self {
        for part in &mut self.parts {
            part.fields = Vec::new();
        }
        self
    }
}

#[derive(Deserialize)]
struct Unchecked {
    size: u64,
    parts: Vec<Part>,
}

impl TryFrom<Unchecked> for Outline {
    type Error = &'static str;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        let mut held = Vec::with_capacity(read.parts.len());
        for (index, part) in read.parts.iter().enumerate() {
            let children = part.content.children();
            if children.iter().any(|child| child.0 <= index) {
                return Err("a part stands before the part that holds it");
            }
            held.extend_from_slice(children);
            let within = |range: &Range<u64>| range.start <= range.end && range.end <= read.size;
            if !within(&part.header) || !within(&part.body) {
                return Err("a part lies outside the message");
            }
        }
        held.sort_unstable();
        let expected = (1..read.parts.len()).map(PartIndex);
        if read.parts.is_empty() || !held.into_iter().eq(expected) {
            return Err("the parts are not a tree");
        }
        Ok(Self { size: read.size, parts: read.parts })
    }
}

// === impl Part ===

impl Part {
    pub(super) fn starting_at(offset: u64) -> Self {
        Self {
            header: offset..offset,
            body: offset..offset,
            lines: 0,
            fields: Vec::new(),
            content: Content::Single,
        }
    }

    /// The first field of this name, unfolded and trimmed.
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.values(name).next()
    }

    /// `type/subtype` in lower case, without comments; empty where none is named that can be read.
    pub fn media_type(&self) -> String {
        self.media().map_or_else(String::new, |media| {
            let (kind, subtype) =
                (String::from_utf8_lossy(&media.kind), String::from_utf8_lossy(&media.subtype));
            format!("{kind}/{subtype}").to_ascii_lowercase()
        })
    }

    /// Where in the message the fields of this name stand, in order, line ends included.
    pub fn places(&self, name: &str) -> Vec<Range<u64>> {
        let mut at = self.header.start;
        let mut places = Vec::new();
        for field in field::fields(&self.fields) {
            let end = at + field.raw.len() as u64;
            if field.is(name) {
                places.push(at..end);
            }
            at = end;
        }
        places
    }

    /// All fields of this name, unfolded and trimmed, in order.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
        field::fields(&self.fields).filter(|field| field.is(name)).map(|field| field.unfolded())
    }

    /// A parameter of the type that the header names, pieces of it joined (RFC 2231).
    pub fn parameter(&self, name: &str) -> Option<Vec<u8>> {
        self.media()?.parameter(name)
    }

    /// What stands between the parts, if this is a multipart that says so.
    pub fn boundary(&self) -> Option<Vec<u8>> {
        self.media().filter(Media::is_multipart)?.boundary()
    }

    /// Whether all of the header is at hand: of a very long one the end is not kept.
    pub fn has_whole_header(&self) -> bool {
        self.fields.len() as u64 == self.header.end - self.header.start
    }

    /// The media type the header names; `None` when it names none or one that cannot be read.
    pub(super) fn media(&self) -> Option<Media> {
        Media::of(&self.fields)
    }
}

/// Offsets only: header octets are mail.
impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Part")
            .field("header", &self.header)
            .field("body", &self.body)
            .field("lines", &self.lines)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

// === impl Content ===

impl Content {
    fn children(&self) -> &[PartIndex] {
        match self {
            Self::Single | Self::Opaque => &[],
            Self::Multipart(parts) => parts,
            Self::Message(part) => std::slice::from_ref(part),
        }
    }
}

/// Octets as a string of U+0000 to U+00FF: in JSON a header then costs about its own size.
mod latin1 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&octets.iter().copied().map(char::from).collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let octet = |c| u8::try_from(c).map_err(|_| Error::custom("a character beyond U+00FF"));
        text.chars().map(octet).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn outline(message: &[u8]) -> Outline {
        let mut scanner = Scanner::new();
        scanner.feed(message);
        scanner.finish()
    }

    const NESTED: &[u8] = b"Subject: caf\xe9\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n";

    #[test]
    fn an_outline_survives_being_stored() {
        let before = outline(NESTED);
        let stored = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Outline>(&stored).unwrap(), before);
    }

    #[test]
    fn a_damaged_outline_is_refused_instead_of_followed() {
        let stored = serde_json::to_string(&outline(NESTED)).unwrap();
        let looping = stored.replace(r#"{"Multipart":[1]}"#, r#"{"Multipart":[0]}"#);
        let shared = stored.replace(r#"{"Multipart":[1]}"#, r#"{"Multipart":[1,1]}"#);
        let outside = stored.replace(r#""size":"#, r#""size":1,"was":"#);
        for damaged in [looping, shared, outside, r#"{"size":0,"parts":[]}"#.to_owned()] {
            assert_ne!(damaged, stored);
            assert!(serde_json::from_str::<Outline>(&damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_printed_part_shows_no_mail() {
        assert!(!format!("{:?}", outline(NESTED)).contains("Subject"));
    }

    #[test]
    fn fields_are_found_in_the_message() {
        let message = b"From x\r\nA: 1\r\nB: 2\r\n 3\r\na : 4\r\n\r\nA: body\r\n";
        let outline = outline(message);
        let text = |range: Range<u64>| {
            let (start, end) = (range.start.try_into().unwrap(), range.end.try_into().unwrap());
            std::str::from_utf8(&message[start..end]).unwrap()
        };
        let found: Vec<&str> = outline.root().places("a").into_iter().map(text).collect();
        assert_eq!(found, ["A: 1\r\n", "a : 4\r\n"]);
        let found: Vec<&str> = outline.root().places("B").into_iter().map(text).collect();
        assert_eq!(found, ["B: 2\r\n 3\r\n"]);
    }

    #[test]
    fn a_header_value_is_the_first_field_unfolded() {
        let message = b"Subject: a\r\n  b \r\nSUBJECT: second\r\n\r\n";
        assert_eq!(header_value(&outline(message), "subject"), Some(b"a  b".to_vec()));
        assert_eq!(header_value(&outline(message), "date"), None);
    }
}
