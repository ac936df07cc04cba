//! Microsoft Graph behind the seam (reference B).
//!
//! Ids are immutable ids throughout: every request asks for them (`http`), inner steps of a batch
//! and followed links included.

mod addresses;
mod append;
mod attach;
mod batch;
mod batches;
mod changes;
mod complete;
mod copy;
mod copy_doubt;
mod decode;
mod described;
mod doubts;
mod fault;
mod filename;
mod flags;
mod folder_look;
mod folders;
mod headers;
mod large;
mod message;
mod message_ids;
mod mime;
mod model;
mod path;
mod property;
mod settle;
mod submit;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use tokio::sync::watch;

use self::batches::Batches;
use self::copy::Transfer;
pub(super) use self::fault::LARGEST_TENANT;
use self::fault::{LARGEST_MESSAGE, SILENT_LIMIT, about_folder};
use self::path::Prefix;
use self::submit::is_submitted;
use super::{
    Backend, FlagWrite, Limits, Page, RemoteFolder, RemoteFolderRef, RemoteHeaders, RemoteMessage,
    Rights, Seen, Sending, Staged, Traces, Upload, Urgency, Watch, Writing,
};
use crate::auth::SignInStatus;
use crate::auth::scopes::{Granted, Reading};
use crate::http::{MailboxHttp, Request};
use crate::mailbox::{Address, Cursor, Fault, Kind, Leaf, Outcome, RemoteId, Spooled, Timestamp};

/// Asks for the largest pages of a delta (reference J): 10,000 messages in ten requests.
const PAGE: &str = "odata.maxpagesize=1000";

/// One mailbox behind Graph.
#[derive(Debug)]
pub struct Graph {
    http: MailboxHttp,
    prefix: Prefix,
    /// Its address, if the mailbox is shared with whoever signed in.
    shared: Option<Address>,
    tree: Mutex<folders::Tree>,
    doubts: doubts::Doubts,
    /// Whether the service takes `$expand` in a delta of folders, and of messages; until it refuses.
    expands_folders: AtomicBool,
    expands_messages: AtomicBool,
    /// What the latest grant holds, if anyone tells.
    sign_in: Option<watch::Receiver<SignInStatus>>,
}

impl Graph {
    /// The mailbox of whoever signed in.
    pub fn own(http: MailboxHttp) -> Self {
        Self::new(http, Prefix::me())
    }

    /// A mailbox shared with whoever signed in, by its user principal name.
    pub fn shared(http: MailboxHttp, name: &str) -> Self {
        Self { shared: Address::new(name), ..Self::new(http, Prefix::user(name)) }
    }

    fn new(http: MailboxHttp, prefix: Prefix) -> Self {
        Self {
            http,
            prefix,
            shared: None,
            tree: Mutex::default(),
            doubts: doubts::Doubts::default(),
            expands_folders: AtomicBool::new(true),
            expands_messages: AtomicBool::new(true),
            sign_in: None,
        }
    }

    /// Minds what the sign-in was granted.
    #[must_use]
    pub fn granted_by(self, sign_in: watch::Receiver<SignInStatus>) -> Self {
        Self { sign_in: Some(sign_in), ..self }
    }
}

#[async_trait]
impl Backend for Graph {
    fn limits(&self) -> Limits {
        // Upload sessions are refused in a mailbox of someone else's (reference B.9).
        let part = if self.shared.is_some() { LARGEST_MESSAGE } else { LARGEST_TENANT };
        let submission = match self.rights().sending {
            Sending::Staged => LARGEST_TENANT,
            Sending::AtOnce => LARGEST_MESSAGE,
        };
        let (stage, stage_surely) = (LARGEST_MESSAGE, SILENT_LIMIT);
        Limits { append: part, submission, stage, stage_surely, part }
    }

    /// Before the first grant, and where none is told, everything is tried.
    fn rights(&self) -> Rights {
        let granted = self.sign_in.as_ref().map(|sign_in| Granted::new(&sign_in.borrow().scopes));
        match granted.filter(|granted| !granted.is_empty()).map(|granted| granted.reading()) {
            None | Some(Reading::ReadWrite) => {
                Rights { writing: Writing::Allowed, sending: Sending::Staged }
            }
            Some(_) => Rights { writing: Writing::Refused, sending: Sending::AtOnce },
        }
    }

