//! SORT and THREAD (RFC 5256, 5267, 5957).

use std::fmt;
use std::num::NonZeroU32;

use super::{Formula, Numbering, Returns, SearchKey};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// Whether the answer is in sequence numbers or in UIDs.
    pub numbering: Numbering,
    /// `None`: answered by SORT, else by ESEARCH (RFC 5267 section 3).
    pub returns: Option<Returns>,
    /// At least one; the first decides first.
    pub criteria: Vec<SortCriterion>,
    /// In upper case.
    pub charset: String,
    pub key: Formula<SearchKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortCriterion {
    pub key: SortKey,
    pub direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    Arrival,
    Cc,
    Date,
    DisplayFrom,
    DisplayTo,
    From,
    Size,
    Subject,
    To,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    /// `REVERSE`
    Descending,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Whether the answer is in sequence numbers or in UIDs.
    pub numbering: Numbering,
    pub algorithm: Threading,
    /// In upper case.
    pub charset: String,
    pub key: Formula<SearchKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threading {
    OrderedSubject,
    References,
}

/// The trees of a THREAD response, kept flat: a conversation may be as deep as a folder is long, and
/// no walk through it may need as much stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forest {
    nodes: Vec<Node>,
    roots: Vec<NodeId>,
}

/// A place in a [`Forest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(usize);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// `None`: a parent that is not there, whose children belong together.
    number: Option<NonZeroU32>,
    children: Vec<NodeId>,
}

// === impl Forest ===

impl Forest {
    /// Adds a node that has no place yet.
    pub fn node(&mut self, number: Option<NonZeroU32>) -> NodeId {
        self.nodes.push(Node { number, children: Vec::new() });
        NodeId(self.nodes.len() - 1)
    }

    /// Makes a node the last of the threads.
    pub fn root(&mut self, node: NodeId) {
        self.roots.push(node);
    }

    /// Makes `child` the last child of `parent`. Each node may have one place only.
    pub fn child(&mut self, parent: NodeId, child: NodeId) {
        self.nodes[parent.0].children.push(child);
    }

    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

enum Step {
    Thread(NodeId),
    Close,
}

/// `(2)(3 6 (4 23)(44 7 96))` (RFC 5256 section 4)
impl fmt::Display for Forest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps: Vec<Step> = self.roots.iter().rev().copied().map(Step::Thread).collect();
        while let Some(step) = steps.pop() {
            let Step::Thread(mut place) = step else {
                formatter.write_str(")")?;
                continue;
            };
            formatter.write_str("(")?;
            steps.push(Step::Close);
            loop {
                let Node { number, children } = &self.nodes[place.0];
                if let Some(number) = number {
                    number.fmt(formatter)?;
                }
                if number.is_some() && !children.is_empty() {
                    formatter.write_str(" ")?;
                }
                match children[..] {
                    [only] => place = only,
                    _ => {
                        steps.extend(children.iter().rev().copied().map(Step::Thread));
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(forest: &mut Forest, number: u32) -> NodeId {
        forest.node(NonZeroU32::new(number))
    }

    /// Each number below the one before.
    fn chain(forest: &mut Forest, numbers: &[u32]) -> (NodeId, NodeId) {
        let nodes: Vec<NodeId> = numbers.iter().map(|number| node(forest, *number)).collect();
        nodes.windows(2).for_each(|pair| forest.child(pair[0], pair[1]));
        (nodes[0], nodes[nodes.len() - 1])
    }

    #[test]
    fn the_example_of_rfc_5256_is_written_as_there() {
        let mut forest = Forest::default();
        let two = node(&mut forest, 2);
        let (three, six) = chain(&mut forest, &[3, 6]);
        let (four, _) = chain(&mut forest, &[4, 23]);
        let (forty_four, _) = chain(&mut forest, &[44, 7, 96]);
        forest.child(six, four);
        forest.child(six, forty_four);
        forest.root(two);
        forest.root(three);
        assert_eq!(forest.to_string(), "(2)(3 6 (4 23)(44 7 96))");
    }

    #[test]
    fn children_of_a_parent_that_is_not_there_stand_alone() {
        let mut forest = Forest::default();
        let dummy = forest.node(None);
        forest.root(dummy);
        for number in [3, 5] {
            let child = node(&mut forest, number);
            forest.child(dummy, child);
        }
        assert_eq!(forest.to_string(), "((3)(5))");
        assert_eq!(Forest::default().to_string(), "");
    }

    #[test]
    fn depth_takes_no_stack() {
        let mut forest = Forest::default();
        let mut parent = node(&mut forest, 1);
        forest.root(parent);
        for number in 1..=200_000 {
            let (child, leaf) = (node(&mut forest, number), node(&mut forest, number));
            forest.child(parent, child);
            forest.child(parent, leaf);
            parent = child;
        }
        let written = forest.to_string();
        let count = |wanted: char| written.chars().filter(|found| *found == wanted).count();
        assert_eq!((count('('), count(')')), (400_001, 400_001));
    }
}
