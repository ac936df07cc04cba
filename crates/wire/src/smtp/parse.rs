//! One command line in, one [`Command`] out.
//!
//! Our own grammar, because the parsers at hand lose what we need: quotes of local parts, bare
//! addresses, long AUTH lines, sizes beyond 64 bits.

use std::borrow::Cow;

use super::address::is_local_part;
use super::{
    Address, Bdat, ChunkPlace, Command, EnhancedCode, Mail, Rcpt, Recipient, Reply, Script, Sender,
    parameters,
};
use crate::{Mechanism, SaslResponse};

/// Why a line is no command. [`Invalid::reply`] is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("command not recognized")]
    UnknownCommand,
    #[error("syntax error in parameters")]
    Arguments,
    #[error("invalid sender address")]
    Sender,
    #[error("invalid recipient address")]
    Recipient,
    #[error("parameter not recognized")]
    UnknownParameter,
    #[error("parameter given twice")]
    Repeated,
    #[error("invalid base64")]
    Base64,
    #[error("line too long")]
    LineTooLong,
    /// AUTH, or a line of its exchange.
    #[error("AUTH line too long")]
    AuthTooLong,
    #[error("lines must end in CRLF")]
    BareLineBreak,
    /// Nobody knows how many octets follow, so nothing that follows can be read.
    #[error("BDAT must say how many octets follow: BDAT size [LAST]")]
    ChunkSize,
}

/// Reads one command, given without its CRLF.
pub fn parse(line: &[u8]) -> Result<Command, Invalid> {
    if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Invalid::Arguments);
    }
    let line = text(line)?;
    let line = line.trim_ascii_end();
    let (verb, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let arguments = arguments.trim_ascii();
    match verb.to_ascii_uppercase().as_str() {
        "HELO" => host(arguments).map(Command::Helo),
        "EHLO" => host(arguments).map(Command::Ehlo),
        "MAIL" => mail(arguments).map(Command::Mail),
        "RCPT" => rcpt(arguments).map(Command::Rcpt),
        "AUTH" => auth(arguments),
        "DATA" => alone(arguments, Command::Data),
        "BDAT" => bdat(arguments).map(Command::Bdat),
        "RSET" => alone(arguments, Command::Rset),
        "QUIT" => alone(arguments, Command::Quit),
        "STARTTLS" => alone(arguments, Command::StartTls),
        // These may carry a string (RFC 5321 section 4.1.1.6 to 4.1.1.9).
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" => Ok(Command::Vrfy),
        "EXPN" => Ok(Command::Expn),
        _ => Err(Invalid::UnknownCommand),
    }
}

/// Old devices give their name in whatever characters they have; all other lines are UTF-8.
fn text(line: &[u8]) -> Result<Cow<'_, str>, Invalid> {
    let text = String::from_utf8_lossy(line);
    let is_greeting = || {
        let verb = line.get(..5).unwrap_or_default();
        verb.eq_ignore_ascii_case(b"EHLO ") || verb.eq_ignore_ascii_case(b"HELO ")
    };
    match text {
        Cow::Owned(_) if !is_greeting() => Err(Invalid::Arguments),
        text => Ok(text),
    }
}

fn alone(arguments: &str, command: Command) -> Result<Command, Invalid> {
    if arguments.is_empty() { Ok(command) } else { Err(Invalid::Arguments) }
}

fn host(arguments: &str) -> Result<String, Invalid> {
    if arguments.is_empty() { Err(Invalid::Arguments) } else { Ok(arguments.to_owned()) }
}

fn auth(arguments: &str) -> Result<Command, Invalid> {
    let mut words = arguments.split_ascii_whitespace();
    let mechanism = Mechanism::from_name(words.next().ok_or(Invalid::Arguments)?);
    let initial = words.next().map(SaslResponse::from_argument).transpose();
    let initial = initial.map_err(|_| Invalid::Base64)?;
    match words.next() {
        None => Ok(Command::Auth { mechanism, initial }),
        Some(_) => Err(Invalid::Arguments),
    }
}

fn mail(arguments: &str) -> Result<Mail, Invalid> {
    let rest = after_keyword(arguments, "FROM:")?;
    let (path, text) = path(rest).ok_or(Invalid::Sender)?;
    let sender = match path {
        "" => Sender::Null,
        path if is_local_part(path) => Sender::Local(path.to_owned()),
        path => Sender::Address(address(path).ok_or(Invalid::Sender)?),
    };
    parameters::mail(sender, text)
}

fn rcpt(arguments: &str) -> Result<Rcpt, Invalid> {
    let rest = after_keyword(arguments, "TO:")?;
    let (path, text) = path(rest).ok_or(Invalid::Recipient)?;
    let recipient = match path {
        path if path.eq_ignore_ascii_case("postmaster") => Recipient::Postmaster,
        path => Recipient::Address(address(path).ok_or(Invalid::Recipient)?),
    };
    let script = if rest.is_ascii() { Script::Ascii } else { Script::Utf8 };
    parameters::rcpt(Rcpt { recipient, notify: None, original: None, script }, text)
}

