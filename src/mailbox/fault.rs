//! The one error that crosses layers. Outside words are chosen once, in `verdict.rs`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub type Outcome<T> = Result<T, Fault>;

/// What went wrong, with the inside cause for the log.
///
/// The cause never reaches a client: clients get the fixed sentence of the `Kind`.
#[derive(Clone)]
pub struct Fault {
    kind: Kind,
    cause: Option<Arc<str>>,
}

/// Everything that can go wrong on the way to the user's mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    AlreadyExists,
    /// Someone else holds the thing right now; trying again soon helps.
    Busy,
    /// The thing changed while we were writing it.
    Conflict,
    /// A change cursor is no longer known. Answered inside `account` by a full listing.
    CursorExpired,
    /// Our own mistake, or an answer from the service that makes no sense.
    Defect,
    Denied,
    HasChildren,
    /// A request may or may not have been carried out. Settled inside `account` or the backend by looking.
    InDoubt,
    /// Too many wrong passwords: nobody is let in by this name, or from there, for a while.
    LockedOut,
    /// No folder could come to have that name.
    Misnamed(Misnomer),
    NoSuchFolder,
    NoSuchMessage,
    /// The destination folder does not exist, so the client may create it.
    NoSuchTarget,
    NotSupported,
    OverQuota,
    /// No more messages can be kept until some of those that wait are sent.
    QueueFull,
    RecipientRefused,
    SenderRefused(By),
    /// The Microsoft sign-in has lapsed: no retry helps until a person signs in.
    SignInNeeded,
    Throttled {
        retry_after: Option<Duration>,
    },
    /// An attachment, not the message as a whole.
    PartTooLarge,
    /// The mailbox has sent as much lately as it may.
    TooMuch(Quota),
    TooLarge {
        /// Octets; 0 where the service has a limit that it does not name.
        limit: u64,
    },
    /// The message itself is refused: sending it again as it is cannot help.
    Unacceptable(Flaw),
    Unreachable,
    WrongPassword,
}

/// What a mailbox may send only so much of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quota {
    /// Within a minute.
    Messages,
    /// Within a day.
    Recipients,
}

/// Where a sender stands who may not send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    /// In the envelope.
    Envelope,
    /// In the message's From.
    Header,
    /// Nobody here objected; the service did.
    Service,
}

/// What is wrong with a new name of a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Misnomer {
    /// It begins or ends with a blank, which the service takes away.
    Blank,
    /// It holds an escape that would be spelled otherwise once the folder is there.
    Escape,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// Whatever the service has against it.
    Service,
    /// Two readers could see different fields in its header.
    Header,
    /// Two readers could see different people in To or Cc.
    Recipients,
    /// To or Cc names people to whom it was not handed in.
    Elsewhere,
    /// It goes to nobody.
    NoRecipients,
    /// It goes to more people than the service takes for one message.
    TooManyRecipients,
    /// It came by too many servers.
    Loop,
    /// It is someone else's, and was to go out once more in their name.
    Resent,
    /// Signed or encrypted, and would no longer verify or open after the change it needs.
    Sealed,
    /// One of its texts is too large for the service, and no file.
    Indivisible,
    /// Something else in it is, and can be no file either.
    Immovable,
    /// A part that would have to become a file has an encoding that nobody here knows.
    Encoding,
    /// A part that would have to be taken out, or apart, says twice what it is: two readers could take
    /// it for different things.
    Ambiguous,
    /// It has to be taken apart, and has more parts than are looked for.
    TooManyParts,
    /// Something in it is neither lines nor marked as binary.
    Binary,
}

impl Fault {
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The inside story, for the log only.
    pub fn cause(&self) -> &str {
        self.cause.as_deref().unwrap_or("")
    }

    /// Adds the inside story. It must hold no secret and no mail: codes, request ids, file names.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(match self.cause {
            Some(inner) => format!("{cause}: {inner}").into(),
            None => cause.to_string().into(),
        });
        self
    }

    pub fn defect(cause: impl fmt::Display) -> Self {
        Self::from(Kind::Defect).because(cause)
    }

    /// Whether the same request may succeed later without anyone changing anything.
    pub fn may_pass(&self) -> bool {
        matches!(
            self.kind,
            Kind::Busy
                | Kind::Conflict
                | Kind::CursorExpired
                | Kind::Defect
                | Kind::InDoubt
                | Kind::LockedOut
                | Kind::OverQuota
                | Kind::QueueFull
                | Kind::SignInNeeded
                | Kind::Throttled { .. }
                | Kind::TooMuch(_)
                | Kind::Unreachable
        )
    }

    /// Whether any other request would meet the same fault just now, whatever it asks for.
    pub fn is_general(&self) -> bool {
        matches!(
            self.kind,
            Kind::Busy | Kind::SignInNeeded | Kind::Throttled { .. } | Kind::Unreachable
        )
    }
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Self {
        Self { kind, cause: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{:?}: {cause}", self.kind),
            None => write!(f, "{:?}", self.kind),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Fault {}
