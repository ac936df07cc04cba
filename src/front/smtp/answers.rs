//! The replies that are always the same, and the one place where a fault becomes SMTP words.

use std::borrow::Cow;

use wire::smtp::{EnhancedCode, Reply};

use super::transaction::Terms;
use crate::mailbox::{Address, Fault, Kind};
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

/// Lists what is true now: the limits are the account's once that is known.
pub(super) fn ehlo(terms: Terms, security: Security) -> Reply {
    let always = [
        Cow::from("PIPELINING"),
        Cow::from(format!("SIZE {}", terms.message)),
        Cow::from("8BITMIME"),
        Cow::from("SMTPUTF8"),
        Cow::from("CHUNKING"),
        Cow::from("BINARYMIME"),
        Cow::from("ENHANCEDSTATUSCODES"),
        Cow::from("DSN"),
        Cow::from(format!("LIMITS RCPTMAX={}", terms.recipients)),
        Cow::from("HELP"),
    ];
    // Clients from before RFC 2554 look for the spelling with `=`.
    let ways_in: &[&str] = match security {
        Security::Plain | Security::Tls => &["AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"],
        Security::Offered(PlainLogin::Allowed) => {
            &["STARTTLS", "AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"]
        }
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

pub(super) fn sender_taken() -> Reply {
    Reply::new(250, EnhancedCode(2, 1, 0), "Sender OK")
}

pub(super) fn vrfy() -> Reply {
    Reply::new(252, EnhancedCode(2, 0, 0), "Cannot tell, but will try to send")
}

pub(super) fn help() -> Reply {
    let text = "See RFC 5321, RFC 6409 and the documentation of footbridge";
    Reply::new(214, EnhancedCode(2, 0, 0), text)
}

pub(super) fn log_in_first(security: Security) -> Reply {
    let text = match security {
        Security::Offered(PlainLogin::Refused) => "Begin TLS first (STARTTLS)",
        Security::Plain | Security::Tls | Security::Offered(PlainLogin::Allowed) => {
            "Log in first, with the local password of this mailbox"
        }
    };
    Reply::new(530, EnhancedCode(5, 7, 0), text)
}

/// Of a device that needs no login.
pub(super) fn not_connected(connection: &str) -> Reply {
    let text = format!(
        "The connection {connection}, by which this device sends, is not there or not for sending; \
         see footbridge connection list"
    );
    Reply::new(451, EnhancedCode(4, 3, 5), text)
}

pub(super) fn unknown_device() -> Reply {
    let text = "This password is for a device that the settings do not have";
    Reply::new(454, EnhancedCode(4, 7, 0), text)
}

/// The greeting of an address that is for one device only (RFC 5321 §3.1).
pub(super) fn turned_away() -> Reply {
    let text = "This address is for a device, and not for clients from where you are";
    Reply::new(554, EnhancedCode(5, 7, 1), text)
}

/// The service sends in the mailbox's own name only, so there is no way to send a bounce.
pub(super) fn null_sender() -> Reply {
    let text = "Microsoft 365 cannot send with an empty sender";
    Reply::new(550, EnhancedCode(5, 7, 1), text)
        .and("Set the address of this mailbox as the sender (MAIL FROM)")
}

/// To a name without a domain, for which no rule has an address.
pub(super) fn no_domain() -> Reply {
    let text = "The sender's address has no domain, and no rule of rewrite_from fits it";
    Reply::new(501, EnhancedCode(5, 1, 7), text)
}

/// To an address that is well-formed, and that the bridge does not carry.
pub(super) fn no_address(detail: EnhancedCode) -> Reply {
    let most = Address::MAX_LEN;
    let text = format!("An address has up to {most} octets here, and no < or > within");
    Reply::new(501, detail, text)
}

/// RFC 6531 §3.5.
pub(super) fn needs_smtputf8() -> Reply {
    let text = "An address beyond US-ASCII needs MAIL with SMTPUTF8";
    Reply::new(553, EnhancedCode(5, 6, 7), text)
}

pub(super) fn no_recipients() -> Reply {
    Reply::new(554, EnhancedCode(5, 5, 1), "No valid recipients")
}

/// To a chunk that is not the last (RFC 3030 §4.1).
pub(super) fn chunk_taken(octets: u64) -> Reply {
    Reply::new(250, EnhancedCode(2, 0, 0), format!("{octets} octets received"))
}

pub(super) fn too_large(limit: u64) -> Reply {
    let text = format!("The message is too large; this mailbox sends up to {limit} octets");
    Reply::new(552, EnhancedCode(5, 3, 4), text)
}

pub(super) fn bare_line_break() -> Reply {
    let text = "The message has a line that does not end in CRLF";
    Reply::new(554, EnhancedCode(5, 6, 0), text)
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
            let reply = written(&fault(&Fault::from(kind)));
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
        let terms = Terms { message: 3_000_000, recipients: 500 };
        let expected = "250-footbridge\r\n250-PIPELINING\r\n250-SIZE 3000000\r\n250-8BITMIME\r\n\
                        250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME\r\n\
                        250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-LIMITS RCPTMAX=500\r\n250-HELP\r\n\
                        250-AUTH PLAIN LOGIN\r\n250 AUTH=PLAIN LOGIN\r\n";
        assert_eq!(written(&ehlo(terms, Security::Plain)), expected);
        let offered = written(&ehlo(terms, Security::Offered(PlainLogin::Refused)));
        assert!(
            offered.ends_with("\r\n250 STARTTLS\r\n") && !offered.contains("AUTH"),
            "{offered}"
        );
    }
}
