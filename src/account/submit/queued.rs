//! Sending what the queue holds: by the same journal and in the same turns as a message whose client
//! waits.
//!
//! Its attempts stand in the journal under its own id and those that follow from that, however often
//! it is tried. So no time has to decide whether a row is of this message or of another like it. If the
//! index is lost or an older one, the entry itself says whether a try may have come to something
//! (`mark.rs`), and that is looked for by its Message-ID before anything is sent (`unjournalled.rs`).

use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::mark::Mark;
use super::parcel::{self, Parcel};
use super::quota::Place;
use super::senders::Parties;
use super::sending::{accepted, is_doubtful};
use super::{Meeting, Order, Submitter, header_of, turn_of};
use crate::account::{Accepted, Standing};
use crate::backend::Sending;
use crate::config::Submission as Rules;
use crate::config::submission::Senders as Rule;
use crate::mailbox::{Address, By, Fault, Kind, Outcome};
use crate::store::queue::{Doubt, State};
use crate::store::{Attempt, Entry, Outgoing, Stage, first_id, further_id};

/// The attempts that belong to queued messages: nobody but the queue goes on with them.
#[derive(Clone, Debug, Default)]
pub(in crate::account) struct QueuedIds(Arc<Mutex<HashSet<String>>>);

/// What was known of a message before it was accepted.
pub(in crate::account) enum Earlier {
    /// It was sent, and this is its client's retry.
    Answer(Accepted),
    /// An attempt outside of the queue, whose fate is open.
    Open(String),
    Nothing,
}

/// What the journal knows of a queued message.
pub(super) enum Known {
    Nothing,
    /// How far it came.
    Attempt(Box<Attempt>),
    /// Less than was asked of the service.
    TooLittle,
}

/// What one try came to.
#[derive(Debug)]
pub(in crate::account) enum Tried {
    Sent(Accepted),
    /// It was not sent, or that is not known yet: another try finds out.
    Later {
        fault: Fault,
        /// What may have come to something.
        doubt: Option<Doubt>,
    },
    /// It was not sent and never will be.
    Refused(Fault),
    /// It may have been sent, and nobody can tell.
    Untold(Fault),
}

impl Submitter {
    pub(in crate::account) fn queued_ids(&self) -> QueuedIds {
        self.queued.clone()
    }

    /// A message made ready for the queue. Senders who cannot be asked about within `patience` are
    /// answered as well: they are asked about before the message is sent.
    ///
    /// # Errors
    /// As of sending, but for what may pass.
    pub(in crate::account) async fn prepare(
        &self,
        order: Order,
        patience: Duration,
    ) -> Outcome<(Parcel, Vec<Address>)> {
        let message = self.in_lines(order.message, order.envelope.octets).await?;
        let order = Order { message, ..order };
        let header = header_of(order.message.path()).await?;
        let checking = Box::pin(self.check_senders(&order, &header));
        match self.clock.timeout(patience, checking).await {
            Ok(Err(fault)) if !fault.may_pass() => Err(fault),
            Ok(Ok(parties)) => Ok((self.pack_from(order, header, parties).await?, Vec::new())),
            _ => {
                let rules = Rules { senders: Rule::Any, ..(*order.rules).clone() };
                let trusted = Order { rules: Arc::new(rules), ..order };
                let parties = self.check_senders(&trusted, &header).await?;
                let unchecked = everyone(&parties);
                Ok((self.pack_from(trusted, header, parties).await?, unchecked))
            }
        }
    }

    /// Looks at the journal, and at nothing else.
    pub(in crate::account) async fn earlier(&self, parcel: &Parcel) -> Outcome<Earlier> {
        let Some(earlier) = self.latest(parcel).await? else { return Ok(Earlier::Nothing) };
        Ok(match &earlier.stage {
            Stage::Sent { copy, answer }
                if self.is_retry(&earlier, *answer, (parcel, Meeting::Alone)) =>
            {
                Earlier::Answer(self.record_sent(&earlier, copy.clone()).await)
            }
            Stage::Sent { .. } | Stage::Refused { .. } => Earlier::Nothing,
            _ => Earlier::Open(earlier.id),
        })
    }

    /// The youngest attempt at the same submission, unless the queue looks after that: then it is
    /// another message that is like this one.
    pub(super) async fn latest(&self, parcel: &Parcel) -> Outcome<Option<Attempt>> {
        let latest = self.store.latest_attempt(parcel.key).await?;
        Ok(latest.filter(|attempt| !self.queued.has(&attempt.id)))
    }

