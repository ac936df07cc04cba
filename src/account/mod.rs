//! One connected mailbox: its use cases, in mail's own words.
//!
//! `Account` is a handle. Reading goes to the index and the frozen bytes, and to the service only for
//! what is missing or may be stale. Writing goes to the service first; the index follows when the
//! service has confirmed (docs/ARCHITECTURE.md, invariant 5).

mod anatomy;
mod append;
mod arrivals;
mod audit;
mod body;
mod condition;
mod desk;
mod figures;
mod filing;
mod folders;
mod headers;
mod hydrate;
mod last_uses;
mod lease;
mod live;
mod lockout;
mod look;
mod missing;
mod move_out;
mod objects;
mod open;
mod outbox;
mod pages;
mod registry;
mod round;
mod spool;
mod submit;
mod sync;
mod tree;
mod turn;
mod turns;
mod upkeep;
mod values;
mod write;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::backend::Backend;
use crate::clock::Clock;
use crate::config;
use crate::mailbox::{Address, FolderId, RemoteId};
use crate::metrics::Submissions;
use crate::store::Store;

pub use crate::store::{Claim, Listed, Names, Sizes, SpoolFile, Subscription};
pub use audit::Handed;
pub use body::{Body, READ_MAX};
pub use condition::Conditional;
pub use figures::{Figures, Weighing};
pub use last_uses::LastUses;
pub use lease::{Lease, Login};
pub use lockout::LoginLimits;
pub use open::OpenFolder;
pub use outbox::{QueueFigures, SignIn};
pub use registry::{Accounts, Caller, LocalPassword, Purpose, Use};
pub use spool::SpoolWriter;
pub use submit::Order;
pub use values::{
    Accepted, Filed, FolderEntry, Limits, Meaning, Opened, Standing, Status, Summary, Transfer,
    Upload,
};

#[cfg(test)]
pub(crate) use submit::doubles;

use desk::Desk;
use hydrate::Ahead;
use live::Shelf;
use outbox::Outbox;
use submit::Submitter;
use turn::Turn;
use turns::Turns;

/// A connected mailbox: a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Account(Arc<Inner>);

/// What an account is made of.
#[derive(Debug)]
pub struct Parts {
    pub address: Address,
    pub backend: Arc<dyn Backend>,
    pub store: Store,
    pub clock: Clock,
    pub pace: Pace,
    /// The bounds of the queue.
    pub queue: config::Queue,
}

/// How often the service is asked, and how much is kept.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Between two looks at what is watched.
    pub poll: Duration,
    /// A look this young serves a command that asks for news.
    pub freshness: Duration,
    /// Between two comparisons of a folder's count with the service's.
    pub audit: Duration,
    /// Octets of message bytes kept on disk.
    pub cache_bytes: u64,
    /// Largest message taken, whatever the service takes.
    pub message_bytes: u64,
    /// Whether bytes are fetched before anyone asks.
    pub hydration: Hydration,
    /// What is shown as the size of a message whose bytes were never here.
    pub sizes: Sizes,
}

/// Whether the bytes of messages in opened folders are fetched before anyone asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hydration {
    On,
    Off,
}

/// Looks at the mailbox by the task that keeps it up to date.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Looks {
    pub good: u64,
    /// Those that met a fault.
    pub bad: u64,
}

#[derive(Debug)]
struct Inner {
    address: Address,
    backend: Arc<dyn Backend>,
    store: Store,
    clock: Clock,
    pace: Pace,
    submitter: Submitter,
    outbox: Outbox,
    submissions: Arc<Submissions>,
    filings: filing::Desk,
    /// Of messages that are being filed, by folder and size.
    filing_turns: Turns,
    tree: Turn,
    desks: Mutex<HashMap<FolderId, Arc<Desk>>>,
    shelf: Shelf,
    downloads: Mutex<HashMap<RemoteId, Weak<Semaphore>>>,
    ahead: Ahead,
    looks: watch::Sender<Looks>,
    /// Octets cached since the cache was last weighed.
    unweighed: AtomicU64,
}

impl Account {
    pub fn new(parts: Parts) -> Self {
        let Parts { address, backend, store, clock, pace, queue } = parts;
        let submitter =
            Submitter::new(Arc::clone(&backend), store.clone(), clock.clone(), address.clone());
        let ids = submitter.queued_ids();
        let outbox = Outbox::new(store.queue(), queue, clock.clone(), ids);
        Self(Arc::new(Inner {
            submitter,
            outbox,
            submissions: Arc::default(),
            address,
            backend,
            store,
            clock,
            pace,
            filings: filing::Desk::default(),
            filing_turns: Turns::default(),
            tree: Turn::default(),
            desks: Mutex::default(),
            shelf: Shelf::default(),
            downloads: Mutex::default(),
            ahead: Ahead::default(),
            looks: watch::Sender::default(),
            // The first download weighs what earlier runs have left.
            unweighed: AtomicU64::new(u64::MAX / 2),
        }))
    }

    pub fn address(&self) -> &Address {
        &self.0.address
    }

    pub fn limits(&self) -> Limits {
        let service = self.0.backend.limits();
        let ours = self.0.pace.message_bytes;
        let submission = service.submission.min(ours);
        let submission = submission.min(self.0.submitter.limit().unwrap_or(u64::MAX));
        Limits { append: service.append.min(ours), submission }
    }

    /// Messages handed in since the start, by what became of them.
    pub fn submissions(&self) -> Arc<Submissions> {
        Arc::clone(&self.0.submissions)
    }

    /// How often the mailbox was looked at; after the first good look the folder tree and the inbox
    /// are known.
    pub fn looks(&self) -> watch::Receiver<Looks> {
        self.0.looks.subscribe()
    }

    fn desk(&self, folder: FolderId) -> Arc<Desk> {
        let mut desks = self.0.desks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(desks.entry(folder).or_default())
    }
}
