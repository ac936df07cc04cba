//! Sending a message: once, to the envelope's recipients, and with an answer that is true.
//!
//! A message goes out in two steps, each written to the journal before the next: it is staged as a
//! draft, then dispatched. A draft can be sent only once, so dispatching it again is harmless; a
//! second draft is made only when the first is known not to have been sent. Whenever the service's
//! answer is lost, the mailbox is looked at (`doubt.rs`) before anything is tried again.
//!
//! The same bytes to the same people are the client's right to send twice. They count as a
//! repetition only while the fate of the first try is open, or if they carry the client's own
//! Message-ID and the client did not get the first answer (`Submitter::confirm`).

mod addresses;
mod compose;
mod doubt;
mod header;
pub mod journal;
mod leftovers;
mod parcel;
mod senders;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempPath;

use self::compose::Defaults;
use self::doubt::Look;
use self::journal::{Answer, Attempt, Journal, Stage};
use self::parcel::{Naming, Parcel};
use self::senders::Senders;
use self::turns::Turns;
use crate::backend::Backend;
use crate::clock::Clock;
use crate::mailbox::{
    Address, Envelope, Fault, Kind, Outcome, RemoteId, Spooled, Submission, Timestamp,
};

/// How long the same submission may be the client's retry of one whose answer it did not get, and
/// how long a draft that is gone without a sent copy stays in doubt. Clients with a queue come back
/// within this time; a person who sends again on purpose mostly takes longer.
const RETRY_WINDOW: Duration = Duration::from_secs(30 * 60);
/// Tries of one step within one submission. The backend retries on its own before it gives up.
const TRIES: u32 = 3;
/// The wait before the second try; it grows with each.
const PAUSE: Duration = Duration::from_secs(2);

/// The submission use cases of one mailbox.
#[derive(Debug)]
pub struct Submitter {
    backend: Arc<dyn Backend>,
    journal: Arc<dyn Journal>,
    clock: Clock,
    own: Address,
    /// Where rewritten messages are put while they are sent.
    spool: PathBuf,
    senders: Senders,
    turns: Turns,
}

/// Answer to a submission that the service has taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Unique; for the client and the log.
    pub id: String,
    /// The message in the sender's mailbox, if its id outlived the sending.
    pub sent_copy: Option<RemoteId>,
}

/// A message that was sent a while ago.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SentCopy {
    pub remote: RemoteId,
    /// Of the bytes as the client submitted them.
    pub received: journal::Digest,
    pub begun: Timestamp,
}

impl Submitter {
    pub fn new(
        backend: Arc<dyn Backend>,
        journal: Arc<dyn Journal>,
        clock: Clock,
        own: Address,
        spool: PathBuf,
    ) -> Self {
        let (senders, turns) = (Senders::default(), Turns::default());
        Self { backend, journal, clock, own, spool, senders, turns }
    }

    /// Sends a message and removes its file. `Ok` means that the service has taken it.
    ///
    /// The caller should let it run to its end even if the client is gone; if it is dropped, the
    /// journal knows how far it came.
    ///
    /// # Errors
    /// `SenderRefused`, `RecipientRefused`, `Unacceptable`, `TooLarge`, or what the service said.
    /// `InDoubt`, `Unreachable` and `Defect` may leave it unsent or sent: the same submission again
    /// finds out before it sends anything.
    pub async fn submit(&self, submission: Submission) -> Outcome<Accepted> {
        let Submission { envelope, message } = submission;
        let file = TempPath::try_from_path(&message.path).map_err(parcel::broken)?;
        self.check_sender(&envelope).await?;
        let parcel = self.pack(envelope, message).await?;
        let limit = self.backend.limits().submission;
        if parcel.message.size > limit {
            return Err(Kind::TooLarge { limit }.into());
        }
        let _turn = self.turns.take(turn_of(&parcel)).await;
        let accepted = match self.settle_earlier(&parcel).await? {
            Some(accepted) => accepted,
            None => self.send(&parcel).await?,
        };
        drop(file);
        Ok(accepted)
    }

