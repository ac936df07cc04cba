//! ENVELOPE, BODY and BODYSTRUCTURE read by the letter of RFC 3501 section 9 or RFC 9051 section 9, however deep they go.

use crate::mime::{Content, Edition, Form, Outline, Part};

/// What a client learns from a structure.
#[derive(Debug)]
pub(crate) enum Body {
    Single {
        kind: String,
        size: u64,
        /// Of a text or a message.
        lines: Option<u64>,
        message: Option<Box<Self>>,
    },
    Multipart(Vec<Self>),
}

/// The structure, and nothing behind it.
pub(crate) fn body(text: &[u8], (form, edition): (Form, Edition)) -> Result<Body, &'static str> {
    let mut reader = Reader { rest: text, form, edition };
    let body = reader.body()?;
    reader.end().map(|()| body)
}

/// An envelope, and nothing behind it.
pub(crate) fn envelope(text: &[u8]) -> Result<(), &'static str> {
    let mut reader = Reader { rest: text, form: Form::Body, edition: Edition::Rev1 };
    reader.envelope()?;
    reader.end()
}

// === impl Body ===

impl Body {
    /// Bodies within bodies, this one counted.
    pub(crate) fn depth(&self) -> usize {
        1 + match self {
            Self::Single { message, .. } => message.as_ref().map_or(0, |inner| inner.depth()),
            Self::Multipart(parts) => parts.iter().map(Self::depth).max().unwrap_or(0),
        }
    }

    /// Part by part it says what the outline knows.
    pub(crate) fn agrees(&self, outline: &Outline, part: &Part) -> bool {
        match (self, &part.content) {
            (Self::Multipart(parts), Content::Multipart(children)) => {
                let mut pairs = parts.iter().zip(children);
                parts.len() == children.len()
                    && pairs.all(|(body, child)| body.agrees(outline, outline.part(*child)))
            }
            (Self::Multipart(_), _) | (_, Content::Multipart(_)) => false,
            (Self::Single { kind, size, lines, message }, content) => {
                let is_same = match (message, content) {
                    (Some(inner), Content::Message(index)) => {
                        inner.agrees(outline, outline.part(*index))
                    }
                    // `message/global` is told without its structure by the older grammar.
                    (None, Content::Message(_)) => kind == "message/global",
                    (None, Content::Opaque) => kind == "text/plain",
                    (None, _) => true,
                    (Some(_), _) => false,
                };
                is_same
                    && *size == part.body.end - part.body.start
                    && lines.is_none_or(|lines| lines == part.lines)
            }
        }
    }
}

type Read<T = ()> = Result<T, &'static str>;

struct Reader<'a> {
    rest: &'a [u8],
    form: Form,
    edition: Edition,
}

impl<'a> Reader<'a> {
    fn body(&mut self) -> Read<Body> {
        self.exact("(")?;
        let mut parts = Vec::new();
        while self.rest.starts_with(b"(") {
            parts.push(self.body()?);
        }
        let body = match parts.is_empty() {
            true => self.single()?,
            false => {
                self.exact(" ")?;
                self.string()?;
                if self.form == Form::BodyStructure {
                    self.exact(" ")?;
                    self.parameters()?;
                    self.extension()?;
                }
                Body::Multipart(parts)
            }
        };
        self.exact(")")?;
        Ok(body)
    }

    /// `body-type-1part`
    fn single(&mut self) -> Read<Body> {
        let kind = self.string()?.to_ascii_lowercase();
        self.exact(" ")?;
        let subtype = self.string()?.to_ascii_lowercase();
        self.exact(" ")?;
        self.parameters()?;
        for _ in ["body-fld-id", "body-fld-desc"] {
            self.exact(" ")?;
            self.nstring()?;
        }
        self.exact(" ")?;
        self.string()?;
        self.exact(" ")?;
        let size = self.number()?;
        let (mut lines, mut message) = (None, None);
        let kind = format!("{}/{}", kind.escape_ascii(), subtype.escape_ascii());
        let is_global = kind == "message/global" && self.edition == Edition::Rev2;
        if kind == "message/rfc822" || is_global {
            self.exact(" ")?;
            self.envelope()?;
            self.exact(" ")?;
            message = Some(Box::new(self.body()?));
        }
        if message.is_some() || kind.starts_with("text/") {
            self.exact(" ")?;
            lines = Some(self.number()?);
        }
        if self.form == Form::BodyStructure {
            self.exact(" ")?;
            self.nstring()?;
            self.extension()?;
        }
        Ok(Body::Single { kind, size, lines, message })
    }

