//! The program itself, as people and scripts run it, against a simulated tenant.

#![expect(clippy::unwrap_used, reason = "tests, helpers included, stop at the first surprise")]

mod client;
mod process;
mod random;
mod search;
mod world;

mod certificates;
mod connecting;
mod consenting;
mod crash;
mod devices;
mod pinging;
mod queueing;
mod sealed;
mod secrets;
mod serving;
mod sharing;
mod twins;