fn bdat(arguments: &str) -> Result<Bdat, Invalid> {
    let mut words = arguments.split_ascii_whitespace();
    let size = words.next().filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()));
    let octets = size.and_then(|size| size.parse().ok()).ok_or(Invalid::ChunkSize)?;
    let place = match words.next() {
        None => ChunkPlace::Within,
        Some(word) if word.eq_ignore_ascii_case("LAST") => ChunkPlace::Last,
        Some(_) => return Err(Invalid::ChunkSize),
    };
    match words.next() {
        None => Ok(Bdat { octets, place }),
        Some(_) => Err(Invalid::ChunkSize),
    }
}

/// Whether the line says that octets follow which are no lines, however wrongly it says so.
pub(super) fn announces_octets(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let verb = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"));
    verb && !line.get(4).is_some_and(u8::is_ascii_alphanumeric)
}

/// What follows `FROM:` or `TO:`; a space after the colon is tolerated.
fn after_keyword<'a>(arguments: &'a str, keyword: &str) -> Result<&'a str, Invalid> {
    let (head, rest) = arguments.split_at_checked(keyword.len()).ok_or(Invalid::Arguments)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(Invalid::Arguments);
    }
    Ok(rest.trim_ascii_start())
}

/// Splits a path from the parameters after it. Without angle brackets it ends at the first space.
fn path(text: &str) -> Option<(&str, &str)> {
    let Some(inside) = text.strip_prefix('<') else {
        let end = end_of_path(text, b' ').unwrap_or(text.len());
        return (end > 0).then(|| text.split_at(end));
    };
    let end = end_of_path(inside, b'>')?;
    let parameters = &inside[end + 1..];
    let separated = parameters.is_empty() || parameters.starts_with(' ');
    separated.then_some((inside[..end].trim_ascii(), parameters))
}

/// The first `end` outside quotes.
fn end_of_path(text: &str, end: u8) -> Option<usize> {
    let mut quoted = Quoted::No;
    let mut bytes = text.bytes().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match (byte, quoted) {
            (b'"', Quoted::No) => quoted = Quoted::Yes,
            (b'"', Quoted::Yes) => quoted = Quoted::No,
            (b'\\', Quoted::Yes) => {
                bytes.next();
            }
            (byte, Quoted::No) if byte == end => return Some(index),
            _ => {}
        }
    }
    None
}

#[derive(Debug, Clone, Copy)]
enum Quoted {
    Yes,
    No,
}

/// A source route before the address is accepted and ignored (RFC 5321 appendix C).
fn address(path: &str) -> Option<Address> {
    let address = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    Address::parse(address).ok()
}

// === impl Invalid ===

