//! Filing a client's messages (RFC 3501 §6.3.11, RFC 3502), their bytes kept as they are.
//!
//! All of an APPEND or nothing: every message is written down in the journal first (`filing.rs`), then
//! each is made at the service; if one fails, those made before it are taken back.

use std::collections::{BTreeSet, HashSet};

use super::body::describe;
use super::filing::Held;
use super::turns::Turn;
use super::{Account, Filed, Meaning, Upload};
use crate::backend::RemoteMessage;
use crate::mailbox::{Epoch, Fault, Folder, FolderPath, Kind, Outcome, RemoteId, Role, Uid};
use crate::store::{Answer, Applied, Binding, Filing, Incoming};

/// What is to be done about one message.
enum Plan {
    /// It is in the folder already.
    There {
        uid: Uid,
        filing: Option<String>,
    },
    Make(Held),
}

/// A message that this call has made.
pub(super) struct Made {
    uid: Uid,
    remote: RemoteId,
}

impl Plan {
    /// What the journal knows of it.
    fn filing(&self) -> Option<&String> {
        match self {
            Self::There { filing, .. } => filing.as_ref(),
            Self::Make(held) => Some(&held.filing.id),
        }
    }
}

impl Account {
    /// Files messages, in this order. Call `confirm_filed` once the client has the answer; `own` are
    /// the filings of which it has not heard yet in this very conversation, so that it cannot be
    /// retrying them.
    ///
    /// # Errors
    /// `NoSuchTarget`, `TooLarge`, `OverQuota`, `Unacceptable`: nothing was filed. `InDoubt`: some may
    /// have been; the same messages again find out.
    pub async fn append(
        &self,
        path: &FolderPath,
        (uploads, meaning): (Vec<Upload>, Meaning),
        own: &[String],
    ) -> Outcome<Filed> {
        let folder = self.ready_target(path).await?;
        let _turns = self.filing_turns(&folder, &uploads).await?;
        let mut plans = Vec::with_capacity(uploads.len());
        let mut own: HashSet<String> = own.iter().cloned().collect();
        for upload in uploads {
            match self.plan(&folder, (upload, meaning), &own).await {
                Ok(plan) => {
                    own.extend(plan.filing().cloned());
                    plans.push(plan);
                }
                Err(fault) => {
                    self.give_up(&folder, plans, Vec::new()).await?;
                    return Err(fault);
                }
            }
        }
        self.carry_out(&folder, plans).await
    }

    /// The client has the answer: the same message again is meant as another one.
    pub async fn confirm_filed(&self, filed: Filed) -> Outcome<()> {
        match filed.filings.is_empty() {
            true => Ok(()),
            false => self.0.store.end_filings(filed.filings).await,
        }
    }

    /// The same bytes are filed in one folder by one APPEND at a time, so that a retry finds what the
    /// first try came to. Equal bytes have equal sizes, which are known without reading.
    async fn filing_turns(&self, folder: &Folder, uploads: &[Upload]) -> Outcome<Vec<Turn>> {
        let limit = self.limits().append;
        let mut sizes = BTreeSet::new();
        for upload in uploads {
            let size = upload.message.spooled().await?.size;
            if size > limit {
                return Err(Kind::TooLarge { limit }.into());
            }
            sizes.insert(size);
        }
        let mut turns = Vec::with_capacity(sizes.len());
        // All in one order: nobody waits for a turn that is held by someone who waits for theirs.
        for size in sizes {
            turns.push(self.0.filing_turns.take(format!("{} {size}", folder.path)).await);
        }
        Ok(turns)
    }

    async fn plan(
        &self,
        folder: &Folder,
        (upload, meaning): (Upload, Meaning),
        own: &HashSet<String>,
    ) -> Outcome<Plan> {
        let message = upload.message.spooled().await?;
        let texts = describe(&message.path).await?;
        if meaning == Meaning::Message
            && folder.role == Some(Role::Sent)
            && let Some(known) = self.sent_copy(folder, &message).await?
        {
            return Ok(Plan::There { uid: known, filing: None });
        }
        let wish = (upload.flags, upload.received);
        let held = self.hold(folder, (upload.message, texts), wish).await?;
        match self.earlier(folder, &held.filing, own).await {
            Ok(Some((uid, earlier))) => {
                self.0.store.abandon_filings(vec![held.filing.id.clone()]).await?;
                Ok(Plan::There { uid, filing: Some(earlier) })
            }
            Ok(None) => Ok(Plan::Make(held)),
            Err(fault) => {
                self.0.store.abandon_filings(vec![held.filing.id.clone()]).await?;
                Err(fault)
            }
        }
    }

