//! One mailbox's way to the service: queue, gate, authorization, retries, strict success codes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::exchange::{Received, Sink, Trouble, final_fault};
use super::gate::Gate;
use super::lead::Lead;
use super::queue::{Permit, Queue};
use super::{
    AccessToken, Failure, HttpClient, HttpLimits, Repeat, Request, Target, Tokens, Urgency, retry,
};
use crate::clock::{Clock, Instant};
use crate::mailbox::{Fault, Kind, Outcome, Timestamp};
use crate::metrics::{Fate, Requests};

/// How much longer the caller is willing to wait. One for each use case, however many requests that takes; work on
/// many messages has one for each batch.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    urgency: Urgency,
    until: Instant,
}

/// Cheap to clone; all clones share queue and gate.
#[derive(Clone, Debug)]
pub struct MailboxHttp(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) client: HttpClient,
    root: Url,
    pub(super) tokens: Arc<dyn Tokens>,
    queue: Queue,
    gate: Gate,
    pub(super) lead: Lead,
    requests: Arc<Requests>,
}

impl MailboxHttp {
    /// `root` is the service's versioned root, without a trailing slash.
    ///
    /// # Errors
    /// `Defect` if `root` is no HTTP URL.
    pub fn new(client: HttpClient, root: &str, tokens: Arc<dyn Tokens>) -> Outcome<Self> {
        let root = Url::parse(root).map_err(|_| Fault::defect("the service's URL is not one"))?;
        let queue = Queue::new(&client.limits);
        let gate = Gate::new(client.clock.clone());
        let lead = Lead::default();
        let requests = Arc::default();
        Ok(Self(Arc::new(Inner { client, root, tokens, queue, gate, lead, requests })))
    }

    pub fn clock(&self) -> &Clock {
        &self.0.client.clock
    }

    /// How the attempts at requests ended.
    pub fn requests(&self) -> Arc<Requests> {
        Arc::clone(&self.0.requests)
    }

    pub fn patience(&self, urgency: Urgency) -> Patience {
        self.patience_of(urgency, self.limits().patience(urgency))
    }

    /// For a step of something that takes long anyway.
    pub fn patience_of(&self, urgency: Urgency, limit: Duration) -> Patience {
        Patience { urgency, until: self.clock().instant().plus(limit) }
    }

    /// A time of our clock on the service's clock, as its answers showed it.
    pub fn service_time(&self, ours: Timestamp) -> Timestamp {
        Timestamp(ours.0.saturating_add(self.0.lead.seconds()))
    }

    /// A time of the service's clock on our clock.
    pub fn our_time(&self, theirs: Timestamp) -> Timestamp {
        Timestamp(theirs.0.saturating_sub(self.0.lead.seconds()))
    }

