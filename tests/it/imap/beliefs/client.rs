//! A client that keeps a picture of the inbox from nothing but what it is told, and remembers it when
//! it goes away, as RFC 7162 §6 says it should.

use std::collections::{BTreeMap, BTreeSet};

use crate::imap_client::{Answer, ImapClient};
use crate::world::World;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Knows no mod-sequences and begins anew each time.
    Plain,
    CondStore,
    QResync,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct State {
    pub(super) flags: BTreeSet<String>,
    pub(super) modseq: u64,
}

pub(super) type Cache = BTreeMap<u32, State>;

pub(super) struct Client {
    pub(super) kind: Kind,
    pub(super) imap: Option<ImapClient>,
    /// By sequence number: the UID, where it is known.
    pub(super) places: Vec<Option<u32>>,
    pub(super) cache: Cache,
    pub(super) highest: u64,
    validity: String,
}

/// What an untagged FETCH tells.
#[derive(Debug, Default)]
struct Told {
    uid: Option<u32>,
    flags: Option<BTreeSet<String>>,
    modseq: Option<u64>,
}

impl Client {
    pub(super) fn new(kind: Kind) -> Self {
        let (places, cache) = (Vec::new(), Cache::new());
        Self { kind, imap: None, places, cache, highest: 0, validity: String::new() }
    }

    pub(super) fn is_here(&self) -> bool {
        self.imap.is_some()
    }

    pub(super) fn known(&self) -> Vec<u32> {
        self.places.iter().filter_map(|place| *place).collect()
    }

    // === coming and going ===

