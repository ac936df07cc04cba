//! `$`: what the latest search with SAVE found (RFC 5182).

use std::num::NonZeroU32;

use wire::imap::{Ranges, ReturnOption, Returns, UidSet};

use super::convert;
use super::ending::Halt;
use crate::mailbox::{Uid, View};

/// Lasts as long as the folder is selected. What is expunged drops out when the client is told,
/// since a UID is never used again.
#[derive(Debug, Default)]
pub(super) struct Saved(Vec<Uid>);

impl Saved {
    pub(super) fn new(mut uids: Vec<Uid>) -> Self {
        uids.sort_unstable();
        uids.dedup();
        Self(uids)
    }

    /// Those that the client still sees, ascending.
    pub(super) fn uids(&self, view: &View) -> Vec<Uid> {
        self.0.iter().copied().filter(|uid| view.seq(*uid).is_some()).collect()
    }

    /// The same as ranges; `None` if there are none.
    pub(super) fn ranges(&self, view: &View) -> Option<Ranges> {
        let uids = self.uids(view).into_iter();
        let numbers = uids.map(|uid| convert::number(uid.get()));
        UidSet::from_ascending(numbers).map(|set| set.ranges(NonZeroU32::MAX.get()))
    }
}

/// The part of a result that is told in single numbers, and so the part that SAVE keeps and MODSEQ
/// speaks of: all of it, unless no more was asked for than its ends and a page (RFC 5182 §2.1, RFC
/// 4731 §3.2, RFC 9394 §3.2).
pub(super) fn told<'r, T: Copy>(returns: &'r Returns, results: &'r [T]) -> Vec<T> {
    let ends = [
        results.first().filter(|_| returns.has(ReturnOption::Min)),
        results.last().filter(|_| returns.has(ReturnOption::Max)),
    ];
    let has_end = returns.has(ReturnOption::Min) || returns.has(ReturnOption::Max);
    let is_whole = returns.has(ReturnOption::All) || returns.has(ReturnOption::Count);
    match returns.page() {
        None if !has_end || is_whole => results.to_vec(),
        Some(_) if is_whole => results.to_vec(),
        page => {
            let page = page.map(|page| page.of(results)).unwrap_or_default();
            ends.into_iter().flatten().chain(page).copied().collect()
        }
    }
}

/// Whether a search that ended so has emptied `$`: NO does, BAD changes nothing (RFC 5182 §2.1).
pub(super) fn is_emptied_by(halt: &Halt) -> bool {
    match halt {
        Halt::Refused(ending) => ending.status == wire::imap::Status::No,
        Halt::Fault(_) => true,
        Halt::Farewell(_) | Halt::Loss(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use wire::imap::{End, Page};

    use super::*;

    #[test]
    fn what_is_kept_is_what_was_told() {
        use ReturnOption::{All, Count, Max, Min, Partial, Save};
        let bounds = (NonZeroU32::new(2).unwrap(), NonZeroU32::new(3).unwrap());
        let page = Partial(Page { from: End::First, bounds });
        let results = [7, 3, 9, 4, 8];
        for (options, expected) in [
            (vec![Save], vec![7, 3, 9, 4, 8]),
            (vec![Save, All], vec![7, 3, 9, 4, 8]),
            (vec![Save, Count], vec![7, 3, 9, 4, 8]),
            (vec![Save, Min], vec![7]),
            (vec![Save, Max], vec![8]),
            (vec![Save, Min, Max], vec![7, 8]),
            (vec![Save, Min, Count], vec![7, 3, 9, 4, 8]),
            (vec![Save, page], vec![3, 9]),
            (vec![Save, page, Min], vec![7, 3, 9]),
            (vec![Save, page, Min, Max], vec![7, 8, 3, 9]),
            (vec![Save, page, Count], vec![7, 3, 9, 4, 8]),
        ] {
            let returns = Returns::new(options).unwrap();
            assert_eq!(told(&returns, &results), expected, "{returns:?}");
        }
        let returns = Returns::new(vec![Min, Max]).unwrap();
        assert!(told::<u32>(&returns, &[]).is_empty());
    }

    #[test]
    fn what_the_client_does_not_see_any_more_is_left_out() {
        let uid = |number| Uid::new(number).unwrap();
        let saved = Saved::new(vec![uid(5), uid(2), uid(3), uid(2)]);
        let view = View::new(vec![uid(1), uid(3), uid(5)], crate::mailbox::ModSeq::ZERO);
        assert_eq!(saved.uids(&view), [uid(3), uid(5)]);
        assert!(saved.ranges(&view).is_some_and(|ranges| ranges.contains(5)));
        assert!(Saved::default().ranges(&view).is_none());
    }
}
