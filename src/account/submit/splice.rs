//! Putting new octets in the place of old ones.

use std::ops::Range;

/// What is written in place of a range.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Splice {
    range: Range<usize>,
    with: Vec<u8>,
}

impl Splice {
    pub(super) fn new(range: Range<usize>, with: Vec<u8>) -> Self {
        Self { range, with }
    }

    pub(super) fn gone(range: Range<usize>) -> Self {
        Self::new(range, Vec::new())
    }
}

/// `bytes` with all changes made. Their ranges do not overlap; one that lies within another goes with it.
pub(super) fn splice(bytes: &[u8], mut changes: Vec<Splice>) -> Vec<u8> {
    changes.sort_by_key(|change| (change.range.start, std::cmp::Reverse(change.range.end)));
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for Splice { range, with } in changes {
        if range.start < from {
            continue;
        }
        out.extend_from_slice(&bytes[from..range.start]);
        out.extend_from_slice(&with);
        from = range.end;
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_in_their_places_whatever_their_order() {
        let changes = vec![
            Splice::gone(6..8),
            Splice::new(0..1, b"xyz".to_vec()),
            Splice::new(6..7, b"never".to_vec()),
        ];
        assert_eq!(splice(b"abcdefgh", changes), b"xyzbcdef");
    }
}
