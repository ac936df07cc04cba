use std::collections::HashMap;

use proptest::prelude::*;

use super::super::letter_tests::{Written, letter};
use super::*;
use crate::mime::MessageId;

fn threads(letters: impl IntoIterator<Item = Written>) -> String {
    let letters: Vec<Letter> = letters.into_iter().map(|letter| letter.0).collect();
    forest(&letters).to_string()
}

#[test]
fn answers_hang_on_what_they_answer() {
    let conversation = [
        letter(1, 1),
        letter(2, 2).answers(&[1]),
        letter(3, 3).answers(&[1, 2]),
        letter(4, 4).answers(&[1]),
        letter(5, 5),
    ];
    assert_eq!(threads(conversation), "(1 (2 3)(4))(5)");
    let backwards = [letter(1, 3).answers(&[3, 2]), letter(2, 2).answers(&[3]), letter(3, 1)];
    assert_eq!(threads(backwards), "(3 2 1)");
}

#[test]
fn what_is_not_here_holds_its_answers_together() {
    assert_eq!(threads([letter(1, 1).answers(&[9]), letter(2, 2).answers(&[9])]), "((1)(2))");
    assert_eq!(threads([letter(1, 1).answers(&[8, 9])]), "(1)");
    let between = [letter(1, 1), letter(2, 2).answers(&[1, 9]), letter(3, 3).answers(&[1, 9])];
    assert_eq!(threads(between), "(1 (2)(3))");
}

#[test]
fn a_message_knows_better_than_others_whom_it_answers() {
    // What 3 names as the parent of 2 is wrong, or cut short.
    let told = [letter(1, 1), letter(2, 2).answers(&[1]), letter(3, 3).answers(&[9, 2])];
    assert_eq!(threads(told), "(1 2 3)");
    let later = [letter(1, 1).answers(&[9, 2]), letter(2, 2).answers(&[3]), letter(3, 3)];
    assert_eq!(threads(later), "(3 2 1)");
    let none = [letter(1, 1).answers(&[9, 2]), letter(2, 2)];
    assert_eq!(threads(none), "(2 1)");
}

#[test]
fn circles_are_not_closed() {
    assert_eq!(threads([letter(1, 1).answers(&[1])]), "(1)");
    assert_eq!(threads([letter(1, 1).answers(&[2]), letter(2, 2).answers(&[1])]), "(2 1)");
    let three =
        [letter(1, 1).answers(&[3]), letter(2, 2).answers(&[1]), letter(3, 3).answers(&[2])];
    assert_eq!(threads(three), "(3 1 2)");
    let torn = [letter(1, 2), letter(2, 1).answers(&[1, 3]), letter(3, 1).answers(&[2])];
    assert_eq!(threads(torn), "(3 2)(1)", "what 2 says of 3 does not hold against 3");
}

#[test]
fn of_messages_with_one_name_the_first_has_it() {
    let twice = [letter(1, 1), letter(2, 2).named(Some(1)), letter(3, 3).answers(&[1])];
    assert_eq!(threads(twice), "(1 3)(2)");
    assert_eq!(threads([letter(1, 1).named(None), letter(2, 2).named(None)]), "(1)(2)");
}

#[test]
fn threads_of_one_subject_become_one() {
    let reply = [letter(1, 1).subject("Re: x"), letter(2, 2).subject("x")];
    assert_eq!(threads(reply), "(2 1)");
    let equals = [letter(1, 1).subject("x"), letter(2, 2).subject("x"), letter(3, 3).subject("x")];
    assert_eq!(threads(equals), "((1)(2)(3))");
    let replies = [letter(1, 1).subject("Re: x"), letter(2, 2).subject("Re: x")];
    assert_eq!(threads(replies), "((1)(2))");
    let torn = [
        letter(1, 1).subject("Re: x").answers(&[9]),
        letter(2, 2).subject("Re: x").answers(&[9]),
        letter(3, 3).subject("x"),
        letter(4, 4).subject("Re: x").answers(&[8]),
        letter(5, 5).subject("Re: x").answers(&[8]),
    ];
    assert_eq!(threads(torn), "((1)(2)(3)(4)(5))");
    assert_eq!(threads([letter(1, 1), letter(2, 2)]), "(1)(2)", "no subject joins nothing");
}

