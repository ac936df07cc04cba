//! The protocols that mail clients speak: words on one side, use cases on the other.

pub mod imap;
pub mod login;
pub mod smtp;
