//! What a crash may leave behind: where it happened, and nothing of what was in memory.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

/// From now on a panic tells its place and nothing else, and no core dump is written. To be called
/// before the first secret is read.
///
/// Elsewhere than on Unix, the system's own crash dumps are for its owner to switch off.
pub fn leave_no_secret() {
    panic::set_hook(Box::new(tell));
    #[cfg(unix)]
    write_no_core();
}

/// Standard error, not the log: the log may be what broke.
#[expect(clippy::print_stderr, reason = "the last words of a task that died")]
fn tell(info: &PanicHookInfo<'_>) {
    eprintln!("{}", last_words(info));
}

/// Not the payload: it is made of values at hand, and those may be tokens, passwords or mail.
fn last_words(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "footbridge {version}: panicked at {place}. This is a defect: please report this line. \
         What was worked on is not shown, for it may be secret"
    );
    // Names of functions, without their arguments; only if RUST_BACKTRACE asks for it.
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text += &format!("\n{trace}");
    }
    text
}

/// Best effort: where a limit cannot be set, none of ours was in force before either.
#[cfg(unix)]
fn write_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A dump that is piped to a program heeds no limit (core(5)); this also keeps other processes of
    // the same user from reading the memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