    /// Sends, and reads a JSON answer.
    ///
    /// # Errors
    /// `Failure`; a JSON answer of the wrong shape is a defect, or in doubt for a `Repeat::Once`.
    pub async fn json<T: DeserializeOwned>(
        &self,
        request: &Request,
        patience: Patience,
    ) -> Result<T, Failure> {
        let body = self.bytes(request, patience).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let cause =
                format!("{}: an answer of unknown shape ({:?})", request.route, error.classify());
            match request.repeat {
                Repeat::Safe => Fault::defect(cause).into(),
                Repeat::Once => Failure::InDoubt { status: request.expect.first().copied(), cause },
            }
        })
    }

    /// Sends, and answers the bytes of a JSON document.
    ///
    /// # Errors
    /// `Failure`.
    pub async fn bytes(&self, request: &Request, patience: Patience) -> Result<Bytes, Failure> {
        match self.perform(request, &Sink::Json, patience).await? {
            Received::Json(body) => Ok(body),
            Received::Nothing | Received::File(_) => Ok(Bytes::new()),
        }
    }

    /// Sends; only the status counts.
    ///
    /// # Errors
    /// `Failure`.
    pub async fn done(&self, request: &Request, patience: Patience) -> Result<(), Failure> {
        self.perform(request, &Sink::Nothing, patience).await.map(|_| ())
    }

    /// Streams the answer into `file` and tells its length. Only what came whole, under the expected
    /// status and not as JSON or a web page counts as content.
    ///
    /// # Errors
    /// `Failure`; then `file` holds nothing of use.
    pub async fn download(
        &self,
        request: &Request,
        file: &Path,
        patience: Patience,
    ) -> Result<u64, Failure> {
        match self.perform(request, &Sink::File(file), patience).await? {
            Received::File(length) => Ok(length),
            Received::Json(_) | Received::Nothing => Ok(0),
        }
    }

    /// A link as a path below the root, as a batch wants it.
    ///
    /// # Errors
    /// `Defect` if the link leads away from the service.
    pub fn relative(&self, link: &str) -> Outcome<String> {
        let url = self.url(&Target::Link(link.to_owned()))?;
        let root = self.0.root.path().trim_end_matches('/');
        let path = url
            .path()
            .strip_prefix(root)
            .filter(|path| path.starts_with('/'))
            .ok_or_else(|| Fault::defect("a link leads out of the service's root"))?;
        Ok(match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        })
    }

    /// An inner request of a batch was turned away: that closes the gate for all.
    pub fn throttled(&self, wait: Option<Duration>) {
        self.0.gate.shut(wait, self.limits());
    }

    /// An inner request of a batch was told that the token is no good, which its envelope was not.
    pub async fn renew_token(&self, patience: Patience) {
        if let Ok(token) = self.token(patience).await {
            self.0.tokens.reject(&token);
        }
    }

    /// Waits before retry number `retry`; `false` if patience or attempts do not reach that far.
    pub async fn pause(&self, retry: u32, patience: Patience) -> bool {
        let pause = retry::back_off(retry, self.limits());
        if retry + 1 >= self.limits().attempts || pause > self.left(patience) {
            return false;
        }
        self.clock().back_off(pause).await;
        true
    }

    /// Waits a fixed time for the service to settle; `false` if patience does not reach that far.
    pub async fn settle(&self, pause: Duration, patience: Patience) -> bool {
        if pause > self.left(patience) {
            return false;
        }
        self.clock().back_off(pause).await;
        true
    }

    pub(super) fn limits(&self) -> &HttpLimits {
        &self.0.client.limits
    }

    fn left(&self, patience: Patience) -> Duration {
        patience.until.since(self.clock().instant())
    }

    async fn perform(
        &self,
        request: &Request,
        sink: &Sink<'_>,
        patience: Patience,
    ) -> Result<Received, Failure> {
        let mut refreshed = false;
        let mut tried = 0;
        loop {
            let trouble = match self.attempt(request, sink, patience).await {
                Ok(received) => {
                    self.0.gate.passed();
                    return Ok(received);
                }
                Err(trouble) => trouble,
            };
            let failure = match (trouble, request.repeat) {
                (Trouble::Final(failure), _) => return Err(failure),
                (Trouble::Unauthorized(refusal), _) if refreshed => {
                    return Err(Failure::Refused(refusal));
                }
                (Trouble::Unauthorized(_), _) => {
                    refreshed = true;
                    continue;
                }
                (Trouble::Passing(refusal), Repeat::Once) => {
                    return Err(Failure::InDoubt {
                        status: Some(refusal.status),
                        cause: refusal.to_string(),
                    });
                }
                (Trouble::Lost(status, cause), Repeat::Once) => {
                    return Err(Failure::InDoubt { status, cause });
                }
                (Trouble::Throttled(refusal) | Trouble::Passing(refusal), _) => {
                    Failure::Refused(refusal)
                }
                (Trouble::NotSent(cause), _) => {
                    Fault::from(Kind::Unreachable).because(cause).into()
                }
                (Trouble::Lost(Some(_), cause), _) => Fault::defect(cause).into(),
                (Trouble::Lost(None, cause), _) => {
                    Fault::from(Kind::Unreachable).because(cause).into()
                }
            };
            if !self.wait_to_retry(tried, patience).await {
                return Err(failure);
            }
            tried += 1;
        }
    }

    /// Whether another attempt is worth making; waits for its time unless the gate will do that.
    async fn wait_to_retry(&self, tried: u32, patience: Patience) -> bool {
        if tried + 1 >= self.limits().attempts {
            return false;
        }
        if let Some(wait) = self.0.gate.shut_for() {
            // Waiting in vain would only delay the same answer.
            return wait <= self.left(patience);
        }
        self.pause(tried, patience).await
    }

    async fn attempt(
        &self,
        request: &Request,
        sink: &Sink<'_>,
        patience: Patience,
    ) -> Result<Received, Trouble> {
        let url = self.url(&request.target).map_err(final_fault)?;
        let token = self.token(patience).await.map_err(final_fault)?;
        let permit = self.admit(request.weight, patience).await.map_err(final_fault)?;
        let limit = match sink {
            Sink::File(_) => self.limits().download,
            Sink::Json | Sink::Nothing => self.limits().total,
        };
        let work = Box::pin(self.exchange(request, url, &token, sink));
        let took_too_long = |_| Err(Trouble::Lost(None, "the exchange took too long".to_owned()));
        let result = tokio::select! {
            biased;
            done = self.clock().timeout(limit, work) => done.unwrap_or_else(took_too_long),
            // Nobody's failure, so it is not counted.
            () = permit.is_wanted() => return Err(final_fault(gave_way())),
        };
        let fate = result.as_ref().err().map_or(Fate::Answered, Trouble::fate);
        self.0.requests.count(fate);
        result
    }

    async fn token(&self, patience: Patience) -> Outcome<AccessToken> {
        let wait = self.clock().timeout(self.left(patience), self.0.tokens.access_token());
        wait.await
            .unwrap_or_else(|_| Err(Fault::from(Kind::Unreachable).because("no access token")))
    }

    /// Waits for the gate, then for permits; a gate that shut meanwhile is waited for again.
    async fn admit(&self, weight: u8, patience: Patience) -> Outcome<Permit> {
        let throttled = |wait| Fault::from(Kind::Throttled { retry_after: wait });
        loop {
            while let Some(wait) = self.0.gate.shut_for() {
                if wait > self.left(patience) {
                    return Err(throttled(Some(wait)).because("the mailbox is throttled"));
                }
                self.clock().back_off(wait).await;
            }
            let turn = self.0.queue.acquire(patience.urgency, weight);
            let permit = self
                .clock()
                .timeout(self.left(patience), turn)
                .await
                .map_err(|_| throttled(None).because("too many requests are waiting"))?;
            if self.0.gate.shut_for().is_none() {
                return Ok(permit);
            }
        }
    }

    /// A token must never go anywhere but to the service, whatever a link says.
    fn url(&self, target: &Target) -> Outcome<Url> {
        let root = &self.0.root;
        let text = match target {
            Target::Path(path) => format!("{}{path}", root.as_str().trim_end_matches('/')),
            Target::Link(link) | Target::Upload(link) => link.clone(),
        };
        let url = Url::parse(&text).map_err(|_| Fault::defect("a link is not a URL"))?;
        let bare = url.username().is_empty() && url.password().is_none();
        // Uploads go to another host of the service, which cannot be known beforehand.
        let may_lead_away = matches!(target, Target::Upload(_))
            && (url.scheme() == "https" || is_here(root) && is_here(&url));
        if (url.origin() != root.origin() && !may_lead_away) || !bare {
            return Err(Fault::defect("a link leads away from the service"));
        }
        Ok(url)
    }
}

/// Whether it never leaves this machine, so that it needs no TLS: a simulated service.
fn is_here(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

fn gave_way() -> Fault {
    Fault::from(Kind::Busy).because("gave way to a request that someone waits for")
}
