//! The OAuth crate's way to our client, and what the head of an answer said, which that crate drops.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::http::{HttpClient, retry_after};
use crate::mailbox::Fault;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
}

pub(super) struct Wire {
    http: HttpClient,
    seen: Mutex<Seen>,
}

impl Wire {
    pub(super) fn new(http: &HttpClient) -> Self {
        Self { http: http.clone(), seen: Mutex::default() }
    }

    /// Of the latest answer.
    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn send(&self, request: reqwest::Request) -> Result<HttpResponse, Fault> {
        let (status, headers, body) = self.http.exchange(request).await?;
        let wait = headers.get("retry-after").and_then(|value| value.to_str().ok());
        let now = self.http.clock().now();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen {
            status: Some(status.as_u16()),
            retry_after: wait.and_then(|value| retry_after(value, now)),
        };
        let mut response = HttpResponse::new(body.to_vec());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Fault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)
                .map_err(|_| Fault::defect("the token endpoint's URL is not one"))?;
            self.send(request).await
        })
    }
}
