//! A request and an answer as values, the same inside and outside a `$batch`.

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::ids::IdForm;

#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Percent-encoded, with `/v1.0`.
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// `http://host:port`, for links in answers.
    pub(crate) origin: String,
    pub(crate) request_id: String,
    /// `request_id` of the batch around it.
    pub(crate) batch_of: Option<String>,
}

/// Query options, decoded, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) raw: String,
    options: Vec<(String, String)>,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Content,
}

pub(crate) enum Content {
    Empty,
    Json(Value),
    /// Content type and bytes.
    Raw(&'static str, Bytes),
}

/// A refusal on its way to become an error body.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All `Prefer` values, joined: several headers and one list mean the same.
    pub(crate) fn prefer(&self) -> String {
        let values = self.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        values.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn id_form(&self) -> IdForm {
        let wanted = self
            .preference("IdType")
            .is_some_and(|value| value.eq_ignore_ascii_case("ImmutableId"));
        if wanted { IdForm::Immutable } else { IdForm::Ordinary }
    }

    /// The value of one preference, without quotes.
    pub(crate) fn preference(&self, name: &str) -> Option<String> {
        self.prefer().split(',').find_map(|item| {
            let (found, value) = item.split_once('=').unwrap_or((item, ""));
            let same = found.trim().eq_ignore_ascii_case(name);
            same.then(|| value.trim().trim_matches('"').to_owned())
        })
    }

    /// Graph reads a text/plain body as base64 MIME.
    pub(crate) fn is_mime(&self) -> bool {
        self.header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/plain"))
    }

    pub(crate) fn json(&self) -> Result<Value, Problem> {
        serde_json::from_slice(&self.body)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| Problem::bad("BadRequest", "Unable to read JSON request payload."))
    }
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // A bare plus is a space, as every .NET service reads it.
            (percent_decode(&name.replace('+', " ")), percent_decode(&value.replace('+', " ")))
        });
        Self { raw: raw.to_owned(), options: pairs.collect() }
    }

    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        let found = self.options.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.options.iter().map(|(name, _)| name.as_str())
    }

    /// A whole number, or 400.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Problem> {
        let Some(value) = self.option(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| {
            let text = format!("Invalid value '{value}' for {name} query option found.");
            Problem::bad("BadRequest", &text)
        })
    }

    /// The same options with one replaced, for a nextLink.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let kept = self.options.iter().filter(|(found, _)| !found.eq_ignore_ascii_case(name));
        let mut pairs: Vec<String> = kept.map(|(name, value)| pair(name, value)).collect();
        pairs.push(pair(name, value));
        pairs.join("&")
    }
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", percent_encode(name), percent_encode(value))
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Content::Json(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Content::Empty }
    }

    pub(crate) fn raw(content_type: &'static str, bytes: Bytes) -> Self {
        Self { status: 200, headers: Vec::new(), body: Content::Raw(content_type, bytes) }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Problem {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.into(), message: message.into(), headers: Vec::new() }
    }

    pub(crate) fn bad(code: &str, message: &str) -> Self {
        Self::new(400, code, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub(crate) fn malformed_id() -> Self {
        Self::bad("ErrorInvalidIdMalformed", "Id is malformed.")
    }

    pub(crate) fn post_body() -> Self {
        Self::bad("UnableToDeserializePostBody", "were unable to deserialize ")
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The documented error body; `date` without a zone, as Graph writes it.
    pub(crate) fn reply(self, call: &Call, date: &str) -> Reply {
        let client = call.header("client-request-id").unwrap_or(&call.request_id).to_owned();
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {"date": date, "request-id": call.request_id, "client-request-id": client},
        }});
        Reply { status: self.status, headers: self.headers, body: Content::Json(body) }
    }
}

pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Leaves `$` alone: Graph writes `$skiptoken=` plainly in its links.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'$' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
