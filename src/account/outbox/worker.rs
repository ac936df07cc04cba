//! The task that sends what is queued: a few messages at a time, each by one try after the other.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use super::board::{Last, Phase};
use super::schedule::Pause;
use super::{Account, blocking};
use crate::account::submit::Tried;
use crate::auth::{SignInState, SignInStatus};
use crate::backend::Trail;
use crate::clock::Instant;
use crate::mailbox::{Fault, Kind, Outcome, Timestamp};
use crate::store::queue::{Course, State, Words};
use crate::store::{Entry, QueueId};

/// How often orders of people are looked for: half of what they should have to wait.
const LOOK: Duration = Duration::from_secs(1);
/// How long a try waits until it is known what the sign-in allows: that decides how a message goes out.
const SIGN_IN: Duration = Duration::from_secs(20);
/// After the queue's directory could not be read.
const AGAIN: Duration = Duration::from_secs(60);

/// Tells of each change of the sign-in.
pub type SignIn = watch::Receiver<SignInStatus>;

type Tries<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send + 'a>>>;

pub(super) struct Worker<'a> {
    pub(super) account: &'a Account,
    pub(super) pause: Pause,
    /// When orders were looked for.
    looked: Option<Instant>,
}

/// A try that came to its end.
pub(super) struct Ended {
    pub(super) id: QueueId,
    pub(super) end: End,
    pub(super) entry: Option<Entry>,
    pub(super) trail: Trail,
    /// When it began.
    pub(super) began: Timestamp,
}

pub(super) enum End {
    Tried(Tried),
    /// It is given up, and its sender knows.
    Reported,
    /// It is given up, and its sender wants to know nothing.
    Unreported,
    /// It is given up, and its sender could not be told yet.
    ReportLater(Fault),
}

impl Account {
    /// Sends what is queued until `stop`; what is under way then comes to its end first. `sign_in`
    /// tells when it can go on after a person had to sign in.
    pub async fn send_queued(&self, sign_in: Option<SignIn>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        while let Err(fault) = self.0.outbox.load().await {
            tracing::error!(account = %self.0.address, %fault, "the queue cannot be read");
            tokio::select! {
                () = self.0.clock.sleep(AGAIN) => {}
                () = &mut stop => return,
            }
        }
        let mut worker = Worker { account: self, pause: Pause::default(), looked: None };
        let (mut tries, mut changes) = (Tries::new(), sign_in.clone());
        loop {
            worker.save().await;
            worker.obey_if_due().await;
            worker.begin(&tries, sign_in.as_ref());
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = tries.next() => worker.finish(ended).await,
                () = self.0.outbox.changed.notified() => {}
                state = changed(&mut changes) => worker.sign_in_is(&state),
                () = worker.rest() => {}
            }
        }
        while let Some(ended) = tries.next().await {
            worker.finish(ended).await;
        }
        worker.save().await;
    }
}

impl<'a> Worker<'a> {
    /// Begins what is due, as far as there is room.
    fn begin(&self, tries: &Tries<'a>, sign_in: Option<&SignIn>) {
        let outbox = &self.account.0.outbox;
        while tries.len() < outbox.limits.tries_at_once {
            let now = outbox.clock.now();
            let retries = self.pause.lets_retry(now, tries.len());
            let mut board = outbox.board();
            let Some(id) = board.due(now, retries) else { return };
            let Some(slot) = board.slot(&id) else { return };
            slot.phase = Phase::Trying;
            let before = slot.state.clone();
            // So that one which is tried for the first time is not taken for new again.
            slot.state.tried = Some(now);
            drop(board);
            tries.push(Box::pin(attempt(self.account, sign_in.cloned(), id, before)));
        }
    }

    /// Until something is due.
    async fn rest(&self) {
        let outbox = &self.account.0.outbox;
        let now = outbox.clock.now();
        let (is_empty, next) = {
            let board = outbox.board();
            (board.is_empty(), board.next_due())
        };
        if is_empty {
            return std::future::pending().await;
        }
        let next = next.map(|next| next.max(self.pause.until().unwrap_or(next)));
        let due = next.and_then(|next| u64::try_from(next.0 - now.0).ok()).map(Duration::from_secs);
        // What is due and does not begin waits for another's end.
        let due = due.filter(|due| !due.is_zero());
        outbox.clock.sleep(due.map_or(LOOK, |due| due.min(LOOK))).await;
    }

