//! What `imap-codec` does not know, read strictly and no more than needed: each function stands for one piece of formal
//! syntax and names its RFC. What is not written here is not IMAP to the tests.

/// A position in one response.
struct Reader<'a>(&'a [u8]);

type Read<T = ()> = Result<T, String>;

/// An untagged response of an extension.
pub(super) fn response(line: &[u8]) -> Read {
    let mut reader = Reader(line);
    reader.exact("* ")?;
    match reader.atom()? {
        "ESEARCH" => esearch(&mut reader)?,
        "LIST" => list(&mut reader)?,
        "STATUS" => status(&mut reader)?,
        number if is_number(number) => {
            reader.exact(" FETCH (")?;
            fetch(&mut reader)?;
        }
        other => return Err(format!("no response begins with {other}")),
    }
    reader.exact("\r\n")?;
    reader.end()
}

/// A response code of an extension; `words` are those without an argument.
pub(super) fn code(code: &[u8], words: &[&str]) -> Read {
    let mut reader = Reader(code);
    let name = reader.atom()?;
    match name {
        // RFC 8474 section 4.
        "MAILBOXID" => {
            reader.exact(" ")?;
            reader.in_parentheses(object_id)?;
        }
        // RFC 9585 section 4.
        "INPROGRESS" => {
            reader.exact(" (")?;
            reader.quoted()?;
            for _ in ["done", "goal"] {
                reader.exact(" ")?;
                if !reader.takes("NIL") {
                    reader.number()?;
                }
            }
            reader.exact(")")?;
        }
        // RFC 9738: messages in one command, and the lowest UID that was dealt with.
        "MESSAGELIMIT" => {
            reader.exact(" ")?;
            reader.number()?;
            if reader.takes(" ") {
                reader.number()?;
            }
        }
        // RFC 3502 section 3 with RFC 4315 section 3: one UID for each message.
        "APPENDUID" => {
            reader.exact(" ")?;
            reader.number()?;
            reader.exact(" ")?;
            reader.set()?;
        }
        word if words.contains(&word) => {}
        other => return Err(format!("there is no code {other}")),
    }
    reader.end()
}

/// RFC 4466 section 2.6.2 and RFC 4731 section 3.1, PARTIAL of RFC 9394 section 3.1.
fn esearch(reader: &mut Reader<'_>) -> Read {
    if reader.takes(" (TAG ") {
        reader.quoted()?;
        reader.exact(")")?;
    }
    if reader.takes(" UID") && !reader.at(" ") && !reader.at("\r") {
        return Err("no blank after UID".to_owned());
    }
    while reader.takes(" ") {
        match reader.atom()? {
            "MIN" | "MAX" | "COUNT" | "MODSEQ" => {
                reader.exact(" ")?;
                reader.number()?;
            }
            "ALL" => {
                reader.exact(" ")?;
                reader.set()?;
            }
            "PARTIAL" => {
                reader.exact(" (")?;
                reader.range()?;
                reader.exact(" ")?;
                if !reader.takes("NIL") {
                    reader.set()?;
                }
                reader.exact(")")?;
            }
            other => return Err(format!("ESEARCH has no {other}")),
        }
    }
    Ok(())
}

/// RFC 5258 section 6: extended data after the name.
fn list(reader: &mut Reader<'_>) -> Read {
    reader.exact(" ")?;
    reader.in_parentheses(|reader| {
        reader.exact("\\")?;
        reader.atom().map(drop)
    })?;
    reader.exact(" ")?;
    if !reader.takes("NIL") {
        reader.quoted()?;
    }
    reader.exact(" ")?;
    reader.astring()?;
    reader.exact(" ")?;
    reader.in_parentheses(|reader| match reader.astring()?.as_str() {
        "CHILDINFO" => {
            reader.exact(" ")?;
            reader.in_parentheses(|reader| reader.quoted().map(drop))
        }
        // RFC 9051 section 6.3.9.7.
        "OLDNAME" => {
            reader.exact(" ")?;
            reader.in_parentheses(|reader| reader.astring().map(drop))
        }
        other => Err(format!("LIST has no {other}")),
    })
}

