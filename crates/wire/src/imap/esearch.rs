//! What a search shall give back, and the ESEARCH response that does (RFC 4731, 5182, 5267, 9394).

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use super::{Numbering, Tag, UidSet};

/// What stood between the parentheses of RETURN. Never both `All` and `Partial`, and each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returns(Vec<ReturnOption>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnOption {
    Min,
    Max,
    All,
    Count,
    /// What was found is kept for `$` (RFC 5182).
    Save,
    /// A page of what was found (RFC 9394).
    Partial(Page),
}

/// `1:100` or `-1:-100`: places in a result, from its beginning or from its end (RFC 9394
/// section 4). Displays as the client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub from: End,
    pub bounds: (NonZeroU32, NonZeroU32),
}

/// Where places are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    First,
    Last,
}

/// The answer to a search with RETURN (RFC 4731 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ESearch {
    /// Of the command that is answered.
    pub tag: Tag,
    pub numbering: Numbering,
    pub items: Vec<Returned>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    Min(NonZeroU32),
    Max(NonZeroU32),
    /// In the order of the result; never empty.
    All(Vec<NonZeroU32>),
    Count(u32),
    Partial(Page, Vec<NonZeroU32>),
    /// The highest mod-sequence of what is returned (RFC 7162 section 3.1.10).
    ModSeq(NonZeroU64),
}

// === impl Returns ===

impl Returns {
    /// `()` means ALL (RFC 4731 section 3.1). `None` if an option stands twice, or ALL beside PARTIAL
    /// (RFC 9394 section 3.1).
    pub fn new(mut options: Vec<ReturnOption>) -> Option<Self> {
        if options.is_empty() {
            options.push(ReturnOption::All);
        }
        let kinds = options.iter().map(|option| match option {
            // Both name the part of the result that is listed.
            ReturnOption::Partial(_) => std::mem::discriminant(&ReturnOption::All),
            option => std::mem::discriminant(option),
        });
        let kinds: Vec<_> = kinds.collect();
        let repeated = kinds.iter().enumerate().any(|(at, kind)| kinds[..at].contains(kind));
        (!repeated).then_some(Self(options))
    }

    /// Everything that was found.
    pub fn all() -> Self {
        Self(vec![ReturnOption::All])
    }

    pub fn has(&self, option: ReturnOption) -> bool {
        self.0.contains(&option)
    }

    pub fn page(&self) -> Option<Page> {
        self.0.iter().find_map(|option| match option {
            ReturnOption::Partial(page) => Some(*page),
            _ => None,
        })
    }

    /// Whether the result is only kept and nothing of it is told (RFC 5182 section 2.1).
    pub fn is_silent(&self) -> bool {
        self.0 == [ReturnOption::Save]
    }
}

// === impl Page ===

impl Page {
    /// Those of `results` that lie on this page, in their order.
    pub fn of<'r, T>(&self, results: &'r [T]) -> &'r [T] {
        let (one, other) = (index(self.bounds.0), index(self.bounds.1));
        let (near, far) = (one.min(other), one.max(other));
        let count = results.len();
        let range = match self.from {
            End::First => near..far.saturating_add(1).min(count),
            End::Last => count.saturating_sub(far.saturating_add(1))..count.saturating_sub(near),
        };
        results.get(range).unwrap_or_default()
    }
}

/// The place of a number counted from 1.
fn index(number: NonZeroU32) -> usize {
    usize::try_from(number.get() - 1).unwrap_or(usize::MAX)
}

impl fmt::Display for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = self.bounds;
        match self.from {
            End::First => write!(formatter, "{one}:{other}"),
            End::Last => write!(formatter, "-{one}:-{other}"),
        }
    }
}

// === impl ESearch ===

impl fmt::Display for ESearch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ESEARCH (TAG \"{}\")", self.tag)?;
        if self.numbering == Numbering::Uid {
            formatter.write_str(" UID")?;
        }
        self.items.iter().try_for_each(|item| write!(formatter, " {item}"))
    }
}

