//! Sequence sets and UID sets (RFC 3501 section 9, `sequence-set`): two types, one core.

use std::fmt;
use std::num::NonZeroU32;

/// Sequence numbers as a client names them. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqSet(Spans);

/// UIDs as a client names them, or as the server lists them (COPYUID). Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UidSet(Spans);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid sequence set")]
pub struct InvalidSet;

/// A set against a mailbox of known size: disjoint ascending ranges without `*`. May be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges(Vec<(u32, u32)>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Spans(Vec<Span>);

/// As written: the bounds may be reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: Bound,
    last: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Number(NonZeroU32),
    /// `*`
    Largest,
}

macro_rules! set_methods {
    ($set:ident) => {
        impl $set {
            /// From the wire form, such as `1,3:5,9:*`.
            pub fn parse(text: &[u8]) -> Result<Self, InvalidSet> {
                Spans::parse(text).map(Self)
            }

            /// From strictly ascending numbers, runs written as ranges. `None` if there are none.
            pub fn from_ascending(numbers: impl IntoIterator<Item = NonZeroU32>) -> Option<Self> {
                Spans::from_ascending(numbers).map(Self)
            }

            /// The set read against a mailbox whose largest number is `largest` (0 if empty):
            /// `*` replaced, reversed ranges turned, overlaps merged, numbers beyond cut off.
            pub fn ranges(&self, largest: u32) -> Ranges {
                self.0.ranges(largest)
            }

            /// Whether the numbers ascend as they are written, each once, without `*`.
            pub fn ascends(&self) -> bool {
                self.0.ascends()
            }

            /// Whether `*` is in it.
            pub fn is_open(&self) -> bool {
                self.0.is_open()
            }

            /// Whether `number` is in the set, in a mailbox whose largest number is `largest`.
            pub fn contains(&self, number: NonZeroU32, largest: u32) -> bool {
                self.0.contains(number.get(), largest)
            }
        }

        impl From<NonZeroU32> for $set {
            fn from(number: NonZeroU32) -> Self {
                let bound = Bound::Number(number);
                Self(Spans(vec![Span { first: bound, last: bound }]))
            }
        }

        impl fmt::Display for $set {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

set_methods!(SeqSet);
set_methods!(UidSet);

// === impl SeqSet ===

impl SeqSet {
    /// Whether the set names a message that a mailbox of `count` messages does not have, which
    /// is the client's mistake (RFC 3501 section 9, `seq-number`). `*` in an empty mailbox is one.
    pub fn exceeds(&self, count: u32) -> bool {
        self.0.0.iter().flat_map(|span| [span.first, span.last]).any(|bound| match bound {
            Bound::Number(number) => number.get() > count,
            Bound::Largest => count == 0,
        })
    }
}

// === impl UidSet ===

impl UidSet {
    /// From UIDs in any order, kept in that order: COPYUID pairs two sets one to one (RFC 4315
    /// section 3). Only ascending runs become ranges. `None` if there are none.
    pub fn from_ordered(uids: impl IntoIterator<Item = NonZeroU32>) -> Option<Self> {
        Spans::from_ascending(uids).map(Self)
    }
}

// === impl Ranges ===

impl Ranges {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&(first, last)| u64::from(last - first) + 1).sum()
    }

    /// First and last number of each range, ascending.
    pub fn bounds(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().copied()
    }

    /// Every number, ascending, each once. Bounded by the largest number given, so for UIDs of a
    /// sparse mailbox prefer [`Self::bounds`].
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|&(first, last)| first..=last)
    }

    pub fn contains(&self, number: u32) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= number);
        after > 0 && number <= self.0[after - 1].1
    }
}

// === impl Spans ===

impl Spans {
    fn parse(text: &[u8]) -> Result<Self, InvalidSet> {
        text.split(|&byte| byte == b',').map(Span::parse).collect::<Result<_, _>>().map(Self)
    }

    fn from_ascending(numbers: impl IntoIterator<Item = NonZeroU32>) -> Option<Self> {
        let mut runs: Vec<(NonZeroU32, NonZeroU32)> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some((_, last)) if last.get().checked_add(1) == Some(number.get()) => {
                    *last = number;
                }
                _ => runs.push((number, number)),
            }
        }
        if runs.is_empty() {
            return None;
        }
        let span = |(first, last)| Span { first: Bound::Number(first), last: Bound::Number(last) };
        Some(Self(runs.into_iter().map(span).collect()))
    }

    fn ranges(&self, largest: u32) -> Ranges {
        let mut ranges: Vec<(u32, u32)> =
            self.0.iter().filter_map(|span| span.resolve(largest)).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(previous) if first <= previous.1.saturating_add(1) => {
                    previous.1 = previous.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        Ranges(merged)
    }

    fn is_open(&self) -> bool {
        self.0.iter().any(|span| [span.first, span.last].contains(&Bound::Largest))
    }

    fn ascends(&self) -> bool {
        let bounds = self.0.iter().map(|span| (span.first.resolve(0), span.last.resolve(0)));
        let mut before = 0;
        for (first, last) in bounds {
            if first <= before || last < first {
                return false;
            }
            before = last;
        }
        true
    }

    fn contains(&self, number: u32, largest: u32) -> bool {
        self.0
            .iter()
            .filter_map(|span| span.resolve(largest))
            .any(|(first, last)| (first..=last).contains(&number))
    }
}

