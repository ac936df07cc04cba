//! The domain's values in the wire's types and back.

use std::num::{NonZeroU32, NonZeroU64};

use jiff::civil;
use jiff::tz::TimeZone;
use wire::imap::{Date, DateTime, Flag, MailboxName, SpecialUse, Time};

use super::ending::Ending;
use crate::mailbox::{
    Flags, FolderPath, Keyword, ModSeq, ObjectId, RemoteId, Role, SystemFlag, Timestamp,
};

/// RFC 5788 registry; the domain keeps it among the system flags.
const FORWARDED: &str = "$Forwarded";

// === numbers ===

/// UIDs, sequence numbers and UIDVALIDITY are never 0.
pub(super) fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("the domain has no number 0")
}

/// Folders and messages have none of 0 (RFC 7162 §7).
pub(super) fn mod_seq(modseq: ModSeq) -> NonZeroU64 {
    NonZeroU64::new(modseq.get()).unwrap_or(NonZeroU64::MIN)
}

// === flags ===

/// The flags as they stand on the wire, without a copy: keywords are atoms here as there.
pub(super) fn flag_names(flags: &Flags) -> impl Iterator<Item = &str> + Clone {
    let shown = |flag: &SystemFlag| match flag {
        SystemFlag::Draft => flags.shows_draft(),
        flag => flags.has(*flag),
    };
    let system = SystemFlag::SHOWN.into_iter().filter(shown).map(system_name);
    system.chain(flags.keywords().map(Keyword::as_str))
}

fn system_name<'n>(flag: SystemFlag) -> &'n str {
    match flag {
        SystemFlag::Seen => "\\Seen",
        SystemFlag::Answered => "\\Answered",
        SystemFlag::Flagged => "\\Flagged",
        SystemFlag::Deleted => "\\Deleted",
        SystemFlag::Draft | SystemFlag::MarkedDraft => "\\Draft",
        SystemFlag::Forwarded => FORWARDED,
    }
}

pub(super) fn system_to_wire(flag: SystemFlag) -> Flag {
    match flag {
        SystemFlag::Seen => Flag::Seen,
        SystemFlag::Answered => Flag::Answered,
        SystemFlag::Flagged => Flag::Flagged,
        SystemFlag::Deleted => Flag::Deleted,
        SystemFlag::Draft | SystemFlag::MarkedDraft => Flag::Draft,
        SystemFlag::Forwarded => {
            Flag::Keyword(wire::imap::Keyword::new(FORWARDED).expect("an atom"))
        }
    }
}

/// Both sides demand an atom, so nothing is ever left out.
pub(super) fn keyword_to_wire(keyword: &Keyword) -> Option<Flag> {
    wire::imap::Keyword::new(keyword.as_str()).ok().map(Flag::Keyword)
}

/// The flags that a client names.
///
/// # Errors
/// A refusal if one of them cannot be kept: better than a flag that silently stays away.
pub(super) fn from_wire(flags: &[Flag]) -> Result<Flags, Ending> {
    flags.iter().try_fold(Flags::none(), |flags, flag| {
        Ok(match flag {
            Flag::Seen => flags.with(SystemFlag::Seen),
            Flag::Answered => flags.with(SystemFlag::Answered),
            Flag::Flagged => flags.with(SystemFlag::Flagged),
            Flag::Deleted => flags.with(SystemFlag::Deleted),
            Flag::Draft => flags.with(SystemFlag::MarkedDraft),
            Flag::Recent => return Err(Ending::bad("\\Recent is the server's to set")),
            Flag::Extension(_) => {
                return Err(
                    Ending::no("There is no such system flag").with(wire::imap::Code::Cannot)
                );
            }
            Flag::Keyword(word) if word.matches(FORWARDED) => flags.with(SystemFlag::Forwarded),
            Flag::Keyword(word) => match Keyword::new(word.as_str()) {
                Some(keyword) => flags.with_keyword(keyword),
                None => {
                    return Err(Ending::no("The keyword is too long").with(wire::imap::Code::Limit));
                }
            },
        })
    })
}

/// The system flag that a keyword stands for, if it does.
pub(super) fn system_keyword(word: &wire::imap::Keyword) -> Option<SystemFlag> {
    word.matches(FORWARDED).then_some(SystemFlag::Forwarded)
}

// === folders ===

/// The folder that a client names.
///
/// # Errors
/// A refusal for names that no folder can have, with the code for a folder that is not there.
pub(super) fn path(name: &MailboxName) -> Result<FolderPath, Ending> {
    let refused = || Ending::no("No folder can have that name").with(wire::imap::Code::NonExistent);
    FolderPath::parse(name.as_str()).ok_or_else(refused)
}

