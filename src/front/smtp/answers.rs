//! The replies that are always the same, and the one place where a fault becomes SMTP words.

use std::borrow::Cow;

use wire::smtp::{EnhancedCode, Reply};

use crate::mailbox::{Fault, Kind};
use crate::net::{PlainLogin, Security};
use crate::verdict::Verdict;

/// Our name in greetings; clients only show it.
const HOST: &str = "footbridge";

pub(super) fn greeting() -> Reply {
    Reply::plain(220, "footbridge ESMTP ready")
}

pub(super) fn helo() -> Reply {
    Reply::plain(250, HOST)
}

/// Lists what is true now: the size is the account's once that is known.
pub(super) fn ehlo(limit: u64, security: Security) -> Reply {
    let always = [
        Cow::from("PIPELINING"),
        Cow::from(format!("SIZE {limit}")),
        Cow::from("8BITMIME"),
        Cow::from("ENHANCEDSTATUSCODES"),
    ];
    let ways_in: &[&str] = match security {
        Security::Plain | Security::Tls => &["AUTH PLAIN LOGIN"],
        Security::Offered(PlainLogin::Allowed) => &["STARTTLS", "AUTH PLAIN LOGIN"],
        Security::Offered(PlainLogin::Refused) => &["STARTTLS"],
    };
    Reply::ehlo(HOST, always.into_iter().chain(ways_in.iter().copied().map(Cow::from)))
}

pub(super) fn done(text: &'static str) -> Reply {
    Reply::new(250, EnhancedCode(2, 0, 0), text)
}

/// A command at the wrong time.
pub(super) fn bad_sequence(text: &'static str) -> Reply {
    Reply::new(503, EnhancedCode(5, 5, 1), text)
}

pub(super) fn not_offered(text: &'static str) -> Reply {
    Reply::new(502, EnhancedCode(5, 5, 1), text)
}

pub(super) fn too_large(limit: u64) -> Reply {
    let text = format!("The message is too large; this mailbox sends up to {limit} octets");
    Reply::new(552, EnhancedCode(5, 3, 4), text)
}

/// The last line before we hang up.
pub(super) fn farewell(detail: EnhancedCode, text: &'static str) -> Reply {
    Reply::new(421, detail, text)
}

/// What the table of verdicts says.
pub(super) fn fault(fault: &Fault) -> Reply {
    if let Kind::TooLarge { limit } = fault.kind()
        && *limit > 0
    {
        return too_large(*limit);
    }
    let verdict = Verdict::from(fault);
    let (code, detail) = verdict.smtp;
    Reply::new(code, enhanced(detail), verdict.text)
}

/// The verdict on a submission. A message that is unacceptable mostly is so for one reason, which
/// its sender can do something about.
pub(super) fn refusal(refused: &Fault) -> Reply {
    let reply = fault(refused);
    if *refused.kind() != Kind::Unacceptable {
        return reply;
    }
    reply
        .and("To and Cc must be readable and may name only people this submission goes to,")
        .and("since Microsoft 365 sends to everyone they name")
}

fn enhanced(text: &str) -> EnhancedCode {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    match (next(), next(), next()) {
        (Some(class), Some(subject), Some(detail)) => EnhancedCode(class, subject, detail),
        _ => unreachable!("the table of verdicts holds well-formed codes; a test reads them all"),
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
    fn every_fault_has_its_code_from_the_table() {
        for kind in Verdict::every_kind() {
            let (code, detail) = Verdict::of(&kind).smtp;
            let reply = written(&refusal(&Fault::from(kind)));
            assert!(reply.lines().all(|line| line.starts_with(&code.to_string())), "{reply}");
            assert!(reply.contains(&format!(" {detail} ")), "{reply}");
        }
    }

    #[test]
    fn a_lapsed_sign_in_never_looks_like_a_wrong_password() {
        assert!(written(&fault(&Kind::SignInNeeded.into())).starts_with("454 4.7.0 "));
        assert!(written(&fault(&Kind::WrongPassword.into())).starts_with("535 5.7.8 "));
    }

    #[test]
    fn ehlo_lists_what_is_true() {
        let expected = "250-footbridge\r\n250-PIPELINING\r\n250-SIZE 3000000\r\n250-8BITMIME\r\n\
                        250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN\r\n";
        assert_eq!(written(&ehlo(3_000_000, Security::Plain)), expected);
        let offered = written(&ehlo(3_000_000, Security::Offered(PlainLogin::Refused)));
        assert!(
            offered.ends_with("\r\n250 STARTTLS\r\n") && !offered.contains("AUTH"),
            "{offered}"
        );
    }
}
