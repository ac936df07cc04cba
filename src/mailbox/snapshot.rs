//! A folder at one point of its log, column by column: some thirty octets a message, shared by all
//! who look at it.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Change, Changes, Flags, Keyword, Memory, ModSeq, Row, SystemFlag, Timestamp, Uid};
use super::{UidValidity, View};

/// What the index says of a folder at `through`. Answers that need no more than this take neither a
/// query nor an allocation for each message.
#[derive(Clone, Debug)]
pub struct Snapshot {
    through: ModSeq,
    next: Uid,
    validity: UidValidity,
    /// Ascending. Behind an `Arc` of its own, since every session's picture shares it.
    uids: Arc<Vec<Uid>>,
    modseqs: Vec<ModSeq>,
    received: Vec<Timestamp>,
    flags: Vec<u32>,
    sizes: Vec<Size>,
    palette: Palette,
}

/// One message of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub uid: Uid,
    pub modseq: ModSeq,
    pub flags: &'a Flags,
    /// INTERNALDATE.
    pub received: Timestamp,
    /// Exact size in octets, once known.
    pub size: Option<u64>,
}

/// One message as the index tells it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub uid: Uid,
    pub modseq: ModSeq,
    pub received: Timestamp,
    pub size: Option<u64>,
    /// `Flags::bits`.
    pub bits: u8,
    /// Parted by spaces, as the index keeps them.
    pub keywords: &'a str,
}

/// What STATUS and SELECT count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    pub first_unseen: Option<Uid>,
}

/// An exact size in octets; 0: not known, and so is what four octets cannot say. It becomes known
/// without a change in the log, so it can be noted in a shared snapshot.
#[derive(Debug)]
struct Size(AtomicU32);

/// The different sets of flags that are in use: few, however many the messages. Told apart to the
/// letter, since keywords that differ in case only are shown as each message has them.
#[derive(Clone, Debug, Default)]
struct Palette {
    flags: Vec<Flags>,
    /// By keywords, then bits.
    known: HashMap<Box<str>, Vec<(u8, u32)>>,
}

impl Snapshot {
    /// A folder without messages, before anything happened.
    pub fn empty(validity: UidValidity) -> Self {
        Self {
            through: ModSeq::ZERO,
            next: Uid::FIRST,
            validity,
            uids: Arc::default(),
            modseqs: Vec::new(),
            received: Vec::new(),
            flags: Vec::new(),
            sizes: Vec::new(),
            palette: Palette::default(),
        }
    }

    // === moving on ===

    /// Takes a message in, new or changed.
    pub fn put(&mut self, entry: &Entry<'_>) {
        let flags = self.palette.index(entry.bits, entry.keywords);
        let at = match self.uids.last() {
            Some(last) if entry.uid <= *last => self.uids.binary_search(&entry.uid),
            _ => Err(self.uids.len()),
        };
        let size = Size::new(entry.size);
        match at {
            Ok(at) => {
                self.modseqs[at] = entry.modseq;
                self.received[at] = entry.received;
                self.flags[at] = flags;
                self.sizes[at] = size;
            }
            Err(at) => {
                Arc::make_mut(&mut self.uids).insert(at, entry.uid);
                self.modseqs.insert(at, entry.modseq);
                self.received.insert(at, entry.received);
                self.flags.insert(at, flags);
                self.sizes.insert(at, size);
            }
        }
    }

    /// Drops what is no more; UIDs that are not here are passed over.
    pub fn remove(&mut self, gone: &BTreeSet<Uid>) {
        if !gone.iter().any(|uid| self.find(*uid).is_some()) {
            return;
        }
        let stays: Vec<bool> = self.uids.iter().map(|uid| !gone.contains(uid)).collect();
        keep(Arc::make_mut(&mut self.uids), &stays);
        keep(&mut self.modseqs, &stays);
        keep(&mut self.received, &stays);
        keep(&mut self.flags, &stays);
        keep(&mut self.sizes, &stays);
    }

    /// All changes up to `through` are in.
    pub fn reach(&mut self, through: ModSeq, next: Uid) {
        self.through = through;
        self.next = next;
        if self.palette.flags.len() > self.len() + PALETTE_SPARE {
            self.forget_unused_flags();
        }
    }

    fn forget_unused_flags(&mut self) {
        let mut fresh = Palette::default();
        let mut moved: HashMap<u32, u32> = HashMap::new();
        for index in &mut self.flags {
            let flags = &self.palette.flags[*index as usize];
            *index = *moved.entry(*index).or_insert_with(|| fresh.take(flags));
        }
        self.palette = fresh;
    }

    /// The exact size of a message has become known.
    pub fn note_size(&self, uid: Uid, octets: u64) {
        if let Some(at) = self.find(uid) {
            self.sizes[at].set(Some(octets));
        }
    }

    // === reading ===

    pub fn through(&self) -> ModSeq {
        self.through
    }

