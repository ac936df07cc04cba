//! Signing in as a person, once: by a browser on this machine (`Loopback`), by a code typed on
//! another (`device`), or by an address pasted from another's address bar (`Redirect::pasted`).
//!
//! Nothing is stored here: a sign-in that is cancelled or times out leaves nothing behind.

mod authorize;
mod device;
mod identity;
mod loopback;
mod page;
mod redirect;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::http::{AccessToken, HttpClient, Secret};

use super::oauth::NoGrant;
use super::scopes::{Granted, Needs};
use super::{Cloud, EntraError};
pub use authorize::Attempt;
pub use device::DevicePrompt;
pub use identity::Identity;
pub use loopback::{Loopback, Visitor};
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
    #[error("nobody finished the sign-in within {} seconds; if Microsoft's page shows an error, look its AADSTS number up in docs/entra-app-registration.md", .0.as_secs())]
    TimedOut(Duration),
    #[error("the device code has expired; start the sign-in again")]
    CodeExpired,
    #[error(
        "signed in as {found}, but {wanted} was asked for: sign in with that account, or name {found} in the command"
    )]
    OtherAccount { wanted: String, found: String },
    #[error("the answer does not belong to this sign-in: start again, and use the newest page")]
    Foreign,
    #[error(
        "this is not the address that the sign-in ended on; copy all of it from the address bar (it starts with http://localhost)"
    )]
    NotARedirect,
    #[error("Microsoft issued no refresh token: check that the registration allows offline_access")]
    NotLasting,
    #[error("Microsoft's sign-in: {0}; try again")]
    Passing(String),
    #[error("{0}")]
    Setup(String),
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
