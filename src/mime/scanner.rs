//! From message bytes to an [`Outline`], in one pass and bounded memory.

use super::{
    Content, DEPTH_MAX, HEADERS_KEPT, Outline, PARTS_MAX, Part, PartIndex,
    delimiter::{Delimiter, Line},
    field,
    media::{DefaultType, Media},
};

/// A push parser: [`feed`](Self::feed) it chunks of any size, then [`finish`](Self::finish).
/// Keeps at most [`HEADERS_KEPT`] octets of header, one boundary per open multipart and no body.
///
/// Tolerated: bare LF line ends, a header without a blank line (it ends before the first line that is no field,
/// as Python's `email` does it), a leading `From ` line, missing delimiters, parts without header or body.
#[derive(Debug)]
pub struct Scanner {
    offset: u64,
    /// Line feeds before the current line.
    line_feeds: u64,
    line: Line,
    previous: PreviousLine,
    parts: Vec<Part>,
    /// The path from the message to the part being read.
    open: Vec<Open>,
    headers_left: usize,
    /// Header octets the innermost part had before the current line.
    kept_before_line: usize,
}

/// A part that has begun and not ended.
#[derive(Debug)]
struct Open {
    index: PartIndex,
    /// The type of a part that names none.
    default: DefaultType,
    state: State,
}

#[derive(Debug)]
enum State {
    Header,
    /// The line feeds counted are those before the body.
    Body {
        line_feeds: u64,
        shape: Shape,
    },
}

#[derive(Debug)]
enum Shape {
    Leaf,
    Message,
    Multipart {
        boundary: Vec<u8>,
        parts: DefaultType,
    },
    /// After the close delimiter: what follows is epilogue.
    Closed,
}

/// How the line before the current one looked.
#[derive(Debug)]
struct PreviousLine {
    ending: u64,
    blank: bool,
}

