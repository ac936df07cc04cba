//! Mail that was accepted and not yet sent: files, so that it outlives a lost index.
//!
//! ```text
//! outbox/<id>.eml     the message as it goes out
//! outbox/<id>.json    who sends it to whom, and all that was settled when it was accepted
//! outbox/<id>.state   what became of it since; written by whoever sends
//! outbox/<id>.order   what a person wants done with it; read by whoever sends
//! outbox/<id>.reply   what came of that
//! ```
//! A message is accepted when its `.json` is there, and gone when that is gone: the `.eml` comes
//! before it and leaves after it, so a crash leaves nothing that looks like a message and is none.
//! Each file is written under another name, synced and renamed. Everything here blocks.

mod entry;
mod id;
mod orders;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::{files, outbox::Digest};
use crate::mailbox::{Fault, Kind, Outcome, Timestamp};

pub use entry::{Entry, Naming, Routing};
pub use id::QueueId;
pub use orders::{Alone, Order, Reply};
pub use state::{Asked, Course, Doubt, State, Step, Words};

/// Below a mailbox's directory.
pub const DIRECTORY: &str = "outbox";

const MESSAGE: &str = "eml";
const ENTRY: &str = "json";
const STATE: &str = "state";
const ORDER: &str = "order";
const REPLY: &str = "reply";
/// Being written.
const DRAFT: &str = "new";

/// The queue of one mailbox. It is made when the first message comes.
#[derive(Clone, Debug)]
pub struct QueueFolder {
    directory: PathBuf,
}

/// What lies under one id.
#[derive(Clone, Debug)]
pub enum Found {
    Whole(Box<Entry>, State),
    /// It was accepted, or may have been, and cannot be sent. It is never removed by itself.
    Damaged {
        id: QueueId,
        reason: String,
    },
}

impl QueueFolder {
    /// Of the mailbox whose directory this is.
    pub fn of(mailbox: &Path) -> Self {
        Self { directory: mailbox.join(DIRECTORY) }
    }

