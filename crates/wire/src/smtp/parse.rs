//! One command line in, one [`Command`] out.
//!
//! Our own grammar, because the parsers at hand lose what we need: quotes of local parts, bare
//! addresses, long AUTH lines, sizes beyond 64 bits.

use super::{Address, BodyType, Command, EnhancedCode, Mail, Recipient, Reply, Sender, SmtpUtf8};
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
    #[error("invalid base64")]
    Base64,
    #[error("line too long")]
    LineTooLong,
    #[error("lines must end in CRLF")]
    BareLineBreak,
}

/// Reads one command, given without its CRLF.
pub fn parse(line: &[u8]) -> Result<Command, Invalid> {
    if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Invalid::Arguments);
    }
    let line = std::str::from_utf8(line).map_err(|_| Invalid::Arguments)?.trim_ascii_end();
    let (verb, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let arguments = arguments.trim_ascii();
    match verb.to_ascii_uppercase().as_str() {
        "HELO" => host(arguments).map(Command::Helo),
        "EHLO" => host(arguments).map(Command::Ehlo),
        "MAIL" => mail(arguments).map(Command::Mail),
        "RCPT" => rcpt(arguments).map(Command::Rcpt),
        "AUTH" => auth(arguments),
        "DATA" => alone(arguments, Command::Data),
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
    let (path, parameters) = path(rest).ok_or(Invalid::Sender)?;
    let sender = match path {
        "" => Sender::Null,
        path => Sender::Address(address(path).ok_or(Invalid::Sender)?),
    };
    let mut mail = Mail { sender, size: None, body: None, smtputf8: SmtpUtf8::Absent };
    for parameter in parameters.split_ascii_whitespace() {
        mail_parameter(&mut mail, parameter)?;
    }
    Ok(mail)
}

fn mail_parameter(mail: &mut Mail, parameter: &str) -> Result<(), Invalid> {
    let (keyword, value) = match parameter.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (parameter, None),
    };
    match (keyword.to_ascii_uppercase().as_str(), value) {
        ("SIZE", Some(value)) => mail.size = Some(size(value)?),
        ("BODY", Some(value)) => mail.body = Some(body_type(value)?),
        // The submitter is known from its login; RFC 4954 section 5 lets us ignore what it adds.
        ("AUTH", Some(_)) => {}
        ("SMTPUTF8", None) => mail.smtputf8 = SmtpUtf8::Requested,
        ("SIZE" | "BODY" | "AUTH", None) | ("SMTPUTF8", Some(_)) => {
            return Err(Invalid::Arguments);
        }
        _ => return Err(Invalid::UnknownParameter),
    }
    Ok(())
}

/// A number with too many digits is only a very large size.
fn size(value: &str) -> Result<u64, Invalid> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::Arguments);
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

fn body_type(value: &str) -> Result<BodyType, Invalid> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(BodyType::SevenBit),
        "8BITMIME" => Ok(BodyType::EightBitMime),
        "BINARYMIME" => Ok(BodyType::BinaryMime),
        _ => Err(Invalid::Arguments),
    }
}

fn rcpt(arguments: &str) -> Result<Recipient, Invalid> {
    let rest = after_keyword(arguments, "TO:")?;
    let (path, parameters) = path(rest).ok_or(Invalid::Recipient)?;
    if !parameters.trim_ascii().is_empty() {
        return Err(Invalid::UnknownParameter);
    }
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Recipient::Postmaster);
    }
    address(path).map(Recipient::Address).ok_or(Invalid::Recipient)
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
        let (path, parameters) = text.split_once(' ').unwrap_or((text, ""));
        return (!path.is_empty()).then_some((path, parameters));
    };
    let end = end_of_path(inside)?;
    let parameters = &inside[end + 1..];
    let separated = parameters.is_empty() || parameters.starts_with(' ');
    separated.then_some((inside[..end].trim_ascii(), parameters))
}

/// The first `>` outside quotes.
fn end_of_path(text: &str) -> Option<usize> {
    let mut quoted = Quoted::No;
    let mut bytes = text.bytes().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match (byte, quoted) {
            (b'"', Quoted::No) => quoted = Quoted::Yes,
            (b'"', Quoted::Yes) => quoted = Quoted::No,
            (b'\\', Quoted::Yes) => {
                bytes.next();
            }
            (b'>', Quoted::No) => return Some(index),
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
            Self::LineTooLong | Self::BareLineBreak => (500, EnhancedCode(5, 5, 2)),
            Self::Arguments => (501, EnhancedCode(5, 5, 4)),
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
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn senders_come_in_every_form_that_clients_send() {
        assert_eq!(sender("MAIL FROM:<a@b.c>").unwrap(), "a@b.c");
        assert_eq!(sender("mail from: <a@b.c> ").unwrap(), "a@b.c");
        assert_eq!(sender("MAIL FROM:a@b.c SIZE=10").unwrap(), "a@b.c");
        assert_eq!(sender("MAIL FROM:<>").unwrap(), "<>");
        assert_eq!(sender("MAIL FROM:<@x,@y:a@b.c>").unwrap(), "a@b.c");
        assert_eq!(sender("MAIL FROM:<\"a> b\"@b.c>").unwrap(), "\"a> b\"@b.c");
        assert_eq!(sender("MAIL FROM:<a@[10.0.0.1]>").unwrap(), "a@[10.0.0.1]");
        for line in ["MAIL FROM:", "MAIL FROM:<a@b", "MAIL FROM:<a>", "MAIL FROM:<a@b>x"] {
            assert_eq!(sender(line), Err(Invalid::Sender), "{line}");
        }
        for line in ["MAIL", "MAIL <a@b>", "MAIL TO:<a@b>"] {
            assert_eq!(sender(line), Err(Invalid::Arguments), "{line}");
        }
    }

    #[test]
    fn mail_parameters_are_read_or_refused() {
        let Ok(Command::Mail(mail)) =
            parse(b"MAIL FROM:<a@b> SIZE=99999999999999999999999 body=8bitmime AUTH=<> SMTPUTF8")
        else {
            panic!("not a MAIL")
        };
        assert_eq!(mail.size, Some(u64::MAX));
        assert_eq!(mail.body, Some(BodyType::EightBitMime));
        assert_eq!(mail.smtputf8, SmtpUtf8::Requested);
        assert_eq!(parse(b"MAIL FROM:<a@b> RET=FULL"), Err(Invalid::UnknownParameter));
        assert_eq!(parse(b"MAIL FROM:<a@b> SIZE=-1"), Err(Invalid::Arguments));
        assert_eq!(parse(b"MAIL FROM:<a@b> SIZE"), Err(Invalid::Arguments));
        assert_eq!(parse(b"RCPT TO:<a@b> NOTIFY=NEVER"), Err(Invalid::UnknownParameter));
    }

    #[test]
    fn the_postmaster_needs_no_domain() {
        assert_eq!(parse(b"RCPT TO:<Postmaster>"), Ok(Command::Rcpt(Recipient::Postmaster)));
        assert_eq!(parse(b"RCPT TO:<root>"), Err(Invalid::Recipient));
        assert_eq!(parse(b"RCPT TO:<>"), Err(Invalid::Recipient));
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
        assert_eq!(parse(b"BDAT 10 LAST"), Err(Invalid::UnknownCommand));
        assert_eq!(parse(b""), Err(Invalid::UnknownCommand));
        assert_eq!(parse(b"NO\rOP"), Err(Invalid::Arguments));
        assert_eq!(parse(b"EHLO \xff"), Err(Invalid::Arguments));
    }
}
