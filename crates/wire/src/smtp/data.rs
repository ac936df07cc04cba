//! Mail data after DATA: dots removed, the end recognised (RFC 5321 section 4.5.2).

/// Takes octets in pieces of any size and hands out the message.
///
/// Only CRLF `.` CRLF ends the data. A CR or LF alone is part of a line; a message that holds one
/// is read to its true end and then refused, since the next server might see an end there.
#[derive(Debug)]
pub struct DataReader {
    place: Place,
    limit: u64,
    size: u64,
    bare: BareLineBreak,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Answer 552 5.3.4.
    #[error("message exceeds the size limit")]
    TooLarge,
    /// Answer 550 5.6.0.
    #[error("message contains a bare CR or LF")]
    BareLineBreak,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    Text,
    /// After a CR that is not yet handed out.
    CarriageReturn,
    /// After a `.` at the start of a line, which is never handed out.
    Dot,
    DotCarriageReturn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BareLineBreak {
    Unseen,
    Seen,
}

// === impl DataReader ===

impl DataReader {
    /// `limit` is in octets of the message as handed out.
    pub fn new(limit: u64) -> Self {
        Self { place: Place::LineStart, limit, size: 0, bare: BareLineBreak::Unseen }
    }

    /// Reads from `input` and appends the message to `out`. Returns how much of `input` was used:
    /// all of it, unless the end came; that says how long the message is or why it is refused. Once the message cannot be accepted `out` stays as it is.
    pub fn read(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> (usize, Option<Result<u64, DataError>>) {
        let mut used = 0;
        while let Some(&byte) = input.get(used) {
            match (self.place, byte) {
                (Place::LineStart, b'.') => self.place = Place::Dot,
                (Place::Dot, b'\r') => self.place = Place::DotCarriageReturn,
                (Place::DotCarriageReturn, b'\n') => return (used + 1, Some(self.end())),
                (Place::CarriageReturn, b'\n') => {
                    self.put(b"\r\n", out);
                    self.place = Place::LineStart;
                }
                (Place::CarriageReturn | Place::DotCarriageReturn, _) => {
                    self.bare = BareLineBreak::Seen;
                    self.put(b"\r", out);
                    self.place = Place::Text;
                    continue;
                }
                (_, b'\r') => self.place = Place::CarriageReturn,
                (_, b'\n') => {
                    self.bare = BareLineBreak::Seen;
                    self.put(b"\n", out);
                    self.place = Place::Text;
                }
                (Place::LineStart | Place::Text | Place::Dot, _) => {
                    let text = text_at_start(&input[used..]);
                    self.put(text, out);
                    self.place = Place::Text;
                    used += text.len();
                    continue;
                }
            }
            used += 1;
        }
        (used, None)
    }

    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size <= self.limit && self.bare == BareLineBreak::Unseen {
            out.extend_from_slice(bytes);
        }
    }

    fn end(&self) -> Result<u64, DataError> {
        if self.size > self.limit {
            return Err(DataError::TooLarge);
        }
        match self.bare {
            BareLineBreak::Seen => Err(DataError::BareLineBreak),
            BareLineBreak::Unseen => Ok(self.size),
        }
    }
}

/// Up to the first CR or LF.
fn text_at_start(input: &[u8]) -> &[u8] {
    let length = input.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    &input[..length.unwrap_or(input.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds the pieces; returns the message, the end and what was left over.
    fn read(limit: u64, pieces: &[&[u8]]) -> (Vec<u8>, Option<Result<u64, DataError>>, Vec<u8>) {
        let mut reader = DataReader::new(limit);
        let mut out = Vec::new();
        let mut pieces = pieces.iter();
        while let Some(piece) = pieces.next() {
            let (used, end) = reader.read(piece, &mut out);
            if end.is_some() {
                let rest = [&piece[used..]].into_iter().chain(pieces.copied());
                return (out, end, rest.flatten().copied().collect());
            }
            assert_eq!(used, piece.len());
        }
        (out, None, Vec::new())
    }

    fn whole(input: &[u8]) -> (Vec<u8>, Option<Result<u64, DataError>>, Vec<u8>) {
        read(1000, &[input])
    }

    #[test]
    fn dots_are_removed_and_the_end_is_found() {
        let (message, end, rest) = whole(b"..one\r\n.two\r\n...\r\nx.\r\n.\r\nQUIT\r\n");
        assert_eq!(message, b".one\r\ntwo\r\n..\r\nx.\r\n");
        assert_eq!(end, Some(Ok(19)));
        assert_eq!(rest, b"QUIT\r\n");
    }

    #[test]
    fn a_message_may_be_empty() {
        assert_eq!(whole(b".\r\n"), (Vec::new(), Some(Ok(0)), Vec::new()));
    }

    #[test]
    fn bare_line_breaks_never_end_the_data_and_are_refused_at_its_end() {
        for input in [
            "a\n.\r\nb\r\n.\r\n",
            "a\r\n.\nb\r\n.\r\n",
            "a\n.\nb\r\n.\r\n",
            "a\r.\r\nb\r\n.\r\n",
            "a\r\n.\rb\r\n.\r\n",
            "a\r\r\n.\r\n",
            "\n.\r\n\r\n.\r\n",
        ] {
            let (_, end, rest) = whole(input.as_bytes());
            assert_eq!(end, Some(Err(DataError::BareLineBreak)), "{input:?}");
            assert_eq!(rest, b"", "{input:?}");
        }
    }

    #[test]
    fn too_much_is_read_to_its_end_and_not_kept() {
        let (message, end, rest) = read(4, &[b"abcdef\r\nmore\r\n.\r\nRSET\r\n"]);
        assert_eq!((message.len(), end), (0, Some(Err(DataError::TooLarge))));
        assert_eq!(rest, b"RSET\r\n");
        assert_eq!(read(4, &[b"ab\r\n.\r\n"]).1, Some(Ok(4)));
    }

    proptest! {
        #[test]
        fn where_the_input_is_cut_makes_no_difference(
            lines in prop::collection::vec("[.ab\r\n]{0,4}", 0..6), cut in 0_usize..40, second in 0_usize..40,
        ) {
            let mut input = lines.join("\r\n").into_bytes();
            input.extend_from_slice(b"\r\n.\r\nQUIT");
            let (first, last) = (cut.min(second).min(input.len()), cut.max(second).min(input.len()));
            let pieces = [&input[..first], &input[first..last], &input[last..]];
            prop_assert_eq!(read(1000, &pieces), whole(&input));
            let bytes: Vec<&[u8]> = input.chunks(1).collect();
            prop_assert_eq!(read(1000, &bytes), whole(&input));
        }

        #[test]
        fn a_stuffed_message_comes_out_as_it_was(lines in prop::collection::vec("[.ab]{0,4}", 0..8)) {
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let stuffed: String = lines
                .iter()
                .map(|line| if line.starts_with('.') { format!(".{line}\r\n") } else { format!("{line}\r\n") })
                .collect();
            let (read, end, _) = whole(format!("{stuffed}.\r\n").as_bytes());
            prop_assert_eq!(end, Some(Ok(message.len() as u64)));
            prop_assert_eq!(read, message.into_bytes());
        }
    }
}
