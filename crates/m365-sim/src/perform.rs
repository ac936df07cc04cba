//! One request from arrival to answer: record, limits, holds, faults, work. Steps of a batch take the same way.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::call::{Call, Content, Problem, Reply};
use crate::entra::{self, Endpoint, Refusal};
use crate::fault::{Fault, RetryAfter};
use crate::graph;
use crate::graph::auth::Session;
use crate::graph::batch;
use crate::graph::route::{Address, Route};
use crate::hold::Moment;
use crate::ids::IdForm;
use crate::journal::Entry;
use crate::kind::Kind;
use crate::late::Late;
use crate::limit::date_after;
use crate::tenant::Tenant;

/// AADSTS number of a token endpoint that is busy. (reference A.7)
const TRANSIENT: u32 = 90033;

/// How a request ends on the wire.
pub(crate) enum Outcome {
    Answer(Reply),
    /// No byte of an answer.
    Cut,
    /// The answer up to this many bytes of its body.
    CutAt(Reply, usize),
}

/// Who answers.
enum Target {
    Entra(Endpoint),
    Graph(Address),
    /// By the token in the upload URL.
    Upload(String),
}

pub(crate) async fn perform(tenant: &Tenant, call: &Call) -> Outcome {
    let target = Target::of(call);
    let kind = target.kind(call);
    let now = tenant.0.clock.now();
    let session = match &target {
        Target::Graph(address) => graph::auth::identify(&tenant.settled(), call, address, now),
        Target::Entra(_) | Target::Upload(_) => Err(Problem::not_found()),
    };
    let number = note(tenant, call, kind, session.as_ref().ok(), now);
    let outcome = admitted(tenant, call, (target, kind), session).await;
    if let Outcome::Answer(reply) | Outcome::CutAt(reply, _) = &outcome {
        tenant.0.journal.finish(number, reply.status);
    }
    outcome
}

async fn admitted(
    tenant: &Tenant,
    call: &Call,
    (target, kind): (Target, Kind),
    session: Result<Session, Problem>,
) -> Outcome {
    let now = tenant.0.clock.now();
    let counted = session.as_ref().ok().filter(|_| kind != Kind::Batch);
    let limits = tenant.state().switches.limits.clone();
    let ticket = counted.map(|session| {
        let upload = if call.method.is_safe() { 0 } else { call.body.len() };
        tenant.0.limits.enter(&session.budget(), upload, &limits, now)
    });
    let _ticket = match ticket.transpose() {
        Ok(ticket) => ticket,
        Err(problem) => return Outcome::Answer(refused(call, problem, now)),
    };
    tenant.0.holds.pass(kind, Moment::BeforeWork).await;
    let path = format!("{}?{}", call.path, call.query.raw);
    let fault = tenant.0.faults.take(kind, &path);
    if limits.latency_millis > 0 {
        pass_time(Duration::from_millis(limits.latency_millis)).await;
    }
    if let Some(Fault::Late { seconds }) = fault {
        let late = match (&target, session) {
            (Target::Graph(address), Ok(session)) => Some(Late::graph(call, address, session)),
            (Target::Upload(token), _) => Some(Late::upload(call, token)),
            _ => None,
        };
        tenant.state().late.extend(late.map(|late| late.after(now, seconds)));
        return Outcome::Cut;
    }
    if let Some(fault) = fault.as_ref().filter(|fault| !fault.works()) {
        return instead(tenant, call, kind, fault).await;
    }
    let outcome = work(tenant, call, &target, session).await;
    tenant.0.holds.pass(kind, Moment::AfterWork).await;
    match (fault, outcome) {
        (Some(fault), Outcome::Answer(reply)) => spoiled(&fault, reply),
        (_, outcome) => outcome,
    }
}

async fn work(
    tenant: &Tenant,
    call: &Call,
    target: &Target,
    session: Result<Session, Problem>,
) -> Outcome {
    let now = tenant.0.clock.now();
    let address = match target {
        Target::Entra(endpoint) => {
            return Outcome::Answer(entra::answer(&mut tenant.settled(), call, endpoint, now));
        }
        Target::Upload(token) => {
            let answer = graph::upload::receive(&mut tenant.settled(), call, token, now);
            return Outcome::Answer(answer.unwrap_or_else(|problem| refused(call, problem, now)));
        }
        Target::Graph(address) => address,
    };
    let session = match session {
        Ok(session) => session,
        Err(problem) => return Outcome::Answer(refused(call, problem, now)),
    };
    if address.route == Route::Batch {
        return batch::run(tenant, call).await;
    }
    let answer = graph::answer(&mut tenant.settled(), call, address, &session, now);
    Outcome::Answer(answer.unwrap_or_else(|problem| refused(call, problem, now)))
}

