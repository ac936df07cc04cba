//! Messages that are made part by part, so that it is known which octets each number names.

use std::ops::Range;

use arbitrary::{Result, Unstructured};

/// Deep enough for every rule of numbering, and less than anyone's limit.
const DEEPEST: usize = 5;
const WORDS: [&str; 8] = ["a", "Hello", " ", "\r\n", "\r\n\r\n", "=20", "From: x", "\u{e9}"];
const SUBTYPES: [&str; 3] = ["mixed", "alternative", "related"];

/// A header and a body, with the octets where they stand.
pub(crate) struct Entity {
    pub(crate) header: Range<u64>,
    pub(crate) body: Range<u64>,
    content: Content,
}

enum Content {
    Leaf,
    Multipart(Vec<Entity>),
    Message(Box<Entity>),
}

/// What RFC 3501 section 6.4.5 says of one part number.
pub(crate) struct Numbered {
    pub(crate) path: Vec<u32>,
    pub(crate) mime: Range<u64>,
    pub(crate) body: Range<u64>,
    /// HEADER and TEXT, if the part is a message.
    pub(crate) message: Option<(Range<u64>, Range<u64>)>,
}

/// A message and what is in it.
pub(crate) fn message(rest: &mut Unstructured<'_>) -> Result<(Vec<u8>, Entity)> {
    let mut writer = Writer { out: Vec::new(), boundaries: 0 };
    let entity = writer.entity(rest, 0)?;
    Ok((writer.out, entity))
}

struct Writer {
    out: Vec<u8>,
    boundaries: u32,
}

impl Writer {
    fn at(&self) -> u64 {
        self.out.len() as u64
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn entity(&mut self, rest: &mut Unstructured<'_>, depth: usize) -> Result<Entity> {
        let start = self.at();
        for _ in 0..rest.int_in_range(0..=2)? {
            self.put("X-Field: value\r\n");
        }
        let kind = if depth < DEEPEST { rest.int_in_range(0..=5)? } else { 0 };
        match kind {
            0..=2 => {
                self.put("Content-Type: text/plain\r\n\r\n");
                let begin = self.at();
                self.words(rest)?;
                Ok(self.done(start, begin, Content::Leaf))
            }
            3 => {
                self.put("Content-Type: message/rfc822\r\n\r\n");
                let begin = self.at();
                let inner = Box::new(self.entity(rest, depth + 1)?);
                Ok(self.done(start, begin, Content::Message(inner)))
            }
            _ => self.multipart(rest, start, depth),
        }
    }

    fn multipart(
        &mut self,
        rest: &mut Unstructured<'_>,
        start: u64,
        depth: usize,
    ) -> Result<Entity> {
        self.boundaries += 1;
        let (boundary, subtype) = (format!("=_{:04}_=", self.boundaries), rest.choose(&SUBTYPES)?);
        self.put(&format!("Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\r\n\r\n"));
        let begin = self.at();
        let mut parts = Vec::new();
        for number in 0..rest.int_in_range(1..=4)? {
            self.put(if number == 0 { "--" } else { "\r\n--" });
            self.put(&format!("{boundary}\r\n"));
            parts.push(self.entity(rest, depth + 1)?);
        }
        self.put(&format!("\r\n--{boundary}--"));
        Ok(self.done(start, begin, Content::Multipart(parts)))
    }

    /// Text in which nothing looks like a delimiter.
    fn words(&mut self, rest: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..rest.int_in_range(0..=6)? {
            let word = rest.choose(&WORDS)?;
            self.put(word);
        }
        Ok(())
    }

    fn done(&self, start: u64, begin: u64, content: Content) -> Entity {
        Entity { header: start..begin, body: begin..self.at(), content }
    }
}

impl Entity {
    /// Every part of this message by its number.
    pub(crate) fn numbered(&self) -> Vec<Numbered> {
        let mut all = Vec::new();
        self.parts_of_message(&[], &mut all);
        all
    }

    /// The bodies that are no multipart and no message, in the order of the message.
    pub(crate) fn leaves(&self) -> Vec<Range<u64>> {
        match &self.content {
            Content::Leaf => vec![self.body.clone()],
            Content::Message(inner) => inner.leaves(),
            Content::Multipart(parts) => parts.iter().flat_map(Self::leaves).collect(),
        }
    }

    pub(crate) fn has_message_in_message(&self) -> bool {
        match &self.content {
            Content::Leaf => false,
            Content::Message(inner) => {
                matches!(inner.content, Content::Message(_)) || inner.has_message_in_message()
            }
            Content::Multipart(parts) => parts.iter().any(Self::has_message_in_message),
        }
    }

    /// A message that is no multipart has one part, which is itself.
    fn parts_of_message(&self, prefix: &[u32], all: &mut Vec<Numbered>) {
        match &self.content {
            Content::Multipart(parts) => number_all(parts, prefix, all),
            Content::Leaf | Content::Message(_) => self.number(below(prefix, 1), all),
        }
    }

    fn number(&self, path: Vec<u32>, all: &mut Vec<Numbered>) {
        let message = match &self.content {
            Content::Message(inner) => Some((inner.header.clone(), inner.body.clone())),
            Content::Leaf | Content::Multipart(_) => None,
        };
        let (mime, body) = (self.header.clone(), self.body.clone());
        all.push(Numbered { path: path.clone(), mime, body, message });
        match &self.content {
            Content::Leaf => {}
            Content::Message(inner) => inner.parts_of_message(&path, all),
            Content::Multipart(parts) => number_all(parts, &path, all),
        }
    }
}

fn number_all(parts: &[Entity], prefix: &[u32], all: &mut Vec<Numbered>) {
    for (number, part) in (1..).zip(parts) {
        part.number(below(prefix, number), all);
    }
}

fn below(prefix: &[u32], number: u32) -> Vec<u32> {
    prefix.iter().copied().chain([number]).collect()
}
