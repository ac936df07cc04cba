//! The way of a message to the service, each step written down before the next.

use super::ceiling::weight;
use super::doubt::Look;
use super::load::{Load, Room};
use super::parcel::{Parcel, Receipt};
use super::{PAUSE, Submitter, TRIES};
use crate::account::{Accepted, Standing};
use crate::backend::Staged;
use crate::mailbox::{Fault, Kind, Outcome, RemoteId};
use crate::store::queue::Step;
use crate::store::{Answer, Attempt, Stage, further_id};

/// Why an attempt came to nothing. In each case the message was certainly not sent by it, or its entry in the
/// journal says so.
enum Setback {
    /// Another attempt may do better.
    Passing(Fault),
    /// The service takes less in one request.
    TooMuch(Fault),
    Final(Fault),
}

/// Whether something that was tried before may have sent the draft already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Before {
    Nothing,
    Perhaps,
}

impl Submitter {
    /// Each attempt asks once for a draft, so that the journal knows of every one that may come to be. `id` is
    /// that of the first.
    pub(super) async fn send(&self, parcel: &Parcel, mut id: String) -> Outcome<Accepted> {
        let limits = self.backend.limits();
        let mut room = self.room();
        let mut load = self.load(parcel, room).await?;
        let mut tries = 1;
        loop {
            match self.attempt(parcel, &load, id.clone()).await {
                Ok(accepted) => return Ok(accepted),
                Err(Setback::Passing(_)) if tries < TRIES => tries += 1,
                Err(Setback::TooMuch(_)) if load.message.size > limits.stage_surely => {
                    room.draft = limits.stage_surely;
                    load = self.load(parcel, room).await?;
                }
                Err(Setback::Passing(fault) | Setback::TooMuch(fault) | Setback::Final(fault)) => {
                    return Err(fault);
                }
            }
            id = further_id(&id);
        }
    }

    /// What the service may take in one request.
    pub(super) fn room(&self) -> Room {
        let limits = self.backend.limits();
        Room { draft: limits.stage, part: limits.part }
    }

    async fn attempt(&self, parcel: &Parcel, load: &Load, id: String) -> Result<Accepted, Setback> {
        let mut attempt = load.attempt(parcel, id, self.clock.now());
        self.store.begin_attempt(&attempt).await?;
        parcel.note(&attempt.id, Step::Stage).await?;
        let draft = self.stage(&attempt, load).await?;
        if !load.is_all(parcel) {
            self.record(&mut attempt, Stage::Growing(draft.clone())).await?;
            self.complete(&attempt, parcel, load, &draft).await?;
        }
        self.record(&mut attempt, Stage::Staged(draft.clone())).await?;
        match self.dispatch(parcel, &attempt, &draft, Before::Nothing).await {
            Ok(accepted) => Ok(accepted),
            Err(fault) => Err(Setback::Final(self.mind_size(parcel, fault).await)),
        }
    }

    /// A draft that may have come to be and is not found stays in the journal, so that it is removed if it
    /// comes late.
    async fn stage(&self, attempt: &Attempt, load: &Load) -> Result<RemoteId, Setback> {
        let (fault, unnamed) = match self.backend.stage(&load.message).await {
            Ok(Staged::Draft(draft)) => return Ok(draft),
            Ok(Staged::Unnamed) => (Fault::defect("a draft was made that has no name"), true),
            Err(fault) if is_doubtful(&fault) => (fault, false),
            Err(fault) => {
                let refused = Stage::Refused { leftover: None };
                self.store.advance_attempt(&attempt.id, &refused).await?;
                return Err(match fault.kind() {
                    Kind::TooLarge { .. } => Setback::TooMuch(without_limit(fault)),
                    _ => Setback::Final(fault),
                });
            }
        };
        // It may come until some time from now on, however long the request has taken to get there.
        self.store.advance_attempt(&attempt.id, &attempt.stage).await?;
        let attempt = Attempt { since: self.clock.now(), ..attempt.clone() };
        self.clock.back_off(PAUSE).await;
        Err(match self.look(&attempt).await {
            Ok(Look::Draft(draft)) => return Ok(draft),
            // A word of success for nothing means "too large" (reference B.9).
            Ok(Look::Unsent)
                if unnamed && load.message.size > self.backend.limits().stage_surely =>
            {
                Setback::TooMuch(Fault::from(Kind::TooLarge { limit: 0 }).because(fault))
            }
            Ok(Look::Unsent) if *fault.kind() != Kind::Unreachable => Setback::Passing(fault),
            _ => Setback::Final(fault),
        })
    }

    /// A draft that could not be completed is thrown away: what may still be added to it goes with it.
    async fn complete(
        &self,
        attempt: &Attempt,
        parcel: &Parcel,
        load: &Load,
        draft: &RemoteId,
    ) -> Result<(), Setback> {
        let completing = async {
            if parcel.receipt == Receipt::Wanted {
                self.backend.ask_for_receipt(draft).await?;
            }
            match load.parts.is_empty() {
                true => Ok(()),
                false => self.backend.complete(draft, &parcel.message, &load.parts).await,
            }
        };
        let Err(fault) = completing.await else { return Ok(()) };
        self.take_back(attempt, draft).await;
        Err(match fault.kind() {
            // It was certainly not sent.
            Kind::InDoubt => Setback::Passing(Fault::from(Kind::Unreachable).because(fault)),
            _ => Setback::Final(self.mind_size(parcel, fault).await),
        })
    }

