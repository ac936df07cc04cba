//! The largest message that the tenant takes: it does not say so before it refuses one (reference B.9).
//!
//! How the service counts is not known: files may weigh what they are, or what they are as base64. So what was
//! refused is remembered with the most that it may weigh, and only what is larger by any count is refused unseen.

use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::parcel::{self, Parcel};
use crate::account::body::scan;
use crate::clock::{Clock, Instant};
use crate::mailbox::{Fault, Outcome};
use crate::mime::{Content, Transfer};

/// How long a refusal is remembered. An administrator who allows more need not wait longer; whoever hands in
/// the same large message again and again does not have it uploaded each time.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// Octets of a part whose coding makes no difference that matters: the same message again is to be known again.
const SMALL: u64 = 100_000;

#[derive(Debug, Default)]
pub(super) struct Ceiling(Mutex<Option<Refused>>);

#[derive(Clone, Copy, Debug)]
struct Refused {
    /// Octets.
    size: u64,
    until: Instant,
}

impl Ceiling {
    /// A message of that weight was refused as too large.
    pub(super) fn note(&self, size: u64, clock: &Clock) {
        let now = clock.instant();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lowest =
            known.filter(|known| known.until > now).map_or(size, |known| known.size.min(size));
        *known = Some(Refused { size: lowest, until: now.plus(REMEMBERED) });
    }

    /// Octets that may still be taken.
    pub(super) fn limit(&self, clock: &Clock) -> Option<u64> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.filter(|known| known.until > clock.instant())?;
        Some(known.size.saturating_sub(1))
    }
}

/// The most that a message may weigh at the service, in octets of what the client handed in: what it is, with each part
/// that is not in base64 counted as if it were.
///
/// # Errors
/// `Defect` if its file cannot be read.
pub(super) async fn weight(parcel: &Parcel) -> Outcome<u64> {
    let (message, octets) = (parcel.message.clone(), parcel.octets);
    let weighing = tokio::task::spawn_blocking(move || {
        let outline = scan(&File::open(&message.path).map_err(parcel::broken)?);
        let outline = outline.map_err(parcel::broken)?;
        let mut grown = 0;
        for part in &outline.parts {
            let is_leaf = !matches!(part.content, Content::Multipart(_));
            let body = part.body.end.saturating_sub(part.body.start);
            let is_encoded = Transfer::of(&part.fields) == Some(Transfer::Base64);
            if is_leaf && !is_encoded && body >= SMALL {
                // Three octets become four, and a line of 76 gets an end.
                grown += body / 3 + body / 25;
            }
        }
        Ok(octets + grown)
    });
    weighing.await.map_err(|_| Fault::defect("weighing a message broke off"))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::Timestamp;

    #[test]
    fn the_smallest_refused_size_counts_for_an_hour() {
        let (ceiling, clock) = (Ceiling::default(), Clock::manual(Timestamp(0)));
        assert_eq!(ceiling.limit(&clock), None);
        ceiling.note(40, &clock);
        ceiling.note(50, &clock);
        assert_eq!(ceiling.limit(&clock), Some(39));
        clock.advance(REMEMBERED);
        assert_eq!(ceiling.limit(&clock), None);
        ceiling.note(50, &clock);
        assert_eq!(ceiling.limit(&clock), Some(49));
    }
}
