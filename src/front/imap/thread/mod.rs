//! THREAD and UID THREAD (RFC 5256).

mod letter;
mod links;
mod ordered;
mod references;

#[cfg(test)]
mod letter_tests;
