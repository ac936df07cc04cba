//! What the tests of the store have in common.

use std::fs;

use tempfile::TempDir;

use super::{Applied, FolderFacts, Incoming, Receipt, SpoolFile, Store, Texts, Tree};
use crate::clock::Clock;
use crate::mailbox::{
    Flags, FolderId, ModSeq, RemoteId, RemoteVersion, Role, SystemFlag, Timestamp, Uid, View,
};

/// A store in a directory of its own.
pub(super) struct Fixture {
    pub(super) directory: TempDir,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) inbox: FolderId,
}

pub(super) async fn fixture() -> Fixture {
    let directory = TempDir::new().unwrap();
    let clock = Clock::manual(Timestamp(1_700_000_000));
    let store = Store::open(directory.path(), clock.clone()).await.unwrap();
    let inbox = inbox(&store).await;
    Fixture { directory, clock, store, inbox }
}

/// The id of the inbox, which is made if need be.
pub(super) async fn inbox(store: &Store) -> FolderId {
    let facts = folder("inbox", None, "Inbox");
    let tree = Tree::Delta { upserts: vec![facts], gone: vec![], asked: store.epoch() };
    store.apply_folders(tree, None).await.unwrap();
    store.folder_by_role(Role::Inbox).await.unwrap().unwrap().id
}

pub(super) fn folder(remote: &str, parent: Option<&str>, name: &str) -> FolderFacts {
    FolderFacts {
        remote: RemoteId::new(remote),
        parent: parent.map(RemoteId::new),
        name: name.into(),
        role: (remote == "inbox").then_some(Role::Inbox),
        total: None,
    }
}

pub(super) fn remote(id: &str) -> RemoteId {
    RemoteId::new(id)
}

pub(super) fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

pub(super) fn mail(id: &str, received: i64) -> Incoming {
    Incoming {
        remote: remote(id),
        version: Some(RemoteVersion::new("1")),
        flags: Flags::none(),
        received: Timestamp(received),
        estimate: None,
        thread: None,
    }
}

pub(super) fn seen(mut row: Incoming) -> Incoming {
    row.flags = row.flags.with(SystemFlag::Seen);
    row
}

pub(super) fn draft(id: &str, version: &str) -> Incoming {
    let flags = Flags::none().with(SystemFlag::Draft);
    Incoming { version: Some(RemoteVersion::new(version)), flags, ..mail(id, 0) }
}

impl Fixture {
    pub(super) async fn apply(&self, applied: Applied) -> Receipt {
        self.store.apply(self.inbox, applied).await.unwrap()
    }

    pub(super) async fn list(&self, rows: Vec<Incoming>) -> Receipt {
        let asked = self.store.epoch();
        self.apply(Applied::Listing { rows, asked, cursor: None }).await
    }

    pub(super) async fn page(&self, upserts: Vec<Incoming>, gone: &[&str]) -> Receipt {
        let asked = self.store.epoch();
        let gone = gone.iter().map(|id| remote(id)).collect();
        self.apply(Applied::Page { upserts, gone, asked, cursor: None }).await
    }

    /// What a client that selects the inbox now sees: remote ids by UID.
    pub(super) async fn contents(&self) -> Vec<(u32, String, Flags)> {
        let (rows, _) = self.store.all_rows(self.inbox).await.unwrap();
        rows.into_iter().map(|row| (row.uid.get(), row.remote.to_string(), row.flags)).collect()
    }

    pub(super) async fn view(&self) -> View {
        let (uids, highest) = self.store.uids(self.inbox).await.unwrap();
        View::new(uids, highest)
    }

    pub(super) async fn highest(&self) -> ModSeq {
        self.store.counts(self.inbox).await.unwrap().highest
    }

    pub(super) async fn content(&self, number: u32) -> super::ContentKey {
        let keys = self.store.content_keys(self.inbox, &[uid(number)]).await;
        keys.unwrap().remove(&uid(number)).unwrap()
    }

    pub(super) async fn file(&self, bytes: &[u8]) -> SpoolFile {
        let file = self.store.spool().await.unwrap();
        fs::write(file.path(), bytes).unwrap();
        file
    }

    /// Closes the store as a crash would leave it to the next start, and opens it again.
    pub(super) async fn reopen(self) -> Self {
        let Self { directory, clock, store, inbox } = self;
        drop(store);
        let store = Store::open(directory.path(), clock.clone()).await.unwrap();
        Self { directory, clock, store, inbox }
    }
}

pub(super) fn texts(envelope: &str) -> Texts {
    Texts { envelope: envelope.into(), ..Texts::default() }
}
