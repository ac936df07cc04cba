//! What a try came to, and what follows from it.

use super::blocking;
use super::board::{Hearer, Last, Phase, Progress};
use super::schedule::{later, wait};
use super::worker::{End, Ended, Worker};
use crate::account::Accepted;
use crate::account::audit::Handed;
use crate::account::submit::Tried;
use crate::backend::Trail;
use crate::mailbox::{Fault, Kind, Outcome, Timestamp};
use crate::metrics::Submission;
use crate::store::queue::{Course, Doubt, State, Words};
use crate::store::{Entry, QueueId};
use crate::verdict::Verdict;

/// RFC 3463 X.4.7: delivery time expired.
const EXPIRED: &str = "4.4.7";

impl Worker<'_> {
    pub(super) async fn finish(&mut self, ended: Ended) {
        let Ended { id, end, entry, trail, began } = ended;
        match end {
            End::Tried(Tried::Sent(accepted)) => {
                self.over();
                self.sent((&id, entry), accepted, trail).await;
            }
            End::Tried(Tried::Later { fault, doubt }) => {
                self.trouble(&fault);
                self.put_off(&id, &fault, (began, doubt)).await;
            }
            End::Tried(Tried::Refused(fault)) => {
                self.over();
                self.give_up(&id, (fault, None), trail).await;
            }
            End::Tried(Tried::Untold(fault)) => {
                let doubt = Doubt { since: began, asked: None };
                self.give_up(&id, (fault, Some(doubt)), trail).await;
            }
            End::Reported => {
                self.over();
                self.end((&id, entry), "returned to its sender", &trail).await;
            }
            End::Unreported => {
                self.end((&id, entry), "given up, and no report is wanted", &trail).await;
            }
            End::ReportLater(fault) => {
                self.trouble(&fault);
                tracing::warn!(submission.id = %id, %fault, "a report could not be delivered yet");
                self.change(&id, |state, limits, now| {
                    state.tries = state.tries.saturating_add(1);
                    state.next = later(now, wait(&fault, state.tries, limits));
                })
                .await;
            }
        }
    }

    /// The service is there: what waited for that goes on.
    fn over(&mut self) {
        if self.pause.end() {
            let outbox = &self.account.0.outbox;
            outbox.board().wake(outbox.clock.now(), &[Last::General]);
        }
    }

    fn trouble(&mut self, fault: &Fault) {
        let outbox = &self.account.0.outbox;
        match fault.kind() {
            _ if is_common(fault) => self.pause.failed(fault, outbox.clock.now(), &outbox.limits),
            // Says nothing about others.
            Kind::Defect => {}
            _ => self.over(),
        }
    }

    async fn sent(&self, (id, entry): (&QueueId, Option<Entry>), accepted: Accepted, trail: Trail) {
        let outbox = &self.account.0.outbox;
        let (was_told, is_confirmed) = {
            let mut board = outbox.board();
            let is_confirmed = board.slot(id).is_some_and(|slot| slot.state.confirmed);
            (board.tell(id, Progress::Sent(accepted.clone(), trail.clone())), is_confirmed)
        };
        if is_confirmed && let Err(fault) = self.account.0.submitter.confirm(&accepted).await {
            tracing::warn!(submission.id = %id, %fault, "a delivered answer was not recorded");
        }
        if let Err(fault) = self.remove(id).await {
            return self.stays(id, &fault).await;
        }
        if let (true, Some(entry)) = (was_told, entry) {
            self.account.count(Submission::Sent);
            Handed::queued(&entry).note(&format_args!("sent as {}", accepted.id), &trail);
        }
    }

    async fn put_off(
        &self,
        id: &QueueId,
        fault: &Fault,
        (began, doubt): (Timestamp, Option<Doubt>),
    ) {
        let last = words(fault);
        let accepted = self.account.0.outbox.board().slot(id).map(|slot| slot.facts.accepted);
        tracing::info!(submission.id = %id, %fault, "a queued message could not be sent yet");
        self.change(id, |state, limits, now| {
            state.tries = state.tries.saturating_add(1);
            state.tried = Some(began);
            state.set_doubt(doubt);
            state.next = later(now, wait(fault, state.tries, limits));
            let since = state.patience_from.or(accepted).unwrap_or(now);
            if state.course == Course::Send && later(since, limits.give_up_after) <= now {
                let why = Words { status: EXPIRED.to_owned(), ..last.clone() };
                state.course = Course::Report { why, begun: None };
                state.next = now;
            }
            state.last = Some(last);
        })
        .await;
        let mut board = self.account.0.outbox.board();
        board.tell(id, Progress::Queued);
        if let Some(slot) = board.slot(id) {
            slot.last = match fault.kind() {
                Kind::SignInNeeded => Last::SignIn,
                _ if is_common(fault) => Last::General,
                _ => Last::Own,
            };
        }
    }

    /// It cannot be sent: a client that waits hears so, else the sender.
    async fn give_up(&self, id: &QueueId, (fault, doubt): (Fault, Option<Doubt>), trail: Trail) {
        let hearer = self.account.0.outbox.board().refuse(id);
        if hearer == Hearer::Client {
            match self.erase(id).await {
                Ok(()) => {
                    let outbox = &self.account.0.outbox;
                    outbox.board().tell(id, Progress::Refused(fault, trail));
                    outbox.forget(id);
                    return;
                }
                Err(left) => {
                    // It is still here, so the client must not think that it is not.
                    tracing::error!(submission.id = %id, fault = %left, "a refused message cannot be removed");
                }
            }
        }
        let why = words(&fault);
        self.change(id, |state, _, now| {
            state.tries = state.tries.saturating_add(1);
            state.set_doubt(doubt);
            state.course = Course::Report { why: why.clone(), begun: None };
            state.next = now;
            state.last = Some(why);
        })
        .await;
        self.account.0.outbox.board().tell(id, Progress::Queued);
        tracing::warn!(submission.id = %id, %fault, graph.requests = %trail, "a queued message cannot be sent; its sender is told");
    }

    /// The end of a message that was not sent.
    async fn end(
        &self,
        (id, entry): (&QueueId, Option<Entry>),
        result: &'static str,
        trail: &Trail,
    ) {
        let course = self.account.0.outbox.board().slot(id).map(|slot| slot.state.course.clone());
        if let Err(fault) = self.remove(id).await {
            return self.stays(id, &fault).await;
        }
        self.account.count(Submission::Bounced);
        if let (Some(entry), Some(Course::Report { why, .. })) = (entry, course) {
            let Words { code, status, text } = why;
            let result = format_args!("{result}: {code} {status} {text}");
            Handed::queued(&entry).note(&result, trail);
        }
    }

    /// Removes a message's files, then forgets it.
    async fn remove(&self, id: &QueueId) -> Outcome<()> {
        self.erase(id).await?;
        self.account.0.outbox.forget(id);
        Ok(())
    }

    async fn erase(&self, id: &QueueId) -> Outcome<()> {
        let (queue, key) = (self.account.0.outbox.queue.clone(), id.clone());
        blocking(move || queue.remove(&key)).await
    }

    /// Its files could not be removed: the next try finds that nothing is left to do but that.
    async fn stays(&self, id: &QueueId, fault: &Fault) {
        tracing::error!(submission.id = %id, %fault, "the files of a message cannot be removed");
        self.change(id, |state, limits, now| state.next = later(now, limits.first_retry)).await;
    }

    /// Changes a state and writes it down; the message can be tried again.
    pub(super) async fn change(
        &self,
        id: &QueueId,
        change: impl FnOnce(&mut State, &crate::config::Queue, Timestamp),
    ) {
        let outbox = &self.account.0.outbox;
        let state = {
            let mut board = outbox.board();
            let Some(slot) = board.slot(id) else { return };
            change(&mut slot.state, &outbox.limits, outbox.clock.now());
            slot.unsaved = false;
            slot.state.clone()
        };
        // While it is written nobody begins anew: the phase still says that it is being tried.
        self.write(id, state).await;
        if let Some(slot) = outbox.board().slot(id) {
            slot.phase = Phase::Idle;
        }
    }
}

/// Whether another message would have met the same: a connection that breaks mostly breaks for all.
fn is_common(fault: &Fault) -> bool {
    fault.is_general() || matches!(fault.kind(), Kind::InDoubt | Kind::TooMuch(_))
}

fn words(fault: &Fault) -> Words {
    let Verdict { smtp: (code, status), text, .. } = Verdict::from(fault);
    Words { code, status: status.to_owned(), text: text.to_owned() }
}
