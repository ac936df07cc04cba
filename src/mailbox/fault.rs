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
    NoSuchFolder,
    NoSuchMessage,
    /// The destination folder does not exist, so the client may create it.
    NoSuchTarget,
    NotSupported,
    OverQuota,
    RecipientRefused,
    SenderRefused,
    /// The Microsoft sign-in has lapsed: no retry helps until a person signs in.
    SignInNeeded,
    Throttled {
        retry_after: Option<Duration>,
    },
    TooLarge {
        limit: u64,
    },
    /// The message itself is refused (unreadable MIME, no recipients): sending it again cannot help.
    Unacceptable,
    Unreachable,
    WrongPassword,
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
                | Kind::SignInNeeded
                | Kind::Throttled { .. }
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
