//! What is in the queue right now, and who waits for what: the memory of one mailbox's outbox.
//!
//! Nothing here touches a file or the service.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::account::Accepted;
use crate::backend::Trail;
use crate::config::Queue as Limits;
use crate::mailbox::{Fault, Kind, Outcome, Timestamp};
use crate::store::queue::{Course, State};
use crate::store::{Digest, Naming, QueueId};

#[derive(Debug, Default)]
pub(super) struct Board {
    slots: BTreeMap<QueueId, Slot>,
    /// What cannot be read.
    damaged: Vec<QueueId>,
}

/// One queued message.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) facts: Facts,
    pub(super) state: State,
    /// The state is newer than its file.
    pub(super) unsaved: bool,
    pub(super) phase: Phase,
    /// The latest try met something that every other would have met.
    pub(super) last: Last,
    /// Clients that have no answer yet.
    waiting: usize,
    /// Whether a client may believe that it is taken care of.
    told: bool,
    progress: watch::Sender<Progress>,
}

/// What has to be known of a message to tell it from others.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) accepted: Timestamp,
    /// Octets.
    pub(super) size: u64,
    pub(super) key: Digest,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// It is being written to disk.
    Arriving,
    Idle,
    Trying,
    /// It is refused: its files go, then its client hears it.
    Leaving,
}

/// What kind of trouble the latest try met, in this run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Last {
    None,
    /// Its own.
    Own,
    /// Any message would have met it.
    General,
    /// Someone has to sign in.
    SignIn,
}

/// What clients wait for.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    Underway,
    /// It stays in the queue for now.
    Queued,
    Sent(Accepted, Trail),
    Refused(Fault, Trail),
}

/// What a client may be told right now.
#[derive(Debug)]
pub(super) enum Answer {
    Queued,
    /// It will be known in a moment.
    Soon,
}

/// Who is to hear of a message that cannot be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hearer {
    /// The client, which waits for its answer.
    Client,
    /// The sender: the client believes that it is sent.
    Sender,
}

/// Lengths of the queue, by state.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct QueueFigures {
    /// To be tried again.
    pub waiting: usize,
    pub trying: usize,
    pub held: usize,
    /// Given up; the report is still to be delivered.
    pub failed: usize,
    /// Cannot be read.
    pub damaged: usize,
    /// Octets of all that can be read.
    pub bytes: u64,
    /// When the oldest was accepted.
    pub oldest: Option<Timestamp>,
}

impl Board {
    /// Makes room for a message that is about to be written.
    ///
    /// # Errors
    /// `QueueFull`.
    pub(super) fn reserve(
        &mut self,
        id: &QueueId,
        facts: Facts,
        limits: &Limits,
    ) -> Outcome<watch::Receiver<Progress>> {
        let messages = self.slots.len() + self.damaged.len();
        let bytes: u64 = self.slots.values().map(|slot| slot.facts.size).sum();
        if messages >= limits.max_messages || bytes.saturating_add(facts.size) > limits.max_bytes {
            let cause = format!("{messages} messages of {bytes} octets wait");
            return Err(Fault::from(Kind::QueueFull).because(cause));
        }
        let mut slot = Slot::new(facts, State::default(), Phase::Arriving);
        slot.waiting = 1;
        slot.told = false;
        let progress = slot.progress.subscribe();
        self.slots.insert(id.clone(), slot);
        Ok(progress)
    }

    /// One that an earlier run has left.
    pub(super) fn restore(&mut self, id: QueueId, facts: Facts, state: State) {
        self.slots.insert(id, Slot::new(facts, state, Phase::Idle));
    }

    pub(super) fn note_damaged(&mut self, id: QueueId) {
        self.damaged.push(id);
    }

    pub(super) fn has(&self, id: &QueueId) -> bool {
        self.slots.contains_key(id) || self.is_damaged(id)
    }

    pub(super) fn is_damaged(&self, id: &QueueId) -> bool {
        self.damaged.contains(id)
    }

    /// The message that this one repeats, for its client to wait for the same answer: the same bytes
    /// for the same people under the client's own Message-ID, of which no client has an answer yet.
    pub(super) fn join(
        &mut self,
        key: Digest,
        naming: Naming,
    ) -> Option<(QueueId, watch::Receiver<Progress>)> {
        let is_same = |slot: &Slot| slot.facts.key == key && !slot.state.confirmed;
        if naming != Naming::Client {
            return None;
        }
        let (id, slot) = self.slots.iter_mut().find(|(_, slot)| is_same(slot))?;
        slot.waiting += 1;
        Some((id.clone(), slot.progress.subscribe()))
    }

    /// How far one is that can be read.
    pub(super) fn stage(&self, id: &QueueId) -> Option<(Phase, &Course)> {
        self.slots.get(id).map(|slot| (slot.phase, &slot.state.course))
    }

