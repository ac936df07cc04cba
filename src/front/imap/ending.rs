//! How a command ends, and the one place where a fault becomes IMAP words.

use std::borrow::Cow;

use wire::imap::{Code, Status};

use crate::mailbox::{Fault, Kind};
use crate::net::Loss;
use crate::verdict::Verdict;

/// The tagged answer without its tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Ending {
    pub(super) status: Status,
    pub(super) code: Option<Code>,
    pub(super) text: Cow<'static, str>,
}

/// Why a command stopped before its own end.
#[derive(Debug)]
pub(super) enum Halt {
    /// The mailbox could not do it: answered from the table of verdicts and logged.
    Fault(Fault),
    /// Answered as it says.
    Refused(Ending),
    /// The conversation ends here, with BYE and these words.
    Farewell(&'static str),
    /// There is no one to answer any more.
    Loss(Loss),
}

pub(super) type Handled = Result<Ending, Halt>;

impl Ending {
    pub(super) fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Ok, code: None, text: text.into() }
    }

    pub(super) fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::No, code: None, text: text.into() }
    }

    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Bad, code: None, text: text.into() }
    }

    #[must_use]
    pub(super) fn with(self, code: Code) -> Self {
        Self { code: Some(code), ..self }
    }

    /// `NO [CODE] sentence`.
    pub(super) fn fault(fault: &Fault) -> Self {
        let verdict = Verdict::from(fault);
        let refusal = Self::no(verdict.text);
        match code(verdict.imap) {
            Some(code) => refusal.with(code),
            None => refusal,
        }
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Ending> for Halt {
    fn from(ending: Ending) -> Self {
        Self::Refused(ending)
    }
}

impl From<Loss> for Halt {
    fn from(loss: Loss) -> Self {
        Self::Loss(loss)
    }
}

/// Says why a command failed, once. `info` for what the world does to us, `warn` for what we did.
pub(super) fn log(connection: u64, command: &str, fault: &Fault) {
    let (kind, cause) = (fault.kind(), fault.cause());
    if matches!(kind, Kind::Defect | Kind::CursorExpired) {
        tracing::warn!(connection, command, ?kind, cause, "IMAP command failed by a defect");
    } else {
        tracing::info!(connection, command, ?kind, cause, "IMAP command refused");
    }
}

/// What a missing folder means when it is the destination: the client may create it.
pub(super) fn as_target(fault: Fault) -> Fault {
    if *fault.kind() == Kind::NoSuchFolder {
        return Fault::from(Kind::NoSuchTarget).because(fault.cause());
    }
    fault
}

/// The code that the table of verdicts names.
fn code(name: &str) -> Option<Code> {
    Some(match name {
        "ALREADYEXISTS" => Code::AlreadyExists,
        "AUTHENTICATIONFAILED" => Code::AuthenticationFailed,
        "CANNOT" => Code::Cannot,
        "CONTACTADMIN" => Code::ContactAdmin,
        "EXPUNGEISSUED" => Code::ExpungeIssued,
        "HASCHILDREN" => Code::HasChildren,
        "INUSE" => Code::InUse,
        "LIMIT" => Code::Limit,
        "NONEXISTENT" => Code::NonExistent,
        "NOPERM" => Code::NoPerm,
        "OVERQUOTA" => Code::OverQuota,
        "SERVERBUG" => Code::ServerBug,
        "TOOBIG" => Code::TooBig,
        "TRYCREATE" => Code::TryCreate,
        "UNAVAILABLE" => Code::Unavailable,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_code() {
        for kind in Verdict::every_kind() {
            let ending = Ending::fault(&Fault::from(kind.clone()));
            assert!(ending.code.is_some(), "{kind:?}");
            assert_eq!(ending.status, Status::No);
        }
    }

    #[test]
    fn a_missing_destination_asks_the_client_to_create_it() {
        let fault = as_target(Fault::from(Kind::NoSuchFolder));
        assert_eq!(Ending::fault(&fault).code, Some(Code::TryCreate));
    }
}
