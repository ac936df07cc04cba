//! One attempt at a request: what goes out, what comes back, and what that means.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::IgnoredAny;
use tracing::debug;
use zeroize::Zeroizing;

use super::body::{self, Broken};
use super::client::describe;
use super::{AccessToken, Body, Failure, MailboxHttp, Refusal, Request, Target, retry, trail};
use crate::mailbox::{Fault, Kind};
use crate::metrics::Fate;

/// Where the answer goes.
pub(super) enum Sink<'a> {
    Json,
    /// Only the status counts.
    Nothing,
    File(&'a Path),
}

pub(super) enum Received {
    Json(Bytes),
    Nothing,
    File(u64),
}

/// Why one attempt did not succeed.
pub(super) enum Trouble {
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

/// What the service calls a demand for further claims.
const FURTHER_CLAIMS: &str = "insufficient_claims";

impl Trouble {
    pub(super) fn fate(&self) -> Fate {
        match self {
            Self::Final(_) => Fate::Refused,
            Self::Unauthorized(_) => Fate::Unauthorized,
            Self::Throttled(_) => Fate::Throttled,
            Self::Passing(_) => Fate::Unavailable,
            Self::NotSent(_) => Fate::NotSent,
            Self::Lost(..) => Fate::Lost,
        }
    }
}

impl MailboxHttp {
    pub(super) async fn exchange(
        &self,
        request: &Request,
        url: Url,
        token: &AccessToken,
        sink: &Sink<'_>,
    ) -> Result<Received, Trouble> {
        let (started, asked) = (self.clock().instant(), self.clock().now());
        let id = uuid::Uuid::new_v4().to_string();
        let sending = self.build(request, url, token, &id).send();
        let mut response = match self.clock().timeout(self.head_limit(request), sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() || error.is_builder() => {
                return Err(Trouble::NotSent(describe(&error)));
            }
            Ok(Err(error)) => {
                trail::note(request.route, &request.method, &id);
                return Err(Trouble::Lost(None, describe(&error)));
            }
            Err(_) => {
                trail::note(request.route, &request.method, &id);
                return Err(Trouble::Lost(None, "no answer in time".to_owned()));
            }
        };
        let named = header(response.headers(), "request-id");
        trail::note(request.route, &request.method, if named.is_empty() { &id } else { named });
        let status = response.status();
        if let Some(theirs) = retry::date(header(response.headers(), "date")) {
            self.0.lead.learn(theirs, asked, self.clock().now());
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
        let trouble = self.refused(&mut response, token, &request.target).await;
        Err(trouble)
    }

    /// A large request takes its time to leave, so the wait for the answer grows with it.
    fn head_limit(&self, request: &Request) -> Duration {
        const SLOWEST_LINE: u64 = 32 * 1024;
        let length = match &request.body {
            Body::None => 0,
            Body::Json(body) | Body::Text(body) => body.len() as u64,
            Body::Piece { octets, .. } => octets.len() as u64,
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
            .header("client-request-id", id);
        if !matches!(request.target, Target::Upload(_)) {
            builder = builder
                .header(AUTHORIZATION, authorization(token))
                .header("Prefer", "IdType=\"ImmutableId\"");
        }
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
            Body::Piece { octets, first, whole } => {
                let last = (first + octets.len() as u64).saturating_sub(1);
                builder
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_RANGE, format!("bytes {first}-{last}/{whole}"))
                    .body(octets.clone())
            }
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

    async fn refused(
        &self,
        response: &mut Response,
        token: &AccessToken,
        target: &Target,
    ) -> Trouble {
        let status = response.status();
        let claims = demanded_claims(response.headers());
        // What the error body says only adds to the status; if it is cut, the status stands alone.
        let body = body::read(response, &self.0.client).await.unwrap_or_default();
        let refusal = Refusal {
            retry_after: self.retry_after(response.headers()),
            request_id: header(response.headers(), "request-id").to_owned(),
            date: header(response.headers(), "date").to_owned(),
            ..Refusal::read(status.as_u16(), &body)
        };
        // No token went there, so none can be at fault.
        if matches!(target, Target::Upload(_)) && status == StatusCode::UNAUTHORIZED {
            return Trouble::Final(Failure::Refused(refusal));
        }
        if let Some(claims) = claims {
            self.0.tokens.challenge(token, &claims);
            // By the header: the body of such an answer may name any code (reference A.5).
            return Trouble::Unauthorized(Refusal { code: FURTHER_CLAIMS.to_owned(), ..refusal });
        }
        if refusal.is(FURTHER_CLAIMS) {
            let cause = format!("the service demands further claims: {refusal}");
            return final_fault(Fault::from(Kind::SignInNeeded).because(cause));
        }
        match status {
            StatusCode::UNAUTHORIZED => {
                self.0.tokens.reject(token);
                Trouble::Unauthorized(refusal)
            }
            // A limit on sending (reference B.13) is none of reading's business.
            StatusCode::TOO_MANY_REQUESTS if refusal.is("ErrorExceededMessageLimit") => {
                Trouble::Final(Failure::Refused(refusal))
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
}

/// Marked as sensitive, so that no layer below shows it, and HTTP/2 keeps it out of its tables.
fn authorization(token: &AccessToken) -> HeaderValue {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    // What is no header value is no token that a service issued: it will be refused as one.
    let mut value =
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

pub(super) fn final_fault(fault: Fault) -> Trouble {
    Trouble::Final(fault.into())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A claims challenge (reference A.5); several such headers may stand in one answer, and their
/// fields come in any order.
fn demanded_claims(headers: &HeaderMap) -> Option<String> {
    headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| {
        let text = value.to_str().ok()?;
        if !text.contains(FURTHER_CLAIMS) {
            return None;
        }
        let claims = text.split("claims=\"").skip(1).map(|rest| rest.split('"').next());
        claims.flatten().next().map(str::to_owned)
    })
}
