//! What a target may take of memory: every allocation of Rust is counted.

use peak_alloc::PeakAlloc;

use crate::Target;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Gives the target its input and sees that nothing of it stays behind.
///
/// # Panics
/// If the target does, or if its memory grows from one input to the next.
pub fn run(target: Target, data: &[u8]) {
    if growth(target, data) > 0 {
        // A table may have been made, once and for all; the same input makes no second one.
        let left = growth(target, data);
        assert!(left == 0, "{left} octets stay behind at each input");
    }
}

fn growth(target: Target, data: &[u8]) -> usize {
    let before = MEMORY.current_usage();
    target(data);
    MEMORY.current_usage().saturating_sub(before)
}

/// Does the work within this many octets beyond what was taken before.
pub(crate) fn within<T>(octets: usize, work: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = work();
    let most = MEMORY.peak_usage().saturating_sub(before);
    assert!(most <= octets, "{most} octets of memory where {octets} are allowed");
    done
}
