//! The header block of a message, as ranges of its bytes (RFC 5322 §2.2).

use std::io::BufRead;
use std::ops::Range;

use crate::mailbox::{Fault, Flaw, Kind, Outcome};

/// Longest header block read. Exchange takes far less; this only bounds memory.
pub(super) const LARGEST_HEADER: usize = 1024 * 1024;

/// The fields that only the sender and the service may see (RFC 5322 §3.6.3, §3.6.6).
pub(super) const HIDDEN: [&str; 2] = ["Bcc", "Resent-Bcc"];

/// The header fields of a message, in order.
#[derive(Debug)]
pub(super) struct Header {
    /// Without the lines of nothing but white space within a field (RFC 5322 §4.2 `obs-FWS`): for some readers such
    /// a line ends the header, and what is put at its end would stand in the text.
    bytes: Vec<u8>,
    /// Octets of the file, those lines included.
    length: usize,
    fields: Vec<Field>,
    /// Octets before the first field: an mbox `From ` line that some tools leave there.
    pub(super) preface: usize,
    /// What follows the fields in the file.
    pub(super) after: After,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum After {
    /// An empty line, as it should be.
    EmptyLine,
    /// A line that is no field: the body begins without an empty line before it.
    Body,
    /// Nothing.
    End,
}

#[derive(Clone, Debug)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
    /// All lines of the field, line ends included.
    lines: Range<usize>,
}

impl Header {
    /// Reads up to the end of the header block and no further than `LARGEST_HEADER`.
    ///
    /// # Errors
    /// `Unacceptable` for a header that is too large, holds NUL, or has a bare CR or LF: another
    /// reader could see other fields in it. So it is for one that ends without an empty line and has a Bcc field
    /// behind its end, which everyone would read.
    pub(super) fn read(mut message: impl BufRead) -> Outcome<Self> {
        let (bytes, fields) = (Vec::new(), Vec::new());
        let mut header = Self { bytes, length: 0, fields, preface: 0, after: After::End };
        loop {
            let room = LARGEST_HEADER + 1 - header.length;
            let line = line(&mut message, room)?;
            if line.len() == room {
                return Err(unreadable("header block too large"));
            }
            if !header.take(&line)? {
                break;
            }
        }
        if header.after == After::Body && !header.fields.is_empty() {
            let room = LARGEST_HEADER + 1 - header.length;
            check_for_hidden(message, room)?;
        }
        Ok(header)
    }

    /// Takes one line with its line end; false if it does not belong to the header.
    fn take(&mut self, line: &[u8]) -> Outcome<bool> {
        let start = self.bytes.len();
        if line.is_empty() || line == b"\r\n" {
            self.after = if line.is_empty() { After::End } else { After::EmptyLine };
            return Ok(false);
        }
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        let name = field_name(line);
        let is_preface = start == 0 && (line.starts_with(b"From ") || line.starts_with(b">From "));
        let continues = folded && !self.fields.is_empty();
        let belongs = name.is_some() || continues || is_preface;
        if !belongs {
            self.after = After::Body;
            return Ok(false);
        }
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return Err(unreadable("header line without CRLF"));
        };
        if text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(unreadable("bare CR or NUL in the header"));
        }
        self.length += line.len();
        if text.trim_ascii().is_empty() {
            return Ok(true);
        }
        self.bytes.extend_from_slice(line);
        let end = self.bytes.len();
        match (name, self.fields.last_mut()) {
            _ if is_preface => self.preface = end,
            (_, Some(field)) if folded => {
                field.lines.end = end;
                field.value.end = end - 2;
            }
            (Some((name, colon)), _) => self.fields.push(Field {
                name: start..start + name,
                value: start + colon + 1..end - 2,
                lines: start..end,
            }),
            (None, _) => return Err(Fault::defect("a header line that is neither field nor fold")),
        }
        Ok(true)
    }

    /// Octets from the start of the file to the end of the last field.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Whether `bytes` are the file's own.
    pub(super) fn is_whole(&self) -> bool {
        self.length == self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The values of all fields of that name, folding still in them.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.named(name).map(|field| &self.bytes[field.value.clone()])
    }

    /// Where the values of all fields of that name stand.
    pub(super) fn places<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Range<usize>> {
        self.named(name).map(|field| field.value.clone())
    }

    /// Whether it has a field whose name begins so.
    pub(super) fn has_any(&self, prefix: &str) -> bool {
        let begins = |field: &Field| {
            let name = &self.bytes[field.name.clone()];
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        self.fields.iter().any(begins)
    }

    /// The lines of all fields of that name.
    pub(super) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Range<usize>> {
        self.named(name).map(|field| field.lines.clone())
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> {
        let is_named =
            |field: &&Field| self.bytes[field.name.clone()].eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(is_named)
    }
}

/// One line with its end; cut off at `room` octets.
fn line(message: &mut impl BufRead, room: usize) -> Outcome<Vec<u8>> {
    let mut line = Vec::new();
    let mut limited = std::io::Read::take(message, room as u64);
    limited
        .read_until(b'\n', &mut line)
        .map_err(|error| Fault::defect(format_args!("reading the spool: {error}")))?;
    Ok(line)
}

/// Looks at the lines up to the empty one that should have ended the header, `room` octets at most.
fn check_for_hidden(mut message: impl BufRead, mut room: usize) -> Outcome<()> {
    while room > 0 {
        let line = line(&mut message, room)?;
        if line.is_empty() || line == b"\r\n" {
            break;
        }
        room -= line.len();
        let is_hidden = |(name, _): (usize, usize)| {
            HIDDEN.iter().any(|hidden| line[..name].eq_ignore_ascii_case(hidden.as_bytes()))
        };
        if field_name(&line).is_some_and(is_hidden) {
            return Err(unreadable("a line that is no field stands before Bcc"));
        }
    }
    Ok(())
}

/// The length of the field's name and the place of its colon. White space between the two is
/// obsolete (RFC 5322 §4.5) but understood by everyone.
fn field_name(line: &[u8]) -> Option<(usize, usize)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    let fits = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    fits.then_some((name.len(), colon))
}

