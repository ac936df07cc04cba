//! Sending a message: once, to the envelope's recipients, and with an answer that is true.
//!
//! A message goes out in two steps, each written to the journal before the next: it is staged as a
//! draft, then dispatched. A draft can be sent only once, so dispatching it again is harmless; a
//! second draft is made only when the first is known not to have been sent. Whenever the service's
//! answer is lost, the mailbox is looked at (`doubt.rs`) before anything is tried again.
//!
//! The same bytes to the same people are the client's right to send twice. They count as a
//! repetition only while the fate of the first try is open, or if they carry the client's own
//! Message-ID and the client did not get the first answer (`Account::confirm`).

mod addresses;
mod author;
mod ceiling;
mod closing;
mod compose;
mod doubt;
mod elsewhere;
mod encode;
mod header;
mod leftovers;
mod likeness;
mod load;
mod mark;
mod parcel;
mod queued;
mod quota;
mod returned;
mod senders;
mod sending;
mod sent;
mod splice;
mod split;
mod trace;
mod unjournalled;
mod unwanted;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::ceiling::Ceiling;
use self::compose::Circumstances;
use self::doubt::Look;
use self::header::Header;
use self::parcel::Parcel;
use self::quota::Sent;
use self::senders::{Parties, Senders};
use self::sending::{Before, accepted, is_doubtful};
use super::audit::Handed;
use super::turns::{Turn, Turns};
use super::{Accepted, Account, Standing};
use crate::backend::{self, Backend, Trail};
use crate::clock::Clock;
use crate::config::Submission as Rules;
use crate::config::submission::WhenUnreachable;
use crate::mailbox::{Address, Envelope, Fault, Flaw, Kind, Octets, Origin, Outcome, Timestamp};
use crate::store::{Answer, Attempt, Naming, Outgoing, SpoolFile, Stage, Store};

pub(super) use self::leftovers::Leftovers;
pub(super) use self::queued::{Earlier, QueuedIds, Tried};
pub(super) use self::returned::{Extent, returned};

/// How long the same submission may be the client's retry of one whose answer it did not get, and
/// how long a draft that is gone without a sent copy stays in doubt. Clients with a queue come back
/// within this time; a person who sends again on purpose mostly takes longer.
const RETRY_WINDOW: Duration = Duration::from_secs(30 * 60);
/// The same where the client certainly has no answer and names its message: some queues wait for hours.
const MISSED_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a request that was cut off may still be at work at the service. What has not shown itself
/// by then is not there.
const LATEST: Duration = Duration::from_secs(10 * 60);
/// Tries of one step within one submission, once a look has shown that the one before did nothing.
const TRIES: u32 = 3;
/// The wait before a look: a request that was cut off may still be at work over there.
const PAUSE: Duration = Duration::from_secs(4);

/// How long a client waits to be told that it may not send. Devices wait at least three times as long.
const FORESIGHT: Duration = Duration::from_secs(5);

/// What sending from one mailbox needs.
#[derive(Debug)]
pub(super) struct Submitter {
    backend: Arc<dyn Backend>,
    store: Store,
    clock: Clock,
    own: Address,
    senders: Senders,
    sent: Sent,
    /// Of submissions with the same key.
    keys: Turns,
    /// Of those that could be confused for another reason.
    turns: Turns,
    ceiling: Ceiling,
    /// Attempts that the queue looks after.
    queued: QueuedIds,
    /// When this run did.
    began: Timestamp,
}

/// What a client wants sent, and by which rules.
#[derive(Debug)]
pub struct Order {
    pub envelope: Envelope,
    pub message: SpoolFile,
    pub rules: Arc<Rules>,
    pub origin: Origin,
}

/// Whether the same submission was at work when this one came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Meeting {
    Alone,
    Overlapping,
}

