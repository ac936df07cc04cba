//! Files in flight: a literal, a DATA, a download. Removed when dropped, and all of them at open.

use std::path::{Path, PathBuf};

use super::Store;
use crate::mailbox::{Outcome, Spooled};

/// A file of the spool. Whoever holds this owns the file.
#[derive(Debug)]
pub struct SpoolFile {
    path: PathBuf,
}

impl Store {
    /// A new empty file that only this user can read.
    pub async fn spool(&self) -> Outcome<SpoolFile> {
        todo!()
    }
}

impl SpoolFile {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file as it now is, for handing to a backend.
    pub async fn spooled(&self) -> Outcome<Spooled> {
        todo!()
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        // Gone already if the bytes were frozen.
        let _ = std::fs::remove_file(&self.path);
    }
}
