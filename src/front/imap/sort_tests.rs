use proptest::prelude::*;
use wire::imap::{Direction, SortCriterion, SortKey};

use super::*;
use crate::mailbox::{SeqNum, Timestamp, Uid};

/// What the reference compares: places in lists that stand in the order of the collation.
#[derive(Clone, Copy, Debug)]
struct Plain {
    received: i64,
    size: u64,
    sent: Option<i64>,
    subject: usize,
    from: usize,
    to: usize,
}

/// Subjects of one row are equal once their marks are off.
const SUBJECTS: [[&str; 2]; 4] = [
    ["", "Re:"],
    ["apple", "[x] Re: APPLE (fwd)"],
    ["=?utf-8?q?=C3=84pfel?=", "fwd: =?iso-8859-1?q?=E4pfel?="],
    ["zebra", "Zebra"],
];
/// Name and mailbox both ascend.
const PEOPLE: [&str; 3] = ["", "Ann <bob@x>", "=?utf-8?q?Zo=C3=AB?= <carl@x>"];

fn message(index: usize, plain: Plain, other_form: bool) -> Keyed {
    let date = plain.sent.map(|hour| format!("Date: 2 Nov 2026 {hour:02}:00:00 +0000\r\n"));
    let header = format!(
        "{}Subject: {}\r\nFrom: {}\r\nTo: {}\r\n\r\n",
        date.unwrap_or_default(),
        SUBJECTS[plain.subject][usize::from(other_form)],
        PEOPLE[plain.from],
        PEOPLE[plain.to],
    );
    let hit = (SeqNum::at(index), Uid::new(u32::try_from(index).unwrap() + 7).unwrap());
    let received = Timestamp(plain.received);
    Keyed { hit, received, size: plain.size, kept: SortKeys::collect(header.as_bytes()).into() }
}

/// The hour 2 November 2026 begins with, in seconds since 1970.
const DAY: i64 = 1_793_577_600;

/// One stable sort for each criterion, the last one first.
fn by_the_letter(plains: &[Plain], criteria: &[SortCriterion]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..plains.len()).collect();
    for criterion in criteria.iter().rev() {
        let value = |index: &usize| {
            let plain = plains[*index];
            let place = |place: usize| i64::try_from(place).unwrap();
            match criterion.key {
                SortKey::Arrival => plain.received,
                SortKey::Size => i64::try_from(plain.size).unwrap(),
                SortKey::Date => plain.sent.map_or(plain.received, |hour| DAY + hour * 3600),
                SortKey::Subject => place(plain.subject),
                SortKey::From | SortKey::DisplayFrom => place(plain.from),
                SortKey::To | SortKey::DisplayTo => place(plain.to),
                SortKey::Cc => 0,
            }
        };
        order.sort_by_key(|index| match criterion.direction {
            Direction::Ascending => value(index),
            Direction::Descending => -value(index),
        });
    }
    order
}

fn plain() -> impl Strategy<Value = Plain> {
    let hour = prop::option::of(0_i64..4);
    let received = (DAY - 2..DAY + 2, 0_u64..4);
    (received, hour, 0..4_usize, 0..3_usize, 0..3_usize).prop_map(
        |((received, size), sent, subject, from, to)| Plain {
            received,
            size,
            sent,
            subject,
            from,
            to,
        },
    )
}

fn criterion() -> impl Strategy<Value = SortCriterion> {
    let keys = vec![
        SortKey::Arrival,
        SortKey::Cc,
        SortKey::Date,
        SortKey::DisplayFrom,
        SortKey::DisplayTo,
        SortKey::From,
        SortKey::Size,
        SortKey::Subject,
        SortKey::To,
    ];
    let directions = vec![Direction::Ascending, Direction::Descending];
    (prop::sample::select(keys), prop::sample::select(directions))
        .prop_map(|(key, direction)| SortCriterion { key, direction })
}

proptest! {
    #[test]
    fn an_order_is_the_one_that_sorting_by_each_criterion_gives(
        messages in prop::collection::vec((plain(), any::<bool>()), 0..10),
        criteria in prop::collection::vec(criterion(), 1..4),
    ) {
        let plains: Vec<Plain> = messages.iter().map(|(plain, _)| *plain).collect();
        let keyed: Vec<Keyed> = messages
            .iter()
            .enumerate()
            .map(|(index, (plain, other_form))| message(index, *plain, *other_form))
            .collect();
        let ordered: Vec<usize> =
            ordered(&keyed, &criteria).into_iter().map(|(seq, _)| seq.index()).collect();
        prop_assert_eq!(ordered, by_the_letter(&plains, &criteria));
    }
}
