//! Microsoft sign-in (tokens, their keeper, their vault) and the local passwords of mail clients.

pub mod aadsts;
mod claims;
pub mod consent;
mod entra;
pub mod export;
pub mod keeper;
pub mod key;
#[cfg(feature = "keyring")]
mod keyring;
pub mod oauth;
pub mod password;
pub mod scopes;
#[cfg(test)]
mod shown_tests;
pub mod sign_in;
#[cfg(test)]
mod tests;
pub mod vault;
mod wire;

pub use crate::http::{AccessToken, Secret};
pub use entra::EntraError;
pub use keeper::{Keeper, KeeperLimits, SignInState, SignInStatus, TokenSource};
pub use key::KeySources;
pub use oauth::Cloud;
pub use vault::{FileVault, MemoryVault, TokenVault, VaultError, VaultKey, VaultLock};
