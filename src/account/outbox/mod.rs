//! The durable outbox: messages that are accepted now and sent when Microsoft 365 takes them
//! (`when_unreachable = "queue"`).
//!
//! A message is on disk (`store::queue`) before anything is asked of the service and before its
//! client hears 250. One task for each mailbox (`worker.rs`) does the sending, the first try at once.
//! The client waits a little for that: it hears that its message is sent or refused if that is
//! known in time, else that it is queued. From then on the bridge answers for it: it is sent, or
//! its sender gets a report (`report.rs`), or a person drops it (`orders.rs`).

mod board;
mod filing;
mod finish;
mod orders;
mod report;
mod schedule;
mod waiting;
mod worker;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OnceCell};

use super::submit::{Earlier, Order, QueuedIds};
use super::turns::Turns;
use super::{Accepted, Account};
use crate::backend::Trail;
use crate::clock::Clock;
use crate::config::Queue as Limits;
use crate::mailbox::{Fault, Kind, Outcome};
use crate::store::queue::{Found, Routing};
use crate::store::{Digest, Entry, Naming, QueueFolder, QueueId};
use board::{Board, Facts, Phase, Progress};
use waiting::Waiting;

pub use board::QueueFigures;
pub use worker::SignIn;

/// One mailbox's outbox.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: QueueFolder,
    limits: Limits,
    clock: Clock,
    board: Mutex<Board>,
    /// Whether what earlier runs have left is on the board.
    loaded: OnceCell<()>,
    /// Something new is to be done.
    changed: Notify,
    /// Of messages that are being accepted, by what they are.
    arrivals: Turns,
    /// What the journal shall leave to the queue.
    ids: QueuedIds,
}

impl Account {
    /// Accepts a message, and waits a little for the first try.
    ///
    /// # Errors
    /// `QueueFull`; a fault that no later try can mend; `Defect` if the disk does not take it.
    pub(super) async fn submit_queued(&self, order: Order) -> (Outcome<Accepted>, Trail) {
        let began = self.0.clock.instant();
        let until = began.plus(self.0.outbox.limits.answer_within);
        match Box::pin(self.accept(order)).await {
            Ok(Taken::Waits(waiting)) => waiting.answer(until).await,
            Ok(Taken::Known(accepted)) => (Ok(accepted), Trail::default()),
            Err(fault) => (Err(fault), Trail::default()),
        }
    }

    async fn accept(&self, order: Order) -> Outcome<Taken<'_>> {
        let outbox = &self.0.outbox;
        outbox.load().await?;
        let (envelope, origin) = (order.envelope.clone(), order.origin.clone());
        let rules = std::sync::Arc::clone(&order.rules);
        // Half of the client's patience is kept for the first try.
        let patience = outbox.limits.answer_within / 2;
        let (parcel, unchecked) = self.0.submitter.prepare(order, patience).await?;
        let limit = self.limits().submission;
        if parcel.octets > limit {
            return Err(Kind::TooLarge { limit }.into());
        }
        // Like messages come one after the other: the second finds the first here or in the journal.
        let _turn = outbox.arrivals.take(parcel.key.to_string()).await;
        if let Some(waiting) = outbox.join(&parcel.key, parcel.naming) {
            tracing::info!(submission.id = %waiting.id, "a retry waits for the first one's answer");
            return Ok(Taken::Waits(waiting));
        }
        let follows = match self.0.submitter.earlier(&parcel).await? {
            Earlier::Answer(accepted) => return Ok(Taken::Known(accepted)),
            Earlier::Open(attempt) => Some(attempt),
            Earlier::Nothing => None,
        };
        let entry = Entry {
            id: outbox.fresh_id(),
            accepted: outbox.clock.now(),
            envelope,
            login: origin.login.into(),
            client: origin.peer,
            profile: origin.profile.map(Into::into),
            size: parcel.message.size,
            message_id: parcel.message_id.clone(),
            naming: parcel.naming,
            key: parcel.key,
            received: parcel.received,
            staged: parcel.staged,
            routing: Routing {
                save_to_sent: rules.save_to_sent,
                messages_per_minute: rules.messages_per_minute,
                recipients_per_day: rules.recipients_per_day,
                unchecked: unchecked.iter().map(ToString::to_string).collect(),
                follows,
            },
        };
        let waiting = outbox.reserve(&entry)?;
        let path = parcel.message.path.clone();
        outbox.write(entry, path).await?;
        Ok(Taken::Waits(waiting))
    }

    /// Lengths of the queue.
    pub fn queue_figures(&self) -> QueueFigures {
        self.0.outbox.board().figures()
    }
}

