//! BODY and BODYSTRUCTURE (RFC 3501 §7.4.2).

use super::{
    Content, Outline, Part,
    envelope::push_envelope,
    media::{DefaultType, Media, Parameter, token_with_parameters, without_comments},
    nstring::{push_nstring, push_string},
};

/// Which of the two fetch items is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `BODY`: without extension data.
    Body,
    /// `BODYSTRUCTURE`: with it.
    BodyStructure,
}

/// By which grammar it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// RFC 3501: `message/rfc822` alone has the envelope and structure of its message. In `message/global` a client would
    /// take them for extension data.
    Rev1,
    /// RFC 9051 §9: both have them.
    Rev2,
}

/// The finished text of BODY or BODYSTRUCTURE, parentheses included.
///
/// Types, parameters and encodings are spelled as in the message, parameters not decoded.
pub fn structure(outline: &Outline, form: Form, edition: Edition) -> Vec<u8> {
    let mut writer = Writer { outline, form, edition, out: Vec::new() };
    writer.part(outline.root(), DefaultType::TextPlain);
    writer.out
}

/// Whether a structure may read differently in another edition.
pub fn has_editions(structure: &[u8]) -> bool {
    let global = br#""message" "global""#;
    structure.windows(global.len()).any(|octets| octets.eq_ignore_ascii_case(global))
}

struct Writer<'a> {
    outline: &'a Outline,
    form: Form,
    edition: Edition,
    out: Vec<u8>,
}

// === impl Writer ===

impl Writer<'_> {
    fn part(&mut self, part: &Part, default: DefaultType) {
        self.out.push(b'(');
        match &part.content {
            Content::Multipart(children) => {
                let media = part.media().unwrap_or_else(|| default.media());
                for child in children {
                    self.part(self.outline.part(*child), media.part_default());
                }
                self.multipart_end(part, &media);
            }
            Content::Opaque => self.single(part, &DefaultType::TextPlain.media()),
            Content::Single | Content::Message(_) => {
                self.single(part, &part.media().unwrap_or_else(|| default.media()));
            }
        }
        self.out.push(b')');
    }

    fn multipart_end(&mut self, part: &Part, media: &Media) {
        self.space();
        push_string(&mut self.out, &media.subtype);
        if self.form == Form::BodyStructure {
            self.space();
            self.parameters(&media.parameters);
            self.common_extension(part);
        }
    }

    fn single(&mut self, part: &Part, media: &Media) {
        push_string(&mut self.out, &media.kind);
        self.space();
        push_string(&mut self.out, &media.subtype);
        self.space();
        self.parameters(&media.parameters);
        self.field(part, "Content-ID");
        self.field(part, "Content-Description");
        self.space();
        push_string(&mut self.out, &encoding(part));
        self.number(part.body.end - part.body.start);
        if let Content::Message(message) = part.content
            && self.shows_message(media)
        {
            let message = self.outline.part(message);
            self.space();
            push_envelope(&mut self.out, message);
            self.space();
            self.part(message, DefaultType::TextPlain);
            self.number(part.lines);
        }
        if media.is_text() {
            self.number(part.lines);
        }
        if self.form == Form::BodyStructure {
            self.field(part, "Content-MD5");
            self.common_extension(part);
        }
    }

    fn shows_message(&self, media: &Media) -> bool {
        match self.edition {
            Edition::Rev1 => media.is_rfc822(),
            Edition::Rev2 => media.holds_message(),
        }
    }

    /// Disposition, language and location.
    fn common_extension(&mut self, part: &Part) {
        self.space();
        self.disposition(part);
        self.space();
        self.language(part);
        self.field(part, "Content-Location");
    }

    fn disposition(&mut self, part: &Part) {
        let value = part.value("Content-Disposition").unwrap_or_default();
        let (kind, parameters) = token_with_parameters(&value);
        if kind.is_empty() {
            return self.nil();
        }
        self.out.push(b'(');
        push_string(&mut self.out, &kind);
        self.space();
        self.parameters(&parameters);
        self.out.push(b')');
    }

    fn language(&mut self, part: &Part) {
        let value = without_comments(&part.value("Content-Language").unwrap_or_default());
        let tags: Vec<_> =
            value.split(|octet| *octet == b',').filter(|tag| !tag.is_empty()).collect();
        match tags.as_slice() {
            [] => self.nil(),
            [only] => push_string(&mut self.out, only),
            several => {
                self.out.push(b'(');
                self.spaced(several);
                self.out.push(b')');
            }
        }
    }

    fn parameters(&mut self, parameters: &[Parameter]) {
        if parameters.is_empty() {
            return self.nil();
        }
        let strings: Vec<_> =
            parameters.iter().flat_map(|one| [one.name.as_slice(), one.value.as_slice()]).collect();
        self.out.push(b'(');
        self.spaced(&strings);
        self.out.push(b')');
    }

    fn spaced(&mut self, strings: &[&[u8]]) {
        for (index, string) in strings.iter().enumerate() {
            if index > 0 {
                self.space();
            }
            push_string(&mut self.out, string);
        }
    }

    fn field(&mut self, part: &Part, name: &str) {
        self.space();
        push_nstring(&mut self.out, part.value(name).as_deref());
    }

    fn number(&mut self, number: u64) {
        self.out.extend_from_slice(format!(" {number}").as_bytes());
    }

    fn space(&mut self) {
        self.out.push(b' ');
    }

    fn nil(&mut self) {
        self.out.extend_from_slice(b"NIL");
    }
}

