//! Locks that outlive a failed test: a panic under a lock must not turn every later assertion into noise.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
