//! Tidying up after submissions whose client did not come back, and after a process that ended early.

use std::time::Duration;

use super::doubt::{Look, still_in_doubt};
use super::{Account, LATEST, Submitter};
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
        // What the queue looks after is known only when it was read.
        if let Err(fault) = self.0.outbox.load().await {
            tracing::info!(account = %self.0.address, %fault, "submissions are not settled without the queue");
            return which;
        }
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
            let is_due = which == Leftovers::All || self.is_past_window(&attempt);
            // The queue goes on with its own.
            if is_due && !self.queued.has(&attempt.id) {
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
        let _key = self.keys.try_take(listed.key.to_string()).ok_or_else(busy)?;
        let _name = self.turns.try_take(listed.message_id.clone()).ok_or_else(busy)?;
        let Some(attempt) = self.store.attempt(&listed.id).await? else { return Ok(()) };
        match self.settled(&attempt).await? {
            Some(stage) => self.store.advance_attempt(&attempt.id, &stage).await,
            None => Ok(()),
        }
    }

    /// How an attempt ends that shall not be sent, if it was not sent before; `None` if it is at its end, or
    /// has to wait.
    ///
    /// # Errors
    /// If that cannot be found out now.
    pub(super) async fn settled(&self, attempt: &Attempt) -> Outcome<Option<Stage>> {
        let refused = Stage::Refused { leftover: None };
        Ok(Some(match &attempt.stage {
            Stage::Sent { .. } | Stage::Refused { leftover: None } => return Ok(None),
            Stage::Refused { leftover: Some(draft) } | Stage::Growing(draft) => {
                self.backend.unstage(draft).await?;
                refused
            }
            Stage::Staging | Stage::Planting => match self.look(attempt).await? {
                Look::Draft(draft) => {
                    self.backend.unstage(&draft).await?;
                    refused
                }
                // The request may be at work still; a second look comes when nobody waits any more.
                _ if self.is_recent(attempt) => return Ok(None),
                _ => refused,
            },
            Stage::Staged(_) => match self.look(attempt).await? {
                Look::Sent(copy) => Stage::Sent { copy, answer: Answer::Missed },
                // It may be on its way, and look like any draft meanwhile.
                Look::Draft(_) if self.is_recent(attempt) => return Ok(None),
                Look::Draft(draft) => self.withdraw(attempt, &draft).await?,
                Look::Unsent => refused,
                Look::Unknown => return Err(Kind::InDoubt.into()),
            },
        }))
    }

    /// Takes a draft back and makes sure that it was not sent at the same moment, by a request that
    /// outlived the process that made it.
    pub(super) async fn withdraw(&self, attempt: &Attempt, draft: &RemoteId) -> Outcome<Stage> {
        self.backend.unstage(draft).await.map_err(still_in_doubt)?;
        Ok(match self.sent_copy_of(attempt).await? {
            Some(copy) => Stage::Sent { copy, answer: Answer::Missed },
            None => Stage::Refused { leftover: None },
        })
    }

    /// Whether what was last asked for it may still be at work.
    pub(super) fn is_recent(&self, attempt: &Attempt) -> bool {
        self.age(attempt) < LATEST
    }
}
