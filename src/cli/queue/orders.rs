//! Orders to whoever sends, and what they answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::store::QueueId;
use crate::store::queue::{Found, Order, QueueFolder, Reply};

/// How long the bridge is waited for: it looks for orders each second, and may be writing just then.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// What is wanted of one message.
pub(super) struct Wanted<'a> {
    pub(super) id: QueueId,
    pub(super) order: Order,
    pub(super) folder: &'a QueueFolder,
}

/// Has the orders carried out; `None` for one that nobody answered.
pub(super) async fn give(all: &[Wanted<'_>]) -> anyhow::Result<Vec<Option<Reply>>> {
    let clock = Clock::system();
    let mut replies = vec![None; all.len()];
    let mut open = Vec::new();
    for (at, wanted) in all.iter().enumerate() {
        let Wanted { id, order, folder } = wanted;
        match folder.alone()? {
            Some(_alone) => replies[at] = Some(folder.carry_out(id, *order, clock.now())?),
            None => {
                folder.leave_order(id, *order)?;
                open.push(at);
            }
        }
    }
    let started = clock.instant();
    while !open.is_empty() && clock.instant().since(started) < PATIENCE {
        clock.sleep(LOOK).await;
        open.retain(|at| {
            replies[*at] = all[*at].folder.take_reply(&all[*at].id).ok().flatten();
            replies[*at].is_none()
        });
    }
    for at in open {
        all[at].folder.withdraw_order(&all[at].id)?;
        replies[at] = all[at].folder.take_reply(&all[at].id)?;
    }
    Ok(replies)
}

pub(super) fn is_fine(reply: Option<Reply>) -> bool {
    reply == Some(Reply::Done)
}

pub(super) fn answer(wanted: &Wanted<'_>, reply: Option<Reply>) -> Value {
    json!({ "id": wanted.id.as_str(), "order": wanted.order, "ok": is_fine(reply), "reply": reply })
}

/// Whether it was done, and what a person should know.
pub(super) fn words(
    Wanted { id, order, .. }: &Wanted<'_>,
    reply: Option<Reply>,
    found: &Found,
) -> (bool, String) {
    let may_be_sent = matches!(found, Found::Whole(_, state) if state.in_doubt.is_some());
    let text = match (reply, order) {
        (Some(Reply::Done), Order::Retry) => format!("to be tried now: {id}"),
        (Some(Reply::Done), Order::Hold) => format!("held: {id}"),
        (Some(Reply::Done), Order::Drop) if may_be_sent => {
            format!("dropped: {id} (an earlier try may have sent it: look into Sent Items)")
        }
        (Some(Reply::Done), Order::Drop) => format!("dropped: {id}"),
        (Some(Reply::Gone), _) => super::NOT_THERE.to_owned(),
        (Some(Reply::Underway), _) => {
            format!(
                "{id} is being sent right now, which cannot be called back; try again in a minute"
            )
        }
        (Some(Reply::Reported), _) => format!(
            "{id} was given up, and its report may be in the inbox already; it can only be dropped"
        ),
        (Some(Reply::Failed), _) => {
            format!("{id} could not be changed: it is damaged, or the disk refuses; the log tells")
        }
        (None, _) => format!(
            "the bridge that has this mailbox open does not answer; see what became of it: footbridge queue show {id}"
        ),
    };
    (is_fine(reply), text)
}
