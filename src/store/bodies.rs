//! Frozen bytes: what was once served for a UID stays what it was (RFC 3501 §2.3.1.1).
//!
//! A body is keyed by the remote id and, for drafts, the version it was read at, so a message that
//! moves keeps its bytes and a draft that was edited elsewhere does not.

use std::fmt;
use std::path::PathBuf;

use super::{BlobHash, Incoming, SpoolFile, Store};
use crate::mailbox::{FolderId, Outcome, Row, Uid};

/// What the bytes say, finished for the wire; opaque here.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Texts {
    /// The serialised MIME outline.
    pub outline: Vec<u8>,
    /// ENVELOPE.
    pub envelope: Vec<u8>,
    /// BODYSTRUCTURE.
    pub structure: Vec<u8>,
    /// BODY.
    pub body: Vec<u8>,
}

/// The record of a message's bytes. It outlives the bytes themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Body {
    /// Octets.
    pub size: u64,
    pub hash: BlobHash,
    pub texts: Texts,
}

/// What a freeze came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freezing {
    /// The first bytes of this message.
    First,
    /// The same bytes as before, which had been evicted.
    Restored,
    /// Other bytes are there already, and they stay.
    Kept,
    /// The old bytes were evicted and the service now makes others of the same message: to be counted.
    Regenerated,
}

#[derive(Clone, Debug)]
pub struct Frozen {
    /// What is true now: the given body, or the one that was there before.
    pub body: Body,
    pub freezing: Freezing,
    /// The file that holds the bytes.
    pub path: PathBuf,
}

impl Store {
    /// Takes `file` as the bytes of this message, unless it has some already.
    ///
    /// # Errors
    /// `NoSuchMessage` if the row has gone meanwhile.
    pub async fn freeze(
        &self,
        folder: FolderId,
        uid: Uid,
        file: SpoolFile,
        texts: Texts,
    ) -> Outcome<Frozen> {
        todo!()
    }

    /// Takes `file` as the bytes of a message that a client filed, before `Applied::Added` announces
    /// it. Such bytes are not evicted: the service may not be able to give them back.
    pub async fn adopt(
        &self,
        incoming: &Incoming,
        file: SpoolFile,
        texts: Texts,
    ) -> Outcome<Frozen> {
        todo!()
    }

    /// The record of a message's bytes, if they were ever frozen.
    pub async fn body(&self, folder: FolderId, uid: Uid) -> Outcome<Option<Body>> {
        todo!()
    }

    /// The records of many; what has none, or is not there, is left out.
    pub async fn bodies(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<(Uid, Body)>> {
        todo!()
    }

    /// The file with these bytes, if it is still there. It may be evicted before it is opened:
    /// then fetch again.
    pub async fn blob(&self, hash: &BlobHash) -> Outcome<Option<PathBuf>> {
        todo!()
    }

    /// Up to `limit` messages that were never frozen, newest first.
    pub async fn unfrozen(&self, folder: FolderId, limit: u32) -> Outcome<Vec<Row>> {
        todo!()
    }

    /// Octets in all blobs.
    pub async fn cached_bytes(&self) -> Outcome<u64> {
        todo!()
    }

    /// Drops the blobs used longest ago until at most `max_bytes` are left; answers the octets freed.
    pub async fn evict(&self, max_bytes: u64) -> Outcome<u64> {
        todo!()
    }
}

/// Texts are mail, so logs see only their lengths.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total =
            self.outline.len() + self.envelope.len() + self.structure.len() + self.body.len();
        write!(f, "Texts({total} bytes)")
    }
}
