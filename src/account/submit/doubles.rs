//! Stand-ins for the tests of the flow: a mailbox in memory, which can fail or stop dead before
//! and after each step.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::backend::{
    Backend, FlagWrite, Limits, Page, RemoteFolder, RemoteFolderRef, RemoteMessage, Seen, Trace,
    Upload, Urgency, Watch,
};
use crate::mailbox::{
    Address, Cursor, Flags, Kind, Outcome, RemoteId, Spooled, SystemFlag, Timestamp,
};

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
}

impl Mail {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}

/// The service's mailbox. Sending keeps the id, as immutable ids promise.
#[derive(Debug, Default)]
pub(crate) struct FakeMailbox {
    steps: Arc<Steps>,
    mail: Mutex<BTreeMap<RemoteId, Mail>>,
    /// What went out, whatever became of the sender's copy.
    delivered: Mutex<Vec<String>>,
    issued: AtomicU32,
    faults: Mutex<VecDeque<(Step, When, Kind)>>,
}

impl FakeMailbox {
    pub(crate) fn new(steps: &Arc<Steps>) -> Self {
        Self { steps: Arc::clone(steps), ..Self::default() }
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
        let mail = Mail { bytes: text.as_bytes().to_vec(), is_draft: true };
        self.mail.lock().unwrap().insert(id.clone(), mail);
        id
    }

    pub(crate) fn discard(&self, id: &RemoteId) {
        self.mail.lock().unwrap().remove(id);
    }

    fn deliver(&self, staged: &RemoteId) -> Outcome<()> {
        match self.mail.lock().unwrap().get_mut(staged) {
            Some(mail) if mail.is_draft => {
                mail.is_draft = false;
                self.delivered.lock().unwrap().push(mail.text());
                Ok(())
            }
            _ => Err(Kind::NoSuchMessage.into()),
        }
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
        Limits { append: 10_000, submission: 10_000 }
    }

    async fn addresses(&self) -> Outcome<Vec<Address>> {
        Ok(["ada@a.test", "sales@a.test"].iter().filter_map(|text| Address::new(text)).collect())
    }

    async fn stage(&self, message: &Spooled) -> Outcome<RemoteId> {
        self.check(Step::Stage, When::Before).await?;
        let id = self.put_draft(&std::fs::read_to_string(&message.path).unwrap());
        self.check(Step::Stage, When::After).await?;
        Ok(id)
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

    async fn trace(&self, message_id: &str, _: Timestamp) -> Outcome<Option<Trace>> {
        self.check(Step::Trace, When::Before).await?;
        let mail = self.mail.lock().unwrap();
        let bears = |mail: &Mail| String::from_utf8_lossy(&mail.bytes).contains(message_id);
        let found = mail.iter().find(|(_, mail)| bears(mail));
        Ok(found.map(|(id, mail)| match mail.is_draft {
            true => Trace::Draft(id.clone()),
            false => Trace::Sent(id.clone()),
        }))
    }

    async fn fetch(&self, message: &RemoteId, file: &Path, _: Urgency) -> Outcome<u64> {
        let mail = self.mail.lock().unwrap();
        let Some(mail) = mail.get(message) else { return Err(Kind::NoSuchMessage.into()) };
        std::fs::write(file, &mail.bytes).unwrap();
        Ok(mail.bytes.len() as u64)
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
