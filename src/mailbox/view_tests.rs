//! Histories that chance decides: a folder's log moves on while clients come, hear notices, go in the
//! middle of everything and come back with what they kept, as RFC 7162 §6 tells them to.

use std::collections::BTreeMap;

use super::*;
use crate::mailbox::Memory;

const HISTORIES: u64 = 4_000;
const STEPS: usize = 60;

/// xorshift64: the same history for the same seed.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 16) % u64::from(bound)).unwrap()
    }

    fn one_in(&mut self, bound: u32) -> bool {
        self.below(bound) == 0
    }
}

/// The folder's truth with its change log, as the index would hold it.
#[derive(Default)]
struct Log {
    next_uid: u32,
    modseq: u64,
    live: BTreeMap<Uid, (u64, Flags)>,
    gone: BTreeMap<Uid, u64>,
    forgotten: u64,
}

impl Log {
    /// One transaction: its changes share one number.
    fn transact(&mut self, chance: &mut Chance) {
        let before = self.modseq;
        for _ in 0..=chance.below(3) {
            let any = Uid::new(1 + chance.below(self.next_uid.max(1))).unwrap();
            match chance.below(5) {
                0 | 1 => self.arrive(),
                2 => self.expunge(any),
                _ => self.flag(any, Flags::from_parts(1 << chance.below(6), [])),
            }
            let (last, now) = (self.modseq, before + 1);
            if last > before {
                self.live.values_mut().filter(|(at, _)| *at > before).for_each(|row| row.0 = now);
                self.gone.values_mut().filter(|at| **at > before).for_each(|at| *at = now);
                self.modseq = now;
            }
        }
        if chance.one_in(12) {
            self.forget(self.modseq - u64::from(chance.below(5)).min(self.modseq));
        }
    }

    fn arrive(&mut self) {
        self.modseq += 1;
        self.next_uid += 1;
        self.live.insert(Uid::new(self.next_uid).unwrap(), (self.modseq, Flags::none()));
    }

    fn flag(&mut self, uid: Uid, flags: Flags) {
        if let Some(row) = self.live.get_mut(&uid) {
            self.modseq += 1;
            *row = (self.modseq, flags);
        }
    }

    fn expunge(&mut self, uid: Uid) {
        if self.live.remove(&uid).is_some() {
            self.modseq += 1;
            self.gone.insert(uid, self.modseq);
        }
    }

    fn forget(&mut self, until: u64) {
        let old = self.gone.values().copied().filter(|at| *at <= until).max();
        self.forgotten = self.forgotten.max(old.unwrap_or(0));
        self.gone.retain(|_, at| *at > until);
    }

    fn since(&self, seen: ModSeq) -> Changes {
        let live = self.live.iter().filter(|(_, (at, _))| *at > seen.get());
        let live = live.map(|(&uid, (at, flags))| Change::Live {
            uid,
            flags: flags.clone(),
            modseq: ModSeq::new(*at),
        });
        let memory = if seen.get() < self.forgotten { Memory::Cut } else { Memory::Whole };
        let given = (1..=self.next_uid).filter_map(Uid::new);
        let gone = given.filter(|uid| match memory {
            Memory::Whole => self.gone.get(uid).is_some_and(|at| *at > seen.get()),
            Memory::Cut => !self.live.contains_key(uid),
        });
        let gone = gone.map(|uid| Change::Expunged { uid });
        Changes { through: ModSeq::new(self.modseq), list: live.chain(gone).collect(), memory }
    }

    fn view(&self) -> View {
        View::new(self.live.keys().copied().collect(), ModSeq::new(self.modseq))
    }

    fn flags(&self) -> BTreeMap<Uid, Flags> {
        self.live.iter().map(|(uid, (_, flags))| (*uid, flags.clone())).collect()
    }
}

/// How a client finds out what it has missed.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Flags by CHANGEDSINCE, expunges by comparing all UIDs.
    CondStore,
    QResync,
}

/// What a client believes, fed only with what it is told.
struct Client {
    kind: Kind,
    /// The session, while there is one.
    view: Option<View>,
    places: Vec<Option<Uid>>,
    /// What it keeps between two sessions.
    cache: BTreeMap<Uid, Flags>,
    highest: ModSeq,
    /// The highest number told since the last tagged answer.
    heard: ModSeq,
    behind: bool,
}

impl Client {
    fn new(kind: Kind) -> Self {
        let (cache, places) = (BTreeMap::new(), Vec::new());
        let (highest, heard) = (ModSeq::ZERO, ModSeq::ZERO);
        Self { kind, view: None, places, cache, highest, heard, behind: false }
    }

    fn newest(&self) -> u32 {
        self.cache.last_key_value().map_or(0, |(uid, _)| uid.get())
    }

    fn come(&mut self, log: &Log) {
        let view = log.view();
        let newest = self.newest();
        let changes = log.since(self.highest);
        for change in &changes.list {
            match (change, self.kind) {
                (Change::Live { uid, flags, .. }, _) if uid.get() <= newest => {
                    self.cache.insert(*uid, flags.clone());
                }
                (Change::Expunged { uid }, Kind::QResync) => drop(self.cache.remove(uid)),
                _ => {}
            }
        }
        if matches!(self.kind, Kind::CondStore) {
            self.cache.retain(|uid, _| view.seq(*uid).is_some());
        }
        let new = log.live.iter().filter(|(uid, _)| uid.get() > newest);
        self.cache.extend(new.map(|(uid, (_, flags))| (*uid, flags.clone())));
        assert_eq!(self.cache, log.flags(), "resynchronised");
        self.places = view.uids().iter().copied().map(Some).collect();
        (self.highest, self.heard, self.behind) = (view.seen(), ModSeq::ZERO, false);
        self.view = Some(view);
    }