    /// The UID that comes next.
    pub fn next(&self) -> Uid {
        self.next
    }

    pub fn validity(&self) -> UidValidity {
        self.validity
    }

    pub fn len(&self) -> usize {
        self.uids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    pub fn uids(&self) -> &Arc<Vec<Uid>> {
        &self.uids
    }

    pub fn find(&self, uid: Uid) -> Option<usize> {
        self.uids.binary_search(&uid).ok()
    }

    pub fn contains(&self, uid: Uid) -> bool {
        self.find(uid).is_some()
    }

    /// How many of these there are.
    pub fn count_within(&self, uids: &RangeInclusive<Uid>) -> u32 {
        let begin = self.uids.partition_point(|uid| uid < uids.start());
        let end = self.uids.partition_point(|uid| uid <= uids.end());
        u32::try_from(end.saturating_sub(begin)).unwrap_or(u32::MAX)
    }

    /// The message at `index`, which must be below `len`.
    pub fn line(&self, index: usize) -> Line<'_> {
        Line {
            uid: self.uids[index],
            modseq: self.modseqs[index],
            flags: &self.palette.flags[self.flags[index] as usize],
            received: self.received[index],
            size: self.sizes[index].get(),
        }
    }

    pub fn get(&self, uid: Uid) -> Option<Line<'_>> {
        self.find(uid).map(|at| self.line(at))
    }

    /// Those of `uids` (ascending) that are here.
    pub fn lines<'s>(&'s self, uids: &'s [Uid]) -> impl Iterator<Item = Line<'s>> {
        let mut next = 0;
        uids.iter().filter_map(move |uid| {
            // Most often the next one is the very next one.
            let at = match self.uids.get(next) {
                Some(there) if there == uid => next,
                _ => self.find(*uid)?,
            };
            next = at + 1;
            Some(self.line(at))
        })
    }

    pub fn tally(&self) -> Tally {
        let has = |flag| self.palette.flags.iter().map(|flags| flags.has(flag)).collect();
        let (seen, deleted): (Vec<bool>, Vec<bool>) =
            (has(SystemFlag::Seen), has(SystemFlag::Deleted));
        let count = |counts: &dyn Fn(u32) -> bool| {
            let counted = self.flags.iter().filter(|index| counts(**index)).count();
            u32::try_from(counted).unwrap_or(u32::MAX)
        };
        let first_unseen = self.flags.iter().position(|index| !seen[*index as usize]);
        Tally {
            messages: u32::try_from(self.len()).unwrap_or(u32::MAX),
            unseen: count(&|index| !seen[index as usize]),
            deleted: count(&|index| deleted[index as usize]),
            first_unseen: first_unseen.map(|at| self.uids[at]),
        }
    }

    /// Keywords in use, each once.
    pub fn keywords(&self) -> BTreeSet<Keyword> {
        let mut used = vec![false; self.palette.flags.len()];
        for index in &self.flags {
            used[*index as usize] = true;
        }
        let used = self.palette.flags.iter().zip(used).filter(|(_, used)| *used);
        used.flat_map(|(flags, _)| flags.keywords().cloned()).collect()
    }

    /// What a session must hear of, to see what this snapshot shows: as the log would tell it, less
    /// what came and went in between.
    pub fn changes_for(&self, view: &View) -> Changes {
        let mut list = Vec::new();
        if view.seen() < self.through {
            for (at, modseq) in self.modseqs.iter().enumerate() {
                if *modseq > view.seen() {
                    let line = self.line(at);
                    let (uid, flags) = (line.uid, line.flags.clone());
                    list.push(Change::Live { uid, flags, modseq: *modseq });
                }
            }
            if !view.shares(&self.uids) {
                let gone = view.uids().iter().filter(|uid| !self.contains(**uid));
                list.extend(gone.map(|uid| Change::Expunged { uid: *uid }));
            }
        }
        Changes { through: self.through.max(view.seen()), list, memory: Memory::Whole }
    }
}

/// Sets of flags beyond one for each message before those that are not used any more are looked for.
const PALETTE_SPARE: usize = 256;

fn keep<T>(column: &mut Vec<T>, stays: &[bool]) {
    let mut stays = stays.iter();
    column.retain(|_| stays.next().is_none_or(|stays| *stays));
}

// === impl Size ===

impl Size {
    fn new(octets: Option<u64>) -> Self {
        Self(AtomicU32::new(Self::narrow(octets)))
    }

    fn narrow(octets: Option<u64>) -> u32 {
        octets.and_then(|octets| u32::try_from(octets).ok()).unwrap_or(0)
    }

    fn get(&self) -> Option<u64> {
        Some(u64::from(self.0.load(Ordering::Relaxed))).filter(|octets| *octets > 0)
    }

    fn set(&self, octets: Option<u64>) {
        self.0.store(Self::narrow(octets), Ordering::Relaxed);
    }
}

