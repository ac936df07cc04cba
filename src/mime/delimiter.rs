//! Boundary delimiter lines (RFC 2046 §5.1.1).

use super::{BOUNDARY_LONGEST, field::is_blank};

/// Octets of a line that are remembered: a delimiter fits, its trailing blanks need not.
const LINE_KEPT: usize = BOUNDARY_LONGEST + 4;

/// What a delimiter line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// Another part begins.
    Next,
    /// The multipart ends.
    Close,
}

/// The line being read, as much of it as matters.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) start: u64,
    kept: Vec<u8>,
    length: u64,
    /// Whether everything after the kept octets is blank.
    blank_rest: bool,
    last: [u8; 2],
}

// === impl Line ===

impl Line {
    pub(super) fn starting_at(start: u64) -> Self {
        Self { start, kept: Vec::new(), length: 0, blank_rest: true, last: [0, 0] }
    }

    /// Forgets the line and begins the next one, reusing the memory.
    pub(super) fn restart(&mut self, start: u64) {
        self.start = start;
        self.kept.clear();
        self.length = 0;
        self.blank_rest = true;
        self.last = [0, 0];
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        let room = LINE_KEPT.saturating_sub(self.kept.len());
        let (kept, rest) = octets.split_at(room.min(octets.len()));
        self.kept.extend_from_slice(kept);
        self.blank_rest &= rest.iter().all(|octet| is_blank(*octet) || is_line_end(*octet));
        self.length += octets.len() as u64;
        self.last = match octets {
            [] => self.last,
            [only] => [self.last[1], *only],
            [.., before, last] => [*before, *last],
        };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Octets of the line end: 2 for CRLF, 1 for a bare LF, 0 for the unfinished last line.
    pub(super) fn ending(&self) -> u64 {
        match self.last {
            [b'\r', b'\n'] => 2,
            [_, b'\n'] => 1,
            _ => 0,
        }
    }

    /// Whether nothing but a line end stands on it.
    pub(super) fn is_blank_line(&self) -> bool {
        self.length == self.ending()
    }

    /// The octets remembered, with the line end if they reach so far.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.kept
    }

    /// The same without the line end.
    pub(super) fn text(&self) -> &[u8] {
        let text = self.kept.as_slice();
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    /// Reads the line as a delimiter of this boundary. Only blanks may follow, so that a boundary which begins
    /// like another one is told apart from it.
    pub(super) fn delimiter(&self, boundary: &[u8]) -> Option<Delimiter> {
        let after = self.text().strip_prefix(b"--")?.strip_prefix(boundary)?;
        let blank = |octets: &[u8]| self.blank_rest && octets.iter().all(|octet| is_blank(*octet));
        if blank(after) {
            return Some(Delimiter::Next);
        }
        after.strip_prefix(b"--").is_some_and(blank).then_some(Delimiter::Close)
    }
}

fn is_line_end(octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], boundary: &[u8]) -> Option<Delimiter> {
        let mut line = Line::starting_at(0);
        text.chunks(3).for_each(|chunk| line.push(chunk));
        line.delimiter(boundary)
    }

    #[test]
    fn blanks_may_follow_a_delimiter() {
        assert_eq!(read(b"--b\r\n", b"b"), Some(Delimiter::Next));
        assert_eq!(read(b"--b \t\r\n", b"b"), Some(Delimiter::Next));
        assert_eq!(read(b"--b-- \n", b"b"), Some(Delimiter::Close));
        assert_eq!(read(b"--b--", b"b"), Some(Delimiter::Close));
        let long = [b"--b".as_slice(), &[b' '; 5_000], b"\r\n"].concat();
        assert_eq!(read(&long, b"b"), Some(Delimiter::Next));
    }

    #[test]
    fn nothing_else_may_follow() {
        assert_eq!(read(b"--bc\r\n", b"b"), None);
        assert_eq!(read(b"--b--c\r\n", b"b"), None);
        assert_eq!(read(b"-b\r\n", b"b"), None);
        let long = [b"--b".as_slice(), &[b' '; 5_000], b"c\r\n"].concat();
        assert_eq!(read(&long, b"b"), None);
    }
}
