//! What a piece of work asked of the service: by which ids its support finds the requests.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;

/// The writes of one piece of work, in order. Reads change nothing that anyone would look for.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<Mutex<Vec<Mark>>>);

/// One request that was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// Method and path without ids.
    pub route: &'static str,
    /// The service's name for it, if it answered; else ours (`client-request-id`).
    pub request: String,
}

/// Marks kept: a large message takes some hundreds of requests, and the last ones tell the most.
const MOST: usize = 16;

tokio::task_local! {
    static TRAIL: Trail;
}

impl Trail {
    /// Runs `work`; what it sends is noted here.
    pub async fn follow<F: Future>(&self, work: F) -> F::Output {
        TRAIL.scope(self.clone(), work).await
    }

    pub fn marks(&self) -> Vec<Mark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `ID ID …`; `-` if nothing was sent.
impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = self.marks();
        if marks.is_empty() {
            return f.write_str("-");
        }
        for (at, mark) in marks.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&mark.request)?;
        }
        Ok(())
    }
}

/// Notes a request for whoever follows the present work, if anyone does.
pub(super) fn note(route: &'static str, method: &Method, request: &str) {
    if *method == Method::GET || route.contains("$batch") {
        return;
    }
    // Outside of any trail there is nobody to tell.
    let _ = TRAIL.try_with(|trail| {
        let mut marks = trail.0.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() == MOST {
            marks.remove(0);
        }
        marks.push(Mark { route, request: printable(request) });
    });
}

/// It comes from outside, and goes into a log.
fn printable(text: &str) -> String {
    const LONGEST: usize = 64;
    text.chars().filter(char::is_ascii_graphic).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_work_has_a_trail_of_its_own_and_reads_leave_none() {
        let (first, second) = (Trail::default(), Trail::default());
        let work = |id: &'static str| async move {
            note("GET message", &Method::GET, "read");
            tokio::task::yield_now().await;
            note("POST message send", &Method::POST, id);
        };
        tokio::join!(first.follow(work("one")), second.follow(work("two\n[2Jx")), work("none"));
        assert_eq!(first.to_string(), "one");
        assert_eq!(second.to_string(), "two[2Jx");
        assert_eq!(Trail::default().to_string(), "-");
    }

    #[tokio::test]
    async fn the_latest_are_kept() {
        let trail = Trail::default();
        let work = async {
            for number in 0..MOST + 3 {
                note("PUT piece", &Method::PUT, &number.to_string());
            }
        };
        trail.follow(work).await;
        assert_eq!(trail.marks().len(), MOST);
        assert_eq!(trail.marks()[0].request, "3");
    }
}
