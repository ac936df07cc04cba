//! Looking at the mailbox to learn what became of an attempt whose outcome was lost.

use std::fs::File;
use std::time::Duration;

use super::likeness::likeness;
use super::{LATEST, Submitter, parcel};
use crate::backend::{Traced, Traces, Urgency};
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, SystemFlag, Timestamp};
use crate::store::{Attempt, Stage};

/// How far back sent copies of the same Message-ID are asked for: whoever uses it for several messages has the
/// others in view as well.
const BEFORE: Duration = Duration::from_secs(5 * 60);
/// How far the service's servers may disagree about the time, in seconds. Less than lies between a client's
/// saving of a draft and its sending.
const SKEW: i64 = 5;

/// What a look found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// It was sent; this is the sender's copy.
    Sent(RemoteId),
    /// This attempt's draft is there: it was not sent.
    Draft(RemoteId),
    /// It was not sent, and there is no draft of it (yet).
    Unsent,
    /// The draft is gone and no sent copy is to be seen (yet).
    Unknown,
}

impl Submitter {
    /// # Errors
    /// If the mailbox cannot be looked at: then the doubt remains, so no such fault is final.
    pub(super) async fn look(&self, attempt: &Attempt) -> Outcome<Look> {
        match &attempt.stage {
            Stage::Staging | Stage::Planting => self.look_for_draft(attempt).await,
            Stage::Growing(draft) => Ok(Look::Draft(draft.clone())),
            Stage::Staged(draft) => {
                self.look_at_draft(attempt, draft).await.map_err(still_in_doubt)
            }
            Stage::Sent { copy, .. } => Ok(Look::Sent(copy.clone())),
            Stage::Refused { .. } => Ok(Look::Unsent),
        }
    }

    /// Nothing was dispatched yet, so a sent copy under this Message-ID is of another attempt.
    async fn look_for_draft(&self, attempt: &Attempt) -> Outcome<Look> {
        let latest = attempt.since.0.saturating_add(late());
        let draft = self.draft_of(attempt, Timestamp(latest)).await?;
        Ok(draft.map_or(Look::Unsent, Look::Draft))
    }

