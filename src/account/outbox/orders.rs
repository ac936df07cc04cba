//! What people want done with queued messages (`footbridge queue`), by the process that sends them.

use super::blocking;
use super::board::{Phase, Progress};
use super::worker::Worker;
use crate::backend::Trail;
use crate::mailbox::{Fault, Outcome};
use crate::metrics::Submission;
use crate::store::queue::{Course, Order, Reply};
use crate::store::{Entry, QueueId};

impl Worker<'_> {
    /// Carries out the orders that were left beside the messages.
    pub(super) async fn obey(&mut self) {
        let queue = self.account.0.outbox.queue.clone();
        let orders = match blocking(move || queue.orders()).await {
            Ok(orders) => orders,
            Err(fault) => {
                tracing::warn!(%fault, "orders for queued messages cannot be read");
                return;
            }
        };
        for (id, order) in orders {
            let reply = self.carry_out(&id, order).await.unwrap_or_else(|fault| {
                tracing::error!(submission.id = %id, %fault, "an order for a queued message failed");
                Reply::Failed
            });
            if (order, reply) == (Order::Retry, Reply::Done) {
                // Whoever says so knows better whether the service is there.
                self.pause.end();
            }
            tracing::info!(submission.id = %id, ?order, ?reply, "a person gave an order");
            let (queue, key) = (self.account.0.outbox.queue.clone(), id.clone());
            if let Err(fault) = blocking(move || queue.reply(&key, reply)).await {
                tracing::error!(submission.id = %id, %fault, "an order cannot be answered");
            }
        }
    }

    async fn carry_out(&self, id: &QueueId, order: Order) -> Outcome<Reply> {
        let outbox = &self.account.0.outbox;
        {
            let board = outbox.board();
            match board.stage(id) {
                Some((Phase::Idle, _)) => {}
                Some((Phase::Trying, course)) => return Ok(while_tried(course, order)),
                Some((Phase::Arriving | Phase::Leaving, _)) => return Ok(Reply::Underway),
                None if !board.is_damaged(id) => return Ok(Reply::Gone),
                None if order != Order::Drop => return Ok(Reply::Failed),
                None => {}
            }
        }
        if order == Order::Drop {
            return self.drop_message(id).await;
        }
        let now = outbox.clock.now();
        let state = {
            let mut board = outbox.board();
            let Some(slot) = board.slot(id) else { return Ok(Reply::Gone) };
            let reply = slot.state.obey(order, now);
            if reply != Reply::Done {
                return Ok(reply);
            }
            slot.state.clone()
        };
        let (queue, key) = (outbox.queue.clone(), id.clone());
        blocking(move || queue.set_state(&key, &state)).await?;
        Ok(Reply::Done)
    }

    async fn note_dropped(&self, entry: &Entry) {
        let account = &self.account.0;
        let path = account.outbox.queue.message(&entry.id);
        let state = account.outbox.board().slot(&entry.id).map(|slot| slot.state.clone());
        let state = state.unwrap_or_default();
        let noting = account.submitter.note_dropped(entry, path, &state);
        if let Err(fault) = Box::pin(noting).await {
            tracing::warn!(submission.id = %entry.id, %fault, "a draft of a dropped message may stay in Drafts");
        }
    }

    async fn drop_message(&self, id: &QueueId) -> Outcome<Reply> {
        let outbox = &self.account.0.outbox;
        let (queue, key) = (outbox.queue.clone(), id.clone());
        // One that cannot be read can be dropped all the same.
        let entry = blocking(move || queue.entry(&key)).await.ok();
        if let Some(entry) = &entry {
            self.note_dropped(entry).await;
        }
        let (queue, key) = (outbox.queue.clone(), id.clone());
        blocking(move || queue.remove(&key)).await?;
        let fault = Fault::defect("dropped by hand");
        outbox.board().tell(id, Progress::Refused(fault, Trail::default()));
        outbox.forget(id);
        self.account.count(Submission::Dropped);
        if let Some(entry) = entry {
            crate::account::audit::Handed::queued(&entry)
                .note(&"dropped by hand", &Trail::default());
        }
        Ok(Reply::Done)
    }
}

/// The answer to an order for a message that is being sent, or reported, right now.
fn while_tried(course: &Course, order: Order) -> Reply {
    match (course, order) {
        // It is being tried, which is all that was wanted.
        (Course::Send | Course::Held, Order::Retry) => Reply::Done,
        (Course::Report { begun: Some(_), .. }, Order::Retry | Order::Hold) => Reply::Reported,
        _ => Reply::Underway,
    }
}
