//! The one seam between the bridge and Microsoft. Nothing above it knows Graph from EWS, and no
//! protocol word is in it.
//!
//! Reads answer one page at a time: the caller owns pacing and keeps the cursor. Writes take batches
//! and answer per item, since the services fail partially. A write that comes back `Ok` was confirmed
//! by the service; a backend settles doubts (a connection cut after the work was done) by looking
//! before it answers, and says `Kind::InDoubt` only if it could not look.

use std::fmt;

use async_trait::async_trait;

pub mod graph;

pub use crate::http::{Trail, Urgency};
use crate::mailbox::{
    Address, Anatomy, Cursor, FlagEdit, Flags, Kind, Leaf, ObjectId, Outcome, RemoteId,
    RemoteVersion, Role, Spooled, Timestamp,
};

/// The largest message, in octets, that a service takes from any mailbox whatsoever.
pub const LARGEST_MESSAGE: u64 = graph::LARGEST_TENANT;

/// What the service can do in one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest message that `append` takes, in octets.
    pub append: u64,
    /// Largest message that can be sent, in octets.
    pub submission: u64,
    /// Largest message that `stage` takes, in octets: what is larger is sent in parts.
    pub stage: u64,
    /// What it takes for certain, should it refuse as much.
    pub stage_surely: u64,
    /// Largest part that `complete` adds, in octets of its content.
    pub part: u64,
}

/// What the sign-in allows, as far as is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rights {
    pub writing: Writing,
    pub sending: Sending,
}

/// Whether mail may be changed and filed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Writing {
    Allowed,
    Refused,
}

/// How a message goes out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sending {
    /// Through a draft: what became of it can be found out.
    Staged,
    /// In one request, since drafts may not be made: what became of it cannot be found out.
    AtOnce,
}

#[derive(Clone, Debug)]
pub struct RemoteFolder {
    pub id: RemoteId,
    /// `None` directly below the mailbox's root.
    pub parent: Option<RemoteId>,
    pub name: String,
    pub role: Option<Role>,
    /// How many items the service says are inside, where it says so.
    pub total: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct RemoteMessage {
    pub id: RemoteId,
    pub folder: RemoteId,
    pub version: Option<RemoteVersion>,
    pub flags: Flags,
    pub received: Timestamp,
    /// The service's own idea of the size.
    pub estimate: Option<u64>,
    /// The name of its conversation, where the service told it.
    pub thread: Option<ObjectId>,
}

/// The header of a message, without the message.
#[derive(Clone)]
pub struct RemoteHeader {
    pub message: RemoteId,
    /// As it was received, ended by its blank line. `None`: the service keeps none.
    pub header: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub struct RemoteHeaders {
    pub list: Vec<RemoteHeader>,
    /// Where to go on, if there is more.
    pub next: Option<Cursor>,
}

/// Headers are mail, so logs see only their length.
impl fmt::Debug for RemoteHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteHeader({} bytes)", self.header.as_ref().map_or(0, Vec::len))
    }
}

#[derive(Clone, Debug)]
pub enum RemoteChange<T> {
    Upsert(T),
    /// Something changed that this answer does not tell in full: look it up.
    Touched(RemoteId),
    /// Left the folder, or so the service says (reference B.6.4: a hint, to be verified for messages).
    Gone(RemoteId),
}

#[derive(Clone, Debug)]
pub struct Page<T> {
    pub changes: Vec<RemoteChange<T>>,
    /// Where to go on: the next page while `more`, the next round after.
    pub cursor: Cursor,
    pub more: bool,
}

/// One thing to ask about in a poll.
#[derive(Clone, Debug)]
pub enum Watch {
    Folders(Cursor),
    Messages { folder: RemoteId, since: Cursor },
}

#[derive(Clone, Debug)]
pub enum Seen {
    Folders(Page<RemoteFolder>),
    Messages(Page<RemoteMessage>),
}

/// What a flag edit may be applied to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Base {
    /// Whatever flags the message has by then.
    Present,
    /// Only the flags that are known; else `Conflict`.
    Known,
}