impl Invalid {
    pub fn reply(self) -> Reply {
        let (code, enhanced) = match self {
            Self::UnknownCommand => (500, EnhancedCode(5, 5, 1)),
            Self::AuthTooLong => (500, EnhancedCode(5, 5, 6)),
            Self::LineTooLong | Self::BareLineBreak => (500, EnhancedCode(5, 5, 2)),
            Self::Arguments | Self::Repeated => (501, EnhancedCode(5, 5, 4)),
            Self::ChunkSize => (521, EnhancedCode(5, 5, 4)),
            Self::Base64 => (501, EnhancedCode(5, 5, 2)),
            Self::Sender => (501, EnhancedCode(5, 1, 7)),
            Self::Recipient => (501, EnhancedCode(5, 1, 3)),
            Self::UnknownParameter => (555, EnhancedCode(5, 5, 4)),
        };
        Reply::new(code, enhanced, self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn sender(line: &str) -> Result<String, Invalid> {
        match parse(line.as_bytes())? {
            Command::Mail(Mail { sender: Sender::Address(address), .. }) => Ok(address.to_string()),
            Command::Mail(Mail { sender: Sender::Null, .. }) => Ok("<>".to_owned()),
            Command::Mail(Mail { sender: Sender::Local(name), .. }) => Ok(format!("{name} alone")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn senders_come_in_every_form_that_clients_send() {
        assert_eq!(sender("MAIL FROM:<a@b.c>").unwrap(), "a@b.c");
        assert_eq!(sender("mail from: <a@b.c> ").unwrap(), "a@b.c");
        assert_eq!(sender("MAIL FROM:a@b.c SIZE=10").unwrap(), "a@b.c");
        assert_eq!(sender("MAIL FROM:\"a b\"@b.c SIZE=10").unwrap(), "\"a b\"@b.c");
        assert_eq!(sender("MAIL FROM:<jörg@bücher.test> SMTPUTF8").unwrap(), "jörg@bücher.test");
        assert_eq!(sender("MAIL FROM:<>").unwrap(), "<>");
        assert_eq!(sender("MAIL FROM:<@x,@y:a@b.c>").unwrap(), "a@b.c");
        assert_eq!(sender("MAIL FROM:<\"a> b\"@b.c>").unwrap(), "\"a> b\"@b.c");
        assert_eq!(sender("MAIL FROM:<a@[10.0.0.1]>").unwrap(), "a@[10.0.0.1]");
        assert_eq!(sender("MAIL FROM:<root> SIZE=10").unwrap(), "root alone");
        assert_eq!(sender("MAIL FROM:root").unwrap(), "root alone");
        let long = format!("MAIL FROM:<{}>", "x".repeat(65));
        for line in ["MAIL FROM:", "MAIL FROM:<a@b", "MAIL FROM:<a b>", "MAIL FROM:<a@b>x", &long] {
            assert_eq!(sender(line), Err(Invalid::Sender), "{line}");
        }
        for line in ["MAIL", "MAIL <a@b>", "MAIL TO:<a@b>"] {
            assert_eq!(sender(line), Err(Invalid::Arguments), "{line}");
        }
    }

    fn recipient(line: &str) -> Result<(Recipient, Script), Invalid> {
        match parse(line.as_bytes())? {
            Command::Rcpt(rcpt) => Ok((rcpt.recipient, rcpt.script)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_postmaster_needs_no_domain() {
        for line in ["RCPT TO:<Postmaster>", "RCPT TO:postmaster NOTIFY=NEVER"] {
            assert_eq!(recipient(line), Ok((Recipient::Postmaster, Script::Ascii)), "{line}");
        }
        assert_eq!(recipient("RCPT TO:<root>"), Err(Invalid::Recipient));
        assert_eq!(recipient("RCPT TO:<>"), Err(Invalid::Recipient));
    }

    #[test]
    fn what_is_said_in_utf8_is_marked_so() {
        let script = |line| recipient(line).unwrap().1;
        assert_eq!(script("RCPT TO:<jörg@x>"), Script::Utf8);
        assert_eq!(script("RCPT TO:<j@x> ORCPT=utf-8;jörg@x"), Script::Utf8);
        assert_eq!(script("RCPT TO:<j@x> ORCPT=utf-8;j\\x{F6}rg@x"), Script::Ascii);
    }

    #[test]
    fn bdat_says_how_much_follows() {
        let bdat = |octets, place| Ok(Command::Bdat(Bdat { octets, place }));
        assert_eq!(parse(b"BDAT 86"), bdat(86, ChunkPlace::Within));
        assert_eq!(parse(b"bdat 0  last "), bdat(0, ChunkPlace::Last));
        assert_eq!(parse(b"BDAT 18446744073709551615"), bdat(u64::MAX, ChunkPlace::Within));
        for line in [
            "BDAT",
            "BDAT x",
            "BDAT -1",
            "BDAT +1",
            "BDAT 1 FIRST",
            "BDAT 1 LAST 2",
            "BDAT 99999999999999999999",
        ] {
            assert_eq!(parse(line.as_bytes()), Err(Invalid::ChunkSize), "{line}");
        }
    }

    #[test]
    fn auth_takes_an_initial_response() {
        let Ok(Command::Auth { mechanism, initial }) = parse(b"AUTH plain AGFkYQBzZWNyZXQ=") else {
            panic!("not an AUTH")
        };
        assert_eq!(mechanism, Mechanism::Plain);
        assert_eq!(initial.unwrap().expose(), b"\0ada\0secret");
        let empty = Some(Secret::new(Vec::new()));
        assert_eq!(
            parse(b"AUTH LOGIN ="),
            Ok(Command::Auth { mechanism: Mechanism::Login, initial: empty })
        );
        let other = Mechanism::Other("CRAM-MD5".to_owned());
        assert_eq!(parse(b"AUTH cram-md5"), Ok(Command::Auth { mechanism: other, initial: None }));
        assert_eq!(parse(b"AUTH PLAIN !"), Err(Invalid::Base64));
        assert_eq!(parse(b"AUTH"), Err(Invalid::Arguments));
    }

    #[test]
    fn the_other_verbs_are_known_in_any_case() {
        assert_eq!(parse(b"ehlo [10.0.0.1]"), Ok(Command::Ehlo("[10.0.0.1]".to_owned())));
        assert_eq!(parse(b"HELO scanner"), Ok(Command::Helo("scanner".to_owned())));
        assert_eq!(parse(b"EHLO"), Err(Invalid::Arguments));
        assert_eq!(parse(b"data "), Ok(Command::Data));
        assert_eq!(parse(b"DATA now"), Err(Invalid::Arguments));
        assert_eq!(parse(b"NOOP whatever"), Ok(Command::Noop));
        assert_eq!(parse(b"VRFY j\xc3\xb6rg SMTPUTF8"), Ok(Command::Vrfy));
        assert_eq!(parse(b"EXPN all SMTPUTF8"), Ok(Command::Expn));
        assert_eq!(parse(b""), Err(Invalid::UnknownCommand));
        assert_eq!(parse(b"NO\rOP"), Err(Invalid::Arguments));
        assert_eq!(parse(b"EHLO B\xfcro"), Ok(Command::Ehlo("B\u{fffd}ro".to_owned())));
        assert_eq!(parse(b"NOOP \xff"), Err(Invalid::Arguments));
    }
}
