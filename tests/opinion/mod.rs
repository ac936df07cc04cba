//! A reader of IMAP that is not ours: it must understand every line that the bridge ever says to a test.
//!
//! `imap-codec` reads what it knows. What it does not know has a small strict grammar in `grammar.rs`; a line that
//! neither understands fails the conversation it stands in.

mod grammar;
#[cfg(test)]
mod tests;

use imap_codec::decode::Decoder;
use imap_codec::imap_types::response::{Code, Response, Status};
use imap_codec::{GreetingCodec, ResponseCodec};

/// Response codes that are a word and nothing else: RFC 3516, 4315, 4978, 5182, 5464, 5530, 6154, 7162, 7889. The codec takes
/// any word for a code of which it knows no more.
const WORDS: &[&str] = &[
    "ALREADYEXISTS",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "CANNOT",
    "CLIENTBUG",
    "COMPRESSIONACTIVE",
    "CONTACTADMIN",
    "CORRUPTION",
    "EXPIRED",
    "EXPUNGEISSUED",
    "HASCHILDREN",
    "INUSE",
    "LIMIT",
    "NONEXISTENT",
    "NOPERM",
    "NOTSAVED",
    "OVERQUOTA",
    "PRIVACYREQUIRED",
    "SERVERBUG",
    "TOOBIG",
    "UIDNOTSTICKY",
    "UNAVAILABLE",
    "UNKNOWN-CTE",
    "USEATTR",
];

/// Hears all octets of a connection, in whatever pieces they come.
#[derive(Default)]
pub(crate) struct Listener {
    waiting: Vec<u8>,
    greeted: bool,
}

impl Listener {
    /// # Panics
    /// At the first response that nobody understands.
    pub(crate) fn hear(&mut self, octets: &[u8]) {
        self.waiting.extend_from_slice(octets);
        while let Some(end) = response_end(&self.waiting) {
            let response: Vec<u8> = self.waiting.drain(..end).collect();
            let read = if self.greeted { read(&response) } else { read_greeting(&response) };
            self.greeted = true;
            read.unwrap_or_else(|problem| panic!("{problem}: {}", response.escape_ascii()));
        }
    }
}

/// The length of the first complete response in the buffer, literals followed.
pub(crate) fn response_end(buffer: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + buffer[from..].windows(2).position(|two| two == b"\r\n")? + 2;
        match literal_announced(&buffer[from..end - 2]) {
            Some(length) if end + length <= buffer.len() => from = end + length,
            Some(_) => return None,
            None => return Some(end),
        }
    }
}

/// Only data carries literals; text for people may end as it likes.
fn literal_announced(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}")?;
    let open = line.iter().rposition(|octet| *octet == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

fn read_greeting(line: &[u8]) -> Result<(), String> {
    match GreetingCodec::default().decode(line) {
        Ok(([], _)) => Ok(()),
        other => Err(format!("no greeting: {other:?}")),
    }
}

/// One response with its line end and its literals.
fn read(line: &[u8]) -> Result<(), String> {
    let line = without_nul_in_literals(line);
    match ResponseCodec::default().decode(&line) {
        Ok(([], Response::Status(status))) => match code(&status) {
            Some(Code::Other(other)) => grammar::code(other.inner(), WORDS),
            _ => Ok(()),
        },
        // The codec reads the sets of commands here, in which the largest number has a name of its own.
        Ok(([], _)) if line.starts_with(b"* VANISHED ") && line[2..].contains(&b'*') => {
            Err("`*` in a set of the server".to_owned())
        }
        Ok(([], _)) => Ok(()),
        _ if is_read(&with_messages_for_globals(&line)) => Ok(()),
        other => grammar::response(&line).map_err(|problem| format!("{problem}; codec: {other:?}")),
    }
}

fn is_read(line: &[u8]) -> bool {
    matches!(ResponseCodec::default().decode(line), Ok(([], _)))
}

/// RFC 9051 §9 has `message/global` in the form of `message/rfc822`; the codec knows the second only.
fn with_messages_for_globals(line: &[u8]) -> Vec<u8> {
    const GLOBAL: &[u8] = br#""message" "global""#;
    const MESSAGE: &[u8] = br#""message" "rfc822""#;
    let mut line = line.to_vec();
    for at in 0..=line.len().saturating_sub(GLOBAL.len()) {
        if line[at..].starts_with(GLOBAL) {
            line[at..at + GLOBAL.len()].copy_from_slice(MESSAGE);
        }
    }
    line
}

fn code<'a>(status: &'a Status<'_>) -> Option<&'a Code<'a>> {
    match status {
        Status::Untagged(body) => body.code.as_ref(),
        Status::Tagged(tagged) => tagged.body.code.as_ref(),
        Status::Bye(bye) => bye.code.as_ref(),
    }
}

/// Mail with NUL is served as it is; the codec keeps to the letter of RFC 3501 §9 CHAR8.
fn without_nul_in_literals(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    let mut from = 0;
    while let Some(end) = line[from..].windows(2).position(|two| two == b"\r\n") {
        let begin = from + end + 2;
        let length = literal_announced(&line[from..begin - 2]).unwrap_or(0);
        from = (begin + length).min(line.len());
        line[begin..from].iter_mut().filter(|octet| **octet == 0).for_each(|octet| *octet = b'?');
    }
    line
}