/// A flag edit for one message, with what the index knows of it: an edit that leaves nothing to
/// change by that knowledge is answered with it, and costs no request.
#[derive(Clone, Debug)]
pub struct FlagWrite {
    pub known: RemoteMessage,
    pub edit: FlagEdit,
    pub base: Base,
}

/// A message to be filed as it is (IMAP APPEND).
#[derive(Clone, Debug)]
pub struct Upload {
    pub message: Spooled,
    pub flags: Flags,
    /// `None`: now.
    pub received: Option<Timestamp>,
    pub mark: Mark,
    /// Of a message that may be too large for one request.
    pub anatomy: Option<Anatomy>,
}

/// How a filed message is found again if the answer to its filing was lost.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Unique; the item carries it where it can.
    pub tag: String,
    /// When it was first tried.
    pub since: Timestamp,
}

/// What `stage` came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Staged {
    Draft(RemoteId),
    /// The service says that all is well, in words that name no draft: there may be one, or nothing was
    /// done, which is how some say that a message is too large.
    Unnamed,
}

/// The messages that bear a certain Message-ID.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    pub drafts: Vec<Traced>,
    /// Copies in the folder of sent mail.
    pub sent: Vec<Traced>,
}

#[derive(Clone, Debug)]
pub struct Traced {
    pub id: RemoteId,
    /// By our clock.
    pub created: Timestamp,
}

