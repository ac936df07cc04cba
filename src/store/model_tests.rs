//! Random histories of a folder: a service whose truth moves, answers that take their time and come
//! in any order and twice, writes of ours in between. However it went, once every answer is in and
//! every doubt was looked up, the index holds the truth, no UID was ever used for two messages, and
//! every session that slept at any point catches up to the same picture, by the log or by a snapshot;
//! and a snapshot that was moved on now and then is the one that would be read anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::testing::{Fixture, draft, fixture, mail, remote, seen};
use super::{Applied, Incoming, Sizes};
use crate::mailbox::{
    Epoch, Expunges, Kind, RemoteId, RemoteVersion, Snapshot, SystemFlag, Uid, View,
};

/// Few, so that histories collide.
const MESSAGES: u8 = 5;

/// A question or a write on its way: sent, then carried out by the service, then heard of.
#[derive(Clone, Debug)]
enum Flight {
    Delta(Epoch),
    Listing(Epoch),
    LookUp(Epoch, u8),
    Write(Epoch, Write, u8),
    Back(Applied),
}

#[derive(Clone, Copy, Debug)]
enum Write {
    Flag,
    Add,
    Remove,
}

/// The service's side of the folder.
#[derive(Default)]
struct Service {
    truth: BTreeMap<RemoteId, Incoming>,
    /// Changed since the delta cursor.
    dirty: BTreeSet<RemoteId>,
    versions: u32,
}

struct World {
    here: Fixture,
    service: Service,
    flights: Vec<Flight>,
    heard: Vec<Applied>,
    sleepers: Vec<View>,
    snapshot: Arc<Snapshot>,
    owners: BTreeMap<Uid, RemoteId>,
}

fn name(pick: u8) -> String {
    format!("m{}", pick % MESSAGES)
}

/// Every other message is a draft.
fn message(pick: u8, version: u32) -> Incoming {
    let (name, version) = (name(pick), version.to_string());
    if pick.is_multiple_of(2) {
        draft(&name, &version)
    } else {
        Incoming { version: Some(RemoteVersion::new(version)), ..mail(&name, i64::from(pick)) }
    }
}

impl Service {
    fn add(&mut self, pick: u8) -> Incoming {
        self.versions += 1;
        let fresh = message(pick % MESSAGES, self.versions);
        self.dirty.insert(fresh.remote.clone());
        self.truth.entry(fresh.remote.clone()).or_insert(fresh).clone()
    }

    fn remove(&mut self, pick: u8) {
        self.truth.remove(&remote(&name(pick)));
        self.dirty.insert(remote(&name(pick)));
    }

    fn flag(&mut self, pick: u8) -> Option<Incoming> {
        let row = self.truth.get_mut(&remote(&name(pick)))?;
        self.versions += 1;
        row.version = Some(RemoteVersion::new(self.versions.to_string()));
        row.flags = match row.flags.has(SystemFlag::Seen) {
            true => row.flags.clone().without(SystemFlag::Seen),
            false => seen(row.clone()).flags,
        };
        self.dirty.insert(row.remote.clone());
        Some(row.clone())
    }

    /// Carries out what was sent; `None` if the service refuses.
    fn serve(&mut self, flight: Flight) -> Option<Applied> {
        Some(match flight {
            Flight::Back(applied) => applied,
            Flight::Listing(asked) => Applied::Listing {
                rows: self.truth.values().cloned().collect(),
                asked,
                cursor: None,
            },
            Flight::Delta(asked) => {
                let dirty = std::mem::take(&mut self.dirty);
                let (there, gone) = dirty.into_iter().partition(|id| self.truth.contains_key(id));
                let there: Vec<RemoteId> = there;
                let upserts = there.iter().map(|id| self.truth[id].clone()).collect();
                Applied::Page { upserts, gone, asked, cursor: None }
            }
            Flight::LookUp(asked, pick) => self.look_up(&remote(&name(pick)), asked),
            Flight::Write(asked, Write::Flag, pick) => {
                Applied::Written { rows: vec![self.flag(pick)?], asked }
            }
            Flight::Write(asked, Write::Add, pick) => {
                Applied::Added { rows: vec![self.add(pick)], asked, spared: vec![] }
            }
            Flight::Write(asked, Write::Remove, pick) => {
                self.remove(pick);
                Applied::Removed { remotes: vec![remote(&name(pick))], asked }
            }
        })
    }

