//! The plain client that every outgoing request goes through.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{StatusCode, redirect};

use super::{HttpLimits, body};
use crate::clock::Clock;
use crate::mailbox::{Fault, Kind, Outcome};

/// What the client shall be able to talk to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// Microsoft, over TLS and through the system's proxy if there is one.
    Internet,
    /// Only this machine: no proxy, and no certificates needed (a bare machine has none).
    Loopback,
}

#[derive(Clone, Debug)]
pub struct HttpClient {
    pub(super) inner: reqwest::Client,
    pub(super) clock: Clock,
    pub(super) limits: Arc<HttpLimits>,
}

impl HttpClient {
    /// # Errors
    /// `Defect` if TLS cannot be set up, for example on a machine without root certificates.
    pub fn new(reach: Reach, clock: Clock, limits: HttpLimits) -> Outcome<Self> {
        // A second installation is refused, and means that the provider is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("footbridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .redirect(redirect::Policy::none())
            .referer(false)
            .gzip(true);
        let builder = match reach {
            Reach::Internet => builder,
            Reach::Loopback => builder.no_proxy().tls_certs_only([]),
        };
        let inner = builder.build().map_err(|error| {
            Fault::defect(format_args!("cannot set up TLS ({error}); are ca-certificates there?"))
        })?;
        Ok(Self { inner, clock, limits: Arc::new(limits) })
    }

    /// One exchange without authorization, retries or a queue: for the token endpoint.
    ///
    /// # Errors
    /// `Unreachable` if no whole answer came in time.
    pub async fn exchange(
        &self,
        request: reqwest::Request,
    ) -> Outcome<(StatusCode, HeaderMap, Bytes)> {
        let unreachable = |cause: String| Fault::from(Kind::Unreachable).because(cause);
        let work = async {
            let mut response =
                self.inner.execute(request).await.map_err(|error| unreachable(describe(&error)))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = body::read(&mut response, self)
                .await
                .map_err(|broken| unreachable(broken.to_string()))?;
            Ok((status, headers, body))
        };
        let whole = self.clock.timeout(self.limits.token, work).await;
        whole.unwrap_or_else(|_| Err(unreachable("no answer in time".to_owned())))
    }

    /// A form's fields as the request's body.
    #[must_use]
    pub fn form(mut request: reqwest::Request, fields: &[(&str, &str)]) -> reqwest::Request {
        let mut url = request.url().clone();
        url.set_query(None);
        url.query_pairs_mut().extend_pairs(fields);
        let body = url.query().unwrap_or_default().to_owned();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        *request.body_mut() = Some(body.into());
        request
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn limits(&self) -> &HttpLimits {
        &self.limits
    }
}

/// An error without its URL, which may hold ids and delta tokens.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut text = match error {
        error if error.is_connect() => "cannot connect".to_owned(),
        error if error.is_timeout() => "timed out".to_owned(),
        _ => "connection failed".to_owned(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