fn unreadable(cause: &'static str) -> Fault {
    Fault::from(Kind::Unacceptable(Flaw::Header)).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Outcome<Header> {
        Header::read(text.as_bytes())
    }

    fn values(header: &Header, name: &str) -> Vec<String> {
        header.values(name).map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
    }

    #[test]
    fn fields_are_found_in_any_case_with_their_folds() {
        let header =
            read("TO: a@b.test,\r\n\tc@d.test\r\nsubject : x\r\nto: e\r\n\r\nto: body\r\n");
        let header = header.unwrap();
        assert_eq!(values(&header, "To"), [" a@b.test,\r\n\tc@d.test", " e"]);
        assert_eq!(values(&header, "Subject"), [" x"]);
        assert_eq!(header.after, After::EmptyLine);
        assert_eq!(header.len(), "TO: a@b.test,\r\n\tc@d.test\r\nsubject : x\r\nto: e\r\n".len());
    }

    #[test]
    fn a_line_that_is_no_field_ends_the_header() {
        let header = read("Subject: x\r\nHello there\r\nCc: not@a.field\r\n").unwrap();
        assert_eq!(header.after, After::Body);
        assert!(values(&header, "Cc").is_empty());
        assert_eq!(read("Hello\r\n").unwrap().len(), 0);
        assert_eq!(read("").unwrap().after, After::End);
    }

    #[test]
    fn a_bcc_that_would_end_up_in_the_text_is_refused() {
        for hidden in ["Bcc: a@b.test", "bcc : a@b.test", "RESENT-BCC: a@b.test"] {
            let text = format!("Subject: x\r\nHello there\r\nTo: c@d.test\r\n{hidden}\r\n\r\n");
            assert_eq!(
                *read(&text).unwrap_err().kind(),
                Kind::Unacceptable(Flaw::Header),
                "{text}"
            );
        }
        read("Subject: x\r\nHello there\r\n\r\nBcc: text\r\n").unwrap();
        read("Hello there\r\nBcc: text\r\n").unwrap();
    }

    #[test]
    fn a_line_of_white_space_is_no_end_of_the_header_and_goes() {
        let text = "To: a@b.test,\r\n \t\r\n c@d.test\r\n \r\nSubject: x\r\n\r\n";
        let header = read(text).unwrap();
        assert_eq!(values(&header, "To"), [" a@b.test,\r\n c@d.test"]);
        assert_eq!(values(&header, "Subject"), [" x"]);
        assert_eq!((header.len(), header.is_whole()), (text.len() - 2, false));
        assert_eq!(read(" \r\nSubject: x\r\n\r\n").unwrap().after, After::Body);
    }

    #[test]
    fn an_mbox_line_at_the_top_is_passed_over() {
        let header = read("From ada Mon Nov 23 10:00:00 2026\r\nSubject: x\r\n\r\n").unwrap();
        assert_eq!(header.preface, "From ada Mon Nov 23 10:00:00 2026\r\n".len());
        assert_eq!(values(&header, "Subject"), [" x"]);
    }

    #[test]
    fn a_header_that_two_readers_could_split_differently_is_refused() {
        for text in ["To: a\rBcc: b\r\n\r\n", "To: a\nBcc: b\r\n\r\n", "To: a\0\r\n\r\n", "To: a"] {
            assert_eq!(
                *read(text).unwrap_err().kind(),
                Kind::Unacceptable(Flaw::Header),
                "{text:?}"
            );
        }
        let huge = format!("X: {}\r\n\r\n", "x".repeat(LARGEST_HEADER));
        assert_eq!(*read(&huge).unwrap_err().kind(), Kind::Unacceptable(Flaw::Header));
    }
}
