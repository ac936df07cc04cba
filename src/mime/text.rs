//! Decoded text, for SEARCH and previews: RFC 2047 words, transfer encodings and charsets resolved.
//!
//! A key is found when the text holds it after both were brought into the form of `collation` (RFC 3501 §6.4.4
//! wants case-insensitive matching, RFC 5255 §4.4 says how).

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1252};
use mail_parser::{
    decoders::{charsets::map::charset_decoder, html::html_to_text},
    parsers::MessageStream,
};

use super::{
    Part, address,
    collation::folded,
    extended::{Extended, extended_parameters},
    field,
    media::Media,
    transfer::{Transfer, base64_decoded, quoted_printable_decoded},
};

/// Where comments may stand inside addresses.
const ADDRESS_FIELDS: [&str; 6] = ["From", "To", "Cc", "Bcc", "Sender", "Reply-To"];
/// Where parameters stand, and names of files among them.
const PARAMETER_FIELDS: [&str; 2] = ["Content-Type", "Content-Disposition"];

/// What is searched for, ready to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle(String);

/// All values of the fields of this name in a header, decoded.
pub fn header_values(header: &[u8], name: &str) -> Vec<String> {
    let fields = field::fields(header).filter(|field| field.is(name));
    fields.map(|field| decoded_words(&field.unfolded())).collect()
}

/// SEARCH HEADER, SUBJECT, FROM, TO, CC and BCC. With an empty needle: whether the field is there.
pub fn header_contains(header: &[u8], name: &str, needle: &Needle) -> bool {
    header_values(header, name).iter().any(|value| needle.is_in(value))
        || ADDRESS_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
            && bare_addresses(header, name).iter().any(|value| needle.is_in(value))
}

fn bare_addresses(header: &[u8], name: &str) -> Vec<String> {
    let fields = field::fields(header).filter(|field| field.is(name));
    let bare = fields.map(|field| address::bare(&field.unfolded()));
    bare.map(|addresses| String::from_utf8_lossy(&addresses).into_owned()).collect()
}

// === impl Needle ===

impl Needle {
    pub fn new(text: &str) -> Self {
        Self(folded(text))
    }

    /// Like `is_in`, for text that is folded already.
    pub(super) fn is_in_folded(&self, text: &str) -> bool {
        text.contains(&self.0)
    }

    /// Whether this (decoded) text holds the needle. The empty needle is in every text.
    pub fn is_in(&self, text: &str) -> bool {
        folded(text).contains(&self.0)
    }

    /// Octets of it, as `is_in_folded` compares them.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The whole header as `name: value` lines, each followed by the parameters that the line does not show in one piece.
pub(super) fn decoded_header(header: &[u8]) -> String {
    let mut text = String::new();
    for field in field::fields(header) {
        let value = field.unfolded();
        text.push_str(&String::from_utf8_lossy(field.name));
        text.push_str(": ");
        text.push_str(&decoded_words(&value));
        text.push('\n');
        if PARAMETER_FIELDS.iter().any(|name| field.is(name)) {
            for Extended { name, charset, octets } in extended_parameters(&value) {
                text.push_str(&format!("{name}={}\n", in_charset(&charset, &octets)));
            }
        }
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

/// The text in a body that is not too large to be held.
pub(super) fn decoded_body(part: &Part, media: &Media, body: &[u8]) -> String {
    let octets = match Transfer::of(&part.fields) {
        Some(Transfer::Base64) => Cow::Owned(base64_decoded(body)),
        Some(Transfer::QuotedPrintable) => Cow::Owned(quoted_printable_decoded(body)),
        Some(Transfer::Identity) | None => Cow::Borrowed(body),
    };
    decoded_text(media, &octets)
}

/// The text in octets that are without their transfer encoding.
pub(super) fn decoded_text(media: &Media, octets: &[u8]) -> String {
    let charset = media.parameter("charset").unwrap_or_default();
    let text = in_charset(&charset, octets);
    match media.is_html() {
        true => html_to_text(&text),
        false => text.into_owned(),
    }
}

/// Whether `decoded_text` makes the same of all lines together and of one after the other.
pub(super) fn reads_line_by_line(media: &Media) -> bool {
    let charset = media.parameter("charset").unwrap_or_default();
    let by_octets = match Encoding::for_label(&charset) {
        Some(encoding) => encoding.is_ascii_compatible(),
        None => charset_decoder(&charset).is_none(),
    };
    by_octets && !media.is_html()
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
        header_contains(message, field, &Needle::new(needle))
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
}