#[test]
fn siblings_stand_in_the_order_of_sending() {
    let late = [letter(1, 9), letter(2, 8).answers(&[1]), letter(3, 7).answers(&[1]), letter(4, 5)];
    assert_eq!(threads(late), "(4)(1 (3)(2))");
    let alike = [letter(1, 1), letter(2, 2).answers(&[1]), letter(3, 2).answers(&[1])];
    assert_eq!(threads(alike), "(1 (2)(3))");
}

#[test]
fn a_conversation_as_deep_as_a_large_folder_is_threaded_at_once() {
    const DEPTH: u32 = 20_000;
    let chain = (1..=DEPTH).map(|number| {
        let before = if number == 1 { vec![] } else { vec![number - 1] };
        letter(number, number.into()).answers(&before)
    });
    let forwards = threads(chain);
    assert!(forwards.starts_with("(1 2 3 ") && forwards.ends_with("19999 20000)"));
    // Each one names the one before that, which is not here, too.
    let backwards = (1..=DEPTH).map(|number| {
        let missing = DEPTH + number;
        letter(number, -i64::from(number)).answers(&[missing + 1, number + 1])
    });
    assert!(threads(backwards).contains(" 3 2 1)"));
    let gaps = (1..=DEPTH).map(|number| {
        let (above, missing) = (DEPTH + number, DEPTH + number + 1);
        letter(number, number.into()).answers(&[above, missing])
    });
    assert!(threads(gaps).starts_with("((1)(2)(3)"));
}

// === beside the letter of the RFC ===

/// A message of the reference below; the root has neither letter nor parent.
#[derive(Clone, Debug, Default)]
struct Node {
    letter: Option<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
}

struct ByTheLetter<'l> {
    letters: &'l [Letter],
    nodes: Vec<Node>,
}