/// What a fault answers in place of the work.
async fn instead(tenant: &Tenant, call: &Call, kind: Kind, fault: &Fault) -> Outcome {
    let now = tenant.0.clock.now();
    match fault {
        Fault::Status { code, error_code, retry_after } if kind.is_sign_in() => {
            let refusal =
                Refusal::new(*code, error_code, TRANSIENT, "A transient error has occurred.");
            let wait = retry_after.map(|wait| ("Retry-After".to_owned(), wait.text(now)));
            let mut reply = refusal.reply(call, now);
            reply.headers.extend(wait);
            Outcome::Answer(reply)
        }
        Fault::Status { code, error_code, retry_after } => {
            let mut problem =
                Problem::new(*code, error_code, "The request failed because the test wants it to.");
            if let Some(wait) = retry_after {
                problem = problem.with("Retry-After", wait.text(now));
            }
            Outcome::Answer(refused(call, problem, now))
        }
        Fault::Entra { code, error, aadsts, suberror } => {
            let mut refusal = Refusal::new(
                *code,
                error,
                *aadsts,
                "The sign-in failed because the test wants it to.",
            );
            refusal.suberror.clone_from(suberror);
            Outcome::Answer(refusal.reply(call, now))
        }
        Fault::ExpireCursor => Outcome::Answer(refused(call, graph::cursor::expired(call), now)),
        Fault::ClaimsChallenge => Outcome::Answer(refused(call, graph::auth::challenge(now), now)),
        Fault::ClaimsRefusal => {
            let problem = Problem { status: 403, ..graph::auth::challenge(now) };
            Outcome::Answer(refused(call, problem, now))
        }
        Fault::SilentOk => Outcome::Answer(Reply::empty(200)),
        Fault::Stall => {
            tenant.0.faults.stalled().await;
            Outcome::Cut
        }
        _ => Outcome::Cut,
    }
}

/// What a fault makes of an answer whose work is done.
fn spoiled(fault: &Fault, reply: Reply) -> Outcome {
    match fault {
        Fault::CutMidBody { bytes } => Outcome::CutAt(reply, *bytes),
        Fault::Html { code } => {
            let page = Bytes::from_static(
                b"<!DOCTYPE html><html><body><h1>Service Unavailable</h1></body></html>",
            );
            Outcome::Answer(Reply { status: *code, ..Reply::raw("text/html", page) })
        }
        Fault::TruncatedJson => {
            let text = match reply.body {
                Content::Json(value) => value.to_string(),
                Content::Empty => "{\"value\":[".into(),
                Content::Raw(_, bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            };
            let half = text.chars().take(text.chars().count() / 2).collect::<String>();
            Outcome::Answer(Reply {
                body: Content::Raw("application/json", Bytes::from(half)),
                ..reply
            })
        }
        Fault::EmptyBody => Outcome::Answer(Reply { body: Content::Empty, ..reply }),
        _ => Outcome::Cut,
    }
}

#[expect(clippy::disallowed_methods, reason = "latency is real time, for benchmarks")]
async fn pass_time(time: Duration) {
    tokio::time::sleep(time).await;
}

fn refused(call: &Call, problem: Problem, now: Timestamp) -> Reply {
    problem.reply(call, &now.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

fn note(
    tenant: &Tenant,
    call: &Call,
    kind: Kind,
    session: Option<&Session>,
    now: Timestamp,
) -> u64 {
    let query =
        if call.query.raw.is_empty() { String::new() } else { format!("?{}", call.query.raw) };
    tenant.0.journal.begin(Entry {
        number: 0,
        at: now,
        method: call.method.to_string(),
        path: format!("{}{query}", call.path),
        kind,
        prefer: call.prefer(),
        immutable_ids: call.id_form() == IdForm::Immutable,
        status: None,
        request_id: call.request_id.clone(),
        batch_of: call.batch_of.clone(),
        body_len: call.body.len(),
        mailbox: session.map(|session| session.mailbox.clone()),
    })
}

impl Target {
    fn of(call: &Call) -> Self {
        if let Some(endpoint) = Endpoint::of(&call.path) {
            return Self::Entra(endpoint);
        }
        if let Some(token) = call.path.strip_prefix(graph::upload::PATH) {
            return Self::Upload(token.to_owned());
        }
        let path = call.path.strip_prefix("/v1.0").unwrap_or_default();
        Self::Graph(Address::parse(path))
    }

    fn kind(&self, call: &Call) -> Kind {
        match self {
            Self::Entra(endpoint) => endpoint.kind(),
            Self::Graph(address) => address.route.kind(call),
            Self::Upload(_) => Kind::UploadPiece,
        }
    }
}

impl RetryAfter {
    fn text(self, now: Timestamp) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Decimal(seconds) => seconds.to_string(),
            Self::HttpDate(seconds) => date_after(now, seconds),
        }
    }
}

/// A step of a batch gets a request id of its own.
pub(crate) fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}