/// MAILBOXID (RFC 8474). Both sides demand the same characters.
pub(super) fn folder_id(remote: &RemoteId) -> wire::imap::ObjectId {
    let id = ObjectId::folder(remote);
    wire::imap::ObjectId::new(id.as_str()).expect("letters, digits, - and _")
}

/// The name of a folder on the wire. A path holds no control character, so it always has one.
pub(super) fn mailbox_name(path: &FolderPath) -> MailboxName {
    MailboxName::new(path.as_str()).expect("a path holds no control character")
}

/// `None` for the inbox, which needs no attribute: its name says it.
pub(super) fn special_use(role: Role) -> Option<SpecialUse> {
    match role {
        Role::Inbox => None,
        Role::Archive => Some(SpecialUse::Archive),
        Role::Drafts => Some(SpecialUse::Drafts),
        Role::Junk => Some(SpecialUse::Junk),
        Role::Sent => Some(SpecialUse::Sent),
        Role::Trash => Some(SpecialUse::Trash),
    }
}

// === time ===

/// INTERNALDATE in UTC; the service keeps no zone.
pub(super) fn date_time(at: Timestamp) -> DateTime {
    let civil = civil(at);
    let time = Time::new(small(civil.hour()), small(civil.minute()), small(civil.second()));
    let time = time.expect("a civil time is a time");
    DateTime::new(wire_date(civil.date()), time, 0).expect("UTC is a zone")
}

/// The day of INTERNALDATE in UTC.
pub(super) fn day(at: Timestamp) -> Date {
    wire_date(civil(at).date())
}

/// The moment that APPEND names. `None` outside the years 0 to 9999.
pub(super) fn timestamp(at: DateTime) -> Option<Timestamp> {
    let (date, time) = (at.date(), at.time());
    let date = civil::Date::new(
        i16::try_from(date.year()).ok()?,
        i8::try_from(date.month()).ok()?,
        i8::try_from(date.day()).ok()?,
    );
    let time = civil::Time::new(
        i8::try_from(time.hour()).ok()?,
        i8::try_from(time.minute()).ok()?,
        i8::try_from(time.second()).ok()?,
        0,
    );
    let local = date.ok()?.to_datetime(time.ok()?);
    let utc = local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Some(Timestamp(utc - i64::from(at.offset()) * 60))
}

/// Moments that no calendar of four-digit years holds are shown as 1970.
fn civil(at: Timestamp) -> civil::DateTime {
    let at = jiff::Timestamp::from_second(at.0).unwrap_or_default();
    let civil = TimeZone::UTC.to_datetime(at);
    if (0..=9999).contains(&civil.year()) {
        civil
    } else {
        TimeZone::UTC.to_datetime(jiff::Timestamp::UNIX_EPOCH)
    }
}

fn wire_date(date: civil::Date) -> Date {
    let year = u16::try_from(date.year()).unwrap_or_default();
    Date::new(year, small(date.month()), small(date.day())).expect("a civil date is a date")
}

/// Parts of a civil time are never negative.
fn small(part: i8) -> u8 {
    u8::try_from(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_the_way_to_the_wire_and_back() {
        for second in [0, 1_700_000_000, 951_782_400, -1] {
            assert_eq!(timestamp(date_time(Timestamp(second))), Some(Timestamp(second)));
        }
        let zoned = DateTime::parse(b"17-Jul-1996 02:44:25 -0700").unwrap();
        let utc = date_time(timestamp(zoned).unwrap());
        assert_eq!(utc.to_string(), "17-Jul-1996 09:44:25 +0000");
    }

    #[test]
    fn forwarded_is_the_same_flag_in_both_directions() {
        let flags = Flags::none().with(SystemFlag::Forwarded).with(SystemFlag::Seen);
        let wired = [SystemFlag::Forwarded, SystemFlag::Seen].map(system_to_wire);
        assert_eq!(wired.iter().map(Flag::to_string).collect::<Vec<_>>(), ["$Forwarded", "\\Seen"]);
        assert_eq!(flag_names(&flags).collect::<Vec<_>>(), ["\\Seen", "$Forwarded"]);
        assert_eq!(from_wire(&wired), Ok(flags));
    }

    #[test]
    fn a_flag_that_cannot_be_kept_is_refused() {
        assert!(from_wire(&[Flag::Recent]).is_err());
        let strange = Flag::Extension(wire::imap::Keyword::new("Strange").unwrap());
        assert!(from_wire(&[strange]).is_err());
    }
}