    /// One try to send a queued message, `state` being what was known before it.
    pub(in crate::account) async fn try_queued(
        &self,
        entry: &Entry,
        path: PathBuf,
        state: &State,
    ) -> Tried {
        let (queue, clock) = (self.store.queue(), self.clock.clone());
        let mark = Mark::new(queue, entry.id.clone(), clock, state.clone());
        let mut parcel = Parcel::queued(entry, path);
        parcel.mark = Some(mark);
        if self.backend.rights().sending == Sending::AtOnce {
            return self.try_at_once(entry, &parcel, state).await;
        }
        match self.send_queued(entry, &parcel, state).await {
            Ok(accepted) => Tried::Sent(accepted),
            Err(fault) if !fault.may_pass() => Tried::Refused(fault),
            Err(fault) => Tried::Later { fault, doubt: self.doubt(entry, &parcel).await },
        }
    }

    /// Nothing is journalled, and nothing can be looked for.
    async fn try_at_once(&self, entry: &Entry, parcel: &Parcel, state: &State) -> Tried {
        let _turn = self.turns.take(turn_of(parcel)).await;
        if state.in_doubt.is_some() {
            let cause = "an earlier try may have sent it, and it may not be looked for";
            return Tried::Untold(Fault::from(Kind::InDoubt).because(cause));
        }
        let sending = async {
            self.check_queued(entry, parcel).await?;
            let place = self.place_of(entry, parcel).await?;
            if let Some(mark) = &parcel.mark {
                mark.set(None).await?;
            }
            let sent = self.backend.send_at_once(&parcel.message).await;
            if sent.as_ref().err().is_none_or(is_doubtful) {
                place.keep();
            }
            sent
        };
        match sending.await {
            Ok(()) => {
                let (id, sent_copy) = (entry.id.to_string(), None);
                Tried::Sent(Accepted { id, sent_copy, standing: Standing::Sent })
            }
            Err(fault) if *fault.kind() == Kind::InDoubt => Tried::Untold(fault),
            Err(fault) if fault.may_pass() => Tried::Later { fault, doubt: None },
            Err(fault) => Tried::Refused(fault),
        }
    }

    async fn send_queued(
        &self,
        entry: &Entry,
        parcel: &Parcel,
        state: &State,
    ) -> Outcome<Accepted> {
        let _key = self.meet(parcel).await;
        let _turn = self.turns.take(turn_of(parcel)).await;
        let settled = match self.known(entry, state).await? {
            Known::Attempt(attempt) => self.go_on(parcel, *attempt).await?,
            Known::TooLittle => self.go_on_without_journal(entry, parcel, state).await?,
            Known::Nothing => self.settle_followed(entry, parcel).await?,
        };
        if let Some(accepted) = settled {
            return Ok(accepted);
        }
        if let Some(accepted) = self.sent_in_the_past(entry, parcel).await? {
            return Ok(accepted);
        }
        self.check_queued(entry, parcel).await?;
        let _place = self.place_of(entry, parcel).await?;
        let id = self.free_id(entry).await?;
        self.send(parcel, id).await
    }

    pub(super) async fn known(&self, entry: &Entry, state: &State) -> Outcome<Known> {
        let mut known = self.store.attempts_at(entry.id.as_str()).await?;
        // Whatever else was asked: it was sent.
        if let Some(at) = known.iter().position(|attempt| attempt.stage.is_sent()) {
            return Ok(Known::Attempt(known.swap_remove(at).into()));
        }
        let is_enough = match &state.doubt() {
            None => true,
            Some(Doubt { asked: None, .. }) => !known.is_empty(),
            Some(Doubt { asked: Some(asked), .. }) => {
                let attempt = self.store.attempt(&asked.attempt).await?;
                attempt.is_some_and(|attempt| asked.step.is_known_at(&attempt.stage))
            }
        };
        Ok(match known.into_iter().next() {
            _ if !is_enough => Known::TooLittle,
            Some(attempt) => Known::Attempt(attempt.into()),
            None => Known::Nothing,
        })
    }

    /// For the next attempt at it.
    pub(super) async fn free_id(&self, entry: &Entry) -> Outcome<String> {
        let id = entry.id.as_str();
        let is_free = self.store.attempts_at(id).await?.is_empty();
        Ok(if is_free { id.to_owned() } else { further_id(id) })
    }

