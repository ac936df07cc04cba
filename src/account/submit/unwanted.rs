//! Removing the sender's copy where none is wanted (`save_to_sent = false`).
//!
//! The service always files one of a message that it gets as MIME (reference B.8), and what became of a message in
//! doubt is known by it. So it is removed afterwards, when the journal knows that the message was sent.

use super::Submitter;
use crate::account::Account;
use crate::backend::{Urgency, Writing};
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, Role};
use crate::store::{Attempt, Stage};

/// What a look at a copy found.
enum Copy {
    There(RemoteId),
    /// It is not in Sent Items yet.
    NotYet,
    /// A client has filed its own in its place.
    Gone,
}

impl Account {
    /// Removes the copies that are not wanted. Costs no request if there are none.
    pub(in crate::account) async fn remove_unwanted_copies(&self) {
        if let Err(fault) = self.0.submitter.remove_unwanted_copies().await {
            tracing::info!(account = %self.0.address, %fault, "copies in Sent Items stay for now");
        }
    }
}

impl Submitter {
    /// # Errors
    /// One of those for which some stay; the others are removed all the same.
    pub(super) async fn remove_unwanted_copies(&self) -> Outcome<()> {
        let mut outcome = Ok(());
        if self.backend.rights().writing == Writing::Refused {
            return outcome;
        }
        for attempt in self.store.unwanted_copies().await? {
            outcome = self.remove_copy(&attempt).await.and(outcome);
        }
        outcome
    }

    async fn remove_copy(&self, attempt: &Attempt) -> Outcome<()> {
        match self.find_copy(attempt).await? {
            // From here on no client's message is taken for it.
            Copy::There(copy) if self.store.give_up_copy(&attempt.id).await? => {
                self.destroy(copy).await?;
            }
            Copy::There(_) => return Ok(()),
            Copy::NotYet if self.is_past_window(attempt) => {}
            Copy::NotYet => return Ok(()),
            Copy::Gone => {}
        }
        self.store.forget_unwanted(&attempt.id).await
    }

    async fn find_copy(&self, attempt: &Attempt) -> Outcome<Copy> {
        let Stage::Sent { copy, .. } = &attempt.stage else { return Ok(Copy::NotYet) };
        let wanted = std::slice::from_ref(copy);
        let mut found = self.backend.look_up(wanted, Urgency::Poll).await?;
        let sent = self.store.folder_by_role(Role::Sent).await?.map(|folder| folder.remote);
        match found.pop().unwrap_or_else(|| Err(Fault::defect("look_up answered nothing"))) {
            Ok(message) if Some(&message.folder) == sent.as_ref() => {
                return Ok(Copy::There(message.id));
            }
            // On its way there, or put elsewhere by someone who wants it.
            Ok(_) => return Ok(Copy::NotYet),
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => {}
            Err(fault) => return Err(fault),
        }
        // Where ids do not outlast the sending.
        Ok(match self.sent_copy_of(attempt).await? {
            // The one that a client has filed is the client's.
            Some(copy) if self.store.is_filed(&copy).await? => Copy::Gone,
            Some(copy) => Copy::There(copy),
            None => Copy::NotYet,
        })
    }

    async fn destroy(&self, copy: RemoteId) -> Outcome<()> {
        self.backend.destroy(&[copy]).await?.into_iter().collect()
    }
}
