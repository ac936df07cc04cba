//! How a result is told: SEARCH, SORT or ESEARCH (RFC 3501 §7.2.5, RFC 5256 §4, RFC 4731 §3.1).

use std::num::NonZeroU32;
use std::sync::Arc;

use wire::imap::{Data, ESearch, Numbering, ReturnOption, Returned, Returns, Tag};

use super::connection::Connection;
use super::convert;
use super::saved::{Saved, told};
use super::selected::Selected;
use crate::mailbox::{SeqNum, Snapshot, Uid};

pub(super) type Hit = (SeqNum, Uid);

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    /// By sequence number ascending.
    pub(super) hits: Vec<Hit>,
    /// What it was found in.
    pub(super) snapshot: Arc<Snapshot>,
}

/// What of a result is wanted, and in which words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    pub(super) tag: &'a Tag,
    pub(super) numbering: Numbering,
    pub(super) returns: Option<&'a Returns>,
    pub(super) verb: Verb,
    pub(super) mod_seq: ModSeqs,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Search,
    Sort,
}

/// Only who asked about mod-sequences is told one (RFC 7162 §3.1.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ModSeqs {
    Told,
    Untold,
}

impl Telling<'_> {
    /// Tells a result, in the order of `hits`, and keeps of it what SAVE asks for.
    pub(super) fn tell(
        &self,
        connection: &mut Connection,
        selected: &mut Selected,
        (hits, snapshot): (&[Hit], &Snapshot),
    ) {
        let Some(returns) = self.returns else {
            return connection.data(&self.plain(hits, snapshot));
        };
        if returns.has(ReturnOption::Save) {
            let uids = told(returns, hits).into_iter().map(|(_, uid)| uid);
            selected.saved = Saved::new(uids.collect());
        }
        if !returns.is_silent() {
            let items = self.items(returns, hits, snapshot);
            let answer = ESearch { tag: self.tag.clone(), numbering: self.numbering, items };
            connection.data(&Data::ESearch(answer));
        }
    }

    fn plain(&self, hits: &[Hit], snapshot: &Snapshot) -> Data {
        let numbers = self.numbers(hits);
        match (self.verb, self.highest(hits, snapshot)) {
            (Verb::Search, Some(highest)) => Data::SearchModSeq(numbers, highest),
            (Verb::Search, None) => Data::Search(numbers),
            (Verb::Sort, Some(highest)) => Data::SortModSeq(numbers, highest),
            (Verb::Sort, None) => Data::Sort(numbers),
        }
    }

    /// Of what was not found nothing is told but the count.
    fn items(&self, returns: &Returns, hits: &[Hit], snapshot: &Snapshot) -> Vec<Returned> {
        let wanted = |option| returns.has(option);
        let first = hits.first().filter(|_| wanted(ReturnOption::Min));
        let last = hits.last().filter(|_| wanted(ReturnOption::Max));
        let all = Some(hits).filter(|hits| wanted(ReturnOption::All) && !hits.is_empty());
        let count = u32::try_from(hits.len()).unwrap_or(u32::MAX);
        let page = returns.page().map(|page| Returned::Partial(page, self.numbers(page.of(hits))));
        let highest = self.highest(&told(returns, hits), snapshot);
        [
            first.map(|hit| Returned::Min(self.number(hit))),
            last.map(|hit| Returned::Max(self.number(hit))),
            all.map(|hits| Returned::All(self.numbers(hits))),
            page,
            wanted(ReturnOption::Count).then_some(Returned::Count(count)),
            highest.map(Returned::ModSeq),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn numbers(&self, hits: &[Hit]) -> Vec<NonZeroU32> {
        hits.iter().map(|hit| self.number(hit)).collect()
    }

    fn number(&self, hit: &Hit) -> NonZeroU32 {
        number(self.numbering, *hit)
    }

    fn highest(&self, hits: &[Hit], snapshot: &Snapshot) -> Option<std::num::NonZeroU64> {
        if self.mod_seq == ModSeqs::Untold {
            return None;
        }
        let modseqs = hits.iter().filter_map(|(_, uid)| Some(snapshot.get(*uid)?.modseq));
        modseqs.max().map(convert::mod_seq)
    }
}

pub(super) fn number(numbering: Numbering, (seq, uid): Hit) -> NonZeroU32 {
    match numbering {
        Numbering::Uid => convert::number(uid.get()),
        Numbering::Seq => convert::number(seq.get()),
    }
}

impl From<bool> for ModSeqs {
    fn from(asked: bool) -> Self {
        if asked { Self::Told } else { Self::Untold }
    }
}
