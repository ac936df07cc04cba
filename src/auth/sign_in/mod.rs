//! Signing in as a person, once: by a browser on this machine (`Loopback`), by a code typed on
//! another (`device`), or by an address pasted from another's address bar (`Redirect::pasted`).
//!
//! Nothing is stored here: a sign-in that is cancelled or times out leaves nothing behind.

mod authorize;
mod device;
mod door;
mod identity;
mod loopback;
#[cfg(test)]
mod loopback_tests;
mod page;
mod redirect;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::http::{AccessToken, HttpClient, Secret};

use super::consent::ConsentRequest;
use super::oauth::{Audience, NoGrant};
use super::scopes::{Granted, Needs, Ownership};
use super::{Cloud, EntraError};
pub use authorize::Attempt;
pub use device::DevicePrompt;
pub use identity::Identity;
pub use loopback::{Ending, Loopback};
pub use page::Page;
pub use redirect::Redirect;

/// What is asked of Microsoft, and on whose behalf.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub http: HttpClient,
    pub cloud: Cloud,
    pub needs: Needs,
    /// The account's address: the sign-in of any other account is refused.
    pub account: String,
    /// What the service demanded when it refused the last tokens (reference A.5).
    pub challenge: Option<String>,
    /// The tenant of the account, if it has signed in before.
    pub tenant_id: Option<String>,
}

/// Someone signed in.
#[derive(Debug)]
pub struct SignedInAs {
    pub identity: Identity,
    pub refresh: Secret,
    pub access: AccessToken,
    pub granted: Granted,
}

/// Why nobody did.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("{0}")]
    Refused(EntraError),
    #[error("the sign-in was cancelled on Microsoft's page; run it again and accept")]
    Cancelled(EntraError),
    #[error("nobody finished the sign-in within {} seconds; if Microsoft's page shows an error, run: footbridge explain AADSTSnnnnn", .0.as_secs())]
    TimedOut(Duration),
    #[error(
        "the device code has expired: start the sign-in again and finish it within a quarter of an \
         hour, or use --sign-in paste; if the page shows an error, run: footbridge explain AADSTSnnnnn"
    )]
    CodeExpired,
    #[error(
        "signed in as {found}, but {wanted} was asked for: sign in with that account, or name {found} in the command"
    )]
    OtherAccount { wanted: String, found: String },
    #[error("the answer does not belong to this sign-in: start again, and use the newest page")]
    Foreign,
    #[error(
        "this is not the address that the sign-in ended on; copy all of it from the address bar (it starts with http://localhost), or paste the AADSTS number that the page shows"
    )]
    NotARedirect,
    #[error("Microsoft issued no refresh token: check that the registration allows offline_access")]
    NotLasting,
    #[error("Microsoft's sign-in: {0}; try again")]
    Passing(String),
    #[error("{0}")]
    Setup(String),
}

impl SignIn {
    /// The error, and the link for the administrator where that may help. A sign-in that nobody
    /// finished may have been such: Microsoft's page does not lead back here then.
    pub fn told(&self, error: &SignInError) -> String {
        let hint = match error {
            SignInError::TimedOut(_) | SignInError::CodeExpired => {
                "if the page asks for an administrator's approval"
            }
            error if error.wants_admin() => "an administrator can consent for everyone",
            _ => return error.to_string(),
        };
        match ConsentRequest::to_send(&self.cloud, self.needs, None) {
            Ok(ConsentRequest { url, .. }) => {
                format!("{error}\n{hint}, send this link: {url}\nand sign in again afterwards")
            }
            Err(_) => error.to_string(),
        }
    }

    /// # Errors
    /// `Setup` if no account of this kind can do what is asked (reference A.9).
    fn check(&self) -> Result<(), SignInError> {
        match (self.cloud.audience(), self.needs.mailbox) {
            (Audience::Personal, Ownership::Shared) => Err(SignInError::Setup(
                "personal accounts have no shared mailboxes: leave --mailbox out, or set [cloud] \
                 tenant to organizations"
                    .to_owned(),
            )),
            (Audience::Personal, Ownership::OwnForOthers) => Err(SignInError::Setup(
                "personal accounts cannot send in another mailbox's name: take those senders off \
                 with footbridge connection senders --forbid"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Spares a person the choice between a work and a personal account of the same name
    /// (reference A.2).
    fn domain_hint(&self) -> Option<&'static str> {
        let tenant = self.tenant_id.as_deref()?;
        let hint = if tenant == identity::PERSONAL { "consumers" } else { "organizations" };
        (self.cloud.audience() == Audience::Anyone).then_some(hint)
    }
}

impl SignInError {
    /// Only an administrator can help.
    pub fn wants_admin(&self) -> bool {
        match self {
            Self::Refused(error) | Self::Cancelled(error) => error.wants_admin(),
            _ => false,
        }
    }

    /// An error that a redirect told.
    fn told(error: EntraError) -> Self {
        match error.error.as_str() {
            "access_denied" if error.error_codes.iter().all(|code| *code == 65004) => {
                Self::Cancelled(error)
            }
            _ => Self::Refused(error),
        }
    }
}

impl From<NoGrant> for SignInError {
    fn from(reason: NoGrant) -> Self {
        match reason {
            NoGrant::SignIn(error) => Self::Refused(error),
            NoGrant::Nothing(cause) => Self::Setup(cause.into_owned()),
            NoGrant::Passing { cause, .. } => Self::Passing(cause),
        }
    }
}