    /// Its place among what the mailbox may send in a minute and a day.
    async fn place_of(&self, entry: &Entry, parcel: &Parcel) -> Outcome<Place<'_>> {
        let (id, begun) = (entry.id.to_string(), self.clock.now());
        let outgoing = Outgoing { id, begun, recipients: parcel.recipients };
        let rules = Rules {
            messages_per_minute: entry.routing.messages_per_minute,
            recipients_per_day: entry.routing.recipients_per_day,
            ..Rules::default()
        };
        self.sent.place(&self.store, outgoing, &rules).await
    }

    /// Its bytes are what they were, and its senders may send.
    async fn check_queued(&self, entry: &Entry, parcel: &Parcel) -> Outcome<()> {
        let path = parcel.message.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            parcel::digest(&mut File::open(path).map_err(parcel::broken)?)
        });
        let digest = reading.await.map_err(|_| Fault::defect("reading a message broke off"))?;
        if digest? != entry.staged {
            return Err(Fault::defect("a queued message was changed on disk"));
        }
        for sender in entry.routing.unchecked.iter().filter_map(|text| Address::new(text)) {
            if self.permitted(&sender).await?.is_none() {
                return Err(Kind::SenderRefused(By::Envelope).into());
            }
        }
        Ok(())
    }

    /// The attempt that it repeats, if that was sent after all.
    async fn settle_followed(&self, entry: &Entry, parcel: &Parcel) -> Outcome<Option<Accepted>> {
        let Some(earlier) = &entry.routing.follows else { return Ok(None) };
        match self.store.attempt(earlier).await? {
            Some(attempt) => self.go_on(parcel, attempt).await,
            None => {
                let unknown = State { in_doubt: Some(entry.accepted), ..State::default() };
                self.go_on_without_journal(entry, parcel, &unknown).await
            }
        }
    }

    /// What may have come to something, of all that was asked in this try and before.
    async fn doubt(&self, entry: &Entry, parcel: &Parcel) -> Option<Doubt> {
        let state = parcel.mark.as_ref()?.state();
        match self.known(entry, &state).await {
            Ok(Known::Attempt(attempt)) if attempt.stage == (Stage::Refused { leftover: None }) => {
                None
            }
            _ => state.doubt(),
        }
    }

    /// Makes sure that a message which is given up will not be sent; `Some` if it was.
    ///
    /// # Errors
    /// If that cannot be found out now.
    pub(in crate::account) async fn end_queued(
        &self,
        entry: &Entry,
        path: PathBuf,
        state: &State,
    ) -> Outcome<Option<Accepted>> {
        let parcel = Parcel::queued(entry, path);
        if self.backend.rights().sending == Sending::AtOnce {
            return Ok(None);
        }
        let _key = self.meet(&parcel).await;
        let _turn = self.turns.take(turn_of(&parcel)).await;
        let found = match self.known(entry, state).await? {
            Known::Attempt(attempt) => Some(*attempt),
            // What was asked then was asked for the one that it repeats.
            Known::Nothing => match &state.asked {
                Some(asked) => self.store.attempt(&asked.attempt).await?,
                None => None,
            },
            Known::TooLittle => self.attempt_without_journal(entry, &parcel, state).await?,
        };
        let Some(mut attempt) = found else { return Ok(None) };
        match self.settled(&attempt).await? {
            Some(end) => self.record(&mut attempt, end).await?,
            None if matches!(attempt.stage, Stage::Staged(_)) => {
                let cause = "its draft may be on its way";
                return Err(Fault::from(Kind::InDoubt).because(cause));
            }
            None => {}
        }
        Ok(match &attempt.stage {
            Stage::Sent { copy, .. } => Some(accepted(&attempt, copy)),
            _ => None,
        })
    }
}

fn everyone(parties: &Parties) -> Vec<Address> {
    let Parties { sender, author } = parties;
    let authors = author.addresses.iter().filter(|address| *address != sender);
    std::iter::once(sender).chain(authors).cloned().collect()
}

// === impl QueuedIds ===

impl QueuedIds {
    pub(in crate::account) fn add(&self, id: &str) {
        self.lock().insert(id.to_owned());
    }

    pub(in crate::account) fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.lock().contains(first_id(id))
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
