//! Who may send next: weighted permits, handed out in strict order of urgency, oldest first.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::HttpLimits;

/// Who waits for the answer; a person goes before the background (reference H.1).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Urgency {
    /// A client is waiting.
    Interactive,
    /// Looking for changes.
    Poll,
    /// Fetching ahead of need: given up, as `Kind::Busy`, when anyone else waits for its permit.
    Prefetch,
}

#[derive(Clone)]
pub(super) struct Queue(Arc<Mutex<State>>);

/// The right to have a request in flight; given back when dropped.
pub(super) struct Permit {
    queue: Queue,
    urgency: Urgency,
    weight: u8,
    pressed: watch::Receiver<()>,
}

struct State {
    free: u8,
    capacity: u8,
    prefetching: u8,
    prefetch_capacity: u8,
    issued: u64,
    waiting: BTreeMap<(Urgency, u64), Waiter>,
    /// Says that someone waits for what is only fetched ahead.
    pressed: watch::Sender<()>,
}

struct Waiter {
    weight: u8,
    grant: oneshot::Sender<Permit>,
}

impl Queue {
    pub(super) fn new(limits: &HttpLimits) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: limits.in_flight,
            capacity: limits.in_flight,
            prefetching: 0,
            prefetch_capacity: limits.prefetch_in_flight.min(limits.in_flight),
            issued: 0,
            waiting: BTreeMap::new(),
            pressed: watch::Sender::new(()),
        })))
    }

    /// Waits for `weight` permits (at most the capacity). Dropping the future leaves the queue.
    pub(super) async fn acquire(&self, urgency: Urgency, weight: u8) -> Permit {
        let granted = {
            let mut state = self.lock();
            let (grant, granted) = oneshot::channel();
            state.issued += 1;
            let place = (urgency, state.issued);
            let weight = weight.clamp(1, state.capacity);
            state.waiting.insert(place, Waiter { weight, grant });
            granted
        };
        self.hand_out();
        granted.await.expect("a waiter leaves the queue only with a permit")
    }

    /// Serves the head of the queue for as long as it fits. Nobody overtakes: a batch that needs all
    /// permits would otherwise wait forever behind single requests.
    fn hand_out(&self) {
        loop {
            let (waiter, urgency, pressed) = {
                let mut state = self.lock();
                let Some((place, waiter)) = state.waiting.pop_first() else { return };
                if waiter.grant.is_closed() {
                    continue;
                }
                if !state.fits(place.0, waiter.weight) {
                    if place.0 < Urgency::Prefetch && state.prefetching > 0 {
                        state.pressed.send_replace(());
                    }
                    state.waiting.insert(place, waiter);
                    return;
                }
                state.take(place.0, waiter.weight);
                (waiter, place.0, state.pressed.subscribe())
            };
            let permit = Permit { queue: self.clone(), urgency, weight: waiter.weight, pressed };
            if let Err(unwanted) = waiter.grant.send(permit) {
                unwanted.give_back();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fits(&self, urgency: Urgency, weight: u8) -> bool {
        let allowed = urgency != Urgency::Prefetch
            || self.prefetching == 0
            || self.prefetching + weight <= self.prefetch_capacity;
        allowed && weight <= self.free
    }

    fn take(&mut self, urgency: Urgency, weight: u8) {
        self.free -= weight;
        if urgency == Urgency::Prefetch {
            self.prefetching += weight;
        }
    }
}

impl Permit {
    /// Resolves when this permit is only for fetching ahead and someone else waits for it.
    pub(super) async fn is_wanted(&self) {
        let mut pressed = self.pressed.clone();
        if self.urgency != Urgency::Prefetch || pressed.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn give_back(mut self) {
        self.release();
    }

    fn release(&mut self) {
        let weight = std::mem::take(&mut self.weight);
        let mut state = self.queue.lock();
        state.free += weight;
        if self.urgency == Urgency::Prefetch {
            state.prefetching -= weight;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.weight > 0 {
            self.release();
            self.queue.hand_out();
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "Queue({} of {} free)", state.free, state.capacity)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    fn queue() -> Queue {
        Queue::new(&HttpLimits::default())
    }

    #[tokio::test]
    async fn four_go_at_once_and_the_fifth_waits_for_one_to_end() {
        let queue = queue();
        let mut permits = Vec::new();
        for _ in 0..4 {
            permits.push(queue.acquire(Urgency::Poll, 1).await);
        }
        let mut fifth = Box::pin(queue.acquire(Urgency::Interactive, 1));
        assert!(poll!(&mut fifth).is_pending());
        permits.pop();
        assert!(poll!(&mut fifth).is_ready());
    }

    #[tokio::test]
    async fn a_person_goes_before_a_poll_that_asked_earlier() {
        let queue = queue();
        let all = queue.acquire(Urgency::Poll, 4).await;
        let mut early_poll = Box::pin(queue.acquire(Urgency::Poll, 4));
        assert!(poll!(&mut early_poll).is_pending());
        let mut person = Box::pin(queue.acquire(Urgency::Interactive, 4));
        assert!(poll!(&mut person).is_pending());
        drop(all);
        assert!(poll!(&mut early_poll).is_pending());
        let permit = person.await;
        drop(permit);
        assert!(poll!(&mut early_poll).is_ready());
    }

    #[tokio::test]
    async fn a_batch_is_not_overtaken_by_later_single_requests() {
        let queue = queue();
        let one = queue.acquire(Urgency::Interactive, 1).await;
        let mut batch = Box::pin(queue.acquire(Urgency::Interactive, 4));
        assert!(poll!(&mut batch).is_pending());
        let mut single = Box::pin(queue.acquire(Urgency::Interactive, 1));
        assert!(poll!(&mut single).is_pending());
        drop(one);
        assert!(poll!(&mut single).is_pending());
        assert!(poll!(&mut batch).is_ready());
    }

    #[tokio::test]
    async fn fetching_ahead_never_takes_every_permit() {
        let queue = queue();
        let _first = queue.acquire(Urgency::Prefetch, 1).await;
        let _second = queue.acquire(Urgency::Prefetch, 1).await;
        let mut third = Box::pin(queue.acquire(Urgency::Prefetch, 1));
        assert!(poll!(&mut third).is_pending());
        let mut person = Box::pin(queue.acquire(Urgency::Interactive, 2));
        assert!(poll!(&mut person).is_ready());
    }

    #[tokio::test]
    async fn only_fetching_ahead_is_told_that_someone_waits() {
        let queue = queue();
        let ahead = queue.acquire(Urgency::Prefetch, 1).await;
        let poll = queue.acquire(Urgency::Poll, 1).await;
        let mut told = Box::pin(ahead.is_wanted());
        let _fits = queue.acquire(Urgency::Interactive, 1).await;
        assert!(poll!(&mut told).is_pending());
        let mut batch = Box::pin(queue.acquire(Urgency::Interactive, 4));
        assert!(poll!(&mut batch).is_pending());
        assert!(poll!(&mut told).is_ready());
        assert!(poll!(Box::pin(poll.is_wanted())).is_pending());
        drop(batch);
        // Whoever begins after that was not meant.
        let later = queue.acquire(Urgency::Prefetch, 1).await;
        assert!(poll!(Box::pin(later.is_wanted())).is_pending());
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_takes_no_permit_along() {
        let queue = queue();
        let all = queue.acquire(Urgency::Poll, 4).await;
        let mut impatient = Box::pin(queue.acquire(Urgency::Interactive, 4));
        assert!(poll!(&mut impatient).is_pending());
        drop(impatient);
        drop(all);
        let _again = queue.acquire(Urgency::Prefetch, 4).await;
    }

    #[tokio::test]
    async fn a_permit_granted_to_someone_who_just_left_comes_back() {
        let queue = queue();
        let all = queue.acquire(Urgency::Poll, 4).await;
        let mut leaving = Box::pin(queue.acquire(Urgency::Interactive, 4));
        assert!(poll!(&mut leaving).is_pending());
        drop(all);
        drop(leaving);
        let _again = queue.acquire(Urgency::Prefetch, 4).await;
    }
}
