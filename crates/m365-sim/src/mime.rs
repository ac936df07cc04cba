//! Writing MIME, and editing the header block of a message without touching the rest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::ids::scramble;
use crate::view::{self, Attachment, Body, Mailbox};

/// RFC 2045 section 6.8
const BASE64_LINE: usize = 76;
/// Raw bytes of one encoded word: its base64 stays under the 75 characters of RFC 2047 section 2.
const WORD_BYTES: usize = 42;

/// A message as Exchange holds it: headers, bodies and attachments, no MIME structure.
pub(crate) struct Composed {
    /// Unfolded, encoded, without MIME-Version and Content-*.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) attachments: Vec<Attachment>,
}

impl Composed {
    /// Takes a message apart, losing what Exchange loses: its structure, encodings and boundaries.
    pub(crate) fn of(mime: &[u8]) -> Self {
        let (head, _) = split(mime);
        let headers = fields(head)
            .into_iter()
            .filter(|(name, _)| !is_mime_header(name))
            .map(|(name, raw)| (name.to_owned(), unfold(raw)))
            .collect();
        let (text, html) = match view::body(mime) {
            Body::Text(text) => (Some(text), None),
            Body::Html(html) => (Some(view::plain_text(mime)), Some(html)),
        };
        Self { headers, text, html, attachments: view::attachments(mime) }
    }

    /// Writes it; `seed` decides the boundaries.
    pub(crate) fn write(&self, seed: u64) -> Bytes {
        let mut out = Vec::new();
        for (name, value) in &self.headers {
            out.extend_from_slice(folded(name, value).as_bytes());
        }
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        if self.attachments.is_empty() {
            out.extend_from_slice(self.bodies(seed).as_bytes());
            return Bytes::from(out);
        }
        let boundary = boundary(seed, 1);
        let kind = format!(
            "Content-Type: multipart/mixed;\r\n\tboundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
        );
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(self.bodies(seed).as_bytes());
        for attachment in &self.attachments {
            out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
            out.extend_from_slice(&attachment_part(attachment));
        }
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Bytes::from(out)
    }

    fn bodies(&self, seed: u64) -> String {
        match (&self.text, &self.html) {
            (Some(text), Some(html)) => {
                let boundary = boundary(seed, 2);
                format!(
                    "Content-Type: multipart/alternative;\r\n\tboundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n{}\r\n\
                     --{boundary}\r\n{}\r\n--{boundary}--\r\n",
                    text_part("plain", text),
                    text_part("html", html)
                )
            }
            (None, Some(html)) => text_part("html", html),
            (text, None) => text_part("plain", text.as_deref().unwrap_or_default()),
        }
    }
}

/// Signed, encrypted and report mail stays one blob in Exchange.
pub(crate) fn is_opaque(mime: &[u8]) -> bool {
    let kind = header(mime, "Content-Type").unwrap_or_default().to_ascii_lowercase();
    ["multipart/signed", "multipart/encrypted", "multipart/report", "application/"]
        .iter()
        .any(|opaque| kind.starts_with(opaque))
}

/// Header block with its last line end, and the rest.
pub(crate) fn split(mime: &[u8]) -> (&[u8], &[u8]) {
    if mime.starts_with(b"\r\n") {
        return (&[], &mime[2..]);
    }
    match mime.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (&mime[..at + 2], &mime[at + 4..]),
        None => (mime, &[]),
    }
}

/// Name and raw text (folded value with its line end) of each field.
pub(crate) fn fields(head: &[u8]) -> Vec<(&str, &[u8])> {
    logical_lines(head).into_iter().filter_map(field).collect()
}

fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?;
    Some((name.trim_end(), &line[colon + 1..]))
}

/// The name of the field on this line, if it is one.
pub(crate) fn field_name(line: &[u8]) -> Option<&str> {
    field(line).map(|(name, _)| name)
}

/// Lines of the header block, each with its continuations.
pub(crate) fn logical_lines(head: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < head.len() {
        let mut end = line_end(head, start);
        while end < head.len() && matches!(head[end], b' ' | b'\t') {
            end = line_end(head, end);
        }
        found.push(&head[start..end]);
        start = end;
    }
    found
}

/// The unfolded value of the first field of this name.
pub(crate) fn header(mime: &[u8], name: &str) -> Option<String> {
    let (head, _) = split(mime);
    let found = fields(head).into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, raw)| unfold(raw))
}

