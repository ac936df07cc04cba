//! Which words each protocol uses for each fault. The only such table; docs/errors.md is printed from it.

use crate::mailbox::{Fault, Kind};

/// One fault in the words of all four protocols.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Response code of IMAP's NO (RFC 5530, RFC 3501 §7.1), without brackets.
    pub imap: &'static str,
    /// Reply code and enhanced status code (RFC 5321 §4.2, RFC 3463).
    pub smtp: (u16, &'static str),
    /// Response code of POP3's -ERR (RFC 2449 §8, RFC 3206), without brackets.
    pub pop3: &'static str,
    pub http: u16,
    /// The sentence for a person: what is wrong and what to do. Never anything that a service said.
    pub text: &'static str,
}

impl From<&Fault> for Verdict {
    fn from(fault: &Fault) -> Self {
        Self::of(fault.kind())
    }
}

impl Verdict {
    #[rustfmt::skip]
    pub fn of(kind: &Kind) -> Self {
        let (imap, smtp, pop3, http, text) = match kind {
            Kind::AlreadyExists    => ("ALREADYEXISTS",        (550, "5.3.0"), "SYS/PERM", 409, "That name is taken already"),
            Kind::Busy             => ("INUSE",                (450, "4.2.1"), "IN-USE",   409, "The mailbox is busy; try again soon"),
            Kind::Conflict         => ("INUSE",                (451, "4.3.0"), "SYS/TEMP", 409, "The message was changed elsewhere at the same time; try again"),
            // Answered inside `account`; a leak is a defect.
            Kind::CursorExpired |
            Kind::Defect           => ("SERVERBUG",            (451, "4.3.0"), "SYS/TEMP", 500, "The bridge met something unexpected; its log tells more"),
            Kind::Denied           => ("NOPERM",               (550, "5.7.1"), "SYS/PERM", 403, "Microsoft 365 denies this to the signed-in account"),
            Kind::HasChildren      => ("HASCHILDREN",          (550, "5.3.0"), "SYS/PERM", 409, "The folder has folders below it; delete those first"),
            Kind::InDoubt          => ("UNAVAILABLE",          (451, "4.4.2"), "SYS/TEMP", 503, "The connection broke and the outcome could not be settled yet; try again"),
            Kind::LockedOut        => ("UNAVAILABLE",          (454, "4.7.0"), "SYS/TEMP", 429, "Too many wrong passwords; wait some minutes, then try again"),
            Kind::NoSuchFolder     => ("NONEXISTENT",          (550, "5.3.0"), "SYS/PERM", 404, "There is no such folder"),
            Kind::NoSuchMessage    => ("EXPUNGEISSUED",        (550, "5.3.0"), "SYS/PERM", 404, "The message is gone"),
            Kind::NoSuchTarget     => ("TRYCREATE",            (550, "5.3.0"), "SYS/PERM", 404, "There is no such folder; create it first"),
            Kind::NotSupported     => ("CANNOT",               (504, "5.5.4"), "SYS/PERM", 501, "Microsoft 365 cannot do this"),
            Kind::OverQuota        => ("OVERQUOTA",            (452, "4.2.2"), "SYS/PERM", 507, "The mailbox is full; delete something first"),
            Kind::RecipientRefused => ("CANNOT",               (550, "5.1.1"), "SYS/PERM", 422, "Microsoft 365 refuses a recipient"),
            Kind::SenderRefused    => ("NOPERM",               (550, "5.7.1"), "SYS/PERM", 403, "This account may not send as that sender"),
            Kind::SignInNeeded     => ("CONTACTADMIN",         (454, "4.7.0"), "SYS/TEMP", 401, "The Microsoft sign-in of this connection has lapsed; run: footbridge connection sign-in"),
            Kind::Throttled { .. } => ("UNAVAILABLE",          (451, "4.4.5"), "SYS/TEMP", 429, "Microsoft 365 asks to slow down; try again later"),
            Kind::TooLarge { .. }  => ("TOOBIG",               (552, "5.3.4"), "SYS/PERM", 413, "The message is too large"),
            Kind::Unacceptable     => ("CANNOT",               (554, "5.6.0"), "SYS/PERM", 422, "Microsoft 365 cannot accept this message as it is"),
            Kind::Unreachable      => ("UNAVAILABLE",          (451, "4.4.1"), "SYS/TEMP", 503, "Microsoft 365 cannot be reached; try again later"),
            Kind::WrongPassword    => ("AUTHENTICATIONFAILED", (535, "5.7.8"), "AUTH",     401, "User name or password is wrong"),
        };
        Self { imap, smtp, pop3, http, text }
    }

    /// Every kind, in the order of the table: for the printed form and for tests.
    pub fn every_kind() -> Vec<Kind> {
        vec![
            Kind::AlreadyExists,
            Kind::Busy,
            Kind::Conflict,
            Kind::CursorExpired,
            Kind::Defect,
            Kind::Denied,
            Kind::HasChildren,
            Kind::InDoubt,
            Kind::LockedOut,
            Kind::NoSuchFolder,
            Kind::NoSuchMessage,
            Kind::NoSuchTarget,
            Kind::NotSupported,
            Kind::OverQuota,
            Kind::RecipientRefused,
            Kind::SenderRefused,
            Kind::SignInNeeded,
            Kind::Throttled { retry_after: None },
            Kind::TooLarge { limit: 0 },
            Kind::Unacceptable,
            Kind::Unreachable,
            Kind::WrongPassword,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_a_four_in_smtp_and_what_may_not_is_a_five() {
        for kind in Verdict::every_kind() {
            let verdict = Verdict::of(&kind);
            let transient = verdict.smtp.0 / 100 == 4;
            assert_eq!(transient, Fault::from(kind.clone()).may_pass(), "{kind:?}");
            assert_eq!(verdict.smtp.1.starts_with('4'), transient, "{kind:?}");
        }
    }
}
