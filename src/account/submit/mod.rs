//! Sending a message: once, to the envelope's recipients, and with an answer that is true.
//!
//! A message goes out in two steps, each written to the journal before the next: it is staged as a
//! draft, then dispatched. A draft can be sent only once, so dispatching it again is harmless; a
//! second draft is made only when the first is known not to have been sent. Whenever the service's
//! answer is lost, the mailbox is looked at (`doubt.rs`) before anything is tried again.
//!
//! The same bytes to the same people are the client's right to send twice. They count as a
//! repetition only while the fate of the first try is open, or if they carry the client's own
//! Message-ID and the client did not get the first answer (`Account::confirm`).

mod addresses;
mod compose;
mod doubt;
mod header;
mod leftovers;
mod parcel;
mod senders;
mod sent;

use std::sync::Arc;
use std::time::Duration;

use self::compose::Defaults;
use self::doubt::Look;
use self::parcel::{Naming, Parcel};
use self::senders::Senders;
use super::turns::Turns;
use super::{Accepted, Account};
use crate::backend::{Backend, Sending};
use crate::clock::Clock;
use crate::mailbox::{Address, Envelope, Fault, Kind, Outcome, RemoteId, Spooled};
use crate::store::{Answer, Attempt, SpoolFile, Stage, Store};

pub(super) use self::leftovers::Leftovers;

/// How long the same submission may be the client's retry of one whose answer it did not get, and
/// how long a draft that is gone without a sent copy stays in doubt. Clients with a queue come back
/// within this time; a person who sends again on purpose mostly takes longer.
const RETRY_WINDOW: Duration = Duration::from_secs(30 * 60);
/// Tries of one step within one submission, once a look has shown that the first did nothing.
const TRIES: u32 = 2;
/// The wait before a look: a request that was cut off may still be at work over there.
const PAUSE: Duration = Duration::from_secs(4);

/// What sending from one mailbox needs.
#[derive(Debug)]
pub(super) struct Submitter {
    backend: Arc<dyn Backend>,
    store: Store,
    clock: Clock,
    own: Address,
    senders: Senders,
    turns: Turns,
}

impl Account {
    /// Sends a message. `Ok` means that the service has taken it.
    ///
    /// The caller should let it run to its end even if the client is gone; if it is dropped, the
    /// journal knows how far it came.
    ///
    /// # Errors
    /// `SenderRefused`, `RecipientRefused`, `Unacceptable`, `TooLarge`, or what the service said.
    /// After `InDoubt`, `Unreachable` or `Defect` it may have been sent or not: the same submission
    /// again finds out before it sends anything.
    pub async fn submit(&self, envelope: Envelope, message: SpoolFile) -> Outcome<Accepted> {
        let spooled = message.spooled().await?;
        let limit = self.limits().submission;
        self.0.submitter.submit(envelope, spooled, limit).await
    }

    /// The client has the answer: the same submission again is meant as another message.
    pub async fn confirm(&self, accepted: &Accepted) -> Outcome<()> {
        self.0.submitter.confirm(accepted).await
    }
}

impl Submitter {
    pub(super) fn new(backend: Arc<dyn Backend>, store: Store, clock: Clock, own: Address) -> Self {
        let (senders, turns) = (Senders::default(), Turns::default());
        Self { backend, store, clock, own, senders, turns }
    }

    async fn submit(&self, envelope: Envelope, message: Spooled, limit: u64) -> Outcome<Accepted> {
        self.check_sender(&envelope).await?;
        let parcel = self.pack(envelope, message).await?;
        if parcel.message.size > limit {
            return Err(Kind::TooLarge { limit }.into());
        }
        let _turn = self.turns.take(turn_of(&parcel)).await;
        if self.backend.rights().sending == Sending::AtOnce {
            return self.send_at_once(&parcel).await;
        }
        match self.settle_earlier(&parcel).await? {
            Some(accepted) => Ok(accepted),
            None => self.send(&parcel).await,
        }
    }

    /// Nothing is journalled: there is no draft to come back to, and no right to look for one.
    async fn send_at_once(&self, parcel: &Parcel) -> Outcome<Accepted> {
        self.backend.send_at_once(&parcel.message).await?;
        Ok(Accepted { id: uuid::Uuid::new_v4().simple().to_string(), sent_copy: None })
    }