impl fmt::Display for Returned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Min(number) => write!(formatter, "MIN {number}"),
            Self::Max(number) => write!(formatter, "MAX {number}"),
            Self::Count(count) => write!(formatter, "COUNT {count}"),
            Self::ModSeq(value) => write!(formatter, "MODSEQ {value}"),
            Self::All(numbers) => write!(formatter, "ALL {}", Listed(numbers)),
            Self::Partial(page, numbers) => {
                write!(formatter, "PARTIAL ({page} {})", Listed(numbers))
            }
        }
    }
}

/// A set that keeps its order, or NIL.
struct Listed<'a>(&'a [NonZeroU32]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UidSet::from_ordered(self.0.iter().copied()) {
            Some(set) => set.fmt(formatter),
            None => formatter.write_str("NIL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(value: u32) -> NonZeroU32 {
        NonZeroU32::new(value).unwrap()
    }

    fn page(from: End, one: u32, other: u32) -> Page {
        Page { from, bounds: (number(one), number(other)) }
    }

    fn written(items: Vec<Returned>) -> String {
        let tag = Tag::new(b"A282").unwrap();
        ESearch { tag, numbering: Numbering::Uid, items }.to_string()
    }

    #[test]
    fn an_answer_lists_what_was_asked_for() {
        let items = vec![
            Returned::Min(number(2)),
            Returned::Max(number(47)),
            Returned::All([2, 10, 11, 12].map(number).to_vec()),
            Returned::Count(4),
            Returned::ModSeq(NonZeroU64::new(917_162_488).unwrap()),
        ];
        let expected =
            "ESEARCH (TAG \"A282\") UID MIN 2 MAX 47 ALL 2,10:12 COUNT 4 MODSEQ 917162488";
        assert_eq!(written(items), expected);
        assert_eq!(written(Vec::new()), "ESEARCH (TAG \"A282\") UID");
    }

    #[test]
    fn a_sorted_result_keeps_its_order() {
        let sorted = Returned::All([5, 3, 4, 2, 1].map(number).to_vec());
        assert_eq!(sorted.to_string(), "ALL 5,3:4,2,1");
    }

    #[test]
    fn a_page_is_named_as_it_was_asked_for() {
        let listed = |page, numbers: &[u32]| {
            let numbers = numbers.iter().copied().map(number).collect();
            Returned::Partial(page, numbers).to_string()
        };
        assert_eq!(listed(page(End::Last, 1, 100), &[7, 8]), "PARTIAL (-1:-100 7:8)");
        assert_eq!(listed(page(End::First, 500, 400), &[]), "PARTIAL (500:400 NIL)");
    }

    #[test]
    fn options_that_contradict_are_refused() {
        use ReturnOption::{All, Count, Max, Min, Partial, Save};
        let partial = Partial(page(End::First, 1, 2));
        assert!(Returns::new(vec![Min, Max, All, Count, Save]).is_some());
        assert!(Returns::new(vec![Min, partial, Save]).is_some());
        assert_eq!(Returns::new(vec![All, partial]), None);
        assert_eq!(Returns::new(vec![partial, partial]), None);
        assert_eq!(Returns::new(vec![Min, Min]), None);
        assert_eq!(Returns::new(vec![]), Some(Returns::all()));
        assert!(Returns::new(vec![Save]).unwrap().is_silent());
    }

    proptest! {
        #[test]
        fn pages_hold_what_counting_finds(count in 0_u32..20, one in 1_u32..25, other in 1_u32..25) {
            let results: Vec<u32> = (1..=count).collect();
            let bounds = one.min(other)..=one.max(other);
            let ahead: Vec<u32> =
                results.iter().copied().filter(|place| bounds.contains(place)).collect();
            prop_assert_eq!(page(End::First, one, other).of(&results), &ahead[..]);
            let back = |place: &u32| bounds.contains(&(count + 1 - place));
            let behind: Vec<u32> = results.iter().copied().filter(back).collect();
            prop_assert_eq!(page(End::Last, one, other).of(&results), &behind[..]);
        }
    }
}
