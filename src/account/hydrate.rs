//! Fetching the bytes of messages before anyone asks, so that sizes are known and reading is quick.
//!
//! Newest first, one message at a time, and only in folders that a client has opened. Everyone else goes
//! first: requests of this kind are the last in the queue and give way while they are under way
//! (`Urgency::Prefetch`), and none begins before a look at the mailbox has gone well.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Account;
use crate::backend::Urgency;
use crate::mailbox::{Fault, Folder, FolderId, Kind, ModSeq, Outcome, RemoteId, Row, Uid};

/// Between two downloads: a quarter of the 10,000 requests in ten minutes that the service allows
/// (reference B.12).
const STEP: Duration = Duration::from_millis(250);

/// Rows read from the index at a time.
const BATCH: u32 = 50;

/// One of so many shares of the cache stays free for what clients ask for.
const SPARED_SHARES: u64 = 8;

/// What a message without an estimate is taken for, in octets.
const USUAL_SIZE: u64 = 100 * 1024;

/// How often one message gives way before it is left to who asks for it: a large one might never come
/// through between two polls.
const GIVEN_WAY_MAX: u8 = 2;

/// Faults in a row that end a round: they are hardly the messages' own.
const FAULTS_MAX: u32 = 3;

/// The most looks that are sat out after rounds that ended in faults.
const REST_MAX: u32 = 32;

/// Messages remembered as not to be had.
const PASSED_OVER_MAX: usize = 10_000;

/// The message that was fetched last ahead of need, or still is.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<Option<(RemoteId, CancellationToken)>>);

/// How far each folder has come.
#[derive(Debug, Default)]
struct Progress {
    places: HashMap<FolderId, Place>,
    /// Not to be had this way; a client that asks tries anew.
    passed_over: HashSet<RemoteId>,
    given_way: HashMap<RemoteId, u8>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// News after this begin the walk again.
    through: ModSeq,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Newest,
    Below(Uid),
    /// All bytes were had, or cannot be.
    Done,
}

/// How a step or a round of them ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ended {
    Done,
    /// What comes in now would be evicted, or evict what clients asked for.
    Full,
}

impl Account {
    /// Fetches ahead of need until dropped.
    pub(super) async fn hydrate(&self) {
        let mut looks = self.looks();
        let mut progress = Progress::default();
        let (mut good, mut faults, mut rest) = (0, 0_u32, 0_u32);
        while looks.changed().await.is_ok() {
            let now = looks.borrow_and_update().good;
            if now == std::mem::replace(&mut good, now) {
                continue;
            }
            if rest > 0 {
                rest -= 1;
                continue;
            }
            match self.hydrate_round(&mut progress).await {
                Ok(()) => faults = 0,
                Err(fault) => {
                    tracing::info!(account = %self.0.address, %fault, "fetching ahead rests a while");
                    faults += 1;
                    rest = 1_u32.checked_shl(faults).unwrap_or(REST_MAX).min(REST_MAX);
                }
            }
        }
    }

    /// Goes on until all opened folders are done or there is no more room.
    async fn hydrate_round(&self, progress: &mut Progress) -> Outcome<()> {
        while let Some(folder) = self.next_to_hydrate(progress).await? {
            if self.hydrate_batch(&folder, progress).await? == Ended::Full {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The folder opened last of those in which there is something to do.
    async fn next_to_hydrate(&self, progress: &mut Progress) -> Outcome<Option<Folder>> {
        for id in self.opened_folders() {
            let Some(folder) = self.0.store.folder(id).await? else { continue };
            let anew = Place { through: folder.highest, next: Next::Newest };
            let place = progress.places.entry(id).or_insert(anew);
            if place.through < folder.highest {
                *place = anew;
            }
            if !matches!(place.next, Next::Done) {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }

    async fn hydrate_batch(&self, folder: &Folder, progress: &mut Progress) -> Outcome<Ended> {
        let below = match progress.places.get(&folder.id).map(|place| place.next) {
            Some(Next::Below(uid)) => Some(uid),
            _ => None,
        };
        let rows = self.0.store.unfrozen(folder.id, below, BATCH).await?;
        let next = rows.last().map_or(Next::Done, |row| Next::Below(row.uid));
        let mut room = self.room().await?;
        let mut faults = 0;
        for row in &rows {
            if progress.passed_over.contains(&row.remote) {
                continue;
            }
            let size = row.estimate.unwrap_or(USUAL_SIZE);
            if size > room {
                return Ok(Ended::Full);
            }
            room -= size;
            match self.hydrate_one(folder, row).await {
                Ok(()) => faults = 0,
                Err(fault) => {
                    faults += 1;
                    progress.note(row, &fault);
                    if ends_round(&fault) || faults == FAULTS_MAX {
                        return Err(fault);
                    }
                }
            }
            self.0.clock.sleep(STEP).await;
        }
        if let Some(place) = progress.places.get_mut(&folder.id) {
            place.next = next;
        }
        Ok(Ended::Done)
    }

    /// One message, unless a client fetches it, or comes to want it meanwhile: then the client's own request
    /// is the quicker one.
    async fn hydrate_one(&self, folder: &Folder, row: &Row) -> Outcome<()> {
        self.desk(folder.id).arrivals.settled(row.uid).await;
        let turn = self.download_turn(&row.remote);
        // Named before its turn: a client that finds the turn taken knows by whom.
        let left = self.0.ahead.begin(&row.remote);
        let Ok(_permit) = turn.try_acquire() else { return Ok(()) };
        if self.0.store.body(folder.id, row.uid).await?.is_some() {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = left.cancelled() => Ok(()),
            fetched = self.bring(folder, row, Urgency::Prefetch) => fetched,
        }
    }

    /// Octets that may still come in.
    async fn room(&self) -> Outcome<u64> {
        let limit = self.0.pace.cache_bytes;
        let used = self.0.store.cached_bytes().await?;
        Ok((limit - limit / SPARED_SHARES).saturating_sub(used))
    }

    fn opened_folders(&self) -> Vec<FolderId> {
        let desks = self.0.desks.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = desks.iter().filter_map(|(id, desk)| Some((desk.opened()?, *id)));
        let mut opened: Vec<_> = opened.collect();
        drop(desks);
        opened.sort_unstable_by(|a, b| b.cmp(a));
        opened.into_iter().map(|(_, id)| id).collect()
    }
}

/// Whether the next message would meet the same. `Busy` is one that gave way.
fn ends_round(fault: &Fault) -> bool {
    fault.is_general() && *fault.kind() != Kind::Busy
}

// === impl Progress ===

impl Progress {
    fn note(&mut self, row: &Row, fault: &Fault) {
        if ends_round(fault) {
            return;
        }
        if self.passed_over.len() >= PASSED_OVER_MAX || self.given_way.len() >= PASSED_OVER_MAX {
            *self = Self::default();
        }
        let times = self.given_way.entry(row.remote.clone()).or_default();
        *times += 1;
        if *fault.kind() != Kind::Busy || *times >= GIVEN_WAY_MAX {
            self.given_way.remove(&row.remote);
            self.passed_over.insert(row.remote.clone());
        }
    }
}

// === impl Ahead ===

impl Ahead {
    fn begin(&self, message: &RemoteId) -> CancellationToken {
        let left = CancellationToken::new();
        *self.lock() = Some((message.clone(), left.clone()));
        left
    }

    /// A client wants this message: it must not wait behind everyone else.
    pub(super) fn give_way(&self, message: &RemoteId) {
        if let Some((_, left)) = self.lock().as_ref().filter(|(ahead, _)| ahead == message) {
            left.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(RemoteId, CancellationToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
