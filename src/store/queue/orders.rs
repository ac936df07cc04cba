//! What people want done with queued messages: small files beside the message, since the process
//! that sends is another one.

use std::fs::{self, File};
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::{Course, ENTRY, ORDER, QueueFolder, QueueId, REPLY, State, broken};
use crate::mailbox::{Kind, Outcome, Timestamp};
use crate::store::files;

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Try it now, held or given up or not.
    Retry,
    Hold,
    /// Remove it unsent.
    Drop,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Done,
    /// It is no longer in the queue.
    Gone,
    /// It is being sent right now, and that cannot be called back.
    Underway,
    /// It was given up, and the report may be in its sender's hands already.
    Reported,
    /// The disk did not take the change.
    Failed,
}

/// Held by whoever carries orders out while no bridge has the mailbox open.
#[derive(Debug)]
pub struct Alone(#[expect(dead_code, reason = "held, not read")] File);

impl QueueFolder {
    /// `None` if someone has the mailbox open: they carry out what is wanted.
    pub fn alone(&self) -> Outcome<Option<Alone>> {
        let mailbox = self.directory.parent().unwrap_or(&self.directory);
        match files::lock(&mailbox.join("lock")) {
            Ok(lock) => Ok(Some(Alone(lock))),
            Err(fault) if *fault.kind() == Kind::Busy => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Leaves an order for whoever sends. A later one takes its place.
    pub fn leave_order(&self, id: &QueueId, order: Order) -> Outcome<()> {
        files::remove(&self.path(id, REPLY))?;
        let text = serde_json::to_vec(&order).expect("a word can be written");
        self.replace(id, ORDER, &text)
    }

    /// An order that nobody is there to carry out is taken back.
    pub fn withdraw_order(&self, id: &QueueId) -> Outcome<()> {
        files::remove(&self.path(id, ORDER))
    }

    /// The orders that were left. One that cannot be read is none.
    pub fn orders(&self) -> Outcome<Vec<(QueueId, Order)>> {
        let mut orders = Vec::new();
        for (id, kinds) in self.list()? {
            if !kinds.contains(ORDER) {
                continue;
            }
            let text = fs::read(self.path(&id, ORDER)).unwrap_or_default();
            match serde_json::from_slice(&text) {
                Ok(order) => orders.push((id, order)),
                Err(_) => files::remove(&self.path(&id, ORDER))?,
            }
        }
        Ok(orders)
    }

    /// Says what came of an order; the order is done with.
    pub fn reply(&self, id: &QueueId, reply: Reply) -> Outcome<()> {
        let text = serde_json::to_vec(&reply).expect("a word can be written");
        // First: whoever has the reply may leave the next order.
        files::remove(&self.path(id, ORDER))?;
        self.replace(id, REPLY, &text)
    }

    /// Takes the reply to an order, if there is one yet.
    pub fn take_reply(&self, id: &QueueId) -> Outcome<Option<Reply>> {
        let text = match fs::read(self.path(id, REPLY)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(broken(error)),
        };
        files::remove(&self.path(id, REPLY))?;
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Carries an order out on a message that nobody is sending right now.
    pub fn carry_out(&self, id: &QueueId, order: Order, now: Timestamp) -> Outcome<Reply> {
        if !self.path(id, ENTRY).exists() {
            return Ok(Reply::Gone);
        }
        if order == Order::Drop {
            self.remove(id)?;
            return Ok(Reply::Done);
        }
        let mut state = self.state(id, now)?;
        let reply = state.obey(order, now);
        self.set_state(id, &state)?;
        Ok(reply)
    }
}

impl State {
    /// What an order changes; to drop changes no state.
    pub fn obey(&mut self, order: Order, now: Timestamp) -> Reply {
        match (order, &self.course) {
            (_, Course::Report { begun: Some(_), .. }) => return Reply::Reported,
            (Order::Retry, _) => {
                self.course = Course::Send;
                self.next = now;
                self.patience_from = Some(now);
            }
            (Order::Hold, _) => self.course = Course::Held,
            (Order::Drop, _) => {}
        }
        Reply::Done
    }
}
