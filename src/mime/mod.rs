//! Understanding the bytes of one message: where its parts lie and how IMAP describes them.
//!
//! Bytes go into a [`Scanner`] in chunks of any size and come out as an [`Outline`], a tree of byte ranges.
//! Everything else reads the outline: [`envelope()`] and [`structure()`] give finished IMAP text,
//! [`locate`] answers which bytes a `BODY[section]` names. Bytes are never changed; a client gets slices of
//! what Microsoft gave us. [`look()`] searches in their decoded [`text`], [`preview()`] to show the first words, and [`Decoder`] for clients that ask
//! for a part without its transfer encoding.
//!
//! Pure: no input or output, no clock, nothing else of the bridge.

mod address;
mod collation;
mod delimiter;
mod envelope;
mod extended;
mod field;
mod heads;
mod look;
mod media;
mod message_id;
mod nstring;
mod outline;
mod preview;
mod scanner;
mod section;
mod sent;
mod sort_keys;
mod structure;
mod subject;
pub mod text;
mod transfer;

pub use envelope::envelope;
pub use field::{Keep, filter_fields};
pub use heads::Heads;
pub use look::{HELD_WHOLE, Place, Sought, look};
pub use message_id::MessageId;
pub use outline::{Content, Outline, Part, PartIndex, header_value};
pub use preview::{PREVIEW_LONGEST, PREVIEW_READ, preview, preview_parts};
pub use scanner::Scanner;
pub use section::{Encoded, Located, Path, Section, encoded, locate};
pub use sort_keys::SortKeys;
pub use structure::{Edition, Form, has_editions, structure};
pub use subject::Standing;
pub use transfer::{Decoder, Transfer, is_binary};

/// Header octets kept in one outline, all parts together. A header of 60 KB is rare, a digest of a thousand
/// messages has about this much; past it parts are still found, but described by defaults.
pub const HEADERS_KEPT: usize = 1024 * 1024;

/// Multiparts and messages inside one another. Real mail nests fewer than ten deep; deeper contents are shown
/// as one `TEXT/PLAIN` part with the bytes as they are.
pub const DEPTH_MAX: usize = 32;

/// Parts in one message. The part that reaches the limit is shown as `TEXT/PLAIN` and holds all that follows.
pub const PARTS_MAX: usize = 10_000;

/// The longest boundary looked for. RFC 2046 §5.1.1 allows 70 octets, RFC 5322 §2.1.1 lines of 998; a multipart
/// with a longer one is shown as `TEXT/PLAIN`.
pub const BOUNDARY_LONGEST: usize = 998;
