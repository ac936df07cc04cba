//! Strings in the finished text: quoted where that is safe, a literal where not (RFC 3501 §4.3).

/// Longer strings become literals: old clients read a line into a buffer of fixed size.
const QUOTED_LONGEST: usize = 1_000;

/// Writes a string. NUL may stand in no IMAP string (RFC 3501 §9, CHAR8) and becomes `?`.
pub(super) fn push_string(out: &mut Vec<u8>, octets: &[u8]) {
    let plain = octets.iter().all(|octet| matches!(octet, 32..=126));
    if plain && octets.len() <= QUOTED_LONGEST {
        return push_quoted(out, octets);
    }
    out.extend_from_slice(format!("{{{}}}\r\n", octets.len()).as_bytes());
    out.extend(octets.iter().map(|octet| if *octet == 0 { b'?' } else { *octet }));
}

/// Writes a string, or `NIL` when there is none.
pub(super) fn push_nstring(out: &mut Vec<u8>, octets: Option<&[u8]>) {
    match octets {
        Some(octets) => push_string(out, octets),
        None => out.extend_from_slice(b"NIL"),
    }
}

fn push_quoted(out: &mut Vec<u8>, octets: &[u8]) {
    out.push(b'"');
    for octet in octets {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*octet);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_string(&mut out, octets);
        out
    }

    #[test]
    fn plain_text_is_quoted_and_escaped() {
        assert_eq!(written(br#"a "b" \c"#), br#""a \"b\" \\c""#);
        assert_eq!(written(b""), b"\"\"");
    }

    #[test]
    fn anything_else_is_a_literal() {
        assert_eq!(written(b"caf\xe9"), b"{4}\r\ncaf\xe9");
        assert_eq!(written(b"a\rb"), b"{3}\r\na\rb");
        assert!(written(&[b'x'; 1_001]).starts_with(b"{1001}\r\nxxx"));
    }

    #[test]
    fn nul_is_never_sent() {
        assert_eq!(written(b"a\0b"), b"{3}\r\na?b");
    }
}
