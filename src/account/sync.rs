//! Bringing folders up to date, and the task that does so by itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use super::look::Place;
use super::pages::Pages;
use super::round::Round;
use super::submit::Leftovers;
use super::turn::Entered;
use super::upkeep::Upkeep;
use super::{Account, Hydration, Inner};
use crate::backend::{RemoteChange, RemoteMessage, Seen, Urgency, Watch};
use crate::mailbox::{Epoch, Fault, Folder, Kind, Outcome, RemoteId, Role};
use crate::store::{Applied, Incoming};

/// How news may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// Asked of the service after the call.
    Now,
    Within(Duration),
}

/// Watches in one request (reference B.11), the folder tree included.
pub(super) const WATCHES_MAX: usize = 20;

/// More touched messages than this are read by listing the folder (a thousand to a request) than by
/// looking each up (twenty to a request).
pub(super) const LOOK_UPS_MAX: usize = 200;

/// Walks begun again because their cursor was lost on the way, before the folder is given up for now.
const WALK_RESTARTS: usize = 2;

/// The longest pause between two tries while the service does not answer.
const PAUSE_MAX: Duration = Duration::from_secs(300);

impl Account {
    /// Keeps the mailbox up to date until dropped, and fetches ahead of need if that is wanted.
    pub async fn run(&self) {
        match self.0.pace.hydration {
            Hydration::Off => self.keep_up().await,
            Hydration::On => {
                tokio::join!(Box::pin(self.keep_up()), Box::pin(self.hydrate()));
            }
        }
    }

    /// The tree, the inbox, then what is watched.
    async fn keep_up(&self) {
        let mut pause = self.0.pace.poll;
        let mut leftovers = Leftovers::All;
        let mut upkeep = Upkeep::default();
        loop {
            let began = self.0.clock.instant();
            self.0.shelf.tidy(began);
            pause = match self.tick().await {
                Ok(()) => {
                    leftovers = self.settle_leftovers(leftovers).await;
                    self.remove_unwanted_copies().await;
                    upkeep = self.keep_tidy(upkeep).await;
                    self.0.looks.send_modify(|looks| looks.good += 1);
                    self.0.pace.poll
                }
                Err(fault) => {
                    tracing::warn!(account = %self.0.address, %fault, "could not look for changes");
                    self.0.looks.send_modify(|looks| looks.bad += 1);
                    (pause * 2).min(PAUSE_MAX)
                }
            };
            self.0.clock.sleep_until(began.plus(pause)).await;
        }
    }

    /// One look at everything that is watched: one request while nothing has changed.
    pub(super) async fn tick(&self) -> Outcome<()> {
        let tree_known = self.0.store.folder_cursor().await?.is_some();
        if !tree_known {
            self.refresh_tree(Need::Now, Urgency::Poll).await?;
        }
        self.list_inbox_first().await?;
        self.settle_filings(None).await?;
        if tree_known { self.poll_watched().await } else { Ok(()) }
    }

    async fn list_inbox_first(&self) -> Outcome<()> {
        match self.0.store.folder_by_role(Role::Inbox).await? {
            Some(inbox) if self.0.store.cursor(inbox.id).await?.is_none() => {
                self.refresh(&inbox, Need::Now, Urgency::Poll).await
            }
            _ => Ok(()),
        }
    }

    async fn poll_watched(&self) -> Outcome<()> {
        let now = self.0.clock.instant();
        let mut watched = Vec::new();
        for folder in self.0.store.folders().await? {
            let desk = self.desk(folder.id);
            if folder.role == Some(Role::Inbox) || desk.is_wanted(now) {
                watched.push((folder, desk));
            }
        }
        // Those looked at longest ago go first, so that more folders than fit take turns.
        watched.sort_by_key(|(_, desk)| desk.turn.last());
        self.poll(self.0.tree.try_enter(), &watched).await
    }