    /// What waited for a sign-in goes on.
    fn sign_in_is(&mut self, state: &SignInState) {
        if *state == SignInState::Fresh {
            let outbox = &self.account.0.outbox;
            self.pause.end();
            outbox.board().wake(outbox.clock.now(), &[Last::SignIn]);
        }
    }

    /// Writes down what has changed beside a try.
    async fn save(&self) {
        let outbox = &self.account.0.outbox;
        let unsaved = outbox.board().unsaved();
        for (id, state) in unsaved {
            self.write(&id, state).await;
        }
    }

    /// A state that cannot be written is worth no message: the next start then looks for what has
    /// become of it.
    pub(super) async fn write(&self, id: &QueueId, state: State) {
        let (queue, key) = (self.account.0.outbox.queue.clone(), id.clone());
        if let Err(fault) = blocking(move || queue.set_state(&key, &state)).await {
            tracing::error!(submission.id = %id, %fault, "the state of a queued message cannot be written");
        }
    }

    async fn obey_if_due(&mut self) {
        let outbox = &self.account.0.outbox;
        let now = outbox.clock.instant();
        let is_due = self.looked.is_none_or(|looked| now.since(looked) >= LOOK);
        if is_due && !outbox.board().is_empty() {
            self.looked = Some(now);
            self.obey().await;
        }
    }
}

/// The sign-in's state when it has changed.
async fn changed(sign_in: &mut Option<SignIn>) -> SignInState {
    if let Some(watched) = sign_in
        && watched.changed().await.is_ok()
    {
        return watched.borrow_and_update().state.clone();
    }
    // Nobody is left to tell: the bridge comes to its end.
    *sign_in = None;
    std::future::pending().await
}

/// One try, to send or to report.
async fn attempt(account: &Account, sign_in: Option<SignIn>, id: QueueId, before: State) -> Ended {
    let outbox = &account.0.outbox;
    let began = outbox.clock.now();
    let trail = Trail::default();
    let (queue, key) = (outbox.queue.clone(), id.clone());
    let entry = match blocking(move || queue.entry(&key)).await {
        Ok(entry) => entry,
        Err(fault) => {
            let end = later(fault, &before);
            return Ended { id, end, entry: None, trail, began };
        }
    };
    let end = match allowed(account, sign_in).await {
        Err(fault) => match before.course {
            Course::Report { .. } => End::ReportLater(fault),
            _ => later(fault, &before),
        },
        Ok(()) => match before.course.clone() {
            Course::Report { why, begun } => {
                Box::pin(trail.follow(report(account, &entry, &before, (why, begun)))).await
            }
            Course::Send | Course::Held => {
                Box::pin(trail.follow(send(account, &entry, &before))).await
            }
        },
    };
    Ended { id, end, entry: Some(entry), trail, began }
}

fn later(fault: Fault, before: &State) -> End {
    End::Tried(Tried::Later { fault, doubt: before.doubt() })
}

async fn send(account: &Account, entry: &Entry, before: &State) -> End {
    let path = account.0.outbox.queue.message(&entry.id);
    End::Tried(account.0.submitter.try_queued(entry, path, before).await)
}

async fn report(
    account: &Account,
    entry: &Entry,
    before: &State,
    (why, begun): (Words, Option<Timestamp>),
) -> End {
    let path = account.0.outbox.queue.message(&entry.id);
    match account.0.submitter.end_queued(entry, path, before).await {
        Ok(Some(accepted)) => return End::Tried(Tried::Sent(accepted)),
        Ok(None) => {}
        Err(fault) => return End::ReportLater(fault),
    }
    match account.file_report(entry, before, (why, begun)).await {
        Ok(super::filing::Filed::Yes) => End::Reported,
        Ok(super::filing::Filed::Unwanted) => End::Unreported,
        Err(fault) => End::ReportLater(fault),
    }
}

/// Waits until the sign-in has told once what it allows: without that a message could be refused for
/// the way in which it was sent.
async fn allowed(account: &Account, sign_in: Option<SignIn>) -> Outcome<()> {
    let Some(mut sign_in) = sign_in else { return Ok(()) };
    let is_known = |status: &SignInStatus| {
        !status.scopes.is_empty() || matches!(status.state, SignInState::NeedsSignIn { .. })
    };
    let waited = account.0.clock.timeout(SIGN_IN, sign_in.wait_for(is_known)).await;
    match waited {
        Ok(Ok(status)) if matches!(status.state, SignInState::NeedsSignIn { .. }) => {
            Err(Kind::SignInNeeded.into())
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => {
            Err(Fault::from(Kind::Unreachable).because("nobody has told what the sign-in allows"))
        }
    }
}
