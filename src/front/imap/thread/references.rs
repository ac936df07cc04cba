//! THREAD=REFERENCES (RFC 5256 §3). Trees are kept flat and walked without recursion: a conversation may be
//! as deep as a folder is long.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::mem;

use wire::imap::{Forest, NodeId};

use super::letter::Letter;
use super::links::{Links, Place};
use crate::mime::Standing;

pub(super) fn forest(letters: &[Letter]) -> Forest {
    let links = Links::between(letters);
    let mut trees = Trees::of(letters, links);
    trees.sort_roots();
    trees.merge_by_subject();
    trees.sort_all();
    trees.written()
}

/// Places with what hangs on them. Those without a letter are only among the roots.
struct Trees<'l> {
    letters: &'l [Letter],
    /// The letter at each place, if it is here.
    held: Vec<Option<usize>>,
    children: Vec<Vec<Place>>,
    roots: Vec<Place>,
}

impl<'l> Trees<'l> {
    /// Steps 2 and 3: messages that are not here give way to those that answer them, but two threads
    /// stay one.
    fn of(letters: &'l [Letter], links: Links) -> Self {
        let Links { letters: held, parents, .. } = links;
        let mut children = vec![Vec::new(); held.len()];
        let mut tops = Vec::new();
        for (place, parent) in parents.iter().enumerate() {
            match parent {
                Some(parent) => children[*parent].push(place),
                None => tops.push(place),
            }
        }
        let mut trees = Self { letters, held, children, roots: Vec::new() };
        for place in trees.downwards(&tops).into_iter().rev() {
            trees.prune(place);
        }
        for top in tops {
            match (trees.held[top], &trees.children[top][..]) {
                (None, []) => {}
                (None, [only]) => trees.roots.push(*only),
                _ => trees.roots.push(top),
            }
        }
        trees
    }

    /// Takes out those children that have no letter. Theirs have none of that kind any more.
    fn prune(&mut self, place: Place) {
        let mut kept = Vec::new();
        for child in mem::take(&mut self.children[place]) {
            if self.held[child].is_some() {
                kept.push(child);
                continue;
            }
            let mut promoted = mem::take(&mut self.children[child]);
            // The shorter list into the longer: a long row of such messages costs no more than that.
            if promoted.len() > kept.len() {
                mem::swap(&mut promoted, &mut kept);
            }
            kept.append(&mut promoted);
        }
        self.children[place] = kept;
    }

    /// All below these, each after the one it hangs on.
    fn downwards(&self, tops: &[Place]) -> Vec<Place> {
        let mut order = tops.to_vec();
        let mut next = 0;
        while let Some(place) = order.get(next) {
            order.extend_from_slice(&self.children[*place]);
            next += 1;
        }
        order
    }

    /// The letter that stands for a root: its own, or the first of those below.
    fn first(&self, root: Place) -> Option<&'l Letter> {
        let letter = |place: &Place| self.held[*place].map(|index| &self.letters[index]);
        letter(&root).or_else(|| {
            self.children[root].iter().filter_map(letter).min_by(|one, other| one.compare(other))
        })
    }

    /// Step 4.
    fn sort_roots(&mut self) {
        let roots = mem::take(&mut self.roots);
        self.roots = self.sorted(roots);
    }

    fn sorted(&self, places: Vec<Place>) -> Vec<Place> {
        let mut firsts: Vec<(Option<&Letter>, Place)> =
            places.into_iter().map(|place| (self.first(place), place)).collect();
        firsts.sort_by(|(one, _), (other, _)| match (one, other) {
            (Some(one), Some(other)) => one.compare(other),
            _ => Ordering::Equal,
        });
        firsts.into_iter().map(|(_, place)| place).collect()
    }

    /// Step 5: threads of one subject become one.
    fn merge_by_subject(&mut self) {
        let mut table = self.subjects();
        let mut nameless = Vec::new();
        for current in mem::take(&mut self.roots) {
            let Some(subject) = self.subject(current) else {
                nameless.push(current);
                continue;
            };
            let chosen = table[subject];
            match (self.standing(chosen), self.standing(current)) {
                _ if chosen == current => {}
                (None, None) => {
                    let mut children = mem::take(&mut self.children[current]);
                    self.children[chosen].append(&mut children);
                }
                (None, Some(_)) | (Some(Standing::Original), Some(Standing::Reply)) => {
                    self.children[chosen].push(current);
                }
                // The chosen one came before, so it does not come again.
                (Some(_), _) => {
                    let both = self.above(vec![chosen, current]);
                    table.insert(subject, both);
                }
            }
        }
        self.roots = table.into_values().chain(nameless).collect();
    }

    /// Each subject with the root that the others of it are joined to.
    fn subjects(&self) -> HashMap<&'l str, Place> {
        let mut table = HashMap::new();
        for root in &self.roots {
            let Some(subject) = self.subject(*root) else { continue };
            let chosen = table.entry(subject).or_insert(*root);
            let better = match (self.standing(*chosen), self.standing(*root)) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(chosen), Some(root)) => {
                    chosen == Standing::Reply && root == Standing::Original
                }
            };
            if better {
                *chosen = *root;
            }
        }
        table
    }

    /// `None` if it is empty: that joins nothing.
    fn subject(&self, root: Place) -> Option<&'l str> {
        self.first(root).map(|letter| &*letter.base_subject).filter(|subject| !subject.is_empty())
    }

    /// `None` for a message that is not here.
    fn standing(&self, place: Place) -> Option<Standing> {
        self.held[place].map(|index| self.letters[index].standing)
    }

    /// A new place, without a letter, above these.
    fn above(&mut self, children: Vec<Place>) -> Place {
        self.held.push(None);
        self.children.push(children);
        self.held.len() - 1
    }

    /// Step 6.
    fn sort_all(&mut self) {
        for place in 0..self.children.len() {
            let children = mem::take(&mut self.children[place]);
            self.children[place] = self.sorted(children);
        }
        self.sort_roots();
    }

    fn written(&self) -> Forest {
        let mut forest = Forest::default();
        let mut nodes: Vec<Option<NodeId>> = vec![None; self.held.len()];
        let order = self.downwards(&self.roots);
        for place in &order {
            let number = self.held[*place].map(|index| self.letters[index].number);
            nodes[*place] = Some(forest.node(number));
        }
        self.roots.iter().filter_map(|root| nodes[*root]).for_each(|root| forest.root(root));
        for place in &order {
            let Some(parent) = nodes[*place] else { continue };
            let children = self.children[*place].iter().filter_map(|child| nodes[*child]);
            children.for_each(|child| forest.child(parent, child));
        }
        forest
    }
}

#[cfg(test)]
#[path = "references_tests.rs"]
mod tests;