    /// Asks about as many of these folders as fit into one request, and about the tree if it is this
    /// one's turn to. Folders that someone looks at just now are left out.
    ///
    /// # Errors
    /// A fault that all share, or the first one if nothing went well.
    pub(super) async fn poll(
        &self,
        tree_turn: Option<Entered<'_>>,
        folders: &[(Folder, Arc<Desk>)],
    ) -> Outcome<()> {
        let now = self.0.clock.instant();
        let mut asked_about = Vec::new();
        let mut watches = Vec::new();
        if let (Some(turn), Some(cursor)) = (&tree_turn, self.0.store.folder_cursor().await?) {
            turn.begin();
            watches.push(Watch::Folders(cursor));
        }
        for (folder, desk) in folders {
            if watches.len() == WATCHES_MAX {
                break;
            }
            let Some(turn) = desk.turn.try_enter() else { continue };
            let Some(since) = self.0.store.cursor(folder.id).await? else { continue };
            turn.begin();
            watches.push(Watch::Messages { folder: folder.remote.clone(), since });
            asked_about.push((folder, turn));
        }
        if watches.is_empty() {
            return Ok(());
        }
        let asked = self.0.store.epoch();
        let mut answers = self.0.backend.poll(&watches).await?.into_iter();
        let mut heard = Heard::default();
        if let (Some(turn), Some(Watch::Folders(_))) = (tree_turn, watches.first()) {
            let taken = self.take_tree_answer(answers.next(), asked).await;
            heard.note(taken.map(|()| turn.succeed(now)));
        }
        for ((folder, turn), answer) in asked_about.into_iter().zip(answers) {
            let taken = self.take_folder_answer(folder, answer, asked).await;
            if let Err(fault) = &taken {
                tracing::warn!(account = %self.0.address, folder = %folder.path, %fault, "could not look into a folder");
            }
            heard.note(taken.map(|()| turn.succeed(now)));
        }
        heard.end()
    }

    async fn take_tree_answer(&self, answer: Option<Outcome<Seen>>, asked: Epoch) -> Outcome<()> {
        match answer {
            Some(Ok(Seen::Folders(page))) => {
                self.fold_tree_changes(page, asked, Urgency::Poll).await
            }
            Some(Err(fault)) if *fault.kind() == Kind::CursorExpired => {
                self.walk_tree(Urgency::Poll).await
            }
            Some(Err(fault)) => Err(fault),
            Some(Ok(Seen::Messages(_))) | None => Err(Fault::defect("poll answered out of order")),
        }
    }

    async fn take_folder_answer(
        &self,
        folder: &Folder,
        answer: Outcome<Seen>,
        asked: Epoch,
    ) -> Outcome<()> {
        match answer {
            Ok(Seen::Messages(page)) => {
                let mut round = Round::default();
                let more = round.fold(page)?;
                self.finish_round(folder, round, more, (asked, Urgency::Poll)).await
            }
            Ok(Seen::Folders(_)) => Err(Fault::defect("poll answered out of order")),
            Err(fault) => self.recover(folder, fault, Urgency::Poll).await,
        }
    }

    /// Brings one folder up to date, unless that was done recently enough or while waiting.
    pub(super) async fn refresh(
        &self,
        folder: &Folder,
        need: Need,
        urgency: Urgency,
    ) -> Outcome<()> {
        let desk = self.desk(folder.id);
        let ticket = desk.turn.ticket();
        if let (Need::Within(age), Some(last)) = (need, desk.turn.last())
            && self.0.clock.instant().since(last) < age
        {
            return Ok(());
        }
        let turn = desk.turn.enter().await;
        if turn.served(ticket) {
            return Ok(());
        }
        turn.begin();
        let began = self.0.clock.instant();
        self.settle_filings(Some(folder.id)).await?;
        self.pull(folder, urgency).await?;
        turn.succeed(began);
        Ok(())
    }

    async fn pull(&self, folder: &Folder, urgency: Urgency) -> Outcome<()> {
        let Some(cursor) = self.0.store.cursor(folder.id).await? else {
            return self.enumerate(folder, urgency).await;
        };
        let asked = self.0.store.epoch();
        match self.0.backend.changes(&folder.remote, Some(&cursor), urgency).await {
            Ok(page) => {
                let mut round = Round::default();
                let more = round.fold(page)?;
                self.finish_round(folder, round, more, (asked, urgency)).await
            }
            Err(fault) => self.recover(folder, fault, urgency).await,
        }
    }

    /// A lost cursor costs a full walk and not one UID; a folder that is gone costs the tree a walk.
    async fn recover(&self, folder: &Folder, fault: Fault, urgency: Urgency) -> Outcome<()> {
        match fault.kind() {
            Kind::CursorExpired => {
                tracing::info!(account = %self.0.address, folder = %folder.path, "change cursor lost: listing again");
                self.enumerate(folder, urgency).await
            }
            Kind::NoSuchFolder => {
                self.refresh_tree(Need::Within(self.0.pace.freshness), urgency).await?;
                Err(fault)
            }
            _ => Err(fault),
        }
    }

