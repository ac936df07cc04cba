//! Recognising the announcement of a literal at the end of a line (RFC 3501 section 4.3).

use super::{LiteralKind, Octets};

/// How a line ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    Plain,
    /// `at` is where the announcement begins.
    Literal {
        at: usize,
        size: u32,
        kind: LiteralKind,
        octets: Octets,
    },
    Malformed,
}

impl Suffix {
    /// An unquoted `{` is legal nowhere but in an announcement at the very end of the line. What
    /// looks like a failed one must not be taken for text: its octets would be read as commands.
    pub(super) fn of(line: &[u8]) -> Self {
        if line.trim_ascii_end().last() != Some(&b'}') {
            return Self::Plain;
        }
        let Some(brace) = last_open_brace(line) else { return Self::Plain };
        let Some(inside) = line[brace + 1..].strip_suffix(b"}") else { return Self::Malformed };
        let (digits, kind) = match inside.strip_suffix(b"+") {
            Some(digits) => (digits, LiteralKind::NonSynchronizing),
            None => (inside, LiteralKind::Synchronizing),
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Self::Malformed;
        }
        let size = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
        let size = match (size.map(u32::try_from), kind) {
            (Some(Ok(size)), _) => size,
            // It waits to be asked for, and is too large however large it is.
            (Some(Err(_)), LiteralKind::Synchronizing) => u32::MAX,
            _ => return Self::Malformed,
        };
        // `~{n}` is a literal8 (RFC 3516).
        let (at, octets) = match line[..brace].strip_suffix(b"~") {
            Some(before) => (before.len(), Octets::Any),
            None => (brace, Octets::Text),
        };
        Self::Literal { at, size, kind, octets }
    }
}

/// The last `{` that no complete quoted string encloses.
fn last_open_brace(line: &[u8]) -> Option<usize> {
    let mut outside = None;
    let mut quoted: Option<Option<usize>> = None;
    let mut bytes = line.iter().enumerate();
    while let Some((index, &byte)) = bytes.next() {
        match (byte, &mut quoted) {
            (b'"', Some(_)) => quoted = None,
            (b'"', None) => quoted = Some(None),
            (b'\\', Some(_)) => {
                bytes.next();
            }
            (b'{', Some(inside)) => *inside = Some(index),
            (b'{', None) => outside = Some(index),
            _ => {}
        }
    }
    quoted.flatten().or(outside)
}
