//! The first words of a message, for people who choose what to read (RFC 8970).

use super::media::{DefaultType, Media, without_comments};
use super::text::decoded_body;
use super::{Content, Outline, Part, PartIndex};

/// Characters of a preview (RFC 8970 §3.1).
pub const PREVIEW_LONGEST: usize = 200;
/// Octets of a part that its preview is made from: newsletters begin with their style sheets.
pub const PREVIEW_READ: u64 = 128 * 1024;
/// Parts that are tried, if the first ones turn out to be blank.
const TRIED: usize = 4;
/// How deep a text may be hidden.
const DEPTH: usize = 8;

/// The parts that a preview may be made from, best first: the text that a mail program would show,
/// never an attachment. The outline must have its headers.
pub fn preview_parts(outline: &Outline) -> Vec<PartIndex> {
    let mut found = Vec::new();
    collect(outline, PartIndex(0), (DefaultType::TextPlain, DEPTH), &mut found);
    found.truncate(TRIED);
    found
}

/// The first characters of a part's text on one line; empty if it has none. `body` may be cut short.
pub fn preview(part: &Part, body: &[u8]) -> String {
    let media = part.media().unwrap_or_else(|| DefaultType::TextPlain.media());
    let text = decoded_body(part, &media, body);
    let mut preview = String::new();
    let mut length = 0;
    let mut blank = false;
    for character in text.chars().filter(|character| !is_invisible(*character)) {
        if character.is_whitespace() || character.is_control() {
            blank = length > 0;
            continue;
        }
        if length + usize::from(blank) + 1 > PREVIEW_LONGEST {
            break;
        }
        if std::mem::take(&mut blank) {
            preview.push(' ');
            length += 1;
        }
        preview.push(character);
        length += 1;
    }
    preview
}

fn collect(
    outline: &Outline,
    index: PartIndex,
    (default, depth): (DefaultType, usize),
    found: &mut Vec<PartIndex>,
) {
    let part = outline.part(index);
    let Some(depth) = depth.checked_sub(1) else { return };
    if found.len() >= TRIED || is_attached(part) {
        return;
    }
    let media = part.media().unwrap_or_else(|| default.media());
    match &part.content {
        Content::Multipart(children) => {
            let begin = found.len();
            for child in children {
                collect(outline, *child, (media.part_default(), depth), found);
            }
            if media.subtype.eq_ignore_ascii_case(b"alternative") {
                // All say the same; plain text says it without a guess.
                found[begin..].sort_by_key(|index| is_html(outline.part(*index)));
            }
        }
        Content::Message(inner) => {
            collect(outline, *inner, (DefaultType::TextPlain, depth), found);
        }
        Content::Single if media.is_text() => found.push(index),
        Content::Single | Content::Opaque => {}
    }
}

fn is_attached(part: &Part) -> bool {
    let disposition = without_comments(&part.value("Content-Disposition").unwrap_or_default());
    let kind = disposition.split(|octet| *octet == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"attachment")
}

fn is_html(part: &Part) -> bool {
    part.media().is_some_and(|media: Media| media.subtype.eq_ignore_ascii_case(b"html"))
}

/// Characters that newsletters fill their own previews with: soft hyphens, joiners, marks of direction.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn made(message: &str) -> String {
        let mut scanner = Scanner::new();
        scanner.feed(message.as_bytes());
        let outline = scanner.finish();
        let offset = |at: u64| usize::try_from(at).unwrap();
        let body = |part: &Part| &message[offset(part.body.start)..offset(part.body.end)];
        let parts = preview_parts(&outline);
        let parts = parts.into_iter().map(|index| outline.part(index));
        let texts = parts.map(|part| preview(part, body(part).as_bytes()));
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    #[test]
    fn the_first_words_stand_on_one_line() {
        assert_eq!(
            made("Subject: x\r\n\r\n  One\r\n\r\n\ttwo\u{200b} three \r\n"),
            "One two three"
        );
        assert_eq!(made("Subject: x\r\n\r\n\r\n \r\n"), "");
    }

    #[test]
    fn it_is_counted_in_characters() {
        let text = made(&format!("\r\n{}", "\u{f6}".repeat(300)));
        assert_eq!(text.chars().count(), PREVIEW_LONGEST);
        let words = made(&format!("\r\n{}", "ab ".repeat(100)));
        assert_eq!(words.chars().count(), PREVIEW_LONGEST);
        assert!(words.ends_with("ab"));
        let words = made(&format!("\r\nx{}", "ab ".repeat(100)));
        assert!(words.chars().count() <= PREVIEW_LONGEST && !words.ends_with(' '));
    }

    #[test]
    fn plain_text_is_taken_before_html_and_html_without_its_marks() {
        let both = |plain: &str| {
            format!(
                "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
                 <style>p {{}}</style><p>rich &amp; <b>bold</b></p>\r\n--b\r\n\r\n{plain}\r\n--b--\r\n"
            )
        };
        assert_eq!(made(&both("plain")), "plain");
        assert_eq!(made(&both("  ")), "rich & bold", "a blank alternative is none");
    }

    #[test]
    fn attachments_are_left_out_and_what_cannot_be_read_gives_an_empty_text() {
        let attached = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: ATTACHMENT; filename=a\r\n\
             Content-Type: text/plain\r\n\r\nlog\r\n--b\r\n\r\nwords\r\n--b--\r\n";
        assert_eq!(made(attached), "words");
        let sealed = "Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAG\r\n";
        assert_eq!(made(sealed), "");
    }

    #[test]
    fn encodings_and_charsets_are_resolved() {
        let message = "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9=\r\n s\r\n";
        assert_eq!(made(message), "caf\u{e9} s");
    }
}
