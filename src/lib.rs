//! Footbridge: IMAP and SMTP for old mail tools, Microsoft Graph behind them.
//!
//! The modules, lowest layer first (docs/ARCHITECTURE.md has the map and the walkthroughs):
//! - `mailbox`: the domain; uses nothing
//! - `clock`: the only reader of time
//! - `store`: the index and the message bytes; the only user of SQLite

pub mod account;
pub mod auth;
pub mod backend;
pub mod clock;
pub mod config;
//! - `http`: the only sender of HTTP requests
//! - `auth`: Microsoft sign-in and local passwords
//! - `backend`: the one seam between the bridge and Microsoft

pub mod auth;
pub mod backend;
pub mod clock;
pub mod http;
pub mod mailbox;
pub mod mime;
pub mod verdict;
pub mod store;
pub mod mime;