/// RFC 3501 section 7.2.4 with the items of RFC 7889, 8438, 8474 and 9051.
fn status(reader: &mut Reader<'_>) -> Read {
    reader.exact(" ")?;
    reader.astring()?;
    reader.exact(" ")?;
    reader.in_parentheses(|reader| match reader.atom()? {
        "MESSAGES" | "RECENT" | "UIDNEXT" | "UIDVALIDITY" | "UNSEEN" | "HIGHESTMODSEQ" | "SIZE"
        | "DELETED" | "DELETED-STORAGE" => {
            reader.exact(" ")?;
            reader.number()
        }
        "APPENDLIMIT" => {
            reader.exact(" ")?;
            if reader.takes("NIL") { Ok(()) } else { reader.number() }
        }
        "MAILBOXID" => {
            reader.exact(" ")?;
            reader.in_parentheses(object_id)
        }
        other => Err(format!("STATUS has no {other}")),
    })
}

/// What may stand beside the items of RFC 8474, 8514 and 8970 in one response; others have the codec's word alone.
fn fetch(reader: &mut Reader<'_>) -> Read {
    loop {
        match reader.atom()? {
            "UID" | "RFC822.SIZE" => {
                reader.exact(" ")?;
                reader.number()?;
            }
            "MODSEQ" => {
                reader.exact(" ")?;
                reader.in_parentheses(Reader::number)?;
            }
            "FLAGS" => {
                reader.exact(" ")?;
                reader.in_parentheses(|reader| {
                    reader.takes("\\");
                    reader.atom().map(drop)
                })?;
            }
            "INTERNALDATE" => {
                reader.exact(" ")?;
                reader.date_time()?;
            }
            "SAVEDATE" => {
                reader.exact(" ")?;
                if !reader.takes("NIL") {
                    reader.date_time()?;
                }
            }
            "EMAILID" => {
                reader.exact(" ")?;
                reader.in_parentheses(object_id)?;
            }
            "THREADID" => {
                reader.exact(" ")?;
                if !reader.takes("NIL") {
                    reader.in_parentheses(object_id)?;
                }
            }
            "PREVIEW" => {
                reader.exact(" ")?;
                if !reader.takes("NIL") {
                    reader.string()?;
                }
            }
            // RFC 3516 section 7; the origin stands behind the section as in BODY.
            section if section.starts_with("BINARY[") => {
                reader.section_end()?;
                reader.exact(" ")?;
                if !reader.takes("NIL") {
                    reader.octets()?;
                }
            }
            section if section.starts_with("BINARY.SIZE[") => {
                reader.section_end()?;
                reader.exact(" ")?;
                reader.number()?;
            }
            other => return Err(format!("FETCH has no {other}")),
        }
        if reader.takes(")") {
            return Ok(());
        }
        reader.exact(" ")?;
    }
}

/// RFC 8474 section 7: 1 to 255 of these.
fn object_id(reader: &mut Reader<'_>) -> Read {
    let id = reader.while_(|octet| octet.is_ascii_alphanumeric() || b"_-".contains(&octet));
    if (1..=255).contains(&id.len()) { Ok(()) } else { Err("no object id".to_owned()) }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('0') && text.bytes().all(|octet| octet.is_ascii_digit())
}

impl<'a> Reader<'a> {
    fn at(&self, text: &str) -> bool {
        self.0.starts_with(text.as_bytes())
    }

    fn takes(&mut self, text: &str) -> bool {
        let taken = self.at(text);
        self.0 = if taken { &self.0[text.len()..] } else { self.0 };
        taken
    }

    fn exact(&mut self, text: &str) -> Read {
        let wanted = format!("{text:?} expected at {:?}", self.0.escape_ascii().to_string());
        if self.takes(text) { Ok(()) } else { Err(wanted) }
    }

    fn end(&self) -> Read {
        if self.0.is_empty() { Ok(()) } else { Err("more than a response".to_owned()) }
    }

    fn while_(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let end = self.0.iter().position(|octet| !belongs(*octet)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        std::str::from_utf8(taken).unwrap_or_default()
    }

    fn atom(&mut self) -> Read<&'a str> {
        let special = b"(){ %*\"\\]";
        let atom = self.while_(|octet| octet.is_ascii_graphic() && !special.contains(&octet));
        if atom.is_empty() { Err("no atom".to_owned()) } else { Ok(atom) }
    }

