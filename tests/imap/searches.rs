//! SEARCH over messages that chance makes, with keys that chance makes, beside a reading of RFC 3501 §6.4.4 that looks
//! at one message after the other.

use std::collections::BTreeSet;
use std::fmt;

use crate::fake::World;

const MESSAGES: usize = 40;
const SEARCHES: usize = 400;
const DEEPEST: usize = 4;
const WORDS: [&str; 8] = ["apple", "Pear", "PLUM", "fig", "appl", "ear", "lime", "Fig tree"];
const FLAGS: [(&str, &str); 4] = [
    ("SEEN", "\\Seen"),
    ("ANSWERED", "\\Answered"),
    ("FLAGGED", "\\Flagged"),
    ("DELETED", "\\Deleted"),
];
const FIELDS: [(&str, &str); 5] = [
    ("SUBJECT ", "Subject"),
    ("FROM ", "From"),
    ("TO ", "To"),
    ("CC ", "Cc"),
    ("HEADER X-Fruit ", "X-Fruit"),
];
const MONTHS: [&str; 3] = ["Oct", "Nov", "Dec"];

/// SplitMix64; a failure tells the seed, and `FOOTBRIDGE_TEST_SEED` repeats it.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

struct Known {
    number: usize,
    uid: usize,
    fields: Vec<(&'static str, String)>,
    /// As it is sent.
    body: String,
    /// What there is to read in it.
    words: String,
    /// Month, then day; all in one year.
    sent: (usize, usize),
    size: usize,
    flags: BTreeSet<&'static str>,
}

enum Key {
    All,
    Flag(usize),
    Unflag(usize),
    Field(usize, &'static str),
    Body(&'static str),
    Text(&'static str),
    SentBefore((usize, usize)),
    SentOn((usize, usize)),
    SentSince((usize, usize)),
    Larger(usize),
    Smaller(usize),
    Numbers(usize, usize),
    Uids(usize, usize),
    Not(Box<Self>),
    Or(Box<Self>, Box<Self>),
    Both(Box<Self>, Box<Self>),
}

impl Known {
    fn made(chance: &mut Chance, uid: usize) -> Self {
        let words = |chance: &mut Chance| format!("{} x{uid} {}", chance.word(), chance.word());
        let sent = (chance.below(3), 1 + chance.below(28));
        let mut fields =
            vec![("Subject", words(chance)), ("From", format!("{} <a@b.c>", chance.word()))];
        fields.push(("Date", format!("{} {} 2023 23:30:00 -0800", sent.1, MONTHS[sent.0])));
        for optional in ["To", "Cc", "X-Fruit"] {
            if chance.below(2) == 0 {
                fields.push((optional, format!("{} <d@e.f>", chance.word())));
            }
        }
        let text: Vec<String> = (0..chance.below(5)).map(|_| words(chance)).collect();
        let (mut body, mut read) = (text.join("\n"), text.join("\n"));
        if chance.below(3) == 0 {
            fields.push(("Content-Type", "multipart/mixed; boundary=\"--\"".into()));
            (body, read) = with_file(&body, (chance.word(), chance.word()));
        }
        let flags = FLAGS.iter().filter(|_| chance.below(3) == 0).map(|flag| flag.1).collect();
        let mut known = Self { number: 0, uid, fields, body, words: read, sent, size: 0, flags };
        known.size = known.text().replace('\n', "\r\n").len();
        known
    }

    fn text(&self) -> String {
        format!("{}\n{}\n", self.header(), self.body)
    }

    fn header(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
    }
}

/// A text and a file, as they are sent and as they are read: of a file that is no text only the header is.
fn with_file(text: &str, (name, content): (&str, &str)) -> (String, String) {
    let (kind, hex) =
        ("Content-Type: text/plain", name.bytes().map(|octet| format!("%{octet:02x}")));
    let file = format!("Content-Type: x/y; name*=us-ascii''{}", hex.collect::<String>());
    let sent = format!("----\n{kind}\n\n{text}\n----\n{file}\n\n{content}\n------\n");
    (sent, format!("{kind}\n{text}\n{file}\n{name}"))
}

/// Case and the width of blanks make no difference.
fn holds(text: &str, word: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().contains(&word.to_lowercase())
}

impl Key {
    fn made(chance: &mut Chance, depth: usize) -> Self {
        let kinds = if depth < DEEPEST { 16 } else { 13 };
        let inner = |chance: &mut Chance| Box::new(Self::made(chance, depth + 1));
        let day = |chance: &mut Chance| (chance.below(3), 1 + chance.below(28));
        match chance.below(kinds) {
            0 => Self::All,
            1 => Self::Flag(chance.below(FLAGS.len())),
            2 => Self::Unflag(chance.below(FLAGS.len())),
            3 => Self::Field(chance.below(FIELDS.len()), chance.word()),
            4 => Self::Field(chance.below(FIELDS.len()), ""),
            5 => Self::Body(chance.word()),
            6 => Self::Text(chance.word()),
            7 => Self::SentBefore(day(chance)),
            8 => Self::SentOn(day(chance)),
            9 => Self::SentSince(day(chance)),
            10 if chance.below(2) == 0 => Self::Larger(100 + chance.below(200)),
            10 => Self::Smaller(100 + chance.below(200)),
            11 => Self::Numbers(1 + chance.below(MESSAGES), 1 + chance.below(MESSAGES)),
            12 => Self::Uids(1 + chance.below(MESSAGES), 1 + chance.below(MESSAGES)),
            13 => Self::Not(inner(chance)),
            14 => Self::Or(inner(chance), inner(chance)),
            _ => Self::Both(inner(chance), inner(chance)),
        }
    }

    fn is_of(&self, known: &Known) -> bool {
        let within = |number: usize, one: usize, other: usize| {
            (one.min(other)..=one.max(other)).contains(&number)
        };
        match self {
            Self::All => true,
            Self::Flag(flag) => known.flags.contains(FLAGS[*flag].1),
            Self::Unflag(flag) => !known.flags.contains(FLAGS[*flag].1),
            Self::Field(field, word) => known
                .fields
                .iter()
                .any(|(name, value)| *name == FIELDS[*field].1 && holds(value, word)),
            Self::Body(word) => holds(&known.words, word),
            Self::Text(word) => holds(&known.header(), word) || holds(&known.words, word),
            Self::SentBefore(day) => known.sent < *day,
            Self::SentOn(day) => known.sent == *day,
            Self::SentSince(day) => known.sent >= *day,
            Self::Larger(octets) => known.size > *octets,
            Self::Smaller(octets) => known.size < *octets,
            Self::Numbers(one, other) => within(known.number, *one, *other),
            Self::Uids(one, other) => within(known.uid, *one, *other),
            Self::Not(key) => !key.is_of(known),
            Self::Or(one, other) => one.is_of(known) || other.is_of(known),
            Self::Both(one, other) => one.is_of(known) && other.is_of(known),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = |(month, day): &(usize, usize)| format!("{day}-{}-2023", MONTHS[*month]);
        match self {
            Self::All => f.write_str("ALL"),
            Self::Flag(flag) => f.write_str(FLAGS[*flag].0),
            Self::Unflag(flag) => write!(f, "UN{}", FLAGS[*flag].0),
            Self::Field(field, word) => write!(f, "{}\"{word}\"", FIELDS[*field].0),
            Self::Body(word) => write!(f, "BODY \"{word}\""),
            Self::Text(word) => write!(f, "TEXT \"{word}\""),
            Self::SentBefore(day) => write!(f, "SENTBEFORE {}", date(day)),
            Self::SentOn(day) => write!(f, "SENTON {}", date(day)),
            Self::SentSince(day) => write!(f, "SENTSINCE {}", date(day)),
            Self::Larger(octets) => write!(f, "LARGER {octets}"),
            Self::Smaller(octets) => write!(f, "SMALLER {octets}"),
            Self::Numbers(one, other) => write!(f, "{one}:{other}"),
            Self::Uids(one, other) => write!(f, "UID {one}:{other}"),
            Self::Not(key) => write!(f, "NOT {key}"),
            Self::Or(one, other) => write!(f, "OR {one} {other}"),
            Self::Both(one, other) => write!(f, "({one} {other})"),
        }
    }
}

/// Every message that chance makes, with its flags; some leave, so that numbers and UIDs part.
async fn filled(world: &World, chance: &mut Chance) -> Vec<Known> {
    let mut all: Vec<Known> = (1..=MESSAGES).map(|uid| Known::made(chance, uid)).collect();
    all.iter().for_each(|known| drop(world.backend.deliver(&known.text())));
    let mut ada = world.inbox().await;
    for known in &all {
        let flags: Vec<&str> = known.flags.iter().copied().collect();
        ada.ok(&format!("STORE {} FLAGS.SILENT ({})", known.uid, flags.join(" "))).await;
    }
    for uid in [1, 7, 8, 23] {
        ada.ok(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)")).await;
        ada.ok(&format!("UID EXPUNGE {uid}")).await;
        all.retain(|known| known.uid != uid);
    }
    (1..).zip(&mut all).for_each(|(number, known)| known.number = number);
    all
}

#[tokio::test]
async fn any_search_finds_what_a_look_at_each_message_finds() {
    #[expect(clippy::disallowed_methods, reason = "a setting of the test, not of the program")]
    let seed = std::env::var("FOOTBRIDGE_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut chance = Chance(seed);
    let world = World::new().await;
    let known = filled(&world, &mut chance).await;
    let mut ada = world.inbox().await;
    let mut found_some = 0;
    for _ in 0..SEARCHES {
        let key = Key::made(&mut chance, 0);
        let matching: Vec<&Known> = known.iter().filter(|known| key.is_of(known)).collect();
        found_some += usize::from(!matching.is_empty());
        let (verb, expected): (_, Vec<usize>) = match chance.below(2) {
            0 => ("SEARCH", matching.iter().map(|known| known.number).collect()),
            _ => ("UID SEARCH", matching.iter().map(|known| known.uid).collect()),
        };
        let answer = ada.ok(&format!("{verb} {key}")).await;
        let line = answer.lines().find_map(|line| line.strip_prefix("* SEARCH")).unwrap();
        let found: Vec<usize> = line.split_whitespace().map(|one| one.parse().unwrap()).collect();
        assert_eq!(found, expected, "{verb} {key}, FOOTBRIDGE_TEST_SEED={seed}");
    }
    assert!(found_some > SEARCHES / 3, "{found_some} searches found something");
}
