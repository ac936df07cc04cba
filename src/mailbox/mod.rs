//! The domain: folders, messages, flags, changes and faults, in mail's own words.
//!
//! Pure: no sockets, no SQL, no HTTP, no protocol syntax. Nothing here can fail for outside reasons.

pub mod anatomy;
pub mod change;
pub mod escape;
pub mod fault;
pub mod flags;
pub mod folder;
pub mod ids;
pub mod message;
pub mod object;
pub mod snapshot;
pub mod submission;
pub mod view;

pub use anatomy::{Anatomy, Leaf, Place};
pub use change::{Change, Changes, Memory};
pub use fault::{By, Fault, Flaw, Kind, Misnomer, Outcome, Quota};
pub use flags::{FlagEdit, Flags, Keyword, SystemFlag};
pub use folder::{Folder, FolderPath, Role};
pub use ids::{Cursor, Epoch, FolderId, ModSeq, RemoteId, RemoteVersion, SeqNum, Uid, UidValidity};
pub use message::{Row, Timestamp};
pub use object::ObjectId;
pub use snapshot::{Entry, Line, Snapshot, Tally};
pub use submission::{
    Address, Envelope, Octets, Origin, Recipient, ReportOn, Reports, Returned, SenderBy, Spooled,
};
pub use view::{Expunges, Notice, View};
