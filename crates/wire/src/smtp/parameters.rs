//! The parameters of MAIL and RCPT. Each may stand there once (RFC 5321 section 4.1.1.11).

use super::{BodyType, Invalid, Mail, Notify, NotifyEvent, Rcpt, Ret, Sender, SmtpUtf8, xtext};

/// Octets of ENVID and of ORCPT as they are sent (RFC 3461 section 4.4 and 4.2).
const LONGEST_ENVELOPE_ID: usize = 100;
const LONGEST_ORIGINAL: usize = 500;

/// Splits `KEY=value KEY` and refuses what comes twice.
struct Parameters<'a> {
    words: std::str::SplitAsciiWhitespace<'a>,
    seen: Vec<String>,
}

impl<'a> Parameters<'a> {
    fn of(text: &'a str) -> Self {
        Self { words: text.split_ascii_whitespace(), seen: Vec::new() }
    }

    /// The keyword in upper case, and what follows its `=`.
    fn next(&mut self) -> Result<Option<(String, Option<&'a str>)>, Invalid> {
        let Some(word) = self.words.next() else { return Ok(None) };
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        let keyword = keyword.to_ascii_uppercase();
        if self.seen.contains(&keyword) {
            return Err(Invalid::Repeated);
        }
        self.seen.push(keyword.clone());
        Ok(Some((keyword, value)))
    }
}

pub(super) fn mail(sender: Sender, text: &str) -> Result<Mail, Invalid> {
    let mut mail = Mail {
        sender,
        size: None,
        body: None,
        smtputf8: SmtpUtf8::Absent,
        ret: None,
        envelope_id: None,
    };
    let mut parameters = Parameters::of(text);
    while let Some((keyword, value)) = parameters.next()? {
        match (keyword.as_str(), value) {
            ("SIZE", Some(value)) => mail.size = Some(size(value)?),
            ("BODY", Some(value)) => mail.body = Some(body_type(value)?),
            // The submitter is known from its login; RFC 4954 section 5 lets us ignore what it adds.
            ("AUTH", Some(value)) => submitter(value)?,
            ("SMTPUTF8", None) => mail.smtputf8 = SmtpUtf8::Requested,
            ("RET", Some(value)) => mail.ret = Some(ret(value)?),
            ("ENVID", Some(value)) => mail.envelope_id = Some(envelope_id(value)?),
            ("SIZE" | "BODY" | "AUTH" | "RET" | "ENVID", None) | ("SMTPUTF8", Some(_)) => {
                return Err(Invalid::Arguments);
            }
            _ => return Err(Invalid::UnknownParameter),
        }
    }
    Ok(mail)
}

/// Adds what `text` says to `rcpt`.
pub(super) fn rcpt(mut rcpt: Rcpt, text: &str) -> Result<Rcpt, Invalid> {
    let mut parameters = Parameters::of(text);
    while let Some((keyword, value)) = parameters.next()? {
        match (keyword.as_str(), value) {
            ("NOTIFY", Some(value)) => rcpt.notify = Some(notify(value)?),
            ("ORCPT", Some(value)) => rcpt.original = Some(original(value)?),
            ("NOTIFY" | "ORCPT", None) => return Err(Invalid::Arguments),
            _ => return Err(Invalid::UnknownParameter),
        }
    }
    Ok(rcpt)
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

/// `<>` or an address as xtext (RFC 4954 section 5).
fn submitter(value: &str) -> Result<(), Invalid> {
    let fits = value == "<>" || (!value.is_empty() && xtext::decoded(value).is_some());
    if fits { Ok(()) } else { Err(Invalid::Arguments) }
}

fn ret(value: &str) -> Result<Ret, Invalid> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Ok(Ret::Full),
        "HDRS" => Ok(Ret::Headers),
        _ => Err(Invalid::Arguments),
    }
}

fn envelope_id(value: &str) -> Result<String, Invalid> {
    if value.is_empty() || value.len() > LONGEST_ENVELOPE_ID {
        return Err(Invalid::Arguments);
    }
    xtext::printable(value).ok_or(Invalid::Arguments)
}

fn notify(value: &str) -> Result<Notify, Invalid> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::Never);
    }
    let mut events = Vec::new();
    for word in value.split(',') {
        let event = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => NotifyEvent::Success,
            "FAILURE" => NotifyEvent::Failure,
            "DELAY" => NotifyEvent::Delay,
            // Among others it would contradict them.
            _ => return Err(Invalid::Arguments),
        };
        if events.contains(&event) {
            return Err(Invalid::Arguments);
        }
        events.push(event);
    }
    Ok(Notify::On(events))
}

