//! Stand-ins for the tests of the flow: a mailbox in memory, which can fail or stop dead before
//! and after each step.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::account::{Hydration, Pace, Sizes};
use crate::backend::{
    Backend, FlagWrite, Limits, Page, RemoteFolder, RemoteFolderRef, RemoteMessage, Seen, Staged,
    Traced, Traces, Upload, Urgency, Watch,
};
use crate::clock::Clock;
use crate::mailbox::{
    Address, Cursor, Flags, Kind, Leaf, Outcome, RemoteId, Spooled, SystemFlag, Timestamp,
};

/// Of an account that does nothing of its own accord while a test runs.
pub(crate) fn pace() -> Pace {
    Pace {
        poll: Duration::from_secs(15),
        freshness: Duration::from_secs(1),
        audit: Duration::from_secs(600),
        cache_bytes: 1 << 20,
        message_bytes: 1 << 20,
        hydration: Hydration::Off,
        sizes: Sizes::Exact,
    }
}

/// Counts steps and stops the world at one of them, as kill -9 would.
#[derive(Debug)]
pub(crate) struct Steps {
    gate: Gate,
    taken: AtomicU32,
    stop_at: AtomicU32,
    pub(crate) stopped: Notify,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            gate: Gate::default(),
            taken: AtomicU32::new(0),
            stop_at: AtomicU32::new(u32::MAX),
            stopped: Notify::new(),
        }
    }
}

/// Holds the next dispatch back until released.
#[derive(Debug, Default)]
struct Gate {
    shut: AtomicBool,
    arrived: Notify,
    opened: Notify,
}

impl Steps {
    pub(crate) fn stop_at(&self, step: u32) {
        self.taken.store(0, Ordering::Relaxed);
        self.stop_at.store(step, Ordering::Relaxed);
    }

    async fn tick(&self) {
        if self.taken.fetch_add(1, Ordering::Relaxed) == self.stop_at.load(Ordering::Relaxed) {
            self.stopped.notify_one();
            pending::<()>().await;
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Stage,
    Complete,
    Dispatch,
    Unstage,
    LookUp,
    Trace,
}

/// Whether the fault comes instead of the work or in place of its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum When {
    Before,
    After,
}

#[derive(Clone, Debug)]
struct Mail {
    bytes: Vec<u8>,
    is_draft: bool,
    created: Timestamp,
}

/// What becomes of a message's bytes in the mailbox.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fidelity {
    #[default]
    Exact,
    /// Another header field stands at the top, whenever someone reads it.
    Anew,
}

/// Whether a copy in the folder of sent mail has the draft's id.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Ids {
    #[default]
    Last,
    Change,
}

impl Mail {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}

/// The service's mailbox.
#[derive(Debug)]
pub(crate) struct FakeMailbox {
    steps: Arc<Steps>,
    clock: Clock,
    pub(crate) fidelity: Fidelity,
    pub(crate) ids: Ids,
    /// Octets of a draft.
    pub(crate) room: u64,
    mail: Mutex<BTreeMap<RemoteId, Mail>>,
    /// What went out, whatever became of the sender's copy.
    delivered: Mutex<Vec<String>>,
    issued: AtomicU32,
    faults: Mutex<VecDeque<(Step, When, Kind)>>,
}

impl Default for FakeMailbox {
    fn default() -> Self {
        Self::new(&Arc::default(), &Clock::manual(Timestamp(0)))
    }
}

impl FakeMailbox {
    pub(crate) fn new(steps: &Arc<Steps>, clock: &Clock) -> Self {
        Self {
            steps: Arc::clone(steps),
            clock: clock.clone(),
            fidelity: Fidelity::default(),
            ids: Ids::default(),
            room: 10_000,
            mail: Mutex::default(),
            delivered: Mutex::default(),
            issued: AtomicU32::new(0),
            faults: Mutex::default(),
        }
    }

    pub(crate) fn fail(&self, step: Step, when: When, kind: &Kind) {
        self.faults.lock().unwrap().push_back((step, when, kind.clone()));
    }

    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// The next message waits just before it is sent.
    pub(crate) fn hold(&self) {
        self.steps.gate.shut.store(true, Ordering::Relaxed);
    }

