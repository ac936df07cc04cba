//! Which words each protocol uses for each fault. The only such table; docs/errors.md is printed from it.

use crate::mailbox::{By, Fault, Flaw, Kind, Misnomer, Quota};

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
            Kind::Misnamed(Misnomer::Blank)  => ("CANNOT",     (550, "5.3.0"), "SYS/PERM", 422, "Microsoft 365 takes blanks away at either end of a folder's name; leave them out"),
            Kind::Misnamed(Misnomer::Escape) => ("CANNOT",     (550, "5.3.0"), "SYS/PERM", 422, "An escape in that name would be listed otherwise; only what a name cannot hold is written as one, with capital digits, such as _x002F_"),
            Kind::NoSuchFolder     => ("NONEXISTENT",          (550, "5.3.0"), "SYS/PERM", 404, "There is no such folder"),
            Kind::NoSuchMessage    => ("EXPUNGEISSUED",        (550, "5.3.0"), "SYS/PERM", 404, "The message is gone"),
            Kind::NoSuchTarget     => ("TRYCREATE",            (550, "5.3.0"), "SYS/PERM", 404, "There is no such folder; create it first"),
            Kind::NotSupported     => ("CANNOT",               (504, "5.5.4"), "SYS/PERM", 501, "Microsoft 365 cannot do this"),
            Kind::OverQuota        => ("OVERQUOTA",            (452, "4.2.2"), "SYS/PERM", 507, "The mailbox is full; delete something first"),
            Kind::PartTooLarge     => ("TOOBIG",               (552, "5.3.4"), "SYS/PERM", 413, "A part of the message is larger than the 3,000,000 octets that Microsoft 365 takes in a shared mailbox"),
            Kind::QueueFull        => ("UNAVAILABLE",          (452, "4.3.1"), "SYS/TEMP", 507, "The queue of the bridge is full; try again later"),
            Kind::RecipientRefused => ("CANNOT",               (550, "5.1.1"), "SYS/PERM", 422, "Microsoft 365 refuses a recipient"),
            Kind::SenderRefused(By::Envelope) => ("NOPERM",    (550, "5.7.1"), "SYS/PERM", 403, "MAIL FROM names no address of this connection; footbridge connection senders shows and adds them"),
            Kind::SenderRefused(By::Header)   => ("NOPERM",    (550, "5.7.1"), "SYS/PERM", 403, "From names no address of this connection; footbridge connection senders shows and adds them"),
            Kind::SenderRefused(By::Service)  => ("NOPERM",    (550, "5.7.60"), "SYS/PERM", 403, "Microsoft 365 does not let this account send as that sender"),
            Kind::SignInNeeded     => ("CONTACTADMIN",         (454, "4.7.0"), "SYS/TEMP", 401, "The Microsoft sign-in of this connection has lapsed; run: footbridge connection sign-in"),
            Kind::Throttled { .. } => ("UNAVAILABLE",          (451, "4.4.5"), "SYS/TEMP", 429, "Microsoft 365 asks to slow down; try again later"),
            Kind::TooMuch(Quota::Messages)   => ("LIMIT",      (451, "4.7.0"), "SYS/TEMP", 429, "This mailbox has sent as many messages within a minute as it may; try again in a minute"),
            Kind::TooMuch(Quota::Recipients) => ("LIMIT",      (451, "4.7.0"), "SYS/TEMP", 429, "This mailbox has written to as many recipients within a day as it may; try again later"),
            Kind::TooLarge { .. }  => ("TOOBIG",               (552, "5.3.4"), "SYS/PERM", 413, "The message is too large"),
            Kind::Unacceptable(flaw) => return Self::of_message(*flaw),
            Kind::Unreachable      => ("UNAVAILABLE",          (451, "4.4.1"), "SYS/TEMP", 503, "Microsoft 365 cannot be reached; try again later"),
            Kind::WrongPassword    => ("AUTHENTICATIONFAILED", (535, "5.7.8"), "AUTH",     401, "User name or password is wrong"),
        };
        Self { imap, smtp, pop3, http, text }
    }

    /// The part of the table on messages that cannot go as they are.
    #[rustfmt::skip]
    fn of_message(flaw: Flaw) -> Self {
        let (smtp, text) = match flaw {
            Flaw::Service      => ((554, "5.6.0"), "Microsoft 365 cannot accept this message as it is"),
            Flaw::Header       => ((554, "5.6.0"), "The header of the message cannot be read for certain"),
            Flaw::Recipients   => ((554, "5.6.0"), "To or Cc cannot be read for certain, and Microsoft 365 sends to everyone they name"),
            Flaw::Elsewhere    => ((554, "5.6.0"), "To or Cc names someone whom this message was not handed in for, and Microsoft 365 sends to everyone they name; see recipients_elsewhere in the settings"),
            Flaw::NoRecipients => ((554, "5.5.1"), "The message goes to nobody"),
            Flaw::TooManyRecipients => ((554, "5.5.3"), "The message has more recipients than Microsoft 365 takes for one message"),
            Flaw::Loop         => ((554, "5.4.6"), "The message has come by too many servers; it seems to go in circles"),
            Flaw::Resent       => ((554, "5.6.0"), "Microsoft 365 cannot resend a message in its author's name; forward it instead"),
            Flaw::Sealed       => ((554, "5.6.3"), "The message is signed or encrypted and would not survive the way in which Microsoft 365 takes it"),
            Flaw::Indivisible  => ((554, "5.6.3"), "A text of the message is too large for Microsoft 365; send it as an attached file"),
            Flaw::Immovable    => ((554, "5.6.3"), "Something in the message is too large for Microsoft 365 and cannot become an attached file"),
            Flaw::Encoding     => ((554, "5.6.3"), "Microsoft 365 takes a message of this size in parts only, and one of them has an unknown Content-Transfer-Encoding; encode it as base64"),
            Flaw::Ambiguous    => ((554, "5.6.3"), "Microsoft 365 takes a message of this size in parts only, and one of them names its type or its encoding more than once"),
            Flaw::TooManyParts => ((554, "5.6.3"), "Microsoft 365 takes a message of this size in parts only, and this one has too many parts"),
            Flaw::Binary       => ((554, "5.6.3"), "Microsoft 365 takes lines only, and a part of the message is neither lines nor marked as binary; encode it as base64"),
        };
        Self { imap: "CANNOT", smtp, pop3: "SYS/PERM", http: 422, text }
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
            Kind::Misnamed(Misnomer::Blank),
            Kind::Misnamed(Misnomer::Escape),
            Kind::NoSuchFolder,
            Kind::NoSuchMessage,
            Kind::NoSuchTarget,
            Kind::NotSupported,
            Kind::OverQuota,
            Kind::PartTooLarge,
            Kind::QueueFull,
            Kind::RecipientRefused,
            Kind::SenderRefused(By::Envelope),
            Kind::SenderRefused(By::Header),
            Kind::SenderRefused(By::Service),
            Kind::SignInNeeded,
            Kind::Throttled { retry_after: None },
            Kind::TooMuch(Quota::Messages),
            Kind::TooMuch(Quota::Recipients),
            Kind::TooLarge { limit: 0 },
            Kind::Unacceptable(Flaw::Service),
            Kind::Unacceptable(Flaw::Header),
            Kind::Unacceptable(Flaw::Recipients),
            Kind::Unacceptable(Flaw::Elsewhere),
            Kind::Unacceptable(Flaw::NoRecipients),
            Kind::Unacceptable(Flaw::TooManyRecipients),
            Kind::Unacceptable(Flaw::Loop),
            Kind::Unacceptable(Flaw::Resent),
            Kind::Unacceptable(Flaw::Sealed),
            Kind::Unacceptable(Flaw::Indivisible),
            Kind::Unacceptable(Flaw::Immovable),
            Kind::Unacceptable(Flaw::Encoding),
            Kind::Unacceptable(Flaw::Ambiguous),
            Kind::Unacceptable(Flaw::TooManyParts),
            Kind::Unacceptable(Flaw::Binary),
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
