//! What became of a queued message of which the journal knows too little: the index is lost, or an older one
//! that someone has put back. The mailbox is looked at instead, by the Message-ID.

use std::path::PathBuf;

use super::load::Room;
use super::parcel::Parcel;
use super::queued::Known;
use super::sending::{Before, accepted};
use super::{RETRY_WINDOW, Submitter};
use crate::account::Accepted;
use crate::backend::Sending;
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, Timestamp};
use crate::store::queue::State;
use crate::store::{Answer, Attempt, Entry, Naming, Stage};

impl Submitter {
    /// What became of a message of which the journal knows too little; `None` if it certainly was not sent.
    pub(super) async fn go_on_without_journal(
        &self,
        entry: &Entry,
        parcel: &Parcel,
        state: &State,
    ) -> Outcome<Option<Accepted>> {
        let Some(attempt) = self.attempt_without_journal(entry, parcel, state).await? else {
            return Ok(None);
        };
        match &attempt.stage {
            Stage::Staged(draft) => {
                Ok(Some(self.dispatch(parcel, &attempt, draft, Before::Perhaps).await?))
            }
            _ => self.go_on(parcel, attempt).await,
        }
    }

    /// What the mailbox shows of a message of which the journal knows too little, in the journal from now on: a copy,
    /// or a draft that can be sent. A draft of which it is not known whether it is whole is taken back, once nothing
    /// that was asked for it before can be at work any more. `None` if there is nothing.
    pub(super) async fn attempt_without_journal(
        &self,
        entry: &Entry,
        parcel: &Parcel,
        state: &State,
    ) -> Outcome<Option<Attempt>> {
        let in_doubt = |cause: &str| Err(Fault::from(Kind::InDoubt).because(cause));
        let load = self.load(parcel, self.room()).await?;
        let before = match &entry.routing.follows {
            Some(_) => i64::try_from(RETRY_WINDOW.as_secs()).unwrap_or_default(),
            None => 0,
        };
        let begun = Timestamp(entry.accepted.0.saturating_sub(before));
        let mut attempt = load.attempt(parcel, self.free_id(entry).await?, begun);
        attempt.since = state.in_doubt.unwrap_or(begun);
        let may_be_sent = state.in_doubt.is_some() || before > 0;
        if may_be_sent && let Some(copy) = self.sent_copy_of(&attempt).await? {
            attempt.stage = Stage::Sent { copy, answer: Answer::Unknown };
        } else if let Some(draft) = self.any_draft_of(&attempt, parcel).await? {
            attempt.stage = match load.is_all(parcel) {
                true => Stage::Staged(draft),
                false if self.is_recent(&attempt) => {
                    return in_doubt("its draft may be on its way");
                }
                false => self.withdraw(&attempt, &draft).await?,
            };
        } else if state.in_doubt.is_some() && !self.is_past_window(&attempt) {
            return in_doubt("what a request that was cut off has done may show itself late");
        } else {
            return Ok(None);
        }
        self.store.begin_attempt(&attempt).await?;
        Ok(Some(attempt))
    }

    /// Before a message is dropped by hand: a draft of which the journal does not know is in the journal from now on,
    /// so that it is removed as others are that nobody waits for.
    pub(in crate::account) async fn note_dropped(
        &self,
        entry: &Entry,
        path: PathBuf,
        state: &State,
    ) -> Outcome<()> {
        let is_unknown = matches!(self.known(entry, state).await?, Known::TooLittle);
        if !is_unknown || self.backend.rights().sending == Sending::AtOnce {
            return Ok(());
        }
        let (parcel, now) = (Parcel::queued(entry, path), self.clock.now());
        // As it was begun, and whole.
        for draft in [self.room().draft, u64::MAX] {
            let load = self.load(&parcel, Room { draft, ..self.room() }).await?;
            let mut attempt = load.attempt(&parcel, self.free_id(entry).await?, entry.accepted);
            attempt.since = now;
            self.store.begin_attempt(&attempt).await?;
            if load.parts.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// A draft of the message: as it was begun, or whole.
    async fn any_draft_of(&self, begun: &Attempt, parcel: &Parcel) -> Outcome<Option<RemoteId>> {
        let now = self.clock.now();
        if let Some(draft) = self.draft_of(begun, now).await? {
            return Ok(Some(draft));
        }
        if begun.staged == parcel.staged {
            return Ok(None);
        }
        let whole = self.load(parcel, Room { draft: u64::MAX, ..self.room() }).await?;
        let (staged, likeness) = (whole.staged, whole.likeness);
        self.draft_of(&Attempt { staged, likeness, ..begun.clone() }, now).await
    }

    /// Someone may have put back a state folder in which the message waits though it was sent since. A copy
    /// proves that only if nobody but the bridge has given it its Message-ID: clients file copies of their own.
    pub(super) async fn sent_in_the_past(
        &self,
        entry: &Entry,
        parcel: &Parcel,
    ) -> Outcome<Option<Accepted>> {
        if entry.accepted >= self.began || entry.naming == Naming::Client {
            return Ok(None);
        }
        let load = self.load(parcel, self.room()).await?;
        let mut attempt = load.attempt(parcel, self.free_id(entry).await?, entry.accepted);
        let Some(copy) = self.sent_copy_of(&attempt).await? else { return Ok(None) };
        attempt.stage = Stage::Sent { copy: copy.clone(), answer: Answer::Unknown };
        self.store.begin_attempt(&attempt).await?;
        Ok(Some(accepted(&attempt, &copy)))
    }
}
