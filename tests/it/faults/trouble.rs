//! What can go wrong with a request, and what a client may be told of it.

use m365_sim::{Fault, RetryAfter};

/// One kind of trouble.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) name: &'static str,
    pub(super) fault: Fault,
    pub(super) nature: Nature,
    /// The codes of a NO.
    pub(super) codes: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nature {
    /// Another try must succeed.
    Passing,
    /// The service means it.
    Refusal,
    /// Longer than anyone waits.
    Long,
}

const AWAY: &[&str] = &["UNAVAILABLE"];
/// The answer makes no sense: told as ours, or as doubt about what was done.
const SENSELESS: &[&str] = &["SERVERBUG", "UNAVAILABLE"];
const MISSING: &[&str] = &["NONEXISTENT", "EXPUNGEISSUED", "TRYCREATE", "INUSE"];

/// A day: more than the longest wait that is believed.
const ENORMOUS: u64 = 86_400;

pub(super) fn every() -> Vec<Trouble> {
    let passing = |name, fault, codes| Trouble { name, fault, nature: Nature::Passing, codes };
    let refusal = |name, fault, codes| Trouble { name, fault, nature: Nature::Refusal, codes };
    let unnamed = Fault::status(429, "ApplicationThrottled");
    let long = Fault::throttled(RetryAfter::Seconds(ENORMOUS));
    vec![
        passing("429 in seconds", Fault::throttled(RetryAfter::Seconds(2)), AWAY),
        passing("429 in decimals", Fault::throttled(RetryAfter::Decimal(2.128)), AWAY),
        passing("429 by date", Fault::throttled(RetryAfter::HttpDate(3)), AWAY),
        passing("429 without time", unnamed, AWAY),
        Trouble { name: "429 enormous", fault: long, nature: Nature::Long, codes: AWAY },
        passing("500", Fault::status(500, "InternalServerError"), SENSELESS),
        passing("502", Fault::status(502, "BadGateway"), AWAY),
        passing("503", Fault::status(503, "ServiceUnavailable"), AWAY),
        passing("504", Fault::status(504, "GatewayTimeout"), AWAY),
        passing("stall", Fault::Stall, AWAY),
        passing("cut before the work", Fault::CutBefore, AWAY),
        passing("cut after the work", Fault::CutAfter, AWAY),
        passing("cut within the body", Fault::CutMidBody { bytes: 20 }, SENSELESS),
        passing("HTML as success", Fault::Html { code: 200 }, SENSELESS),
        passing("HTML as 503 after the work", Fault::Html { code: 503 }, AWAY),
        passing("half the body", Fault::TruncatedJson, SENSELESS),
        passing("no body", Fault::EmptyBody, SENSELESS),
        passing("200 and nothing done", Fault::SilentOk, SENSELESS),
        passing("401", Fault::status(401, "InvalidAuthenticationToken"), &["CONTACTADMIN"]),
        refusal("400", Fault::status(400, "BadRequest"), &["CANNOT", "SERVERBUG"]),
        refusal("403", Fault::status(403, "ErrorAccessDenied"), &["NOPERM"]),
        refusal("404", Fault::status(404, "ErrorItemNotFound"), MISSING),
        refusal("409", Fault::status(409, "Conflict"), &["INUSE", "ALREADYEXISTS"]),
        refusal("410", Fault::ExpireCursor, &["SERVERBUG"]),
        refusal("412", Fault::conflict(), &["INUSE"]),
        refusal("413", Fault::status(413, "RequestEntityTooLarge"), &["TOOBIG"]),
        refusal("507", Fault::status(507, "ErrorQuotaExceeded"), &["OVERQUOTA"]),
    ]
}
