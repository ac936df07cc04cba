//! Looking for words in a message, for SEARCH BODY and TEXT: part after part, and no more of it in memory than it takes.
//!
//! Of a part that is not text only the header is read. A text is read in pieces that end with a line; one that cannot be
//! cut (HTML, or a charset in which a line feed is no octet of its own) is held whole, up to a limit.

use std::ops::Range;

use super::collation::folded;
use super::media::{DefaultType, Media};
use super::text::{Needle, decoded_header, decoded_text, reads_line_by_line};
use super::transfer::{Decoder, Transfer};
use super::{Content, Outline, Part};

/// Octets of one header, or of one text that cannot be cut, that are looked through.
pub const HELD_WHOLE: u64 = 32 * 1024 * 1024;
/// Octets of text that are compared at once.
const PIECE: usize = 1024 * 1024;

/// Words that are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    pub needle: Needle,
    pub place: Place,
}

/// Where the words may stand (RFC 3501 §6.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// BODY. The headers of parts and of messages inside are in the body.
    Body,
    /// TEXT: or in the header.
    Message,
}

/// Whether each of `sought` is in the message; `None` of what was not found, but may stand in something too large to be
/// looked through. `read` gives the beginning of a range, at least one octet.
///
/// # Errors
/// What `read` fails with.
pub fn look<O: AsRef<[u8]>, E>(
    outline: &Outline,
    sought: &[Sought],
    read: impl Fn(Range<u64>) -> Result<O, E>,
) -> Result<Vec<Option<bool>>, E> {
    let window = Window::new(sought);
    let mut look = Look { outline, read, window, passed_over: false };
    let header = look.header(outline.root())?;
    if sought.iter().any(|sought| sought.place == Place::Message) {
        look.window.add(&decoded_header(&header));
    }
    look.window.end_of_header();
    look.body(outline.root(), (&header, DefaultType::TextPlain))?;
    look.window.compare();
    let missing = if look.passed_over { None } else { Some(false) };
    Ok(look.window.found.iter().map(|found| if *found { Some(true) } else { missing }).collect())
}

struct Look<'a, R> {
    outline: &'a Outline,
    read: R,
    window: Window<'a>,
    /// Something was too large.
    passed_over: bool,
}

/// The text that is being compared, folded, with as much of what came before as words may reach back.
struct Window<'a> {
    sought: &'a [Sought],
    found: Vec<bool>,
    text: String,
    /// Octets of the longest words.
    longest: usize,
    /// Whether this is the body already.
    place: Place,
}

// === impl Look ===

impl<O: AsRef<[u8]>, E, R: Fn(Range<u64>) -> Result<O, E>> Look<'_, R> {
    fn body(&mut self, part: &Part, (header, default): (&[u8], DefaultType)) -> Result<(), E> {
        let media = Media::of(header).unwrap_or_else(|| default.media());
        match &part.content {
            Content::Multipart(children) => {
                for child in children {
                    self.inner(self.outline.part(*child), media.part_default())?;
                }
            }
            Content::Message(inner) => {
                self.inner(self.outline.part(*inner), DefaultType::TextPlain)?;
            }
            Content::Opaque => self.text(part, (header, &media))?,
            Content::Single if media.is_text() => self.text(part, (header, &media))?,
            Content::Single => {}
        }
        self.window.add("\n");
        Ok(())
    }

    /// A part or message inside, with its header.
    fn inner(&mut self, part: &Part, default: DefaultType) -> Result<(), E> {
        if self.window.has_found_all() {
            return Ok(());
        }
        let header = self.header(part)?;
        self.window.add(&decoded_header(&header));
        self.body(part, (&header, default))
    }

    fn text(&mut self, part: &Part, (header, media): (&[u8], &Media)) -> Result<(), E> {
        let mut decoder = Decoder::new(Transfer::of(header).unwrap_or(Transfer::Identity));
        let may_be_cut = reads_line_by_line(media);
        let mut octets = Vec::new();
        let mut at = part.body.start;
        while at < part.body.end && !self.window.has_found_all() {
            let piece = (self.read)(at..part.body.end)?;
            at += piece.as_ref().len() as u64;
            // From a full piece on, what was there before ends no line.
            let new = if octets.len() < PIECE { 0 } else { octets.len() };
            decoder.feed(piece.as_ref(), &mut octets);
            if may_be_cut && octets.len() >= PIECE {
                self.lines((&mut octets, new), media);
            }
            if octets.len() as u64 > HELD_WHOLE || piece.as_ref().is_empty() {
                self.passed_over = true;
                return Ok(());
            }
        }
        decoder.finish(&mut octets);
        self.window.add(&decoded_text(media, &octets));
        Ok(())
    }

    /// Takes all whole lines away, the last of which ends in what is new.
    fn lines(&mut self, (octets, new): (&mut Vec<u8>, usize), media: &Media) {
        if let Some(last) = octets[new..].iter().rposition(|octet| *octet == b'\n') {
            let end = new + last + 1;
            self.window.add(&decoded_text(media, &octets[..end]));
            octets.drain(..end);
        }
    }

    /// Empty if it is too large.
    fn header(&mut self, part: &Part) -> Result<Vec<u8>, E> {
        let Range { start: mut at, end } = part.header;
        if end - at > HELD_WHOLE {
            self.passed_over = true;
            return Ok(Vec::new());
        }
        let mut header = Vec::new();
        while at < end {
            let piece = (self.read)(at..end)?;
            if piece.as_ref().is_empty() {
                self.passed_over = true;
                break;
            }
            at += piece.as_ref().len() as u64;
            header.extend_from_slice(piece.as_ref());
        }
        Ok(header)
    }
}

