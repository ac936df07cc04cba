//! The `footbridge` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    footbridge::cli::main()
}