/// The message without the fields of these names; every other byte stays.
pub(crate) fn without(mime: &[u8], names: &[&str]) -> Bytes {
    let (head, _) = split(mime);
    let mut out = Vec::with_capacity(mime.len());
    for line in logical_lines(head) {
        let gone = field(line)
            .is_some_and(|(name, _)| names.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
        if !gone {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(&mime[head.len()..]);
    Bytes::from(out)
}

/// The message with this field set once, in front.
pub(crate) fn with_header(mime: &[u8], name: &str, value: &str) -> Bytes {
    let rest = without(mime, &[name]);
    let mut out = folded(name, value).into_bytes();
    out.extend_from_slice(&rest);
    Bytes::from(out)
}

/// RFC 2047: plain if ASCII, else base64 words of UTF-8.
pub(crate) fn word(text: &str) -> String {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut piece = String::new();
    for character in text.chars() {
        if piece.len() + character.len_utf8() > WORD_BYTES {
            words.push(std::mem::take(&mut piece));
        }
        piece.push(character);
    }
    words.push(piece);
    let encoded = words.iter().map(|piece| format!("=?utf-8?B?{}?=", STANDARD.encode(piece)));
    encoded.collect::<Vec<_>>().join(" ")
}

/// `Name <address>, …` for an address header.
pub(crate) fn addresses(list: &[Mailbox]) -> String {
    list.iter().map(address).collect::<Vec<_>>().join(", ")
}

fn address(mailbox: &Mailbox) -> String {
    match mailbox.name.as_deref().filter(|name| !name.is_empty()) {
        None => mailbox.address.clone(),
        Some(name) if name.is_ascii() => {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{quoted}\" <{}>", mailbox.address)
        }
        Some(name) => format!("{} <{}>", word(name), mailbox.address),
    }
}

fn is_mime_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "mime-version" || name.starts_with("content-")
}

fn line_end(head: &[u8], from: usize) -> usize {
    let found = head[from..].iter().position(|byte| *byte == b'\n');
    found.map_or(head.len(), |at| from + at + 1)
}

fn unfold(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    text.replace("\r\n", "").replace('\n', "").trim().to_owned()
}

/// Folded at spaces near column 76 (RFC 5322 section 2.2.3).
fn folded(name: &str, value: &str) -> String {
    let mut out = format!("{name}:");
    let mut column = out.len();
    for word in value.split(' ') {
        if column + word.len() + 1 > 76 && column > name.len() + 1 && !word.is_empty() {
            out.push_str("\r\n");
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += word.len() + 1;
    }
    out.push_str("\r\n");
    out
}

fn text_part(subtype: &str, text: &str) -> String {
    let body = wrapped_base64(text.as_bytes());
    format!(
        "Content-Type: text/{subtype}; charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}"
    )
}

pub(crate) fn attachment_part(attachment: &Attachment) -> Vec<u8> {
    let name = word(&attachment.name).replace('"', "'");
    let disposition = if attachment.inline { "inline" } else { "attachment" };
    let mut head = format!(
        "Content-Type: {};\r\n\tname=\"{name}\"\r\nContent-Disposition: {disposition};\r\n\tfilename=\"{name}\"\r\n",
        attachment.content_type
    );
    if let Some(id) = &attachment.content_id {
        head.push_str(&format!("Content-ID: <{}>\r\n", id.trim_matches(['<', '>'])));
    }
    // RFC 2046 section 5.2.1: message/rfc822 takes no base64.
    if attachment.message {
        let head = format!("{head}Content-Transfer-Encoding: 8bit\r\n\r\n");
        return [head.as_bytes(), &attachment.bytes].concat();
    }
    let mut part = format!("{head}Content-Transfer-Encoding: base64\r\n\r\n").into_bytes();
    part.extend_from_slice(wrapped_base64(&attachment.bytes).as_bytes());
    part
}

fn wrapped_base64(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut out = String::with_capacity(encoded.len() + encoded.len() / 38 + 2);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(BASE64_LINE));
        out.push_str(line);
        out.push_str("\r\n");
        rest = tail;
    }
    out
}

pub(crate) fn boundary(seed: u64, level: u64) -> String {
    format!("_{level:03}_{:016X}namprd00_", scramble(seed.rotate_left(8) ^ level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_header_out_leaves_every_other_byte() {
        let mime = b"From: a@x.example\r\nBcc: b@x.example,\r\n c@x.example\r\nX-Odd : 1\r\nTo: d@x.example\r\n\r\nBcc: body\r\n";
        let left = without(mime, &["bcc"]);
        assert_eq!(
            &left[..],
            b"From: a@x.example\r\nX-Odd : 1\r\nTo: d@x.example\r\n\r\nBcc: body\r\n"
        );
    }

    #[test]
    fn what_is_written_parses_to_the_same_parts() {
        let composed = Composed {
            headers: vec![(
                "Subject".into(),
                word("Größe und ein langer Betreff, der gefaltet werden muss, weil er lang ist"),
            )],
            text: Some("hello".into()),
            html: Some("<p>hello</p>".into()),
            attachments: vec![Attachment {
                name: "a.bin".into(),
                content_type: "application/octet-stream".into(),
                content_id: None,
                inline: false,
                message: false,
                bytes: Bytes::from_static(&[0, 1, 2, 255]),
            }],
        };
        let mime = composed.write(1);
        let view = view::View::of(&mime);
        assert_eq!(
            view.subject.as_deref(),
            Some("Größe und ein langer Betreff, der gefaltet werden muss, weil er lang ist")
        );
        assert!(view.has_attachments);
        assert_eq!(view::attachments(&mime)[0].bytes[..], [0, 1, 2, 255]);
        assert_ne!(mime, composed.write(2));
    }
}
