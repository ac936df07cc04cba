//! Device code (RFC 8628, reference A.4): for a machine without a browser.

use std::fmt;
use std::time::Duration;

use oauth2::StandardTokenResponse;
use oauth2::basic::BasicTokenType;
use reqwest::{Method, Request, Url};
use serde::Deserialize;

use super::{SignIn, SignInError, SignedInAs};
use crate::auth::claims;
use crate::auth::entra::{EntraError, EntraFields};
use crate::auth::oauth::{Grant, NoGrant};
use crate::auth::wire::Wire;
use crate::http::{HttpClient, Secret};

/// What the person is shown.
#[derive(Clone)]
pub struct DevicePrompt {
    pub open: String,
    pub code: String,
}

#[derive(Deserialize)]
struct Issued {
    user_code: String,
    device_code: String,
    verification_uri: String,
    #[serde(default = "a_quarter")]
    expires_in: u64,
    #[serde(default = "five")]
    interval: u64,
}

/// One answer to "is it done?".
enum Polled {
    Done(Grant),
    Pending,
    SlowDown,
}

/// RFC 8628 §3.5.
const SLOW_DOWN: Duration = Duration::from_secs(5);
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl SignIn {
    /// Asks for a code, has it shown, and waits until someone has typed it.
    ///
    /// # Errors
    /// `SignInError`.
    pub async fn by_device(
        &self,
        show: impl FnOnce(&DevicePrompt) + Send,
    ) -> Result<SignedInAs, SignInError> {
        self.check()?;
        let issued = self.ask_for_code().await?;
        show(&DevicePrompt {
            open: issued.verification_uri.clone(),
            code: issued.user_code.clone(),
        });
        let clock = self.http.clock().clone();
        let ends = clock.instant().plus(Duration::from_secs(issued.expires_in));
        let mut interval = Duration::from_secs(issued.interval);
        let device_code = Secret::new(issued.device_code);
        loop {
            clock.sleep(interval).await;
            match self.poll(&device_code).await {
                Ok(Polled::Done(grant)) => return self.accept(grant, None).await,
                Ok(Polled::Pending) => {}
                Ok(Polled::SlowDown) => interval += SLOW_DOWN,
                // RFC 8628 §3.5: a connection that timed out slows the polling down as well.
                Err(SignInError::Passing(_)) => interval *= 2,
                Err(error) => return Err(error),
            }
            if clock.instant() >= ends {
                return Err(SignInError::CodeExpired);
            }
        }
    }

    async fn ask_for_code(&self) -> Result<Issued, SignInError> {
        let scopes = self.cloud.wanted(self.needs).join(" ");
        let form = [("client_id", self.cloud.client_id.as_str()), ("scope", &scopes)];
        let wire = Wire::new(&self.http);
        let (status, body) = post(&wire, &self.cloud.endpoint("devicecode"), &form).await?;
        if status == 200 {
            return serde_json::from_slice(&body)
                .map_err(|_| NoGrant::senseless(wire.seen()).into());
        }
        let error: EntraError =
            serde_json::from_slice(&body).map_err(|_| NoGrant::senseless(wire.seen()))?;
        Err(NoGrant::told(error, wire.seen()).into())
    }

    async fn poll(&self, device_code: &Secret) -> Result<Polled, SignInError> {
        let claims = claims::wanted(self.challenge.as_deref());
        let form = [
            ("grant_type", GRANT_TYPE),
            ("client_id", self.cloud.client_id.as_str()),
            ("device_code", device_code.expose()),
            ("claims", &claims),
        ];
        let wire = Wire::new(&self.http);
        let (status, body) = post(&wire, &self.cloud.endpoint("token"), &form).await?;
        if status == 200 {
            let tokens: StandardTokenResponse<EntraFields, BasicTokenType> =
                serde_json::from_slice(&body).map_err(|_| NoGrant::senseless(wire.seen()))?;
            return Ok(Polled::Done(Grant::read(&tokens)));
        }
        let error: EntraError =
            serde_json::from_slice(&body).map_err(|_| NoGrant::senseless(wire.seen()))?;
        match error.error.as_str() {
            "authorization_pending" => Ok(Polled::Pending),
            "slow_down" => Ok(Polled::SlowDown),
            "authorization_declined" | "access_denied" => Err(SignInError::Cancelled(error)),
            "expired_token" => Err(SignInError::CodeExpired),
            _ => Err(NoGrant::told(error, wire.seen()).into()),
        }
    }
}

/// Status and body of a form's answer.
async fn post(
    wire: &Wire,
    url: &str,
    form: &[(&str, &str)],
) -> Result<(u16, Vec<u8>), SignInError> {
    let url = Url::parse(url)
        .map_err(|_| SignInError::Setup("the login URL of the settings is not one".to_owned()))?;
    let answer = wire.send(HttpClient::form(Request::new(Method::POST, url), form)).await;
    let answer = answer.map_err(|fault| SignInError::Passing(fault.cause().to_owned()))?;
    Ok((answer.status().as_u16(), answer.into_body()))
}

/// The reference's own numbers, for an answer that leaves them out.
fn a_quarter() -> u64 {
    900
}

fn five() -> u64 {
    5
}

/// Who types the code elsewhere signs this device in as themselves.
impl fmt::Debug for DevicePrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevicePrompt").field("open", &self.open).finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued(…)")
    }
}
