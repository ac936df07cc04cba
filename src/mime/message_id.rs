//! Message-IDs, read to be compared (RFC 5256 §3 REFERENCES, RFC 5322 §3.6.4).

use super::media::{comment_end, quoted_string};

/// Stands for a Message-ID: equal for equal ones, however they are quoted. A digest, since nothing but that is
/// asked of it and a reply may name hundreds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId([u8; Self::OCTETS]);

impl MessageId {
    pub(super) const OCTETS: usize = 16;

    /// Of an identifier in its plainest form, without angle brackets.
    pub fn of(plain: &[u8]) -> Self {
        let mut digest = [0; Self::OCTETS];
        digest.copy_from_slice(&blake3::hash(plain).as_bytes()[..Self::OCTETS]);
        Self(digest)
    }

    pub(super) fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// All that stand in an unfolded field, in order. Words, quotes and comments around them are passed over:
    /// old clients write `Your message of Monday <…>`.
    pub(super) fn all_in(value: &[u8]) -> Vec<Self> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < value.len() {
            at = match value[at] {
                b'(' => comment_end(value, at).unwrap_or(at + 1),
                // A quote that is never closed is a mark like any other.
                b'"' => closed_quote(value, at).map_or(at + 1, |(_, end)| end),
                b'<' => match identifier(value, at + 1) {
                    Some((plain, end)) => {
                        found.push(Self::of(&plain));
                        end
                    }
                    None => at + 1,
                },
                _ => at + 1,
            };
        }
        found
    }
}

/// What stands from here to `>`: blanks, comments and needless quotes left out. `None` without something on both
/// sides of an `@`, or if another identifier begins first.
fn identifier(value: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (mut plain, mut at) = (Vec::new(), start);
    let mut parted = None;
    loop {
        match *value.get(at)? {
            b'>' => break,
            b'<' => return None,
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'"' => {
                let (text, end) = closed_quote(value, at)?;
                plain.extend_from_slice(&text);
                at = end;
            }
            b'(' if comment_end(value, at).is_some() => at = comment_end(value, at)?,
            octet => {
                if octet == b'@' {
                    parted = Some(plain.len());
                }
                plain.push(octet);
                at += 1;
            }
        }
    }
    let parted = parted?;
    (parted > 0 && parted + 1 < plain.len()).then_some((plain, at + 1))
}

fn closed_quote(value: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (text, end) = quoted_string(value, start);
    (end > start + 1 && value.get(end - 1) == Some(&b'"')).then_some((text, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<MessageId> {
        MessageId::all_in(value.as_bytes())
    }

    fn ids(plain: &[&str]) -> Vec<MessageId> {
        plain.iter().map(|id| MessageId::of(id.as_bytes())).collect()
    }

    #[test]
    fn identifiers_are_found_in_whatever_stands_around_them() {
        assert_eq!(read("<a@x> <b@x>"), ids(&["a@x", "b@x"]));
        assert_eq!(read("<a@x><b@x>,<c@x>"), ids(&["a@x", "b@x", "c@x"]));
        assert_eq!(read("Your message of \"Mon, 1 Jan\" <a@x>"), ids(&["a@x"]));
        assert_eq!(read("say \"<no@x>\" (and <no@y>) <a@x>"), ids(&["a@x"]));
        assert_eq!(read("an open \" quote <a@x>"), ids(&["a@x"]));
        assert_eq!(read("<broken <a@x>"), ids(&["a@x"]));
        assert_eq!(read("< a@x\r\n\t.y >"), ids(&["a@x.y"]));
    }

    #[test]
    fn needless_quotes_make_no_difference_and_case_does() {
        assert_eq!(read("<\"01KF8\"@x.example>"), read("<01KF8@x.example>"));
        assert_ne!(read("<a@x>"), read("<A@x>"));
    }

    #[test]
    fn what_is_no_identifier_is_passed_over() {
        for value in ["", "a@x", "<>", "<a>", "<@x>", "<a@>", "<a@x", "nonsense"] {
            assert_eq!(read(value), [], "{value}");
        }
    }
}
