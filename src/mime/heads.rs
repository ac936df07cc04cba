//! The fields that mail is searched by, ready to be compared: kept beside a message so that SEARCH FROM,
//! SUBJECT and the like need not open it.

use super::address;
use super::collation::folded;
use super::field;
use super::text::{Needle, decoded_words};

/// Octets kept of one message. A field list longer than that (hundreds of recipients) is not kept at all: then
/// the message itself is read.
const HEADS_MAX: usize = 4 * 1024;

/// The fields kept, each with the octet that marks its lines.
const KEPT: [(&str, u8); 6] =
    [("Subject", b's'), ("From", b'f'), ("To", b't'), ("Cc", b'c'), ("Bcc", b'b'), ("Date", b'd')];

/// The marks of those that hold addresses.
const ADDRESSES: [u8; 4] = [b'f', b't', b'c', b'b'];

/// The fields of one message: a line for each, decoded and folded (`collation`), and one more for addresses with
/// something inside them. Only here is the form known.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a>(&'a str);

impl<'a> Heads<'a> {
    /// What to keep of a header. `None` if that is too much.
    pub fn collect(header: &[u8]) -> Option<Vec<u8>> {
        let mut kept = String::new();
        for field in field::fields(header) {
            let Some((_, mark)) = KEPT.iter().find(|(name, _)| field.is(name)) else { continue };
            let value = field.unfolded();
            let shown = folded(&decoded_words(&value));
            let hidden = hidden_addresses(*mark, &value, &shown);
            for line in [shown].into_iter().chain(hidden) {
                kept.push(char::from(*mark));
                kept.push_str(&line);
                kept.push('\n');
            }
            if kept.len() > HEADS_MAX {
                return None;
            }
        }
        Some(kept.into_bytes())
    }

    /// `None` for what `collect` did not make.
    pub fn new(kept: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(kept).ok().map(Self)
    }

    /// As `text::header_contains`. `None` if fields of this name are not kept.
    pub fn contains(self, name: &str, needle: &Needle) -> Option<bool> {
        Some(self.values(name)?.any(|value| needle.is_in_folded(value)))
    }

    /// The values of the fields of this name, folded. `None` if such are not kept.
    pub fn values(self, name: &str) -> Option<impl Iterator<Item = &'a str>> {
        let (_, mark) = KEPT.iter().find(|(kept, _)| kept.eq_ignore_ascii_case(name))?;
        Some(self.0.split_terminator('\n').filter_map(|line| line.strip_prefix(char::from(*mark))))
    }
}

/// The bare addresses of a field that does not show each in one piece, because of comments inside.
fn hidden_addresses(mark: u8, value: &[u8], shown: &str) -> Option<String> {
    if !ADDRESSES.contains(&mark) || !value.contains(&b'(') {
        return None;
    }
    let bare = String::from_utf8_lossy(&address::bare(value)).into_owned();
    let is_hidden = bare.lines().any(|address| !shown.contains(&folded(address)));
    is_hidden.then(|| folded(&bare))
}

#[cfg(test)]
mod tests {
    use super::super::text::header_contains;
    use super::*;

    const MESSAGE: &[u8] = b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n =?iso-8859-1?Q?_aus_K=F6ln?=\r\n\
        From: =?koi8-r?Q?=F0=D2=C9=D7=C5=D4?= <a@x>\r\nTo: One <one@x>,\r\n\ttwo@x\r\nto: three@x\r\n\
        Date: Thu, 29 Feb 2024 23:59:00 -1100\r\nX-Other: x\r\nSubject: line\xc2\x85end\r\n\r\n";

    #[test]
    fn what_is_kept_answers_as_the_message_does() {
        let kept = Heads::collect(MESSAGE).unwrap();
        let heads = Heads::new(&kept).unwrap();
        for name in ["subject", "FROM", "To", "cc", "Bcc", "date"] {
            for text in
                ["", "grüße AUS köln", "ПРИВЕТ", "<one@x>, two", "three", "feb", "line end", "\n"]
            {
                let needle = Needle::new(text);
                let expected = header_contains(MESSAGE, name, &needle);
                assert_eq!(heads.contains(name, &needle), Some(expected), "{name} {text:?}");
            }
        }
        assert_eq!(heads.contains("X-Other", &Needle::new("x")), None);
        assert_eq!(heads.values("To").unwrap().count(), 2);
    }

    #[test]
    fn an_address_with_a_comment_inside_is_found_without_it() {
        let message = b"To: Ada <ada(home)@(the)x.example>, b@x\r\nFrom: eve@y (Eve)\r\n\r\n";
        let kept = Heads::collect(message).unwrap();
        let heads = Heads::new(&kept).unwrap();
        for (name, text) in
            [("To", "ada@x.example"), ("To", "(home)"), ("From", "eve@y"), ("To", "none")]
        {
            let needle = Needle::new(text);
            let expected = header_contains(message, name, &needle);
            assert_eq!(heads.contains(name, &needle), Some(expected), "{name} {text}");
        }
        assert_eq!(heads.values("From").unwrap().count(), 1);
    }

    #[test]
    fn a_very_long_list_of_recipients_is_not_kept() {
        let long = format!("Cc: {}\r\nSubject: x\r\n\r\n", "someone@x, ".repeat(1_000));
        assert!(Heads::collect(long.as_bytes()).is_none());
    }
}