// === impl Window ===

impl<'a> Window<'a> {
    fn new(sought: &'a [Sought]) -> Self {
        let found = sought.iter().map(|sought| sought.needle.is_empty()).collect();
        let longest = sought.iter().map(|sought| sought.needle.len()).max().unwrap_or(0);
        Self { sought, found, text: String::new(), longest, place: Place::Message }
    }

    fn has_found_all(&self) -> bool {
        self.found.iter().all(|found| *found)
    }

    /// No words reach from the header into the body.
    fn end_of_header(&mut self) {
        self.compare();
        self.text.clear();
        self.place = Place::Body;
    }

    fn add(&mut self, text: &str) {
        let folded = folded(text);
        // A run of blanks is one blank, wherever the text was cut.
        let joined = match self.text.ends_with(' ') {
            true => folded.trim_start_matches(' '),
            false => &folded,
        };
        self.text.push_str(joined);
        if self.text.len() >= PIECE + self.longest {
            self.compare();
        }
    }

    fn compare(&mut self) {
        for (sought, found) in self.sought.iter().zip(&mut self.found) {
            let counts = sought.place == Place::Message || self.place == Place::Body;
            *found = *found || counts && sought.needle.is_in_folded(&self.text);
        }
        let mut kept = self.text.len().saturating_sub(self.longest);
        while !self.text.is_char_boundary(kept) {
            kept -= 1;
        }
        self.text.drain(..kept);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use super::*;
    use crate::mime::Scanner;

    fn outline(message: &[u8]) -> Outline {
        let mut scanner = Scanner::new();
        scanner.feed(message);
        // As it is kept in the index.
        scanner.finish().without_headers()
    }

    fn slice<'m>(message: &'m [u8], range: &Range<u64>) -> &'m [u8] {
        &message[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
    }

    /// As a file is read.
    fn looked(message: &[u8], sought: &[Sought]) -> Vec<Option<bool>> {
        let Ok(found) = look(&outline(message), sought, |range| {
            let end = range.end.min(range.start + 256 * 1024);
            Ok::<_, Infallible>(slice(message, &(range.start..end)))
        });
        found
    }

    /// BODY and TEXT.
    fn answers(message: &[u8], words: &str) -> [Option<bool>; 2] {
        let sought =
            [Place::Body, Place::Message].map(|place| Sought { needle: Needle::new(words), place });
        looked(message, &sought).try_into().unwrap()
    }

    fn in_body(message: &[u8], all: &[&str]) -> Vec<Option<bool>> {
        let sought = |words: &&str| Sought { needle: Needle::new(words), place: Place::Body };
        looked(message, &all.iter().map(sought).collect::<Vec<_>>())
    }

    fn is_in_body(message: &[u8], words: &str) -> bool {
        let [body, text] = answers(message, words);
        assert!(text >= body, "what is in the body is in the message: {words}");
        body.unwrap()
    }

    fn is_in_text(message: &[u8], words: &str) -> bool {
        answers(message, words)[1].unwrap()
    }

    #[test]
    fn bodies_are_searched_decoded() {
        let qp = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nein sch=C3=B6=\r\nner\r\nTag  \r\n";
        assert!(is_in_body(qp, "SCHÖNER TAG"));
        let html = b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>caf&eacute; <b>f</b>oo \xe4</p>";
        assert!(is_in_body(html, "café foo ä"));
        let junk = b"Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: BASE64\r\n\r\nSGVs*bG8g\r\n!d29y bGQ=\r\n";
        assert!(is_in_body(junk, "hello world"));
    }

    #[test]
    fn old_charsets_are_understood() {
        let message = |charset: &str, octets: &[u8]| {
            let header = format!("Content-Type: text/plain; charset={charset}\r\n\r\n");
            [header.as_bytes(), octets].concat()
        };
        assert!(is_in_body(&message("iso-2022-jp", b"\x1b$B%O%m!<\x1b(B"), "ハロー"));
        assert!(is_in_body(&message("gb18030", b"\xc4\xe3\xba\xc3"), "你好"));
        assert!(is_in_body(&message("shift_jis", b"\x83n\x83\x8D\x81["), "ハロー"));
        assert!(is_in_body(&message("utf-7", b"caf+AOk-"), "café"));
        assert!(is_in_body(&message("us-ascii", "naïve".as_bytes()), "naïve"));
        assert!(is_in_body(&message("x-nonsense", b"na\xefve"), "naïve"));
    }