    /// Follows a round of changes to its end and records it.
    async fn finish_round(
        &self,
        folder: &Folder,
        mut round: Round,
        mut more: Option<crate::mailbox::Cursor>,
        (asked, urgency): (Epoch, Urgency),
    ) -> Outcome<()> {
        while let Some(cursor) = more {
            match self.0.backend.changes(&folder.remote, Some(&cursor), urgency).await {
                Ok(page) => more = round.fold(page)?,
                Err(fault) => return self.recover(folder, fault, urgency).await,
            }
        }
        let quiet = round.is_empty();
        let desk = self.desk(folder.id);
        let mut untold = desk.ahead(asked);
        untold.retain(|message| !round.tells_of(message));
        self.record(folder, round, asked, urgency).await?;
        self.settle_doubts(folder, urgency).await?;
        let many = untold.len() > LOOK_UPS_MAX;
        if !many && !untold.is_empty() {
            self.look_up_into(folder, &untold, None, urgency).await?;
        }
        desk.settle_ahead(asked);
        if many || !quiet || desk.audit_due(self.0.clock.instant(), self.0.pace.audit) {
            self.audit(folder, urgency).await?;
        }
        Ok(())
    }

    async fn record(
        &self,
        folder: &Folder,
        round: Round,
        asked: Epoch,
        urgency: Urgency,
    ) -> Outcome<()> {
        let store = &self.0.store;
        let Round { upserts, touched, gone, cursor, .. } = round;
        if touched.is_empty() && gone.is_empty() {
            let upserts = upserts.into_values().map(Incoming::from).collect();
            let page = Applied::Page { upserts, gone: Vec::new(), asked, cursor };
            return store.apply(folder.id, page).await.map(drop);
        }
        if !upserts.is_empty() {
            let upserts = upserts.into_values().map(Incoming::from).collect();
            let page = Applied::Page { upserts, gone: Vec::new(), asked, cursor: None };
            store.apply(folder.id, page).await?;
        }
        // What was never in the index need not be proved gone.
        let suspects: Vec<RemoteId> = gone.into_iter().collect();
        let known = store.by_remote(folder.id, &suspects).await?;
        let suspects = suspects.into_iter().zip(known).filter_map(|(id, row)| row.map(|_| id));
        let questions: Vec<RemoteId> = touched.into_iter().chain(suspects).collect();
        self.look_up_into(folder, &questions, cursor, urgency).await.map(drop)
    }

    /// Walks the whole folder. Known messages keep their UIDs; what is missing from the walk is
    /// verified before it is believed gone.
    async fn enumerate(&self, folder: &Folder, urgency: Urgency) -> Outcome<()> {
        let store = &self.0.store;
        let asked = store.epoch();
        let mut round = self.walk(folder, urgency).await?;
        self.fill_in(folder, &mut round, urgency).await?;
        let known = store.remotes(folder.id).await?;
        let cursor = round.cursor.take();
        let untold: Vec<RemoteId> = std::mem::take(&mut round.touched).into_iter().collect();
        if !untold.is_empty() {
            store.apply(folder.id, Applied::Doubted { remotes: untold, asked }).await?;
        }
        let missing: Vec<RemoteId> =
            known.iter().filter(|id| !round.upserts.contains_key(*id)).cloned().collect();
        let rows = round.upserts.into_values().map(Incoming::from).collect();
        if known.is_empty() {
            store.apply(folder.id, Applied::Listing { rows, asked, cursor }).await?;
        } else {
            let page = Applied::Page { upserts: rows, gone: Vec::new(), asked, cursor: None };
            store.apply(folder.id, page).await?;
            self.look_up_into(folder, &missing, cursor, urgency).await?;
        }
        self.settle_doubts(folder, urgency).await?;
        self.desk(folder.id).note_audit(self.0.clock.instant());
        Ok(())
    }