#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    fn limits(&self) -> Limits;

    /// Changes with each sign-in.
    fn rights(&self) -> Rights {
        Rights { writing: Writing::Allowed, sending: Sending::Staged }
    }

    /// One page of the folder tree: whole from the start, or what changed since `since`.
    /// Search folders and folders that hold no mail are left out.
    ///
    /// # Errors
    /// `CursorExpired` if `since` is no longer known.
    async fn folders(
        &self,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteFolder>>;

    /// The present state of folders, wherever they hang. `NoSuchFolder` for what is gone or hidden, and for
    /// the mailbox's roots.
    async fn look_up_folders(
        &self,
        folders: &[RemoteId],
        urgency: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteFolder>>>;

    /// One page of a folder's messages: whole from the start, or what changed since `since`.
    /// No order is promised; the same message may come twice (the last one counts).
    ///
    /// # Errors
    /// `CursorExpired` if `since` is no longer known; `NoSuchFolder`.
    async fn changes(
        &self,
        folder: &RemoteId,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteMessage>>;

    /// One page of what a folder holds right now, without a change cursor. `Page::cursor` only leads
    /// to the next page. Every entry is an `Upsert`.
    async fn listing(
        &self,
        folder: &RemoteId,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteMessage>>;

    /// Asks about many cursors in one request: at most 20.
    async fn poll(&self, watches: &[Watch]) -> Outcome<Vec<Outcome<Seen>>>;

    /// How many items a folder holds, by the service's count.
    async fn count(&self, folder: &RemoteId, urgency: Urgency) -> Outcome<u64>;

    /// The present state of messages, wherever they are. `NoSuchMessage` for what is gone.
    async fn look_up(
        &self,
        messages: &[RemoteId],
        urgency: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>>;

    /// One page of the headers of what arrived in a folder at `from` or later, in the order of arrival.
    ///
    /// # Errors
    /// `NotSupported` where headers come with their messages only.
    async fn headers(
        &self,
        folder: &RemoteId,
        from: Timestamp,
        next: Option<&Cursor>,
    ) -> Outcome<RemoteHeaders> {
        let _ = (folder, from, next);
        Err(Kind::NotSupported.into())
    }

    /// Writes the message's bytes into `file` (created or emptied) and answers their number.
    /// Nothing but message bytes ever gets there: an error answer is a `Fault`.
    async fn fetch(
        &self,
        message: &RemoteId,
        file: &std::path::Path,
        urgency: Urgency,
    ) -> Outcome<u64>;

    async fn write_flags(&self, writes: &[FlagWrite]) -> Outcome<Vec<Outcome<RemoteMessage>>>;

    /// Files a message; the folder's role decides how (only drafts may look like drafts).
    ///
    /// # Errors
    /// `NoSuchTarget`, `TooLarge`, `OverQuota`, `Unacceptable`: it is not there. `InDoubt`: it may be;
    /// `recover` tells.
    async fn append(&self, folder: &RemoteFolderRef, upload: &Upload) -> Outcome<RemoteMessage>;

    /// The message that an `append` in doubt has made, if it is there, finished. `others` are known to
    /// be something else.
    async fn recover(
        &self,
        folder: &RemoteFolderRef,
        upload: &Upload,
        others: &[RemoteId],
    ) -> Outcome<Option<RemoteMessage>>;

    /// Copies; each item answers with the copy. What the service does not tell of it is as it is
    /// known of the message.
    async fn copy(
        &self,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>>;

    /// Moves; each item answers with the message at its new place, as `copy` does.
    async fn relocate(
        &self,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>>;

    /// Deletes. What is gone already counts as done.
    async fn destroy(&self, messages: &[RemoteId]) -> Outcome<Vec<Outcome<()>>>;

    async fn create_folder(&self, parent: Option<&RemoteId>, name: &str) -> Outcome<RemoteFolder>;

    /// Renames, moves, or both. The two steps are not atomic at the service; a half-done one is
    /// undone if possible, and reported as a fault.
    async fn rename_folder(
        &self,
        folder: &RemoteFolderRef,
        parent: Option<&RemoteId>,
        name: &str,
    ) -> Outcome<RemoteFolder>;

    async fn delete_folder(&self, folder: &RemoteId) -> Outcome<()>;

    /// The addresses that this mailbox may send from: its own first.
    async fn addresses(&self) -> Outcome<Vec<Address>>;

    /// Puts a message that is about to be sent into the mailbox, as a draft with exactly these bytes. Asks
    /// once: what became of it is for the caller to find out.
    ///
    /// # Errors
    /// `InDoubt` if it may be there or come to be there (`trace` finds it), `TooLarge`, `Unacceptable`, `OverQuota`.
    async fn stage(&self, message: &Spooled) -> Outcome<Staged>;

    /// Adds parts of `message` to a staged one that lacks them, as attachments, in this order.
    ///
    /// # Errors
    /// Then it is fit for nothing but `unstage`. `InDoubt`: one of them may be added later still.
    async fn complete(&self, staged: &RemoteId, message: &Spooled, parts: &[Leaf]) -> Outcome<()> {
        let _ = (staged, message, parts);
        Err(Kind::NotSupported.into())
    }

    /// Asks for a report when a staged message is delivered. What cannot be asked for is let be.
    ///
    /// # Errors
    /// If it could not be asked now.
    async fn ask_for_receipt(&self, staged: &RemoteId) -> Outcome<()> {
        let _ = staged;
        Ok(())
    }

    /// Sends a staged message to the recipients that its header names.
    ///
    /// # Errors
    /// `InDoubt` if it may have been sent (`trace` tells), `SenderRefused`, `RecipientRefused`.
    async fn dispatch(&self, staged: &RemoteId) -> Outcome<()>;

    /// Whether a staged message was taken to be sent and has not left yet, where the service shows that.
    async fn is_leaving(&self, staged: &RemoteId) -> Outcome<bool> {
        let _ = staged;
        Ok(false)
    }

    /// Sends a message in one request, to the recipients that its header names: for a sign-in that
    /// may send and nothing else.
    ///
    /// # Errors
    /// `InDoubt` if it may have been sent, and nobody can tell; `SenderRefused`, `RecipientRefused`.
    async fn send_at_once(&self, message: &Spooled) -> Outcome<()> {
        let _ = message;
        Err(Kind::NotSupported.into())
    }

    /// Takes back a staged message that shall not be sent.
    async fn unstage(&self, staged: &RemoteId) -> Outcome<()>;

    /// Looks for messages by their Message-ID header field (angle brackets included), among drafts
    /// and sent copies made at `since` or later.
    async fn trace(&self, message_id: &str, since: Timestamp) -> Outcome<Traces>;
}

/// A folder as a write names it.
#[derive(Clone, Debug)]
pub struct RemoteFolderRef {
    pub id: RemoteId,
    pub parent: Option<RemoteId>,
    pub name: String,
    pub role: Option<Role>,
}
