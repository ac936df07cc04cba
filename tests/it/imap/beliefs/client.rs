//! A client that keeps a picture of its folders from nothing but what it is told, and remembers it when
//! it goes away, as RFC 7162 §6 says it should.

use std::collections::{BTreeMap, BTreeSet};

use super::tell;
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
    imap: Option<ImapClient>,
    /// By sequence number: the UID, where it is known.
    pub(super) places: Vec<Option<u32>>,
    /// Which of the two folders is selected, or was when it went.
    pub(super) at: usize,
    memories: [Memory; 2],
    /// UIDVALIDITY of folders that are gone.
    former: Vec<String>,
}

/// What it remembers of a folder.
#[derive(Debug, Default)]
pub(super) struct Memory {
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
        Self {
            kind,
            imap: None,
            places: Vec::new(),
            at: 0,
            memories: Default::default(),
            former: Vec::new(),
        }
    }

    pub(super) fn is_here(&self) -> bool {
        self.imap.is_some()
    }

    pub(super) fn known(&self) -> Vec<u32> {
        self.places.iter().filter_map(|place| *place).collect()
    }

    // === coming and going ===

    pub(super) async fn come(&mut self, world: &World, name: &str, (at, sample): (usize, bool)) {
        self.imap = Some(world.imap().await);
        self.places.clear();
        if self.kind == Kind::QResync {
            self.imap().command("ENABLE QRESYNC").await.ok();
        }
        self.at = at;
        self.select(name, (at, sample)).await;
    }

    /// From wherever it is into a folder, on the connection that it has.
    pub(super) async fn select(&mut self, name: &str, (at, sample): (usize, bool)) {
        let parameter = match self.kind {
            Kind::Plain => {
                self.memories[at].cache.clear();
                String::new()
            }
            Kind::CondStore => " (CONDSTORE)".to_owned(),
            Kind::QResync => self.memories[at].parameter(sample),
        };
        let (since, newest) = (self.memories[at].highest, self.memories[at].newest());
        tell(&format!("{:?} {:?}: SELECT {name}{parameter}", self.kind, self.places));
        let mut answer = self.imap().command(&format!("SELECT {name}{parameter}")).await.ok();
        // What comes before this is about the folder that is left.
        let closed = answer.lines().iter().position(|line| line.starts_with("* OK [CLOSED]"));
        if let Some(closed) = closed {
            let untagged = answer.untagged.drain(..=closed).collect();
            self.hear(&Answer { untagged, tagged: String::new() });
        }
        (self.at, self.places) = (at, Vec::new());
        self.hear(&answer);
        let validity = answer.code("UIDVALIDITY");
        let known = &mut self.memories[at].validity;
        assert!(known.is_empty() || *known == validity, "UIDVALIDITY changed");
        assert!(!self.former.contains(&validity), "UIDVALIDITY of a folder that is gone");
        *known = validity;
        if self.kind == Kind::CondStore {
            self.catch_up(since).await;
        }
        if self.places.len() > self.here().cache.len() || since == 0 {
            self.fetch(&format!("UID FETCH {}:* (FLAGS", newest + 1)).await;
        }
        self.compare("after coming back").await;
    }

    /// RFC 7162 §6: what changed, then what is gone.
    async fn catch_up(&mut self, since: u64) {
        if since > 0 {
            let fetch = format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since})");
            self.command(&fetch).await.ok();
        }
        let answer = self.command("UID SEARCH ALL").await.ok();
        let there: BTreeSet<u32> = answer.search().into_iter().collect();
        self.here_mut().cache.retain(|uid, _| there.contains(uid));
    }

    /// The folder is another one now, under the same name.
    pub(super) fn forget(&mut self, at: usize) {
        let forgotten = std::mem::take(&mut self.memories[at]);
        self.former.extend((!forgotten.validity.is_empty()).then_some(forgotten.validity));
    }

    pub(super) fn go(&mut self) {
        self.imap = None;
    }

    /// Leaves after these commands, sent all at once; everything it hears.
    pub(super) async fn part(&mut self, commands: &[&str]) -> String {
        let mut imap = self.imap.take().expect("it is here");
        let numbered = commands.iter().chain(&["LOGOUT"]).enumerate();
        let lines: String = numbered.map(|(at, command)| format!("p{at} {command}\r\n")).collect();
        imap.send(lines.as_bytes()).await;
        let heard = imap.rest().await;
        tell(&format!("{:?} {:?}: {commands:?}\n{heard}", self.kind, self.places));
        assert!(heard.contains("* BYE "), "{heard}");
        assert!(!heard.contains(" BAD ") || self.places.is_empty(), "{heard}");
        heard
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
        tell(&format!("{:?} {:?}: {text}\n{answer}", self.kind, self.places));
        let still = ["FETCH ", "STORE ", "SEARCH "].iter().any(|verb| text.starts_with(verb));
        if still {
            // RFC 3501 §7.4.1: numbers must not move while a command speaks in them.
            let moves = |line: &String| {
                line.ends_with(" EXPUNGE")
                    || line.starts_with("* VANISHED ") && !line.contains("(EARLIER)")
            };
            assert!(!answer.lines().iter().any(moves), "{text}: {answer}");
        }
        if text.contains("SEARCH ") && answer.tagged.starts_with("OK") {
            self.check_search(text, &answer);
        }
        self.hear(&answer);
        answer
    }

    pub(super) async fn append(&mut self, name: &str, message: &[u8]) {
        let answer = self.imap().append(name, message).await.ok();
        tell(&format!("{:?} {:?}: APPEND {name}\n{answer}", self.kind, self.places));
        self.hear(&answer);
    }

    pub(super) async fn idle(&mut self) {
        let tag = self.imap().idle().await;
        let answer = self.imap().done(&tag).await.ok();
        self.hear(&answer);
    }

    /// A STORE of which the client assumes that it did what it was told to do.
    pub(super) async fn store(&mut self, command: &str, uid: u32, (sign, flag): (&str, &str)) {
        let before = self.here().cache.get(&uid).cloned();
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
            if let Some(known) = self.here_mut().cache.get_mut(&uid) {
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

    pub(super) fn here(&self) -> &Memory {
        &self.memories[self.at]
    }

    fn here_mut(&mut self) -> &mut Memory {
        &mut self.memories[self.at]
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
                numbers(uids).for_each(|uid| drop(self.here_mut().cache.remove(&uid)));
            } else if let Some(uids) = line.strip_prefix("* VANISHED ") {
                assert_eq!(self.kind, Kind::QResync, "{line}");
                numbers(uids).for_each(|uid| self.vanish(uid));
            } else if let Some(number) = number_before(&line, " EXPUNGE") {
                assert_ne!(self.kind, Kind::QResync, "{line}");
                if let Some(uid) = self.places.remove(number - 1) {
                    self.here_mut().cache.remove(&uid);
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
        let here = self.here_mut();
        here.highest = match code {
            Some(code) => code.parse().unwrap(),
            None => here.highest.max(heard),
        };
    }

    /// A search for all names what it counts; only what is gone and not yet said to be may be missing.
    fn check_search(&self, text: &str, answer: &Answer) {
        let found = answer.search();
        let counts = self.places.len();
        if text.starts_with("UID ") {
            let unknown = self.places.iter().filter(|place| place.is_none()).count();
            let strange = |uid: &&u32| !self.places.contains(&Some(**uid));
            assert!(found.iter().filter(strange).count() <= unknown, "{:?}: {answer}", self.places);
        } else {
            let largest = found.iter().max().copied().unwrap_or(0);
            assert!(usize::try_from(largest).unwrap() <= counts, "{counts} messages: {answer}");
        }
        assert!(found.len() <= counts, "{counts} messages: {answer}");
        assert!(found.is_sorted_by(|one, next| one < next), "{answer}");
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
        let state = self.here_mut().cache.entry(uid).or_default();
        state.flags = told.flags.unwrap_or_else(|| state.flags.clone());
        state.modseq = told.modseq.unwrap_or(state.modseq);
    }

    /// A UID may vanish before the client has learnt which number it has.
    fn vanish(&mut self, uid: u32) {
        self.here_mut().cache.remove(&uid);
        let place = self.places.iter().position(|place| *place == Some(uid)).or_else(|| {
            let after = self.places.iter().rposition(|place| place.is_some_and(|one| one < uid));
            let begin = after.map_or(0, |index| index + 1);
            self.places[begin..].first().is_some_and(Option::is_none).then_some(begin)
        });
        self.places.remove(place.unwrap_or_else(|| panic!("{uid} is not in {:?}", self.places)));
    }

    /// The subjects of all messages, sorted.
    pub(super) async fn subjects(&mut self) -> Vec<String> {
        let fetch = "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)])";
        let answer = self.command(fetch).await;
        let subject =
            |line: &String| Some(line.lines().next()?.strip_prefix("Subject: ")?.to_owned());
        let bodies = answer
            .lines()
            .into_iter()
            .filter_map(|line| line.split_once("\r\n").map(|(_, body)| body.to_owned()));
        let mut subjects: Vec<String> = bodies.filter_map(|body| subject(&body)).collect();
        subjects.sort_unstable();
        subjects
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
        assert_eq!(self.here().cache, truth, "{:?} {when}", self.kind);
        assert_eq!(self.places.len(), order.len(), "{:?} {when}", self.kind);
        for (place, uid) in self.places.iter_mut().zip(order) {
            assert_eq!(*place.get_or_insert(uid), uid, "{:?} {when}", self.kind);
        }
    }
}

impl Memory {
    fn newest(&self) -> u32 {
        self.cache.last_key_value().map_or(0, |(uid, _)| *uid)
    }

    /// The QRESYNC parameter, with as much detail as clients like to give.
    fn parameter(&self, sample: bool) -> String {
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
