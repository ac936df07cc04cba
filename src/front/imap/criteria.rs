//! SEARCH keys, evaluated with what is known so far (RFC 3501 §6.4.4).

use std::num::NonZeroU32;

use encoding_rs::Encoding;
use wire::imap::Ranges;
use wire::imap::{Code, Date, SearchKey, UidSet};

use super::convert;
use super::ending::Ending;
use super::objects::Named;
use super::recent::Recent;
use super::saved::Saved;
use super::search::Asked;
use super::selected::Selected;
use crate::mailbox::{Keyword, Line, ModSeq, SeqNum, SystemFlag, Timestamp, View};
use crate::mime::Heads;
use crate::mime::text::{Needle, Searchable, header_values};

/// A key with its strings decoded and its sets resolved.
#[derive(Debug)]
pub(super) enum Criterion {
    Always(bool),
    All(Vec<Self>),
    Either(Box<(Self, Self)>),
    Not(Box<Self>),
    Numbers(Ranges),
    Uids(Ranges),
    Flag(SystemFlag),
    Keyword(Keyword),
    Received(When, Date),
    Sent(When, Date),
    Larger(u64),
    Smaller(u64),
    ChangedAt(ModSeq),
    /// At this moment or before.
    ReceivedBy(Timestamp),
    /// At this moment or after.
    ReceivedFrom(Timestamp),
    Header(String, Needle),
    Body(Needle),
    Text(Needle),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Before,
    On,
    Since,
}

/// What a criterion may have to look at beyond the row.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Reach {
    Row,
    Size,
    Header,
    Whole,
}

/// What is known of one message so far.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) seq: SeqNum,
    pub(super) row: Line<'a>,
    pub(super) size: Option<u64>,
    pub(super) read: Read<'a>,
}

