//! Conversations through the front door: a simulated tenant, a bridge and clients, a fresh world for
//! each test, on virtual time.

#![expect(clippy::unwrap_used, reason = "tests, helpers included, stop at the first surprise")]

mod authority;
mod channel;
mod imap_client;
#[path = "../opinion/mod.rs"]
mod opinion;
mod smtp_client;
mod world;
mod write_costs;

mod bad_input;
mod costs;
mod crash;
mod devices;
mod envelopes;
mod faults;
mod imap;
mod keeping;
mod logins;
mod queue;
mod review;
mod roster;
mod sending;
mod smtp;
mod tls;
