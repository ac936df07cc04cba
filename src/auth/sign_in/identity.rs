//! Who signed in (reference A.6): the id token names the account, Graph its mailbox.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, Request, Url};
use serde::Deserialize;

use super::{SignIn, SignInError, SignedInAs};
use crate::auth::oauth::Grant;
use crate::auth::scopes::Granted;
use crate::http::{AccessToken, Secret};

/// An account, kept by `tenant_id` and `object_id`: names and addresses change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    pub tenant_id: String,
    pub object_id: String,
    /// The mailbox's address; the sign-in name if Graph does not tell one.
    pub address: String,
    /// Every name the account goes by, the address among them.
    pub names: Vec<String>,
}

/// The tenant of every personal account (reference A.6).
pub(super) const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

#[derive(Deserialize)]
struct Claims {
    aud: String,
    tid: String,
    oid: String,
    #[serde(default)]
    preferred_username: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Me {
    mail: Option<String>,
    user_principal_name: Option<String>,
}

impl SignIn {
    /// # Errors
    /// `OtherAccount`; `Foreign` if the answer was made for another sign-in; `NotLasting`.
    pub(super) async fn accept(
        &self,
        grant: Grant,
        nonce: Option<&Secret>,
    ) -> Result<SignedInAs, SignInError> {
        let claims = grant.id_token.as_ref().and_then(read).ok_or(SignInError::Foreign)?;
        let same = |nonce: &Secret| claims.nonce.as_ref().is_some_and(|n| Secret::new(n) == *nonce);
        if claims.aud != self.cloud.client_id || !nonce.is_none_or(same) {
            return Err(SignInError::Foreign);
        }
        let granted = Granted::new(&grant.scopes);
        let refresh = grant.refresh.ok_or(SignInError::NotLasting)?;
        let identity = self.identify(claims, &grant.access).await?;
        if !identity.is(&self.account) {
            let wanted = self.account.clone();
            return Err(SignInError::OtherAccount { wanted, found: identity.address });
        }
        Ok(SignedInAs { identity, refresh, access: grant.access, granted })
    }

    async fn identify(
        &self,
        claims: Claims,
        access: &AccessToken,
    ) -> Result<Identity, SignInError> {
        let me = self.me(access).await?;
        let names: Vec<String> = [me.mail, me.user_principal_name, claims.preferred_username]
            .into_iter()
            .flatten()
            .collect();
        let address = names.first().cloned().unwrap_or_else(|| claims.oid.clone());
        Ok(Identity { tenant_id: claims.tid, object_id: claims.oid, address, names })
    }

    /// Empty if Graph will not tell; that is for `ping` to look into.
    async fn me(&self, access: &AccessToken) -> Result<Me, SignInError> {
        let url =
            format!("{}/me?$select=id,displayName,mail,userPrincipalName", self.cloud.graph_root());
        let url = Url::parse(&url).map_err(|_| {
            SignInError::Setup("the Graph URL of the settings is not one".to_owned())
        })?;
        let mut request = Request::new(Method::GET, url);
        let bearer = format!("Bearer {}", access.expose());
        let mut bearer = reqwest::header::HeaderValue::from_str(&bearer)
            .map_err(|_| SignInError::Passing("an access token of unknown shape".to_owned()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request
            .headers_mut()
            .insert(ACCEPT, reqwest::header::HeaderValue::from_static("application/json"));
        let answer = self.http.exchange(request).await;
        let (status, _, body) =
            answer.map_err(|fault| SignInError::Passing(fault.cause().to_owned()))?;
        match status.as_u16() {
            200 => Ok(serde_json::from_slice(&body).unwrap_or_default()),
            429 | 500.. => Err(SignInError::Passing(format!("Graph answered status {status}"))),
            _ => Ok(Me::default()),
        }
    }
}

impl Identity {
    pub fn is(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The payload of a JWT. It came over TLS from the token endpoint itself, so its signature tells
/// nothing more (OpenID Connect Core §3.1.3.7).
fn read(id_token: &Secret) -> Option<Claims> {
    let payload = id_token.expose().split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}
