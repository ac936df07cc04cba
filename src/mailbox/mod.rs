//! The domain: folders, messages, flags, changes and faults, in mail's own words.
//!
//! Pure: no sockets, no SQL, no HTTP, no protocol syntax. Nothing here can fail for outside reasons.

pub mod change;
pub mod escape;
pub mod fault;
pub mod flags;
pub mod folder;
pub mod ids;
pub mod message;
pub mod snapshot;
pub mod submission;
pub mod view;

pub use change::{Change, Changes, Memory};
pub use fault::{Fault, Kind, Outcome};
pub use flags::{FlagEdit, Flags, Keyword, SystemFlag};
pub use folder::{Folder, FolderPath, Role};
pub use ids::{Cursor, Epoch, FolderId, ModSeq, RemoteId, RemoteVersion, SeqNum, Uid, UidValidity};
pub use message::{Row, Timestamp};
pub use snapshot::{Entry, Line, Snapshot, Tally};
pub use submission::{Address, Envelope, Spooled, Submission};
pub use view::{Expunges, Notice, View};
