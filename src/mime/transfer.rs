//! Base64 and quoted-printable (RFC 2045 §6.7, §6.8), decoded leniently: damaged mail is still searched.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes base64. Junk is skipped, padding ends a run, a digit too few at the end of a run is dropped.
pub(super) fn base64_decoded(body: &[u8]) -> Vec<u8> {
    let digit = |octet: &&u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    let mut decoded = Vec::with_capacity(body.len() / 4 * 3);
    for run in body.split(|octet| *octet == b'=') {
        let mut digits: Vec<u8> = run.iter().filter(digit).copied().collect();
        if digits.len() % 4 == 1 {
            digits.pop();
        }
        decoded.extend(LENIENT.decode(&digits).unwrap_or_default());
    }
    decoded
}

/// Decodes quoted-printable. What is no escape stands for itself; blanks before a line end are transport padding.
pub(super) fn quoted_printable_decoded(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let text = line.trim_ascii_end();
        let soft = text.last() == Some(&b'=');
        unescape(text.strip_suffix(b"=").unwrap_or(text), &mut decoded);
        if !soft && line.ends_with(b"\n") {
            decoded.extend_from_slice(b"\r\n");
        }
    }
    decoded
}

/// The octet two hexadecimal digits stand for.
pub(super) fn hex_pair(octets: &[u8]) -> Option<u8> {
    let pair = octets.get(..2).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

fn unescape(text: &[u8], decoded: &mut Vec<u8>) {
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let code = (*first == b'=').then(|| hex_pair(after)).flatten();
        decoded.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(quoted_printable_decoded(b""), b"");
    }
}
