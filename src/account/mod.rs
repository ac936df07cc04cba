//! STUB of the use cases, for writing the front ends against. The real one replaces it at merge.
#![allow(unused_variables, clippy::todo, clippy::unused_async, clippy::allow_attributes)]

pub mod submit;

pub use submit::Accepted;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::mailbox::{
    Address, Changes, Fault, FlagEdit, Flags, FolderPath, Keyword, ModSeq, Outcome, Role, Row,
    Spooled, Submission, Timestamp, Uid, UidValidity, View,
};

/// A connected mailbox: a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Account(Arc<()>);

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest message APPEND takes.
    pub append: u64,
    /// Largest message that can be submitted.
    pub submission: u64,
}

#[derive(Clone, Debug)]
pub struct FolderEntry {
    pub path: FolderPath,
    pub role: Option<Role>,
    pub subscribed: bool,
    pub has_children: bool,
    /// false: only a level of the hierarchy or a subscription to a folder that is gone.
    pub exists: bool,
}

#[derive(Clone, Debug)]
pub struct Status {
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    pub next: Uid,
    pub validity: UidValidity,
    pub highest: ModSeq,
}

/// An opened folder with the picture to begin with.
#[derive(Debug)]
pub struct Opened {
    pub folder: OpenFolder,
    pub view: View,
    pub status: Status,
    pub first_unseen: Option<Uid>,
    /// Keywords in use in this folder.
    pub keywords: Vec<Keyword>,
    /// The mailbox lets this folder be written to.
    pub writable: bool,
}

/// A folder that a session looks at; while any clone lives, the folder is watched for changes.
#[derive(Clone, Debug)]
pub struct OpenFolder(Arc<()>);

/// Frozen bytes of one message. Holds the file open, so that eviction cannot disturb a reader.
#[derive(Clone, Debug)]
pub struct Body {
    pub size: u64,
    pub outline: Arc<crate::mime::Outline>,
    /// Finished IMAP text.
    pub envelope: Bytes,
    pub structure: Bytes,
    pub body_structure: Bytes,
}

/// What FETCH can answer without reading bytes (finished texts from the index).
#[derive(Clone, Debug)]
pub struct Summary {
    pub size: u64,
    pub envelope: Bytes,
    pub structure: Bytes,
    pub body_structure: Bytes,
}

#[derive(Clone, Debug)]
pub struct Upload {
    pub message: Spooled,
    pub flags: Flags,
    pub received: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
pub struct Appended {
    pub validity: UidValidity,
    pub uid: Uid,
}

/// The outcome of COPY or MOVE: pairs in ascending order of the source UID; what failed, with why.
#[derive(Debug)]
pub struct Transfer {
    pub validity: UidValidity,
    pub pairs: Vec<(Uid, Uid)>,
    pub failed: Vec<(Uid, Fault)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    Receive,
    Send,
}

/// A file of the spool being written; removed on drop unless `finish`ed into a `Spooled` (which is removed when its owner is done).
#[derive(Debug)]
pub struct SpoolWriter(PathBuf);

impl SpoolWriter {
    pub async fn write(&mut self, chunk: &[u8]) -> Outcome<()> {
        todo!()
    }
    pub async fn finish(self) -> Outcome<Spooled> {
        todo!()
    }
}

impl Account {
    pub fn address(&self) -> &Address {
        todo!()
    }
    pub fn limits(&self) -> Limits {
        todo!()
    }
    pub async fn spool(&self) -> Outcome<SpoolWriter> {
        todo!()
    }
    /// Every folder and every subscription to a missing one, ordered by path, INBOX first. Waits for the first listing of the tree.
    pub async fn folders(&self) -> Outcome<Vec<FolderEntry>> {
        todo!()
    }
    pub async fn subscribe(&self, path: &FolderPath, wanted: bool) -> Outcome<()> {
        todo!()
    }
    pub async fn create_folder(&self, path: &FolderPath) -> Outcome<()> {
        todo!()
    }
    pub async fn delete_folder(&self, path: &FolderPath) -> Outcome<()> {
        todo!()
    }
    pub async fn rename_folder(&self, from: &FolderPath, to: &FolderPath) -> Outcome<()> {
        todo!()
    }
    pub async fn status(&self, path: &FolderPath) -> Outcome<Status> {
        todo!()
    }
    /// Brings the folder up to date with the service first.
    pub async fn open(&self, path: &FolderPath) -> Outcome<Opened> {
        todo!()
    }
    pub async fn append(&self, path: &FolderPath, upload: Upload) -> Outcome<Appended> {
        todo!()
    }
    pub async fn submit(&self, submission: Submission) -> Outcome<Accepted> {
        todo!()
    }
    /// The client has the answer to this submission.
    pub async fn confirm(&self, accepted: &Accepted) -> Outcome<()> {
        todo!()
    }
}

impl OpenFolder {
    pub fn path(&self) -> FolderPath {
        todo!()
    }
    pub fn validity(&self) -> UidValidity {
        todo!()
    }
    /// Asks the service for changes unless that was done within the last second (NOOP, CHECK).
    pub async fn refresh(&self) -> Outcome<()> {
        todo!()
    }
    pub async fn changes(&self, since: ModSeq) -> Outcome<Changes> {
        todo!()
    }
    /// Says "look again".
    pub fn watch(&self) -> watch::Receiver<ModSeq> {
        todo!()
    }
    /// Rows of those UIDs that still exist, ascending.
    pub async fn rows(&self, uids: &[Uid]) -> Outcome<Vec<Row>> {
        todo!()
    }
    /// Finished texts and size; fetches the bytes if they were never frozen.
    pub async fn summary(&self, uid: Uid) -> Outcome<Summary> {
        todo!()
    }
    /// The bytes; fetches them if needed. `NoSuchMessage` if it vanished.
    pub async fn body(&self, uid: Uid) -> Outcome<Body> {
        todo!()
    }
    /// Per message in order of `uids`: the row as recorded after the service confirmed, or why not. Ok(None row) never.
    pub async fn edit_flags(
        &self,
        uids: &[Uid],
        edit: &FlagEdit,
    ) -> Outcome<Vec<(Uid, Outcome<Row>)>> {
        todo!()
    }
    pub async fn copy(&self, uids: &[Uid], to: &FolderPath) -> Outcome<Transfer> {
        todo!()
    }
    pub async fn relocate(&self, uids: &[Uid], to: &FolderPath) -> Outcome<Transfer> {
        todo!()
    }
    /// Removes these messages for good (EXPUNGE chooses them by `\Deleted`).
    pub async fn expunge(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Outcome<()>)>> {
        todo!()
    }
}

impl Body {
    /// Octets of the message; at most 256 KiB a call, `range` within `0..size`.
    pub async fn read(&self, range: Range<u64>) -> Outcome<Bytes> {
        todo!()
    }
}

/// All accounts of this process, found by local login.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<()>);

impl Accounts {
    /// # Errors
    /// `WrongPassword` whether or not the user exists (and in the same time).
    pub async fn log_in(&self, user: &str, password: &[u8], purpose: Purpose) -> Outcome<Account> {
        todo!()
    }
}
