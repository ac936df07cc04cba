//! When each local password was last used, kept in a small file of its own: logins are frequent, and
//! what matters must not be rewritten for them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// By the password's id, in seconds since 1970.
#[derive(Debug, Default)]
pub struct LastUses {
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    times: BTreeMap<String, i64>,
    is_changed: bool,
}

impl LastUses {
    /// What is there; a file that cannot be read costs nothing but these times.
    pub fn load(state_dir: &Path) -> Self {
        let text = fs::read(path(state_dir)).unwrap_or_default();
        let times = serde_json::from_slice(&text).unwrap_or_default();
        Self { seen: Mutex::new(Seen { times, is_changed: false }) }
    }

    pub fn of(&self, id: &str) -> Option<i64> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).times.get(id).copied()
    }

    pub fn note(&self, id: String, now: i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_changed |= seen.times.insert(id, now) != Some(now);
    }

    /// Writes what has changed since the last time, if anything.
    ///
    /// # Errors
    /// If the state directory cannot be written; it will be tried again.
    pub fn save(&self, state_dir: &Path) -> io::Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.is_changed {
            return Ok(());
        }
        let draft = path(state_dir).with_extension("json.new");
        fs::write(&draft, serde_json::to_vec(&seen.times)?)?;
        fs::rename(draft, path(state_dir))?;
        seen.is_changed = false;
        Ok(())
    }
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("last-used.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_and_nothing_is_written_without_need() {
        let dir = tempfile::tempdir().unwrap();
        let uses = LastUses::load(dir.path());
        uses.save(dir.path()).unwrap();
        assert!(!path(dir.path()).exists());
        uses.note("abc".to_owned(), 5);
        uses.save(dir.path()).unwrap();
        assert_eq!(LastUses::load(dir.path()).of("abc"), Some(5));
    }
}
