//! Which addresses a recipient header names (RFC 5322 §3.4, obsolete forms included).
//!
//! The service mails whoever the header names, so this reader must never see fewer people than the
//! service does. Where two readers could differ (a missing comma, an open quote), it gives up.

use std::borrow::Cow;
use std::ops::Range;

use crate::mailbox::Address;

/// What stands between two commas of an address field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Named {
    /// Where it stands in the field's value, without the white space around it and without the name
    /// of a group before it.
    pub(super) text: Range<usize>,
    /// The inside of its angle brackets.
    pub(super) angle: Option<Range<usize>>,
    /// `None`: an entry without any `@` (`To: root`), which names nobody.
    pub(super) address: Option<Address>,
}

/// The addresses of one header field's value; folding still in it.
/// `None` if it cannot be told for certain whom it names.
///
/// An entry without any `@` (`To: root`, `undisclosed-recipients:;`) names nobody.
pub(super) fn addresses(value: &[u8]) -> Option<Vec<Address>> {
    let named = entries(value)?;
    Some(named.into_iter().filter_map(|named| named.address).collect())
}

/// The same with the places where they stand. Empty entries are left out.
pub(super) fn entries(value: &[u8]) -> Option<Vec<Named>> {
    let mut scanner =
        Scanner { value, rest: value, start: 0, entry: Entry::default(), found: Vec::new() };
    while let Some((&byte, rest)) = scanner.rest.split_first() {
        scanner.rest = rest;
        scanner.step(byte)?;
    }
    scanner.close(value.len())?;
    Some(scanner.found)
}

/// An address in the one spelling that compares well and may stand in a header between `<` and `>`:
/// printable, its local part a dot-string or a quoted string that needs its quotes.
/// `None` for what is no address by that rule.
pub(super) fn canonical(text: &str) -> Option<Address> {
    let at = text.rfind('@')?;
    let (local, domain) = (&text[..at], &text[at + 1..]);
    if !is_domain(domain) {
        return None;
    }
    let domain = in_ascii(domain)?;
    let plain = |local: &str| Address::new(&format!("{local}@{domain}"));
    if is_dot_string(local) {
        return plain(local);
    }
    match unquoted(local)? {
        inner if is_dot_string(inner) => plain(inner),
        _ => plain(local),
    }
}

struct Scanner<'a> {
    value: &'a [u8],
    rest: &'a [u8],
    /// Where the entry begins.
    start: usize,
    entry: Entry,
    found: Vec<Named>,
}

/// What was read since the last comma.
#[derive(Default)]
struct Entry {
    /// Text outside `<>`, comments gone, quoted strings with their quotes.
    text: Text,
    /// Text inside `<>`, and where it stands.
    angle: Option<(Text, Range<usize>)>,
}

/// Text with each run of white space and comments made one space, or none beside `.` and `@`,
/// where RFC 5322 §4.4 allows such runs.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    gap: bool,
    /// An `@` outside of quotes was seen.
    bare_at: bool,
    /// An `@` within quotes was seen.
    quoted_at: bool,
}

