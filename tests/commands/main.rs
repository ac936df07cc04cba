//! The program itself, as people and scripts run it, against a simulated tenant.

#![expect(clippy::unwrap_used, reason = "tests, helpers included, stop at the first surprise")]

mod client;
mod process;
mod world;

mod certificates;
mod connecting;
mod crash;
mod secrets;
mod serving;
