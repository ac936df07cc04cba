//! Which messages this session was the first to be told of (RFC 3501 §2.3.2).

use std::ops::RangeInclusive;

use crate::mailbox::{Uid, View};

/// Ranges of UIDs, ascending and apart.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<RangeInclusive<Uid>>);

impl Recent {
    /// These are recent too; they begin where others ended, or later.
    pub(super) fn extend(&mut self, uids: RangeInclusive<Uid>) {
        match self.0.last_mut() {
            Some(last) if uids.start() <= last.end() => {
                *last = *last.start()..=*uids.end().max(last.end());
            }
            _ => self.0.push(uids),
        }
    }

    pub(super) fn has(&self, uid: Uid) -> bool {
        self.0.iter().any(|uids| uids.contains(&uid))
    }

    /// How many of them the client counts.
    pub(super) fn count(&self, view: &View) -> u32 {
        let all = view.uids();
        let within = |uids: &RangeInclusive<Uid>| {
            all.partition_point(|uid| uid <= uids.end())
                - all.partition_point(|uid| uid < uids.start())
        };
        u32::try_from(self.0.iter().map(within).sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// Those that the client counts, ascending.
    pub(super) fn uids(&self, view: &View) -> Vec<Uid> {
        view.uids().iter().copied().filter(|uid| self.has(*uid)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::ModSeq;

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    #[test]
    fn claims_add_up_and_what_is_not_in_the_picture_does_not_count() {
        let view = View::new([1, 3, 4, 8].map(uid).to_vec(), ModSeq::ZERO);
        let mut recent = Recent::default();
        assert_eq!(recent.count(&view), 0);
        recent.extend(uid(2)..=uid(3));
        recent.extend(uid(2)..=uid(4));
        recent.extend(uid(7)..=uid(9));
        assert_eq!(recent.count(&view), 3);
        assert_eq!(recent.uids(&view), [3, 4, 8].map(uid));
        assert!(!recent.has(uid(5)));
    }
}
