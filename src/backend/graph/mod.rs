//! Microsoft Graph behind the seam (reference B).
//!
//! Ids are immutable ids throughout: every request asks for them (`http`), inner steps of a batch
//! and followed links included.

mod append;
mod attach;
mod batch;
mod changes;
mod copy;
mod copy_doubt;
mod decode;
mod doubts;
mod fault;
mod flags;
mod folder_look;
mod folders;
mod headers;
mod large;
mod message;
mod mime;
mod model;
mod path;
mod property;
mod settle;
mod submit;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use tokio::sync::watch;

use self::copy::Transfer;
use self::fault::{LARGEST_MESSAGE, LARGEST_TENANT, about_folder};
use self::path::Prefix;
use super::{
    Backend, FlagWrite, Limits, Page, RemoteFolder, RemoteFolderRef, RemoteHeaders, RemoteMessage,
    Rights, Seen, Sending, Trace, Upload, Urgency, Watch, Writing,
};
use crate::auth::SignInStatus;
use crate::auth::scopes::{Granted, Reading};
use crate::http::{MailboxHttp, Request};
use crate::mailbox::{Address, Cursor, Outcome, RemoteId, Spooled, Timestamp};

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
        let append = if self.shared.is_some() { LARGEST_MESSAGE } else { LARGEST_TENANT };
        Limits { append, submission: LARGEST_MESSAGE }
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
        Ok(self.look_up_all(messages, self.http.patience(urgency)).await)
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
        Ok(self.edit_flags(writes).await)
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
        let patience = self.http.patience(Urgency::Interactive);
        Ok(self.transfer(Transfer::Copy, messages, to, patience).await)
    }

    async fn relocate(
        &self,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let patience = self.http.patience(Urgency::Interactive);
        Ok(self.transfer(Transfer::Move, messages, to, patience).await)
    }

    async fn destroy(&self, messages: &[RemoteId]) -> Outcome<Vec<Outcome<()>>> {
        Ok(self.remove_all(messages).await)
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

    async fn stage(&self, message: &Spooled) -> Outcome<RemoteId> {
        self.stage_draft(message).await
    }

    async fn dispatch(&self, staged: &RemoteId) -> Outcome<()> {
        self.send_draft(staged).await
    }

    async fn send_at_once(&self, message: &Spooled) -> Outcome<()> {
        self.send_mime(message).await
    }

    async fn unstage(&self, staged: &RemoteId) -> Outcome<()> {
        self.remove_all(std::slice::from_ref(staged)).await.into_iter().collect()
    }

    async fn trace(&self, message_id: &str, since: Timestamp) -> Outcome<Option<Trace>> {
        self.find_submitted(message_id, since).await
    }
}
