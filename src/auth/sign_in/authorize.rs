//! Authorization code with PKCE (RFC 7636), state and nonce (reference A.2).

use std::fmt;

use oauth2::{
    AuthUrl, AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};

use super::redirect::{Answer, Redirect};
use super::{SignIn, SignInError, SignedInAs};
use crate::auth::claims;
use crate::auth::oauth::{Grant, NoGrant};
use crate::auth::wire::Wire;
use crate::http::Secret;

/// A sign-in that waits for the browser's part. Used once.
pub struct Attempt {
    /// Where the person goes.
    pub url: String,
    state: Secret,
    nonce: Secret,
    verifier: PkceCodeVerifier,
    redirect: RedirectUrl,
}

impl Attempt {
    /// Whether a redirect answers this attempt.
    pub fn owns(&self, redirect: &Redirect) -> bool {
        Secret::new(redirect.state.as_str()) == self.state
    }

    /// The same attempt as a client would finish it that has lost its verifier or its address.
    #[cfg(test)]
    pub(super) fn twin(&self, verifier: Option<&str>, redirect: Option<&str>) -> Self {
        let verifier = verifier.unwrap_or_else(|| self.verifier.secret()).to_owned();
        let redirect = redirect.unwrap_or_else(|| self.redirect.as_str()).to_owned();
        Self {
            url: self.url.clone(),
            state: self.state.clone(),
            nonce: self.nonce.clone(),
            verifier: PkceCodeVerifier::new(verifier),
            redirect: RedirectUrl::new(redirect).unwrap(),
        }
    }
}

impl SignIn {
    /// `redirect` is `http://localhost:PORT`, or without a port if nobody listens.
    ///
    /// # Errors
    /// `Setup` if the settings name no URL, or no account can do what is asked.
    pub fn begin(&self, redirect: &str) -> Result<Attempt, SignInError> {
        self.check()?;
        let setup = |_| SignInError::Setup("the login URL of the settings is not one".to_owned());
        let authorize = AuthUrl::new(self.cloud.endpoint("authorize")).map_err(setup)?;
        let redirect = RedirectUrl::new(redirect.to_owned()).map_err(setup)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random();
        let client =
            self.cloud.client()?.set_auth_uri(authorize).set_redirect_uri(redirect.clone());
        let hint = self.domain_hint().map(|hint| ("domain_hint", hint));
        let request = client.authorize_url(CsrfToken::new_random);
        let request = hint
            .into_iter()
            .fold(request, |asking, (name, value)| asking.add_extra_param(name, value));
        let (url, state) = request
            .add_scopes(self.cloud.wanted(self.needs).into_iter().map(Scope::new))
            .set_pkce_challenge(challenge)
            .add_extra_param("response_mode", "query")
            .add_extra_param("nonce", nonce.secret())
            .add_extra_param("login_hint", &self.account)
            .add_extra_param("claims", claims::wanted(self.challenge.as_deref()))
            .url();
        Ok(Attempt {
            url: url.into(),
            state: Secret::new(state.secret()),
            nonce: Secret::new(nonce.secret()),
            verifier,
            redirect,
        })
    }

    /// Trades the browser's answer for tokens, and makes sure of who signed in.
    ///
    /// # Errors
    /// `SignInError`; the attempt is spent either way.
    pub async fn finish(
        &self,
        attempt: Attempt,
        redirect: Redirect,
    ) -> Result<SignedInAs, SignInError> {
        if !attempt.owns(&redirect) {
            return Err(SignInError::Foreign);
        }
        let code = match redirect.answer {
            Answer::Code(code) => code,
            Answer::Refused(error) => return Err(SignInError::told(error)),
        };
        let client = self.cloud.client()?.set_redirect_uri(attempt.redirect);
        let wire = Wire::new(&self.http);
        let answer = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(attempt.verifier)
            .add_extra_param("claims", claims::wanted(self.challenge.as_deref()))
            .request_async(&wire)
            .await;
        let tokens = answer.map_err(|error| NoGrant::read(error, wire.seen()))?;
        self.accept(Grant::read(&tokens), Some(&attempt.nonce)).await
    }
}

/// The URL holds the state and the nonce.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(…)")
    }
}
