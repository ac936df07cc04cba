//! One mailbox's way to the service: queue, gate, authorization, retries, strict success codes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, IF_MATCH, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::{DeserializeOwned, IgnoredAny};
use tracing::debug;

use super::body::{self, Broken};
use super::client::describe;
use super::gate::Gate;
use super::queue::{Permit, Queue};
use super::{
    AccessToken, Body, Failure, HttpClient, HttpLimits, Refusal, Repeat, Request, Target, Tokens,
    Urgency, retry,
};
use crate::clock::{Clock, Instant};
use crate::mailbox::{Fault, Kind, Outcome, Timestamp};

/// How much longer the caller is willing to wait. One for each use case, however many requests that takes.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    urgency: Urgency,
    until: Instant,
}

/// Cheap to clone; all clones share queue and gate.
#[derive(Clone, Debug)]
pub struct MailboxHttp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: HttpClient,
    root: Url,
    tokens: Arc<dyn Tokens>,
    queue: Queue,
    gate: Gate,
    /// The service's clock less ours, in seconds, by its latest answer.
    ahead: AtomicI64,
}

/// Where the answer goes.
enum Sink<'a> {
    Json,
    /// Only the status counts.
    Nothing,
    File(&'a Path),
}

enum Received {
    Json(Bytes),
    Nothing,
    File(u64),
}

