//! What the index knows of a message.

use serde::{Deserialize, Serialize};

use super::{Flags, ModSeq, RemoteId, RemoteVersion, Uid};

/// Seconds since 1970-01-01 UTC; the service keeps no finer time for mail (reference B.1).
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Timestamp(pub i64);

/// One message of a folder, as recorded.
#[derive(Clone, Debug)]
pub struct Row {
    pub uid: Uid,
    pub remote: RemoteId,
    /// The remote state these flags were read from, where the service told it.
    pub version: Option<RemoteVersion>,
    pub modseq: ModSeq,
    pub flags: Flags,
    /// When the message arrived: INTERNALDATE.
    pub received: Timestamp,
    /// Exact size in octets, known once the bytes were frozen.
    pub size: Option<u64>,
    /// The service's own idea of the size: never shown as RFC822.SIZE.
    pub estimate: Option<u64>,
    /// The service has it marked `\Deleted`, but that is not said of what is there now.
    pub spared: bool,
}