    fn look_up(&self, id: &RemoteId, asked: Epoch) -> Applied {
        let upserts: Vec<Incoming> = self.truth.get(id).cloned().into_iter().collect();
        let gone = if upserts.is_empty() { vec![id.clone()] } else { vec![] };
        Applied::Page { upserts, gone, asked, cursor: None }
    }
}

impl World {
    async fn new() -> Self {
        let here = fixture().await;
        let (service, owners) = (Service::default(), BTreeMap::new());
        let snapshot = here.store.snapshot(here.inbox, Sizes::Exact).await.unwrap();
        let (flights, heard, sleepers) = (vec![], vec![], vec![]);
        Self { here, service, flights, heard, sleepers, snapshot, owners }
    }

    async fn step(&mut self, (what, pick): (u8, u8)) {
        let asked = self.here.store.epoch();
        let at = usize::from(pick) % self.flights.len().max(1);
        match what % 14 {
            0 | 1 => drop(self.service.add(pick)),
            2 => self.service.remove(pick),
            3 => drop(self.service.flag(pick)),
            4 => self.flights.push(Flight::Delta(asked)),
            5 => self.flights.push(Flight::Listing(asked)),
            6 => self.flights.push(Flight::LookUp(asked, pick)),
            7 => self.flights.push(Flight::Write(asked, Write::Flag, pick)),
            8 => self.flights.push(Flight::Write(asked, Write::Add, pick)),
            9 => self.flights.push(Flight::Write(asked, Write::Remove, pick)),
            10 if !self.flights.is_empty() => {
                let served = self.service.serve(self.flights.swap_remove(at));
                self.flights.extend(served.map(Flight::Back));
            }
            11 | 12 if !self.flights.is_empty() => {
                let flight = self.flights.swap_remove(at);
                self.land(flight).await;
            }
            13 if !self.heard.is_empty() => {
                let again = self.heard[usize::from(pick) % self.heard.len()].clone();
                self.apply(again).await;
            }
            _ => self.sleepers.push(self.here.view().await),
        }
    }

    async fn land(&mut self, flight: Flight) {
        if let Some(applied) = self.service.serve(flight) {
            if matches!(applied, Applied::Page { .. } | Applied::Listing { .. }) {
                self.heard.push(applied.clone());
            }
            self.apply(applied).await;
        }
    }

    /// Applies, and checks the promises that hold at every moment.
    async fn apply(&mut self, applied: Applied) {
        let before = self.here.contents().await;
        let highest = self.here.highest().await;
        let newest = self.owners.last_key_value().map(|(uid, _)| *uid);
        let receipt = self.here.apply(applied).await;
        let after = self.here.contents().await;
        assert_eq!(receipt.changed, before != after);
        assert_eq!(receipt.changed, receipt.highest > highest);
        for (uid, id, _) in after {
            let (uid, id) = (Uid::new(uid).unwrap(), remote(&id));
            match self.owners.get(&uid) {
                Some(owner) => assert_eq!(*owner, id, "a UID was given to another message"),
                None => assert!(newest.is_none_or(|newest| uid > newest), "UIDs went backwards"),
            }
            self.owners.insert(uid, id);
        }
        if receipt.highest.get().is_multiple_of(3) {
            self.advance().await;
        }
    }

    /// Moves the snapshot on and compares it with what the index says.
    async fn advance(&mut self) {
        let (store, inbox) = (&self.here.store, self.here.inbox);
        let moved = store.advance(inbox, Arc::clone(&self.snapshot), Sizes::Exact).await.unwrap();
        let (rows, highest) = store.all_rows(inbox).await.unwrap();
        let counts = store.counts(inbox).await.unwrap();
        assert_eq!(
            (moved.through(), moved.next(), moved.len()),
            (highest, counts.next, rows.len())
        );
        for (index, row) in rows.iter().enumerate() {
            let line = moved.line(index);
            assert_eq!((line.uid, line.modseq, line.size), (row.uid, row.modseq, row.size));
            assert_eq!((line.flags, line.received), (&row.flags, row.received));
        }
        let tally = moved.tally();
        assert_eq!((tally.messages, tally.unseen), (counts.messages, counts.unseen));
        assert_eq!((tally.deleted, tally.first_unseen), (counts.deleted, counts.first_unseen));
        self.snapshot = moved;
    }