/// What became of a message that was handed over.
enum Taken<'a> {
    Waits(Waiting<'a>),
    /// It is a retry, and its first one's answer is known.
    Known(Accepted),
}

impl Outbox {
    pub(super) fn new(queue: QueueFolder, limits: Limits, clock: Clock, ids: QueuedIds) -> Self {
        Self {
            queue,
            limits,
            clock,
            board: Mutex::default(),
            loaded: OnceCell::new(),
            changed: Notify::new(),
            arrivals: Turns::default(),
            ids,
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what earlier runs have left, once. Nothing may be accepted, and no attempt in the journal
    /// settled, before that.
    pub(super) async fn load(&self) -> Outcome<()> {
        let loading = async || {
            let (now, queue) = (self.clock.now(), self.queue.clone());
            let found = blocking(move || {
                queue.tidy()?;
                queue.survey(now)
            });
            let found = found.await?;
            let mut board = self.board();
            for found in found {
                match found {
                    Found::Whole(entry, state) => {
                        self.ids.add(entry.id.as_str());
                        board.restore(entry.id.clone(), Facts::of(&entry), state);
                    }
                    Found::Damaged { id, reason } => {
                        tracing::error!(submission.id = %id, reason, "a queued message cannot be read; it is kept");
                        self.ids.add(id.as_str());
                        board.note_damaged(id);
                    }
                }
            }
            Ok(())
        };
        self.loaded.get_or_try_init(loading).await.copied()
    }

    fn fresh_id(&self) -> QueueId {
        loop {
            let id = QueueId::new(self.clock.now());
            // A name that is taken would cost the other message its files.
            if !self.board().has(&id) {
                return id;
            }
        }
    }

    fn join(&self, key: &Digest, naming: Naming) -> Option<Waiting<'_>> {
        let (id, progress) = self.board().join(*key, naming)?;
        Some(Waiting { outbox: self, id, progress })
    }

    fn reserve(&self, entry: &Entry) -> Outcome<Waiting<'_>> {
        let progress = self.board().reserve(&entry.id, Facts::of(entry), &self.limits)?;
        self.ids.add(entry.id.as_str());
        Ok(Waiting { outbox: self, id: entry.id.clone(), progress })
    }

    /// Puts a message on disk, then on the list of what is to be sent. Once begun it goes on to its
    /// end, whatever becomes of the client's connection.
    async fn write(&self, entry: Entry, path: std::path::PathBuf) -> Outcome<()> {
        let (queue, id) = (self.queue.clone(), entry.id.clone());
        let arrival = Arrival { outbox: self, id: &id };
        blocking(move || queue.accept(&path, &entry)).await?;
        arrival.arrived();
        Ok(())
    }

    /// The client knows that its message is queued.
    pub(super) fn confirm(&self, id: &str) {
        let Some(id) = QueueId::parse(id) else { return };
        if let Some(slot) = self.board().slot(&id) {
            slot.state.confirmed = true;
            slot.unsaved = true;
            self.changed.notify_one();
        }
    }

    /// A message is sent, reported or dropped, and its files are gone.
    fn forget(&self, id: &QueueId) {
        self.board().remove(id);
        self.ids.remove(id.as_str());
    }
}

/// A message that is on its way to the disk.
struct Arrival<'a> {
    outbox: &'a Outbox,
    id: &'a QueueId,
}

impl Arrival<'_> {
    fn arrived(self) {
        if let Some(slot) = self.outbox.board().slot(self.id) {
            slot.phase = Phase::Idle;
        }
        self.outbox.changed.notify_one();
    }
}

impl Drop for Arrival<'_> {
    /// It was not taken. If the writing goes on behind our back, the next start finds the message.
    fn drop(&mut self) {
        let mut board = self.outbox.board();
        if board.slot(self.id).is_some_and(|slot| slot.phase == Phase::Arriving) {
            let fault = Fault::defect("the message could not be queued");
            board.tell(self.id, Progress::Refused(fault, Trail::default()));
            board.remove(self.id);
            drop(board);
            self.outbox.ids.remove(self.id.as_str());
        }
    }
}

impl Facts {
    fn of(entry: &Entry) -> Self {
        Self { accepted: entry.accepted, size: entry.size, key: entry.key }
    }
}

/// Work on files.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let working = tokio::task::spawn_blocking(work);
    working.await.map_err(|_| Fault::defect("work on the queue broke off"))?
}
