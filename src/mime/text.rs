//! Decoded text, for SEARCH only: RFC 2047 words, transfer encodings and charsets resolved.
//!
//! A key is found when the text holds it after lower-casing both (RFC 3501 §6.4.4 wants case-insensitive matching)
//! and taking any run of blanks and line ends for one blank, so that a phrase is found across a folded or
//! wrapped line.

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1252};
use mail_parser::{
    decoders::{charsets::map::charset_decoder, html::html_to_text},
    parsers::MessageStream,
};

use super::{
    Content, Outline, Part, Scanner, address, field,
    media::{DefaultType, Media, without_comments},
    transfer::{base64_decoded, quoted_printable_decoded},
};

/// Where comments may stand inside addresses.
const ADDRESS_FIELDS: [&str; 6] = ["From", "To", "Cc", "Bcc", "Sender", "Reply-To"];

/// What is searched for, ready to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle(String);

/// A message that can be searched. Decodes when asked; keep it for all keys of one SEARCH.
pub struct Searchable<'a> {
    message: &'a [u8],
    outline: Outline,
}

/// All values of the fields of this name in the top-level header, decoded.
pub fn header_values(message: &[u8], name: &str) -> Vec<String> {
    Searchable::new(message).header_values(name)
}

/// The decoded text of the message body: every text part, and the headers of the messages inside.
pub fn body_text(message: &[u8]) -> String {
    Searchable::new(message).body_text()
}

// === impl Needle ===

impl Needle {
    pub fn new(text: &str) -> Self {
        Self(folded(text))
    }

    /// Like `is_in`, for text that is in lower case and has its blanks taken together already.
    pub(super) fn is_in_folded(&self, text: &str) -> bool {
        text.contains(&self.0)
    }

    /// Whether this (decoded) text holds the needle. The empty needle is in every text.
    pub fn is_in(&self, text: &str) -> bool {
        folded(text).contains(&self.0)
    }
}

// === impl Searchable ===

impl<'a> Searchable<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        let mut scanner = Scanner::new();
        scanner.feed(message);
        Self { message, outline: scanner.finish() }
    }

    /// SEARCH HEADER, SUBJECT, FROM, TO, CC and BCC. With an empty needle: whether the field is there.
    pub fn header_contains(&self, name: &str, needle: &Needle) -> bool {
        self.header_values(name).iter().any(|value| needle.is_in(value))
            || ADDRESS_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
                && self.bare_addresses(name).iter().any(|value| needle.is_in(value))
    }

    /// SEARCH BODY.
    pub fn body_contains(&self, needle: &Needle) -> bool {
        needle.is_in(&self.body_text())
    }

    /// SEARCH TEXT: the header or the body.
    pub fn text_contains(&self, needle: &Needle) -> bool {
        needle.is_in(&decoded_header(self.slice(&self.outline.root().header)))
            || self.body_contains(needle)
    }

    fn header_values(&self, name: &str) -> Vec<String> {
        let header = self.slice(&self.outline.root().header);
        field::fields(header)
            .filter(|field| field.is(name))
            .map(|field| decoded_words(&field.unfolded()))
            .collect()
    }

    fn bare_addresses(&self, name: &str) -> Vec<String> {
        let header = self.slice(&self.outline.root().header);
        let fields = field::fields(header).filter(|field| field.is(name));
        let bare = fields.map(|field| address::bare(&field.unfolded()));
        bare.map(|addresses| String::from_utf8_lossy(&addresses).into_owned()).collect()
    }

    fn body_text(&self) -> String {
        let mut text = String::new();
        self.collect(self.outline.root(), DefaultType::TextPlain, &mut text);
        text
    }

    fn collect(&self, part: &Part, default: DefaultType, text: &mut String) {
        let media = part.media().unwrap_or_else(|| default.media());
        match &part.content {
            Content::Multipart(children) => {
                for child in children {
                    self.collect(self.outline.part(*child), media.part_default(), text);
                }
            }
            Content::Message(inner) => {
                let inner = self.outline.part(*inner);
                text.push_str(&decoded_header(self.slice(&inner.header)));
                self.collect(inner, DefaultType::TextPlain, text);
            }
            Content::Opaque => text.push_str(&decoded_body(part, &media, self.slice(&part.body))),
            Content::Single if media.is_text() => {
                text.push_str(&decoded_body(part, &media, self.slice(&part.body)));
            }
            Content::Single => {}
        }
        text.push('\n');
    }

    fn slice(&self, range: &std::ops::Range<u64>) -> &'a [u8] {
        let offset = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        self.message.get(offset(range.start)..offset(range.end)).unwrap_or_default()
    }
}

/// In lower case, any run of blanks and line ends taken for one blank.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut after_blank = false;
    for c in text.chars() {
        // Most text is US-ASCII, and there both questions are cheap.
        let blank = if c.is_ascii() { matches!(c, ' ' | '\t'..='\r') } else { c.is_whitespace() };
        match (blank, after_blank) {
            (true, true) => {}
            (true, false) => folded.push(' '),
            (false, _) if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            (false, _) => folded.extend(c.to_lowercase()),
        }
        after_blank = blank;
    }
    folded
}

/// The whole header as `name: value` lines.
fn decoded_header(header: &[u8]) -> String {
    let mut text = String::new();
    for field in field::fields(header) {
        text.push_str(&String::from_utf8_lossy(field.name));
        text.push_str(": ");
        text.push_str(&decoded_words(&field.unfolded()));
        text.push('\n');
    }
    text
}

