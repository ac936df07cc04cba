//! Files in flight: a literal, a DATA, a download. Removed when dropped, and all of them at open.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::{Store, files};
use crate::mailbox::{Fault, Outcome, Spooled};

pub(super) const DIRECTORY: &str = "spool";

/// A file of the spool. Whoever holds this owns the file.
#[derive(Debug)]
pub struct SpoolFile {
    path: PathBuf,
}

impl Store {
    /// A new empty file that only this user can read.
    pub async fn spool(&self) -> Outcome<SpoolFile> {
        let number = self.0.spooled.fetch_add(1, Ordering::Relaxed);
        let path = self.path(DIRECTORY).join(number.to_string());
        let making = tokio::task::spawn_blocking(move || {
            files::make_private(&path)?;
            Ok(SpoolFile { path })
        });
        making.await.map_err(|_| Fault::defect("making a spool file broke off"))?
    }
}

impl SpoolFile {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file as it now is, for handing to a backend.
    pub async fn spooled(&self) -> Outcome<Spooled> {
        let facts = tokio::fs::metadata(&self.path).await.map_err(Fault::defect)?;
        Ok(Spooled { path: self.path.clone(), size: facts.len() })
    }
}

/// Makes the spool, without what an earlier run left in it.
pub(super) fn empty(directory: &Path) -> Outcome<()> {
    files::make_directory(directory)?;
    for entry in fs::read_dir(directory).map_err(Fault::defect)? {
        files::remove(&entry.map_err(Fault::defect)?.path())?;
    }
    Ok(())
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        // Gone already if the bytes were frozen.
        let _ = fs::remove_file(&self.path);
    }
}
