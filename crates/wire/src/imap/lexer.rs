//! The smallest pieces of the grammar, read from one assembled command (RFC 3501 section 9).

use std::num::{NonZeroU32, NonZeroU64};

use super::NameEncoding;

/// Mod-sequences have 63 bits.
const MOD_SEQUENCE_MAX: u64 = u64::MAX >> 1;

/// A cursor over one assembled command: literals stand in place as `{n}` CRLF and n octets.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    rest: &'a [u8],
    /// How the mailbox names in it are written.
    pub(super) names: NameEncoding,
}

/// What was expected and did not come; becomes the text of a BAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected(pub(super) &'static str);

/// `ATOM-CHAR`
pub(super) fn is_atom_char(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// `ASTRING-CHAR`: also `]`.
pub(super) fn is_astring_char(byte: u8) -> bool {
    is_atom_char(byte) || byte == b']'
}

/// `list-char`: also the wildcards.
pub(super) fn is_list_char(byte: u8) -> bool {
    is_astring_char(byte) || matches!(byte, b'%' | b'*')
}

impl<'a> Lexer<'a> {
    #[cfg(test)]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, names: NameEncoding::default() }
    }

    pub(super) fn with_names(bytes: &'a [u8], names: NameEncoding) -> Self {
        Self { rest: bytes, names }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Whether nothing but spaces is left.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.rest.trim_ascii_start(), [])
    }

    /// The end of the command; trailing spaces are tolerated.
    pub(super) fn end(&self) -> Result<(), Expected> {
        if self.at_end() { Ok(()) } else { Err(Expected("unexpected text after the arguments")) }
    }

    /// Takes `byte` if it comes next.
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Expected> {
        if self.skip(byte) { Ok(()) } else { Err(Expected(expected)) }
    }

    /// One space; more are tolerated.
    pub(super) fn space(&mut self) -> Result<(), Expected> {
        self.expect(b' ', "expected a space and an argument")?;
        self.skip_spaces();
        Ok(())
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.skip(b' ') {}
    }

    /// The longest run of matching bytes, which may be empty.
    pub(super) fn take_while(&mut self, matches: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|&byte| !matches(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    pub(super) fn atom(&mut self) -> Result<&'a str, Expected> {
        text(self.take_while(is_atom_char)).ok_or(Expected("expected an atom"))
    }

    /// A word of letters, digits, `-` and `.`, as verbs, items and keys are.
    pub(super) fn word(&mut self) -> Result<String, Expected> {
        let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let word = text(word).ok_or(Expected("expected a keyword"))?;
        Ok(word.to_ascii_uppercase())
    }

    pub(super) fn astring(&mut self) -> Result<Vec<u8>, Expected> {
        self.string_or(is_astring_char, "expected a string")
    }

    pub(super) fn list_mailbox(&mut self) -> Result<Vec<u8>, Expected> {
        self.string_or(is_list_char, "expected a mailbox pattern")
    }

    fn string_or(
        &mut self,
        bare: fn(u8) -> bool,
        expected: &'static str,
    ) -> Result<Vec<u8>, Expected> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(<[u8]>::to_vec),
            _ => match self.take_while(bare) {
                [] => Err(Expected(expected)),
                bytes => Ok(bytes.to_vec()),
            },
        }
    }

    /// `quoted`; octets above 127 are tolerated, because old clients send them.
    pub(super) fn quoted(&mut self) -> Result<Vec<u8>, Expected> {
        self.expect(b'"', "expected a quoted string")?;
        let mut bytes = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or(Expected("unterminated quotes"))?;
            self.rest = rest;
            match byte {
                b'"' => return Ok(bytes),
                b'\r' | b'\n' | 0 => return Err(Expected("line break inside quotes")),
                b'\\' => match self.rest.split_first() {
                    Some((&escaped @ (b'"' | b'\\'), rest)) => {
                        self.rest = rest;
                        bytes.push(escaped);
                    }
                    _ => return Err(Expected("invalid escape inside quotes")),
                },
                _ => bytes.push(byte),
            }
        }
    }

    fn literal(&mut self) -> Result<&'a [u8], Expected> {
        const BROKEN: Expected = Expected("malformed literal");
        self.expect(b'{', BROKEN.0)?;
        let digits = text(self.take_while(|byte| byte.is_ascii_digit())).ok_or(BROKEN)?;
        let length: usize = digits.parse().map_err(|_| BROKEN)?;
        self.skip(b'+');
        self.rest = self.rest.strip_prefix(b"}\r\n").ok_or(BROKEN)?;
        let (literal, rest) = self.rest.split_at_checked(length).ok_or(BROKEN)?;
        if literal.contains(&0) {
            return Err(Expected("NUL is not allowed in a literal"));
        }
        self.rest = rest;
        Ok(literal)
    }

    pub(super) fn number(&mut self) -> Result<u32, Expected> {
        let digits = text(self.take_while(|byte| byte.is_ascii_digit()));
        digits
            .ok_or(Expected("expected a number"))?
            .parse()
            .map_err(|_| Expected("number out of range"))
    }

    /// `number64` (RFC 9051 section 9): 63 bits of it.
    pub(super) fn number64(&mut self) -> Result<u64, Expected> {
        let digits = text(self.take_while(|byte| byte.is_ascii_digit()));
        let value = digits.ok_or(Expected("expected a number"))?.parse::<u64>().ok();
        value.filter(|value| *value <= u64::MAX >> 1).ok_or(Expected("number out of range"))
    }

    pub(super) fn nonzero(&mut self) -> Result<NonZeroU32, Expected> {
        NonZeroU32::new(self.number()?).ok_or(Expected("expected a number above zero"))
    }

    /// `mod-sequence-valzer` (RFC 7162 section 7).
    pub(super) fn mod_sequence_or_zero(&mut self) -> Result<u64, Expected> {
        let digits = text(self.take_while(|byte| byte.is_ascii_digit()));
        let value: Option<u64> = digits.ok_or(Expected("expected a mod-sequence"))?.parse().ok();
        value
            .filter(|value| *value <= MOD_SEQUENCE_MAX)
            .ok_or(Expected("mod-sequence out of range"))
    }

    /// `mod-sequence-value`
    pub(super) fn mod_sequence(&mut self) -> Result<NonZeroU64, Expected> {
        NonZeroU64::new(self.mod_sequence_or_zero()?)
            .ok_or(Expected("expected a mod-sequence above zero"))
    }

    /// `(` items `)`, separated by one space or several; `item` reads one.
    pub(super) fn list<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T, Expected>,
    ) -> Result<Vec<T>, Expected> {
        self.expect(b'(', "expected a list in parentheses")?;
        self.list_items(item)
    }

    /// The rest of a list after its `(`.
    pub(super) fn list_items<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Expected>,
    ) -> Result<Vec<T>, Expected> {
        let mut items = Vec::new();
        loop {
            let start = self.rest.len();
            self.skip_spaces();
            if self.skip(b')') {
                return Ok(items);
            }
            if !items.is_empty() && start == self.rest.len() {
                return Err(Expected("expected a space or the end of the list"));
            }
            items.push(item(self)?);
        }
    }
}

