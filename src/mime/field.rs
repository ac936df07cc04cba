//! Header fields: finding, unfolding and choosing them (RFC 5322 §2.2).

/// One field with its continuation lines. A line that is no field (the `From ` line of an mbox file) has no name.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    /// All octets of the field, line end included.
    pub(super) raw: &'a [u8],
    value: &'a [u8],
}

/// Which fields [`filter_fields`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The named ones: `HEADER.FIELDS`.
    Named,
    /// All but the named ones: `HEADER.FIELDS.NOT`.
    Others,
}

/// The fields of a header that `HEADER.FIELDS` or `HEADER.FIELDS.NOT` asks for, in their order and folding.
/// Ends with the blank line of the header, or with one of ours when it has none (RFC 3501 §6.4.5).
pub fn filter_fields(header: &[u8], names: &[String], keep: Keep) -> Vec<u8> {
    let mut chosen = Vec::new();
    let mut end = 0;
    for field in fields(header) {
        end += field.raw.len();
        let named = names.iter().any(|name| field.is(name));
        if named == (keep == Keep::Named) {
            chosen.extend_from_slice(field.raw);
        }
    }
    if !chosen.is_empty() && !chosen.ends_with(b"\n") {
        chosen.extend_from_slice(b"\r\n");
    }
    match &header[end..] {
        [] => chosen.extend_from_slice(b"\r\n"),
        blank_line => chosen.extend_from_slice(blank_line),
    }
    chosen
}

/// The fields of a header up to its blank line.
pub(super) fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() || is_blank_line(rest) {
            return None;
        }
        let mut length = line_length(rest);
        while rest[length..].first().is_some_and(|octet| is_blank(*octet)) {
            length += line_length(&rest[length..]);
        }
        let (raw, after) = rest.split_at(length);
        rest = after;
        let colon = name_length(raw).map_or(0, |name| position(raw, name, b':'));
        let name = &raw[..name_length(raw).unwrap_or(0)];
        let value = if name.is_empty() { raw } else { &raw[colon + 1..] };
        Some(Field { name, raw, value })
    })
}

/// Whether a line can begin a field: a name of printable ASCII, blanks (obsolete), a colon (RFC 5322 §2.2, §4.5).
pub(super) fn begins_field(line: &[u8]) -> bool {
    name_length(line).is_some()
}

/// Removes surrounding blanks and line ends.
pub(super) fn trimmed(octets: &[u8]) -> &[u8] {
    octets.trim_ascii()
}

pub(super) fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

// === impl Field ===

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value without the line ends of its folding (RFC 5322 §2.2.3) and without surrounding blanks.
    pub(super) fn unfolded(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.value.len());
        for line in self.value.split_inclusive(|octet| *octet == b'\n') {
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            value.extend_from_slice(content.strip_suffix(b"\r").unwrap_or(content));
        }
        trimmed(&value).to_vec()
    }
}

fn name_length(line: &[u8]) -> Option<usize> {
    let length = line.iter().position(|octet| !matches!(octet, 33..=57 | 59..=126))?;
    let after = line[length..].iter().find(|octet| !is_blank(**octet));
    (length > 0 && after == Some(&b':')).then_some(length)
}

fn position(octets: &[u8], from: usize, wanted: u8) -> usize {
    octets[from..].iter().position(|octet| *octet == wanted).map_or(octets.len(), |at| from + at)
}

fn line_length(octets: &[u8]) -> usize {
    octets.iter().position(|octet| *octet == b'\n').map_or(octets.len(), |at| at + 1)
}

fn is_blank_line(octets: &[u8]) -> bool {
    octets.starts_with(b"\r\n") || octets.starts_with(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"From: a@x\r\nTo: b@y,\r\n\tc@y\r\nSubject : hi\r\nto: d@y\r\n\r\n";

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn named_fields_keep_their_order_and_folding() {
        let kept = filter_fields(HEADER, &names(&["TO", "From"]), Keep::Named);
        assert_eq!(kept, b"From: a@x\r\nTo: b@y,\r\n\tc@y\r\nto: d@y\r\n\r\n");
    }

    #[test]
    fn the_other_fields_are_the_complement() {
        let kept = filter_fields(HEADER, &names(&["to", "from"]), Keep::Others);
        assert_eq!(kept, b"Subject : hi\r\n\r\n");
    }

    #[test]
    fn no_field_at_all_leaves_the_blank_line() {
        assert_eq!(filter_fields(HEADER, &names(&["Date"]), Keep::Named), b"\r\n");
        assert_eq!(filter_fields(b"", &names(&["Date"]), Keep::Others), b"\r\n");
    }

    #[test]
    fn a_header_without_blank_line_gets_one() {
        let kept = filter_fields(b"From: a\r\nTo: b", &names(&["To"]), Keep::Named);
        assert_eq!(kept, b"To: b\r\n\r\n");
    }

    #[test]
    fn bare_line_feeds_stay_bare() {
        let kept = filter_fields(b"A: 1\nB: 2\n 3\n\n", &names(&["b"]), Keep::Named);
        assert_eq!(kept, b"B: 2\n 3\n\n");
    }

    #[test]
    fn text_is_not_a_field() {
        assert!(begins_field(b"Subject:x"));
        assert!(begins_field(b"Subject :x"));
        assert!(!begins_field(b"Dear Ada: hello"));
        assert!(!begins_field(b": x"));
        assert!(!begins_field(b"caf\xc3\xa9: x"));
        assert!(!begins_field(b"Hello"));
    }
}
