//! The encodings of values in the DSN parameters: xtext (RFC 3461 section 4) and the address forms
//! of RFC 6533 section 3.

/// Decodes xtext; `None` if it is none. It may decode to any octet, so more is to be checked.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'!'..=b'~' if byte != b'=' => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

/// Decodes xtext of printable US-ASCII, the only kind that RFC 3461 allows.
pub(super) fn printable(text: &str) -> Option<String> {
    let decoded = decoded(text)?;
    let is_printable = decoded.iter().all(|byte| matches!(byte, b' '..=b'~'));
    is_printable.then_some(decoded).and_then(|decoded| String::from_utf8(decoded).ok())
}

/// Decodes an address of type `utf-8`: `\x{20AC}` stands for a character, and characters beyond
/// US-ASCII may stand for themselves. Clients that do not know the type's own rules write xtext of
/// UTF-8; since `+` cannot stand for itself in either, both are understood.
pub(super) fn utf8_address(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(escape) = rest.strip_prefix("\\x{") {
            let (digits, after) = escape.split_once('}')?;
            let escaped = code_point(digits)?;
            decoded.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
            rest = after;
            continue;
        }
        match character {
            '+' => {
                decoded.extend(self::decoded(rest.get(..3)?)?);
                rest = &rest[3..];
                continue;
            }
            '\\' | '=' => return None,
            '!'..='~' | '\u{80}'.. => {
                decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
        rest = &rest[character.len_utf8()..];
    }
    let decoded = String::from_utf8(decoded).ok()?;
    // Control characters are in the grammar, but in no mailbox, and would end a header line.
    let is_text = |character: char| !character.is_control() && !is_line_break(character);
    decoded.chars().all(is_text).then_some(decoded)
}

/// What some readers take for the end of a line.
fn is_line_break(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

fn code_point(digits: &str) -> Option<char> {
    let fits = (2..=6).contains(&digits.len()) && digits.bytes().all(|byte| hex(byte).is_some());
    fits.then(|| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)).flatten()
}

/// Both encodings want upper case.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3461_and_4954_are_decoded() {
        assert_eq!(printable("Dana@Ivory.EDU").unwrap(), "Dana@Ivory.EDU");
        assert_eq!(printable("QQ314159").unwrap(), "QQ314159");
        assert_eq!(printable("e+3Dmc2@example.com").unwrap(), "e=mc2@example.com");
        assert_eq!(printable("a+20b+2B").unwrap(), "a b+");
    }

    #[test]
    fn what_is_no_xtext_is_refused() {
        for text in ["a=b", "a+", "a+2", "a+2b", "a+GG", "ä", "a b", "a\u{7f}", "+é0"] {
            assert_eq!(decoded(text), None, "{text}");
        }
        for text in ["a+0D+0Ab", "a+00", "a+7F", "a+C3+A4"] {
            assert_eq!(printable(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_in_utf8_come_in_each_form() {
        for text in ["j\\x{F6}rg@x", "jörg@x", "j+C3+B6rg@x", "j\\x{00F6}rg@x"] {
            assert_eq!(utf8_address(text).unwrap(), "jörg@x", "{text}");
        }
        assert_eq!(utf8_address("a\\x{2B}b\\x{3D}\\x{5C}@x").unwrap(), "a+b=\\@x");
        assert_eq!(utf8_address("\\x{10FFFF}").unwrap(), "\u{10ffff}");
    }

    #[test]
    fn no_form_hides_a_line_end_or_half_a_character() {
        for text in [
            "a\\x{0A}b",
            "a\\x{0D}b",
            "a+0Ab",
            "a\\x{85}b",
            "a\\x{2028}b",
            "a+C3b",
            "a\\x{D800}",
            "a\\x{110000}",
            "a\\x{}",
            "a\\x{F}",
            "a\\x{f6}",
            "a\\x{F6",
            "a\\b",
            "a=b",
            "a b",
            "a+",
            "a+ö",
        ] {
            assert_eq!(utf8_address(text), None, "{text}");
        }
    }
}
