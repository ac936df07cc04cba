//! What one walk through a folder's changes brought, before it is believed.

use std::collections::{BTreeSet, HashMap};

use super::pages::Pages;
use crate::backend::{Page, RemoteChange, RemoteMessage};
use crate::mailbox::{Cursor, Outcome, RemoteId};
use crate::store::Incoming;

/// The last word on each message counts: pages may repeat themselves (reference B.6.2).
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) upserts: HashMap<RemoteId, RemoteMessage>,
    /// To be looked up: the service told too little.
    pub(super) touched: BTreeSet<RemoteId>,
    /// To be verified: "removed" may be a hint only (reference B.6.4).
    pub(super) gone: BTreeSet<RemoteId>,
    pub(super) cursor: Option<Cursor>,
    pages: Pages,
}

impl Round {
    pub(super) fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.touched.is_empty() && self.gone.is_empty()
    }

    pub(super) fn tells_of(&self, message: &RemoteId) -> bool {
        self.upserts.contains_key(message)
            || self.touched.contains(message)
            || self.gone.contains(message)
    }

    /// Takes a page in; answers where to go on, if there is more.
    ///
    /// # Errors
    /// `Defect` if the pages do not come to an end.
    pub(super) fn fold(&mut self, page: Page<RemoteMessage>) -> Outcome<Option<Cursor>> {
        for change in page.changes {
            match change {
                RemoteChange::Upsert(message) => {
                    self.touched.remove(&message.id);
                    self.gone.remove(&message.id);
                    self.upserts.insert(message.id.clone(), message);
                }
                RemoteChange::Touched(id) => {
                    self.upserts.remove(&id);
                    self.gone.remove(&id);
                    self.touched.insert(id);
                }
                RemoteChange::Gone(id) => {
                    self.upserts.remove(&id);
                    self.touched.remove(&id);
                    self.gone.insert(id);
                }
            }
        }
        self.pages.turn(self.upserts.len() + self.touched.len() + self.gone.len())?;
        self.cursor = Some(page.cursor.clone());
        Ok(page.more.then_some(page.cursor))
    }
}

impl From<RemoteMessage> for Incoming {
    fn from(message: RemoteMessage) -> Self {
        Self {
            remote: message.id,
            version: message.version,
            flags: message.flags,
            received: message.received,
            estimate: message.estimate,
            thread: message.thread,
        }
    }
}