    async fn confirm(&self, accepted: &Accepted) -> Outcome<()> {
        let Some(attempt) = self.store.attempt(&accepted.id).await? else { return Ok(()) };
        let Stage::Sent { copy, answer: Answer::Unknown } = attempt.stage else { return Ok(()) };
        let delivered = Stage::Sent { copy, answer: Answer::Delivered };
        self.store.advance_attempt(&attempt.id, &delivered).await
    }

    async fn pack(&self, envelope: Envelope, message: Spooled) -> Outcome<Parcel> {
        let domain = self.own.as_str().rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let defaults = Defaults {
            message_id: format!("<{}@{domain}>", uuid::Uuid::new_v4()),
            date: self.clock.now(),
            from: self.own.clone(),
        };
        let other = self.store.spool().await?;
        let packed = tokio::task::spawn_blocking(move || {
            parcel::pack(&message, &envelope, &defaults, other)
        });
        packed.await.map_err(|_| Fault::defect("packing a message broke off"))?
    }

    /// What an earlier try of the same submission came to, if that is the answer to this one.
    async fn settle_earlier(&self, parcel: &Parcel) -> Outcome<Option<Accepted>> {
        let Some(earlier) = self.store.latest_attempt(parcel.key).await? else { return Ok(None) };
        match &earlier.stage {
            Stage::Sent { copy, answer } if self.is_retry(&earlier, *answer, parcel) => {
                tracing::info!(submission.id = %earlier.id, "a retry got the first answer");
                Ok(Some(self.record_sent(&earlier, copy.clone()).await))
            }
            Stage::Sent { .. } => Ok(None),
            Stage::Refused { leftover } => {
                if let Some(leftover) = leftover {
                    self.take_back(&earlier, leftover).await;
                }
                Ok(None)
            }
            Stage::Staging | Stage::Staged(_) => self.resume(earlier).await,
        }
    }

    fn is_retry(&self, earlier: &Attempt, answer: Answer, parcel: &Parcel) -> bool {
        let is_awaited = match answer {
            Answer::Missed => true,
            // Without a Message-ID of the client's own, two like alerts cannot be told from a
            // retry, and losing one would be worse than a double.
            Answer::Unknown => parcel.naming == Naming::Client,
            Answer::Delivered => false,
        };
        is_awaited && !self.is_past_window(earlier)
    }

    fn is_past_window(&self, attempt: &Attempt) -> bool {
        let age = self.clock.now().0.saturating_sub(attempt.begun.0);
        u64::try_from(age).is_ok_and(|age| age > RETRY_WINDOW.as_secs())
    }

    /// Brings an attempt of unknown fate to its end; `None` if it certainly was not sent.
    async fn resume(&self, mut attempt: Attempt) -> Outcome<Option<Accepted>> {
        match self.look(&attempt).await? {
            Look::Sent(copy) => Ok(Some(self.record_sent(&attempt, copy).await)),
            Look::Draft(draft) => {
                self.record(&mut attempt, Stage::Staged(draft.clone())).await?;
                Ok(Some(self.dispatch(&attempt, &draft).await?))
            }
            Look::Unsent => {
                self.record(&mut attempt, Stage::Refused { leftover: None }).await?;
                Ok(None)
            }
            Look::Unknown => Err(Kind::InDoubt.into()),
        }
    }

    async fn send(&self, parcel: &Parcel) -> Outcome<Accepted> {
        let mut attempt = Attempt {
            id: uuid::Uuid::new_v4().simple().to_string(),
            key: parcel.key,
            message_id: parcel.message_id.clone(),
            received: parcel.received,
            staged: parcel.staged,
            begun: self.clock.now(),
            stage: Stage::Staging,
        };
        self.store.begin_attempt(&attempt).await?;
        let draft = self.stage(&mut attempt, &parcel.message).await?;
        self.dispatch(&attempt, &draft).await
    }

