//! Directories and files that only this user can enter and read.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::mailbox::{Fault, Kind, Outcome};

/// Makes a directory, with what is above it, mode 0700.
pub(super) fn make_directory(path: &Path) -> Outcome<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(Fault::defect)?;
    restrict(path, 0o700).map_err(Fault::defect)
}

/// Makes a file if there is none, mode 0600.
pub(super) fn make_private(path: &Path) -> Outcome<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(Fault::defect)?;
    restrict(path, 0o600).map_err(Fault::defect)?;
    Ok(file)
}

/// Takes the lock that says "this directory is in use"; it ends with the file's closing.
///
/// # Errors
/// `Busy` if someone else has it.
pub(super) fn lock(path: &Path) -> Outcome<File> {
    let file = make_private(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Fault::from(Kind::Busy).because("another process has this state directory open"))
        }
        Err(TryLockError::Error(error)) => Err(Fault::defect(error)),
    }
}

/// Makes renames in a directory outlast a power cut.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Removes a file; one that is gone already is fine.
pub(super) fn remove(path: &Path) -> Outcome<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Fault::defect(error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
