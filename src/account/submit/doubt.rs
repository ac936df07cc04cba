//! Looking at the mailbox to learn what became of an attempt whose outcome was lost.

use std::fs::File;
use std::time::Duration;

use super::Submitter;
use super::parcel;
use crate::backend::{Trace, Urgency};
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, SystemFlag, Timestamp};
use crate::store::{Attempt, Stage};

/// How far the service's clock may be behind ours when we ask for what was made since.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// What a look found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// It was sent; this is the sender's copy.
    Sent(RemoteId),
    /// This attempt's draft is there: it was not sent.
    Draft(RemoteId),
    /// It was not sent, and there is no draft of it.
    Unsent,
    /// The draft is gone and no sent copy is to be seen (yet).
    Unknown,
}

impl Submitter {
    /// # Errors
    /// If the mailbox cannot be looked at: then the doubt remains.
    pub(super) async fn look(&self, attempt: &Attempt) -> Outcome<Look> {
        match &attempt.stage {
            Stage::Staging => self.look_for_draft(attempt).await,
            Stage::Staged(draft) => self.look_at_draft(attempt, draft).await,
            Stage::Sent { copy, .. } => Ok(Look::Sent(copy.clone())),
            Stage::Refused { .. } => Ok(Look::Unsent),
        }
    }

    /// Nothing was dispatched yet, so a sent copy under this Message-ID is of an earlier attempt.
    async fn look_for_draft(&self, attempt: &Attempt) -> Outcome<Look> {
        match self.trace(attempt).await? {
            Some(Trace::Draft(draft)) if self.is_ours(attempt, &draft).await? => {
                Ok(Look::Draft(draft))
            }
            _ => Ok(Look::Unsent),
        }
    }

    async fn look_at_draft(&self, attempt: &Attempt, draft: &RemoteId) -> Outcome<Look> {
        let wanted = std::slice::from_ref(draft);
        let mut found = self.backend.look_up(wanted, Urgency::Interactive).await?;
        match found.pop().unwrap_or_else(|| Err(Fault::defect("look_up answered nothing"))) {
            Ok(message) if message.flags.has(SystemFlag::Draft) => {
                return Ok(Look::Draft(message.id));
            }
            Ok(message) => return Ok(Look::Sent(message.id)),
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => {}
            Err(fault) => return Err(fault),
        }
        match self.trace(attempt).await? {
            Some(Trace::Sent(copy)) => Ok(Look::Sent(copy)),
            Some(Trace::Draft(other)) if self.is_ours(attempt, &other).await? => {
                Ok(Look::Draft(other))
            }
            // By now a sent copy would be there: someone has removed the draft.
            _ if self.is_past_window(attempt) => Ok(Look::Unsent),
            _ => Ok(Look::Unknown),
        }
    }

    pub(super) async fn trace(&self, attempt: &Attempt) -> Outcome<Option<Trace>> {
        let skew = i64::try_from(CLOCK_SKEW.as_secs()).unwrap_or(i64::MAX);
        let since = Timestamp(attempt.begun.0.saturating_sub(skew));
        self.backend.trace(&attempt.message_id, since).await
    }

    /// Whether a draft that bears the Message-ID has this attempt's very bytes. Clients save drafts
    /// under the Message-ID that they send with: such a draft is the user's, and must neither be
    /// sent in place of the message nor be removed.
    async fn is_ours(&self, attempt: &Attempt, draft: &RemoteId) -> Outcome<bool> {
        let file = self.store.spool().await?;
        match self.backend.fetch(draft, file.path(), Urgency::Interactive).await {
            Ok(_) => {}
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => return Ok(false),
            Err(fault) => return Err(fault),
        }
        let compared = tokio::task::spawn_blocking(move || {
            parcel::digest(&mut File::open(file.path()).map_err(parcel::broken)?)
        });
        let digest = compared.await.map_err(|_| Fault::defect("comparing messages broke off"))?;
        Ok(digest? == attempt.staged)
    }
}