    /// A FETCH of anything, which shows the newest state, then time for others, then the sync point.
    fn command(&mut self, log: &mut Log, chance: &mut Chance, expunges: Expunges) {
        let uids = self.view.as_ref().unwrap().uids().to_vec();
        for uid in uids {
            let unknown = !self.cache.contains_key(&uid);
            if let Some((at, flags)) = log.live.get(&uid).filter(|_| unknown || chance.one_in(4)) {
                self.cache.insert(uid, flags.clone());
                self.heard = self.heard.max(ModSeq::new(*at));
            }
        }
        if chance.one_in(3) {
            log.transact(chance);
        }
        self.sync(log, expunges);
    }

    fn sync(&mut self, log: &Log, expunges: Expunges) {
        let view = self.view.as_mut().unwrap();
        let before = view.uids.clone();
        let changes = log.since(view.seen());
        let notices = view.catch_up(&changes, expunges);
        assert!(expunges == Expunges::Announce || view.uids.starts_with(&before), "numbers moved");
        let (seen, held_back) = (view.seen(), view.seen() < changes.through);
        assert!(!held_back || (expunges == Expunges::Hold && notices.is_empty()));
        notices.iter().for_each(|notice| self.hear(notice));
        // What the tagged answer does, with the code HIGHESTMODSEQ before it where it is due.
        if held_back || self.behind {
            self.highest = seen;
        } else {
            self.highest = self.highest.max(self.heard);
        }
        (self.heard, self.behind) = (ModSeq::ZERO, held_back);
        assert!(self.highest <= seen, "ahead of what was told");
    }

    fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Expunge(seq, uid) => {
                let known = self.places.remove(seq.index());
                assert!(known.is_none_or(|known| known == *uid), "expunged the wrong message");
                self.cache.remove(uid);
            }
            Notice::Exists(count) => {
                assert!(*count as usize >= self.places.len(), "EXISTS may not shrink");
                self.places.resize(*count as usize, None);
            }
            Notice::Flags(seq, uid, flags, modseq) => {
                let place = &mut self.places[seq.index()];
                assert!(place.is_none_or(|known| known == *uid), "the wrong number");
                *place = Some(*uid);
                self.cache.insert(*uid, flags.clone());
                self.heard = self.heard.max(*modseq);
            }
        }
    }
}

fn play(seed: u64) {
    let (mut chance, mut log) = (Chance::new(seed), Log::default());
    let kinds = [Kind::CondStore, Kind::QResync, Kind::QResync];
    let mut clients = kinds.map(Client::new);
    for _ in 0..STEPS {
        let client = &mut clients[chance.below(3) as usize];
        match (chance.below(6), &client.view) {
            (0..=2, _) => log.transact(&mut chance),
            (_, None) => client.come(&log),
            (3, _) if chance.one_in(2) => client.view = None,
            (_, _) => {
                let hold = chance.one_in(2);
                let expunges = if hold { Expunges::Hold } else { Expunges::Announce };
                client.command(&mut log, &mut chance, expunges);
            }
        }
    }
    for client in &mut clients {
        if client.view.is_some() {
            client.sync(&log, Expunges::Announce);
            client.command(&mut log, &mut Chance::new(seed), Expunges::Announce);
            client.sync(&log, Expunges::Announce);
            let view = client.view.take().unwrap();
            assert_eq!(view.uids(), log.live.keys().copied().collect::<Vec<_>>());
            for (known, uid) in client.places.iter().zip(view.uids()) {
                assert!(known.is_none_or(|known| known == *uid));
            }
            assert_eq!(view.seen().get(), log.modseq);
        }
        client.come(&log);
    }
}

#[test]
fn whoever_hears_only_notices_and_leaves_at_any_time_comes_back_to_the_truth() {
    for seed in 1..=HISTORIES {
        let told = std::panic::catch_unwind(|| play(seed));
        assert!(told.is_ok(), "the history of seed {seed}");
    }
}

#[test]
fn an_expunge_that_is_held_back_holds_back_what_came_after_it() {
    let mut log = Log::default();
    (0..3).for_each(|_| log.arrive());
    let mut view = log.view();
    let begin = view.seen();
    log.expunge(Uid::new(2).unwrap());
    log.flag(Uid::FIRST, Flags::from_parts(1, []));
    log.arrive();
    assert_eq!(view.catch_up(&log.since(begin), Expunges::Hold), []);
    assert_eq!((view.seen(), view.len()), (begin, 3));
    let notices = view.catch_up(&log.since(begin), Expunges::Announce);
    let seq = |number| SeqNum::new(number).unwrap();
    let flags = Flags::from_parts(1, []);
    let expected = [
        Notice::Expunge(seq(2), Uid::new(2).unwrap()),
        Notice::Exists(3),
        Notice::Flags(seq(1), Uid::FIRST, flags, ModSeq::new(5)),
    ];
    assert_eq!(notices, expected);
    assert_eq!(view.seen().get(), log.modseq);
}
