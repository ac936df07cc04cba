//! The journal of filing at work: what an earlier APPEND left open is found out by looking, never by
//! filing again.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Account;
use super::anatomy::survey;
use super::folders::reference;
use super::write::known;
use crate::backend::{Base, FlagWrite, Mark, RemoteMessage, Upload, Urgency};
use crate::mailbox::{
    Fault, FlagEdit, Flags, Folder, FolderId, Kind, Outcome, RemoteId, Spooled, Timestamp, Uid,
};
use crate::store::{Answer, Applied, Filing, FilingStage, Incoming, SpoolFile, Texts};

/// How long the same bytes for the same folder may be the client's retry of an APPEND whose answer may
/// have been lost. Clients come back within this time; a person who files a copy on purpose mostly
/// takes longer.
const RETRY_WINDOW: Duration = Duration::from_secs(30 * 60);
/// The same where the client certainly has no OK: it may be offline over night.
const MISSED_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a request that was cut off may still be at work at the service. What has not shown itself
/// by then is not there.
const LATEST: Duration = Duration::from_secs(10 * 60);

/// Octets of a message that no service takes apart.
const LARGE_FROM: u64 = 1024 * 1024;

/// The filings that someone is busy with.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk(Arc<Busy>);

#[derive(Debug, Default)]
struct Busy {
    ids: Mutex<HashSet<String>>,
    given_back: Notify,
}

/// A filing that nobody else may settle.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) filing: Filing,
    _hold: Hold,
}

/// The right to settle a filing; given back on drop.
#[derive(Debug)]
struct Hold {
    id: String,
    desk: Desk,
}

/// What becomes of a message that an APPEND came to, if other bytes of it were served meanwhile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Served {
    /// The client may never come back, so it may be all that there is.
    Stays,
    /// The client is here with its bytes, which take its place.
    Goes,
}

impl Account {
    /// Writes a message down in the journal.
    pub(super) async fn hold(
        &self,
        folder: &Folder,
        content: (SpoolFile, Texts),
        wish: (Flags, Option<Timestamp>),
    ) -> Outcome<Held> {
        self.hold_as(uuid::Uuid::new_v4().to_string(), folder, content, wish).await
    }

    /// The same under a given id.
    pub(super) async fn hold_as(
        &self,
        id: String,
        folder: &Folder,
        content: (SpoolFile, Texts),
        wish: (Flags, Option<Timestamp>),
    ) -> Outcome<Held> {
        // Held before it is written down: a look at the folder would take it for one left open.
        let hold = self.0.filings.wait_for(&id).await;
        let filing = self.0.store.begin_filing((id, folder.id), content, wish).await?;
        Ok(Held { filing, _hold: hold })
    }

    /// What an earlier APPEND of the same bytes, whose client had no answer, has made of them, and
    /// by what id the journal knows it. `own` are no earlier ones: twice in one conversation is two
    /// messages.
    pub(super) async fn earlier(
        &self,
        folder: &Folder,
        filing: &Filing,
        own: &HashSet<String>,
    ) -> Outcome<Option<(Uid, String)>> {
        for earlier in self.0.store.filings_of(folder.id, filing.hash).await? {
            // A client that tries again says the same date; flags may have changed in between.
            let is_another = earlier.received != filing.received;
            if earlier.id == filing.id || own.contains(&earlier.id) || is_another {
                continue;
            }
            let hold = self.0.filings.wait_for(&earlier.id).await;
            let Some(held) = self.as_it_stands(hold).await? else { continue };
            if let Some(uid) = self.settle_filing(folder, &held.filing, Served::Goes).await? {
                if held.filing.flags != filing.flags {
                    self.flag_as_asked(folder, uid, &filing.flags).await?;
                }
                tracing::info!(account = %self.0.address, folder = %folder.path, "a retry of an APPEND got the first message");
                return Ok(Some((uid, held.filing.id.clone())));
            }
        }
        Ok(None)
    }

    /// Gives a message the flags that its client asks for now: it will be told that it has them.
    async fn flag_as_asked(&self, folder: &Folder, uid: Uid, flags: &Flags) -> Outcome<()> {
        let row = self.0.store.rows(folder.id, &[uid]).await?.pop();
        let row = row.ok_or_else(|| Fault::from(Kind::InDoubt).because("it went meanwhile"))?;
        let edit = FlagEdit::Set(flags.clone());
        let write = FlagWrite { known: known(&row, folder), edit, base: Base::Present };
        let asked = self.0.store.epoch();
        let answers = self.0.backend.write_flags(&[write]).await?;
        let written: Vec<RemoteMessage> = answers.into_iter().collect::<Outcome<_>>()?;
        let rows = written.into_iter().map(Incoming::from).collect();
        self.0.store.apply(folder.id, Applied::Written { rows, asked }).await.map(drop)
    }