    pub(super) async fn come(&mut self, world: &World, sample: bool) {
        self.imap = Some(world.imap().await);
        self.places.clear();
        let resync = match self.kind {
            Kind::Plain => {
                self.cache.clear();
                String::new()
            }
            Kind::CondStore => " (CONDSTORE)".to_owned(),
            Kind::QResync => {
                self.imap().command("ENABLE QRESYNC").await.ok();
                self.resync(sample)
            }
        };
        let since = self.highest;
        let newest = self.newest();
        let answer = self.command(&format!("SELECT INBOX{resync}")).await.ok();
        let validity = answer.code("UIDVALIDITY");
        assert!(self.validity.is_empty() || self.validity == validity, "UIDVALIDITY changed");
        self.validity = validity;
        if self.kind == Kind::CondStore {
            if since > 0 {
                let fetch = format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since})");
                self.command(&fetch).await.ok();
            }
            let there: BTreeSet<u32> = self.imap().uids().await.into_iter().collect();
            self.cache.retain(|uid, _| there.contains(uid));
        }
        if self.places.len() > self.cache.len() || since == 0 {
            self.fetch(&format!("UID FETCH {}:* (FLAGS", newest + 1)).await;
        }
        self.compare("after coming back").await;
    }

    /// The parameter, with as much detail as clients like to give.
    fn resync(&self, sample: bool) -> String {
        if self.highest == 0 {
            return String::new();
        }
        let (validity, highest) = (&self.validity, self.highest);
        let uids: Vec<String> = self.cache.keys().map(u32::to_string).collect();
        if !sample || uids.is_empty() {
            return format!(" (QRESYNC ({validity} {highest}))");
        }
        let middle = uids.len() / 2;
        let (seq, uid, uids) = (middle + 1, &uids[middle], uids.join(","));
        format!(" (QRESYNC ({validity} {highest} {uids} ({seq} {uid})))")
    }

    pub(super) fn go(&mut self) {
        self.imap = None;
    }

    // === commands ===

    fn imap(&mut self) -> &mut ImapClient {
        self.imap.as_mut().expect("it is here")
    }

    /// A FETCH of flags as this kind of client asks for them; `begin` lacks the closing parenthesis.
    pub(super) async fn fetch(&mut self, begin: &str) -> Answer {
        let more = if self.kind == Kind::Plain { "" } else { " MODSEQ" };
        self.command(&format!("{begin}{more})")).await
    }

    pub(super) async fn command(&mut self, text: &str) -> Answer {
        let answer = self.imap().command(text).await;
        self.hear(&answer);
        answer
    }

    pub(super) async fn append(&mut self, message: &[u8]) {
        let answer = self.imap().append("INBOX", message).await.ok();
        self.hear(&answer);
    }

    pub(super) async fn idle(&mut self) {
        let tag = self.imap().idle().await;
        let answer = self.imap().done(&tag).await.ok();
        self.hear(&answer);
    }

    /// A STORE of which the client assumes that it did what it was told to do.
    pub(super) async fn store(&mut self, command: &str, uid: u32, (sign, flag): (&str, &str)) {
        let before = self.cache.get(&uid).cloned();
        let answer = self.command(command).await;
        let shown = answer.lines().iter().any(|line| {
            fetched(line).is_some_and(|(number, told)| {
                let place = self.places.get(number - 1).copied().flatten();
                told.flags.is_some() && told.uid.or(place) == Some(uid)
            })
        });
        let done = answer.tagged.starts_with("OK") && !answer.tagged.contains("MODIFIED");
        if let (true, false, Some(mut state)) = (done, shown, before) {
            if sign == "-" {
                state.flags.remove(flag);
            } else {
                state.flags.insert(flag.to_owned());
            }
            if let Some(known) = self.cache.get_mut(&uid) {
                known.flags = state.flags;
            }
        }
        self.learn().await;
    }

    /// Asks for what it has only been told the number of.
    pub(super) async fn learn(&mut self) {
        for _ in 0..3 {
            let known = self.known().len();
            if known == self.places.len() {
                return;
            }
            let newest = self.known().last().copied().unwrap_or(0);
            self.fetch(&format!("UID FETCH {}:* (FLAGS", newest + 1)).await.ok();
        }
        assert_eq!(self.known().len(), self.places.len(), "some messages are never told");
    }

    fn newest(&self) -> u32 {
        self.cache.last_key_value().map_or(0, |(uid, _)| *uid)
    }

    // === hearing ===

    fn hear(&mut self, answer: &Answer) {
        let (mut code, mut heard) = (None, 0);
        for line in answer.lines() {
            if let Some((number, told)) = fetched(&line) {
                heard = heard.max(told.modseq.unwrap_or(0));
                self.hear_fetch(number, told, &line);
            } else if let Some(uids) = line.strip_prefix("* VANISHED (EARLIER) ") {
                assert_eq!(self.kind, Kind::QResync, "{line}");
                numbers(uids).for_each(|uid| drop(self.cache.remove(&uid)));
            } else if let Some(uids) = line.strip_prefix("* VANISHED ") {
                assert_eq!(self.kind, Kind::QResync, "{line}");
                numbers(uids).for_each(|uid| self.vanish(uid));
            } else if let Some(number) = number_before(&line, " EXPUNGE") {
                assert_ne!(self.kind, Kind::QResync, "{line}");
                if let Some(uid) = self.places.remove(number - 1) {
                    self.cache.remove(&uid);
                }
            } else if let Some(count) = number_before(&line, " EXISTS") {
                assert!(count >= self.places.len(), "{line} of {}", self.places.len());
                self.places.resize(count, None);
            } else if line.contains("[HIGHESTMODSEQ ") {
                code = Some(answer.code("HIGHESTMODSEQ"));
            }
        }
        if answer.tagged.contains("[HIGHESTMODSEQ ") {
            code = Some(answer.code("HIGHESTMODSEQ"));
        }
        self.highest = match code {
            Some(code) => code.parse().unwrap(),
            None => self.highest.max(heard),
        };
    }

    fn hear_fetch(&mut self, number: usize, told: Told, line: &str) {
        assert!(number <= self.places.len(), "{line} of {}", self.places.len());
        assert!(self.kind != Kind::Plain || told.modseq.is_none(), "{line}");
        assert!(
            self.kind == Kind::Plain || told.flags.is_none() || told.modseq.is_some(),
            "{line}"
        );
        let place = &mut self.places[number - 1];
        if let (Some(known), Some(uid)) = (*place, told.uid) {
            assert_eq!(known, uid, "{line}");
        }
        *place = place.or(told.uid);
        let Some(uid) = *place else { return };
        let state = self.cache.entry(uid).or_default();
        state.flags = told.flags.unwrap_or_else(|| state.flags.clone());
        state.modseq = told.modseq.unwrap_or(state.modseq);
    }

    /// A UID may vanish before the client has learnt which number it has.
    fn vanish(&mut self, uid: u32) {
        self.cache.remove(&uid);
        let place = self.places.iter().position(|place| *place == Some(uid)).or_else(|| {
            let after = self.places.iter().rposition(|place| place.is_some_and(|one| one < uid));
            let begin = after.map_or(0, |index| index + 1);
            self.places[begin..].first().is_some_and(Option::is_none).then_some(begin)
        });
        self.places.remove(place.unwrap_or_else(|| panic!("{uid} is not in {:?}", self.places)));
    }

    // === the truth ===

    /// Everything the client believes against a full listing by the same session.
    pub(super) async fn compare(&mut self, when: &str) {
        let more = if self.kind == Kind::Plain { "" } else { " MODSEQ" };
        let answer = self.imap().command(&format!("FETCH 1:* (UID FLAGS{more})")).await;
        let mut truth = Cache::new();
        let mut order = Vec::new();
        for (number, told) in answer.lines().iter().filter_map(|line| fetched(line)) {
            let uid = told.uid.unwrap();
            assert_eq!(number, order.len() + 1, "{answer}");
            order.push(uid);
            let (flags, modseq) = (told.flags.unwrap(), told.modseq.unwrap_or(0));
            truth.insert(uid, State { flags, modseq });
        }
        assert_eq!(self.cache, truth, "{:?} {when}", self.kind);
        assert_eq!(self.places.len(), order.len(), "{:?} {when}", self.kind);
        for (place, uid) in self.places.iter_mut().zip(order) {
            assert_eq!(*place.get_or_insert(uid), uid, "{:?} {when}", self.kind);
        }
    }
}

// === reading lines ===

fn number_before(line: &str, word: &str) -> Option<usize> {
    line.strip_prefix("* ")?.strip_suffix(word)?.parse().ok()
}

fn fetched(line: &str) -> Option<(usize, Told)> {
    let (number, items) = line.strip_prefix("* ")?.split_once(" FETCH (")?;
    let within = |begin: &str, end: char| Some(items.split_once(begin)?.1.split_once(end)?.0);
    let flags =
        within("FLAGS (", ')').map(|flags| flags.split_whitespace().map(str::to_owned).collect());
    let uid = items
        .split_once("UID ")
        .map(|(_, rest)| rest.split([' ', ')']).next().unwrap().parse().unwrap());
    let modseq = within("MODSEQ (", ')').map(|number| number.parse().unwrap());
    Some((number.parse().ok()?, Told { uid, flags, modseq }))
}

fn numbers(set: &str) -> impl Iterator<Item = u32> {
    set.split(',').flat_map(|range| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        first.parse::<u32>().unwrap()..=last.parse().unwrap()
    })
}
