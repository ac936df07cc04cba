//! A message to which attachments were added one by one: written as MIME when someone reads it, so that a large one
//! is not taken apart and put together again for each of its attachments.

use std::sync::OnceLock;

use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders};

use crate::mime::{self, Composed};
use crate::switch::Attaching;
use crate::view::{self, Attachment, View};

/// What the written form has beside each attachment's base64, roughly.
const PART_HEADER: usize = 256;

pub(crate) struct Grown {
    base: Bytes,
    view: View,
    /// Those of the base, then those that were added.
    attachments: Vec<Attachment>,
    own: usize,
    attaching: Attaching,
    /// Decides the boundaries.
    seed: u64,
    written: OnceLock<Bytes>,
}

impl Grown {
    /// Nothing added yet.
    pub(crate) fn of(base: Bytes, view: View, attaching: Attaching, seed: u64) -> Self {
        let attachments = view::attachments(&base);
        let own = attachments.len();
        Self { base, view, attachments, own, attaching, seed, written: OnceLock::new() }
    }

    pub(crate) fn with(&self, attachment: Attachment) -> Self {
        let mut attachments = self.attachments.clone();
        let mut view = self.view.clone();
        view.has_attachments |= !attachment.inline;
        attachments.push(attachment);
        let Self { base, own, attaching, seed, .. } = self;
        let (base, own, attaching, seed) = (base.clone(), *own, *attaching, *seed);
        Self { base, view, attachments, own, attaching, seed, written: OnceLock::new() }
    }

    pub(crate) fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Octets of the written form, about.
    pub(crate) fn size(&self) -> usize {
        let added = &self.attachments[self.own..];
        let encoded = |one: &Attachment| one.bytes.len() / 57 * 78 + PART_HEADER;
        self.base.len() + added.iter().map(encoded).sum::<usize>()
    }

    /// Without an attachment, which costs its structure.
    pub(crate) fn without(&self, index: usize) -> Bytes {
        let mut composed = self.composed();
        composed.attachments.remove(index);
        composed.write(self.seed)
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let write = || match self.attaching {
            Attaching::Rebuilt => self.composed().write(self.seed),
            Attaching::Kept => self.kept(),
        };
        self.written.get_or_init(write).clone()
    }

    fn composed(&self) -> Composed {
        let mut composed = Composed::of(&self.base);
        composed.attachments = self.attachments.clone();
        composed
    }

    /// The base as it is, in a multipart/mixed with what was added.
    fn kept(&self) -> Bytes {
        let added: Vec<Vec<u8>> =
            self.attachments[self.own..].iter().map(mime::attachment_part).collect();
        let mut out = Vec::with_capacity(self.size() + 1024);
        if let Some((boundary, close)) = closing(&self.base) {
            out.extend_from_slice(&self.base[..close]);
            for part in added {
                out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
                out.extend_from_slice(&part);
            }
            out.extend_from_slice(&self.base[close..]);
            return Bytes::from(out);
        }
        let (head, body) = mime::split(&self.base);
        let is_content = |name: &str| name.to_ascii_lowercase().starts_with("content-");
        let boundary = mime::boundary(self.seed, 3);
        for line in mime::logical_lines(head) {
            if !mime::field_name(line).is_some_and(is_content) {
                out.extend_from_slice(line);
            }
        }
        if mime::header(&self.base, "MIME-Version").is_none() {
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        let kind = format!(
            "Content-Type: multipart/mixed;\r\n\tboundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
        );
        out.extend_from_slice(kind.as_bytes());
        for line in mime::logical_lines(head) {
            if mime::field_name(line).is_some_and(is_content) {
                out.extend_from_slice(line);
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        for part in added {
            out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
            out.extend_from_slice(&part);
        }
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Bytes::from(out)
    }
}

/// The boundary of a multipart/mixed and the place of its close delimiter, line end before it included.
fn closing(mime: &[u8]) -> Option<(String, usize)> {
    let (head, _) = mime::split(mime);
    let parsed = MessageParser::default().parse_headers(head)?;
    let kind = parsed.content_type()?;
    let is_mixed = kind.ctype().eq_ignore_ascii_case("multipart")
        && kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("mixed"));
    let boundary = kind.attribute("boundary").filter(|_| is_mixed)?.to_owned();
    let close = format!("\r\n--{boundary}--");
    let at = mime.windows(close.len()).rposition(|window| window == close.as_bytes())?;
    Some((boundary, at))
}