    async fn settle(&mut self) {
        while let Some(flight) = self.flights.pop() {
            self.land(flight).await;
        }
        self.land(Flight::Delta(self.here.store.epoch())).await;
        let doubts = self.here.store.doubts(self.here.inbox).await.unwrap();
        for doubt in doubts {
            let answer = self.service.look_up(&doubt, self.here.store.epoch());
            self.apply(answer).await;
        }
        assert!(self.here.store.doubts(self.here.inbox).await.unwrap().is_empty());
    }

    async fn check(&mut self) {
        let (rows, highest) = self.here.store.all_rows(self.here.inbox).await.unwrap();
        let here: BTreeMap<_, _> = rows
            .iter()
            .map(|row| (row.remote.clone(), (row.flags.clone(), row.version.clone())))
            .collect();
        let there: BTreeMap<_, _> = self
            .service
            .truth
            .iter()
            .map(|(id, row)| (id.clone(), (row.flags.clone(), row.version.clone())))
            .collect();
        assert_eq!(here, there);
        self.advance().await;
        for view in &mut self.sleepers {
            let changes = self.here.store.changes(self.here.inbox, view.seen()).await.unwrap();
            let mut other = view.clone();
            let told = view.catch_up(&changes, Expunges::Announce);
            assert_eq!(view.uids(), rows.iter().map(|row| row.uid).collect::<Vec<_>>());
            assert_eq!(view.seen(), highest);
            let seen = self.snapshot.changes_for(&other);
            assert_eq!(other.catch_up(&seen, Expunges::Announce), told);
            assert_eq!((other.uids(), other.seen()), (view.uids(), view.seen()));
            other.share(self.snapshot.uids());
            assert!(other.shares(self.snapshot.uids()));
        }
    }
}

proptest! {
    // A quarter of the usual number: each case syncs some dozen commits to disk.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn however_answers_and_writes_cross_the_index_ends_up_with_the_truth(
        steps in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.step(step).await;
            }
            world.settle().await;
            world.check().await;
            world.here = world.here.reopen().await;
            world.check().await;
        });
    }
}

/// Found by a long run of the history above: the question goes out before the write, and the service
/// answers it after.
#[tokio::test]
async fn an_answer_given_after_a_write_and_asked_before_it_is_not_forgotten() {
    let mut world = World::new().await;
    let early = Flight::Delta(world.here.store.epoch());
    let write = Flight::Write(world.here.store.epoch(), Write::Remove, 0);
    let removed = world.service.serve(write).unwrap();
    world.service.add(0);
    let seen_after = world.service.serve(early).unwrap();
    world.apply(seen_after).await;
    world.apply(removed).await;
    world.settle().await;
    world.check().await;
}

#[tokio::test]
async fn fifty_thousand_messages_are_listed_numbered_and_counted() {
    let here = fixture().await;
    let rows: Vec<Incoming> = (0..50_000).map(|n| mail(&format!("m{n:06}"), 50_000 - n)).collect();
    assert!(here.list(rows.clone()).await.changed);
    let counts = here.store.counts(here.inbox).await.unwrap();
    assert_eq!((counts.messages, counts.unseen, counts.next.get()), (50_000, 50_000, 50_001));
    let (uids, _) = here.store.uids(here.inbox).await.unwrap();
    assert_eq!(uids.len(), 50_000);
    let oldest = here.store.rows(here.inbox, &[Uid::FIRST]).await.unwrap();
    assert_eq!(oldest[0].remote, remote("m049999"));
    assert!(!here.list(rows).await.changed);
}

#[tokio::test]
async fn a_folder_that_is_not_there_takes_nothing() {
    let here = fixture().await;
    let nowhere = crate::mailbox::FolderId::new(99);
    let page =
        Applied::Added { rows: vec![mail("a", 1)], asked: here.store.epoch(), spared: vec![] };
    let fault = here.store.apply(nowhere, page).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::NoSuchFolder);
}