    /// Notes that the client has the answer, so that the same submission again is meant as another.
    pub async fn confirm(&self, accepted: &Accepted) -> Outcome<()> {
        let Some(attempt) = self.journal.find(&accepted.id).await? else { return Ok(()) };
        let Stage::Sent { copy, answer: Answer::Unknown } = attempt.stage else { return Ok(()) };
        self.journal.advance(&attempt.id, &Stage::Sent { copy, answer: Answer::Delivered }).await
    }

    /// The last message sent under this Message-ID (angle brackets included), so that a client's own
    /// copy for its Sent folder can be told from a new message.
    pub async fn find_sent(&self, message_id: &str) -> Outcome<Option<SentCopy>> {
        let attempts = self.journal.named(message_id).await?;
        Ok(attempts.into_iter().find_map(|attempt| match attempt.stage {
            Stage::Sent { copy, .. } => {
                Some(SentCopy { remote: copy, received: attempt.received, begun: attempt.begun })
            }
            _ => None,
        }))
    }

    async fn pack(&self, envelope: Envelope, message: Spooled) -> Outcome<Parcel> {
        let domain = self.own.as_str().rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let defaults = Defaults {
            message_id: format!("<{}@{domain}>", uuid::Uuid::new_v4()),
            date: self.clock.now(),
            from: self.own.clone(),
        };
        let spool = self.spool.clone();
        let packed = tokio::task::spawn_blocking(move || {
            parcel::pack(&message, &envelope, &defaults, &spool)
        });
        packed.await.map_err(Fault::defect)?
    }

    /// What an earlier try of the same submission came to, if that is the answer to this one.
    async fn settle_earlier(&self, parcel: &Parcel) -> Outcome<Option<Accepted>> {
        let Some(earlier) = self.journal.latest(&parcel.key).await? else { return Ok(None) };
        match &earlier.stage {
            Stage::Sent { copy, answer: Answer::Unknown } if self.is_retry(&earlier, parcel) => {
                tracing::info!(submission.id = %earlier.id, "a retry got the first answer");
                Ok(Some(accepted(&earlier, copy)))
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

    /// Without a Message-ID of the client's own, two like alerts cannot be told from a retry, and
    /// losing one would be worse than a double.
    fn is_retry(&self, earlier: &Attempt, parcel: &Parcel) -> bool {
        parcel.naming == Naming::Client && !self.is_past_window(earlier)
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
        self.journal.begin(&attempt).await?;
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
            match self.look(attempt).await {
                Ok(Look::Draft(draft)) => {
                    self.record(attempt, Stage::Staged(draft.clone())).await?;
                    return Ok(draft);
                }
                Ok(Look::Unsent) if tries < TRIES => self.clock.back_off(PAUSE * tries).await,
                // The entry stays in doubt, so that the draft is found should it turn up.
                _ => return Err(fault),
            }
            tries += 1;
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
            match self.look(attempt).await {
                Ok(Look::Sent(copy)) => return Ok(self.record_sent(attempt, copy).await),
                Ok(Look::Draft(_)) if tries < TRIES => self.clock.back_off(PAUSE * tries).await,
                Ok(Look::Draft(_)) => return Err(fault),
                Ok(Look::Unsent | Look::Unknown) | Err(_) => {
                    return Err(Fault::from(Kind::InDoubt).because(fault));
                }
            }
            tries += 1;
        }
    }

    async fn record(&self, attempt: &mut Attempt, stage: Stage) -> Outcome<()> {
        self.journal.advance(&attempt.id, &stage).await?;
        attempt.stage = stage;
        Ok(())
    }

    /// The service has it, so the client is told so even if the journal fails: the entry then stays
    /// in doubt, and a look will settle it.
    async fn record_sent(&self, attempt: &Attempt, copy: RemoteId) -> Accepted {
        let accepted = accepted(attempt, &copy);
        let stage = Stage::Sent { copy, answer: Answer::Unknown };
        if let Err(fault) = self.journal.advance(&attempt.id, &stage).await {
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
        if let Err(fault) = self.journal.advance(&attempt.id, &refused).await {
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

#[cfg(test)]
mod doubles;
#[cfg(test)]
mod tests;
