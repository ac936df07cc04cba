//! Footbridge: IMAP and SMTP for old mail tools, Microsoft Graph behind them.
//!
//! The modules, lowest layer first (docs/ARCHITECTURE.md has the map and the walkthroughs):
//! - `mailbox`: the domain; uses nothing
//! - `clock`: the only reader of time

pub mod account;
pub mod backend;
pub mod clock;
pub mod mailbox;
pub mod mime;
pub mod verdict;
//! placeholder
pub mod mime;
