//! What is done once a day: forgetting what nothing needs any more.

use std::time::Duration;

use super::Account;
use super::look::Place;
use crate::backend::Urgency;
use crate::mailbox::{Outcome, Timestamp};

/// Seconds between two runs. What is forgotten is counted in days.
const EVERY: i64 = 24 * 60 * 60;

/// Seconds from the start to the first run: whoever starts the bridge wants mail first.
const AT_FIRST: i64 = 10 * 60;

/// Seconds after a run that failed.
const AGAIN: i64 = 60 * 60;

/// Messages asked about in one run, at twenty to a request: the rest waits for the next day.
const QUESTIONS_MAX: u32 = 200;

/// When the next run is due. `None` before anyone looked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Upkeep(Option<Timestamp>);

impl Account {
    /// Tidies up if it is time to; answers when it is time again.
    pub(super) async fn keep_tidy(&self, upkeep: Upkeep) -> Upkeep {
        let now = self.0.clock.now();
        let Some(due) = upkeep.0 else { return self.first_upkeep(now).await };
        if now < due {
            return upkeep;
        }
        let wait = match self.tidy_up().await {
            Ok(()) => EVERY,
            Err(fault) => {
                tracing::warn!(account = %self.0.address, %fault, "could not tidy the index up");
                AGAIN
            }
        };
        Upkeep(Some(Timestamp(now.0.saturating_add(wait))))
    }

    async fn first_upkeep(&self, now: Timestamp) -> Upkeep {
        let last = self.0.store.last_prune().await.ok().flatten();
        let due = last.map_or(now.0, |last| last.0.saturating_add(EVERY));
        // A clock that was put back must not put the run off for ever.
        let due = due.clamp(now.0.saturating_add(AT_FIRST), now.0.saturating_add(EVERY));
        Upkeep(Some(Timestamp(due)))
    }

    async fn tidy_up(&self) -> Outcome<()> {
        let began = self.0.clock.instant();
        self.0.store.prune().await?;
        self.settle_orphans().await?;
        self.0.store.note_prune().await?;
        let took: Duration = self.0.clock.instant().since(began);
        tracing::debug!(account = %self.0.address, ?took, "tidied the index up");
        Ok(())
    }

    /// Bytes that the service could not give back are kept while it has their message, in whatever
    /// folder: it may be one that no client has opened yet.
    async fn settle_orphans(&self) -> Outcome<()> {
        let orphans = self.0.store.pinned_orphans(QUESTIONS_MAX).await?;
        let places = self.places_of(&orphans, Urgency::Prefetch).await?;
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for (message, place) in orphans.into_iter().zip(places) {
            match place {
                Place::Gone => gone.push(message),
                Place::At(_) | Place::Untold(_) => kept.push(message),
            }
        }
        self.0.store.settle_orphans(gone, kept).await
    }
}
