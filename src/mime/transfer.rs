//! Transfer encodings (RFC 2045 §6), decoded leniently and piece by piece: damaged mail is still read.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{field, media::without_comments};

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// 7bit, 8bit and binary: the octets stand for themselves.
    Identity,
    Base64,
    QuotedPrintable,
}

/// Takes an encoded body in pieces of any size; how it is cut makes no difference to what comes out.
#[derive(Debug)]
pub struct Decoder(State);

#[derive(Debug)]
enum State {
    Identity,
    /// Digits that do not yet make a whole group of four.
    Base64(Vec<u8>),
    QuotedPrintable(Line),
}

/// Where in a quoted-printable line the decoder stands.
#[derive(Debug, Default)]
struct Line {
    escape: Escape,
    /// Blanks that are text if more text follows, and padding if the line ends.
    blanks: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// `=`: an escape, a soft line break, or itself.
    Begun,
    /// `=` and one hexadecimal digit.
    Half(u8),
}

/// Blanks in a row that may be padding; RFC 2045 §6.7 allows lines of 76 octets.
const BLANKS_MAX: usize = 64 * 1024;

/// Which octets are digits of base64: large bodies are read octet by octet.
const DIGITS: [bool; 256] = {
    let mut digits = [false; 256];
    let mut octet = 0_u8;
    while octet < 128 {
        digits[octet as usize] = octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
        octet += 1;
    }
    digits
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes base64. Junk is skipped, padding ends a run, a digit too few at the end of a run is dropped.
pub(super) fn base64_decoded(body: &[u8]) -> Vec<u8> {
    decoded(Transfer::Base64, body)
}

/// Decodes quoted-printable. What is no escape stands for itself; blanks before a line end are transport padding.
pub(super) fn quoted_printable_decoded(body: &[u8]) -> Vec<u8> {
    decoded(Transfer::QuotedPrintable, body)
}

fn decoded(transfer: Transfer, body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    let mut decoder = Decoder::new(transfer);
    decoder.feed(body, &mut decoded);
    decoder.finish(&mut decoded);
    decoded
}

/// The octet two hexadecimal digits stand for.
pub(super) fn hex_pair(octets: &[u8]) -> Option<u8> {
    let pair = octets.get(..2).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

// === impl Transfer ===

impl Transfer {
    /// What the header of a part says; `None` for an encoding that no one here knows.
    pub fn of(header: &[u8]) -> Option<Self> {
        match named(header).as_slice() {
            b"" | b"7bit" | b"8bit" | b"binary" => Some(Self::Identity),
            b"base64" => Some(Self::Base64),
            b"quoted-printable" => Some(Self::QuotedPrintable),
            _ => None,
        }
    }
}

/// Whether the header of a part says that its octets may be anything: no lines, that is.
pub fn is_binary(header: &[u8]) -> bool {
    named(header) == b"binary"
}

/// The encoding that a header names, in lower case; empty if it names none. Some senders put it into quotes, or
/// end it as if a parameter followed.
fn named(header: &[u8]) -> Vec<u8> {
    let field = field::fields(header).find(|field| field.is("Content-Transfer-Encoding"));
    let value = field.map(|field| without_comments(&field.unfolded())).unwrap_or_default();
    let named = value.split(|octet| *octet == b';').next().unwrap_or_default();
    let bare = named.strip_prefix(b"\"").and_then(|named| named.strip_suffix(b"\""));
    bare.unwrap_or(named).to_ascii_lowercase()
}

// === impl Decoder ===

impl Decoder {
    pub fn new(transfer: Transfer) -> Self {
        Self(match transfer {
            Transfer::Identity => State::Identity,
            Transfer::Base64 => State::Base64(Vec::new()),
            Transfer::QuotedPrintable => State::QuotedPrintable(Line::default()),
        })
    }

    /// Appends what `piece` adds to `out`.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            State::Identity => out.extend_from_slice(piece),
            State::Base64(digits) => {
                let mut runs = piece.split(|octet| *octet == b'=').peekable();
                while let Some(run) = runs.next() {
                    digits.extend(run.iter().filter(|octet| DIGITS[usize::from(**octet)]));
                    let rest = if runs.peek().is_some() { 0 } else { digits.len() % 4 };
                    decode_digits(digits, rest, out);
                }
            }
            State::QuotedPrintable(line) => piece.iter().for_each(|octet| line.take(*octet, out)),
        }
    }

    /// Appends what the end of the body settles.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.0 {
            State::Identity => {}
            State::Base64(mut digits) => decode_digits(&mut digits, 0, out),
            State::QuotedPrintable(line) => {
                if let Escape::Half(digit) = line.escape {
                    out.extend_from_slice(&[b'=', digit]);
                }
            }
        }
    }
}

/// Decodes all but the last `rest` digits, which stay.
fn decode_digits(digits: &mut Vec<u8>, rest: usize, out: &mut Vec<u8>) {
    let mut whole = digits.len() - rest;
    let taken = whole;
    if whole % 4 == 1 {
        whole -= 1;
    }
    out.extend(LENIENT.decode(&digits[..whole]).unwrap_or_default());
    digits.drain(..taken);
}

// === impl Line ===

