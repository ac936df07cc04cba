//! Looking single messages up: what a round of changes left open is asked about, message by message.

use std::collections::HashMap;

use super::Account;
use crate::backend::{RemoteMessage, Urgency};
use crate::mailbox::{Cursor, Epoch, Fault, Folder, Kind, Outcome, RemoteId};
use crate::store::{Applied, Incoming};

/// Rounds of settling doubts before the rest is left for the next look.
const SETTLING_ROUNDS: usize = 3;

/// What a look-up told of one message.
#[derive(Debug)]
pub(super) enum Place {
    At(RemoteMessage),
    Gone,
    /// The service does not tell, for reasons of this message's own.
    Untold(Fault),
}

impl Account {
    /// Asks for the present state of messages and records it, here and where they have moved to.
    ///
    /// A message that the service will not tell about must not hide the others for ever: it stays
    /// as it was known, in doubt, and every later look asks for it again. Answers those.
    pub(super) async fn look_up_into(
        &self,
        folder: &Folder,
        questions: &[RemoteId],
        cursor: Option<Cursor>,
        urgency: Urgency,
    ) -> Outcome<Vec<(RemoteId, Fault)>> {
        let store = &self.0.store;
        let asked = store.epoch();
        let found = self.places_of(questions, urgency).await?;
        let (mut upserts, mut gone, mut untold) = (Vec::new(), Vec::new(), Vec::new());
        let mut elsewhere: HashMap<RemoteId, Vec<Incoming>> = HashMap::new();
        for (id, place) in questions.iter().zip(found) {
            match place {
                Place::At(message) if message.folder == folder.remote => {
                    upserts.push(message.into());
                }
                Place::At(message) => {
                    gone.push(id.clone());
                    elsewhere.entry(message.folder.clone()).or_default().push(message.into());
                }
                Place::Gone => gone.push(id.clone()),
                Place::Untold(fault) => untold.push((id.clone(), fault)),
            }
        }
        // In doubt before the cursor moves on: the change that was announced must not be forgotten.
        if let Some((_, fault)) = untold.first() {
            tracing::warn!(account = %self.0.address, folder = %folder.path, messages = untold.len(), %fault,
                "the service does not tell about some messages");
            let remotes = untold.iter().map(|(id, _)| id.clone()).collect();
            store.apply(folder.id, Applied::Doubted { remotes, asked }).await?;
        }
        store.apply(folder.id, Applied::Page { upserts, gone, asked, cursor }).await?;
        for (remote, upserts) in elsewhere {
            self.record_elsewhere(&remote, upserts, asked).await?;
        }
        Ok(untold)
    }

    /// The feed of the folder that a message was moved to may never mention it (reference B.6.4, J).
    async fn record_elsewhere(
        &self,
        folder: &RemoteId,
        upserts: Vec<Incoming>,
        asked: Epoch,
    ) -> Outcome<()> {
        let store = &self.0.store;
        let Some(folder) = store.folder_by_remote(folder).await? else { return Ok(()) };
        if store.cursor(folder.id).await?.is_none() {
            return Ok(()); // Never listed: its first listing will have them.
        }
        let remotes: Vec<RemoteId> = upserts.iter().map(|row| row.remote.clone()).collect();
        let page = Applied::Page { upserts, gone: Vec::new(), asked, cursor: None };
        store.apply(folder.id, page).await?;
        self.desk(folder.id).note_ahead(remotes, store.epoch());
        Ok(())
    }

    /// Where messages are now, in the order of `ids`.
    ///
    /// # Errors
    /// A fault that all messages share.
    pub(super) async fn places_of(
        &self,
        ids: &[RemoteId],
        urgency: Urgency,
    ) -> Outcome<Vec<Place>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.0.backend.look_up(ids, urgency).await?;
        let place = |answer: Outcome<RemoteMessage>| match answer {
            Ok(message) => Ok(Place::At(message)),
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => Ok(Place::Gone),
            Err(fault) if fault.is_general() => Err(fault),
            Err(fault) => Ok(Place::Untold(fault)),
        };
        answers.into_iter().map(place).collect()
    }

    /// Entries that crossed a write of ours on the wire, or were not told of, are asked about again.
    pub(super) async fn settle_doubts(&self, folder: &Folder, urgency: Urgency) -> Outcome<()> {
        for _ in 0..SETTLING_ROUNDS {
            let doubts = self.0.store.doubts(folder.id).await?;
            if doubts.is_empty() {
                return Ok(());
            }
            let untold = self.look_up_into(folder, &doubts, None, urgency).await?;
            // What was not told just now would not be told at once either.
            if untold.len() == doubts.len() {
                return Ok(());
            }
        }
        Ok(())
    }
}
