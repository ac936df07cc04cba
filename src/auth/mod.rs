//! Microsoft sign-in (tokens, their keeper, their vault) and the local passwords of mail clients.

pub mod keeper;
pub mod oauth;
pub mod password;
#[cfg(test)]
mod tests;
pub mod vault;

pub use crate::http::{AccessToken, Secret};
pub use keeper::{Keeper, KeeperLimits, SignInState, SignInStatus, TokenSource};
pub use oauth::Cloud;
pub use vault::{FileVault, MemoryVault, TokenVault, VaultError, VaultKey};