/// Why one attempt did not succeed.
enum Trouble {
    /// Trying again cannot help, or must not be done.
    Final(Failure),
    /// The token was refused, and rejected by us.
    Unauthorized(Refusal),
    /// Turned away; the gate is shut.
    Throttled(Refusal),
    /// An answer that says nothing about the request.
    Passing(Refusal),
    /// The request never left.
    NotSent(String),
    /// It left, and no answer came that could be read. With the status, if that much arrived.
    Lost(Option<u16>, String),
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
        let ahead = AtomicI64::new(0);
        Ok(Self(Arc::new(Inner { client, root, tokens, queue, gate, ahead })))
    }

    pub fn clock(&self) -> &Clock {
        &self.0.client.clock
    }

    pub fn patience(&self, urgency: Urgency) -> Patience {
        let limit = self.limits().patience(urgency);
        Patience { urgency, until: self.clock().instant().plus(limit) }
    }

    /// A time of our clock on the service's clock, as its latest answer showed it.
    pub fn service_time(&self, ours: Timestamp) -> Timestamp {
        Timestamp(ours.0.saturating_add(self.0.ahead.load(Ordering::Relaxed)))
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

    fn limits(&self) -> &HttpLimits {
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
            if !self.wait_to_retry(&failure, tried, patience).await {
                return Err(failure);
            }
            tried += 1;
        }
    }

    /// Whether another attempt is worth making; waits for its time unless the gate will do that.
    async fn wait_to_retry(&self, failure: &Failure, tried: u32, patience: Patience) -> bool {
        if tried + 1 >= self.limits().attempts {
            return false;
        }
        if let Some(wait) = self.0.gate.shut_for() {
            // Waiting in vain would only delay the same answer.
            return wait <= self.left(patience);
        }
        match failure {
            Failure::Refused(refusal) if refusal.status == 429 => true,
            _ => self.pause(tried, patience).await,
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        sink: &Sink<'_>,
        patience: Patience,
    ) -> Result<Received, Trouble> {
        let url = self.url(&request.target).map_err(final_fault)?;
        let token = self.token(patience).await.map_err(final_fault)?;
        let _permit = self.admit(request.weight, patience).await.map_err(final_fault)?;
        let limit = match sink {
            Sink::File(_) => self.limits().download,
            Sink::Json | Sink::Nothing => self.limits().total,
        };
        let work = Box::pin(self.exchange(request, url, &token, sink));
        match self.clock().timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => Err(Trouble::Lost(None, "the exchange took too long".to_owned())),
        }
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

    async fn exchange(
        &self,
        request: &Request,
        url: Url,
        token: &AccessToken,
        sink: &Sink<'_>,
    ) -> Result<Received, Trouble> {
        let started = self.clock().instant();
        let id = uuid::Uuid::new_v4().to_string();
        let sending = self.build(request, url, token, &id).send();
        let mut response = match self.clock().timeout(self.head_limit(request), sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() || error.is_builder() => {
                return Err(Trouble::NotSent(describe(&error)));
            }
            Ok(Err(error)) => return Err(Trouble::Lost(None, describe(&error))),
            Err(_) => return Err(Trouble::Lost(None, "no answer in time".to_owned())),
        };
        let status = response.status();
        if let Some(theirs) = retry::date(header(response.headers(), "date")) {
            self.0.ahead.store(theirs.0 - self.clock().now().0, Ordering::Relaxed);
        }
        debug!(
            method = %request.method,
            route = request.route,
            status = status.as_u16(),
            ms = u64::try_from(self.clock().instant().since(started).as_millis()).unwrap_or(u64::MAX),
            request_id = header(response.headers(), "request-id"),
            client_request_id = id,
            "graph exchange"
        );
        if request.expect.contains(&status.as_u16()) {
            return self.receive(&mut response, sink).await;
        }
        if status.is_success() {
            let cause =
                format!("{}: status {} is not a success here", request.route, status.as_u16());
            return Err(Trouble::Lost(Some(status.as_u16()), cause));
        }
        Err(self.refused(&mut response, token).await)
    }

    /// A large request takes its time to leave, so the wait for the answer grows with it.
    fn head_limit(&self, request: &Request) -> Duration {
        const SLOWEST_LINE: u64 = 32 * 1024;
        let length = match &request.body {
            Body::None => 0,
            Body::Json(body) | Body::Text(body) => body.len() as u64,
        };
        self.limits().first_byte + Duration::from_secs(length / SLOWEST_LINE)
    }

    fn build(
        &self,
        request: &Request,
        url: Url,
        token: &AccessToken,
        id: &str,
    ) -> reqwest::RequestBuilder {
        let mut builder = self
            .0
            .client
            .inner
            .request(request.method.clone(), url)
            .header(AUTHORIZATION, format!("Bearer {}", token.expose()))
            .header("client-request-id", id)
            .header("Prefer", "IdType=\"ImmutableId\"");
        if let Some(prefer) = request.prefer {
            builder = builder.header("Prefer", prefer);
        }
        if let Some(tag) = &request.if_match {
            builder = builder.header(IF_MATCH, tag);
        }
        match &request.body {
            Body::None if request.method == Method::POST => builder.header(CONTENT_LENGTH, "0"),
            Body::None => builder,
            Body::Json(body) => builder.header(CONTENT_TYPE, "application/json").body(body.clone()),
            Body::Text(body) => builder.header(CONTENT_TYPE, "text/plain").body(body.clone()),
        }
    }

    async fn receive(&self, response: &mut Response, sink: &Sink<'_>) -> Result<Received, Trouble> {
        let status = response.status().as_u16();
        let lost = |broken: Broken| match broken {
            Broken::Disk(error) => final_fault(Fault::defect(error)),
            broken => Trouble::Lost(Some(status), broken.to_string()),
        };
        match sink {
            Sink::Nothing => Ok(Received::Nothing),
            Sink::Json => {
                let body = body::read(response, &self.0.client).await.map_err(lost)?;
                match serde_json::from_slice::<IgnoredAny>(&body) {
                    Ok(_) => Ok(Received::Json(body)),
                    Err(_) => Err(Trouble::Lost(Some(status), "the answer is not JSON".to_owned())),
                }
            }
            Sink::File(file) => {
                let kind = header(response.headers(), "content-type").to_ascii_lowercase();
                if kind.contains("json") || kind.contains("html") {
                    return Err(Trouble::Lost(Some(status), "the answer is no message".to_owned()));
                }
                match body::store(response, &self.0.client, file).await.map_err(lost)? {
                    0 => Err(Trouble::Lost(Some(status), "the answer is empty".to_owned())),
                    length => Ok(Received::File(length)),
                }
            }
        }
    }

    async fn refused(&self, response: &mut Response, token: &AccessToken) -> Trouble {
        let status = response.status();
        let claims = wants_claims(response.headers());
        // What the error body says only adds to the status; if it is cut, the status stands alone.
        let body = body::read(response, &self.0.client).await.unwrap_or_default();
        let refusal = Refusal {
            retry_after: self.retry_after(response.headers()),
            request_id: header(response.headers(), "request-id").to_owned(),
            ..Refusal::read(status.as_u16(), &body)
        };
        if claims || refusal.is("insufficient_claims") {
            let cause = format!("the service demands further claims: {refusal}");
            return final_fault(Fault::from(Kind::SignInNeeded).because(cause));
        }
        match status {
            StatusCode::UNAUTHORIZED => {
                self.0.tokens.reject(token);
                Trouble::Unauthorized(refusal)
            }
            StatusCode::TOO_MANY_REQUESTS => {
                self.throttled(refusal.retry_after);
                Trouble::Throttled(refusal)
            }
            status if retry::passing(status) => {
                if refusal.retry_after.is_some() {
                    self.throttled(refusal.retry_after);
                }
                Trouble::Passing(refusal)
            }
            _ => Trouble::Final(Failure::Refused(refusal)),
        }
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
        retry::retry_after(value, self.clock().now())
    }

    /// A token must never go anywhere but to the service, whatever a link says.
    fn url(&self, target: &Target) -> Outcome<Url> {
        let root = &self.0.root;
        let text = match target {
            Target::Path(path) => format!("{}{path}", root.as_str().trim_end_matches('/')),
            Target::Link(link) => link.clone(),
        };
        let url = Url::parse(&text).map_err(|_| Fault::defect("a link is not a URL"))?;
        let bare = url.username().is_empty() && url.password().is_none();
        if url.origin() != root.origin() || !bare {
            return Err(Fault::defect("a link leads away from the service"));
        }
        Ok(url)
    }
}

fn final_fault(fault: Fault) -> Trouble {
    Trouble::Final(fault.into())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A claims challenge (reference A.5); several such headers may stand in one answer.
fn wants_claims(headers: &HeaderMap) -> bool {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("insufficient_claims")))
}