    /// Takes a message: the file at `message` goes over to the queue. When this returns, it is on disk.
    ///
    /// # Errors
    /// `Defect` if the disk does not take it: then it is not in the queue, and `message` may be gone.
    pub fn accept(&self, message: &Path, entry: &Entry) -> Outcome<()> {
        self.make()?;
        let content = self.path(&entry.id, MESSAGE);
        let taken = File::open(message)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(message, &content))
            .and_then(|()| self.sync())
            .map_err(broken)
            .and_then(|()| self.replace(&entry.id, ENTRY, &entry.to_json()));
        if taken.is_err() {
            // What is left of it was never accepted; if it cannot go now, it goes at the next start.
            let _ = self.remove(&entry.id);
        }
        taken
    }

    fn make(&self) -> Outcome<()> {
        if self.directory.is_dir() {
            return Ok(());
        }
        files::make_directory(&self.directory)?;
        match self.directory.parent() {
            Some(mailbox) => files::sync_directory(mailbox).map_err(broken),
            None => Ok(()),
        }
    }

    /// The file that holds the message.
    pub fn message(&self, id: &QueueId) -> PathBuf {
        self.path(id, MESSAGE)
    }

    /// # Errors
    /// `Defect` if it is gone or cannot be read.
    pub fn entry(&self, id: &QueueId) -> Outcome<Entry> {
        let text = fs::read(self.path(id, ENTRY)).map_err(broken)?;
        Entry::from_json(&text).map_err(Fault::defect)
    }

    /// What became of a message since; one that was never tried has no file. What cannot be read is
    /// taken for a try of `now`, of which nothing is known.
    pub fn state(&self, id: &QueueId, now: Timestamp) -> Outcome<State> {
        match fs::read(self.path(id, STATE)) {
            Ok(text) => Ok(State::from_json(&text, now)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(broken(error)),
        }
    }

    /// Synced when this returns.
    pub fn set_state(&self, id: &QueueId, state: &State) -> Outcome<()> {
        self.replace(id, STATE, &state.to_json())
    }

    /// The message is sent, reported or unwanted: nothing of it stays.
    ///
    /// # Errors
    /// `Defect`: then it may still be there.
    pub fn remove(&self, id: &QueueId) -> Outcome<()> {
        files::remove(&self.path(id, ENTRY))?;
        // Before the state goes: an entry that came back without it would look like one never tried.
        self.sync().map_err(broken)?;
        for kind in [STATE, ORDER, MESSAGE] {
            files::remove(&self.path(id, kind))?;
        }
        Ok(())
    }

    /// Everything that was accepted and is still here, oldest first.
    pub fn survey(&self, now: Timestamp) -> Outcome<Vec<Found>> {
        let listed = self.list()?;
        let accepted = listed.iter().filter(|(_, kinds)| kinds.contains(ENTRY));
        Ok(accepted.map(|(id, _)| self.look(id, now)).collect())
    }

    /// Removes what a crash has left: messages whose client never had an answer, files half
    /// written, replies that nobody came for. For whoever sends, before it begins.
    pub fn tidy(&self) -> Outcome<()> {
        for (id, kinds) in self.list()? {
            if !kinds.contains(ENTRY) {
                self.remove(&id)?;
            }
            files::remove(&self.path(&id, REPLY))?;
        }
        for entry in self.read()? {
            if entry.extension().is_some_and(|extension| extension == DRAFT) {
                files::remove(&entry)?;
            }
        }
        Ok(())
    }

    fn look(&self, id: &QueueId, now: Timestamp) -> Found {
        let damaged = |reason: String| Found::Damaged { id: id.clone(), reason };
        let text = match fs::read(self.path(id, ENTRY)) {
            Ok(text) => text,
            Err(error) => return damaged(error.to_string()),
        };
        let entry = match Entry::from_json(&text) {
            Ok(entry) if entry.id == *id => entry,
            Ok(_) => return damaged("its file has another one's name".to_owned()),
            Err(reason) => return damaged(reason),
        };
        match fs::metadata(self.message(id)) {
            Ok(facts) if facts.len() == entry.size => {}
            Ok(facts) => {
                let (there, wanted) = (facts.len(), entry.size);
                return damaged(format!("its message has {there} octets instead of {wanted}"));
            }
            Err(_) => return damaged("its message is missing".to_owned()),
        }
        match self.state(id, now) {
            Ok(state) => Found::Whole(Box::new(entry), state),
            Err(fault) => damaged(fault.cause().to_owned()),
        }
    }

    /// The ids, and what there is of each.
    fn list(&self) -> Outcome<BTreeMap<QueueId, BTreeSet<String>>> {
        let mut listed: BTreeMap<QueueId, BTreeSet<String>> = BTreeMap::new();
        for path in self.read()? {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some((id, kind)) = name.and_then(|name| name.split_once('.')) else { continue };
            let Some(id) = QueueId::parse(id) else { continue };
            listed.entry(id).or_default().insert(kind.to_owned());
        }
        Ok(listed)
    }

    fn read(&self) -> Outcome<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(broken(error)),
        };
        entries.map(|entry| Ok(entry.map_err(broken)?.path())).collect()
    }

    fn path(&self, id: &QueueId, kind: &str) -> PathBuf {
        self.directory.join(format!("{id}.{kind}"))
    }

    fn replace(&self, id: &QueueId, kind: &str, text: &[u8]) -> Outcome<()> {
        let draft = self.path(id, &format!("{kind}.{DRAFT}"));
        let mut file = files::make_private(&draft)?;
        file.set_len(0)
            .and_then(|()| file.write_all(text))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&draft, self.path(id, kind)))
            .and_then(|()| self.sync())
            .map_err(broken)
    }

    fn sync(&self) -> std::io::Result<()> {
        files::sync_directory(&self.directory)
    }
}

impl Digest {
    /// As `Display` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

fn broken(error: std::io::Error) -> Fault {
    let fault = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Kind::QueueFull.into(),
        _ => Kind::Defect.into(),
    };
    Fault::because(fault, error).because("the queue")
}

#[cfg(test)]
mod tests;
