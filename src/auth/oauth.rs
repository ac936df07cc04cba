//! The token endpoint of Entra (reference A.2, A.3): what it grants, and why it does not.

use std::borrow::Cow;
use std::time::Duration;

use oauth2::{
    AuthType, ClientId, RefreshToken, RequestTokenError, Scope, TokenResponse as _, TokenUrl,
};

use super::claims;
use super::entra::{EntraClient, EntraError, EntraTokens, TokenClient};
use super::scopes::Needs;
use super::wire::{Seen, Wire};
use crate::config;
use crate::http::{AccessToken, HttpClient, Secret};
use crate::mailbox::Fault;

/// Which cloud, which tenant, which application registration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cloud {
    /// `https://login.microsoftonline.com`, without a trailing slash.
    pub login: String,
    /// `https://graph.microsoft.com`, without a trailing slash.
    pub graph: String,
    /// What permissions are named after: the same as `graph`, but for a Graph behind another name.
    pub resource: String,
    /// `organizations`, `common`, `consumers`, an id or a domain.
    pub tenant: String,
    pub client_id: String,
}

/// The kinds of accounts that a sign-in address takes (reference A.1, A.9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    Work,
    Personal,
    Anyone,
}

/// What a token request yields.
#[derive(Debug)]
pub struct Grant {
    pub access: AccessToken,
    /// Absent if the old one stays good.
    pub refresh: Option<Secret>,
    pub expires_in: Duration,
    pub scopes: Vec<String>,
    /// Only after a sign-in that asked for `openid`.
    pub(super) id_token: Option<Secret>,
}

/// Why there is no grant.
#[derive(Debug)]
pub enum NoGrant {
    /// Only a person can help: no retry until someone signs in.
    SignIn(EntraError),
    /// There is no sign-in to renew, or the settings cannot work; in words.
    Nothing(Cow<'static, str>),
    /// It may pass; the refresh token stays good.
    Passing {
        cause: String,
        retry_after: Option<Duration>,
        /// What Entra said, if it was Entra that said it.
        told: Option<Box<EntraError>>,
    },
}

/// How long Entra is left alone after it met the same request too often: each further one prolongs
/// the lock (reference A.7).
const AFTER_A_LOOP: Duration = Duration::from_secs(5 * 60);
/// Entra names a lifetime in every grant; if it ever does not, its shortest default is assumed.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(60 * 60);

impl Cloud {
    /// The versioned root of Graph.
    pub fn graph_root(&self) -> String {
        format!("{}/v1.0", self.graph)
    }

    /// An endpoint of `/{tenant}/oauth2/v2.0/`.
    pub(super) fn endpoint(&self, name: &str) -> String {
        format!("{}/{}/oauth2/v2.0/{name}", self.login, self.tenant)
    }

    /// A client that knows the token endpoint.
    pub(super) fn client(&self) -> Result<TokenClient, NoGrant> {
        let url = TokenUrl::new(self.endpoint("token")).map_err(|_| NoGrant::NO_URL)?;
        let client = EntraClient::new(ClientId::new(self.client_id.clone()));
        Ok(client.set_auth_type(AuthType::RequestBody).set_token_uri(url))
    }

    /// A permission's name in full: each cloud has a Graph of its own (reference A.1). A Graph on
    /// this machine is nobody's resource; there the bare name means Graph.
    pub(super) fn permission(&self, name: &str) -> String {
        match name.contains('.') && self.resource.starts_with("https://") {
            true => format!("{}/{name}", self.resource),
            false => name.to_owned(),
        }
    }

    /// What a sign-in asks for.
    pub(super) fn wanted(&self, needs: Needs) -> Vec<String> {
        needs.scopes().into_iter().map(|name| self.permission(name)).collect()
    }

    /// Everything that was consented to, and a new refresh token (reference A.3).
    pub(super) fn renewed(&self) -> [String; 2] {
        [format!("{}/.default", self.resource), "offline_access".to_owned()]
    }

