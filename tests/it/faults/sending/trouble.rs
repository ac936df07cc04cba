//! What goes wrong, and with which request.

use m365_sim::{Fault, Kind, RetryAfter, Rule};

use super::Chance;

/// One request of those that a message takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Point {
    pub(super) kind: Kind,
    /// How many of its kind come before it.
    pub(super) before: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Moment {
    BeforeTheWork,
    AfterTheWork,
}

#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// With one request, or with those of its kind from there on.
    Fault { point: Point, fault: Fault, times: usize },
    /// The bridge is killed.
    Kill { point: Point, moment: Moment },
    /// The sign-in is taken back while this request is under way.
    Revoke { point: Point },
    /// It was taken back before.
    Revoked,
}

/// Requests that are made only to find out what became of others.
const LOOKS: [Kind; 4] = [Kind::Batch, Kind::ListMessages, Kind::GetMessage, Kind::Mime];

/// Longer than anyone waits, in seconds.
const LONG: u64 = 86_400;

impl Trouble {
    /// With one of these requests.
    pub(super) fn by_chance(points: &[Point], chance: &mut Chance) -> Self {
        let point = chance.pick(points);
        match chance.below(12) {
            0 => Self::Kill { point, moment: Moment::BeforeTheWork },
            1 => Self::Kill { point, moment: Moment::AfterTheWork },
            2 if chance.one_in(4) => Self::Revoked,
            2 => Self::Revoke { point },
            _ => Self::Fault { point, fault: fault(chance), times: times(chance) },
        }
    }

    /// With a request that settles a doubt.
    pub(super) fn of_a_look(chance: &mut Chance) -> Self {
        let point = Point { kind: chance.pick(&LOOKS), before: chance.below(2) };
        match chance.below(8) {
            0 => Self::Kill { point, moment: Moment::AfterTheWork },
            _ => Self::Fault { point, fault: fault(chance), times: times(chance) },
        }
    }

    pub(super) fn rule(&self) -> Option<Rule> {
        let Self::Fault { point, fault, times } = self else { return None };
        Some(Rule::on(point.kind).skip(point.before).times(*times).answer(fault.clone()))
    }
}

fn times(chance: &mut Chance) -> usize {
    if chance.one_in(4) { chance.pick(&[2, 3, 8]) } else { 1 }
}

fn fault(chance: &mut Chance) -> Fault {
    let wait = |fault: RetryAfter| Fault::throttled(fault);
    let faults = [
        wait(RetryAfter::Seconds(2)),
        wait(RetryAfter::Decimal(2.128)),
        wait(RetryAfter::HttpDate(3)),
        Fault::status(429, "ApplicationThrottled"),
        wait(RetryAfter::Seconds(LONG)),
        Fault::status(500, "InternalServerError"),
        Fault::status(503, "ServiceUnavailable"),
        Fault::Status {
            code: 503,
            error_code: "ErrorServerBusy".into(),
            retry_after: Some(RetryAfter::Seconds(5)),
        },
        Fault::status(504, "GatewayTimeout"),
        Fault::Stall,
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Late { seconds: 3 },
        Fault::Late { seconds: 90 },
        Fault::status(401, "InvalidAuthenticationToken"),
        Fault::status(413, "RequestEntityTooLarge"),
        Fault::status(404, "ErrorItemNotFound"),
        Fault::SilentOk,
        Fault::Html { code: 200 },
        Fault::TruncatedJson,
        Fault::CutMidBody { bytes: 20 },
    ];
    chance.pick(&faults)
}
