//! Footbridge: IMAP and SMTP for old mail tools, Microsoft Graph behind them.
//!
//! The modules, lowest layer first (docs/ARCHITECTURE.md has the map and the walkthroughs):
//! - `mailbox`: the domain; pure, uses nothing
//! - `mime`: what is in a message's bytes; pure
//! - `clock`: the only reader of time
//! - `config`: the settings, read whole, every mistake told at once
//! - `metrics`: counters for the console
//! - `http`: the only sender of requests: order, limits, retries
//! - `auth`: Microsoft sign-in and local passwords
//! - `store`: the index and the message bytes; the only user of SQLite
//! - `backend`: the one seam between the bridge and Microsoft; Graph behind it
//! - `account`: the use cases, and the task that keeps a mailbox up to date
//! - `net`: listeners, deadlines, shutdown
//! - `verdict`: one table from faults to each protocol's words
//! - `front`: IMAP and SMTP
//! - `admin`: the console
//! - `app`, `demo`, `cli`: compose everything

pub mod account;
pub mod admin;
pub mod app;
pub mod auth;
pub mod backend;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod front;
pub mod http;
pub mod mailbox;
pub mod metrics;
pub mod mime;
pub mod net;
pub mod store;
pub mod verdict;
