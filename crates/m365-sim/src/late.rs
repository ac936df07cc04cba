//! Work that is done long after its connection is gone: a gateway gave up, the service behind it did not.

use jiff::{SignedDuration, Timestamp};

use crate::call::Call;
use crate::graph;
use crate::graph::auth::Session;
use crate::graph::route::Address;
use crate::tenant::State;

/// A request that waits for its time.
pub(crate) struct Late {
    due: Timestamp,
    call: Call,
    work: Work,
}

enum Work {
    Graph(Address, Session),
    /// By the token in the upload URL.
    Upload(String),
}

impl Late {
    pub(crate) fn graph(call: &Call, address: &Address, session: Session) -> Self {
        let work = Work::Graph(address.clone(), session);
        Self { due: Timestamp::MAX, call: call.clone(), work }
    }

    pub(crate) fn upload(call: &Call, token: &str) -> Self {
        Self { due: Timestamp::MAX, call: call.clone(), work: Work::Upload(token.to_owned()) }
    }

    pub(crate) fn after(self, now: Timestamp, seconds: u64) -> Self {
        let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        Self { due: now.checked_add(wait).unwrap_or(Timestamp::MAX), ..self }
    }
}

impl State {
    /// Does what is due; nobody hears of it.
    pub(crate) fn do_late(&mut self, now: Timestamp) {
        if self.late.iter().all(|late| late.due > now) {
            return;
        }
        let waiting = std::mem::take(&mut self.late);
        let (mut due, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|late| late.due <= now);
        self.late = later;
        due.sort_by_key(|late| late.due);
        for Late { due, call, work } in due {
            // What was accepted before it leaves before it.
            self.run_due(due);
            let done = match work {
                Work::Graph(address, session) => {
                    graph::answer(self, &call, &address, &session, due)
                }
                Work::Upload(token) => graph::upload::receive(self, &call, &token, due),
            };
            tracing::debug!(done = done.is_ok(), "late work");
        }
    }
}
