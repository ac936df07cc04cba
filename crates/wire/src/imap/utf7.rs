//! Modified UTF-7 (RFC 3501 section 5.1.3): mailbox names in printable US-ASCII.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not valid modified UTF-7")]
pub struct InvalidUtf7;

/// Base64 with `,` for `/` and without padding. Stray bits at the end are tolerated, as old
/// clients leave them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut shifted: Vec<u8> = Vec::new();
    for character in text.chars() {
        if matches!(character, ' '..='~') {
            unshift(&mut encoded, &mut shifted);
            encoded.push(character);
            if character == '&' {
                encoded.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(
                character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()),
            );
        }
    }
    unshift(&mut encoded, &mut shifted);
    encoded
}

/// Plain UTF-8 outside the shifted parts is taken as it is, and so is a shift that cannot be read:
/// clients that know nothing of this encoding send `R&D`.
///
/// # Errors
/// If the bytes are not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<String, InvalidUtf7> {
    let mut rest = std::str::from_utf8(bytes).map_err(|_| InvalidUtf7)?;
    let mut decoded = String::with_capacity(rest.len());
    while let Some((plain, shifted)) = rest.split_once('&') {
        decoded.push_str(plain);
        let read =
            shifted.split_once('-').and_then(|(text, after)| Some((unshifted(text)?, after)));
        match read {
            Some((text, after)) => {
                decoded.push_str(&text);
                rest = after;
            }
            None => {
                decoded.push('&');
                rest = shifted;
            }
        }
    }
    decoded.push_str(rest);
    Ok(decoded)
}

fn unshift(encoded: &mut String, shifted: &mut Vec<u8>) {
    if shifted.is_empty() {
        return;
    }
    encoded.push('&');
    BASE64.encode_string(&*shifted, encoded);
    encoded.push('-');
    shifted.clear();
}

/// What stands between `&` and `-`; nothing there is an ampersand.
fn unshifted(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("&".to_owned());
    }
    let bytes = BASE64.decode(text).ok()?;
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() || pairs.is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_3501_reads_and_writes() {
        let wire = "~peter/mail/&U,BTFw-/&ZeVnLIqe-";
        assert_eq!(decode(wire.as_bytes()).unwrap(), "~peter/mail/台北/日本語");
        assert_eq!(encode("~peter/mail/台北/日本語"), wire);
        assert_eq!(encode("R&D"), "R&-D");
        assert_eq!(encode("Entwürfe"), "Entw&APw-rfe");
        assert_eq!(decode("Entwürfe".as_bytes()).unwrap(), "Entwürfe");
    }

    #[test]
    fn broken_shifts_are_taken_as_they_are() {
        for wire in ["&", "a&b", "&AP-", "&2AA-", "&A-", "&!!!-", "&AA==-", "R&D/a&b-c"] {
            assert_eq!(decode(wire.as_bytes()).as_deref(), Ok(wire));
        }
        assert_eq!(decode(b"&&-&AP-&APw-").as_deref(), Ok("&&&AP-ü"));
        assert_eq!(decode(b"\xff"), Err(InvalidUtf7));
    }

    proptest! {
        #[test]
        fn any_name_survives(name in "\\PC*") {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(decode(wire.as_bytes()).unwrap(), name);
        }
    }
}
