//! When a message says that it was sent (RFC 5322 §3.3, §4.3; RFC 5256 §2.2).

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::media::comment_end;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Zones that have names, in hours (RFC 5322 §4.3). Any other name means nothing, and so UTC.
const ZONES: [(&str, i64); 8] = [
    ("edt", -4),
    ("est", -5),
    ("cdt", -5),
    ("cst", -6),
    ("mdt", -6),
    ("mst", -7),
    ("pdt", -7),
    ("pst", -8),
];

/// Seconds since 1970 of an unfolded Date field. `None` if it names no day; a time that cannot be read is
/// midnight, and a zone that cannot be read UTC (RFC 5256 §2.2).
pub(super) fn sent(value: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(&spaced(value)).to_ascii_lowercase();
    let after_weekday = text.split_once(',').map_or(text.as_str(), |(_, date)| date);
    let mut words = after_weekday
        .split_ascii_whitespace()
        .skip_while(|word| !word.starts_with(|first: char| first.is_ascii_digit()));
    let date = date(words.next()?, words.next()?, words.next()?)?;
    let time = words.next().and_then(time).unwrap_or(Time::midnight());
    let zone = words.next().map_or(0, zone);
    let utc = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
    Some(utc.timestamp().as_second() - zone)
}

/// With a blank in the place of each comment.
fn spaced(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        match comment_end(value, at) {
            Some(end) => {
                text.push(b' ');
                at = end;
            }
            None => {
                text.push(value[at]);
                at += 1;
            }
        }
    }
    text
}

fn date(day: &str, month: &str, year: &str) -> Option<Date> {
    let month = month.get(..3)?;
    let month = MONTHS.iter().position(|known| *known == month)?;
    let year: i16 = match (year.len(), year.parse::<u16>().ok()?) {
        (2, year) if year < 50 => 2000 + i16::try_from(year).ok()?,
        (2 | 3, year) => 1900 + i16::try_from(year).ok()?,
        (_, year) => i16::try_from(year).ok()?,
    };
    Date::new(year, i8::try_from(month).ok()? + 1, day.parse().ok()?).ok()
}

/// `hh:mm[:ss]`; a leap second counts as the one before.
fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(str::parse::<i8>);
    let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let second = parts.next().unwrap_or(Ok(0)).ok()?;
    if parts.next().is_some() || second > 60 {
        return None;
    }
    Time::new(hour, minute, second.min(59), 0).ok()
}

/// Seconds east of UTC.
fn zone(text: &str) -> i64 {
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == text) {
        return hours * 3600;
    }
    let sign = match text.as_bytes() {
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return 0,
    };
    match text[1..].parse::<u16>() {
        Ok(digits) if text.len() == 5 && digits % 100 < 60 => {
            sign * (i64::from(digits / 100) * 3600 + i64::from(digits % 100) * 60)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_taken_into_account() {
        let noon = sent(b"Thu, 29 Feb 2024 12:00:00 +0000");
        assert_eq!(noon, Some(1_709_208_000));
        for same in [
            "Thu, 29 Feb 2024 01:00:00 -1100",
            "29 Feb 2024 13:30 +0130",
            "29 feb 24 12:00:00 GMT",
            "Thu, 29 Feb 2024 07:00:00 EST (New York)",
            "29 Feb 2024 12:00:00",
            "Thu 29 Feb 2024 12:00:00 Q",
            "29 Feb 124 12:00:00 +9",
        ] {
            assert_eq!(sent(same.as_bytes()), noon, "{same}");
        }
    }

    #[test]
    fn a_day_is_enough_and_less_is_nothing() {
        let midnight = sent(b"29 Feb 2024 00:00:00 +0000");
        assert_eq!(sent(b"29 Feb 2024 noon +0000"), midnight);
        assert_eq!(sent(b"29 Feb 2024 25:00:00 +0000"), midnight);
        assert_eq!(sent(b"29 Feb 2024"), midnight);
        for value in ["", "yesterday", "31 Feb 2024 12:00:00", "29 Feb", "1 Foo 2024"] {
            assert_eq!(sent(value.as_bytes()), None, "{value}");
        }
        assert_eq!(sent("29 Feé 2024".as_bytes()), None);
    }
}