/// How much of the bytes has been read.
#[derive(Clone, Copy)]
pub(super) enum Read<'a> {
    Nothing,
    Heads(Heads<'a>),
    Header(&'a [u8]),
    Whole(&'a [u8]),
}

/// # Errors
/// `NO [BADCHARSET]` for a charset that is not known.
pub(super) fn compile(
    asked: Asked<'_>,
    selected: &Selected,
    named: &Named,
    now: Timestamp,
) -> Result<Criterion, Ending> {
    let charset = Charset::of(asked.charset)?;
    let Selected { view, recent, saved, .. } = selected;
    Ok(Compiler { charset, view, recent, saved, named, now }.key(asked.key))
}

// === compiling ===

enum Charset {
    Utf8,
    Other(&'static Encoding),
}

impl Charset {
    fn of(name: Option<&str>) -> Result<Self, Ending> {
        let Some(name) = name else { return Ok(Self::Utf8) };
        // US-ASCII in this registry would mean windows-1252.
        if name.eq_ignore_ascii_case("US-ASCII") || name.eq_ignore_ascii_case("UTF-8") {
            return Ok(Self::Utf8);
        }
        // The registry maps names that must not be decoded to an encoding of that name.
        match Encoding::for_label_no_replacement(name.as_bytes()) {
            Some(encoding) => Ok(Self::Other(encoding)),
            None => {
                let known = vec!["US-ASCII".into(), "UTF-8".into()];
                Err(Ending::no("That charset is not known").with(Code::BadCharset(known)))
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Other(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }
}

struct Compiler<'a> {
    charset: Charset,
    view: &'a View,
    recent: &'a Recent,
    saved: &'a Saved,
    named: &'a Named,
    now: Timestamp,
}

impl Compiler<'_> {
    fn recent(&self) -> Criterion {
        let uids = self.recent.uids(self.view).into_iter().map(|uid| convert::number(uid.get()));
        match UidSet::from_ascending(uids) {
            Some(set) => Criterion::Uids(set.ranges(u32::MAX)),
            None => Criterion::Always(false),
        }
    }

    /// RFC 5032 §3.
    fn ago(&self, seconds: NonZeroU32) -> Timestamp {
        Timestamp(self.now.0 - i64::from(seconds.get()))
    }

    fn key(&self, key: &SearchKey) -> Criterion {
        let not = |criterion| Criterion::Not(Box::new(criterion));
        match key {
            SearchKey::And(keys) => Criterion::All(keys.iter().map(|key| self.key(key)).collect()),
            SearchKey::Or(one, other) => {
                Criterion::Either(Box::new((self.key(one), self.key(other))))
            }
            SearchKey::Not(key) => not(self.key(key)),
            SearchKey::SeqSet(set) => {
                let count = u32::try_from(self.view.len()).unwrap_or(u32::MAX);
                Criterion::Numbers(set.ranges(count))
            }
            SearchKey::Uid(set) => {
                let last = self.view.uids().last().map_or(0, |uid| uid.get());
                Criterion::Uids(set.ranges(last))
            }
            SearchKey::Saved => {
                let saved = self.saved.ranges(self.view);
                saved.map_or(Criterion::Always(false), Criterion::Uids)
            }
            SearchKey::Older(seconds) => Criterion::ReceivedBy(self.ago(*seconds)),
            SearchKey::Younger(seconds) => Criterion::ReceivedFrom(self.ago(*seconds)),
            SearchKey::All => Criterion::Always(true),
            SearchKey::Old => not(self.recent()),
            SearchKey::Recent => self.recent(),
            SearchKey::New => {
                let unseen = not(Criterion::Flag(SystemFlag::Seen));
                Criterion::All(vec![self.recent(), unseen])
            }
            SearchKey::Answered => Criterion::Flag(SystemFlag::Answered),
            SearchKey::Deleted => Criterion::Flag(SystemFlag::Deleted),
            SearchKey::Draft => draft(),
            SearchKey::Flagged => Criterion::Flag(SystemFlag::Flagged),
            SearchKey::Seen => Criterion::Flag(SystemFlag::Seen),
            SearchKey::Unanswered => not(Criterion::Flag(SystemFlag::Answered)),
            SearchKey::Undeleted => not(Criterion::Flag(SystemFlag::Deleted)),
            SearchKey::Undraft => not(draft()),
            SearchKey::Unflagged => not(Criterion::Flag(SystemFlag::Flagged)),
            SearchKey::Unseen => not(Criterion::Flag(SystemFlag::Seen)),
            SearchKey::Keyword(word) => keyword(word),
            SearchKey::Unkeyword(word) => not(keyword(word)),
            SearchKey::Before(date) => Criterion::Received(When::Before, *date),
            SearchKey::On(date) => Criterion::Received(When::On, *date),
            SearchKey::Since(date) => Criterion::Received(When::Since, *date),
            SearchKey::SentBefore(date) => Criterion::Sent(When::Before, *date),
            SearchKey::SentOn(date) => Criterion::Sent(When::On, *date),
            SearchKey::SentSince(date) => Criterion::Sent(When::Since, *date),
            SearchKey::Larger(octets) => Criterion::Larger(*octets),
            SearchKey::Smaller(octets) => Criterion::Smaller(*octets),
            SearchKey::EmailId(id) | SearchKey::ThreadId(id) => {
                self.named.uids(id).map_or(Criterion::Always(false), Criterion::Uids)
            }
            SearchKey::ModSeq(modseq) => Criterion::ChangedAt(ModSeq::new(*modseq)),
            _ => self.text_key(key),
        }
    }

    fn text_key(&self, key: &SearchKey) -> Criterion {
        let needle = |text: &[u8]| Needle::new(&self.charset.decode(text));
        let header = |name: &str, text| Criterion::Header(name.into(), needle(text));
        match key {
            SearchKey::Bcc(text) => header("Bcc", text),
            SearchKey::Cc(text) => header("Cc", text),
            SearchKey::From(text) => header("From", text),
            SearchKey::Subject(text) => header("Subject", text),
            SearchKey::To(text) => header("To", text),
            SearchKey::Header { name, value } => header(&String::from_utf8_lossy(name), value),
            SearchKey::Body(text) => Criterion::Body(needle(text)),
            SearchKey::Text(text) => Criterion::Text(needle(text)),
            _ => Criterion::Always(false),
        }
    }
}

fn keyword(word: &wire::imap::Keyword) -> Criterion {
    if let Some(flag) = convert::system_keyword(word) {
        return Criterion::Flag(flag);
    }
    // A keyword that no message can have is on none.
    Keyword::new(word.as_str()).map_or(Criterion::Always(false), Criterion::Keyword)
}

// === evaluating ===

impl Criterion {
    /// `None`: what is known does not decide it.
    pub(super) fn evaluate(&self, facts: &Facts<'_>) -> Option<bool> {
        let row = &facts.row;
        match self {
            Self::Always(answer) => Some(*answer),
            Self::All(criteria) => all(criteria.iter().map(|each| each.evaluate(facts))),
            Self::Either(both) => {
                let either = [both.0.evaluate(facts), both.1.evaluate(facts)];
                all(either.into_iter().map(|answer| answer.map(|answer| !answer)))
                    .map(|neither| !neither)
            }
            Self::Not(criterion) => criterion.evaluate(facts).map(|answer| !answer),
            Self::Numbers(ranges) => Some(ranges.contains(facts.seq.get())),
            Self::Uids(ranges) => Some(ranges.contains(row.uid.get())),
            Self::Flag(flag) => Some(row.flags.has(*flag)),
            Self::Keyword(keyword) => Some(row.flags.has_keyword(keyword)),
            Self::Received(when, date) => Some(when.holds(convert::day(row.received), *date)),
            Self::ReceivedBy(moment) => Some(row.received <= *moment),
            Self::ReceivedFrom(moment) => Some(row.received >= *moment),
            Self::ChangedAt(modseq) => Some(row.modseq >= *modseq),
            Self::Larger(octets) => facts.size.map(|size| size > *octets),
            Self::Smaller(octets) => facts.size.map(|size| size < *octets),
            Self::Sent(when, date) => facts.read.date().map(|value| {
                // A message that does not say when it was sent was sent on no day.
                let day = value.and_then(|value| sent_day(&value));
                day.is_some_and(|day| when.holds(day, *date))
            }),
            Self::Header(name, needle) => facts.read.header_contains(name, needle),
            Self::Body(needle) => {
                facts.read.whole().map(|message| Searchable::new(message).body_contains(needle))
            }
            Self::Text(needle) => {
                facts.read.whole().map(|message| Searchable::new(message).text_contains(needle))
            }
        }
    }

    /// Whether a header may help to decide.
    pub(super) fn asks_header(&self) -> bool {
        match self {
            Self::All(criteria) => criteria.iter().any(Self::asks_header),
            Self::Either(both) => both.0.asks_header() || both.1.asks_header(),
            Self::Not(criterion) => criterion.asks_header(),
            Self::Sent(..) | Self::Header(..) => true,
            _ => false,
        }
    }

    /// The most that it may take to decide.
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::All(criteria) => criteria.iter().map(Self::reach).max().unwrap_or(Reach::Row),
            Self::Either(both) => both.0.reach().max(both.1.reach()),
            Self::Not(criterion) => criterion.reach(),
            Self::Larger(_) | Self::Smaller(_) => Reach::Size,
            Self::Sent(..) | Self::Header(..) => Reach::Header,
            Self::Body(_) | Self::Text(_) => Reach::Whole,
            _ => Reach::Row,
        }
    }
}

/// `\\Draft`, whoever said so.
fn draft() -> Criterion {
    let flags = (SystemFlag::Draft, SystemFlag::MarkedDraft);
    Criterion::Either(Box::new((Criterion::Flag(flags.0), Criterion::Flag(flags.1))))
}

/// One "no" decides, whatever is unknown; and stops the looking.
fn all(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(true);
    for answer in answers {
        match answer {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = None,
        }
    }
    known
}

impl When {
    fn holds(self, day: Date, date: Date) -> bool {
        match self {
            Self::Before => day < date,
            Self::On => day == date,
            Self::Since => day >= date,
        }
    }
}

impl<'a> Read<'a> {
    /// A whole message begins with its header.
    fn header_contains(self, name: &str, needle: &Needle) -> Option<bool> {
        match self {
            Self::Nothing => None,
            Self::Heads(heads) => heads.contains(name, needle),
            Self::Header(bytes) | Self::Whole(bytes) => {
                Some(Searchable::new(bytes).header_contains(name, needle))
            }
        }
    }

    /// The Date field, if that much has been read; `Some(None)` if there is none.
    fn date(self) -> Option<Option<String>> {
        match self {
            Self::Nothing => None,
            Self::Heads(heads) => Some(heads.values("Date")?.next().map(str::to_owned)),
            Self::Header(bytes) | Self::Whole(bytes) => {
                Some(header_values(bytes, "Date").into_iter().next())
            }
        }
    }

    fn whole(self) -> Option<&'a [u8]> {
        match self {
            Self::Whole(message) => Some(message),
            Self::Nothing | Self::Heads(_) | Self::Header(_) => None,
        }
    }
}

/// The day in the Date field as its writer wrote it, without regard to time and zone
/// (RFC 3501 §6.4.4), in the forms of RFC 5322 §3.3 and §4.3.
fn sent_day(value: &str) -> Option<Date> {
    let value = value.rsplit_once(',').map_or(value, |(_, date)| date);
    let mut words = value
        .split_ascii_whitespace()
        .skip_while(|word| !word.starts_with(|first: char| first.is_ascii_digit()));
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let year: u16 = match (year.len(), year.parse::<u16>().ok()?) {
        (2, year) if year < 50 => 2000 + year,
        (2 | 3, year) => 1900 + year,
        (_, year) => year,
    };
    let month = month.get(..3)?;
    Date::parse(format!("{day}-{month}-{year:04}").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_sending_is_the_one_the_writer_saw() {
        let day = sent_day;
        let expected = Some(Date::new(2024, 2, 29).unwrap());
        assert_eq!(day("Thu, 29 Feb 2024 23:59:00 -1100"), expected);
        assert_eq!(day("29 Feb 2024 23:59 +0000 (a comment)"), expected);
        assert_eq!(day("Thu, 29 Feb 24 23:59:00 GMT"), expected);
        assert_eq!(day("yesterday"), None);
    }

    #[test]
    fn one_no_decides_even_if_the_rest_is_unknown() {
        assert_eq!(all([None, Some(false)]), Some(false));
        assert_eq!(all([None, Some(true)]), None);
        assert_eq!(all([Some(true), Some(true)]), Some(true));
    }

    #[test]
    fn an_unknown_charset_is_refused_and_the_known_ones_are_named() {
        assert!(Charset::of(Some("X-UNKNOWN")).is_err());
        assert!(Charset::of(Some("ISO-2022-JP")).is_ok());
        let latin = Charset::of(Some("ISO-8859-1")).unwrap();
        assert_eq!(latin.decode(b"Gr\xfc\xdfe"), "Grüße");
    }
}