/// RFC 2047 words resolved anywhere in the value; raw octets are UTF-8 or else Windows-1252.
pub(super) fn decoded_words(value: &[u8]) -> String {
    let mut line = unlabelled(value).into_owned();
    line.push_str("\r\n");
    let decoded = MessageStream::new(line.as_bytes()).parse_unstructured();
    decoded.into_text().map(Cow::into_owned).unwrap_or_default()
}

fn decoded_body(part: &Part, media: &Media, body: &[u8]) -> String {
    let octets = without_transfer_encoding(part, body);
    let charset = media.parameter("charset").unwrap_or_default();
    let text = in_charset(&charset, &octets);
    match media.is_text() && media.subtype.eq_ignore_ascii_case(b"html") {
        true => html_to_text(&text),
        false => text.into_owned(),
    }
}

fn without_transfer_encoding<'a>(part: &Part, body: &'a [u8]) -> Cow<'a, [u8]> {
    let encoding = without_comments(&part.value("Content-Transfer-Encoding").unwrap_or_default());
    match encoding.to_ascii_lowercase().as_slice() {
        b"base64" => Cow::Owned(base64_decoded(body)),
        b"quoted-printable" => Cow::Owned(quoted_printable_decoded(body)),
        _ => Cow::Borrowed(body),
    }
}

/// Octets in the charset a part names. `us-ascii`, unknown and missing names mean UTF-8 when the octets are that.
fn in_charset<'a>(label: &[u8], octets: &'a [u8]) -> Cow<'a, str> {
    match Encoding::for_label(label) {
        Some(encoding) if encoding != WINDOWS_1252 => encoding.decode(octets).0,
        Some(_) => unlabelled(octets),
        None => match charset_decoder(label) {
            Some(decode) => Cow::Owned(decode(octets)),
            None => unlabelled(octets),
        },
    }
}

fn unlabelled(octets: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(octets).map_or_else(|_| WINDOWS_1252.decode(octets).0, Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(message: &[u8], field: &str, needle: &str) -> bool {
        Searchable::new(message).header_contains(field, &Needle::new(needle))
    }

    fn body_has(message: &[u8], needle: &str) -> bool {
        Searchable::new(message).body_contains(&Needle::new(needle))
    }

    #[test]
    fn encoded_words_are_found_by_what_they_say() {
        let message = b"Subject: =?utf-8?B?R3LDvMOfZQ==?= =?iso-8859-1?Q?_aus_K=F6ln?=\r\nFrom: =?koi8-r?Q?=F0=D2=C9=D7=C5=D4?= <a@x>\r\n\r\n";
        assert!(has(message, "subject", "GRÜßE AUS köln"));
        assert!(has(message, "from", "привет <A@X>"));
        assert!(!has(message, "from", "Köln"));
    }

    #[test]
    fn an_address_is_found_whatever_comments_stand_in_it() {
        let message = b"From: <ada (the first)@ (at) contoso.example>\r\nX-From: a(b)c\r\n\r\n";
        assert!(has(message, "from", "ada@contoso.example"));
        assert!(has(message, "from", "(the first)"));
        assert!(!has(message, "x-from", "ac"));
    }

    #[test]
    fn raw_octets_in_a_header_are_found() {
        assert!(has("Subject: Café\r\n\r\n".as_bytes(), "subject", "CAFÉ"));
        assert!(has(b"Subject: Caf\xe9\r\n\r\n", "subject", "café"));
    }

    #[test]
    fn an_empty_needle_asks_whether_the_field_is_there() {
        assert!(has(b"X-Spam:\r\n\r\n", "X-Spam", ""));
        assert!(!has(b"Subject: x\r\n\r\n", "X-Spam", ""));
    }

    #[test]
    fn bodies_are_searched_decoded() {
        let qp = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nein sch=C3=B6=\r\nner\r\nTag  \r\n";
        assert!(body_has(qp, "SCHÖNER TAG"));
        let html = b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>caf&eacute; <b>f</b>oo \xe4</p>";
        assert!(body_has(html, "café foo ä"));
        let junk = b"Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: BASE64\r\n\r\nSGVs*bG8g\r\n!d29y bGQ=\r\n";
        assert!(body_has(junk, "hello world"));
    }

    #[test]
    fn old_charsets_are_understood() {
        let message = |charset: &str, octets: &[u8]| {
            let header = format!("Content-Type: text/plain; charset={charset}\r\n\r\n");
            [header.as_bytes(), octets].concat()
        };
        assert!(body_has(&message("iso-2022-jp", b"\x1b$B%O%m!<\x1b(B"), "ハロー"));
        assert!(body_has(&message("gb18030", b"\xc4\xe3\xba\xc3"), "你好"));
        assert!(body_has(&message("shift_jis", b"\x83n\x83\x8D\x81["), "ハロー"));
        assert!(body_has(&message("utf-7", b"caf+AOk-"), "café"));
        assert!(body_has(&message("us-ascii", "naïve".as_bytes()), "naïve"));
        assert!(body_has(&message("x-nonsense", b"na\xefve"), "naïve"));
    }

    #[test]
    fn text_means_header_and_body_and_the_messages_inside() {
        let message = b"Subject: outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?inn=C3=A9r?=\r\n\r\ndeep\r\n";
        let found = |needle: &str| Searchable::new(message).text_contains(&Needle::new(needle));
        assert!(found("outer") && found("innér") && found("deep") && found("subject: outer"));
        assert!(!found("innÉrx"));
        assert!(body_has(message, "innér") && !body_has(message, "outer"));
    }

    #[test]
    fn attachments_are_not_text() {
        let message = b"Content-Type: application/pdf\r\n\r\nsecret words";
        assert!(!body_has(message, "secret"));
    }
}
