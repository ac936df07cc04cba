//! Outgoing HTTP: the only module that sends requests to Microsoft.
//!
//! `HttpClient` is the plain client, shared by everyone. `MailboxHttp` is what a backend uses: one
//! per mailbox, with the permits and the throttle gate that the service counts per mailbox
//! (reference B.12), authorization, retries and strict success codes.

mod body;
mod client;
mod exchange;
mod gate;
mod lead;
mod limits;
mod mailbox;
mod queue;
mod request;
mod retry;
mod secret;
#[cfg(test)]
mod tests;
mod trail;

pub use client::{HttpClient, Reach};
pub use limits::HttpLimits;
pub use mailbox::{MailboxHttp, Patience};
pub use queue::Urgency;
pub use request::{Body, Failure, Refusal, Repeat, Request, Target};
pub use reqwest::Method;
pub use retry::retry_after;
pub use secret::{AccessToken, Secret, Tokens};
pub use trail::Trail;
