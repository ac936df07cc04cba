//! Work on many messages, one batch after the other. Each batch has a patience of its own: a command goes on as long
//! as it makes progress, however many messages it is about, and ends soon where there is none.

use super::batch::LARGEST_BATCH;
use crate::mailbox::{Fault, Kind, Outcome};

/// What is still to be done, and what became of the rest; in order.
#[derive(Debug)]
pub(super) struct Batches<'a, T, A> {
    rest: &'a [T],
    told: Vec<Outcome<A>>,
    /// Why those that are left are not tried.
    halted: Option<Fault>,
}

impl<'a, T, A> Batches<'a, T, A> {
    pub(super) fn of(all: &'a [T]) -> Self {
        Self { rest: all, told: Vec::with_capacity(all.len()), halted: None }
    }

    /// The next ones, whose answers are to be told before more are asked for.
    pub(super) fn next(&mut self) -> Option<&'a [T]> {
        if self.rest.is_empty() || self.halted.is_some() {
            return None;
        }
        let (batch, rest) = self.rest.split_at(self.rest.len().min(LARGEST_BATCH));
        self.rest = rest;
        Some(batch)
    }

    pub(super) fn tell(&mut self, answers: Vec<Outcome<A>>) {
        let stands_still = answers.iter().all(|answer| answer.as_ref().is_err_and(is_of_all));
        if stands_still && let Some(Err(fault)) = answers.first() {
            self.halted = Some(match fault.is_general() {
                true => fault.clone(),
                false => Fault::from(Kind::Unreachable).because("not tried"),
            });
        }
        self.told.extend(answers);
    }

    pub(super) fn told(self) -> Vec<Outcome<A>> {
        let Self { rest, mut told, halted } = self;
        let untried = || Err(halted.clone().unwrap_or_else(|| Fault::defect("a batch left out")));
        told.extend(rest.iter().map(|_| untried()));
        told
    }
}

/// Whether the next batch would meet it as well.
fn is_of_all(fault: &Fault) -> bool {
    fault.is_general() || *fault.kind() == Kind::InDoubt
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of the batches, and what was told.
    fn run(
        count: usize,
        answer: impl Fn(usize) -> Outcome<usize>,
    ) -> (Vec<usize>, Vec<Outcome<usize>>) {
        let all: Vec<usize> = (0..count).collect();
        let (mut batches, mut sizes) = (Batches::of(&all), Vec::new());
        while let Some(batch) = batches.next() {
            sizes.push(batch.len());
            batches.tell(batch.iter().map(|item| answer(*item)).collect());
        }
        (sizes, batches.told())
    }

    #[test]
    fn each_is_told_once_in_order() {
        let (sizes, told) = run(45, Ok);
        assert_eq!(sizes, [20, 20, 5]);
        assert!(told.into_iter().map(Result::unwrap).eq(0..45));
    }

    #[test]
    fn a_batch_of_which_some_are_done_is_progress() {
        let (sizes, told) =
            run(60, |item| if item % 20 == 19 { Ok(item) } else { Err(Kind::Unreachable.into()) });
        assert_eq!((sizes.len(), told.iter().filter(|told| told.is_ok()).count()), (3, 3));
        let (sizes, _) = run(60, |_| Err(Kind::NoSuchMessage.into()));
        assert_eq!(sizes.len(), 3, "it says nothing of the others");
    }

    #[test]
    fn what_turns_a_whole_batch_away_is_not_asked_for_the_rest() {
        for (met, rest) in [(Kind::Busy, Kind::Busy), (Kind::InDoubt, Kind::Unreachable)] {
            let (sizes, told) =
                run(50, |item| if item < 20 { Ok(item) } else { Err(met.clone().into()) });
            assert_eq!(sizes, [20, 20]);
            assert_eq!(told.len(), 50);
            assert_eq!(*told[39].as_ref().unwrap_err().kind(), met);
            assert_eq!(*told[40].as_ref().unwrap_err().kind(), rest);
        }
    }
}