/// The steps as the RFC tells them, with recursion and as many walks as it takes.
impl ByTheLetter<'_> {
    fn threads(letters: &[Letter]) -> String {
        let mut this = ByTheLetter { letters, nodes: vec![Node::default()] };
        this.link();
        for node in 1..this.nodes.len() {
            if this.nodes[node].parent.is_none() {
                this.adopt(0, node);
            }
        }
        this.prune(0);
        this.sort(0);
        this.merge();
        for node in 1..this.nodes.len() {
            this.sort(node);
        }
        this.sort(0);
        let roots = this.nodes[0].children.clone();
        roots.into_iter().map(|root| format!("({})", this.written(root))).collect()
    }

    fn adopt(&mut self, parent: usize, child: usize) {
        if let Some(old) = self.nodes[child].parent.take() {
            self.nodes[old].children.retain(|known| *known != child);
        }
        self.nodes[child].parent = Some(parent);
        self.nodes[parent].children.push(child);
    }

    fn is_above(&self, node: usize, below: usize) -> bool {
        node == below || self.nodes[below].parent.is_some_and(|parent| self.is_above(node, parent))
    }

    fn node(&mut self, letter: Option<usize>) -> usize {
        self.nodes.push(Node { letter, ..Node::default() });
        self.nodes.len() - 1
    }

    fn link(&mut self) {
        let mut known: HashMap<MessageId, usize> = HashMap::new();
        for (index, letter) in self.letters.iter().enumerate() {
            let mut refs = Vec::new();
            for id in &letter.references {
                let fresh = known.len() + self.nodes.len();
                let node = *known.entry(*id).or_insert(fresh);
                refs.push(if node == fresh { self.node(None) } else { node });
                known.insert(*id, *refs.last().unwrap());
            }
            for pair in refs.windows(2) {
                if self.nodes[pair[1]].parent.is_none() && !self.is_above(pair[1], pair[0]) {
                    self.adopt(pair[0], pair[1]);
                }
            }
            let own = letter.id.and_then(|id| known.get(&id).copied());
            let here = match own {
                Some(node) if self.nodes[node].letter.is_none() => node,
                Some(_) => self.node(None),
                None => {
                    let node = self.node(None);
                    letter.id.map(|id| known.insert(id, node));
                    node
                }
            };
            self.nodes[here].letter = Some(index);
            if let Some(old) = self.nodes[here].parent.take() {
                self.nodes[old].children.retain(|known| *known != here);
            }
            if let Some(parent) = refs.last()
                && !self.is_above(here, *parent)
            {
                self.adopt(*parent, here);
            }
        }
    }

    fn prune(&mut self, node: usize) {
        for child in self.nodes[node].children.clone() {
            self.prune(child);
        }
        for child in self.nodes[node].children.clone() {
            let below = self.nodes[child].children.clone();
            if self.nodes[child].letter.is_none() && (node != 0 || below.len() < 2) {
                self.nodes[node].children.retain(|known| *known != child);
                below.into_iter().for_each(|promoted| self.adopt(node, promoted));
            }
        }
    }

    fn first(&self, node: usize) -> &Letter {
        match self.nodes[node].letter {
            Some(index) => &self.letters[index],
            None => {
                let children = self.nodes[node].children.iter().map(|child| self.first(*child));
                children.min_by_key(|letter| (letter.sent, letter.number)).unwrap()
            }
        }
    }

    fn sort(&mut self, node: usize) {
        let mut children = self.nodes[node].children.clone();
        children.sort_by_key(|child| (self.first(*child).sent, self.first(*child).number));
        self.nodes[node].children = children;
    }

    fn is_reply(&self, node: usize) -> bool {
        self.nodes[node].letter.is_some_and(|index| self.letters[index].standing == Standing::Reply)
    }

    fn merge(&mut self) {
        let mut table: HashMap<String, usize> = HashMap::new();
        let roots = self.nodes[0].children.clone();
        for root in &roots {
            let subject = self.first(*root).base_subject.to_string();
            if subject.is_empty() {
                continue;
            }
            let Some(known) = table.get(&subject).copied() else {
                table.insert(subject, *root);
                continue;
            };
            let is_dummy = |node: usize| self.nodes[node].letter.is_none();
            let replaces = is_dummy(*root) || self.is_reply(known) && !self.is_reply(*root);
            if !is_dummy(known) && replaces {
                table.insert(subject, *root);
            }
        }
        for root in roots {
            let subject = self.first(root).base_subject.to_string();
            let Some(known) = table.get(&subject).copied().filter(|known| *known != root) else {
                continue;
            };
            let dummies = [known, root].map(|node| self.nodes[node].letter.is_none());
            match dummies {
                [true, true] => {
                    for child in self.nodes[root].children.clone() {
                        self.adopt(known, child);
                    }
                    self.nodes[0].children.retain(|kept| *kept != root);
                }
                [true, false] => self.adopt(known, root),
                _ if self.is_reply(root) && !self.is_reply(known) => self.adopt(known, root),
                _ => {
                    let dummy = self.node(None);
                    self.adopt(0, dummy);
                    self.adopt(dummy, known);
                    self.adopt(dummy, root);
                    table.insert(subject, dummy);
                }
            }
        }
    }

    fn written(&self, node: usize) -> String {
        let number = self.nodes[node].letter.map(|index| self.letters[index].number.to_string());
        let children = &self.nodes[node].children;
        let below = match children[..] {
            [] => String::new(),
            [only] => self.written(only),
            _ => children.iter().map(|child| format!("({})", self.written(*child))).collect(),
        };
        match number {
            Some(number) if below.is_empty() => number,
            Some(number) => format!("{number} {below}"),
            None => below,
        }
    }
}

fn folder() -> impl Strategy<Value = Vec<Letter>> {
    let one = (
        0_i64..6,
        prop::option::weighted(0.9, 1_u32..14),
        prop::collection::vec(1_u32..14, 0..5),
        prop::sample::select(vec!["", "x", "Re: x", "y", "Re: y"]),
    );
    prop::collection::vec(one, 0..12).prop_map(|letters| {
        let numbered = (1..).zip(letters);
        let written = numbered.map(|(number, (sent, name, references, subject))| {
            letter(number, sent).named(name).answers(&references).subject(subject).0
        });
        written.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn threads_are_those_that_the_letter_of_the_rfc_gives(letters in folder()) {
        prop_assert_eq!(forest(&letters).to_string(), ByTheLetter::threads(&letters));
    }

    #[test]
    fn every_message_is_in_one_thread_and_once(letters in folder()) {
        let written = forest(&letters).to_string();
        let mut numbers: Vec<u32> = written
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect();
        numbers.sort_unstable();
        prop_assert!(numbers.into_iter().eq(letters.iter().map(|letter| letter.number.get())));
    }
}
