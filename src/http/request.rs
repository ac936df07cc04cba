//! One request as a backend words it, and how it can fail.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;

use crate::mailbox::Fault;

/// Whether a request may be sent again when it is not known what became of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repeat {
    /// Doing it twice is the same as once.
    Safe,
    /// It creates, moves or sends: only sent again if it was certainly not done.
    Once,
}

#[derive(Clone)]
pub enum Target {
    /// A path below the service's versioned root, with a leading `/`.
    Path(String),
    /// A link that the service gave, followed as it is, and only to the service itself.
    Link(String),
    /// An address that the service gave for one upload (reference B.9). It is its own authorization:
    /// no token goes there.
    Upload(String),
}

#[derive(Clone)]
pub enum Body {
    None,
    Json(Bytes),
    /// `text/plain`: how Graph takes MIME, in base64 (reference B.7).
    Text(Bytes),
    /// A piece of an upload: its first octet's place, and the octets of the whole.
    Piece {
        octets: Bytes,
        first: u64,
        whole: u64,
    },
}

#[derive(Clone, Debug)]
pub struct Request {
    /// What the log calls it: method and path without ids.
    pub route: &'static str,
    pub method: Method,
    pub target: Target,
    pub body: Body,
    /// A `Prefer` value besides the id type.
    pub prefer: Option<&'static str>,
    pub if_match: Option<String>,
    /// The only status codes that mean success.
    pub expect: &'static [u16],
    pub repeat: Repeat,
    /// How many requests the service counts this as.
    pub weight: u8,
}

/// An answer other than the expected ones.
#[derive(Clone)]
pub struct Refusal {
    pub status: u16,
    /// The error code in its most specific form, empty if the answer names none.
    pub code: String,
    pub retry_after: Option<Duration>,
    pub request_id: String,
    /// By the service's clock, as its `Date` tells it.
    pub date: String,
}

#[derive(Clone, Debug)]
pub enum Failure {
    /// The service said no: certainly not done.
    Refused(Refusal),
    /// It may have been done: look first. Holds the status if there was an answer at all.
    InDoubt { status: Option<u16>, cause: String },
    /// Certainly not done, for reasons outside the request.
    Fault(Fault),
}

impl Request {
    pub fn get(route: &'static str, path: impl Into<String>) -> Self {
        Self::new(route, Method::GET, Target::Path(path.into()))
    }

    /// A link from an earlier answer.
    pub fn follow(route: &'static str, link: impl Into<String>) -> Self {
        Self::new(route, Method::GET, Target::Link(link.into()))
    }

    pub fn post(route: &'static str, path: impl Into<String>) -> Self {
        let request = Self::new(route, Method::POST, Target::Path(path.into()));
        Self { expect: &[201], repeat: Repeat::Once, ..request }
    }

    pub fn patch(route: &'static str, path: impl Into<String>) -> Self {
        Self::new(route, Method::PATCH, Target::Path(path.into()))
    }

    pub fn delete(route: &'static str, path: impl Into<String>) -> Self {
        let request = Self::new(route, Method::DELETE, Target::Path(path.into()));
        Self { expect: &[204], ..request }
    }

    /// A piece of an upload, at an address that the service gave.
    pub fn piece(route: &'static str, address: &str, body: Body) -> Self {
        let request = Self::new(route, Method::PUT, Target::Upload(address.to_owned()));
        Self { body, repeat: Repeat::Once, ..request }
    }

    fn new(route: &'static str, method: Method, target: Target) -> Self {
        Self {
            route,
            method,
            target,
            body: Body::None,
            prefer: None,
            if_match: None,
            expect: &[200],
            repeat: Repeat::Safe,
            weight: 1,
        }
    }

    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        Self { body: Body::Json(body.to_string().into()), ..self }
    }

    /// JSON as it is written already.
    #[must_use]
    pub fn json_text(self, body: String) -> Self {
        Self { body: Body::Json(body.into()), ..self }
    }

    #[must_use]
    pub fn text(self, body: impl Into<Bytes>) -> Self {
        Self { body: Body::Text(body.into()), ..self }
    }

    #[must_use]
    pub fn prefer(self, prefer: &'static str) -> Self {
        Self { prefer: Some(prefer), ..self }
    }

    #[must_use]
    pub fn if_match(self, tag: Option<String>) -> Self {
        Self { if_match: tag, ..self }
    }

    #[must_use]
    pub fn expect(self, expect: &'static [u16]) -> Self {
        Self { expect, ..self }
    }

    #[must_use]
    pub fn repeat(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }
}

impl Refusal {
    /// Reads an error body (reference B.13); whatever is not one leaves the code empty.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let code = error_code(body);
        Self { status, code, retry_after: None, request_id: String::new(), date: String::new() }
    }

    pub fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {} {} (request {})", self.status, self.code, self.request_id)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Links carry server state of unknown content.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "Path({} bytes)", path.len()),
            Self::Link(link) => write!(f, "Link({} bytes)", link.len()),
            Self::Upload(address) => write!(f, "Upload({} bytes)", address.len()),
        }
    }
}

/// Bodies carry mail.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Json(body) => write!(f, "Json({} bytes)", body.len()),
            Self::Text(body) => write!(f, "Text({} bytes)", body.len()),
            Self::Piece { octets, first, whole } => {
                write!(f, "Piece({} bytes at {first} of {whole})", octets.len())
            }
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The innermost code, since the outer ones are mere classes; most `innererror`s hold only ids and dates.
fn error_code(body: &[u8]) -> String {
    const LONGEST: usize = 80;
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let mut error = &body["error"];
    let mut code = error["code"].as_str().unwrap_or_default();
    for _ in 0..4 {
        error = match (&error["innerError"], &error["innererror"]) {
            (serde_json::Value::Null, inner) => inner,
            (inner, _) => inner,
        };
        if let Some(inner) = error["code"].as_str() {
            code = inner;
        }
    }
    let printable = |c: &char| c.is_ascii_graphic();
    code.chars().filter(printable).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_code_is_read() {
        let body = br#"{"error":{"code":"BadRequest","innererror":{"code":"ErrorInvalidIdMalformed","date":"x"}}}"#;
        assert_eq!(Refusal::read(400, body).code, "ErrorInvalidIdMalformed");
        let body = br#"{"error":{"code":"ErrorItemNotFound","innerError":{"date":"x"}}}"#;
        assert!(Refusal::read(404, body).is("erroritemnotfound"));
    }

    #[test]
    fn an_error_page_has_no_code() {
        assert_eq!(Refusal::read(502, b"<html>Bad gateway</html>").code, "");
    }
}