    /// Sends a draft. Dispatching a draft that is sent already does nothing but fail; of one that is on its way that is
    /// not known (reference B.8), so where that shows it is left alone.
    pub(super) async fn dispatch(
        &self,
        parcel: &Parcel,
        attempt: &Attempt,
        draft: &RemoteId,
        mut before: Before,
    ) -> Outcome<Accepted> {
        let mut tries = 1;
        loop {
            if before == Before::Perhaps
                && self.backend.is_leaving(draft).await.map_err(in_doubt)?
            {
                return Err(
                    Fault::from(Kind::InDoubt).because("it was taken, and has not left yet")
                );
            }
            parcel.note(&attempt.id, Step::Dispatch).await?;
            let fault = match self.backend.dispatch(draft).await {
                Ok(()) => return Ok(self.record_sent(attempt, draft.clone()).await),
                Err(fault) if !is_doubtful(&fault) && before == Before::Nothing => {
                    self.take_back(attempt, draft).await;
                    return Err(fault);
                }
                Err(fault) => fault,
            };
            let is_refusal = !is_doubtful(&fault);
            before = Before::Perhaps;
            self.clock.back_off(PAUSE).await;
            match self.look(attempt).await {
                Ok(Look::Sent(copy)) => return Ok(self.record_sent(attempt, copy).await),
                // The refusal may be because it is on its way: then it must not be called final.
                Ok(Look::Draft(_)) if is_refusal && fault.may_pass() => return Err(fault),
                Ok(Look::Draft(_)) if is_refusal => return Err(in_doubt(fault)),
                Ok(Look::Draft(_)) if may_try_again(&fault, tries) => tries += 1,
                Ok(Look::Draft(_)) => return Err(fault),
                Ok(Look::Unsent | Look::Unknown) | Err(_) => return Err(in_doubt(fault)),
            }
        }
    }

    pub(super) async fn record(&self, attempt: &mut Attempt, stage: Stage) -> Outcome<()> {
        self.store.advance_attempt(&attempt.id, &stage).await?;
        (attempt.stage, attempt.since) = (stage, self.clock.now());
        Ok(())
    }

    /// The service has it, so the client is told so even if the journal fails: the entry then stays
    /// in doubt, and a look will settle it.
    pub(super) async fn record_sent(&self, attempt: &Attempt, copy: RemoteId) -> Accepted {
        let accepted = accepted(attempt, &copy);
        let stage = Stage::Sent { copy, answer: Answer::Unknown };
        if let Err(fault) = self.store.advance_attempt(&attempt.id, &stage).await {
            tracing::warn!(submission.id = %attempt.id, cause = fault.cause(), "sent, but not recorded as sent");
        }
        accepted
    }

    /// Takes a draft back that is not to be sent; what does not work now is left to `settle_leftovers`.
    pub(super) async fn take_back(&self, attempt: &Attempt, draft: &RemoteId) {
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

    /// Remembers what the tenant found too large.
    pub(super) async fn mind_size(&self, parcel: &Parcel, fault: Fault) -> Fault {
        match fault.kind() {
            Kind::TooLarge { limit: 0 } => match weight(parcel).await {
                Ok(octets) => self.ceiling.note(octets, &self.clock),
                Err(broken) => tracing::debug!(%broken, "a message could not be weighed"),
            },
            Kind::TooLarge { .. } => return without_limit(fault),
            _ => {}
        }
        fault
    }
}

pub(super) fn accepted(attempt: &Attempt, copy: &RemoteId) -> Accepted {
    let (id, sent_copy) = (attempt.id.clone(), Some(copy.clone()));
    Accepted { id, sent_copy, standing: Standing::Sent }
}

impl From<Fault> for Setback {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

/// Whether the step may have been carried out all the same.
pub(super) fn is_doubtful(fault: &Fault) -> bool {
    // A defect is an answer that made no sense; a draft that is gone may be gone because it was sent.
    matches!(fault.kind(), Kind::Defect | Kind::InDoubt | Kind::NoSuchMessage | Kind::Unreachable)
}

/// A service that was out of reach for as long as the backend is patient needs no second try now.
fn may_try_again(fault: &Fault, tries: u32) -> bool {
    tries < TRIES && *fault.kind() != Kind::Unreachable
}

fn in_doubt(fault: Fault) -> Fault {
    Fault::from(Kind::InDoubt).because(fault)
}

/// The limit of a request is not that of a message, and nothing to tell a client.
fn without_limit(fault: Fault) -> Fault {
    Fault::from(Kind::TooLarge { limit: 0 }).because(fault)
}
