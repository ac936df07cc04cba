//! The AADSTS numbers a client can meet: what each says, how the token endpoint spells it and what a browser shows.
//! (reference A.7; `error` values where it names none are those reported for the number)

use jiff::Timestamp;
use serde_json::json;

use crate::call::{Call, Reply};

/// A refusal of a sign-in endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) aadsts: u32,
    pub(crate) text: String,
    pub(crate) suberror: Option<String>,
    /// JSON of the claims that an interactive sign-in must ask for.
    pub(crate) claims: Option<String>,
}

/// Where the authorize endpoint takes a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// An HTML page: the application never hears of it.
    Page,
    /// To the redirect URI, with this `error`.
    Redirect(&'static str),
}

#[derive(Clone, Copy)]
struct Row {
    number: u32,
    /// `error` of the token endpoint.
    error: &'static str,
    suberror: Option<&'static str>,
    shown: Shown,
    text: &'static str,
}

/// One number a line; its first lines say what the columns are.
const TABLE: &str = include_str!("aadsts.txt");

/// Numbers whose token error carries the claims of the policy that was not met.
const WITH_CLAIMS: [u32; 7] = [50072, 50074, 50076, 50078, 50079, 53000, 53003];

/// Every number in the table.
pub(crate) fn numbers() -> impl Iterator<Item = u32> {
    rows().map(|row| row.number)
}

/// Where a browser sees this failure; unknown numbers are pages.
pub(crate) fn shown(number: u32) -> Shown {
    row(number).map_or(Shown::Page, |row| row.shown)
}

fn row(number: u32) -> Option<Row> {
    rows().find(|row| row.number == number)
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut words = line.splitn(5, " | ");
        let mut word = || words.next().expect("every line of the table has five columns");
        let number = word().parse().expect("the first column is a number");
        let (error, suberror) = (word(), Some(word()).filter(|word| *word != "-"));
        let shown = match word() {
            "page" => Shown::Page,
            error => Shown::Redirect(error),
        };
        Row { number, error, suberror, shown, text: word() }
    })
}

impl Refusal {
    pub(crate) fn new(status: u16, error: &str, aadsts: u32, text: &str) -> Self {
        Self {
            status,
            error: error.into(),
            aadsts,
            text: text.into(),
            suberror: None,
            claims: None,
        }
    }

    /// As the table says it; a number it does not hold is an `invalid_grant`.
    pub(crate) fn of(number: u32) -> Self {
        let Some(row) = row(number) else {
            return Self::new(400, "invalid_grant", number, "The sign-in failed.");
        };
        let status = match (row.error, number) {
            ("invalid_client", _) => 401,
            (_, 90055) => 429,
            ("temporarily_unavailable", _) => 503,
            _ => 400,
        };
        let claims = WITH_CLAIMS.contains(&number).then(|| {
            r#"{"access_token":{"capolids":{"essential":true,"values":["5f1f5a9e-0d0b-4c43-9a5e-6e35a5a3c7f4"]}}}"#.to_owned()
        });
        Self {
            suberror: row.suberror.map(str::to_owned),
            claims,
            ..Self::new(status, row.error, number, row.text)
        }
    }

    /// The table's words, and what they are about.
    pub(crate) fn about(number: u32, subject: &str) -> Self {
        let mut refusal = Self::of(number);
        refusal.text = format!("{} ({subject})", refusal.text);
        refusal
    }

    /// `AADSTSnnnnn: …` with the ids that support asks for.
    pub(crate) fn description(&self, call: &Call, now: Timestamp) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.aadsts,
            self.text,
            call.request_id,
            correlation(call),
            stamp(now)
        )
    }

    /// All documented fields. (reference A.2)
    pub(crate) fn reply(self, call: &Call, now: Timestamp) -> Reply {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(call, now),
            "error_codes": [self.aadsts],
            "timestamp": stamp(now),
            "trace_id": call.request_id,
            "correlation_id": correlation(call),
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.aadsts),
        });
        if let Some(suberror) = self.suberror {
            body["suberror"] = suberror.into();
        }
        if let Some(claims) = self.claims {
            body["claims"] = claims.into();
        }
        Reply::json(self.status, body)
    }
}

pub(crate) fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The client's own id for the request, or ours.
pub(crate) fn correlation(call: &Call) -> &str {
    let given = call.header("client-request-id").or_else(|| call.query.option("client-request-id"));
    given.unwrap_or(&call.request_id)
}
