//! Messages of any size, and what of a message must reach its recipient.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{MessageParser, MessagePart, MimeHeaders as _, PartType};

use crate::world::ADA;

pub(crate) const BOB: &str = "bob@elsewhere.example";

/// What a message is made of; sizes are octets of content.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Shape {
    Text(usize),
    /// A text and one file.
    File(usize),
    /// A text and two files, and a small one.
    Files(usize, usize),
    /// Two forms of a text, the second with an image inside.
    Image(usize),
    /// One page, and nothing else.
    Scan(usize),
    /// A text and a message inside.
    Forwarded(usize),
}

/// Whether the client names its message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Name {
    Own,
    None,
}

/// One part as its reader sees it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Leaf {
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) content_id: Option<String>,
    pub(crate) size: usize,
    pub(crate) digest: String,
}

/// From Ada to Bob.
pub(crate) fn letter(subject: &str, shape: Shape, name: Name) -> Vec<u8> {
    let id = match name {
        Name::Own => format!("Message-ID: <{subject}@client.example>\r\n"),
        Name::None => String::new(),
    };
    let header = format!(
        "From: Ada <{ADA}>\r\nTo: Bob <{BOB}>\r\nSubject: {subject}\r\n\
         Date: Mon, 2 Nov 2026 08:00:00 +0000\r\n{id}MIME-Version: 1.0\r\n"
    );
    let mut message = header.into_bytes();
    message.extend_from_slice(&body(shape));
    message
}

/// The fields that describe it, and it. The largest ones are made once.
fn body(shape: Shape) -> Vec<u8> {
    static LARGEST: OnceLock<Vec<u8>> = OnceLock::new();
    if shape == Shape::File(SIXTY) {
        return LARGEST.get_or_init(|| made(shape)).clone();
    }
    made(shape)
}

/// Content of a file that makes a message of 60 MB.
pub(crate) const SIXTY: usize = 44_000_000;

fn made(shape: Shape) -> Vec<u8> {
    let mixed = "Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\nFor old readers.\r\n";
    let text = "--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\u{fc}\u{df}e\r\n..\r\n";
    let mut out = Vec::new();
    let mut add = |text: &str| out.extend_from_slice(text.as_bytes());
    match shape {
        Shape::Text(size) => {
            add("Content-Type: text/plain; charset=utf-8\r\n\r\nGr\u{fc}\u{df}e\r\n");
            add(&"Line after line after line.\r\n".repeat(size / 29));
        }
        Shape::Scan(size) => add(&file(("application/pdf", "scan.pdf", ""), size, 1)),
        Shape::File(size) => {
            add(mixed);
            add(text);
            add("--=_b\r\n");
            add(&file(("application/zip", "a.zip", ""), size, 1));
            add("--=_b--\r\n");
        }
        Shape::Files(first, second) => {
            add(mixed);
            add(text);
            for (number, (name, size)) in
                [("a.zip", first), ("small.pdf", 300), ("c.zip", second)].into_iter().enumerate()
            {
                add("--=_b\r\n");
                add(&file(("application/octet-stream", name, ""), size, number as u64));
            }
            add("--=_b--\r\n");
        }
        Shape::Image(size) => {
            add("Content-Type: multipart/alternative; boundary=\"=_a\"\r\n\r\n--=_a\r\n\
                 Content-Type: text/plain\r\n\r\nHello\r\n--=_a\r\n\
                 Content-Type: multipart/related; boundary=\"=_r\"\r\n\r\n--=_r\r\n\
                 Content-Type: text/html\r\n\r\n<p>Hello <img src=\"cid:logo@client.example\">\r\n--=_r\r\n");
            add(&file(("image/png", "logo.png", "<logo@client.example>"), size, 3));
            add("--=_r--\r\n--=_a--\r\n");
        }
        Shape::Forwarded(size) => {
            add(mixed);
            add(text);
            add(
                "--=_b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"old.eml\"\r\n\r\n\
                 From: eve@elsewhere.example\r\nTo: ada@contoso.example\r\nSubject: old\r\n",
            );
            add(&made_inside(size));
            add("--=_b--\r\n");
        }
    }
    out
}

fn made_inside(size: usize) -> String {
    let page = file(("application/pdf", "old.pdf", ""), size, 9);
    format!("Content-Type: multipart/mixed; boundary=\"=_i\"\r\n\r\n--=_i\r\n{page}--=_i--\r\n")
}

/// A part in base64: `(type, name, Content-ID)`.
fn file((kind, name, id): (&str, &str, &str), size: usize, seed: u64) -> String {
    let id = if id.is_empty() { String::new() } else { format!("Content-ID: {id}\r\n") };
    let disposition = if id.is_empty() { "attachment" } else { "inline" };
    let mut out = format!(
        "Content-Type: {kind}; name=\"{name}\"\r\nContent-Disposition: {disposition}; filename=\"{name}\"\r\n{id}\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    let encoded = STANDARD.encode(content(size, seed));
    out.reserve(encoded.len() + encoded.len() / 38);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(76));
        out.push_str(line);
        out.push_str("\r\n");
        rest = tail;
    }
    out
}

/// Octets of which no two pieces are alike, so that a piece that is lost, doubled or moved shows.
fn content(size: usize, seed: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(size + 64);
    let mut number = seed << 40;
    while out.len() < size {
        out.extend_from_slice(&[number.to_le_bytes(), (!number).to_be_bytes()].concat());
        out.extend_from_slice(b"................................................");
        number += 1;
    }
    out.truncate(size);
    out
}

/// The parts of a message that hold no others, in no order.
pub(crate) fn leaves(mime: &[u8]) -> Vec<Leaf> {
    let message = MessageParser::default().parse(mime).expect("a message");
    let mut found: Vec<Leaf> = message.parts.iter().filter_map(leaf).collect();
    found.sort();
    found
}

fn leaf(part: &MessagePart<'_>) -> Option<Leaf> {
    let kind = part.content_type().map_or_else(
        || "text/plain".to_owned(),
        |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()),
    );
    let squeezed: Vec<u8>;
    let octets = match &part.body {
        PartType::Multipart(_) => return None,
        PartType::Message(inner) => inner.raw_message(),
        // A text may get other line ends, and one more at its end.
        PartType::Text(text) | PartType::Html(text) => {
            squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ").into_bytes();
            &squeezed
        }
        _ => part.contents(),
    };
    Some(Leaf {
        kind: kind.to_ascii_lowercase(),
        name: part.attachment_name().map(str::to_owned),
        content_id: part.content_id().map(str::to_owned),
        size: octets.len(),
        digest: blake3::hash(octets).to_hex().to_string(),
    })
}

/// The leaves of an empty text count for nothing: a page that travels alone gets one beside it.
pub(crate) fn told(mime: &[u8]) -> Vec<Leaf> {
    let empty = |leaf: &Leaf| leaf.size == 0 && leaf.kind.starts_with("text/");
    leaves(mime).into_iter().filter(|leaf| !empty(leaf)).collect()
}