impl Clone for Size {
    fn clone(&self) -> Self {
        Self(AtomicU32::new(self.0.load(Ordering::Relaxed)))
    }
}

// === impl Palette ===

impl Palette {
    fn index(&mut self, bits: u8, keywords: &str) -> u32 {
        let known = self.known.get(keywords);
        if let Some((_, index)) = known.and_then(|by| by.iter().find(|(known, _)| *known == bits)) {
            return *index;
        }
        let words = keywords.split(' ').filter_map(Keyword::new);
        self.add(bits, keywords, Flags::from_parts(bits, words))
    }

    /// Like `index`, for flags that were read already.
    fn take(&mut self, flags: &Flags) -> u32 {
        let words: Vec<&str> = flags.keywords().map(Keyword::as_str).collect();
        self.index(flags.bits(), &words.join(" "))
    }

    fn add(&mut self, bits: u8, keywords: &str, flags: Flags) -> u32 {
        let index = u32::try_from(self.flags.len()).expect("fewer sets of flags than messages");
        self.flags.push(flags);
        self.known.entry(keywords.into()).or_default().push((bits, index));
        index
    }
}

// === impl Line ===

impl<'a> From<&'a Row> for Line<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            uid: row.uid,
            modseq: row.modseq,
            flags: &row.flags,
            received: row.received,
            size: row.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Expunges;
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    fn entry(number: u32, modseq: u64, bits: u8, keywords: &str) -> Entry<'_> {
        let (uid, modseq) = (uid(number), ModSeq::new(modseq));
        Entry { uid, modseq, received: Timestamp(0), size: None, bits, keywords }
    }

    fn snapshot(entries: &[Entry<'_>], through: u64) -> Snapshot {
        let mut snapshot = Snapshot::empty(UidValidity::new(1).unwrap());
        entries.iter().for_each(|entry| snapshot.put(entry));
        snapshot.reach(ModSeq::new(through), uid(100));
        snapshot
    }

    #[test]
    fn keywords_that_differ_in_case_are_shown_as_each_message_has_them() {
        let here =
            snapshot(&[entry(1, 1, 0, "Red"), entry(2, 1, 0, "red"), entry(3, 1, 1, "Red")], 1);
        let shown = |number| {
            let flags = here.get(uid(number)).unwrap().flags;
            flags.keywords().map(Keyword::as_str).collect::<String>()
        };
        assert_eq!([shown(1), shown(2), shown(3)], ["Red", "red", "Red"]);
        assert!(here.get(uid(3)).unwrap().flags.has(SystemFlag::Seen));
        assert_eq!(here.keywords().len(), 1);
    }

    #[test]
    fn a_size_becomes_known_in_a_shared_snapshot_and_stays_known_when_it_moves_on() {
        let here = Arc::new(snapshot(&[entry(1, 1, 0, ""), entry(2, 1, 0, "")], 1));
        here.note_size(uid(2), 7);
        here.note_size(uid(9), 9);
        let mut moved = Snapshot::clone(&here);
        moved.put(&entry(3, 2, 0, ""));
        moved.remove(&BTreeSet::from([uid(1)]));
        let sizes = |of: &Snapshot| (0..of.len()).map(|at| of.line(at).size).collect::<Vec<_>>();
        assert_eq!(sizes(&here), [None, Some(7)]);
        assert_eq!(sizes(&moved), [Some(7), None]);
        here.note_size(uid(1), 5_000_000_000);
        assert_eq!(here.line(0).size, None, "what four octets cannot say is not known");
    }

    #[test]
    fn a_message_that_is_held_is_told_once_and_only_when_it_may_be() {
        let before = snapshot(&[entry(1, 1, 0, ""), entry(2, 1, 0, "")], 1);
        let mut view = View::sharing(Arc::clone(before.uids()), before.through());
        let mut after = before.clone();
        after.remove(&BTreeSet::from([uid(1)]));
        after.reach(ModSeq::new(2), uid(100));
        assert!(view.catch_up(&after.changes_for(&view), Expunges::Hold).is_empty());
        assert_eq!(view.seen(), before.through(), "what came with it is held back, too");
        assert_eq!(view.catch_up(&after.changes_for(&view), Expunges::Announce).len(), 1);
        view.share(after.uids());
        assert!(view.shares(after.uids()));
        assert_eq!(before.uids().len(), 2, "what others share has not moved");
    }

    #[test]
    fn sets_of_flags_that_no_message_has_any_more_are_forgotten() {
        let mut here = snapshot(&[entry(1, 1, 0, "")], 1);
        for change in 0..1_000 {
            here.put(&entry(1, 2 + change, 0, &format!("k{change}")));
            here.reach(ModSeq::new(2 + change), uid(100));
        }
        assert!(here.palette.flags.len() <= 1 + PALETTE_SPARE + 1);
        let kept: Vec<_> = here.line(0).flags.keywords().map(Keyword::as_str).collect();
        assert_eq!(kept, ["k999"]);
    }
}