impl Account {
    /// Sends a message. `Ok` means that the service has taken it, or that it is in the queue.
    ///
    /// The caller should let it run to its end even if the client is gone; if it is dropped, the
    /// journal knows how far it came.
    ///
    /// # Errors
    /// `SenderRefused`, `RecipientRefused`, `Unacceptable`, `TooLarge`, or what the service said.
    /// After `InDoubt`, `Unreachable` or `Defect` it may have been sent or not: the same submission
    /// again finds out before it sends anything.
    pub async fn submit(&self, order: Order) -> Outcome<Accepted> {
        let size = order.message.spooled().await.map_or(0, |spooled| spooled.size);
        let handed = Handed::new(&order.origin, &order.envelope, size);
        let (outcome, trail) = match order.rules.when_unreachable {
            WhenUnreachable::Queue => self.submit_queued(order).await,
            WhenUnreachable::Refuse => {
                // What waits in the queue is told from this one by that; its own faults are its own.
                let _ = self.0.outbox.load().await;
                let trail = Trail::default();
                let limit = self.limits().submission;
                let sending = Box::pin(self.0.submitter.submit(order, limit));
                (trail.follow(sending).await, trail)
            }
        };
        self.note_submission(&handed, &outcome, &trail);
        outcome
    }

    /// Whether a message from this sender would be taken, as far as that can be told soon and before it is there.
    ///
    /// # Errors
    /// `SenderRefused`; `TooMuch`, unless what is too much now would be queued.
    pub async fn expect(&self, envelope: &Envelope, rules: &Rules) -> Outcome<()> {
        let expecting = Box::pin(self.0.submitter.expect(envelope, rules));
        match self.0.clock.timeout(FORESIGHT, expecting).await {
            Ok(Err(fault)) if matches!(fault.kind(), Kind::SenderRefused(_) | Kind::TooMuch(_)) => {
                Err(fault)
            }
            // What cannot be found out now is found out when the message is there.
            _ => Ok(()),
        }
    }

    /// A message of any octets as one of lines without NUL: parts that are marked as binary are encoded.
    ///
    /// # Errors
    /// `Unacceptable` if that cannot be done without changing more.
    pub async fn in_lines(&self, message: SpoolFile) -> Outcome<SpoolFile> {
        let encoded = self.0.submitter.in_lines(message, Octets::Binary).await?;
        let looking = tokio::task::spawn_blocking(move || {
            let holds_nul = encode::holds_nul(encoded.path());
            Ok((!holds_nul?).then_some(encoded))
        });
        let found: Outcome<_> =
            looking.await.map_err(|_| Fault::defect("reading a message broke off"))?;
        found?.ok_or_else(|| Kind::Unacceptable(Flaw::Binary).into())
    }

    /// The client has the answer: the same submission again is meant as another message.
    pub async fn confirm(&self, accepted: &Accepted) -> Outcome<()> {
        self.0.outbox.confirm(&accepted.id);
        self.0.submitter.confirm(accepted).await
    }
}

impl Submitter {
    pub(super) fn new(backend: Arc<dyn Backend>, store: Store, clock: Clock, own: Address) -> Self {
        let (senders, ceiling) = (Senders::default(), Ceiling::default());
        let (sent, keys, turns) = (Sent::default(), Turns::default(), Turns::default());
        let (queued, began) = (QueuedIds::default(), clock.now());
        Self { backend, store, clock, own, senders, sent, keys, turns, ceiling, queued, began }
    }

    /// Octets of a message, where the tenant has shown that it takes less than it might.
    pub(super) fn limit(&self) -> Option<u64> {
        self.ceiling.limit(&self.clock)
    }

    /// Waits for whoever sends the same to the same people right now.
    async fn meet(&self, parcel: &Parcel) -> (Turn, Meeting) {
        let key = parcel.key.to_string();
        match self.keys.try_take(key.clone()) {
            Some(turn) => (turn, Meeting::Alone),
            None => (self.keys.take(key).await, Meeting::Overlapping),
        }
    }