/// `None` if empty or not UTF-8.
fn text(bytes: &[u8]) -> Option<&str> {
    if bytes.is_empty() { None } else { std::str::from_utf8(bytes).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_in_three_forms() {
        let mut lexer = Lexer::new(b"bare]x \"a \\\"b\\\\\" {3}\r\n{ \" rest");
        assert_eq!(lexer.astring().unwrap(), b"bare]x");
        lexer.space().unwrap();
        assert_eq!(lexer.astring().unwrap(), b"a \"b\\");
        lexer.space().unwrap();
        assert_eq!(lexer.astring().unwrap(), b"{ \"");
        assert_eq!(lexer.rest(), b" rest");
    }

    #[test]
    fn broken_strings_are_refused() {
        for text in ["", "\"open", "\"a\\b\"", "{4}\r\nabc", "{4}abcd", "{+}\r\n", "(", "{1}\r\n\0"]
        {
            assert!(Lexer::new(text.as_bytes()).astring().is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists_tolerate_more_than_one_space() {
        let mut lexer = Lexer::new(b"( A  B C )rest");
        assert_eq!(lexer.list(|lexer| lexer.word()).unwrap(), ["A", "B", "C"]);
        assert_eq!(lexer.rest(), b"rest");
        assert!(Lexer::new(b"(A\"B\")").list(|lexer| lexer.word()).is_err());
        assert!(Lexer::new(b"(A").list(|lexer| lexer.word()).is_err());
    }
}
