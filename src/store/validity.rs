//! Giving out UIDVALIDITYs: each greater than all before (RFC 3501 §2.3.1.1), also across a lost
//! index, which is why the highest one is kept in a file beside it too.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;

use super::files;
use super::worker::Writing;
use crate::mailbox::{Fault, Outcome, UidValidity};

#[derive(Clone, Debug)]
pub(super) struct Validities {
    file: PathBuf,
}

impl Validities {
    pub(super) fn beside(directory: &Path) -> Self {
        Self { file: directory.join("uidvalidity") }
    }

    /// The next one: the time in seconds, or more if that was given already.
    pub(super) fn give(&self, writing: &Writing<'_>) -> Outcome<UidValidity> {
        let sql = "SELECT value FROM meta WHERE key = 'validity'";
        let recorded: Option<i64> =
            writing.transaction.prepare_cached(sql)?.query_row([], |r| r.get(0)).optional()?;
        let last = recorded.unwrap_or(0).max(self.read());
        let number = writing.now.0.max(last.saturating_add(1)).max(1);
        let validity = u32::try_from(number).ok().and_then(UidValidity::new);
        let validity = validity.ok_or_else(|| Fault::defect("UIDVALIDITYs are used up"))?;
        let sql = "INSERT INTO meta (key, value) VALUES ('validity', ?1)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        writing.transaction.prepare_cached(sql)?.execute([number])?;
        Ok(validity)
    }

    /// Notes the highest one given so far in the file. To be done once before the commit: a number
    /// that is noted and not used does no harm.
    pub(super) fn note(&self, highest: UidValidity) -> Outcome<()> {
        let fresh = self.file.with_extension("new");
        let mut file = files::make_private(&fresh)?;
        file.set_len(0).map_err(Fault::defect)?;
        file.write_all(highest.to_string().as_bytes()).map_err(Fault::defect)?;
        file.sync_all().map_err(Fault::defect)?;
        fs::rename(&fresh, &self.file).map_err(Fault::defect)
    }

    /// 0 if there is no file, or none that makes sense.
    fn read(&self) -> i64 {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        text.trim().parse::<u32>().map_or(0, i64::from)
    }
}
