//! Who answers whom (RFC 5256 §3 REFERENCES, step 1).

use std::collections::HashMap;

use super::letter::Letter;
use crate::mime::MessageId;

/// A message that is here or that another one names.
pub(super) type Place = usize;

/// Each place with the one it hangs on; nothing hangs on itself, over however many others.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// The letter at a place, if it is here.
    pub(super) letters: Vec<Option<usize>>,
    pub(super) parents: Vec<Option<Place>>,
    /// Places that were ever in one tree lead to the same one (union-find). A link between two trees
    /// cannot close a circle, and almost all links are such.
    kin: Vec<Place>,
    known: HashMap<MessageId, Place>,
}

impl Links {
    pub(super) fn between(letters: &[Letter]) -> Self {
        let mut links = Self::default();
        for (index, letter) in letters.iter().enumerate() {
            links.take(index, letter);
        }
        links
    }

    fn take(&mut self, index: usize, letter: &Letter) {
        let mut last = None;
        for reference in &letter.references {
            let place = self.place(*reference);
            if let (Some(before), None) = (last, self.parents[place]) {
                self.link(before, place);
            }
            last = Some(place);
        }
        let here = self.own_place(letter);
        self.letters[here] = Some(index);
        if self.parents[here] != last {
            // The message itself knows best whom it answers; what it says holds even if it cannot be.
            self.parents[here] = None;
            if let Some(parent) = last {
                self.link(parent, here);
            }
        }
    }

    /// Only the first of several messages with one Message-ID has it.
    fn own_place(&mut self, letter: &Letter) -> Place {
        let place = letter.id.map(|id| self.place(id));
        match place.filter(|place| self.letters[*place].is_none()) {
            Some(place) => place,
            None => self.new_place(),
        }
    }

    fn place(&mut self, id: MessageId) -> Place {
        if let Some(place) = self.known.get(&id) {
            return *place;
        }
        let place = self.new_place();
        self.known.insert(id, place);
        place
    }

    fn new_place(&mut self) -> Place {
        let place = self.parents.len();
        self.parents.push(None);
        self.letters.push(None);
        self.kin.push(place);
        place
    }

    /// Hangs `child` on `parent`, unless that would close a circle.
    fn link(&mut self, parent: Place, child: Place) {
        let (kin_of_parent, kin_of_child) = (self.kin(parent), self.kin(child));
        if kin_of_parent == kin_of_child && self.hangs_on(parent, child) {
            return;
        }
        self.kin[kin_of_child] = kin_of_parent;
        self.parents[child] = Some(parent);
    }

    fn hangs_on(&self, place: Place, ancestor: Place) -> bool {
        std::iter::successors(Some(place), |place| self.parents[*place])
            .any(|place| place == ancestor)
    }

    /// Halves the way on its way, so that ways stay short.
    fn kin(&mut self, mut place: Place) -> Place {
        while self.kin[place] != place {
            self.kin[place] = self.kin[self.kin[place]];
            place = self.kin[place];
        }
        place
    }
}