/// `Content-Transfer-Encoding`, `7BIT` when the part names none (RFC 2045 §6.1).
fn encoding(part: &Part) -> Vec<u8> {
    let value = part.value("Content-Transfer-Encoding").unwrap_or_default();
    let (token, _) = token_with_parameters(&value);
    if token.is_empty() { b"7BIT".to_vec() } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn text(message: &[u8], form: Form) -> String {
        let mut scanner = Scanner::new();
        scanner.feed(message);
        let outline = scanner.finish();
        let [old, new] =
            [Edition::Rev1, Edition::Rev2].map(|edition| structure(&outline, form, edition));
        assert_eq!(old, new);
        assert!(!has_editions(&old));
        String::from_utf8_lossy(&old).into_owned()
    }

    #[test]
    fn no_header_means_plain_text() {
        let expected = r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 7 2)"#;
        assert_eq!(text(b"\r\nOne\r\nTw", Form::Body), expected);
    }

    #[test]
    fn extension_data_follow_in_bodystructure() {
        let message = b"Content-Type: text/plain; charset=utf-8; name*0*=utf-8''a; name*1=b\r\n\
            Content-Disposition: attachment; filename=\r\n \"a b.txt\"\r\n\
            Content-Language: en, de\r\nContent-Location: http://x/\r\nContent-ID: <1@x>\r\n\
            Content-Transfer-Encoding: Quoted-Printable (really)\r\n\r\nx\r\n";
        let body = r#"("text" "plain" ("charset" "utf-8" "name*0*" "utf-8''a" "name*1" "b") "<1@x>" NIL "Quoted-Printable" 3 1"#;
        assert_eq!(text(message, Form::Body), format!("{body})"));
        let extension = r#" NIL ("attachment" ("filename" "a b.txt")) ("en" "de") "http://x/")"#;
        assert_eq!(text(message, Form::BodyStructure), format!("{body}{extension}"));
    }

    #[test]
    fn a_multipart_without_delimiter_is_shown_as_text() {
        let message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\nHello\r\n";
        assert!(text(message, Form::Body).starts_with(r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII")"#));
        let message = b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n";
        assert!(text(message, Form::Body).starts_with(r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII")"#));
    }

    #[test]
    fn a_digest_holds_messages_by_default() {
        let message = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n\
            Subject: in\r\n\r\nHi\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n";
        assert_eq!(
            text(message, Form::Body),
            "((\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 17 (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 2 1) 3)\
             (\"text\" \"plain\" NIL NIL NIL \"7BIT\" 1 1) \"digest\")"
        );
    }

    #[test]
    fn the_message_in_a_global_one_is_told_by_the_newer_grammar() {
        let mut scanner = Scanner::new();
        scanner.feed(b"Content-Type: Message/Global\r\n\r\nSubject: in\r\n\r\nHi\r\n");
        let outline = scanner.finish();
        let texts = [Edition::Rev1, Edition::Rev2]
            .map(|edition| structure(&outline, Form::Body, edition))
            .map(|text| String::from_utf8(text).unwrap());
        let basic = r#"("Message" "Global" NIL NIL NIL "7BIT" 19"#;
        assert_eq!(texts[0], format!("{basic})"));
        assert_eq!(
            texts[1],
            format!(
                "{basic} (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) \
                 (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 4 1) 3)"
            )
        );
        assert!(texts.iter().all(|text| has_editions(text.as_bytes())));
    }
}
