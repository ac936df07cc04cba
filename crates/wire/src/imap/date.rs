//! Dates as IMAP writes them: no clock, no time zone database, no arithmetic.

use std::fmt;

/// A calendar date that exists (`date`, RFC 3501 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Local time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time {
    hour: u8,
    minute: u8,
    second: u8,
}

/// `date-time`: INTERNALDATE and APPEND.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    date: Date,
    time: Time,
    offset: i16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid date")]
pub struct InvalidDate;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// RFC 3501 writes the zone as four digits; beyond a day it means nothing.
const LARGEST_OFFSET_MINUTES: i16 = 24 * 60 - 1;

// === impl Date ===

impl Date {
    /// Year 0 to 9999, month and day from 1.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, InvalidDate> {
        if year > 9999 || day == 0 || day > days_in_month(year, month) {
            return Err(InvalidDate);
        }
        Ok(Self { year, month, day })
    }

    /// `date-text`, such as `1-Feb-1994`; a leading space or zero before the day is tolerated.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidDate> {
        let mut parts = text.splitn(3, |&byte| byte == b'-');
        let mut part = || parts.next().ok_or(InvalidDate);
        let day = number(part()?.trim_ascii_start(), 1..=2)?;
        let month = month_number(part()?)?;
        let year = number(part()?, 4..=4)?;
        Self::new(year, month, u8::try_from(day).map_err(|_| InvalidDate)?)
    }

    pub fn year(self) -> u16 {
        self.year
    }

    pub fn month(self) -> u8 {
        self.month
    }

    pub fn day(self) -> u8 {
        self.day
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{:04}", self.day, month_name(self.month), self.year)
    }
}

// === impl Time ===

impl Time {
    /// A leap second (60) is kept as 59: nothing behind us can express it.
    pub fn new(hour: u8, minute: u8, second: u8) -> Result<Self, InvalidDate> {
        if hour > 23 || minute > 59 || second > 60 {
            return Err(InvalidDate);
        }
        Ok(Self { hour, minute, second: second.min(59) })
    }

    pub fn hour(self) -> u8 {
        self.hour
    }

    pub fn minute(self) -> u8 {
        self.minute
    }

    pub fn second(self) -> u8 {
        self.second
    }

    /// `hh:mm:ss`
    fn parse(text: &[u8]) -> Result<Self, InvalidDate> {
        let &[h1, h2, b':', m1, m2, b':', s1, s2] = text else { return Err(InvalidDate) };
        Self::new(two_digits([h1, h2])?, two_digits([m1, m2])?, two_digits([s1, s2])?)
    }
}

// === impl DateTime ===

impl DateTime {
    /// `offset` in minutes east of UTC, less than a day either way.
    pub fn new(date: Date, time: Time, offset: i16) -> Result<Self, InvalidDate> {
        if !(-LARGEST_OFFSET_MINUTES..=LARGEST_OFFSET_MINUTES).contains(&offset) {
            return Err(InvalidDate);
        }
        Ok(Self { date, time, offset })
    }