    /// A draft of the attempt's message that no other has made, made no later than `latest`.
    pub(super) async fn draft_of(
        &self,
        attempt: &Attempt,
        latest: Timestamp,
    ) -> Outcome<Option<RemoteId>> {
        let mut traces = self.trace(attempt).await?;
        let others = self.others(attempt).await?;
        let made = attempt.begun.0.saturating_sub(SKEW)..=latest.0;
        traces.drafts.retain(|draft| made.contains(&draft.created.0));
        traces.drafts.sort_by_key(|draft| draft.created);
        for Traced { id, .. } in traces.drafts {
            let is_other = others.iter().any(|other| other.stage.remote() == Some(&id));
            if !is_other && !self.store.is_filed(&id).await? && self.is_ours(attempt, &id).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
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
        match self.sent_copy_of(attempt).await? {
            Some(copy) => Ok(Look::Sent(copy)),
            // By now a sent copy would be there: someone has removed the draft.
            None if self.is_past_window(attempt) => Ok(Look::Unsent),
            None => Ok(Look::Unknown),
        }
    }

    /// A copy under the attempt's Message-ID that no other attempt has made.
    pub(super) async fn sent_copy_of(&self, attempt: &Attempt) -> Outcome<Option<RemoteId>> {
        let sent = self.trace(attempt).await?.sent;
        let others = self.others(attempt).await?;
        Ok(unclaimed(attempt, sent, &others))
    }

    async fn trace(&self, attempt: &Attempt) -> Outcome<Traces> {
        let tracing = self.backend.trace(&attempt.message_id, earliest(attempt));
        tracing.await.map_err(still_in_doubt)
    }

    async fn others(&self, attempt: &Attempt) -> Outcome<Vec<Attempt>> {
        let mut named = self.store.attempts_named(&attempt.message_id).await?;
        named.retain(|other| other.id != attempt.id);
        Ok(named)
    }

    /// Whether a draft has this attempt's very bytes, or says the same where the service writes them anew.
    /// Clients save drafts under the Message-ID that they send with: such a draft is the user's, and must
    /// neither be sent in place of the message nor be removed.
    async fn is_ours(&self, attempt: &Attempt, draft: &RemoteId) -> Outcome<bool> {
        let file = self.store.spool().await?;
        match self.backend.fetch(draft, file.path(), Urgency::Interactive).await {
            Ok(_) => {}
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => return Ok(false),
            Err(fault) => return Err(still_in_doubt(fault)),
        }
        let (staged, alike) = (attempt.staged, attempt.likeness);
        let compared = tokio::task::spawn_blocking(move || {
            let digest = parcel::digest(&mut File::open(file.path()).map_err(parcel::broken)?)?;
            Ok(digest == staged || alike.is_some() && likeness(file.path())? == alike)
        });
        compared.await.map_err(|_| Fault::defect("comparing messages broke off"))?
    }
}

/// Whoever may not look learns nothing by it: the message may have been sent.
pub(super) fn still_in_doubt(fault: Fault) -> Fault {
    match fault.may_pass() {
        true => fault,
        false => Fault::from(Kind::InDoubt).because(fault),
    }
}

fn earliest(attempt: &Attempt) -> Timestamp {
    let before = i64::try_from(BEFORE.as_secs()).unwrap_or(i64::MAX);
    Timestamp(attempt.begun.0.saturating_sub(before))
}

fn late() -> i64 {
    i64::try_from(LATEST.as_secs()).unwrap_or(i64::MAX)
}

/// The copy that belongs to `attempt`, of all that bear its Message-ID: several messages may bear it. Where ids
/// do not outlast the sending, each of the others accounts for the earliest copy that may be its own.
fn unclaimed(attempt: &Attempt, mut copies: Vec<Traced>, others: &[Attempt]) -> Option<RemoteId> {
    copies.sort_by_key(|copy| copy.created);
    let mut unnamed = Vec::new();
    for other in others {
        let Stage::Sent { copy, .. } = &other.stage else { continue };
        match copies.iter().position(|traced| traced.id == *copy) {
            Some(at) => drop(copies.remove(at)),
            None if other.since >= earliest(attempt) => unnamed.push(other.begun),
            None => {}
        }
    }
    unnamed.sort_unstable();
    let from = |begun: Timestamp| begun.0.saturating_sub(SKEW);
    for begun in unnamed {
        if let Some(at) = copies.iter().position(|copy| copy.created.0 >= from(begun)) {
            copies.remove(at);
        }
    }
    let own = copies.into_iter().find(|copy| copy.created.0 >= from(attempt.begun));
    own.map(|copy| copy.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Answer, Digest, SentCopy};

    fn attempt(begun: i64, stage: Stage) -> Attempt {
        let digest = Digest([0; 32]);
        Attempt {
            id: begun.to_string(),
            key: digest,
            message_id: "<same@a.test>".into(),
            received: digest,
            staged: digest,
            likeness: None,
            recipients: 1,
            begun: Timestamp(begun),
            stage,
            since: Timestamp(begun),
            sent_copy: SentCopy::Kept,
        }
    }

    fn sent(begun: i64, copy: &str) -> Attempt {
        attempt(begun, Stage::Sent { copy: RemoteId::new(copy), answer: Answer::Delivered })
    }

    fn copies(list: &[(&str, i64)]) -> Vec<Traced> {
        let copy = |(id, created): &(&str, i64)| Traced {
            id: RemoteId::new(*id),
            created: Timestamp(*created),
        };
        list.iter().map(copy).collect()
    }

    fn own(found: &[(&str, i64)], others: &[Attempt]) -> Option<String> {
        let mine = attempt(1_000, Stage::Staged(RemoteId::new("draft")));
        unclaimed(&mine, copies(found), others).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn a_copy_that_another_attempt_has_made_is_not_taken_for_ours() {
        assert_eq!(own(&[("a", 990), ("b", 1_001)], &[sent(990, "a")]).as_deref(), Some("b"));
        assert_eq!(own(&[("a", 990)], &[sent(990, "a")]), None);
        assert_eq!(own(&[("a", 999)], &[sent(999, "a")]), None);
    }

    #[test]
    fn where_ids_do_not_last_each_attempt_accounts_for_one_copy() {
        let others = [sent(998, "draft-1"), sent(999, "draft-2")];
        assert_eq!(own(&[("x", 998), ("y", 1_000)], &others), None);
        let found = [("x", 998), ("y", 1_000), ("z", 1_001)];
        assert_eq!(own(&found, &others).as_deref(), Some("z"));
        // Sent long before: its copy is not among those that were asked for.
        assert_eq!(own(&[("x", 1_001)], &[sent(100, "old")]).as_deref(), Some("x"));
    }

    #[test]
    fn a_copy_older_than_the_attempt_is_never_its_own() {
        assert_eq!(own(&[("x", 900)], &[]), None);
    }
}
