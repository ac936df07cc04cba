//! The one thread that writes and the few connections that read.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::schema;
use super::watching::{News, Watching};
use crate::mailbox::{Epoch, Fault, Kind, Outcome, Timestamp};

/// Jobs that wait for the writer before callers have to: enough to keep it busy, few enough that
/// nobody queues for long.
const QUEUE: usize = 64;

/// Snapshots that are read at the same time: two for each core of a small machine.
const READERS: usize = 4;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: watch::Receiver<()>,
    epochs: Arc<AtomicU64>,
    watching: Arc<Watching>,
}

/// One write transaction and what it will have changed.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) news: News,
    pub(super) now: Timestamp,
    epochs: &'a AtomicU64,
    stamped: bool,
}

#[derive(Debug)]
pub(super) struct Readers {
    index: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

// === impl Writer ===

impl Writer {
    /// Starts the thread. It holds `lock` until it ends.
    pub(super) fn start(
        connection: Connection,
        lock: File,
        epochs: Arc<AtomicU64>,
        watching: Arc<Watching>,
    ) -> Outcome<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (alive, ended) = watch::channel(());
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                run(connection, jobs);
                drop(lock);
                drop(alive);
            })
            .map_err(Fault::defect)?;
        let queue = Mutex::new(Some(queue));
        Ok(Self { queue, thread: Mutex::new(Some(thread)), ended, epochs, watching })
    }

    /// Runs `work` in one transaction: committed and synced if it answers `Ok`, else undone. It runs
    /// to its end even if the caller stops waiting.
    ///
    /// # Errors
    /// Those of `work`; `Busy` if the store is closed; `Defect` if SQLite fails.
    pub(super) async fn write<T, F>(&self, now: Timestamp, work: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writing<'_>) -> Outcome<T> + Send + 'static,
    {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        let (epochs, watching) = (Arc::clone(&self.epochs), Arc::clone(&self.watching));
        let job: Job = Box::new(move |connection| {
            let outcome = transact(connection, now, &epochs, work).map(|(value, news)| {
                watching.publish(&news);
                value
            });
            let _ = answer.send(outcome); // The caller may have stopped waiting.
        });
        queue.send(job).await.map_err(|_| closed())?;
        drop(queue);
        answered.await.map_err(|_| Fault::defect("a write to the index broke off"))?
    }

    /// Lets the thread finish what is queued, and waits for its end.
    pub(super) async fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut ended = self.ended.clone();
        // An error is the news: the sender is gone, and with it the thread.
        while ended.changed().await.is_ok() {}
    }
}

/// Waits, so that the index is at rest and unlocked once the last handle is gone.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.blocking_recv() {
        // A panic is a defect of one job; its transaction is undone and its caller is told.
        if catch_unwind(AssertUnwindSafe(|| job(&mut connection))).is_err() {
            tracing::error!(event = "store.write.panic", "a write to the index panicked");
        }
    }
}

fn transact<T>(
    connection: &mut Connection,
    now: Timestamp,
    epochs: &AtomicU64,
    work: impl FnOnce(&mut Writing<'_>) -> Outcome<T>,
) -> Outcome<(T, News)> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut writing =
        Writing { transaction: &transaction, news: News::default(), now, epochs, stamped: false };
    let value = work(&mut writing)?;
    writing.record_epoch()?;
    let news = writing.news;
    transaction.commit()?;
    Ok((value, news))
}

fn closed() -> Fault {
    Fault::from(Kind::Busy).because("the store is closed")
}

// === impl Writing ===

impl Writing<'_> {
    /// An epoch later than every question asked so far.
    pub(super) fn tick(&mut self) -> Epoch {
        self.stamped = true;
        Epoch::new(self.epochs.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn record_epoch(&self) -> Outcome<()> {
        if !self.stamped {
            return Ok(());
        }
        let epoch = self.epochs.load(Ordering::SeqCst);
        let sql = "INSERT INTO meta (key, value) VALUES ('epoch', ?1)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.transaction
            .prepare_cached(sql)?
            .execute([i64::try_from(epoch).unwrap_or(i64::MAX)])?;
        Ok(())
    }
}

// === impl Readers ===

impl Readers {
    pub(super) fn new(index: PathBuf) -> Self {
        Self { index, permits: Arc::new(Semaphore::new(READERS)), idle: Arc::default() }
    }

    /// Runs `work` on one snapshot of the index.
    pub(super) async fn read<T, F>(&self, work: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let (index, idle) = (self.index.clone(), Arc::clone(&self.idle));
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match pooled {
                Some(connection) => connection,
                None => schema::open_reader(&index)?,
            };
            let transaction = connection.transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(value)
        });
        reading.await.map_err(|_| Fault::defect("a read of the index broke off"))?
    }

    /// Waits for the readers under way and lets no other begin.
    pub(super) async fn close(&self) {
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        let _all = self.permits.acquire_many(all).await;
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