// === impl Scanner ===

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    pub fn new() -> Self {
        let mut scanner = Self {
            offset: 0,
            line_feeds: 0,
            line: Line::starting_at(0),
            previous: PreviousLine { ending: 0, blank: true },
            parts: Vec::new(),
            open: Vec::new(),
            headers_left: HEADERS_KEPT,
            kept_before_line: 0,
        };
        scanner.begin_part(0, DefaultType::TextPlain);
        scanner
    }

    /// Takes the next octets of the message.
    pub fn feed(&mut self, chunk: &[u8]) {
        for piece in chunk.split_inclusive(|octet| *octet == b'\n') {
            self.line.push(piece);
            self.keep(piece);
            self.offset += piece.len() as u64;
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// Ends the message here.
    pub fn finish(mut self) -> Outline {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.settle_header(self.offset, self.line_feeds);
        let unfinished = self.previous.ending == 0 && !self.previous.blank;
        while let Some(open) = self.open.pop() {
            self.end_part(open, self.offset, self.line_feeds, unfinished);
        }
        Outline { size: self.offset, parts: self.parts }
    }

    fn end_line(&mut self) {
        self.read_line();
        let ending = self.line.ending();
        self.previous = PreviousLine { ending, blank: self.line.is_blank_line() };
        self.line_feeds += u64::from(ending > 0);
        self.line.restart(self.offset);
        self.kept_before_line =
            self.open.last().map_or(0, |open| self.parts[open.index.0].fields.len());
    }

    fn read_line(&mut self) {
        if let Some((depth, delimiter)) = self.delimiter() {
            return self.cross(depth, delimiter);
        }
        let Some(Open { index, state: State::Header, .. }) = self.open.last() else { return };
        let header_start = self.parts[index.0].header.start;
        if self.line.is_blank_line() {
            return self.begin_body(self.offset, self.line_feeds + 1);
        }
        if is_header_line(self.line.text(), self.line.start == header_start) {
            return self.forget_cut_line();
        }
        self.forget_line();
        self.begin_body(self.line.start, self.line_feeds);
        // The line may be the first delimiter, or the beginning of the message inside.
        let line = self.line.beginning().to_vec();
        self.keep(&line);
        self.read_line();
    }

    /// The innermost open multipart whose delimiter the line is, as a place in `open`.
    fn delimiter(&self) -> Option<(usize, Delimiter)> {
        if !self.line.text().starts_with(b"--") || self.parts.len() >= PARTS_MAX {
            return None;
        }
        self.open.iter().enumerate().rev().find_map(|(depth, open)| {
            let boundary = open.boundary()?;
            Some((depth, self.line.delimiter(boundary)?))
        })
    }

    /// Ends what the delimiter ends and begins what it begins.
    fn cross(&mut self, depth: usize, delimiter: Delimiter) {
        // A header that is cut off by the delimiter keeps its last line end.
        self.forget_line();
        self.settle_header(self.line.start, self.line_feeds);
        let content_end = self.line.start - self.previous.ending;
        let line_feeds = self.line_feeds - u64::from(self.previous.ending > 0);
        while self.open.len() > depth + 1 {
            let Some(open) = self.open.pop() else { break };
            self.end_part(open, content_end, line_feeds, !self.previous.blank);
        }
        let Some(multipart) = self.open.last_mut() else { return };
        match (delimiter, multipart.part_default()) {
            (Delimiter::Next, Some(default)) => {
                let (parent, child) = (multipart.index, PartIndex(self.parts.len()));
                if let Content::Multipart(parts) = &mut self.parts[parent.0].content {
                    parts.push(child);
                }
                self.begin_part(self.offset, default);
            }
            _ => multipart.close(),
        }
    }

    fn begin_part(&mut self, start: u64, default: DefaultType) {
        let index = PartIndex(self.parts.len());
        self.kept_before_line = 0;
        self.parts.push(Part::starting_at(start));
        self.open.push(Open { index, default, state: State::Header });
    }

    /// Ends the header being read, if any, and those of messages that begin and end with it.
    fn settle_header(&mut self, at: u64, line_feeds: u64) {
        while let Some(Open { state: State::Header, .. }) = self.open.last() {
            self.begin_body(at, line_feeds);
        }
    }

    /// The header of the innermost part is complete: decides what its body is.
    fn begin_body(&mut self, at: u64, line_feeds: u64) {
        let count = self.parts.len();
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else { return };
        let part = &mut self.parts[open.index.0];
        part.header.end = at;
        part.body = at..at;
        let media = part.media().unwrap_or_else(|| open.default.media());
        let shape = match shape(&media) {
            // The last part allowed holds all that follows, whatever it says it is.
            _ if count >= PARTS_MAX => None,
            Some(Shape::Leaf) => Some(Shape::Leaf),
            shape => shape.filter(|_| depth < DEPTH_MAX),
        };
        part.content = match &shape {
            None => Content::Opaque,
            Some(Shape::Multipart { .. }) => Content::Multipart(Vec::new()),
            Some(Shape::Message) => Content::Message(PartIndex(count)),
            Some(Shape::Leaf | Shape::Closed) => Content::Single,
        };
        let holds_message = matches!(shape, Some(Shape::Message));
        open.state = State::Body { line_feeds, shape: shape.unwrap_or(Shape::Leaf) };
        if holds_message {
            self.begin_part(at, DefaultType::TextPlain);
        }
    }

    fn end_part(&mut self, open: Open, end: u64, line_feeds: u64, unfinished: bool) {
        let part = &mut self.parts[open.index.0];
        let State::Body { line_feeds: before, .. } = open.state else { return };
        if end > part.body.start {
            part.body.end = end;
            part.lines = line_feeds - before + u64::from(unfinished);
        }
        if part.content == Content::Multipart(Vec::new()) {
            part.content = Content::Opaque;
        }
    }
}

/// Keeping headers.
impl Scanner {
    fn keep(&mut self, octets: &[u8]) {
        let Some(Open { index, state: State::Header, .. }) = self.open.last() else { return };
        let kept = &octets[..octets.len().min(self.headers_left)];
        self.parts[index.0].fields.extend_from_slice(kept);
        self.headers_left -= kept.len();
    }

    /// The line turned out not to belong to the header.
    fn forget_line(&mut self) {
        let Some(Open { index, state: State::Header, .. }) = self.open.last() else { return };
        let fields = &mut self.parts[index.0].fields;
        let excess = fields.len().saturating_sub(self.kept_before_line);
        fields.truncate(self.kept_before_line);
        self.headers_left += excess;
    }

    /// When the limit was reached within the line, half a field must not pass for a whole one; after that
    /// nothing more is kept.
    fn forget_cut_line(&mut self) {
        if self.headers_left == 0 {
            self.forget_line();
            self.headers_left = 0;
        }
    }
}

// === impl Open ===

impl Open {
    fn boundary(&self) -> Option<&[u8]> {
        match &self.state {
            State::Body { shape: Shape::Multipart { boundary, .. }, .. } => Some(boundary),
            _ => None,
        }
    }

    fn part_default(&self) -> Option<DefaultType> {
        match &self.state {
            State::Body { shape: Shape::Multipart { parts, .. }, .. } => Some(*parts),
            _ => None,
        }
    }

    fn close(&mut self) {
        if let State::Body { shape, .. } = &mut self.state {
            *shape = Shape::Closed;
        }
    }
}

/// The shape of a body of this type; `None` for a multipart that names no usable boundary.
fn shape(media: &Media) -> Option<Shape> {
    if media.holds_message() {
        return Some(Shape::Message);
    }
    if !media.is_multipart() {
        return Some(Shape::Leaf);
    }
    Some(Shape::Multipart { boundary: media.boundary()?, parts: media.part_default() })
}

fn is_header_line(text: &[u8], first: bool) -> bool {
    if first {
        let envelope_line = text.starts_with(b"From ") || text.starts_with(b">From ");
        return envelope_line || field::begins_field(text);
    }
    text.first().is_some_and(|octet| field::is_blank(*octet)) || field::begins_field(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::BOUNDARY_LONGEST;

    fn scanned(message: &[u8]) -> Outline {
        let mut scanner = Scanner::new();
        message.chunks(4_096).for_each(|chunk| scanner.feed(chunk));
        scanner.finish()
    }

    #[test]
    fn no_more_header_is_kept_than_the_limit_and_no_field_is_kept_in_half() {
        let field = format!("X-Filler: {}\r\n", "f".repeat(100_000));
        let message =
            format!("Subject: kept\r\n{}Comments: lost\r\n\r\nbody\r\n", field.repeat(12));
        let outline = scanned(message.as_bytes());
        let root = outline.root();
        assert!(root.fields.len() <= HEADERS_KEPT && root.fields.ends_with(b"f\r\n"));
        assert_eq!(root.value("Subject"), Some(b"kept".to_vec()));
        assert_eq!(root.value("Comments"), None);
        let size = message.len() as u64;
        assert_eq!((root.header.clone(), root.body.clone()), (0..size - 6, size - 6..size));
    }

    #[test]
    fn the_header_limit_is_for_all_parts_together() {
        let filler = format!("X-Filler: {}\r\n", "f".repeat(HEADERS_KEPT / 2));
        let part = format!("--b\r\nContent-Type: text/html\r\n{filler}\r\nx\r\n");
        let message =
            format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(4));
        let outline = scanned(message.as_bytes());
        assert_eq!(outline.parts.len(), 5);
        assert!(outline.parts.iter().map(|part| part.fields.len()).sum::<usize>() <= HEADERS_KEPT);
        assert!(outline.parts.iter().skip(1).all(|part| part.body.end - part.body.start == 1));
    }

    #[test]
    fn too_deep_a_multipart_is_opaque() {
        let mut message = String::new();
        for level in 0..DEPTH_MAX + 20 {
            message +=
                &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        message += "\r\ndeep\r\n";
        let outline = scanned(message.as_bytes());
        assert_eq!(outline.parts.len(), DEPTH_MAX);
        assert_eq!(outline.parts[DEPTH_MAX - 1].content, Content::Opaque);
        assert_eq!(outline.parts[DEPTH_MAX - 1].body.end, outline.size);
    }

    #[test]
    fn too_deep_a_message_is_opaque() {
        let message = "Content-Type: message/rfc822\r\n\r\n".repeat(20_000);
        let outline = scanned(message.as_bytes());
        assert_eq!(outline.parts.len(), DEPTH_MAX);
        assert_eq!(outline.parts[DEPTH_MAX - 1].content, Content::Opaque);
    }

    #[test]
    fn the_part_that_reaches_the_limit_holds_all_that_follows() {
        let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        let message = head.to_owned() + &"--b\r\n\r\nx\r\n".repeat(PARTS_MAX + 10) + "--b--\r\n";
        let outline = scanned(message.as_bytes());
        assert_eq!(outline.parts.len(), PARTS_MAX);
        let last = &outline.parts[PARTS_MAX - 1];
        assert_eq!((last.content.clone(), last.body.end), (Content::Opaque, outline.size));
    }

    #[test]
    fn a_boundary_too_long_to_look_for_makes_the_multipart_opaque() {
        let boundary = "b".repeat(BOUNDARY_LONGEST + 1);
        let message = format!(
            "Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n\r\nx\r\n"
        );
        assert_eq!(scanned(message.as_bytes()).root().content, Content::Opaque);
        let boundary = "b".repeat(BOUNDARY_LONGEST);
        let message = format!(
            "Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n\r\nx\r\n"
        );
        assert_eq!(scanned(message.as_bytes()).parts.len(), 2);
    }

    #[test]
    fn the_line_that_ends_a_header_is_kept_by_the_message_inside() {
        let outline = scanned(b"Content-Type: message/rfc822\r\nFrom here on it is text\r\n");
        assert_eq!(outline.root().header, 0..30);
        assert_eq!(outline.parts[1].header, 30..55);
        assert_eq!(outline.parts[1].fields, b"From here on it is text\r\n");
    }
}
