//! SEARCH keys, evaluated with what is known so far (RFC 3501 §6.4.4).

use std::num::NonZeroU32;

use encoding_rs::Encoding;
use wire::imap::{Code, Date, Formula, Ranges, SearchKey, UidSet};

use super::convert;
use super::ending::Ending;
use super::objects::Named;
use super::recent::Recent;
use super::saved::Saved;
use super::search::Asked;
use super::selected::Selected;
use crate::mailbox::{Keyword, Line, ModSeq, SeqNum, SystemFlag, Timestamp, View};
use crate::mime::text::{Needle, header_contains, header_values};
use crate::mime::{Heads, Place, Sought};

/// All that a search asks.
#[derive(Debug)]
pub(super) struct Criteria {
    formula: Formula<Criterion>,
    /// The words of BODY and TEXT: all are looked for with one look at a message.
    sought: Vec<Sought>,
}

/// A key with its strings decoded and its sets resolved.
#[derive(Debug)]
enum Criterion {
    Always(bool),
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
    /// A place in `Criteria::sought`.
    Words(usize),
}

#[derive(Clone, Copy, Debug)]
enum When {
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
    /// What was found of that which is sought; the header, if it is not too large.
    Whole(Option<&'a [u8]>, &'a [Option<bool>]),
}

/// # Errors
/// `NO [BADCHARSET]` for a charset that is not known.
pub(super) fn compile(
    asked: Asked<'_>,
    selected: &Selected,
    named: &Named,
    now: Timestamp,
) -> Result<Criteria, Ending> {
    let charset = Charset::of(asked.charset)?;
    let Selected { view, recent, saved, .. } = selected;
    let sought = Vec::new();
    let mut compiler = Compiler { charset, view, recent, saved, named, now, sought };
    let formula = asked.key.replaced(|key| compiler.key(key));
    Ok(Criteria { formula, sought: compiler.sought })
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
    sought: Vec<Sought>,
}