    pub(super) fn slot(&mut self, id: &QueueId) -> Option<&mut Slot> {
        self.slots.get_mut(id)
    }

    /// Tells a client that has waited long enough.
    pub(super) fn answer(&mut self, id: &QueueId) -> Answer {
        match self.slots.get_mut(id) {
            Some(slot) if matches!(slot.phase, Phase::Leaving | Phase::Arriving) => Answer::Soon,
            Some(slot) => {
                slot.told = true;
                Answer::Queued
            }
            // Dropped by hand in this moment.
            None => Answer::Queued,
        }
    }

    /// A client waits no longer, with an answer or without.
    pub(super) fn leave(&mut self, id: &QueueId) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.waiting = slot.waiting.saturating_sub(1);
        }
    }

    /// Whoever is to hear that the message cannot be sent; a client that waits is answered next.
    pub(super) fn refuse(&mut self, id: &QueueId) -> Hearer {
        match self.slots.get_mut(id) {
            Some(slot) if slot.waiting > 0 && !slot.told => {
                slot.phase = Phase::Leaving;
                Hearer::Client
            }
            _ => Hearer::Sender,
        }
    }

    /// Lets clients know; answers whether one of them was told before that it is queued.
    pub(super) fn tell(&mut self, id: &QueueId, progress: Progress) -> bool {
        let Some(slot) = self.slots.get_mut(id) else { return false };
        slot.progress.send_replace(progress);
        slot.told
    }

    pub(super) fn remove(&mut self, id: &QueueId) {
        self.slots.remove(id);
        self.damaged.retain(|damaged| damaged != id);
    }

    /// The next one to be tried now: messages that were never tried go first, since their clients
    /// wait. Others only while `retries` may begin.
    pub(super) fn due(&self, now: Timestamp, retries: bool) -> Option<QueueId> {
        let is_due = |slot: &&Slot| slot.is_waiting() && slot.state.next <= now;
        let open = self.slots.iter().filter(|(_, slot)| is_due(slot));
        let (fresh, tried): (Vec<_>, Vec<_>) = open.partition(|(_, slot)| slot.is_fresh());
        let retry = || tried.iter().min_by_key(|(_, slot)| slot.state.next).filter(|_| retries);
        fresh.first().or_else(retry).map(|(id, _)| (*id).clone())
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.slots.values().filter(|slot| slot.is_waiting()).map(|slot| slot.state.next).min()
    }

    /// What met these troubles may be tried at once.
    pub(super) fn wake(&mut self, now: Timestamp, troubles: &[Last]) {
        for slot in self.slots.values_mut().filter(|slot| troubles.contains(&slot.last)) {
            slot.state.next = slot.state.next.min(now);
            slot.last = Last::None;
        }
    }

    /// States to be written down, of messages that nobody is sending.
    pub(super) fn unsaved(&mut self) -> Vec<(QueueId, State)> {
        let is_unsaved = |slot: &&mut Slot| slot.unsaved && slot.phase == Phase::Idle;
        let slots = self.slots.iter_mut().map(|(id, slot)| (id.clone(), slot));
        let unsaved = slots.filter(|(_, slot)| is_unsaved(slot));
        let taken = unsaved.map(|(id, slot)| {
            slot.unsaved = false;
            (id, slot.state.clone())
        });
        taken.collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.damaged.is_empty()
    }

    pub(super) fn figures(&self) -> QueueFigures {
        let mut figures = QueueFigures { damaged: self.damaged.len(), ..QueueFigures::default() };
        for slot in self.slots.values() {
            let count = match (slot.phase, &slot.state.course) {
                (Phase::Trying | Phase::Leaving, _) => &mut figures.trying,
                (_, Course::Send) => &mut figures.waiting,
                (_, Course::Held) => &mut figures.held,
                (_, Course::Report { .. }) => &mut figures.failed,
            };
            *count += 1;
            figures.bytes = figures.bytes.saturating_add(slot.facts.size);
            let accepted = slot.facts.accepted;
            figures.oldest = Some(figures.oldest.map_or(accepted, |oldest| oldest.min(accepted)));
        }
        figures
    }
}

impl Slot {
    fn new(facts: Facts, state: State, phase: Phase) -> Self {
        let progress = watch::Sender::new(Progress::Underway);
        // Of what an earlier run has left nobody knows what its client was told.
        let (unsaved, last) = (false, Last::None);
        Self { facts, state, unsaved, phase, last, waiting: 0, told: true, progress }
    }

    fn is_waiting(&self) -> bool {
        self.phase == Phase::Idle && self.state.course != Course::Held
    }

    fn is_fresh(&self) -> bool {
        self.state.tried.is_none()
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
