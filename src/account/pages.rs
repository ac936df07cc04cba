//! How long a walk from page to page may go on.

use crate::mailbox::{Fault, Outcome};

/// Pages in a row that may tell nothing new. Empty pages and repetitions are legal (reference B.6.2);
/// links that lead on for ever are not, and must not hold a folder for ever.
const BARREN_MAX: u32 = 100;

/// Pages of one walk: two million rows, twice what a folder can hold, at the ten rows that a page has where the
/// wish for larger ones is passed over.
const PAGES_MAX: u32 = 200_000;

/// Counts the pages of one walk.
#[derive(Debug, Default)]
pub(super) struct Pages {
    known: usize,
    barren: u32,
    turned: u32,
}

impl Pages {
    /// To be called after each page, with how many things the walk knows by now.
    ///
    /// # Errors
    /// `Defect` if the walk leads nowhere.
    pub(super) fn turn(&mut self, known: usize) -> Outcome<()> {
        self.turned += 1;
        self.barren = if known > self.known { 0 } else { self.barren + 1 };
        self.known = self.known.max(known);
        if self.barren > BARREN_MAX || self.turned > PAGES_MAX {
            return Err(Fault::defect("the service's pages do not come to an end"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_may_pause_but_not_for_ever() {
        let mut pages = Pages::default();
        for known in 1..1_000 {
            pages.turn(known).unwrap();
            pages.turn(known).unwrap();
        }
        let mut more = 0;
        while pages.turn(999).is_ok() {
            more += 1;
        }
        assert!(more <= BARREN_MAX);
    }

    #[test]
    fn a_walk_that_always_finds_something_ends_as_well() {
        let mut pages = Pages::default();
        assert!((1..).any(|known| pages.turn(known).is_err()));
    }
}