    /// What is held, as the journal has it now: someone else may just have gone on with it.
    async fn as_it_stands(&self, hold: Hold) -> Outcome<Option<Held>> {
        let filing = self.0.store.filing(&hold.id).await?;
        Ok(filing.map(|filing| Held { filing, _hold: hold }))
    }

    /// Asks the service for a new message.
    pub(super) async fn ask_to_file(
        &self,
        folder: &Folder,
        filing: &Filing,
    ) -> Outcome<RemoteMessage> {
        self.0.backend.append(&reference(folder), &self.upload(filing).await?).await
    }

    /// Settles what earlier processes and broken connections left open in a folder, or in all, before
    /// its messages are looked at: whatever came of an APPEND is announced under the client's bytes.
    ///
    /// # Errors
    /// Those that a look at the folder would meet as well.
    pub(super) async fn settle_filings(&self, only: Option<FolderId>) -> Outcome<()> {
        for filing in self.0.store.filings().await? {
            let elsewhere = only.is_some_and(|folder| folder != filing.folder);
            if elsewhere
                || matches!(filing.stage, FilingStage::Made { .. }) && !self.is_past(&filing)
            {
                continue;
            }
            let Some(hold) = self.0.filings.hold(&filing.id) else { continue };
            let Some(held) = self.as_it_stands(hold).await? else { continue };
            if matches!(held.filing.stage, FilingStage::Made { .. }) && !self.is_past(&held.filing)
            {
                continue;
            }
            let folder = self.0.store.folder(held.filing.folder).await?;
            let Some(folder) = folder else {
                self.0.store.abandon_filings(vec![held.filing.id.clone()]).await?;
                continue;
            };
            match self.settle_filing(&folder, &held.filing, Served::Stays).await {
                Err(fault) if fault.is_general() => return Err(fault),
                Err(fault) => {
                    tracing::warn!(account = %self.0.address, folder = %folder.path, %fault, "an APPEND stays in doubt");
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// The message that a filing came to, if it is there; else the filing is forgotten as soon as
    /// nothing can come of it any more.
    async fn settle_filing(
        &self,
        folder: &Folder,
        filing: &Filing,
        served: Served,
    ) -> Outcome<Option<Uid>> {
        let store = &self.0.store;
        if let FilingStage::Made { remote, .. } = &filing.stage {
            let uid = match self.is_past(filing) {
                true => None,
                false => self.still_there(folder, remote).await?,
            };
            if uid.is_none() {
                store.end_filings(vec![filing.id.clone()]).await?;
            }
            return Ok(uid);
        }
        let known = store.filed(folder.id).await?;
        let asked = store.epoch();
        let upload = self.upload(filing).await?;
        let Some(found) = self.0.backend.recover(&reference(folder), &upload, &known).await? else {
            if self.is_older(filing, LATEST) {
                store.abandon_filings(vec![filing.id.clone()]).await?;
            }
            return Ok(None);
        };
        let remote = found.id.clone();
        if let Some(uid) =
            self.record_filed(folder, filing, ((found, Answer::Missed), asked)).await?
        {
            return Ok(Some(uid));
        }
        // Other bytes of it were served, so it cannot be what the client filed.
        if served == Served::Stays {
            tracing::warn!(account = %self.0.address, folder = %folder.path, "an APPEND in doubt was read before it was settled: it stays as it was read");
            store.abandon_filings(vec![filing.id.clone()]).await?;
            return Ok(None);
        }
        let asked = store.epoch();
        let gone = self.0.backend.destroy(std::slice::from_ref(&remote)).await?;
        gone.into_iter().collect::<Outcome<()>>()?;
        store.apply(folder.id, Applied::Removed { remotes: vec![remote], asked }).await?;
        store.abandon_filings(vec![filing.id.clone()]).await?;
        Ok(None)
    }

    /// The UID of a message that the service still has in this folder. The index alone may be behind:
    /// an OK for what is gone would lose the client's mail.
    ///
    /// # Errors
    /// `InDoubt` if the service does not tell.
    pub(super) async fn still_there(
        &self,
        folder: &Folder,
        remote: &RemoteId,
    ) -> Outcome<Option<Uid>> {
        let question = std::slice::from_ref(remote);
        let untold = self.look_up_into(folder, question, None, Urgency::Interactive).await?;
        if let Some((_, fault)) = untold.into_iter().next() {
            return Err(Fault::from(Kind::InDoubt).because(fault));
        }
        let found = self.0.store.by_remote(folder.id, question).await?;
        Ok(found.into_iter().flatten().next().map(|row| row.uid))
    }

    async fn upload(&self, filing: &Filing) -> Outcome<Upload> {
        let facts = tokio::fs::metadata(&filing.path).await;
        let size =
            facts.map_err(|error| Fault::defect(error).because("the bytes of an APPEND"))?.len();
        let anatomy = match size > LARGE_FROM {
            true => Some(survey(&filing.path).await?),
            false => None,
        };
        Ok(Upload {
            anatomy,
            message: Spooled { path: filing.path.clone(), size },
            flags: filing.flags.clone(),
            received: filing.received,
            mark: Mark { tag: filing.id.clone(), since: filing.begun },
        })
    }

    fn is_past(&self, filing: &Filing) -> bool {
        let window = match filing.stage {
            FilingStage::Made { answer: Answer::Unknown, .. } => RETRY_WINDOW,
            _ => MISSED_WINDOW,
        };
        self.is_older(filing, window)
    }

    fn is_older(&self, filing: &Filing, limit: Duration) -> bool {
        let age = self.0.clock.now().0.saturating_sub(filing.begun.0);
        u64::try_from(age).is_ok_and(|age| age > limit.as_secs())
    }
}

impl Desk {
    /// `None` while someone else is busy with it.
    fn hold(&self, id: &str) -> Option<Hold> {
        let is_free = self.busy().insert(id.to_owned());
        is_free.then(|| Hold { id: id.to_owned(), desk: self.clone() })
    }

    /// Waits while someone else is busy with it.
    async fn wait_for(&self, id: &str) -> Hold {
        loop {
            // Listening before looking: nothing given back in between is missed.
            let mut given_back = pin!(self.0.given_back.notified());
            given_back.as_mut().enable();
            if let Some(hold) = self.hold(id) {
                return hold;
            }
            given_back.await;
        }
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.desk.busy().remove(&self.id);
        self.desk.0.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::super::{Parts, doubles};
    use super::*;
    use crate::clock::Clock;
    use crate::mailbox::{Address, Role};
    use crate::store::{FolderFacts, Store, Tree};

    /// Its service would fail the test if it were asked what came of an APPEND.
    async fn account(directory: &std::path::Path) -> (Account, Folder) {
        let clock = Clock::manual(Timestamp(1_795_428_000));
        let store = Store::open(directory, clock.clone()).await.unwrap();
        let (remote, role) = (RemoteId::new("inbox"), Some(Role::Inbox));
        let inbox = FolderFacts { remote, parent: None, name: "Inbox".into(), role, total: None };
        let tree = Tree::Delta { upserts: vec![inbox], gone: vec![], asked: store.epoch() };
        store.apply_folders(tree, None).await.unwrap();
        let inbox = store.folder_by_role(Role::Inbox).await.unwrap().unwrap();
        let pace = doubles::pace();
        let address = Address::new("ada@a.test").unwrap();
        let backend = Arc::new(doubles::FakeMailbox::default());
        let queue = crate::config::Queue::default();
        (Account::new(Parts { address, backend, store, clock, pace, queue }), inbox)
    }

    #[tokio::test]
    async fn a_look_passes_over_an_append_that_is_only_being_written_down() {
        let directory = tempfile::tempdir().unwrap();
        let (account, inbox) = account(directory.path()).await;
        let store = &account.0.store;
        let file = store.spool().await.unwrap();
        std::fs::write(file.path(), b"Subject: x\r\n\r\n").unwrap();
        let texts = super::super::body::describe(file.path()).await.unwrap();
        let mut holding = pin!(account.hold(&inbox, (file, texts), (Flags::none(), None)));
        while store.filings().await.unwrap().is_empty() {
            let polled = holding.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if polled.is_ready() {
                return; // The writer's thread was faster than one poll, which it hardly ever is.
            }
            // The writer is done with what came before.
            store.end_filings(Vec::new()).await.unwrap();
        }
        account.settle_filings(None).await.unwrap();
        holding.await.unwrap();
    }
}
