//! Tidying up after a process that ended in the middle of a submission.

use std::time::Duration;

use super::Submitter;
use super::doubt::Look;
use super::journal::{Answer, Attempt, Stage};
use crate::backend::Trace;
use crate::mailbox::{Outcome, RemoteId, Timestamp};

/// How long sent messages are remembered: clients file their own copy within minutes, some only
/// when they are next online.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Submitter {
    /// Settles every attempt of unknown fate: what was sent is recorded as sent, and drafts that
    /// were not are taken back. The client was not told that those were sent, and will try again.
    ///
    /// To be called when the account starts, and again if `Ok(false)` says that some stay in doubt.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn settle_leftovers(&self) -> Outcome<bool> {
        let mut all = true;
        for attempt in self.journal.unsettled().await? {
            if let Err(fault) = self.settle_leftover(&attempt.id).await {
                tracing::info!(submission.id = %attempt.id, cause = %fault, "a submission stays in doubt");
                all = false;
            }
        }
        let kept = i64::try_from(REMEMBERED.as_secs()).unwrap_or(i64::MAX);
        self.journal.expire(Timestamp(self.clock.now().0.saturating_sub(kept))).await?;
        Ok(all)
    }

    async fn settle_leftover(&self, id: &str) -> Outcome<()> {
        let Some(attempt) = self.journal.find(id).await? else { return Ok(()) };
        let _name = self.turns.take(attempt.message_id.clone()).await;
        let _key = self.turns.take(attempt.key.to_string()).await;
        // A client's retry may have come first.
        let Some(attempt) = self.journal.find(id).await? else { return Ok(()) };
        if let Stage::Refused { leftover: Some(leftover) } = &attempt.stage {
            self.backend.unstage(leftover).await?;
            return self.journal.advance(id, &Stage::Refused { leftover: None }).await;
        }
        if !attempt.stage.is_unsettled() {
            return Ok(());
        }
        let stage = match self.look(&attempt).await? {
            Look::Sent(copy) => Stage::Sent { copy, answer: Answer::Unknown },
            Look::Draft(draft) => self.withdraw(&attempt, &draft).await?,
            Look::Unsent => Stage::Refused { leftover: None },
            Look::Unknown => return Err(crate::mailbox::Kind::InDoubt.into()),
        };
        self.journal.advance(id, &stage).await
    }

    /// Takes a draft back and makes sure that it was not sent at the same moment, by a request that
    /// outlived the process that made it.
    async fn withdraw(&self, attempt: &Attempt, draft: &RemoteId) -> Outcome<Stage> {
        self.backend.unstage(draft).await?;
        let sent_before = self.find_sent(&attempt.message_id).await?.is_some();
        match self.trace(attempt).await? {
            Some(Trace::Sent(copy)) if !sent_before => {
                Ok(Stage::Sent { copy, answer: Answer::Unknown })
            }
            _ => Ok(Stage::Refused { leftover: None }),
        }
    }
}