    /// All pages of a folder from the start; a walk that goes stale on the way is begun again.
    async fn walk(&self, folder: &Folder, urgency: Urgency) -> Outcome<Round> {
        let mut round = Round::default();
        let mut next = None;
        let mut restarts = 0;
        loop {
            match self.0.backend.changes(&folder.remote, next.as_ref(), urgency).await {
                Ok(page) => match round.fold(page)? {
                    Some(cursor) => next = Some(cursor),
                    None => return Ok(round),
                },
                Err(fault) if *fault.kind() == Kind::CursorExpired && restarts < WALK_RESTARTS => {
                    restarts += 1;
                    (round, next) = (Round::default(), None);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Completes a walk whose entries told too little; `touched` keeps what no one will tell of.
    async fn fill_in(&self, folder: &Folder, round: &mut Round, urgency: Urgency) -> Outcome<()> {
        if round.touched.len() > LOOK_UPS_MAX {
            for message in self.list(folder, urgency).await? {
                if round.touched.remove(&message.id) {
                    round.upserts.insert(message.id.clone(), message);
                }
            }
        }
        let touched: Vec<RemoteId> = std::mem::take(&mut round.touched).into_iter().collect();
        let places = self.places_of(&touched, urgency).await?;
        for (id, place) in touched.into_iter().zip(places) {
            match place {
                Place::At(message) if message.folder == folder.remote => {
                    round.upserts.insert(id, message);
                }
                Place::At(_) | Place::Gone => {}
                Place::Untold(_) => drop(round.touched.insert(id)),
            }
        }
        Ok(())
    }

    async fn list(&self, folder: &Folder, urgency: Urgency) -> Outcome<Vec<RemoteMessage>> {
        let mut found = Vec::new();
        let mut next = None;
        let mut pages = Pages::default();
        loop {
            let page = self.0.backend.listing(&folder.remote, next.as_ref(), urgency).await?;
            found.extend(page.changes.into_iter().filter_map(|change| match change {
                RemoteChange::Upsert(message) => Some(message),
                RemoteChange::Touched(_) | RemoteChange::Gone(_) => None,
            }));
            pages.turn(found.len())?;
            if !page.more {
                return Ok(found);
            }
            next = Some(page.cursor);
        }
    }

    /// Compares our count with the service's. A difference that a listing cannot explain is noted, so
    /// that it does not cost a listing again.
    async fn audit(&self, folder: &Folder, urgency: Urgency) -> Outcome<()> {
        let desk = self.desk(folder.id);
        let theirs = self.0.backend.count(&folder.remote, urgency).await?;
        desk.note_audit(self.0.clock.instant());
        if self.0.gap(folder, theirs).await? == desk.unlisted() {
            return Ok(());
        }
        tracing::info!(account = %self.0.address, folder = %folder.path, "counts differ: listing the folder");
        let asked = self.0.store.epoch();
        let listed = self.list(folder, urgency).await?;
        let present: HashSet<RemoteId> = listed.iter().map(|message| message.id.clone()).collect();
        let upserts = listed.into_iter().map(Incoming::from).collect();
        let page = Applied::Page { upserts, gone: Vec::new(), asked, cursor: None };
        self.0.store.apply(folder.id, page).await?;
        // Paging drifts while mail moves, so absence from a listing is a suspicion, not a proof.
        let known = self.0.store.remotes(folder.id).await?;
        let missing: Vec<RemoteId> = known.into_iter().filter(|id| !present.contains(id)).collect();
        self.look_up_into(folder, &missing, None, urgency).await?;
        self.settle_doubts(folder, urgency).await?;
        desk.note_unlisted(self.0.gap(folder, theirs).await?);
        Ok(())
    }
}

/// What a poll of several folders came to.
#[derive(Debug, Default)]
struct Heard {
    good: bool,
    first_fault: Option<Fault>,
    /// A fault that all folders share.
    general: Option<Fault>,
}

impl Heard {
    fn note(&mut self, taken: Outcome<()>) {
        let Err(fault) = taken else {
            self.good = true;
            return;
        };
        let place = if fault.is_general() { &mut self.general } else { &mut self.first_fault };
        place.get_or_insert(fault);
    }

    /// One folder's own trouble does not make the others wait longer.
    ///
    /// # Errors
    /// A fault that all share, or the first one if nothing went well.
    fn end(self) -> Outcome<()> {
        let own = self.first_fault.filter(|_| !self.good);
        self.general.or(own).map_or(Ok(()), Err)
    }
}

impl Inner {
    /// How many more items the service counts than the index holds.
    async fn gap(&self, folder: &Folder, theirs: u64) -> Outcome<i64> {
        let ours = self.store.counts(folder.id).await?.messages;
        Ok(i64::try_from(theirs).unwrap_or(i64::MAX).saturating_sub(i64::from(ours)))
    }
}
