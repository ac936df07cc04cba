//! One session's sequence numbers. Pure, so that thousands of histories can be run against it.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use super::{Change, Changes, Flags, ModSeq, SeqNum, Uid};

/// What a session must tell its client, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    Expunge(SeqNum, Uid),
    /// The folder now holds this many messages.
    Exists(u32),
    Flags(SeqNum, Uid, Flags, ModSeq),
}

/// Whether the client may be told now that messages are gone (RFC 3501 §7.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expunges {
    Announce,
    /// During FETCH, STORE and SEARCH by sequence number, numbers must not move.
    Hold,
}

/// One session's frozen picture of a folder: which UID has which sequence number.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Shared with every other session that sees the same, and with the folder's snapshot.
    uids: Arc<Vec<Uid>>,
    /// Gone from the folder, but the client has not been told.
    held: BTreeSet<Uid>,
    seen: ModSeq,
}

impl View {
    /// The picture at SELECT: `uids` ascending, as of `seen`.
    pub fn new(uids: Vec<Uid>, seen: ModSeq) -> Self {
        Self::sharing(Arc::new(uids), seen)
    }

    /// Like `new`, with a list that others hold too.
    pub fn sharing(uids: Arc<Vec<Uid>>, seen: ModSeq) -> Self {
        debug_assert!(uids.is_sorted());
        Self { uids, held: BTreeSet::new(), seen }
    }

    /// Gives up its own list for an equal one that others hold too.
    pub fn share(&mut self, uids: &Arc<Vec<Uid>>) {
        if !self.shares(uids) && self.uids == *uids {
            self.uids = Arc::clone(uids);
        }
    }

    /// Whether this very list is in the picture.
    pub fn shares(&self, uids: &Arc<Vec<Uid>>) -> bool {
        Arc::ptr_eq(&self.uids, uids)
    }

    /// The point in the folder's log that this picture shows.
    pub fn seen(&self) -> ModSeq {
        self.seen
    }

    pub fn len(&self) -> usize {
        self.uids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// All UIDs in the picture, ascending: index 0 is sequence number 1.
    pub fn uids(&self) -> &[Uid] {
        &self.uids
    }

    pub fn uid(&self, seq: SeqNum) -> Option<Uid> {
        self.uids.get(seq.index()).copied()
    }

    pub fn seq(&self, uid: Uid) -> Option<SeqNum> {
        self.uids.binary_search(&uid).ok().map(SeqNum::at)
    }

    /// Whether the client still counts this message although it is gone.
    pub fn is_held(&self, uid: Uid) -> bool {
        self.held.contains(&uid)
    }

    pub fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Folds everything the log says since `self.seen()` into the picture.
    pub fn catch_up(&mut self, changes: &Changes, expunges: Expunges) -> Vec<Notice> {
        let newest = self.uids.last().copied();
        let mut arrived = Vec::new();
        let mut reflagged = Vec::new();
        for change in &changes.list {
            match change {
                Change::Live { uid, .. } if newest.is_none_or(|newest| *uid > newest) => {
                    arrived.push(*uid);
                }
                Change::Live { uid, flags, modseq } => reflagged.push((*uid, flags, *modseq)),
                Change::Expunged { uid } if self.seq(*uid).is_some() => {
                    self.held.insert(*uid);
                }
                Change::Expunged { .. } => {} // Came and went between two looks.
            }
        }
        let mut notices = Vec::new();
        if expunges == Expunges::Announce {
            self.announce_held(&mut notices);
        }
        if !arrived.is_empty() {
            arrived.sort_unstable();
            Arc::make_mut(&mut self.uids).extend(arrived);
            let count = u32::try_from(self.uids.len()).unwrap_or(u32::MAX);
            notices.push(Notice::Exists(count));
        }
        for (uid, flags, modseq) in reflagged {
            if let Some(seq) = self.seq(uid) {
                notices.push(Notice::Flags(seq, uid, flags.clone(), modseq));
            }
        }
        self.seen = changes.through;
        notices
    }

    /// Highest first, so that each announced number is right at the moment it is read.
    fn announce_held(&mut self, notices: &mut Vec<Notice>) {
        if self.held.is_empty() {
            return;
        }
        let uids = Arc::make_mut(&mut self.uids);
        for uid in mem::take(&mut self.held).into_iter().rev() {
            if let Ok(index) = uids.binary_search(&uid) {
                uids.remove(index);
                notices.push(Notice::Expunge(SeqNum::at(index), uid));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The folder's truth with its change log, as the index would hold it.
    #[derive(Default)]
    struct Log {
        next_uid: u32,
        modseq: u64,
        live: BTreeMap<Uid, (u64, Flags)>,
        gone: BTreeMap<Uid, u64>,
    }

    impl Log {
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

        fn since(&self, seen: ModSeq) -> Changes {
            let live = self.live.iter().filter(|(_, (at, _))| *at > seen.get()).map(
                |(&uid, (at, flags))| Change::Live {
                    uid,
                    flags: flags.clone(),
                    modseq: ModSeq::new(*at),
                },
            );
            let gone = self.gone.iter().filter(|(_, at)| **at > seen.get());
            let gone = gone.map(|(&uid, _)| Change::Expunged { uid });
            Changes { through: ModSeq::new(self.modseq), list: live.chain(gone).collect() }
        }
    }

    /// What a client believes, fed only with notices.
    #[derive(Default)]
    struct Client {
        uids: Vec<Option<Uid>>,
    }

    impl Client {
        fn hear(&mut self, notice: &Notice) {
            match notice {
                Notice::Expunge(seq, uid) => {
                    let known = self.uids.remove(seq.index());
                    assert!(known.is_none_or(|known| known == *uid), "expunged the wrong message");
                }
                Notice::Exists(count) => {
                    assert!(*count as usize >= self.uids.len(), "EXISTS may not shrink");
                    self.uids.resize(*count as usize, None);
                }
                Notice::Flags(seq, uid, ..) => self.uids[seq.index()] = Some(*uid),
            }
        }
    }

    #[test]
    fn a_client_fed_only_notices_ends_up_with_the_truth() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut rand = move |n: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u32::try_from(state % u64::from(n)).unwrap()
        };
        for _ in 0..1_000 {
            let mut log = Log::default();
            let mut sessions: Vec<(View, Client)> = (0..3).map(|_| Default::default()).collect();
            for _ in 0..60 {
                let any = Uid::new(1 + rand(log.next_uid.max(1))).unwrap();
                match rand(5) {
                    0 | 1 => log.arrive(),
                    2 => log.flag(any, Flags::from_parts(1 << rand(6), [])),
                    3 => log.expunge(any),
                    _ => {
                        let hold = rand(3) == 0;
                        let (view, client) = &mut sessions[rand(3) as usize];
                        let before = view.uids.clone();
                        let expunges = if hold { Expunges::Hold } else { Expunges::Announce };
                        let notices = view.catch_up(&log.since(view.seen()), expunges);
                        assert!(!hold || view.uids.starts_with(&before), "numbers moved");
                        notices.iter().for_each(|notice| client.hear(notice));
                        assert_eq!(client.uids.len(), view.len());
                    }
                }
            }
            for (view, client) in &mut sessions {
                let notices = view.catch_up(&log.since(view.seen()), Expunges::Announce);
                notices.iter().for_each(|notice| client.hear(notice));
                assert_eq!(view.uids(), log.live.keys().copied().collect::<Vec<_>>());
                for (known, uid) in client.uids.iter().zip(view.uids()) {
                    assert!(known.is_none_or(|known| known == *uid));
                }
            }
        }
    }
}