    /// Who signs in at this address.
    pub(super) fn audience(&self) -> Audience {
        match self.tenant.as_str() {
            "consumers" => Audience::Personal,
            "common" => Audience::Anyone,
            _ => Audience::Work,
        }
    }
}

impl From<&config::Cloud> for Cloud {
    fn from(settings: &config::Cloud) -> Self {
        Self {
            login: settings.login.clone(),
            graph: settings.graph.clone(),
            resource: settings.resource.as_ref().unwrap_or(&settings.graph).clone(),
            tenant: settings.tenant.clone(),
            client_id: settings.client_id.clone(),
        }
    }
}

/// Trades a refresh token for an access token, and usually a new refresh token. `challenge` is what
/// the service demanded when it refused the last access token (reference A.5).
///
/// # Errors
/// `NoGrant`.
pub async fn refresh(
    http: &HttpClient,
    cloud: &Cloud,
    token: &Secret,
    challenge: Option<&str>,
) -> Result<Grant, NoGrant> {
    let client = cloud.client()?;
    let token = RefreshToken::new(token.expose().to_owned());
    let wire = Wire::new(http);
    let request = client
        .exchange_refresh_token(&token)
        .add_scopes(cloud.renewed().map(Scope::new))
        .add_extra_param("claims", claims::wanted(challenge));
    let answer = request.request_async(&wire).await;
    answer.map(|tokens| Grant::read(&tokens)).map_err(|error| NoGrant::read(error, wire.seen()))
}

impl Grant {
    pub(super) fn read(tokens: &EntraTokens) -> Self {
        Self {
            access: AccessToken::new(tokens.access_token().secret()),
            refresh: tokens.refresh_token().map(|token| Secret::new(token.secret())),
            expires_in: tokens.expires_in().unwrap_or(ASSUMED_LIFETIME),
            scopes: tokens.scopes().into_iter().flatten().map(|scope| scope.to_string()).collect(),
            id_token: tokens.extra_fields().id_token.as_deref().map(Secret::new),
        }
    }
}

impl NoGrant {
    pub const NOBODY: Self = Self::Nothing(Cow::Borrowed("nobody has signed in yet"));
    pub(super) const NO_URL: Self =
        Self::Nothing(Cow::Borrowed("the login URL of the configuration is not one"));

    pub(super) fn passing(cause: String, retry_after: Option<Duration>) -> Self {
        Self::Passing { cause, retry_after, told: None }
    }

    /// Branches on `error`, as Microsoft says, never on its text; numbers only tell the few
    /// conditions apart that pass by themselves. A body that does not parse is not shown: it may hold tokens.
    pub(super) fn read(error: RequestTokenError<Fault, EntraError>, seen: Seen) -> Self {
        match error {
            RequestTokenError::ServerResponse(error) => Self::told(error, seen),
            RequestTokenError::Request(fault) => {
                Self::passing(fault.cause().to_owned(), seen.retry_after)
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Self::senseless(seen),
        }
    }

    pub(super) fn told(error: EntraError, seen: Seen) -> Self {
        let status = seen.status.unwrap_or_default();
        if error.is_loop() {
            let retry_after = seen.retry_after.unwrap_or_default().max(AFTER_A_LOOP);
            let (cause, retry_after) = (error.to_string(), Some(retry_after));
            return Self::Passing { cause, retry_after, told: Some(Box::new(error)) };
        }
        if error.is_passing() || status == 429 || status >= 500 {
            let (cause, retry_after) = (error.to_string(), seen.retry_after);
            return Self::Passing { cause, retry_after, told: Some(Box::new(error)) };
        }
        Self::SignIn(error)
    }

    pub(super) fn senseless(seen: Seen) -> Self {
        let status = seen.status.unwrap_or_default();
        let cause = format!("the token endpoint answered status {status} without sense");
        Self::passing(cause, seen.retry_after)
    }
}

impl std::fmt::Display for NoGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignIn(error) => error.fmt(f),
            Self::Nothing(cause) => f.write_str(cause),
            Self::Passing { cause, .. } => write!(f, "{cause}; try again later"),
        }
    }
}

impl std::error::Error for NoGrant {}