    #[test]
    fn text_means_header_and_body_and_the_messages_inside() {
        let message = b"Subject: outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?inn=C3=A9r?=\r\n\r\ndeep\r\n";
        let found = |words: &str| is_in_text(message, words);
        assert!(found("outer") && found("innér") && found("deep") && found("subject: outer"));
        assert!(!found("innÉrx"));
        assert!(is_in_body(message, "innér") && !is_in_body(message, "outer"));
    }

    #[test]
    fn the_header_of_a_part_is_in_the_body() {
        let found = |header: &str, needle: &str| {
            let message = format!(
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{header}\r\n\r\nJVBERi0=\r\n--b--\r\n"
            );
            let [body, text] = answers(message.as_bytes(), needle);
            assert_eq!(body, text);
            body == Some(true)
        };
        let pdf = "Content-Type: application/pdf";
        assert!(found(&format!("{pdf}; name=\"ticket.pdf\""), "TICKET.pdf"));
        assert!(found(&format!("{pdf}; name=\"=?utf-8?q?=C3=A9t=C3=A9.pdf?=\""), "été.pdf"));
        assert!(found(
            &format!("{pdf};\r\n name*0*=utf-8''%C3%A9; name*1=\"t\";\r\n name*2*=%C3%A9.pdf"),
            "name=été.pdf"
        ));
        let disposition =
            format!("{pdf}\r\nContent-Disposition: attachment; filename*=iso-8859-1'fr'");
        assert!(found(&format!("{disposition}%E9t%E9.pdf"), "été.pdf"));
        assert!(
            found(&format!("{disposition}%E9t%E9.pdf"), "%E9t%E9.pdf"),
            "as it stands there, too"
        );
        assert!(found("Content-Description: =?utf-8?q?pi=C3=A8ce?=", "pièce"));
        assert!(!found(&format!("{pdf}; name=ticket.pdf"), "%PDF"));
    }

    #[test]
    fn a_name_in_the_only_header_belongs_to_text_and_not_to_body() {
        let message = b"Content-Type: application/pdf; name*=utf-8''%C3%A9.pdf\r\n\r\nJVBERi0=";
        let found = |words: &str| is_in_text(message, words);
        assert!(found("é.pdf") && !is_in_body(message, "é.pdf"));
    }

    #[test]
    fn attachments_are_not_text() {
        let message = b"Content-Type: application/pdf\r\n\r\nsecret words";
        assert!(!is_in_body(message, "secret"));
    }

    /// Two texts with a file of some size between them.
    fn around(file: &str, last: &str) -> Vec<u8> {
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n\
             Content-Type: image/png; name=picture.png\r\n\r\n{file}\r\n--b\r\n{last}\r\n--b--\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn what_is_no_text_is_not_read() {
        let message = around(&"never read\r\n".repeat(100_000), "\r\nlast");
        let outline = outline(&message);
        let read = RefCell::new(0);
        let sought = ["last", "picture.png", "never read"]
            .map(|words| Sought { needle: Needle::new(words), place: Place::Body });
        let found = look(&outline, &sought, |range| {
            // As a file is read: some octets at a time.
            let piece = slice(&message, &(range.start..range.end.min(range.start + 10)));
            *read.borrow_mut() += piece.len();
            Ok::<_, Infallible>(piece)
        });
        assert_eq!(found, Ok(vec![Some(true), Some(true), Some(false)]));
        assert!(read.into_inner() < 300);
    }

    #[test]
    fn a_text_of_any_length_is_looked_through_piece_by_piece() {
        let line = "Grüße, line after line\r\n";
        let many = line.repeat(PIECE / line.len() + 100);
        let text = format!("{many}at the\r\n end of {many}");
        let long = "line after line Grüße,  ".repeat(100);
        let words = ["at the end of grüße", "LINE GRÜẞE", &long, "after lines"];
        let expected = [Some(true), Some(false), Some(true), Some(false)];
        let plain = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
        assert_eq!(in_body(&around("x", &format!("{plain}{text}")), &words), expected);
    }

    #[test]
    fn words_are_found_wherever_a_piece_ends() {
        let filler = "0123456789 abcdef\r\n".repeat(PIECE / 19);
        for shift in (0..50).step_by(7) {
            let before = format!("\r\n{}{}", "x".repeat(shift), &filler[..PIECE - 30]);
            let text = format!("{before}here  it\r\n is {}", &filler[..PIECE / 2]);
            assert!(is_in_body(text.as_bytes(), "here it is 0123"), "{shift}");
        }
    }

    #[test]
    fn what_is_too_large_to_be_looked_through_is_neither_there_nor_not_there() {
        let size = usize::try_from(HELD_WHOLE).unwrap() + 1;
        let words = ["first", "text/", "nowhere"];
        let expected = [Some(true), Some(true), None];
        let page = format!("Content-Type: text/html\r\n\r\n{}", "<p>a \r\n".repeat(size / 7 + 1));
        assert_eq!(in_body(&around("x", &page), &words), expected);
        let line = format!("Content-Type: text/plain\r\n\r\n{}", "a ".repeat(size / 2 + 1));
        assert_eq!(in_body(&around("x", &line), &words), expected);
    }
}
