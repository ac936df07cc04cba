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
pub mod lapse;
pub mod oauth;
pub mod password;
pub mod scopes;
#[cfg(test)]
mod shown_tests;
pub mod sign_in;
mod status;
#[cfg(test)]
mod tests;
pub mod vault;
mod wire;

pub use crate::http::{AccessToken, Secret};
pub use entra::EntraError;
pub use keeper::{Keeper, KeeperLimits, TokenSource};
pub use key::KeySources;
pub use lapse::{Lapse, Owner, is_stale};
pub use oauth::Cloud;
pub use status::{Refreshes, SignInState, SignInStatus};
pub use vault::{FileVault, MemoryVault, TokenVault, VaultError, VaultKey, VaultLock};
