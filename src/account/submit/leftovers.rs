//! Tidying up after submissions whose client did not come back, and after a process that ended early.

use std::time::Duration;

use super::doubt::Look;
use super::{Account, Submitter};
use crate::backend::Trace;
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, Timestamp};
use crate::store::{Answer, Attempt, Stage};

/// How long sent messages are remembered: clients file their own copy within minutes, some only
/// when they are next online.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Which attempts of unknown fate to settle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::account) enum Leftovers {
    /// After a start: whoever handed them in is gone.
    All,
    /// Those whose client has had its time to come back.
    Overdue,
}

impl Account {
    /// Settles what earlier submissions left open. Costs no request if there is nothing. Answers
    /// what is to be settled next time.
    pub(in crate::account) async fn settle_leftovers(&self, which: Leftovers) -> Leftovers {
        match self.0.submitter.settle_leftovers(which).await {
            Ok(()) => Leftovers::Overdue,
            Err(fault) => {
                tracing::info!(account = %self.0.address, cause = %fault, "submissions stay in doubt");
                which
            }
        }
    }
}

impl Submitter {
    /// What was sent is recorded as sent, and drafts that were not are taken back. In both cases the
    /// client was not told that its message was sent, and will try again.
    ///
    /// # Errors
    /// One of those that some stay in doubt for; the others are settled all the same.
    pub(super) async fn settle_leftovers(&self, which: Leftovers) -> Outcome<()> {
        let mut outcome = Ok(());
        for attempt in self.store.unsettled_attempts().await? {
            if which == Leftovers::All || self.is_past_window(&attempt) {
                outcome = self.settle_leftover(&attempt).await.and(outcome);
            }
        }
        let kept = i64::try_from(REMEMBERED.as_secs()).unwrap_or(i64::MAX);
        let before = Timestamp(self.clock.now().0.saturating_sub(kept));
        self.store.expire_attempts(before).await?;
        outcome
    }

    async fn settle_leftover(&self, listed: &Attempt) -> Outcome<()> {
        // A submission that is at work right now settles itself.
        let busy = || Fault::from(Kind::Busy).because("its client is back");
        let _name = self.turns.try_take(listed.message_id.clone()).ok_or_else(busy)?;
        let _key = self.turns.try_take(listed.key.to_string()).ok_or_else(busy)?;
        let Some(attempt) = self.store.attempt(&listed.id).await? else { return Ok(()) };
        let stage = match &attempt.stage {
            Stage::Sent { .. } | Stage::Refused { leftover: None } => return Ok(()),
            Stage::Refused { leftover: Some(leftover) } => {
                self.backend.unstage(leftover).await?;
                Stage::Refused { leftover: None }
            }
            Stage::Staging | Stage::Staged(_) => match self.look(&attempt).await? {
                Look::Sent(copy) => Stage::Sent { copy, answer: Answer::Missed },
                Look::Draft(draft) => self.withdraw(&attempt, &draft).await?,
                Look::Unsent => Stage::Refused { leftover: None },
                Look::Unknown => return Err(Kind::InDoubt.into()),
            },
        };
        self.store.advance_attempt(&attempt.id, &stage).await
    }

    /// Takes a draft back and makes sure that it was not sent at the same moment, by a request that
    /// outlived the process that made it.
    async fn withdraw(&self, attempt: &Attempt, draft: &RemoteId) -> Outcome<Stage> {
        self.backend.unstage(draft).await?;
        let sent_before = self.last_sent(&attempt.message_id).await?.is_some();
        match self.trace(attempt).await? {
            Some(Trace::Sent(copy)) if !sent_before => {
                Ok(Stage::Sent { copy, answer: Answer::Missed })
            }
            _ => Ok(Stage::Refused { leftover: None }),
        }
    }
}