    async fn stage(&self, attempt: &mut Attempt, message: &Spooled) -> Outcome<RemoteId> {
        let mut tries = 1;
        loop {
            let fault = match self.backend.stage(message).await {
                Ok(draft) => {
                    self.record(attempt, Stage::Staged(draft.clone())).await?;
                    return Ok(draft);
                }
                Err(fault) if !is_doubtful(&fault) => {
                    self.record(attempt, Stage::Refused { leftover: None }).await?;
                    return Err(fault);
                }
                Err(fault) => fault,
            };
            self.clock.back_off(PAUSE).await;
            match self.look(attempt).await {
                Ok(Look::Draft(draft)) => {
                    self.record(attempt, Stage::Staged(draft.clone())).await?;
                    return Ok(draft);
                }
                Ok(Look::Unsent) if may_try_again(&fault, tries) => tries += 1,
                // The entry stays in doubt, so that the draft is found should it turn up.
                _ => return Err(fault),
            }
        }
    }

    /// Sends a draft. Dispatching a draft that is sent already does nothing but fail.
    async fn dispatch(&self, attempt: &Attempt, draft: &RemoteId) -> Outcome<Accepted> {
        let mut tries = 1;
        loop {
            let fault = match self.backend.dispatch(draft).await {
                Ok(()) => return Ok(self.record_sent(attempt, draft.clone()).await),
                Err(fault) if !is_doubtful(&fault) => {
                    self.take_back(attempt, draft).await;
                    return Err(fault);
                }
                Err(fault) => fault,
            };
            self.clock.back_off(PAUSE).await;
            match self.look(attempt).await {
                Ok(Look::Sent(copy)) => return Ok(self.record_sent(attempt, copy).await),
                Ok(Look::Draft(_)) if may_try_again(&fault, tries) => tries += 1,
                Ok(Look::Draft(_)) => return Err(fault),
                Ok(Look::Unsent | Look::Unknown) | Err(_) => {
                    return Err(Fault::from(Kind::InDoubt).because(fault));
                }
            }
        }
    }

    async fn record(&self, attempt: &mut Attempt, stage: Stage) -> Outcome<()> {
        self.store.advance_attempt(&attempt.id, &stage).await?;
        attempt.stage = stage;
        Ok(())
    }

    /// The service has it, so the client is told so even if the journal fails: the entry then stays
    /// in doubt, and a look will settle it.
    async fn record_sent(&self, attempt: &Attempt, copy: RemoteId) -> Accepted {
        let accepted = accepted(attempt, &copy);
        let stage = Stage::Sent { copy, answer: Answer::Unknown };
        if let Err(fault) = self.store.advance_attempt(&attempt.id, &stage).await {
            tracing::warn!(submission.id = %attempt.id, cause = fault.cause(), "sent, but not recorded as sent");
        }
        accepted
    }

    /// Takes a draft back that is not to be sent; what does not work now is left to `settle_leftovers`.
    async fn take_back(&self, attempt: &Attempt, draft: &RemoteId) {
        let leftover = match self.backend.unstage(draft).await {
            Ok(()) => None,
            Err(fault) => {
                tracing::warn!(submission.id = %attempt.id, cause = %fault, "a draft could not be taken back yet");
                Some(draft.clone())
            }
        };
        let refused = Stage::Refused { leftover };
        if let Err(fault) = self.store.advance_attempt(&attempt.id, &refused).await {
            tracing::warn!(submission.id = %attempt.id, cause = fault.cause(), "a refusal was not recorded");
        }
    }
}

fn accepted(attempt: &Attempt, copy: &RemoteId) -> Accepted {
    Accepted { id: attempt.id.clone(), sent_copy: Some(copy.clone()) }
}

/// Submissions that could be confused with each other go one after the other.
fn turn_of(parcel: &Parcel) -> String {
    match parcel.naming {
        Naming::Client => parcel.message_id.clone(),
        Naming::Bridge => parcel.key.to_string(),
    }
}

/// Whether the step may have been carried out all the same.
fn is_doubtful(fault: &Fault) -> bool {
    // A defect is an answer that made no sense; a draft that is gone may be gone because it was sent.
    matches!(fault.kind(), Kind::Defect | Kind::InDoubt | Kind::NoSuchMessage | Kind::Unreachable)
}

/// A service that was out of reach for as long as the backend is patient needs no second try now.
fn may_try_again(fault: &Fault, tries: u32) -> bool {
    tries < TRIES && *fault.kind() != Kind::Unreachable
}

#[cfg(test)]
pub(crate) mod doubles;
#[cfg(test)]
mod tests;
