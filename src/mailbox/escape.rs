//! Names that a protocol cannot carry, made carryable and back: `_xHHHH_` for one UTF-16 unit.
//!
//! Folder names may hold the hierarchy separator and categories may hold spaces, so both need a
//! spelling that loses nothing: `unescape(escape(name)) == name` for every name.

/// Replaces each character for which `keep` is false, and each `_` that would read as an escape.
pub fn escape(name: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        let looks_escaped = c == '_' && unit_at(&name[at..]).is_some();
        if keep(c) && !looks_escaped {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("_x{unit:04X}_"));
        }
    }
    out
}

/// Undoes `escape`; what does not decode stays as it is.
pub fn unescape(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match unit_at(rest) {
            Some(unit) => {
                units.push(unit);
                rest = &rest[ESCAPE_LEN..];
            }
            None => {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    String::from_utf16(&units).unwrap_or_else(|_| text.to_owned())
}

const ESCAPE_LEN: usize = "_x0000_".len();

fn unit_at(text: &str) -> Option<u16> {
    let escape = text.get(..ESCAPE_LEN)?;
    let digits = escape.strip_prefix("_x")?.strip_suffix('_')?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_as_it_was() {
        let keep = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for name in
            ["plain", "a/b", "Red category", "_x002F_", "__x0041__", "📎 clip", "_x", "", "50%*"]
        {
            assert_eq!(unescape(&escape(name, keep)), name);
        }
    }

    #[test]
    fn the_separator_is_spelled_out() {
        assert_eq!(escape("In/Out", |c| c != '/'), "In_x002F_Out");
    }
}
