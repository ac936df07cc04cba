//! Footbridge: IMAP and SMTP for old mail tools, Microsoft Graph behind them.
//!
//! The modules, lowest layer first (docs/ARCHITECTURE.md has the map and the walkthroughs):
//! - `mailbox`: the domain; uses nothing
//! - `clock`: the only reader of time
//! - `http`: the only sender of HTTP requests
//! - `auth`: Microsoft sign-in and local passwords
//! - `backend`: the one seam between the bridge and Microsoft

pub mod auth;
pub mod backend;
pub mod clock;
pub mod http;
pub mod mailbox;