impl Scanner<'_> {
    fn step(&mut self, byte: u8) -> Option<()> {
        match byte {
            b',' | b';' => self.close(self.at() - 1)?,
            b'<' => {
                if self.entry.angle.is_some() {
                    return None;
                }
                let start = self.at();
                let text = self.angle()?;
                self.entry.angle = Some((text, start..self.at() - 1));
            }
            b'>' => return None,
            // The display name of a group.
            b':' => {
                if self.entry.angle.is_some() || self.entry.text.bare_at {
                    return None;
                }
                self.entry = Entry::default();
                self.start = self.at();
            }
            _ => {
                let mut text = std::mem::take(&mut self.entry.text);
                self.piece(byte, &mut text)?;
                self.entry.text = text;
            }
        }
        Some(())
    }

    /// Octets read.
    fn at(&self) -> usize {
        self.value.len() - self.rest.len()
    }

    /// Whatever may stand both inside and outside of `<>`.
    fn piece(&mut self, byte: u8, text: &mut Text) -> Option<()> {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => text.gap = true,
            b'(' => {
                self.skip_comment()?;
                text.gap = true;
            }
            b'"' => {
                let quoted = self.until(b'"')?;
                text.quoted_at |= quoted.contains(&b'@');
                text.push(b'"');
                text.bytes.extend_from_slice(quoted);
                text.bytes.push(b'"');
            }
            b'[' => {
                let literal = self.until(b']')?;
                text.push(b'[');
                text.bytes.extend_from_slice(literal);
                text.bytes.push(b']');
            }
            b')' | b']' | b'\\' => return None,
            byte if byte.is_ascii_control() => return None,
            byte => {
                text.bare_at |= byte == b'@';
                text.push(byte);
            }
        }
        Some(())
    }

    fn angle(&mut self) -> Option<Text> {
        let mut text = Text::default();
        loop {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'>' => return Some(text),
                b'<' | b';' => return None,
                // `<@relay,@relay:user@host>` (RFC 5322 §4.4 `obs-route`) names the last only.
                b':' if text.bytes.first() == Some(&b'@') => text = Text::default(),
                b',' if text.bytes.is_empty() || text.bytes.first() == Some(&b'@') => {
                    text.push(byte)
                }
                b':' | b',' => return None,
                byte => self.piece(byte, &mut text)?,
            }
        }
    }

    /// The bytes up to an unescaped `end`, which is passed over.
    fn until(&mut self, end: u8) -> Option<&[u8]> {
        let mut at = 0;
        while let Some(&byte) = self.rest.get(at) {
            if byte == end {
                let (inside, rest) = self.rest.split_at(at);
                self.rest = &rest[1..];
                return Some(inside);
            }
            at += if byte == b'\\' { 2 } else { 1 };
        }
        None
    }

    fn skip_comment(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        while depth > 0 {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\\' => self.rest = self.rest.get(1..)?,
                _ => {}
            }
        }
        Some(())
    }

    /// Ends an entry, which reaches up to `end`.
    fn close(&mut self, end: usize) -> Option<()> {
        let Entry { text, angle } = std::mem::take(&mut self.entry);
        let place = trimmed(self.value, self.start..end);
        self.start = self.at();
        let address = match &angle {
            Some((inside, _)) => {
                let address = match inside.bare_at {
                    true => Some(inside.address()?),
                    false if inside.quoted_at => return None,
                    false => None,
                };
                // `a@b <c@d>` is no display name by the grammar, and may be read as two people.
                if text.bare_at && text.address() != address {
                    return None;
                }
                address
            }
            None if text.bare_at => Some(text.address()?),
            None if text.quoted_at => return None,
            None => None,
        };
        if !place.is_empty() {
            let angle = angle.map(|(_, place)| place);
            self.found.push(Named { text: place, angle, address });
        }
        Some(())
    }
}

impl Text {
    fn push(&mut self, byte: u8) {
        let joins = |byte: u8| matches!(byte, b'.' | b'@');
        if let Some(&last) = self.bytes.last()
            && self.gap
            && !joins(last)
            && !joins(byte)
        {
            self.bytes.push(b' ');
        }
        self.gap = false;
        self.bytes.push(byte);
    }

    fn address(&self) -> Option<Address> {
        canonical(std::str::from_utf8(&self.bytes).ok()?)
    }
}

/// The range without the white space at its ends.
fn trimmed(value: &[u8], range: Range<usize>) -> Range<usize> {
    let inside = &value[range.clone()];
    let start = range.end - inside.trim_ascii_start().len();
    start..start + inside.trim_ascii().len()
}

/// RFC 5322 §3.2.3 `dot-atom-text`, with stray dots (old phones have them) and Unicode (RFC 6532).
fn is_dot_string(text: &str) -> bool {
    let special = |c: char| "()<>[]:;@\\,\"".contains(c);
    !text.is_empty() && text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !special(c))
}

fn is_domain(text: &str) -> bool {
    let literal = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match literal {
        Some(inside) => {
            inside.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-'))
        }
        None => is_dot_string(text),
    }
}

/// A domain in the letters that every server knows (RFC 5890 A-labels). Those of ASCII stay as they are:
/// names with underscores exist.
fn in_ascii(domain: &str) -> Option<Cow<'_, str>> {
    match domain.is_ascii() {
        true => Some(Cow::Borrowed(domain)),
        // What looks like `@` or a dot may become one.
        false => {
            idna::domain_to_ascii(domain).ok().filter(|ascii| is_domain(ascii)).map(Cow::Owned)
        }
    }
}

