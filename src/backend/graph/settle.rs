//! Settling doubts by looking.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Graph;
use super::model::Collection;
use crate::http::{Patience, Request};
use crate::mailbox::{Fault, Outcome, Timestamp};

/// How long the service is given to show what it may have done before it is asked.
pub(super) const SETTLING: Duration = Duration::from_secs(2);
/// How far the service's servers may disagree about the time, in seconds, when something new is
/// looked for by its time of creation.
const CLOCK_SKEW: i64 = 120;
/// Pages of one look. What a doubt is settled by fits into few of them; a chain without an end does not.
const MOST_PAGES: usize = 100;

impl Graph {
    /// The service's time from which on something counts as made since `started` (our time). Asked
    /// after the answer that is judged by it, so that its clock is known.
    pub(super) fn new_since(&self, started: Timestamp) -> Timestamp {
        Timestamp(self.http.service_time(started).0.saturating_sub(CLOCK_SKEW))
    }

    /// All rows of a list, to its end: a look that saw a part of them settles nothing.
    pub(super) async fn whole_list<T: DeserializeOwned>(
        &self,
        mut request: Request,
        patience: Patience,
    ) -> Outcome<Vec<T>> {
        let (route, mut rows) = (request.route, Vec::new());
        for _ in 0..MOST_PAGES {
            let page: Collection<T> = self.http.json(&request, patience).await?;
            rows.extend(page.value);
            match page.next {
                Some(next) => request = Request::follow(route, next),
                None => return Ok(rows),
            }
        }
        Err(Fault::defect("a list without an end"))
    }
}