impl Compiler<'_> {
    fn recent(&self) -> Formula<Criterion> {
        let uids = self.recent.uids(self.view).into_iter().map(|uid| convert::number(uid.get()));
        match UidSet::from_ascending(uids) {
            Some(set) => Criterion::Uids(set.ranges(u32::MAX)).into(),
            None => Criterion::Always(false).into(),
        }
    }

    /// RFC 5032 §3.
    fn ago(&self, seconds: NonZeroU32) -> Timestamp {
        Timestamp(self.now.0 - i64::from(seconds.get()))
    }

    fn key(&mut self, key: &SearchKey) -> Formula<Criterion> {
        let flag = |flag| Formula::from(Criterion::Flag(flag));
        match key {
            SearchKey::Old => self.recent().negated(),
            SearchKey::Recent => self.recent(),
            SearchKey::New => Formula::all(vec![self.recent(), flag(SystemFlag::Seen).negated()]),
            SearchKey::Answered => flag(SystemFlag::Answered),
            SearchKey::Deleted => flag(SystemFlag::Deleted),
            SearchKey::Draft => draft(),
            SearchKey::Flagged => flag(SystemFlag::Flagged),
            SearchKey::Seen => flag(SystemFlag::Seen),
            SearchKey::Unanswered => flag(SystemFlag::Answered).negated(),
            SearchKey::Undeleted => flag(SystemFlag::Deleted).negated(),
            SearchKey::Undraft => draft().negated(),
            SearchKey::Unflagged => flag(SystemFlag::Flagged).negated(),
            SearchKey::Unseen => flag(SystemFlag::Seen).negated(),
            SearchKey::Keyword(word) => keyword(word).into(),
            SearchKey::Unkeyword(word) => Formula::from(keyword(word)).negated(),
            SearchKey::Body(text) => self.words(text, Place::Body).into(),
            SearchKey::Text(text) => self.words(text, Place::Message).into(),
            _ => self.column(key).unwrap_or_else(|| self.header(key)).into(),
        }
    }

    /// What the row decides, or the size.
    fn column(&self, key: &SearchKey) -> Option<Criterion> {
        Some(match key {
            SearchKey::All => Criterion::Always(true),
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
            SearchKey::Before(date) => Criterion::Received(When::Before, *date),
            SearchKey::On(date) => Criterion::Received(When::On, *date),
            SearchKey::Since(date) => Criterion::Received(When::Since, *date),
            SearchKey::Larger(octets) => Criterion::Larger(*octets),
            SearchKey::Smaller(octets) => Criterion::Smaller(*octets),
            SearchKey::EmailId(id) | SearchKey::ThreadId(id) => {
                self.named.uids(id).map_or(Criterion::Always(false), Criterion::Uids)
            }
            SearchKey::ModSeq(modseq) => Criterion::ChangedAt(ModSeq::new(*modseq)),
            _ => return None,
        })
    }

    /// What a header decides.
    fn header(&self, key: &SearchKey) -> Criterion {
        let header = |name: &str, text| Criterion::Header(name.into(), self.needle(text));
        match key {
            SearchKey::SentBefore(date) => Criterion::Sent(When::Before, *date),
            SearchKey::SentOn(date) => Criterion::Sent(When::On, *date),
            SearchKey::SentSince(date) => Criterion::Sent(When::Since, *date),
            SearchKey::Bcc(text) => header("Bcc", text),
            SearchKey::Cc(text) => header("Cc", text),
            SearchKey::From(text) => header("From", text),
            SearchKey::Subject(text) => header("Subject", text),
            SearchKey::To(text) => header("To", text),
            SearchKey::Header { name, value } => header(&String::from_utf8_lossy(name), value),
            _ => Criterion::Always(false),
        }
    }

    fn words(&mut self, text: &[u8], place: Place) -> Criterion {
        self.sought.push(Sought { needle: self.needle(text), place });
        Criterion::Words(self.sought.len() - 1)
    }

    fn needle(&self, text: &[u8]) -> Needle {
        Needle::new(&self.charset.decode(text))
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

impl Criteria {
    /// `None`: what is known does not decide it.
    pub(super) fn evaluate(&self, facts: &Facts<'_>) -> Option<bool> {
        self.formula.holds(|criterion| criterion.evaluate(facts))
    }

    pub(super) fn sought(&self) -> &[Sought] {
        &self.sought
    }

    /// Whether a header may help to decide.
    pub(super) fn asks_header(&self) -> bool {
        self.formula.keys().any(|criterion| criterion.reach() == Reach::Header)
    }

    /// The most that it may take to decide.
    pub(super) fn reach(&self) -> Reach {
        self.formula.keys().map(Criterion::reach).max().unwrap_or(Reach::Row)
    }
}

impl Criterion {
    fn evaluate(&self, facts: &Facts<'_>) -> Option<bool> {
        let row = &facts.row;
        match self {
            Self::Always(answer) => Some(*answer),
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
            Self::Words(at) => facts.read.found(*at),
        }
    }

    fn reach(&self) -> Reach {
        match self {
            Self::Larger(_) | Self::Smaller(_) => Reach::Size,
            Self::Sent(..) | Self::Header(..) => Reach::Header,
            Self::Words(_) => Reach::Whole,
            _ => Reach::Row,
        }
    }
}

/// `\\Draft`, whoever said so.
fn draft() -> Formula<Criterion> {
    let [draft, marked] = [SystemFlag::Draft, SystemFlag::MarkedDraft].map(Criterion::Flag);
    Formula::either(draft.into(), marked.into())
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
    fn header(self) -> Option<&'a [u8]> {
        match self {
            Self::Nothing | Self::Heads(_) => None,
            Self::Header(header) => Some(header),
            Self::Whole(header, _) => header,
        }
    }

    fn header_contains(self, name: &str, needle: &Needle) -> Option<bool> {
        match self {
            Self::Heads(heads) => heads.contains(name, needle),
            _ => self.header().map(|header| header_contains(header, name, needle)),
        }
    }

    /// The Date field, if that much has been read; `Some(None)` if there is none.
    fn date(self) -> Option<Option<String>> {
        match self {
            Self::Heads(heads) => Some(heads.values("Date")?.next().map(str::to_owned)),
            _ => self.header().map(|header| header_values(header, "Date").into_iter().next()),
        }
    }

    fn found(self, at: usize) -> Option<bool> {
        match self {
            Self::Whole(_, found) => found.get(at).copied().flatten(),
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
    fn an_unknown_charset_is_refused_and_the_known_ones_are_named() {
        assert!(Charset::of(Some("X-UNKNOWN")).is_err());
        assert!(Charset::of(Some("ISO-2022-JP")).is_ok());
        let latin = Charset::of(Some("ISO-8859-1")).unwrap();
        assert_eq!(latin.decode(b"Gr\xfc\xdfe"), "Grüße");
    }
}