    /// `SP body-fld-dsp SP body-fld-lang SP body-fld-loc`
    fn extension(&mut self) -> Read {
        self.exact(" ")?;
        if !self.takes("NIL") {
            self.exact("(")?;
            self.string()?;
            self.exact(" ")?;
            self.parameters()?;
            self.exact(")")?;
        }
        self.exact(" ")?;
        match self.rest.starts_with(b"(") {
            true => drop(self.strings()?),
            false => self.nstring()?,
        }
        self.exact(" ")?;
        self.nstring()
    }

    /// Names and values in turn.
    fn parameters(&mut self) -> Read {
        match self.takes("NIL") || self.strings()?.is_multiple_of(2) {
            true => Ok(()),
            false => Err("a parameter without a value"),
        }
    }

    /// At least one string in parentheses; how many.
    fn strings(&mut self) -> Read<usize> {
        self.exact("(")?;
        for count in 1.. {
            self.string()?;
            if self.takes(")") {
                return Ok(count);
            }
            self.exact(" ")?;
        }
        Err("no end of a list")
    }

    fn envelope(&mut self) -> Read {
        self.exact("(")?;
        for _ in ["date", "subject"] {
            self.nstring()?;
            self.exact(" ")?;
        }
        for _ in ["from", "sender", "reply-to", "to", "cc", "bcc"] {
            self.addresses()?;
            self.exact(" ")?;
        }
        self.nstring()?;
        self.exact(" ")?;
        self.nstring()?;
        self.exact(")")
    }

    /// With nothing between two addresses.
    fn addresses(&mut self) -> Read {
        if self.takes("NIL") {
            return Ok(());
        }
        self.exact("(")?;
        loop {
            self.exact("(")?;
            for end in [" ", " ", " ", ")"] {
                self.nstring()?;
                self.exact(end)?;
            }
            if self.takes(")") {
                return Ok(());
            }
        }
    }

    fn nstring(&mut self) -> Read {
        if self.takes("NIL") { Ok(()) } else { self.string().map(drop) }
    }

    fn string(&mut self) -> Read<Vec<u8>> {
        if self.takes("\"") { self.quoted() } else { self.literal() }
    }

    /// From behind the quote.
    fn quoted(&mut self) -> Read<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let (octet, rest) = self.rest.split_first().ok_or("no end of a string")?;
            self.rest = rest;
            match octet {
                b'"' => return Ok(text),
                b'\\' => {
                    let (escaped, rest) = self.rest.split_first().ok_or("no end of a string")?;
                    if !matches!(escaped, b'"' | b'\\') {
                        return Err("a needless backslash");
                    }
                    self.rest = rest;
                    text.push(*escaped);
                }
                0 | b'\r' | b'\n' | 0x80.. => return Err("an octet that no quoted string holds"),
                octet => text.push(*octet),
            }
        }
    }

    fn literal(&mut self) -> Read<Vec<u8>> {
        self.exact("{")?;
        let length = usize::try_from(self.number()?).map_err(|_| "a literal too long")?;
        self.exact("}\r\n")?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or("a literal too short")?;
        self.rest = rest;
        if text.contains(&0) { Err("NUL in a literal") } else { Ok(text.to_vec()) }
    }

    /// Without leading zeros.
    fn number(&mut self) -> Read<u64> {
        let end = self.rest.iter().position(|octet| !octet.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let text = std::str::from_utf8(digits).map_err(|_| "no number")?;
        let number = text.parse().map_err(|_| "no number")?;
        if digits.starts_with(b"0") && digits != b"0" { Err("a leading zero") } else { Ok(number) }
    }

    fn exact(&mut self, text: &'static str) -> Read {
        if self.takes(text) { Ok(()) } else { Err(text) }
    }

    fn takes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text.as_bytes());
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn end(&self) -> Read {
        if self.rest.is_empty() { Ok(()) } else { Err("more than was asked for") }
    }
}
