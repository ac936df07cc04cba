//! Scripted trouble: which requests, after how many, how often, and what goes wrong.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::kind::Kind;
use crate::lock::locked;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// An error body with this status; the work is not done.
    Status {
        code: u16,
        error_code: String,
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// An error body of the token endpoint: `error`, AADSTS number, `suberror`.
    Entra {
        code: u16,
        error: String,
        aadsts: u32,
        #[serde(default)]
        suberror: Option<String>,
    },
    /// No answer until `Faults::release` or until the client leaves; then the connection is cut and nothing is done.
    Stall,
    /// The connection is dropped before any byte; the work is not done.
    CutBefore,
    /// The work is done, then the connection is dropped before any byte.
    CutAfter,
    /// The connection is dropped before any byte; the work is done so many seconds later.
    Late { seconds: u64 },
    /// The work is done; the connection is dropped after this many bytes of the body.
    CutMidBody { bytes: usize },
    /// 200 with an empty body, and nothing done.
    SilentOk,
    /// 410 SyncStateNotFound.
    ExpireCursor,
    /// 401 that asks for more claims: continuous access evaluation. (reference A.5)
    ClaimsChallenge,
    /// The same with 403, where Conditional Access applies to a resource. (reference A.5)
    ClaimsRefusal,
    /// The work is done; the answer is an HTML page with this status.
    Html { code: u16 },
    /// The work is done; half of the JSON comes.
    TruncatedJson,
    /// The work is done; the status is right and the body is empty.
    EmptyBody,
}

/// The forms in which Microsoft has been seen to write `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    Seconds(u64),
    /// As in Microsoft's own sample, `2.128`.
    Decimal(f64),
    /// A date this many seconds from now, on the tenant's clock.
    HttpDate(u64),
}

/// When a fault happens. Without `times` it happens once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Empty: any kind, the token endpoint included.
    #[serde(default)]
    kinds: Vec<Kind>,
    /// The path or query must contain this text.
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    skip: usize,
    /// None: for ever.
    #[serde(default = "once")]
    times: Option<usize>,
    #[serde(default = "stall")]
    answer: Fault,
}

fn once() -> Option<usize> {
    Some(1)
}

fn stall() -> Fault {
    Fault::Stall
}

/// The installed rules; the first that matches acts.
#[derive(Clone)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    released: watch::Sender<u64>,
}

impl Fault {
    pub fn status(code: u16, error_code: &str) -> Self {
        Self::Status { code, error_code: error_code.into(), retry_after: None }
    }

    pub fn throttled(retry_after: RetryAfter) -> Self {
        Self::Status {
            code: 429,
            error_code: "ApplicationThrottled".into(),
            retry_after: Some(retry_after),
        }
    }

    /// The 412 that happens without any If-Match.
    pub fn conflict() -> Self {
        Self::status(412, "ErrorIrresolvableConflict")
    }

    /// The work is done although the client may never hear of it.
    pub(crate) fn works(&self) -> bool {
        matches!(
            self,
            Self::CutAfter
                | Self::CutMidBody { .. }
                | Self::Html { .. }
                | Self::TruncatedJson
                | Self::EmptyBody
        )
    }
}

impl Rule {
    pub fn on(kind: Kind) -> Self {
        Self { kinds: vec![kind], ..Self::any() }
    }

    /// Whatever the request is.
    pub fn any() -> Self {
        Self { kinds: Vec::new(), path: None, skip: 0, times: Some(1), answer: Fault::Stall }
    }

    pub fn or(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }

    pub fn path_containing(mut self, text: &str) -> Self {
        self.path = Some(text.into());
        self
    }

    /// Lets this many matching requests pass first.
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    pub fn times(mut self, requests: usize) -> Self {
        self.times = Some(requests);
        self
    }

    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    pub fn answer(mut self, fault: Fault) -> Self {
        self.answer = fault;
        self
    }

    fn matches(&self, kind: Kind, path: &str) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && self.path.as_deref().is_none_or(|text| path.contains(text))
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self { rules: Arc::default(), released: watch::Sender::new(0) }
    }
}

impl Faults {
    pub fn push(&self, rule: Rule) {
        locked(&self.rules).push(rule);
    }

    /// Forgets every rule and lets stalled requests go.
    pub fn clear(&self) {
        locked(&self.rules).clear();
        self.release();
    }

    /// Ends every stall.
    pub fn release(&self) {
        self.released.send_modify(|times| *times += 1);
    }

    /// Rules that have not acted as often as they should.
    pub fn pending(&self) -> usize {
        locked(&self.rules).iter().filter(|rule| rule.times.is_some()).count()
    }

    /// Requests that are being stalled right now.
    pub fn stalling(&self) -> usize {
        self.released.receiver_count()
    }

    pub(crate) fn rules(&self) -> Vec<Rule> {
        locked(&self.rules).clone()
    }

    pub(crate) fn take(&self, kind: Kind, path: &str) -> Option<Fault> {
        let mut rules = locked(&self.rules);
        let index = rules.iter_mut().position(|rule| {
            if !rule.matches(kind, path) {
                return false;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return false;
            }
            true
        })?;
        let fault = rules[index].answer.clone();
        let left = rules[index].times.map(|times| times.saturating_sub(1));
        rules[index].times = left;
        if left == Some(0) {
            rules.remove(index);
        }
        Some(fault)
    }

    pub(crate) async fn stalled(&self) {
        let mut released = self.released.subscribe();
        // The sender lives as long as `self`, so an error cannot come; waiting on is the safe reading of one.
        if released.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
