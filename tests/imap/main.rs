//! The IMAP server over a mailbox in memory: what it says, without a service behind it.

#![expect(clippy::unwrap_used, reason = "tests, helpers included, stop at the first surprise")]

mod conversations;
mod fake;
#[path = "../opinion/mod.rs"]
mod opinion;
mod searches;