    /// The inside of the quotes: `17-Jul-1996 02:44:25 -0700`, a one-digit day padded by a space.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidDate> {
        let mut parts = text.trim_ascii_start().splitn(3, |&byte| byte == b' ');
        let mut part = || parts.next().ok_or(InvalidDate);
        let date = Date::parse(part()?)?;
        let time = Time::parse(part()?)?;
        let &[sign, h1, h2, m1, m2] = part()? else { return Err(InvalidDate) };
        let (hours, minutes) = (two_digits([h1, h2])?, two_digits([m1, m2])?);
        if minutes > 59 {
            return Err(InvalidDate);
        }
        let offset = i16::from(hours) * 60 + i16::from(minutes);
        match sign {
            b'+' => Self::new(date, time, offset),
            b'-' => Self::new(date, time, -offset),
            _ => Err(InvalidDate),
        }
    }

    /// Appends the inside of the quotes.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let Self { date, time, offset } = self;
        let two = |number: u8| [b'0' + number / 10, b'0' + number % 10];
        let [tens, ones] = two(date.day);
        out.extend_from_slice(&[if tens == b'0' { b' ' } else { tens }, ones, b'-']);
        out.extend_from_slice(month_name(date.month).as_bytes());
        let [century, year] = [date.year / 100, date.year % 100].map(|part| two(small(part)));
        out.push(b'-');
        out.extend_from_slice(&century);
        out.extend_from_slice(&year);
        for (before, part) in [(b' ', time.hour), (b':', time.minute), (b':', time.second)] {
            out.push(before);
            out.extend_from_slice(&two(part));
        }
        out.extend_from_slice(if offset < 0 { b" -" } else { b" +" });
        let offset = offset.unsigned_abs();
        out.extend_from_slice(&two(small(offset / 60)));
        out.extend_from_slice(&two(small(offset % 60)));
    }

    pub fn date(self) -> Date {
        self.date
    }

    pub fn time(self) -> Time {
        self.time
    }

    /// Minutes east of UTC.
    pub fn offset(self) -> i16 {
        self.offset
    }
}

/// Without quotes.
impl fmt::Display for DateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, time, offset } = self;
        let sign = if *offset < 0 { '-' } else { '+' };
        let offset = offset.unsigned_abs();
        write!(
            formatter,
            "{:2}-{}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            date.day,
            month_name(date.month),
            date.year,
            time.hour,
            time.minute,
            time.second,
            offset / 60,
            offset % 60
        )
    }
}

// === helpers ===

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 0,
    }
}

/// Parts of a date are below a hundred.
fn small(part: u16) -> u8 {
    u8::try_from(part).unwrap_or_default()
}

fn month_name(month: u8) -> &'static str {
    MONTHS[usize::from(month) - 1]
}

fn month_number(text: &[u8]) -> Result<u8, InvalidDate> {
    (1..=12)
        .find(|&month| month_name(month).as_bytes().eq_ignore_ascii_case(text))
        .ok_or(InvalidDate)
}

fn number(text: &[u8], digits: std::ops::RangeInclusive<usize>) -> Result<u16, InvalidDate> {
    if !digits.contains(&text.len()) || !text.iter().all(u8::is_ascii_digit) {
        return Err(InvalidDate);
    }
    Ok(text.iter().fold(0, |value, &digit| value * 10 + u16::from(digit - b'0')))
}

fn two_digits(text: [u8; 2]) -> Result<u8, InvalidDate> {
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(InvalidDate);
    }
    Ok((text[0] - b'0') * 10 + (text[1] - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_and_write_as_in_rfc_3501() {
        let text = "17-Jul-1996 02:44:25 -0700";
        let value = DateTime::parse(text.as_bytes()).unwrap();
        assert_eq!(value.to_string(), text);
        assert_eq!(value.offset(), -420);
        for text in [text, " 7-Feb-1994 21:52:25 +0530", "10-Dec-0007 00:09:10 +0000"] {
            let value = DateTime::parse(text.as_bytes()).unwrap();
            assert_eq!(value.to_string(), text);
            let mut written = Vec::new();
            value.write(&mut written);
            assert_eq!(written, text.as_bytes());
        }
        assert_eq!(Date::parse(b"1-feb-1994").unwrap().to_string(), "1-Feb-1994");
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "30-Feb-2024",
            "29-Feb-1900",
            "31-Apr-2024",
            "0-Jan-2024",
            "1-Foo-2024",
            "1-Jan-24",
            "1-Jan",
            "",
        ] {
            assert!(Date::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Date::parse(b"29-Feb-2000").is_ok());
        for text in [
            "17-Jul-1996 24:00:00 +0000",
            "17-Jul-1996 02:44:25 0700",
            "17-Jul-1996 02:44:25 +0760",
            "17-Jul-1996 02:44:25",
        ] {
            assert!(DateTime::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
