//! When and how long to wait before trying again.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;

use super::HttpLimits;
use crate::mailbox::Timestamp;

/// `Retry-After` in its three forms (RFC 9110 §10.2.3, reference B.12): seconds, decimal seconds,
/// a date. A value that is none of them counts as missing.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let seconds = date(value)?.0.saturating_sub(now.0);
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// An HTTP date (RFC 9110 §5.6.7).
pub(super) fn date(value: &str) -> Option<Timestamp> {
    let date = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
    Some(Timestamp(date.as_second()))
}

/// The pause before retry number `retry` (from 0): doubling, with jitter of half its length so that
/// many requests turned away together do not return together.
pub(super) fn back_off(retry: u32, limits: &HttpLimits) -> Duration {
    let factor = 1_u32.checked_shl(retry.min(16)).unwrap_or(u32::MAX);
    let pause = limits.first_back_off.saturating_mul(factor).min(limits.longest_back_off);
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    pause / 2 + (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// Answers that say nothing about the request itself and may be different next time.
pub(super) fn passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 500 | 502..=504 | 506 | 508..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(784_111_777);

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        assert_eq!(retry_after("120", NOW), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("2.128", NOW), Some(Duration::from_millis(2_128)));
        // RFC 9110 §5.6.7's own example date is NOW.
        let date = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(retry_after(date, NOW), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", NOW), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_counts_as_missing() {
        for value in ["", "soon", "-1", "NaN", "1e300", "inf"] {
            assert_eq!(retry_after(value, NOW), None, "{value}");
        }
    }

    #[test]
    fn pauses_grow_and_end_at_the_longest() {
        let limits = HttpLimits::default();
        for retry in 0..40 {
            let pause = back_off(retry, &limits);
            assert!(pause >= limits.first_back_off / 2 && pause <= limits.longest_back_off);
        }
        assert!(back_off(10, &limits) >= limits.longest_back_off / 2);
    }
}
