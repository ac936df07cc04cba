//! What Graph's status and code mean to the bridge: one table (reference B.13 and E).
//!
//! Codes come in any case; message texts are ignored.

use crate::http::{Failure, Refusal};
use crate::mailbox::{By, Fault, Flaw, Kind};

/// Largest message that one request takes, in octets: 4 MB less the growth by base64 (reference B.9).
pub(super) const LARGEST_MESSAGE: u64 = 3_000_000;

/// Above this a wrong success code means "too large, not done" (reference B.9).
pub(super) const SILENT_LIMIT: u64 = 2_240_000;

/// The most that a tenant can allow, in octets (reference B.9); it says its own limit when it is met.
pub(in crate::backend) const LARGEST_TENANT: u64 = 150 * 1024 * 1024;

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::from(kind(&refusal)).because(refusal)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::InDoubt { cause, .. } => Self::from(Kind::InDoubt).because(cause),
            Failure::Fault(fault) => fault,
        }
    }
}

fn kind(refusal: &Refusal) -> Kind {
    by_code(refusal).unwrap_or_else(|| by_status(refusal))
}

fn by_code(refusal: &Refusal) -> Option<Kind> {
    let throttled = || Kind::Throttled { retry_after: refusal.retry_after };
    Some(match refusal.code.to_ascii_lowercase().as_str() {
        "erroritemnotfound" | "itemnotfound" | "resourcenotfound" => Kind::NoSuchMessage,
        "errorfoldernotfound" | "errorsyncfoldernotfound" | "errorparentfoldernotfound" => {
            Kind::NoSuchFolder
        }
        "insufficient_claims" => Kind::SignInNeeded,
        "errorfolderexists" | "namealreadyexists" => Kind::AlreadyExists,
        "syncstatenotfound"
        | "syncstateinvalid"
        | "resyncrequired"
        | "errorinvalidsyncstatedata" => Kind::CursorExpired,
        "errorirresolvableconflict" | "errorchangekeyrequired" | "errorstaleobject" => {
            Kind::Conflict
        }
        "errorquotaexceeded" => Kind::OverQuota,
        // The tenant's own limit, which it does not name.
        "errormessagesizeexceeded" => Kind::TooLarge { limit: 0 },
        "errorattachmentsizelimitexceeded" | "requestentitytoolarge" => {
            Kind::TooLarge { limit: LARGEST_MESSAGE }
        }
        "errorsendasdenied" | "errorsendonbehalfofdenied" => Kind::SenderRefused(By::Service),
        "errorinvalidrecipients" => Kind::RecipientRefused,
        // Of one message; those of a day are told by other codes.
        "errorexceededmaxrecipientlimit" => Kind::Unacceptable(Flaw::TooManyRecipients),
        "errormimecontentinvalidbase64string"
        | "errormimecontentinvalid"
        | "errormimecontentconversionfailed"
        | "unabletodeserializepostbody"
        | "invalidinternetmessageheader" => Kind::Unacceptable(Flaw::Service),
        "errorexceededmessagelimit" | "errorsubmissionquotaexceeded" | "errorserverbusy" => {
            throttled()
        }
        "errormessagesubmissionblocked" | "erroraccountsuspend" => Kind::Denied,
        "erroraccessdenied"
        | "mailboxnotenabledforrestapi"
        | "errorinvaliduser"
        | "errornonexistentmailbox"
        | "request_resourcenotfound"
        | "errordeletedistinguishedfolder"
        | "errormovedistinguishedfolder"
        | "errorcannotdeleteobject" => Kind::Denied,
        "errormailboxmoveinprogress"
        | "errormailboxstoreunavailable"
        | "errorinternalservertransienterror"
        | "errortimeoutexpired" => Kind::Unreachable,
        _ => return None,
    })
}

fn by_status(refusal: &Refusal) -> Kind {
    match refusal.status {
        401 => Kind::SignInNeeded,
        403 => Kind::Denied,
        404 => Kind::NoSuchMessage,
        409 | 412 => Kind::Conflict,
        410 => Kind::CursorExpired,
        413 => Kind::TooLarge { limit: LARGEST_MESSAGE },
        423 => Kind::Busy,
        429 => Kind::Throttled { retry_after: refusal.retry_after },
        500 | 501 => Kind::Defect,
        507 => Kind::OverQuota,
        502..=599 => Kind::Unreachable,
        _ => Kind::Defect,
    }
}

/// In a question about a folder, "not found" means the folder.
pub(super) fn about_folder(failure: impl Into<Fault>) -> Fault {
    retold(failure.into(), Kind::NoSuchFolder)
}

/// In a write into a folder, "not found" means the destination.
pub(super) fn about_target(failure: impl Into<Fault>) -> Fault {
    retold(failure.into(), Kind::NoSuchTarget)
}

fn retold(fault: Fault, missing: Kind) -> Fault {
    match fault.kind() {
        Kind::NoSuchMessage | Kind::NoSuchFolder => {
            let cause = fault.cause().to_owned();
            Fault::from(missing).because(cause)
        }
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(status: u16, code: &str) -> Kind {
        let body = format!(r#"{{"error":{{"code":"{code}"}}}}"#);
        Fault::from(Refusal::read(status, body.as_bytes())).kind().clone()
    }

    #[test]
    fn codes_are_compared_without_regard_to_case() {
        assert_eq!(kind_of(410, "syncStateNotFound"), Kind::CursorExpired);
        assert_eq!(kind_of(410, "SyncStateNotFound"), Kind::CursorExpired);
        assert_eq!(kind_of(400, "ErrorQuotaExceeded"), Kind::OverQuota);
        assert_eq!(kind_of(403, "ErrorSendAsDenied"), Kind::SenderRefused(By::Service));
        assert_eq!(kind_of(400, "errorInvalidRecipients"), Kind::RecipientRefused);
        // Its status varies (reference B.13), and no wait makes the message smaller.
        for status in [400, 403, 429] {
            let kind = kind_of(status, "ErrorExceededMaxRecipientLimit");
            assert_eq!(kind, Kind::Unacceptable(Flaw::TooManyRecipients), "{status}");
        }
    }

    #[test]
    fn an_unknown_code_leaves_the_word_to_the_status() {
        assert_eq!(kind_of(404, "SomethingNew"), Kind::NoSuchMessage);
        assert_eq!(kind_of(503, ""), Kind::Unreachable);
        assert_eq!(kind_of(413, ""), Kind::TooLarge { limit: LARGEST_MESSAGE });
        assert_eq!(kind_of(400, "BadRequest"), Kind::Defect);
    }

    #[test]
    fn what_was_not_found_depends_on_the_question() {
        let missing = || Refusal::read(404, br#"{"error":{"code":"ErrorItemNotFound"}}"#);
        assert_eq!(*about_folder(missing()).kind(), Kind::NoSuchFolder);
        assert_eq!(*about_target(missing()).kind(), Kind::NoSuchTarget);
    }
}
