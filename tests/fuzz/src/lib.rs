//! Fuzz targets: each takes octets, treats them as a stranger's words, and panics when a promise is broken.
//!
//! `tests/fuzz/run` lets libFuzzer invent the octets, guided by what they reach. `tests/replay.rs` gives each target the
//! octets that are kept in `seeds/`: where the inventing begins, and what once broke something.

#![expect(clippy::unwrap_used, reason = "a fuzz target stops at the first surprise")]

mod chance;
pub mod commands;
pub mod literals;
mod memory;
// The module itself and not the bridge around it: what libFuzzer is to look into must be built with its counters, and
// that would take minutes for the bridge's dependencies.
#[path = "../../../src/mime/mod.rs"]
pub mod mime;
mod opinion;
pub mod search;
pub mod sections;
pub mod smtp;
mod structure;
mod tree;
pub mod utf7;

pub use memory::run;

/// What a target does with its input.
pub type Target = fn(&[u8]);

/// Every target by the name of its program, its seeds and its words.
pub const TARGETS: [(&str, Target); 6] = [
    ("commands", commands::check),
    ("literals", literals::check),
    ("search", search::check),
    ("sections", sections::check),
    ("smtp", smtp::check),
    ("utf7", utf7::check),
];

/// The program of a target: under libFuzzer what it calls, otherwise a `main` that reads the files it is given.
#[macro_export]
macro_rules! program {
    ($target:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::run($crate::$target::check, data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            for file in std::env::args_os().skip(1) {
                $crate::run($crate::$target::check, &std::fs::read(file)?);
            }
            Ok(())
        }
    };
}
