//! Encoded words in a file's name (RFC 2047): they do not belong there, and many mail programs write them.

/// A header in which nothing stands between encoded words that follow each other: blanks and folds between them
/// are no part of what they say (RFC 2047 §6.2).
pub(super) fn joined(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len());
    let mut rest = header;
    while let [first, after @ ..] = rest {
        let Some(length) = word_length(rest) else {
            out.push(*first);
            rest = after;
            continue;
        };
        let (word, behind) = rest.split_at(length);
        out.extend_from_slice(word);
        let next = behind.trim_ascii_start();
        rest = if word_length(next).is_some() { next } else { behind };
    }
    out
}

/// Octets of the encoded word that begins here: `=?charset?B?text?=`. Each looks no further than to the next
/// question mark but two, so that a header full of beginnings costs no more than its length.
fn word_length(octets: &[u8]) -> Option<usize> {
    let mut pieces = octets.strip_prefix(b"=?")?.splitn(4, |octet| *octet == b'?');
    let (charset, encoding, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let is_word = !charset.is_empty()
        && !charset.iter().any(u8::is_ascii_whitespace)
        && matches!(encoding, [b'B' | b'b' | b'Q' | b'q'])
        && pieces.next()?.starts_with(b"=");
    is_word.then_some(2 + charset.len() + 1 + encoding.len() + 1 + text.len() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(header: &str) -> String {
        String::from_utf8(joined(header.as_bytes())).unwrap()
    }

    #[test]
    fn blanks_go_between_encoded_words_and_nowhere_else() {
        for between in [" ", "\t ", "\r\n ", "\r\n\t "] {
            let words = format!("a =?u?B?eA==?={between}=?u*de?q?_?= b");
            assert_eq!(text(&words), "a =?u?B?eA==?==?u*de?q?_?= b");
        }
        for other in [
            "=?u?Q?a?= b =?u?Q?c?=",
            "=?u?Q?a?=\r\nX: =?u?Q?c?=",
            "what?= =?u?Q?c?=",
            "=?u?Q?a?= =?u?X?c?=",
            "=?u?Q?a?= =?u?Q?c",
            "=?u?Q?a? = =?u?Q?c?=",
            "=??Q?a?= =??Q?c?=",
            "",
        ] {
            assert_eq!(text(other), other);
        }
    }
}
