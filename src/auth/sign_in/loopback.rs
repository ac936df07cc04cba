//! A listener for one redirect (RFC 8252 §7.3, reference A.2), on this machine only.
//!
//! The browser that brings the answer is sent on at once to an address without the code, and waits
//! there for the outcome.

use std::io;
use std::time::Duration;

use super::SignInError;
use super::authorize::Attempt;
use super::door::{Asked, Door, Visit};
use super::page::Page;
use super::redirect::Redirect;
use crate::clock::Clock;
use crate::http::Secret;

/// Listens on a port of its own, on both loopback addresses.
#[derive(Debug)]
pub struct Loopback(Door);

/// The browser's part is over, and the browser wants to know how it ended.
#[derive(Debug)]
pub struct Ending {
    door: Door,
    /// What the browser brought.
    query: Secret,
}

/// How long a browser may take to ask for the outcome. One that was closed never asks.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the outcome stays after it was seen: for browsers that load a page twice.
const SECOND_LOOK: Duration = Duration::from_millis(500);

impl Loopback {
    /// # Errors
    /// If the machine has no loopback address or no free port.
    pub async fn bind() -> io::Result<Self> {
        Door::open().await.map(Self)
    }

    /// The redirect address of the sign-in: by name, since an address needs a registration by hand.
    pub fn redirect_uri(&self) -> String {
        format!("http://localhost:{}", self.0.port())
    }

    /// Waits for the redirect that answers `attempt`.
    ///
    /// # Errors
    /// `TimedOut`.
    pub async fn wait(
        self,
        attempt: &Attempt,
        limit: Duration,
        clock: &Clock,
    ) -> Result<(Redirect, Ending), SignInError> {
        let read = |query: &str| Redirect::of_query(query).filter(|found| attempt.owns(found));
        let heard = clock.timeout(limit, self.hear(read, clock)).await;
        heard.map_err(|_| SignInError::TimedOut(limit))
    }

    /// Waits for a visitor whose query is what `read` takes; what else comes is sent away and
    /// changes nothing.
    pub(in crate::auth) async fn hear<T>(
        self,
        read: impl Fn(&str) -> Option<T>,
        clock: &Clock,
    ) -> (T, Ending) {
        let Self(mut door) = self;
        loop {
            let visit = door.next(clock).await;
            if let Asked::Answer(query) = &visit.asked
                && let Some(found) = read(query.expose())
            {
                let query = query.clone();
                visit.lead_on().await;
                return (found, Ending { door, query });
            }
            send_away(visit).await;
        }
    }
}

impl Ending {
    /// Shows the outcome until the browser has seen it, for ten seconds at most.
    pub async fn show(mut self, page: &Page, clock: &Clock) {
        let mut ends = clock.instant().plus(PATIENCE);
        loop {
            let left = ends.since(clock.instant());
            let Ok(visit) = clock.timeout(left, self.door.next(clock)).await else { return };
            match &visit.asked {
                Asked::Outcome => {
                    visit.show(page).await;
                    ends = ends.min(clock.instant().plus(SECOND_LOOK));
                }
                // The same browser, once more: the code is spent and the outcome the same.
                Asked::Answer(query) if *query == self.query => visit.lead_on().await,
                _ => send_away(visit).await,
            }
        }
    }
}

async fn send_away(visit: Visit) {
    let page = match visit.asked {
        Asked::Answer(_) => Page::foreign(),
        Asked::Outcome | Asked::Else => Page::stray(),
    };
    visit.show(&page).await;
}
