//! What the server answers (RFC 5321 section 4.2, RFC 2034, RFC 3463).

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

/// One reply of one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<EnhancedCode>,
    /// Never empty.
    lines: Vec<Cow<'static, str>>,
}

/// Class, subject, detail: `5.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnhancedCode(pub u16, pub u16, pub u16);

// === impl Reply ===

impl Reply {
    pub fn new(code: u16, enhanced: EnhancedCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: Some(enhanced), lines: vec![text.into()] }
    }

    /// Without an enhanced code: greeting, HELO, 354 and AUTH challenges (RFC 2034 section 4).
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: None, lines: vec![text.into()] }
    }

    /// The answer to EHLO: our name, then one keyword with its parameters on each line.
    pub fn ehlo(
        host: impl Into<Cow<'static, str>>,
        keywords: impl IntoIterator<Item = Cow<'static, str>>,
    ) -> Self {
        let mut lines = vec![host.into()];
        lines.extend(keywords);
        Self { code: 250, enhanced: None, lines }
    }

    /// Adds a line to the text.
    #[must_use]
    pub fn and(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.lines.push(text.into());
        self
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    /// Appends the wire form. Text becomes printable US-ASCII whatever it holds.
    pub fn write(&self, out: &mut Vec<u8>) {
        let last = self.lines.len() - 1;
        for (index, line) in self.lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            write!(out, "{:03}{separator}", self.code).expect("a Vec takes every write");
            if let Some(enhanced) = self.enhanced {
                write!(out, "{enhanced} ").expect("a Vec takes every write");
            }
            out.extend(line.chars().map(|character| match character {
                ' '..='~' => u8::try_from(character).unwrap_or(b'?'),
                _ => b'?',
            }));
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replies_of_several_lines_repeat_their_codes() {
        let reply = Reply::new(550, EnhancedCode(5, 1, 1), "no such").and("person");
        assert_eq!(written(&reply), "550-5.1.1 no such\r\n550 5.1.1 person\r\n");
        let keywords = ["SIZE 1000".into(), "PIPELINING".into()];
        let reply = Reply::ehlo("footbridge", keywords);
        assert_eq!(written(&reply), "250-footbridge\r\n250-SIZE 1000\r\n250 PIPELINING\r\n");
    }

    #[test]
    fn text_cannot_forge_a_reply() {
        let reply = Reply::plain(354, "go\r\n250 ü ahead");
        assert_eq!(written(&reply), "354 go??250 ? ahead\r\n");
    }
}
