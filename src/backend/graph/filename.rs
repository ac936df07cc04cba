//! Names of files that are spelled as RFC 2231 has it: in pieces, with a character set, percent-encoded.

use encoding_rs::{Encoding, UTF_8};

/// Pieces of one name that are joined.
const PIECES_MAX: usize = 100;

/// One parameter of a field; its name in lower case, its value without quotes.
struct Parameter {
    name: String,
    value: Vec<u8>,
}

/// The parameter `name` of a field's value, if it is spelled so.
pub(super) fn extended(field: &[u8], name: &str) -> Option<String> {
    let parameters = parameters(field);
    let find = |wanted: String| parameters.iter().find(|parameter| parameter.name == wanted);
    if let Some(whole) = find(format!("{name}*")) {
        let (charset, text) = introduced(&whole.value);
        return Some(decoded(charset, &unescaped(text)));
    }
    let (mut charset, mut octets) = (UTF_8, Vec::new());
    for number in 0..PIECES_MAX {
        if let Some(piece) = find(format!("{name}*{number}*")) {
            let text = match number {
                0 => {
                    let (told, text) = introduced(&piece.value);
                    charset = told;
                    text
                }
                _ => &piece.value,
            };
            octets.extend_from_slice(&unescaped(text));
        } else if let Some(piece) = find(format!("{name}*{number}")) {
            octets.extend_from_slice(&piece.value);
        } else {
            return (number > 0).then(|| decoded(charset, &octets));
        }
    }
    Some(decoded(charset, &octets))
}

/// `charset'language'text`
fn introduced(value: &[u8]) -> (&'static Encoding, &[u8]) {
    let mut parts = value.splitn(3, |octet| *octet == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => {
            (Encoding::for_label(charset).unwrap_or(UTF_8), text)
        }
        _ => (UTF_8, value),
    }
}

fn decoded(charset: &'static Encoding, octets: &[u8]) -> String {
    charset.decode_without_bom_handling(octets).0.into_owned()
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).filter(|_| *first == b'%');
        let code = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        rest = match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(octet) => {
                out.push(octet);
                &after[2..]
            }
            None => {
                out.push(*first);
                after
            }
        };
    }
    out
}

/// What follows the first `;`, folding and quotes taken away.
fn parameters(field: &[u8]) -> Vec<Parameter> {
    let mut found = Vec::new();
    let mut pieces = pieces(field).into_iter();
    pieces.next();
    for piece in pieces {
        let Some(equals) = piece.iter().position(|octet| *octet == b'=') else { continue };
        let name = String::from_utf8_lossy(piece[..equals].trim_ascii()).to_ascii_lowercase();
        found.push(Parameter { name, value: unquoted(piece[equals + 1..].trim_ascii()) });
    }
    found
}

/// Cut at each `;` that is not within quotes.
fn pieces(field: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, octet) in field.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                pieces.push(&field[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&field[from..]);
    pieces
}

fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"") else { return value.to_vec() };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut out = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for octet in inner {
        match octet {
            b'\\' if !escaped => escaped = true,
            octet => {
                out.push(*octet);
                escaped = false;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(field: &str) -> Option<String> {
        extended(field.as_bytes(), "filename")
    }

    #[test]
    fn the_examples_of_rfc_2231_are_read() {
        let field = " application/x-stuff;\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n \
                     title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"";
        let title = extended(field.as_bytes(), "title");
        assert_eq!(title.as_deref(), Some("This is even more ***fun*** isn't it!"));
        let field =
            "x; URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"";
        let url = extended(field.as_bytes(), "url").unwrap();
        assert!(url.starts_with("ftp://cs.utk.edu/") && url.ends_with(".tar"));
    }

    #[test]
    fn the_character_set_is_that_of_the_first_piece() {
        let field = "attachment; filename*0*=ISO-8859-1''Gr%F6; filename*1*=%DFe; FILENAME*2=.zip";
        assert_eq!(name(field).as_deref(), Some("Größe.zip"));
        let split = "attachment; filename*1*=%A9; filename*0*=utf-8''%C3";
        assert_eq!(name(split).as_deref(), Some("é"));
    }

    #[test]
    fn a_plain_name_is_none_of_these_and_damage_is_borne() {
        assert_eq!(name("attachment; filename=\"a;filename*=x\""), None);
        assert_eq!(name("attachment"), None);
        assert_eq!(name("attachment; filename*=100%; x").as_deref(), Some("100%"));
        assert_eq!(name("attachment; filename*=unknown'x'%41").as_deref(), Some("A"));
        assert_eq!(name("attachment; filename*1=x"), None);
    }
}