    async fn submit(&self, order: Order, limit: u64) -> Outcome<Accepted> {
        let rules = Arc::clone(&order.rules);
        let parcel = self.pack(order).await?;
        if parcel.octets > limit {
            return Err(Kind::TooLarge { limit }.into());
        }
        let (_key, meeting) = self.meet(&parcel).await;
        let _turn = self.turns.take(turn_of(&parcel)).await;
        let is_at_once = self.backend.rights().sending == backend::Sending::AtOnce;
        if !is_at_once && let Some(accepted) = self.settle_earlier(&parcel, meeting).await? {
            return Ok(accepted);
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        let (begun, recipients) = (self.clock.now(), parcel.recipients);
        let outgoing = Outgoing { id: id.clone(), begun, recipients };
        let place = self.sent.place(&self.store, outgoing, &rules).await?;
        if !is_at_once {
            return self.send(&parcel, id).await;
        }
        let sent = self.backend.send_at_once(&parcel.message).await;
        if sent.as_ref().err().is_none_or(is_doubtful) {
            place.keep();
        }
        // Nothing is journalled: there is no draft to come back to, and no right to look for one.
        if let Err(fault) = sent {
            return Err(self.mind_size(&parcel, fault).await);
        }
        Ok(Accepted { id, sent_copy: None, standing: Standing::Sent })
    }

    async fn expect(&self, envelope: &Envelope, rules: &Rules) -> Outcome<()> {
        self.check_envelope(envelope, rules).await?;
        match rules.when_unreachable {
            WhenUnreachable::Refuse => self.sent.check(&self.store, self.clock.now(), rules).await,
            WhenUnreachable::Queue => Ok(()),
        }
    }

    pub(super) async fn confirm(&self, accepted: &Accepted) -> Outcome<()> {
        let Some(attempt) = self.store.attempt(&accepted.id).await? else { return Ok(()) };
        let Stage::Sent { copy, answer: Answer::Unknown } = attempt.stage else { return Ok(()) };
        let delivered = Stage::Sent { copy, answer: Answer::Delivered };
        self.store.advance_attempt(&attempt.id, &delivered).await
    }

    async fn pack(&self, order: Order) -> Outcome<Parcel> {
        let message = self.in_lines(order.message, order.envelope.octets).await?;
        let order = Order { message, ..order };
        let header = header_of(order.message.path()).await?;
        let parties = self.check_senders(&order, &header).await?;
        self.pack_from(order, header, parties).await
    }

    async fn pack_from(&self, order: Order, header: Header, from: Parties) -> Outcome<Parcel> {
        let Parties { sender, author } = from;
        let Order { envelope, message, rules, origin } = order;
        let domain = self.own.as_str().rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let message_id = format!("<{}@{domain}>", uuid::Uuid::new_v4());
        let date = self.clock.now();
        let known = Circumstances { message_id, date, sender, envelope, author, rules, origin };
        let other = self.store.spool().await?;
        let packed =
            tokio::task::spawn_blocking(move || parcel::pack(message, &header, &known, other));
        packed.await.map_err(|_| Fault::defect("packing a message broke off"))?
    }

    /// The message as the service takes it, whatever octets it came in.
    async fn in_lines(&self, message: SpoolFile, octets: Octets) -> Outcome<SpoolFile> {
        if octets == Octets::Lines {
            return Ok(message);
        }
        let other = self.store.spool().await?;
        let encoded = tokio::task::spawn_blocking(move || encode::in_lines(message, other)).await;
        encoded.map_err(|_| Fault::defect("encoding a message broke off"))?
    }

    /// What an earlier try of the same submission came to, if that is the answer to this one.
    async fn settle_earlier(&self, parcel: &Parcel, meeting: Meeting) -> Outcome<Option<Accepted>> {
        let Some(earlier) = self.latest(parcel).await? else { return Ok(None) };
        match &earlier.stage {
            Stage::Sent { copy, answer } if self.is_retry(&earlier, *answer, (parcel, meeting)) => {
                tracing::info!(submission.id = %earlier.id, "a retry got the first answer");
                Ok(Some(self.record_sent(&earlier, copy.clone()).await))
            }
            Stage::Sent { .. } => Ok(None),
            _ => self.go_on(parcel, earlier).await,
        }
    }

    /// Brings an attempt to its end; `None` if it certainly was not sent.
    async fn go_on(&self, parcel: &Parcel, attempt: Attempt) -> Outcome<Option<Accepted>> {
        match &attempt.stage {
            Stage::Sent { copy, .. } => Ok(Some(accepted(&attempt, copy))),
            Stage::Refused { leftover: None } => Ok(None),
            Stage::Refused { leftover: Some(draft) } | Stage::Growing(draft) => {
                self.take_back(&attempt, draft).await;
                Ok(None)
            }
            Stage::Staging | Stage::Planting | Stage::Staged(_) => {
                self.resume(parcel, attempt).await
            }
        }
    }

    fn is_retry(&self, earlier: &Attempt, answer: Answer, now: (&Parcel, Meeting)) -> bool {
        let (parcel, meeting) = now;
        let window = match (answer, parcel.naming) {
            (Answer::Missed, Naming::Client) => MISSED_WINDOW,
            (Answer::Missed, Naming::Bridge) | (Answer::Unknown, Naming::Client) => RETRY_WINDOW,
            // It was handed in while the first was at work: whoever did so had no answer yet.
            (Answer::Delivered, Naming::Client) if meeting == Meeting::Overlapping => RETRY_WINDOW,
            // Without a Message-ID of the client's own, two like alerts cannot be told from a
            // retry, and losing one would be worse than a double.
            (Answer::Unknown | Answer::Delivered, Naming::Bridge)
            | (Answer::Delivered, Naming::Client) => return false,
        };
        self.age(earlier) <= window
    }

    /// Since the attempt reached its stage.
    fn age(&self, attempt: &Attempt) -> Duration {
        let age = self.clock.now().0.saturating_sub(attempt.since.0);
        Duration::from_secs(u64::try_from(age).unwrap_or_default())
    }

    /// From when it was last on its way, which may be long after it was begun.
    fn is_past_window(&self, attempt: &Attempt) -> bool {
        self.age(attempt) > RETRY_WINDOW
    }

    /// The same for one of unknown fate.
    async fn resume(&self, parcel: &Parcel, attempt: Attempt) -> Outcome<Option<Accepted>> {
        match (self.look(&attempt).await?, &attempt.stage) {
            (Look::Sent(copy), _) => Ok(Some(self.record_sent(&attempt, copy).await)),
            // Not whole, and whoever could complete it is gone.
            (Look::Draft(draft), Stage::Planting) => {
                self.take_back(&attempt, &draft).await;
                Ok(None)
            }
            (Look::Draft(draft), stage) => {
                let before = match stage {
                    Stage::Staged(_) if self.is_recent(&attempt) => Before::Perhaps,
                    _ => Before::Nothing,
                };
                self.store.advance_attempt(&attempt.id, &Stage::Staged(draft.clone())).await?;
                let attempt = Attempt { stage: Stage::Staged(draft.clone()), ..attempt };
                Ok(Some(self.dispatch(parcel, &attempt, &draft, before).await?))
            }
            // Its draft may come late: the entry stays, so that it is removed then.
            (Look::Unsent, Stage::Staging | Stage::Planting) => Ok(None),
            (Look::Unsent, _) => {
                let refused = Stage::Refused { leftover: None };
                self.store.advance_attempt(&attempt.id, &refused).await?;
                Ok(None)
            }
            (Look::Unknown, _) => Err(Kind::InDoubt.into()),
        }
    }
}

async fn header_of(message: &Path) -> Outcome<Header> {
    let path = message.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        Header::read(BufReader::new(File::open(path).map_err(parcel::broken)?))
    });
    reading.await.map_err(|_| Fault::defect("reading a message broke off"))?
}

/// Submissions that could be confused with each other go one after the other.
fn turn_of(parcel: &Parcel) -> String {
    match parcel.naming {
        Naming::Client => parcel.message_id.clone(),
        Naming::Bridge => parcel.key.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod doubles;
#[cfg(test)]
mod tests;
