//! IMAP and SMTP as values: bytes in, values out.
//!
//! This crate frames, parses and writes the two protocols. It never reads a socket, a clock or a
//! mailbox, so everything here can be tested with bytes alone.
//!
//! - [`imap::Stream`] turns bytes into [`imap::Event`]s, [`imap::parse()`] turns one assembled line
//!   into an [`imap::Command`], [`imap::Reply`], [`imap::Data`] and [`imap::FetchWriter`] write
//!   what the server says.
//! - [`smtp::Stream`] turns bytes into [`smtp::Event`]s, mail data included, and [`smtp::Reply`]
//!   writes the answers.

mod buffer;
pub mod imap;
mod sasl;
mod secret;
pub mod smtp;

pub use sasl::{InvalidSasl, Mechanism, PlainCredentials, SaslResponse, challenge};
pub use secret::Secret;