/// The inside of a quoted string that is well-formed and printable.
fn unquoted(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        let taken = match c {
            '\\' => chars.next()?,
            '"' => return None,
            c => c,
        };
        if taken.is_control() {
            return None;
        }
    }
    Some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Vec<String>> {
        Some(addresses(value.as_bytes())?.iter().map(ToString::to_string).collect())
    }

    fn names(value: &str, expected: &[&str]) {
        let expected = expected.iter().map(ToString::to_string).collect();
        assert_eq!(read(value), Some(expected), "{value}");
    }

    #[test]
    fn the_forms_of_rfc_5322_appendix_a_are_read() {
        names("John Doe <jdoe@machine.example>", &["jdoe@machine.example"]);
        names(
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            &["mary@x.test", "jdoe@example.org", "one@y.test"],
        );
        names(
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            &["boss@nil.test", "sysservices@example.net"],
        );
        names(
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            &["c@a.test", "joe@where.test", "jdoe@one.test"],
        );
        names("Undisclosed recipients:;", &[]);
        names(
            "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n \
             joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
            &["c@public.example", "joe@example.org", "jdoe@one.test"],
        );
        names(
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test   . example",
            &["mary@example.net", "jdoe@test.example"],
        );
        names("<@a.test,@b.test:joe@c.test>", &["joe@c.test"]);
    }

    #[test]
    fn quotes_comments_and_encoded_words_hide_nothing_and_add_nothing() {
        names("\"a@b.test, c@d.test\" <e@f.test>", &["e@f.test"]);
        names("(x@y.test) e@f.test (g@h.test (i@j.test))", &["e@f.test"]);
        names("=?utf-8?q?J=C3=B6rg=2C_a=40b?= <j@x.test>", &["j@x.test"]);
        names("\"john doe\"@x.test, \"plain\"@x.test", &["\"john doe\"@x.test", "plain@x.test"]);
        names("a@[10.0.0.1], b@[IPv6:::1]", &["a@[10.0.0.1]", "b@[IPv6:::1]"]);
        names("A@b.test <a@B.test>", &["a@B.test"]);
        names("jörg@bücher.test", &["jörg@xn--bcher-kva.test"]);
    }

    #[test]
    fn each_entry_is_found_where_it_stands() {
        let value = " Team: A <a@x.test>,\r\n b@x.test (B) , root;, <c@x.test>";
        let named = entries(value.as_bytes()).unwrap();
        let texts: Vec<&str> = named.iter().map(|named| &value[named.text.clone()]).collect();
        assert_eq!(texts, ["A <a@x.test>", "b@x.test (B)", "root", "<c@x.test>"]);
        assert_eq!(&value[named[0].angle.clone().unwrap()], "a@x.test");
        assert_eq!((&named[1].angle, &named[2].address), (&None, &None));
    }

    #[test]
    fn an_entry_without_an_address_names_nobody() {
        names("root", &[]);
        names("", &[]);
        names("<>, <root>, Someone", &[]);
    }

    #[test]
    fn what_two_readers_could_take_differently_is_not_taken_at_all() {
        for value in [
            "a@b.test c@d.test",
            "a@b.test <c@d.test>",
            "\"a@b.test\"",
            "\"open <a@b.test>",
            "(open <a@b.test>",
            "<a@b.test",
            "a@b.test>",
            "<a@b.test> <c@d.test>",
            "<a@b.test, c@d.test>",
            "x <a@b.test c@d.test>",
            "a@b@c.test",
            "a\\@b.test <c@d.test>",
            "a@b.test: c@d.test;",
            "a@",
            "@b.test",
            "<\"a@b.test\">",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn an_address_that_could_break_out_of_its_brackets_is_not_canonical() {
        for text in [
            "a,b@c.test",
            "a@b\u{FE6B}c.test",
            "a@b@c.test",
            "a(b@c.test",
            "a b@c.test",
            "\"a\"b\"@c.test",
            "a@b c",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