impl fmt::Display for Spans {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, span) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            span.first.fmt(formatter)?;
            if span.first != span.last {
                write!(formatter, ":{}", span.last)?;
            }
        }
        Ok(())
    }
}

// === impl Span ===

impl Span {
    fn parse(text: &[u8]) -> Result<Self, InvalidSet> {
        let mut bounds = text.splitn(2, |&byte| byte == b':');
        let first = Bound::parse(bounds.next().unwrap_or_default())?;
        let last = bounds.next().map_or(Ok(first), Bound::parse)?;
        Ok(Self { first, last })
    }

    /// `None` if nothing of the range exists. `559:*` in a mailbox that ends at 300 is 300:559
    /// and so still names the last message (RFC 3501 section 6.4.8).
    fn resolve(self, largest: u32) -> Option<(u32, u32)> {
        if largest == 0 {
            return None;
        }
        let (first, last) = (self.first.resolve(largest), self.last.resolve(largest));
        let (first, last) = (first.min(last), first.max(last).min(largest));
        (first <= last).then_some((first, last))
    }
}

// === impl Bound ===

impl Bound {
    fn parse(text: &[u8]) -> Result<Self, InvalidSet> {
        if text == b"*" {
            return Ok(Self::Largest);
        }
        // `u32::from_str` would also take a sign.
        if !text.iter().all(u8::is_ascii_digit) {
            return Err(InvalidSet);
        }
        let text = std::str::from_utf8(text).map_err(|_| InvalidSet)?;
        text.parse().map(Self::Number).map_err(|_| InvalidSet)
    }

    fn resolve(self, largest: u32) -> u32 {
        match self {
            Self::Number(number) => number.get(),
            Self::Largest => largest,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Largest => formatter.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(text: &str, largest: u32) -> Vec<u32> {
        UidSet::parse(text.as_bytes()).unwrap().ranges(largest).numbers().collect()
    }

    #[test]
    fn the_examples_of_rfc_3501_resolve_as_it_says() {
        assert_eq!(numbers("2,4:7,9,12:*", 15), [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]);
        assert_eq!(numbers("*:4,5:7", 10), [4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(numbers("2:4", 10), numbers("4:2", 10));
    }

    #[test]
    fn an_open_range_beyond_the_end_still_names_the_last_message() {
        assert_eq!(numbers("559:*", 300), [300]);
        assert_eq!(numbers("301:400", 300), [] as [u32; 0]);
        assert_eq!(numbers("1:*", 0), [] as [u32; 0]);
        assert_eq!(numbers("1:4294967295", 3), [1, 2, 3]);
    }

    #[test]
    fn what_is_not_a_set_is_refused() {
        for text in ["", "0", "1,", ",1", "1:", ":1", "1:2:3", "+1", "4294967296", "a", "1 2"] {
            assert!(UidSet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn sequence_numbers_beyond_the_mailbox_are_noticed() {
        let set = SeqSet::parse(b"1:5").unwrap();
        assert!(!set.exceeds(5));
        assert!(set.exceeds(4));
        assert!(SeqSet::parse(b"*").unwrap().exceeds(0));
        assert!(!SeqSet::parse(b"1:*").unwrap().exceeds(1));
    }

    #[test]
    fn an_ascending_set_names_each_number_once_and_in_order() {
        for (text, ascends) in [
            ("1:3,5,7:9", true),
            ("1,1", false),
            ("3:1", false),
            ("5,3", false),
            ("1:3,3:4", false),
            ("1:*", false),
            ("*", false),
            ("4294967295", true),
        ] {
            assert_eq!(SeqSet::parse(text.as_bytes()).unwrap().ascends(), ascends, "{text}");
        }
        assert!(UidSet::parse(b"4:*").unwrap().is_open());
        assert!(!UidSet::parse(b"4:9").unwrap().is_open());
    }

    #[test]
    fn copied_uids_keep_their_order() {
        let uids = [7, 8, 3, 4, 5, 1].map(|uid| NonZeroU32::new(uid).unwrap());
        assert_eq!(UidSet::from_ordered(uids).unwrap().to_string(), "7:8,3:5,1");
        assert_eq!(UidSet::from_ordered([]), None);
    }

    proptest! {
        #[test]
        fn a_set_of_numbers_survives_the_wire(numbers in prop::collection::btree_set(1_u32..60, 1..40)) {
            let set = UidSet::from_ascending(
                numbers.iter().map(|&number| NonZeroU32::new(number).unwrap())).unwrap();
            let read = UidSet::parse(set.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&read, &set);
            let ranges = read.ranges(60);
            prop_assert!(ranges.numbers().eq(numbers.iter().copied()));
            for number in 1..=60 {
                prop_assert_eq!(ranges.contains(number), numbers.contains(&number));
                prop_assert_eq!(set.contains(NonZeroU32::new(number).unwrap(), 60), numbers.contains(&number));
            }
        }
    }
}
