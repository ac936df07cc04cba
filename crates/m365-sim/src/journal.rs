//! Every request the tenant saw: the evidence for tests about politeness, batching and headers.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::Serialize;

use crate::kind::Kind;
use crate::lock::locked;

/// One request. Steps inside a `$batch` have entries of their own that name the batch's request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub number: u64,
    pub at: Timestamp,
    pub method: String,
    /// Path and query as they came.
    pub path: String,
    pub kind: Kind,
    /// Every `Prefer` value, joined by commas.
    pub prefer: String,
    /// `Prefer` asked for immutable ids.
    pub immutable_ids: bool,
    /// None while the request is being answered, or if it was cut or abandoned before an answer.
    pub status: Option<u16>,
    pub request_id: String,
    /// `request_id` of the `$batch` that carried this step.
    pub batch_of: Option<String>,
    pub body_len: usize,
    pub mailbox: Option<String>,
}

/// The shared record.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    next: u64,
    entries: Vec<Entry>,
}

impl Journal {
    pub fn entries(&self) -> Vec<Entry> {
        locked(&self.0).entries.clone()
    }

    /// Entries of one kind, steps of batches included.
    pub fn of(&self, kind: Kind) -> Vec<Entry> {
        locked(&self.0).entries.iter().filter(|entry| entry.kind == kind).cloned().collect()
    }

    /// How many HTTP requests came: steps inside a batch do not count.
    pub fn requests(&self) -> usize {
        locked(&self.0).entries.iter().filter(|entry| entry.batch_of.is_none()).count()
    }

    /// HTTP requests to Graph, that is without sign-in.
    pub fn graph_requests(&self) -> usize {
        let pages = locked(&self.0);
        let outer = pages.entries.iter().filter(|entry| entry.batch_of.is_none());
        outer.filter(|entry| !entry.kind.is_sign_in()).count()
    }

    pub fn clear(&self) {
        locked(&self.0).entries.clear();
    }

    /// Notes the arrival and returns the entry's number.
    pub(crate) fn begin(&self, mut entry: Entry) -> u64 {
        let mut pages = locked(&self.0);
        pages.next += 1;
        entry.number = pages.next;
        pages.entries.push(entry);
        pages.next
    }

    /// Notes the answer, unless the journal was cleared since.
    pub(crate) fn finish(&self, number: u64, status: u16) {
        let mut pages = locked(&self.0);
        if let Ok(index) = pages.entries.binary_search_by_key(&number, |entry| entry.number) {
            pages.entries[index].status = Some(status);
        }
    }
}
