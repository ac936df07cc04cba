//! What STATUS tells: of one folder, or of many at once.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};

use super::sync::{Need, WATCHES_MAX};
use super::{Account, Status};
use crate::backend::Urgency;
use crate::mailbox::{Fault, Folder, FolderPath, Outcome, RemoteId};

/// Folders listed for the first time side by side: one less than the service lets one mailbox ask
/// at a time (reference B.11), so that other sessions are not kept waiting.
const LISTINGS_AT_ONCE: usize = 3;

/// Whether someone wants to know how much a folder weighs: that reads every row of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weighing {
    Asked,
    Unasked,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Figures {
    pub status: Status,
    /// The folder's own id, which outlives every rename.
    pub id: RemoteId,
    /// Octets of all messages, if that was asked; see `Store::octets`.
    pub size: Option<u64>,
}

impl Account {
    /// At most one poll old. The folder is watched for a while after: who asks once asks again.
    pub async fn figures(&self, path: &FolderPath, weighing: Weighing) -> Outcome<Figures> {
        let folder = self.existing(path).await?;
        self.desk(folder.id).note_interest(self.0.clock.instant());
        self.figures_of(folder, weighing).await
    }

    /// The same without watching: among hundreds of folders those that someone has open would wait
    /// for their turn.
    pub async fn glance(&self, path: &FolderPath, weighing: Weighing) -> Outcome<Figures> {
        let folder = self.existing(path).await?;
        self.figures_of(folder, weighing).await
    }

    /// Looks into all these folders, twenty to a request, so that `glance` finds them fresh. One that was
    /// never listed costs a listing.
    ///
    /// # Errors
    /// A fault that all of them share; one folder's own trouble is its own.
    pub async fn survey(&self, paths: &[FolderPath]) -> Outcome<()> {
        let now = self.0.clock.instant();
        let wanted: HashSet<&FolderPath> = paths.iter().collect();
        let (mut listed, mut unlisted) = (Vec::new(), Vec::new());
        for folder in self.0.store.folders().await? {
            if !wanted.contains(&folder.path) {
                continue;
            }
            let desk = self.desk(folder.id);
            if self.0.store.cursor(folder.id).await?.is_none() {
                unlisted.push(folder);
            } else if desk.turn.last().is_none_or(|last| now.since(last) >= self.0.pace.poll) {
                listed.push((folder, desk));
            }
        }
        for some in listed.chunks(WATCHES_MAX) {
            self.poll(None, some).await.or_else(own_trouble)?;
        }
        let mut listings = stream::iter(unlisted)
            .map(async |folder: Folder| {
                self.refresh(&folder, Need::Now, Urgency::Interactive).await
            })
            .buffer_unordered(LISTINGS_AT_ONCE);
        while let Some(listing) = listings.next().await {
            listing.or_else(own_trouble)?;
        }
        Ok(())
    }

    async fn figures_of(&self, folder: Folder, weighing: Weighing) -> Outcome<Figures> {
        let status = self.status_of(&folder).await?;
        let size = match weighing {
            Weighing::Asked => Some(self.0.store.octets(folder.id).await?),
            Weighing::Unasked => None,
        };
        Ok(Figures { status, id: folder.remote, size })
    }
}

fn own_trouble(fault: Fault) -> Outcome<()> {
    if fault.is_general() { Err(fault) } else { Ok(()) }
}