impl Line {
    fn take(&mut self, octet: u8, out: &mut Vec<u8>) {
        if octet == b'\n' {
            return self.end(out);
        }
        if octet.is_ascii_whitespace() {
            if let Escape::Half(digit) = self.escape {
                out.extend_from_slice(&[b'=', digit]);
                self.escape = Escape::None;
            }
            if self.blanks.len() >= BLANKS_MAX {
                self.give_up_padding(out);
            }
            self.blanks.push(octet);
            return;
        }
        match self.escape {
            Escape::Begun if self.blanks.is_empty() && octet.is_ascii_hexdigit() => {
                self.escape = Escape::Half(octet);
                return;
            }
            Escape::Begun => out.push(b'='),
            Escape::Half(first) => {
                if let Some(decoded) = hex_pair(&[first, octet]) {
                    out.push(decoded);
                    self.escape = Escape::None;
                    return;
                }
                out.extend_from_slice(&[b'=', first]);
            }
            Escape::None => {}
        }
        out.append(&mut self.blanks);
        self.escape = Escape::None;
        match octet {
            b'=' => self.escape = Escape::Begun,
            octet => out.push(octet),
        }
    }

    /// No padding is as long: these blanks are text, and what they follow is no soft line break.
    fn give_up_padding(&mut self, out: &mut Vec<u8>) {
        if let Escape::Begun = std::mem::take(&mut self.escape) {
            out.push(b'=');
        }
        out.append(&mut self.blanks);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.blanks.clear();
        match std::mem::take(&mut self.escape) {
            Escape::Begun => return,
            Escape::Half(digit) => out.extend_from_slice(&[b'=', digit]),
            Escape::None => {}
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn damaged_base64_gives_what_is_left() {
        assert_eq!(base64_decoded(b"SGVs*bG8g\r\n!d29y bGQ=\r\n===="), b"Hello world");
        assert_eq!(base64_decoded(b"SGk=SGk="), b"HiHi");
        assert_eq!(base64_decoded(b"SGVsbG8gd29yb"), b"Hello wor");
        assert_eq!(base64_decoded(b""), b"");
    }

    #[test]
    fn quoted_printable_joins_soft_breaks_and_drops_padding() {
        assert_eq!(
            quoted_printable_decoded(b"a=C3=B6=\r\nb=20 \r\nc=3d=\t\r\n=XX="),
            b"a\xc3\xb6b \r\nc==XX"
        );
        assert_eq!(quoted_printable_decoded(b"==3D=4=\r\n= =41 =4 \r\n"), b"===4= A =4\r\n");
        assert_eq!(quoted_printable_decoded(b""), b"");
    }

    #[test]
    fn endless_blanks_take_no_memory_and_are_not_lost() {
        let mut decoder = Decoder::new(Transfer::QuotedPrintable);
        let mut out = Vec::new();
        for _ in 0..100 {
            decoder.feed(&[b' '; 4096], &mut out);
        }
        let State::QuotedPrintable(line) = &decoder.0 else { panic!() };
        assert!(line.blanks.len() <= BLANKS_MAX);
        decoder.feed(b"=", &mut out);
        decoder.feed(&[b' '; 2 * BLANKS_MAX], &mut out);
        decoder.feed(b"x", &mut out);
        let expected = [&[b' '; 409_600][..], b"=", &[b' '; 2 * BLANKS_MAX], b"x"].concat();
        assert!(out == expected, "{}", out.len());
    }

    #[test]
    fn an_encoding_that_no_one_knows_is_told_from_none() {
        let of = |value: &str| Transfer::of(format!("{value}\r\n\r\n").as_bytes());
        assert_eq!(of("X: y"), Some(Transfer::Identity));
        assert_eq!(of("Content-Transfer-Encoding: 8BIT (plain)"), Some(Transfer::Identity));
        assert_eq!(of("content-transfer-encoding:\r\n BASE64"), Some(Transfer::Base64));
        assert_eq!(of("Content-Transfer-Encoding: x-uuencode"), None);
        for spelled in ["\"base64\"", "base64;", " BASE64 (x) ;", "\"Base64\"; x=y"] {
            let field = format!("Content-Transfer-Encoding: {spelled}");
            assert_eq!(of(&field), Some(Transfer::Base64), "{spelled}");
        }
        assert_eq!(of("Content-Transfer-Encoding: base64, x-foo"), None);
    }

    proptest! {
        #[test]
        fn how_a_body_is_cut_makes_no_difference(
            pieces in prop::collection::vec("[=A-F0-9+/ \t\r\nz]{0,12}", 0..8),
            transfer in prop::sample::select(vec![
                Transfer::Identity, Transfer::Base64, Transfer::QuotedPrintable,
            ]),
        ) {
            let mut decoder = Decoder::new(transfer);
            let mut out = Vec::new();
            pieces.iter().for_each(|piece| decoder.feed(piece.as_bytes(), &mut out));
            decoder.finish(&mut out);
            prop_assert_eq!(out, decoded(transfer, pieces.concat().as_bytes()));
        }

        #[test]
        fn what_was_encoded_comes_back(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let encoded = base64::prelude::BASE64_STANDARD.encode(&octets);
            prop_assert_eq!(&base64_decoded(encoded.as_bytes()), &octets);
            let quoted: String = octets.iter().map(|octet| format!("={octet:02X}")).collect();
            prop_assert_eq!(quoted_printable_decoded(quoted.as_bytes()), octets);
        }
    }
}
