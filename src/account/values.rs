//! What the use cases take and answer.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::OpenFolder;
use crate::mailbox::{
    Fault, Flags, FolderPath, Keyword, ModSeq, RemoteId, Role, Snapshot, Timestamp, Uid,
    UidValidity, View,
};
use crate::store::{Counts, SpoolFile};

/// Octets that one message may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To be filed (APPEND).
    pub append: u64,
    /// To be sent.
    pub submission: u64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FolderEntry {
    pub path: FolderPath,
    pub role: Option<Role>,
    pub subscribed: bool,
    pub has_children: bool,
    /// false: a subscription to a folder that is gone.
    pub exists: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    /// Of which no session has been told.
    pub recent: u32,
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

/// What FETCH can answer without reading bytes: finished texts from the index.
#[derive(Clone, Debug)]
pub struct Summary {
    pub size: u64,
    pub envelope: Bytes,
    /// BODY.
    pub structure: Bytes,
    /// BODYSTRUCTURE.
    pub body_structure: Bytes,
}

/// A message to be filed.
#[derive(Debug)]
pub struct Upload {
    pub message: SpoolFile,
    pub flags: Flags,
    /// `None`: now.
    pub received: Option<Timestamp>,
}

/// What a client means by filing a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// In the Sent folder, it may be the client's own copy of what it has just sent.
    Message,
    /// It takes the place of another one, so it is never one that is there already.
    Replacement,
}

/// Messages that were filed. Until `Account::confirm_filed`, the same messages by someone else are a
/// retry.
#[derive(Debug)]
pub struct Filed {
    pub validity: UidValidity,
    /// In the order of the messages.
    pub uids: Vec<Uid>,
    /// In the journal of filing.
    pub(super) filings: Vec<String>,
}

impl Filed {
    /// By which the journal knows them.
    pub fn names(&self) -> &[String] {
        &self.filings
    }
}

/// The outcome of COPY or MOVE.
#[derive(Debug)]
pub struct Transfer {
    /// Of the target folder.
    pub validity: UidValidity,
    /// Source and target, by source ascending.
    pub pairs: Vec<(Uid, Uid)>,
    /// What stayed where it was, and why.
    pub failed: Vec<(Uid, Fault)>,
}

/// Whether the service has a message that was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    Sent,
    /// It is kept, and goes out as soon as the service takes it.
    Queued,
}

/// A submission that the service or the queue has taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Names the submission in the log and in the answer to the client.
    pub id: String,
    pub sent_copy: Option<RemoteId>,
    pub standing: Standing,
}

impl From<&Counts> for Status {
    fn from(counts: &Counts) -> Self {
        Self {
            messages: counts.messages,
            unseen: counts.unseen,
            deleted: counts.deleted,
            recent: counts.recent,
            next: counts.next,
            validity: counts.validity,
            highest: counts.highest,
        }
    }
}

impl Status {
    /// `recent`: what no session has been told of yet.
    pub(super) fn of(snapshot: &Snapshot, recent: Option<&RangeInclusive<Uid>>) -> Self {
        let tally = snapshot.tally();
        let recent = recent.map_or(0, |recent| snapshot.count_within(recent));
        Self {
            messages: tally.messages,
            unseen: tally.unseen,
            deleted: tally.deleted,
            recent,
            next: snapshot.next(),
            validity: snapshot.validity(),
            highest: snapshot.through(),
        }
    }
}