    async fn folders(
        &self,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteFolder>> {
        self.folder_round(since, urgency).await
    }

    async fn look_up_folders(
        &self,
        folders: &[RemoteId],
        urgency: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteFolder>>> {
        self.look_up_all_folders(folders, urgency).await
    }

    async fn changes(
        &self,
        folder: &RemoteId,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        self.message_round(folder, since, urgency).await
    }

    async fn listing(
        &self,
        folder: &RemoteId,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        self.list(folder, since, urgency).await
    }

    async fn poll(&self, watches: &[Watch]) -> Outcome<Vec<Outcome<Seen>>> {
        self.poll_all(watches).await
    }

    async fn count(&self, folder: &RemoteId, urgency: Urgency) -> Outcome<u64> {
        self.item_count(folder, urgency).await
    }

    async fn look_up(
        &self,
        messages: &[RemoteId],
        urgency: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let mut looks = Batches::of(messages);
        while let Some(batch) = looks.next() {
            looks.tell(self.look_up_all(batch, self.http.patience(urgency)).await);
        }
        Ok(looks.told())
    }

    async fn headers(
        &self,
        folder: &RemoteId,
        from: Timestamp,
        next: Option<&Cursor>,
    ) -> Outcome<RemoteHeaders> {
        self.list_headers(folder, from, next).await
    }

    async fn fetch(&self, message: &RemoteId, file: &Path, urgency: Urgency) -> Outcome<u64> {
        let path = format!("{}/$value", self.prefix.message(message));
        let request = Request::get("GET message $value", path);
        Ok(self.http.download(&request, file, self.http.patience(urgency)).await?)
    }

    async fn write_flags(&self, writes: &[FlagWrite]) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let mut edits = Batches::of(writes);
        while let Some(batch) = edits.next() {
            edits.tell(self.edit_flags(batch).await);
        }
        Ok(edits.told())
    }

    async fn append(&self, folder: &RemoteFolderRef, upload: &Upload) -> Outcome<RemoteMessage> {
        self.file(folder, upload).await
    }

    async fn recover(
        &self,
        folder: &RemoteFolderRef,
        upload: &Upload,
        others: &[RemoteId],
    ) -> Outcome<Option<RemoteMessage>> {
        self.find_filed(folder, upload, others).await
    }

    async fn copy(
        &self,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        Ok(self.transfer_all(Transfer::Copy, messages, to).await)
    }

    async fn relocate(
        &self,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        Ok(self.transfer_all(Transfer::Move, messages, to).await)
    }

    async fn destroy(&self, messages: &[RemoteId]) -> Outcome<Vec<Outcome<()>>> {
        let mut removals = Batches::of(messages);
        while let Some(batch) = removals.next() {
            removals.tell(self.remove_all(batch).await);
        }
        Ok(removals.told())
    }

    async fn create_folder(&self, parent: Option<&RemoteId>, name: &str) -> Outcome<RemoteFolder> {
        self.make_folder(parent, name).await
    }

    async fn rename_folder(
        &self,
        folder: &RemoteFolderRef,
        parent: Option<&RemoteId>,
        name: &str,
    ) -> Outcome<RemoteFolder> {
        self.rename_or_move(folder, parent, name).await
    }

    async fn delete_folder(&self, folder: &RemoteId) -> Outcome<()> {
        self.remove_folder(folder).await.map_err(about_folder)
    }

    async fn addresses(&self) -> Outcome<Vec<Address>> {
        self.own_addresses().await
    }

    async fn stage(&self, message: &Spooled) -> Outcome<Staged> {
        self.stage_draft(message).await
    }

    async fn complete(&self, staged: &RemoteId, message: &Spooled, parts: &[Leaf]) -> Outcome<()> {
        self.complete_draft(staged, message, parts).await
    }

    async fn ask_for_receipt(&self, staged: &RemoteId) -> Outcome<()> {
        self.want_receipt(staged).await
    }

    async fn dispatch(&self, staged: &RemoteId) -> Outcome<()> {
        self.send_draft(staged).await
    }

    async fn is_leaving(&self, staged: &RemoteId) -> Outcome<bool> {
        let patience = self.http.patience(Urgency::Interactive);
        let found = self.http.json(&self.state_of_draft(staged), patience).await;
        match found.map_err(Fault::from) {
            Ok(message) => Ok(is_submitted(&message)),
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn send_at_once(&self, message: &Spooled) -> Outcome<()> {
        self.send_mime(message).await
    }

    async fn unstage(&self, staged: &RemoteId) -> Outcome<()> {
        self.remove_all(std::slice::from_ref(staged)).await.into_iter().collect()
    }

    async fn trace(&self, message_id: &str, since: Timestamp) -> Outcome<Traces> {
        self.find_submitted(message_id, since).await
    }
}
