//! Exchange's limits per app and mailbox: requests at a time, requests per ten minutes, uploaded bytes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::call::Problem;
use crate::clock::http_date;
use crate::lock::locked;
use crate::switch::{LimitSwitches, RetryForm};

/// Upload volume is counted over five minutes. (reference B.12)
const UPLOAD_WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// What a request over the concurrency limit is told to wait, in seconds.
const SHORT_WAIT: u64 = 1;

#[derive(Clone, Default)]
pub(crate) struct Limits(Arc<Mutex<HashMap<String, Usage>>>);

#[derive(Default)]
struct Usage {
    in_flight: usize,
    requests: VecDeque<Timestamp>,
    uploads: VecDeque<(Timestamp, usize)>,
}

/// One request in flight.
pub(crate) struct Ticket {
    limits: Limits,
    key: String,
}

impl Limits {
    /// `key` names app and mailbox; `upload` is the size of the body.
    pub(crate) fn enter(
        &self,
        key: &str,
        upload: usize,
        switches: &LimitSwitches,
        now: Timestamp,
    ) -> Result<Ticket, Problem> {
        let mut all = locked(&self.0);
        let usage = all.entry(key.to_owned()).or_default();
        let window =
            SignedDuration::from_secs(i64::try_from(switches.window_seconds).unwrap_or(i64::MAX));
        drop_before(&mut usage.requests, now, window);
        usage.uploads.retain(|(at, _)| now.duration_since(*at) < UPLOAD_WINDOW);
        usage.requests.push_back(now);
        if usage.in_flight >= switches.concurrent {
            return Err(refusal("MailboxConcurrency", SHORT_WAIT, switches.retry_after, now));
        }
        if usage.requests.len() > switches.requests {
            let oldest = usage.requests.front().copied().unwrap_or(now);
            let wait = window.as_secs() - now.duration_since(oldest).as_secs();
            let wait = u64::try_from(wait).unwrap_or_default().max(1);
            return Err(refusal("MailboxRequests", wait, switches.retry_after, now));
        }
        let uploaded: usize = usage.uploads.iter().map(|(_, size)| size).sum();
        if uploaded + upload > switches.upload_bytes {
            return Err(refusal("MailboxUpload", 60, switches.retry_after, now));
        }
        if upload > 0 {
            usage.uploads.push_back((now, upload));
        }
        usage.in_flight += 1;
        Ok(Ticket { limits: self.clone(), key: key.to_owned() })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(usage) = locked(&self.limits.0).get_mut(&self.key) {
            usage.in_flight = usage.in_flight.saturating_sub(1);
        }
    }
}

fn drop_before(times: &mut VecDeque<Timestamp>, now: Timestamp, window: SignedDuration) {
    while times.front().is_some_and(|at| now.duration_since(*at) >= window) {
        times.pop_front();
    }
}

fn refusal(limit: &str, wait: u64, form: RetryForm, now: Timestamp) -> Problem {
    let text = format!("Application is over its {limit} limit.");
    let problem = Problem::new(429, "ApplicationThrottled", &text);
    match form {
        RetryForm::Missing => problem,
        RetryForm::Seconds => problem.with("Retry-After", wait.to_string()),
        RetryForm::Decimal => problem.with("Retry-After", format!("{wait}.128")),
        RetryForm::HttpDate => problem.with("Retry-After", date_after(now, wait)),
    }
}

/// The HTTP date this many seconds after `now`.
pub(crate) fn date_after(now: Timestamp, seconds: u64) -> String {
    let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    http_date(now.checked_add(wait).unwrap_or(Timestamp::MAX))
}
