//! Line breaks of message data that comes in counted chunks (RFC 3030): nothing marks its end, but
//! unless it was announced as binary it has to be lines.

/// Whether every line break so far is CRLF, over pieces of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineBreaks(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After a CR that still needs its LF.
    CarriageReturn,
    /// A CR or LF stood alone, and nothing that follows mends it.
    Bare,
}

impl LineBreaks {
    pub fn new() -> Self {
        Self(State::Text)
    }

    /// Takes the next octets.
    pub fn read(&mut self, mut octets: &[u8]) {
        while let Some(&first) = octets.first() {
            let taken = match (self.0, first) {
                (State::Bare, _) => return,
                (State::CarriageReturn, b'\n') => {
                    self.0 = State::Text;
                    1
                }
                (State::CarriageReturn, _) | (State::Text, b'\n') => {
                    self.0 = State::Bare;
                    return;
                }
                (State::Text, _) => {
                    let end = octets.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    let end = end.unwrap_or(octets.len());
                    let is_return = octets.get(end) == Some(&b'\r');
                    if is_return {
                        self.0 = State::CarriageReturn;
                    }
                    end + usize::from(is_return)
                }
            };
            octets = &octets[taken..];
        }
    }

    /// Whether a CR or LF stands alone already, whatever comes.
    pub fn is_broken(&self) -> bool {
        self.0 == State::Bare
    }

    /// Whether all is well if nothing more comes.
    pub fn is_clean(&self) -> bool {
        self.0 == State::Text
    }
}

impl Default for LineBreaks {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> LineBreaks {
        let mut breaks = LineBreaks::new();
        pieces.iter().for_each(|piece| breaks.read(piece));
        breaks
    }

    #[test]
    fn only_crlf_is_a_line_break() {
        for clean in ["", "a", "\r\n", "a\r\n\r\nb", "a\r\n"] {
            assert!(read(&[clean.as_bytes()]).is_clean(), "{clean:?}");
        }
        for bare in ["\n", "a\nb", "\r\r\n", "a\rb", "\r\n\n"] {
            assert!(read(&[bare.as_bytes(), b"\r\n"]).is_broken(), "{bare:?}");
        }
        let open = read(&[b"a\r"]);
        assert!(!open.is_clean() && !open.is_broken());
    }

    proptest! {
        #[test]
        fn where_the_octets_are_cut_makes_no_difference(text in "[a\r\n]{0,12}", cut in 0_usize..12) {
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            let whole = read(&[text.as_bytes()]);
            prop_assert_eq!(read(&[first, second]), whole);
            let plain = text.replace("\r\n", "");
            prop_assert_eq!(whole.is_clean(), !plain.contains(['\r', '\n']));
        }
    }
}
