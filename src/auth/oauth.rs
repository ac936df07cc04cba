//! The token endpoint of Entra (reference A.3): refresh, and what its answers mean.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oauth2::basic::{BasicTokenIntrospectionResponse, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, EmptyExtraTokenFields, ErrorResponse, HttpRequest,
    HttpResponse, RefreshToken, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};

use crate::http::{AccessToken, HttpClient, Secret, retry_after};
use crate::mailbox::Fault;

/// Which cloud, which tenant, which application registration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cloud {
    /// `https://login.microsoftonline.com`, without a trailing slash.
    pub login: String,
    /// `https://graph.microsoft.com`, without a trailing slash.
    pub graph: String,
    /// `organizations`, `common`, `consumers`, an id or a domain.
    pub tenant: String,
    pub client_id: String,
}

/// What a refresh yields.
#[derive(Debug)]
pub struct Grant {
    pub access: AccessToken,
    /// Absent if the old one stays good.
    pub refresh: Option<Secret>,
    pub expires_in: Duration,
    pub scopes: Vec<String>,
}

/// Why there is no grant.
#[derive(Debug)]
pub enum NoGrant {
    /// Only a person can help: no retry until someone signs in.
    SignIn(String),
    /// It may pass; the refresh token stays good.
    Passing { cause: String, retry_after: Option<Duration> },
}

/// The error body of the token endpoint, with Microsoft's additions (reference A.2).
#[derive(Clone, Deserialize, Serialize)]
pub struct EntraError {
    pub error: String,
    #[serde(default)]
    pub suberror: Option<String>,
    #[serde(default)]
    pub error_codes: Vec<u64>,
    #[serde(default)]
    pub correlation_id: Option<String>,
    /// The claims challenge to repeat at the next sign-in (reference A.5).
    #[serde(default)]
    pub claims: Option<String>,
}

type EntraClient = oauth2::Client<
    EntraError,
    StandardTokenResponse<EmptyExtraTokenFields, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    EntraError,
>;

/// Entra names a lifetime in every grant; if it ever does not, its shortest default is assumed.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(60 * 60);

impl Cloud {
    /// The versioned root of Graph.
    pub fn graph_root(&self) -> String {
        format!("{}/v1.0", self.graph)
    }

    fn token_url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.login, self.tenant)
    }

    /// Everything that was consented to, and a new refresh token (reference A.3).
    fn scopes(&self) -> [Scope; 2] {
        [Scope::new(format!("{}/.default", self.graph)), Scope::new("offline_access".to_owned())]
    }
}

/// Trades a refresh token for an access token, and usually a new refresh token.
///
/// # Errors
/// `NoGrant`.
pub async fn refresh(http: &HttpClient, cloud: &Cloud, token: &Secret) -> Result<Grant, NoGrant> {
    let url = TokenUrl::new(cloud.token_url()).map_err(|_| NoGrant::misconfigured())?;
    let client = EntraClient::new(ClientId::new(cloud.client_id.clone()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(url);
    let token = RefreshToken::new(token.expose().to_owned());
    let wire = Wire { http: http.clone(), seen: Mutex::default() };
    let answer =
        client.exchange_refresh_token(&token).add_scopes(cloud.scopes()).request_async(&wire).await;
    let seen = *wire.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let grant = answer.map_err(|error| NoGrant::read(error, seen))?;
    Ok(Grant {
        access: AccessToken::new(grant.access_token().secret()),
        refresh: grant.refresh_token().map(|token| Secret::new(token.secret())),
        expires_in: grant.expires_in().unwrap_or(ASSUMED_LIFETIME),
        scopes: grant.scopes().into_iter().flatten().map(|scope| scope.to_string()).collect(),
    })
}

/// What the answer's head said; the OAuth crate does not hand it on.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    status: Option<u16>,
    retry_after: Option<Duration>,
}

/// The OAuth crate's way to our client.
struct Wire {
    http: HttpClient,
    seen: Mutex<Seen>,
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Fault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let request = reqwest::Request::try_from(request)
            .map_err(|_| Fault::defect("the token endpoint's URL is not one"))?;
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

impl NoGrant {
    fn misconfigured() -> Self {
        Self::SignIn("the login URL of the configuration is not one".to_owned())
    }

    /// Branches on `error`, as Microsoft says, never on its text; numbers only tell the few
    /// transient conditions apart. A body that does not parse is not shown: it may hold tokens.
    fn read(error: RequestTokenError<Fault, EntraError>, seen: Seen) -> Self {
        let passing = |cause: String| Self::Passing { cause, retry_after: seen.retry_after };
        let status = seen.status.unwrap_or_default();
        match error {
            RequestTokenError::ServerResponse(error)
                if error.is_passing() || status == 429 || status >= 500 =>
            {
                passing(error.to_string())
            }
            RequestTokenError::ServerResponse(error) => Self::SignIn(error.to_string()),
            RequestTokenError::Request(fault) => passing(fault.cause().to_owned()),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                passing(format!("the token endpoint answered status {status} without sense"))
            }
        }
    }
}

impl EntraError {
    /// Throttling and transient conditions of the token service (reference A.2, A.7).
    fn is_passing(&self) -> bool {
        const TRANSIENT: [u64; 5] = [50033, 90006, 90024, 90033, 90055];
        match self.error.as_str() {
            "temporarily_unavailable" | "server_error" => true,
            "invalid_grant" | "interaction_required" | "consent_required" | "login_required" => {
                false
            }
            _ => self.error_codes.iter().any(|code| TRANSIENT.contains(code)),
        }
    }
}

impl ErrorResponse for EntraError {}

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
        match &self.correlation_id {
            Some(id) => write!(f, " (correlation {id})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for EntraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