/// `type;address`. The address is whatever its type makes of it (RFC 3461 section 4.2).
fn original(value: &str) -> Result<String, Invalid> {
    if value.len() > LONGEST_ORIGINAL {
        return Err(Invalid::Arguments);
    }
    let (kind, address) = value.split_once(';').ok_or(Invalid::Arguments)?;
    let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\".[]=+".contains(&byte);
    if kind.is_empty() || !kind.bytes().all(is_atom) || address.is_empty() {
        return Err(Invalid::Arguments);
    }
    let address = match kind.eq_ignore_ascii_case("utf-8") {
        true => xtext::utf8_address(address),
        false => xtext::printable(address),
    };
    address.map(|address| format!("{kind};{address}")).ok_or(Invalid::Arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::{Command, parse};

    fn mailed(parameters: &str) -> Result<Mail, Invalid> {
        match parse(format!("MAIL FROM:<a@b> {parameters}").as_bytes())? {
            Command::Mail(mail) => Ok(mail),
            other => panic!("{other:?}"),
        }
    }

    fn addressed(parameters: &str) -> Result<Rcpt, Invalid> {
        match parse(format!("RCPT TO:<a@b> {parameters}").as_bytes())? {
            Command::Rcpt(rcpt) => Ok(rcpt),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn mail_parameters_are_read_in_any_order_and_case() {
        let mail = mailed(
            "SIZE=99999999999999999999999 body=8bitmime AUTH=<> SMTPUTF8 ret=hdrs ENVID=QQ+20314159",
        );
        let mail = mail.unwrap();
        assert_eq!(mail.size, Some(u64::MAX));
        assert_eq!(mail.body, Some(BodyType::EightBitMime));
        assert_eq!(mail.smtputf8, SmtpUtf8::Requested);
        assert_eq!(mail.ret, Some(Ret::Headers));
        assert_eq!(mail.envelope_id.as_deref(), Some("QQ 314159"));
        assert_eq!(mailed("BODY=BINARYMIME RET=FULL").unwrap().ret, Some(Ret::Full));
        assert!(mailed("AUTH=e+3Dmc2@example.com").is_ok());
    }

    #[test]
    fn mail_parameters_that_cannot_be_meant_are_refused() {
        let longest = format!("ENVID={}", "x".repeat(100));
        assert!(mailed(&longest).is_ok());
        for text in [
            "SIZE=-1",
            "SIZE=",
            "SIZE",
            "BODY=9BIT",
            "SMTPUTF8=yes",
            "AUTH",
            "AUTH=",
            "AUTH=a=b",
            "AUTH=<a@b>+",
            "RET",
            "RET=SOME",
            "ENVID=",
            "ENVID=a=b",
            "ENVID=a+0D+0Ab",
            &format!("{longest}x"),
        ] {
            assert_eq!(mailed(text), Err(Invalid::Arguments), "{text}");
        }
        for text in ["HOLDFOR=10", "NOTIFY=NEVER", "X"] {
            assert_eq!(mailed(text), Err(Invalid::UnknownParameter), "{text}");
        }
    }

    #[test]
    fn recipient_parameters_say_when_to_report_and_about_whom() {
        assert_eq!(addressed("NOTIFY=never").unwrap().notify, Some(Notify::Never));
        let rcpt = addressed("NOTIFY=DELAY,SUCCESS ORCPT=rfc822;Dana+2B@Ivory.EDU").unwrap();
        let events = vec![NotifyEvent::Delay, NotifyEvent::Success];
        assert_eq!(rcpt.notify, Some(Notify::On(events)));
        assert_eq!(rcpt.original.as_deref(), Some("rfc822;Dana+@Ivory.EDU"));
        let rcpt = addressed("ORCPT=utf-8;j\\x{F6}rg@x.test").unwrap();
        assert_eq!(rcpt.original.as_deref(), Some("utf-8;jörg@x.test"));
        assert!(addressed(&format!("ORCPT=rfc822;{}", "x".repeat(493))).is_ok());
    }

    #[test]
    fn recipient_parameters_that_cannot_be_meant_are_refused() {
        for text in [
            "NOTIFY",
            "NOTIFY=",
            "NOTIFY=NEVER,DELAY",
            "NOTIFY=DELAY,NEVER",
            "NOTIFY=SUCCESS,success",
            "NOTIFY=SUCCESS,",
            "NOTIFY=ALWAYS",
            "ORCPT",
            "ORCPT=a@b",
            "ORCPT=;a@b",
            "ORCPT=rfc822;",
            "ORCPT=rfc822;a=b",
            "ORCPT=rfc822;a+0D+0Ab",
            "ORCPT=rfc822;jörg@x",
            "ORCPT=utf-8;a\\x{0A}b",
            &format!("ORCPT=rfc822;{}", "x".repeat(494)),
        ] {
            assert_eq!(addressed(text), Err(Invalid::Arguments), "{text}");
        }
        assert_eq!(addressed("RET=FULL"), Err(Invalid::UnknownParameter));
    }

    #[test]
    fn no_parameter_counts_twice() {
        for text in ["SIZE=1 SIZE=2", "RET=FULL ret=FULL", "SMTPUTF8 SMTPUTF8"] {
            assert_eq!(mailed(text), Err(Invalid::Repeated), "{text}");
        }
        for text in ["NOTIFY=NEVER NOTIFY=NEVER", "ORCPT=rfc822;a ORCPT=rfc822;a"] {
            assert_eq!(addressed(text), Err(Invalid::Repeated), "{text}");
        }
    }
}