    /// Resolves when a message waits.
    pub(crate) async fn held(&self) {
        self.steps.gate.arrived.notified().await;
    }

    pub(crate) fn release(&self) {
        self.steps.gate.opened.notify_one();
    }

    /// What recipients got.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.delivered.lock().unwrap().clone()
    }

    pub(crate) fn drafts(&self) -> Vec<String> {
        let mail = self.mail.lock().unwrap();
        mail.values().filter(|mail| mail.is_draft).map(Mail::text).collect()
    }

    pub(crate) fn put_draft(&self, text: &str) -> RemoteId {
        let id = RemoteId::new(format!("id-{}", self.issued.fetch_add(1, Ordering::Relaxed)));
        let created = self.clock.now();
        let mail = Mail { bytes: text.as_bytes().to_vec(), is_draft: true, created };
        self.mail.lock().unwrap().insert(id.clone(), mail);
        id
    }

    pub(crate) fn discard(&self, id: &RemoteId) {
        self.mail.lock().unwrap().remove(id);
    }

    fn deliver(&self, staged: &RemoteId) -> Outcome<()> {
        let mut all = self.mail.lock().unwrap();
        match all.get_mut(staged) {
            Some(mail) if mail.is_draft => {
                mail.is_draft = false;
                self.delivered.lock().unwrap().push(mail.text());
            }
            _ => return Err(Kind::NoSuchMessage.into()),
        }
        if self.ids == Ids::Change
            && let Some(copy) = all.remove(staged)
        {
            let number = self.issued.fetch_add(1, Ordering::Relaxed);
            all.insert(RemoteId::new(format!("copy-{number}")), copy);
        }
        Ok(())
    }

    async fn check(&self, step: Step, when: When) -> Outcome<()> {
        self.steps.tick().await;
        let mut faults = self.faults.lock().unwrap();
        let found = faults.iter().position(|fault| (fault.0, fault.1) == (step, when));
        match found.and_then(|at| faults.remove(at)) {
            Some((_, _, kind)) => Err(kind.into()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Backend for FakeMailbox {
    fn limits(&self) -> Limits {
        let (stage, part) = (self.room, 100_000);
        Limits { append: 10_000, submission: 100_000, stage, stage_surely: stage / 2, part }
    }

    async fn addresses(&self) -> Outcome<Vec<Address>> {
        Ok(["ada@a.test", "sales@a.test"].iter().filter_map(|text| Address::new(text)).collect())
    }

    async fn stage(&self, message: &Spooled) -> Outcome<Staged> {
        self.check(Step::Stage, When::Before).await?;
        let id = self.put_draft(&std::fs::read_to_string(&message.path).unwrap());
        self.check(Step::Stage, When::After).await?;
        Ok(Staged::Draft(id))
    }

    async fn complete(&self, staged: &RemoteId, message: &Spooled, parts: &[Leaf]) -> Outcome<()> {
        let text = std::fs::read_to_string(&message.path).unwrap();
        for part in parts {
            self.check(Step::Complete, When::Before).await?;
            let place = |at: u64| usize::try_from(at).unwrap();
            let body = &text.as_bytes()[place(part.body.start)..place(part.body.end)];
            let mut mail = self.mail.lock().unwrap();
            let Some(mail) = mail.get_mut(staged) else { return Err(Kind::NoSuchMessage.into()) };
            assert!(mail.is_draft, "a sent message grows");
            mail.bytes.extend_from_slice(body);
        }
        self.check(Step::Complete, When::After).await
    }

    async fn dispatch(&self, staged: &RemoteId) -> Outcome<()> {
        self.check(Step::Dispatch, When::Before).await?;
        if self.steps.gate.shut.swap(false, Ordering::Relaxed) {
            self.steps.gate.arrived.notify_one();
            self.steps.gate.opened.notified().await;
        }
        self.deliver(staged)?;
        self.check(Step::Dispatch, When::After).await
    }

    async fn unstage(&self, staged: &RemoteId) -> Outcome<()> {
        self.check(Step::Unstage, When::Before).await?;
        self.discard(staged);
        self.check(Step::Unstage, When::After).await
    }

    async fn look_up(
        &self,
        messages: &[RemoteId],
        _: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        self.check(Step::LookUp, When::Before).await?;
        let mail = self.mail.lock().unwrap();
        let found = |id: &RemoteId| match mail.get(id) {
            Some(mail) => Ok(RemoteMessage {
                id: id.clone(),
                folder: RemoteId::new("folder"),
                version: None,
                flags: match mail.is_draft {
                    true => Flags::none().with(SystemFlag::Draft),
                    false => Flags::none(),
                },
                received: Timestamp(0),
                estimate: None,
                thread: None,
            }),
            None => Err(Kind::NoSuchMessage.into()),
        };
        Ok(messages.iter().map(found).collect())
    }

    async fn trace(&self, message_id: &str, since: Timestamp) -> Outcome<Traces> {
        self.check(Step::Trace, When::Before).await?;
        let mut traces = Traces::default();
        for (id, mail) in self.mail.lock().unwrap().iter() {
            let bears = String::from_utf8_lossy(&mail.bytes).contains(message_id);
            if bears && mail.created >= since {
                let list = if mail.is_draft { &mut traces.drafts } else { &mut traces.sent };
                list.push(Traced { id: id.clone(), created: mail.created });
            }
        }
        Ok(traces)
    }

    async fn fetch(&self, message: &RemoteId, file: &Path, _: Urgency) -> Outcome<u64> {
        let mail = self.mail.lock().unwrap();
        let Some(mail) = mail.get(message) else { return Err(Kind::NoSuchMessage.into()) };
        let mut bytes = mail.bytes.clone();
        if self.fidelity == Fidelity::Anew {
            bytes.splice(0..0, *b"X-Anew: yes\r\n");
        }
        std::fs::write(file, &bytes).unwrap();
        Ok(bytes.len() as u64)
    }

    async fn folders(&self, _: Option<&Cursor>, _: Urgency) -> Outcome<Page<RemoteFolder>> {
        unimplemented!()
    }

    async fn changes(
        &self,
        _: &RemoteId,
        _: Option<&Cursor>,
        _: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        unimplemented!()
    }

    async fn look_up_folders(
        &self,
        _: &[RemoteId],
        _: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteFolder>>> {
        unimplemented!()
    }

    async fn listing(
        &self,
        _: &RemoteId,
        _: Option<&Cursor>,
        _: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        unimplemented!()
    }

    async fn poll(&self, _: &[Watch]) -> Outcome<Vec<Outcome<Seen>>> {
        unimplemented!()
    }

    async fn count(&self, _: &RemoteId, _: Urgency) -> Outcome<u64> {
        unimplemented!()
    }

    async fn write_flags(&self, _: &[FlagWrite]) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        unimplemented!()
    }

    async fn append(&self, _: &RemoteFolderRef, _: &Upload) -> Outcome<RemoteMessage> {
        unimplemented!()
    }

    async fn recover(
        &self,
        _: &RemoteFolderRef,
        _: &Upload,
        _: &[RemoteId],
    ) -> Outcome<Option<RemoteMessage>> {
        unimplemented!()
    }

    async fn copy(
        &self,
        _: &[RemoteMessage],
        _: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        unimplemented!()
    }

    async fn relocate(
        &self,
        _: &[RemoteMessage],
        _: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        unimplemented!()
    }

    async fn destroy(&self, _: &[RemoteId]) -> Outcome<Vec<Outcome<()>>> {
        unimplemented!()
    }

    async fn create_folder(&self, _: Option<&RemoteId>, _: &str) -> Outcome<RemoteFolder> {
        unimplemented!()
    }

    async fn rename_folder(
        &self,
        _: &RemoteFolderRef,
        _: Option<&RemoteId>,
        _: &str,
    ) -> Outcome<RemoteFolder> {
        unimplemented!()
    }

    async fn delete_folder(&self, _: &RemoteId) -> Outcome<()> {
        unimplemented!()
    }
}
