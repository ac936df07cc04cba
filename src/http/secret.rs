//! Secrets, and what HTTP needs of whoever keeps them.

use std::fmt;

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::mailbox::Outcome;

/// A text that never shows in a log, an error or `Debug`, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// A bearer token, opaque to us (reference A.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessToken(Secret);

/// Where a mailbox's access tokens come from.
#[async_trait]
pub trait Tokens: fmt::Debug + Send + Sync + 'static {
    /// A token that is good now, as far as is known; waits for a refresh under way.
    ///
    /// # Errors
    /// `SignInNeeded`, or `Unreachable` if no token could be had in reasonable time.
    async fn access_token(&self) -> Outcome<AccessToken>;

    /// The service refused this token: get another, unless that has happened already.
    fn reject(&self, token: &AccessToken);

    /// The service refused this token until the next one satisfies `claims` (reference A.5; in
    /// base64, as the service sends them).
    fn challenge(&self, token: &AccessToken, claims: &str) {
        let _ = claims;
        self.reject(token);
    }
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself: for the wire and the vault only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl AccessToken {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(format!("{:?}", AccessToken::new("eyJhbGciOi")), "AccessToken(Secret(…))");
    }
}
