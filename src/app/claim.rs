//! One bridge to a state folder: two would contend for every mailbox, and each would keep half of them.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, anyhow};

/// Held while the bridge runs; a process that dies gives it back.
#[derive(Debug)]
pub(super) struct Claim(#[expect(dead_code, reason = "held, not read")] File);

impl Claim {
    /// # Errors
    /// If another bridge has it, or the folder cannot be written.
    pub(super) fn take(state_dir: &Path) -> anyhow::Result<Self> {
        let path = state_dir.join("serve.lock");
        let opened = fs::create_dir_all(state_dir).and_then(|()| File::create(&path));
        let file = opened.with_context(|| path.display().to_string())?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(anyhow!(
                "another bridge runs on {}: stop it first, or give this one a state_dir of its own",
                state_dir.display()
            )),
            Err(TryLockError::Error(error)) => Err(error).context(path.display().to_string()),
        }
    }
}
