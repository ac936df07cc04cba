//! Conversations with the simulated tenant over HTTP, in the shapes that Microsoft documents.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail its test")]

mod batch;
mod clouds;
mod control;
mod create;
mod delta;
mod device;
mod entra_client;
mod faults;
mod folders;
mod growing;
mod limits;
mod login;
mod messages;
mod policy;
mod send;
mod sign_in;
mod world;
