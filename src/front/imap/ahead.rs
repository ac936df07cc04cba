//! Work on several things at once whose results are taken in order.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::vec;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

/// Works a few ahead of what is taken, and goes on while something else is waited for: the next
/// messages are fetched while a slow client reads this one. Results that wait count as well, so that
/// no more of them than `limit` are ever held.
pub(super) struct Ahead<F: Future> {
    waiting: vec::IntoIter<F>,
    working: FuturesUnordered<Numbered<F>>,
    done: BTreeMap<usize, F::Output>,
    limit: usize,
    begun: usize,
    taken: usize,
}

/// A future with its place in the order.
struct Numbered<F> {
    number: usize,
    work: Pin<Box<F>>,
}

impl<F> Ahead<F>
where
    F: Future,
    F::Output: Unpin,
{
    pub(super) fn new(work: Vec<F>, limit: usize) -> Self {
        let (working, done) = (FuturesUnordered::new(), BTreeMap::new());
        Self { waiting: work.into_iter(), working, done, limit, begun: 0, taken: 0 }
    }

    /// The next result; `None` after the last one.
    pub(super) async fn next(&mut self) -> Option<F::Output> {
        poll_fn(|context| {
            self.drive(context);
            if let Some(result) = self.done.remove(&self.taken) {
                self.taken += 1;
                return Poll::Ready(Some(result));
            }
            if self.taken == self.begun { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// Goes on with the work until `other` is done.
    pub(super) async fn during<O: Future>(&mut self, other: O) -> O::Output {
        let mut other = pin!(other);
        poll_fn(|context| {
            let polled = other.as_mut().poll(context);
            if polled.is_pending() {
                self.drive(context);
            }
            polled
        })
        .await
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        loop {
            while self.working.len() + self.done.len() < self.limit {
                let Some(work) = self.waiting.next() else { break };
                self.working.push(Numbered { number: self.begun, work: Box::pin(work) });
                self.begun += 1;
            }
            match self.working.poll_next_unpin(context) {
                Poll::Ready(Some((number, result))) => drop(self.done.insert(number, result)),
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }
}

impl<F: Future> Future for Numbered<F> {
    type Output = (usize, F::Output);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let number = self.number;
        self.work.as_mut().poll(context).map(|result| (number, result))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn results_come_in_order_and_no_more_are_held_than_allowed() {
        let (mut ends, waits): (Vec<_>, Vec<_>) =
            (0..5).map(|_| oneshot::channel::<usize>()).unzip();
        let begun = Cell::new(0);
        let work = waits.into_iter().map(|wait| async {
            begun.set(begun.get() + 1);
            wait.await.unwrap()
        });
        let mut ahead = Ahead::new(work.collect(), 3);
        ahead.during(tokio::task::yield_now()).await;
        assert_eq!(begun.get(), 3);
        for number in [2, 1] {
            ends.remove(number).send(number).unwrap();
        }
        ahead.during(tokio::task::yield_now()).await;
        assert_eq!(begun.get(), 3, "what is done and not taken counts");
        ends.remove(0).send(0).unwrap();
        for expected in 0..3 {
            assert_eq!(ahead.next().await, Some(expected));
        }
        ends.into_iter().zip(3..).for_each(|(end, number)| end.send(number).unwrap());
        assert_eq!((ahead.next().await, ahead.next().await), (Some(3), Some(4)));
        assert_eq!(ahead.next().await, None);
    }
}