    /// Without a sign and without leading zeros.
    fn number(&mut self) -> Read {
        let number = self.while_(|octet| octet.is_ascii_digit());
        let read = number.parse::<u64>().is_ok_and(|value| value <= u64::MAX >> 1);
        let plain = number == "0" || is_number(number);
        if read && plain { Ok(()) } else { Err(format!("{number:?} is no number")) }
    }

    fn range(&mut self) -> Read {
        self.takes("-");
        self.number()?;
        self.exact(":")?;
        self.takes("-");
        self.number()
    }

    /// Numbers of messages; a server says no `*`.
    fn set(&mut self) -> Read {
        let set = self.while_(|octet| octet.is_ascii_digit() || b":,".contains(&octet));
        let bound = |text: &str| is_number(text) && text.parse::<u32>().is_ok();
        let span = |text: &str| match text.split_once(':') {
            Some((first, last)) => bound(first) && bound(last),
            None => bound(text),
        };
        if set.split(',').all(span) { Ok(()) } else { Err(format!("{set:?} is no set")) }
    }

    fn quoted(&mut self) -> Read<String> {
        self.exact("\"")?;
        let mut text = Vec::new();
        loop {
            let (first, rest) = self.0.split_first().ok_or("no end of the string")?;
            self.0 = rest;
            match first {
                b'"' => return String::from_utf8(text).map_err(|error| error.to_string()),
                b'\\' => {
                    let (next, rest) = self.0.split_first().ok_or("no end of the string")?;
                    if !b"\"\\".contains(next) {
                        return Err("a needless backslash".to_owned());
                    }
                    text.push(*next);
                    self.0 = rest;
                }
                b'\r' | b'\n' | 0 => return Err("a line end in a quoted string".to_owned()),
                octet => text.push(*octet),
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        if !self.takes("{") {
            return self.quoted();
        }
        let length: usize =
            self.while_(|octet| octet.is_ascii_digit()).parse().unwrap_or(usize::MAX);
        self.exact("}\r\n")?;
        let (text, rest) = self.0.split_at_checked(length).ok_or("a literal too short")?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|error| error.to_string())
    }

    /// What stands behind the part numbers of a section.
    fn section_end(&mut self) -> Read {
        self.exact("]")?;
        if self.takes("<") {
            self.number()?;
            self.exact(">")?;
        }
        Ok(())
    }

    /// A string or a literal8, of any octets.
    fn octets(&mut self) -> Read {
        if !self.takes("~{") && !self.takes("{") {
            return self.quoted().map(drop);
        }
        let length: usize =
            self.while_(|octet| octet.is_ascii_digit()).parse().unwrap_or(usize::MAX);
        self.exact("}\r\n")?;
        self.0 = self.0.get(length..).ok_or("a literal too short")?;
        Ok(())
    }

    fn astring(&mut self) -> Read<String> {
        if self.at("\"") || self.at("{") { self.string() } else { self.atom().map(str::to_owned) }
    }

    /// `"dd-Mmm-yyyy hh:mm:ss +zzzz"`
    fn date_time(&mut self) -> Read {
        let text = self.quoted()?;
        let shape: String = text
            .chars()
            .map(|one| {
                if one.is_ascii_digit() {
                    '0'
                } else if one.is_ascii_alphabetic() {
                    'a'
                } else {
                    one
                }
            })
            .collect();
        let known = ["00-aaa-0000 00:00:00 +0000", " 0-aaa-0000 00:00:00 +0000"];
        if known.contains(&shape.replace(" -0000", " +0000").as_str()) {
            Ok(())
        } else {
            Err(format!("{text:?} is no date"))
        }
    }

    fn in_parentheses(&mut self, mut one: impl FnMut(&mut Self) -> Read) -> Read {
        self.exact("(")?;
        if self.takes(")") {
            return Ok(());
        }
        loop {
            one(self)?;
            if self.takes(")") {
                return Ok(());
            }
            self.exact(" ")?;
        }
    }
}
