//! IMAP4rev1 (RFC 3501) and the extensions the bridge speaks, seen from the server.

mod binary;
mod command;
mod date;
mod encode;
mod esearch;
mod event;
mod fetch;
mod flag;
mod formula;
mod lexer;
mod literal;
mod mailbox;
mod object_id;
mod parse;
mod response;
mod resync;
mod search;
mod set;
mod sort;
mod stream;
pub mod utf7;

pub use binary::{BinaryPart, BinarySection};
pub use command::{
    Append, Body, Command, CreateMailbox, IdField, List, ListReturn, ListSelection, MessageSet,
    Numbering, StatusItem, Store, StoreAction, StoreAnswer, Tag,
};
pub use date::{Date, DateTime, InvalidDate, Time};
pub use encode::{FetchWriter, continuation};
pub use esearch::{ESearch, End, Page, ReturnOption, Returned, Returns};
pub use event::{
    Defect, Event, FilingVerb, Limits, Line, LiteralKind, MessageLiteral, Mode, Octets,
    StreamError, Trust, Wrapping,
};
pub use fetch::{BodySection, Fetch, FetchItem, Laziness, Partial, Peek, Section, SectionText};
pub use flag::{Flag, InvalidKeyword, Keyword, SpecialUse};
pub use formula::Formula;
pub use mailbox::{InvalidMailboxName, MailboxName, NameEncoding};
pub use object_id::ObjectId;
pub use parse::{Bad, BadKind, parse, parse_with};
pub use response::{
    AnyKeyword, Code, Data, ListAttribute, ListExtended, Namespace, Progress, Reply, Status,
    StatusValue,
};
pub use resync::{ChangedSince, Expunged, QResync, Select, SelectParameter, SeqMatches};
pub use search::{Search, SearchKey};
pub use set::{InvalidSet, Ranges, SeqSet, UidSet};
pub use sort::{Direction, Forest, NodeId, Sort, SortCriterion, SortKey, Thread, Threading};
pub use stream::Stream;

pub use crate::sasl::Mechanism;
