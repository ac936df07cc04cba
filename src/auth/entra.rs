//! What Entra's endpoints answer, with Microsoft's additions to RFC 6749 (reference A.2).

use std::fmt;

use oauth2::basic::{BasicTokenIntrospectionResponse, BasicTokenType};
use oauth2::{
    EndpointNotSet, EndpointSet, ErrorResponse, ExtraTokenFields, StandardRevocableToken,
    StandardTokenResponse,
};
use serde::{Deserialize, Serialize};

use super::aadsts;

/// The error body of the token endpoint, or what a redirect said of an error.
#[derive(Clone, Default, Deserialize, Serialize)]
pub struct EntraError {
    pub error: String,
    #[serde(default)]
    pub suberror: Option<Box<str>>,
    #[serde(default)]
    pub error_codes: Vec<u64>,
    #[serde(default)]
    pub correlation_id: Option<Box<str>>,
    /// By Entra's clock: with the correlation id, how an administrator finds the entry in the log.
    #[serde(default)]
    pub timestamp: Option<Box<str>>,
    /// The claims challenge to repeat at the next sign-in (reference A.5).
    #[serde(default)]
    pub claims: Option<Box<str>>,
}

/// What a token answer holds besides RFC 6749's members.
#[derive(Deserialize, Serialize)]
pub(super) struct EntraFields {
    #[serde(default)]
    pub(super) id_token: Option<String>,
}

pub(super) type EntraTokens = StandardTokenResponse<EntraFields, BasicTokenType>;

pub(super) type EntraClient = oauth2::Client<
    EntraError,
    EntraTokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    EntraError,
>;

/// The same once its token endpoint is set.
pub(super) type TokenClient = oauth2::Client<
    EntraError,
    EntraTokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    EntraError,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl EntraError {
    /// A redirect carries the codes only inside its description; they are taken out to be looked
    /// up, and the rest of the text is dropped.
    pub(super) fn of_redirect(error: &str, description: &str) -> Self {
        let at = description.split("Timestamp: ").nth(1);
        let at = at.map(|rest| rest.chars().take_while(is_of_a_time).collect::<String>());
        Self {
            error: error.chars().filter(is_of_an_error).take(64).collect(),
            error_codes: aadsts::codes_in(description),
            correlation_id: correlation_in(description),
            timestamp: at.filter(|at| !at.trim().is_empty()).map(|at| at.trim_end().into()),
            ..Self::default()
        }
    }

    /// What a person copied from an error page that leads nowhere; `None` if it names no number.
    pub fn of_page(text: &str) -> Option<Self> {
        let error_codes = aadsts::codes_in(text);
        let error = "shown on Microsoft's page".to_owned();
        let correlation_id = correlation_in(text);
        (!error_codes.is_empty()).then(|| Self {
            error,
            error_codes,
            correlation_id,
            ..Self::default()
        })
    }

    /// What the codes mean and how to cure it, if any of them is known.
    pub fn advice(&self) -> Option<&'static aadsts::Advice> {
        self.error_codes.iter().find_map(|code| aadsts::advice(*code))
    }

    /// Only an administrator's consent helps (reference A.8).
    pub fn wants_admin(&self) -> bool {
        self.error_codes.iter().any(|code| aadsts::ADMIN_APPROVAL.contains(code))
            || self.error == "consent_required"
    }

    /// Throttling and transient conditions of the token service (reference A.2, A.7).
    pub(super) fn is_passing(&self) -> bool {
        // Such a number counts whatever `error` says: to wait once too often costs nobody a sign-in.
        matches!(self.error.as_str(), "temporarily_unavailable" | "server_error")
            || self.error_codes.iter().any(|code| aadsts::TRANSIENT.contains(code))
    }

    /// The same was asked for too often; it passes, but only if nothing is asked for a while.
    pub(super) fn is_loop(&self) -> bool {
        self.error_codes.contains(&aadsts::LOOP)
    }
}

/// `Correlation ID: …` in a description, `Correlation Id …` on a page.
fn correlation_in(text: &str) -> Option<Box<str>> {
    let at = text.to_ascii_lowercase().find("correlation id")? + "correlation id".len();
    let rest = text[at..].trim_start_matches([':', ' ', '\n', '\r', '\t']);
    let id: String = rest.chars().take_while(is_of_an_id).collect();
    Some(id.into_boxed_str()).filter(|id| !id.is_empty())
}

fn is_of_an_id(c: &char) -> bool {
    c.is_ascii_hexdigit() || *c == '-'
}

fn is_of_a_time(c: &char) -> bool {
    c.is_ascii_digit() || matches!(c, '-' | ':' | ' ' | 'Z' | 'T' | '.')
}

fn is_of_an_error(c: &char) -> bool {
    c.is_ascii_alphanumeric() || *c == '_'
}

impl ErrorResponse for EntraError {}
impl ExtraTokenFields for EntraFields {}

/// Codes and ids only: what an administrator needs, and nothing of the request.
impl fmt::Display for EntraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)?;
        if let Some(suberror) = &self.suberror {
            write!(f, "/{suberror}")?;
        }
        for code in &self.error_codes {
            write!(f, " AADSTS{code}")?;
        }
        if let Some(id) = &self.correlation_id {
            write!(f, " (correlation {id})")?;
        }
        match self.advice() {
            Some(advice) => write!(f, ": {}; {}", advice.meaning, advice.cure),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for EntraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for EntraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntraFields(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_gives_up_its_codes_and_nothing_else() {
        let description = "AADSTS65004: User eve@x.example declined. Trace ID: 1-2 \
                           Correlation ID: 0a-9f Timestamp: 2026-11-01";
        let error = EntraError::of_redirect("access_denied", description);
        assert_eq!(error.error_codes, [65004]);
        assert_eq!(error.correlation_id.as_deref(), Some("0a-9f"));
        assert_eq!(error.timestamp.as_deref(), Some("2026-11-01"));
        let told = format!("{error:?}");
        assert!(told.contains("AADSTS65004") && !told.contains("eve"), "{told}");
    }
}