    async fn carry_out(&self, folder: &Folder, plans: Vec<Plan>) -> Outcome<Filed> {
        let mut filed = Filed { validity: folder.validity, uids: Vec::new(), filings: Vec::new() };
        let mut made = Vec::new();
        let mut plans = plans.into_iter();
        while let Some(plan) = plans.next() {
            match plan {
                Plan::There { uid, filing } => {
                    filed.uids.push(uid);
                    filed.filings.extend(filing);
                }
                Plan::Make(held) => match self.make_filed(folder, &held.filing).await {
                    Ok(message) => {
                        filed.uids.push(message.uid);
                        made.push((message, held));
                    }
                    Err(fault) => {
                        if *fault.kind() != Kind::InDoubt {
                            self.0.store.abandon_filings(vec![held.filing.id.clone()]).await?;
                        }
                        self.give_up(folder, plans.collect(), made).await?;
                        return Err(fault);
                    }
                },
            }
        }
        filed.filings.extend(made.into_iter().map(|(_, held): (Made, Held)| held.filing.id));
        Ok(filed)
    }

    pub(super) async fn make_filed(&self, folder: &Folder, filing: &Filing) -> Outcome<Made> {
        let desk = self.desk(folder.id);
        let _arriving = desk.arrivals.begin(self.0.store.counts(folder.id).await?.next);
        let asked = self.0.store.epoch();
        let made = self.ask_to_file(folder, filing).await?;
        let remote = made.id.clone();
        let told = (made, Answer::Unknown);
        let uid = self.record_filed(folder, filing, (told, asked)).await?;
        // Then it stays in the journal, and the next look takes it back.
        let served = || Fault::from(Kind::InDoubt).because("other bytes of it were served before");
        let uid = uid.ok_or_else(served)?;
        Ok(Made { uid, remote })
    }

    /// Announces a message under the client's bytes. `None`: someone was served other bytes of it.
    pub(super) async fn record_filed(
        &self,
        folder: &Folder,
        filing: &Filing,
        ((made, answer), asked): ((RemoteMessage, Answer), Epoch),
    ) -> Outcome<Option<Uid>> {
        let incoming = Incoming::from(made);
        // Bound before the row is announced: nobody may see other bytes under this UID.
        if self.0.store.bind_filing(&filing.id, &incoming, answer).await? == Binding::Served {
            return Ok(None);
        }
        let remote = incoming.remote.clone();
        let added = Applied::Added { rows: vec![incoming], asked, spared: Vec::new() };
        let receipt = self.0.store.apply(folder.id, added).await?;
        self.desk(folder.id).note_ahead([remote.clone()], self.0.store.epoch());
        let uid = receipt.uids.iter().find(|(known, _)| *known == remote).map(|(_, uid)| *uid);
        uid.map(Some).ok_or_else(|| Fault::defect("an appended message got no UID"))
    }

    /// Takes back what an APPEND has made, and forgets what it would have made.
    ///
    /// # Errors
    /// `InDoubt` if some of it is still there.
    async fn give_up(
        &self,
        folder: &Folder,
        plans: Vec<Plan>,
        made: Vec<(Made, Held)>,
    ) -> Outcome<()> {
        let mut ids = Vec::new();
        for plan in &plans {
            if let Plan::Make(held) = plan {
                ids.push(held.filing.id.clone());
            }
        }
        self.0.store.abandon_filings(ids).await?;
        if made.is_empty() {
            return Ok(());
        }
        let remotes: Vec<RemoteId> = made.iter().map(|(made, _)| made.remote.clone()).collect();
        let asked = self.0.store.epoch();
        let answers = self.0.backend.destroy(&remotes).await?;
        let mut outcome = Ok(());
        let (mut gone, mut ended) = (Vec::new(), Vec::new());
        for ((made, held), answer) in made.iter().zip(answers) {
            match answer {
                Ok(()) => {
                    gone.push(made.remote.clone());
                    ended.push(held.filing.id.clone());
                }
                // It stays in the journal: the client's next try finds it.
                Err(fault) => outcome = Err(Fault::from(Kind::InDoubt).because(fault)),
            }
        }
        self.0.store.apply(folder.id, Applied::Removed { remotes: gone, asked }).await?;
        self.0.store.end_filings(ended).await?;
        outcome
    }
}
