//! What one mailbox may send in a while: more is refused here, with a word that lets the client wait, before
//! the service holds it back or blocks the mailbox (reference E).
//!
//! The journal knows what went out. Beside it stand what is under way and not journalled yet, and what
//! is never journalled.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Submission as Rules;
use crate::mailbox::{Kind, Outcome, Quota, Timestamp};
use crate::store::{Outgoing, Store, first_id};

/// Seconds in which messages are counted.
const MINUTE: i64 = 60;
/// Seconds in which recipients are counted.
const DAY: i64 = 24 * 60 * 60;

#[derive(Debug, Default)]
pub(super) struct Sent(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// In the order in which they came.
    under_way: Vec<Outgoing>,
    /// Within a day.
    unjournalled: Vec<Outgoing>,
}

/// A message that has its place among those of its minute and its day.
#[derive(Debug)]
pub(super) struct Place<'a> {
    sent: &'a Sent,
    outgoing: Outgoing,
}

impl Sent {
    /// Whether one more message would have a place now.
    ///
    /// # Errors
    /// `TooMuch`.
    pub(super) async fn check(&self, store: &Store, now: Timestamp, rules: &Rules) -> Outcome<()> {
        let known = self.known().before(now);
        self.has_room(store, known, (now, 1), rules).await
    }

    /// A place for one message; it counts until this is dropped, and from then on if it was journalled.
    ///
    /// # Errors
    /// `TooMuch`.
    pub(super) async fn place(
        &self,
        store: &Store,
        outgoing: Outgoing,
        rules: &Rules,
    ) -> Outcome<Place<'_>> {
        // Only those before this one count: of two at once, one has the last place.
        let before = self.enter(outgoing.clone());
        let place = Place { sent: self, outgoing };
        let wanted = (place.outgoing.begun, place.outgoing.recipients);
        self.has_room(store, before, wanted, rules).await?;
        Ok(place)
    }

    async fn has_room(
        &self,
        store: &Store,
        before: Vec<Outgoing>,
        (now, wanted): (Timestamp, u32),
        rules: &Rules,
    ) -> Outcome<()> {
        let since = Timestamp(now.0.saturating_sub(DAY - 1));
        let journalled = store.outgoing_since(since).await?;
        let all: HashMap<String, Outgoing> = before
            .into_iter()
            .chain(journalled)
            .map(|one| (first_id(&one.id).to_owned(), one))
            .collect();
        let is_young = |one: &&Outgoing| now.0.saturating_sub(one.begun.0) < MINUTE;
        if all.values().filter(is_young).count() >= rules.messages_per_minute {
            return Err(Kind::TooMuch(Quota::Messages).into());
        }
        let recipients: u64 = all.values().map(|one| u64::from(one.recipients)).sum();
        let most = u64::try_from(rules.recipients_per_day).unwrap_or(u64::MAX);
        if recipients + u64::from(wanted) > most {
            return Err(Kind::TooMuch(Quota::Recipients).into());
        }
        Ok(())
    }

    /// What is known beside the journal, this one excluded.
    fn enter(&self, outgoing: Outgoing) -> Vec<Outgoing> {
        let mut known = self.known();
        let before = known.before(outgoing.begun);
        known.under_way.push(outgoing);
        before
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What is known of the day before.
    fn before(&mut self, now: Timestamp) -> Vec<Outgoing> {
        self.unjournalled.retain(|one| now.0.saturating_sub(one.begun.0) < DAY);
        self.under_way.iter().chain(&self.unjournalled).cloned().collect()
    }
}

impl Place<'_> {
    /// It went out, or may have, and the journal does not know.
    pub(super) fn keep(&self) {
        self.sent.known().unjournalled.push(self.outgoing.clone());
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.sent.known().under_way.retain(|one| one.id != self.outgoing.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    struct World {
        store: Store,
        sent: Sent,
        rules: Rules,
        _directory: tempfile::TempDir,
    }

    impl World {
        async fn new(rules: Rules) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path(), Clock::manual(Timestamp(0))).await.unwrap();
            Self { store, sent: Sent::default(), rules, _directory: directory }
        }

        async fn place(&self, begun: i64, recipients: u32) -> Outcome<Place<'_>> {
            let id = uuid::Uuid::new_v4().to_string();
            let outgoing = Outgoing { id, begun: Timestamp(begun), recipients };
            self.sent.place(&self.store, outgoing, &self.rules).await
        }
    }

    #[tokio::test]
    async fn a_minute_holds_so_many_messages_and_those_not_sent_do_not_count() {
        let world = World::new(Rules { messages_per_minute: 2, ..Rules::default() }).await;
        world.place(100, 1).await.unwrap().keep();
        let unsent = world.place(130, 1).await.unwrap();
        let refused = world.place(159, 1).await.unwrap_err();
        assert_eq!(*refused.kind(), Kind::TooMuch(Quota::Messages));
        drop(unsent);
        world.place(159, 1).await.unwrap().keep();
        world.place(159, 1).await.unwrap_err();
        world.place(160, 1).await.unwrap();
    }

    #[tokio::test]
    async fn a_day_holds_so_many_recipients() {
        let world = World::new(Rules { recipients_per_day: 10, ..Rules::default() }).await;
        world.place(0, 4).await.unwrap().keep();
        world.place(1_000, 6).await.unwrap().keep();
        let refused = world.place(DAY - 1, 1).await.unwrap_err();
        assert_eq!(*refused.kind(), Kind::TooMuch(Quota::Recipients));
        world.place(DAY, 4).await.unwrap().keep();
        world.place(DAY, 1).await.unwrap_err();
    }

    #[tokio::test]
    async fn of_two_at_once_one_has_the_last_place() {
        let world = World::new(Rules { messages_per_minute: 1, ..Rules::default() }).await;
        let (first, second) = tokio::join!(world.place(0, 1), world.place(0, 1));
        assert!(first.is_ok() != second.is_ok());
    }
}
