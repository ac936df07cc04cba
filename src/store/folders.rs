//! The folder tree: who is there, under which path, with which UIDVALIDITY.

use rusqlite::{Connection, OptionalExtension, Row as Record, ToSql, params};

use super::validity::Validities;
use super::values::{self, key};
use super::{Store, tree};
use crate::mailbox::{Cursor, Epoch, Folder, FolderId, FolderPath, Outcome, RemoteId, Role};

/// A folder, as the service tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FolderFacts {
    pub remote: RemoteId,
    /// `None` directly below the mailbox's root.
    pub parent: Option<RemoteId>,
    pub name: String,
    pub role: Option<Role>,
    /// How many items the service says are inside, where it says so.
    pub total: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum Tree {
    /// Every folder there is: what is not in it is gone.
    Whole { folders: Vec<FolderFacts>, asked: Epoch },
    /// What changed.
    Delta { upserts: Vec<FolderFacts>, gone: Vec<RemoteId>, asked: Epoch },
    /// Our own confirmed create, rename or delete.
    Written { upserts: Vec<FolderFacts>, gone: Vec<RemoteId> },
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TreeReceipt {
    pub changed: bool,
    /// A part of the answer was older than a write of ours and was left out, and the cursor was not
    /// kept: ask again.
    pub stale: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subscription {
    Subscribed,
    Unsubscribed,
}

impl Store {
    /// Folds what the service said of the tree into the index, in one transaction.
    ///
    /// New folders get a UIDVALIDITY greater than any before; renamed and moved ones keep theirs and
    /// their UIDs; vanished ones go with all their rows.
    ///
    /// # Errors
    /// `Defect` if a whole tree has no folder: nothing is believed of it.
    pub async fn apply_folders(&self, tree: Tree, cursor: Option<Cursor>) -> Outcome<TreeReceipt> {
        let validities = Validities::beside(&self.0.directory);
        self.write(move |writing| tree::fold(writing, &validities, tree, cursor.as_ref())).await
    }

    /// All folders, ordered by path.
    pub async fn folders(&self) -> Outcome<Vec<Folder>> {
        self.read(|connection| {
            let sql = format!("{FOLDER} ORDER BY f.path");
            let mut statement = connection.prepare_cached(&sql)?;
            let folders = statement.query_map([], folder)?;
            Ok(folders.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub async fn folder(&self, id: FolderId) -> Outcome<Option<Folder>> {
        self.read(move |connection| one(connection, "f.id = ?1", key(id))).await
    }

    pub async fn folder_by_path(&self, path: &FolderPath) -> Outcome<Option<Folder>> {
        let path = path.to_string();
        self.read(move |connection| one(connection, "f.path = ?1", path)).await
    }

    pub async fn folder_by_remote(&self, remote: &RemoteId) -> Outcome<Option<Folder>> {
        let remote = remote.to_string();
        self.read(move |connection| one(connection, "f.remote = ?1", remote)).await
    }

    pub async fn folder_by_role(&self, role: Role) -> Outcome<Option<Folder>> {
        self.read(move |connection| one(connection, "f.role = ?1 ORDER BY f.id", role.name())).await
    }

    /// How many items the service said are inside, when it last spoke of the folder.
    pub async fn remote_total(&self, folder: FolderId) -> Outcome<Option<u64>> {
        self.read(move |connection| {
            let sql = "SELECT total FROM folders WHERE id = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let total = statement.query_row([key(folder)], |record| values::octets(record, 0));
            Ok(total.optional()?.flatten())
        })
        .await
    }

    /// Where the walk through tree changes stands.
    pub async fn folder_cursor(&self) -> Outcome<Option<Cursor>> {
        self.read(tree::cursor).await
    }

    /// Makes the next walk begin at the start.
    pub async fn clear_folder_cursor(&self) -> Outcome<()> {
        self.write(|writing| {
            writing.transaction.execute("DELETE FROM meta WHERE key = 'tree_cursor'", [])?;
            Ok(())
        })
        .await
    }

    /// Subscriptions are by path, so they can be made before the folder and survive it (RFC 3501
    /// §6.3.6). Folders that nobody decided about are subscribed.
    pub async fn subscribe(&self, path: &FolderPath, to: Subscription) -> Outcome<()> {
        let path = path.to_string();
        self.write(move |writing| {
            let sql = "INSERT INTO subscriptions (path, subscribed) VALUES (?1, ?2)
                       ON CONFLICT (path) DO UPDATE SET subscribed = excluded.subscribed";
            let subscribed = to == Subscription::Subscribed;
            writing.transaction.prepare_cached(sql)?.execute(params![path, subscribed])?;
            writing.news.tree = true;
            Ok(())
        })
        .await
    }

    /// Takes a folder's subscription back, unless somebody decided about it.
    pub async fn leave_unsubscribed(&self, path: &FolderPath) -> Outcome<()> {
        let path = path.to_string();
        self.write(move |writing| {
            let sql = "INSERT OR IGNORE INTO subscriptions (path, subscribed) VALUES (?1, FALSE)";
            writing.transaction.prepare_cached(sql)?.execute([path])?;
            writing.news.tree = true;
            Ok(())
        })
        .await
    }

    /// Every subscribed path, also of folders that do not exist.
    pub async fn subscriptions(&self) -> Outcome<Vec<FolderPath>> {
        self.read(|connection| {
            let sql = "SELECT path FROM subscriptions WHERE subscribed
                       UNION SELECT path FROM folders WHERE path NOT IN
                           (SELECT path FROM subscriptions WHERE NOT subscribed)
                       ORDER BY 1";
            let mut statement = connection.prepare_cached(sql)?;
            let paths = statement.query_map([], |record| path(record, 0))?;
            Ok(paths.collect::<Result<_, _>>()?)
        })
        .await
    }
}

const FOLDER: &str = "SELECT f.id, f.remote, f.parent, f.path, f.role, COALESCE(s.subscribed, 1),
     f.validity, f.next, f.highest, f.listed IS NOT NULL
     FROM folders f LEFT JOIN subscriptions s ON s.path = f.path";

fn one(connection: &Connection, which: &str, what: impl ToSql) -> Outcome<Option<Folder>> {
    let sql = format!("{FOLDER} WHERE {which}");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([what], folder).optional()?)
}

fn folder(record: &Record<'_>) -> rusqlite::Result<Folder> {
    let parent: Option<Box<str>> = record.get(2)?;
    let role: Option<String> = record.get(4)?;
    Ok(Folder {
        id: FolderId::new(record.get(0)?),
        remote: values::remote(record, 1)?,
        parent: parent.map(RemoteId::new),
        path: path(record, 3)?,
        role: role.as_deref().and_then(Role::from_name),
        subscribed: record.get(5)?,
        validity: values::validity(record, 6)?,
        next: values::next(record, 7)?,
        highest: values::highest(record, 8)?,
        listed: record.get(9)?,
    })
}

fn path(record: &Record<'_>, column: usize) -> rusqlite::Result<FolderPath> {
    let text = record.get_ref(column)?.as_str()?;
    FolderPath::parse(text).ok_or_else(|| values::senseless(column))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Fixture, fixture, folder, mail};
    use super::super::{Applied, testing};
    use super::*;

    async fn whole(here: &Fixture, folders: Vec<FolderFacts>) -> TreeReceipt {
        let asked = here.store.epoch();
        here.store.apply_folders(Tree::Whole { folders, asked }, None).await.unwrap()
    }

    async fn paths(here: &Fixture) -> Vec<String> {
        let folders = here.store.folders().await.unwrap();
        folders.iter().map(|folder| folder.path.to_string()).collect()
    }

    async fn at(here: &Fixture, path: &str) -> Folder {
        let path = FolderPath::parse(path).unwrap();
        here.store.folder_by_path(&path).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_renamed_folder_keeps_its_uids_and_its_children_move_along() {
        let here = fixture().await;
        let inbox = folder("inbox", None, "Inbox");
        let child = folder("child", Some("parent"), "Child");
        whole(&here, vec![inbox.clone(), child.clone(), folder("parent", None, "Old")]).await;
        let before = at(&here, "Old/Child").await;
        let rows = vec![mail("a", 1)];
        let added = Applied::Added { rows, asked: here.store.epoch(), spared: vec![] };
        here.store.apply(before.id, added).await.unwrap();
        whole(&here, vec![inbox, child, folder("parent", Some("inbox"), "New")]).await;
        let after = at(&here, "inbox/New/Child").await;
        assert_eq!((after.id, after.validity), (before.id, before.validity));
        assert_eq!(after.next.get(), 2);
        assert_eq!(paths(&here).await, ["INBOX", "INBOX/New", "INBOX/New/Child"]);
    }

    #[tokio::test]
    async fn a_folder_made_anew_under_the_same_name_gets_a_greater_uidvalidity() {
        let here = fixture().await;
        let inbox = folder("inbox", None, "Inbox");
        whole(&here, vec![inbox.clone(), folder("one", None, "Work")]).await;
        let before = at(&here, "Work").await;
        let watch = here.store.watch(before.id);
        whole(&here, vec![inbox, folder("two", None, "Work")]).await;
        let after = at(&here, "Work").await;
        assert!(after.validity > before.validity);
        assert_ne!(after.id, before.id);
        assert!(watch.has_changed().is_err(), "the watch of a folder that is gone is closed");
        assert!(here.store.folder(before.id).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn every_folder_has_a_uidvalidity_of_its_own_also_after_the_index_was_lost() {
        let here = fixture().await;
        let inbox = folder("inbox", None, "Inbox");
        let folders = vec![inbox, folder("a", None, "A"), folder("b", None, "B")];
        whole(&here, folders.clone()).await;
        let before = here.store.folders().await.unwrap();
        let Fixture { directory, clock, store, .. } = here;
        drop(store);
        let index = directory.path().join("index.db");
        std::fs::write(&index, vec![b'x'; 10_000]).unwrap();
        let store = Store::open(directory.path(), clock).await.unwrap();
        assert!(store.folders().await.unwrap().is_empty());
        let asked = store.epoch();
        store.apply_folders(Tree::Whole { folders, asked }, None).await.unwrap();
        let mut given: Vec<_> = before.iter().map(|folder| folder.validity).collect();
        let highest = given.iter().max().copied().unwrap();
        let after = store.folders().await.unwrap();
        assert!(after.iter().all(|folder| folder.validity > highest));
        given.extend(after.iter().map(|folder| folder.validity));
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 6);
        assert!(directory.path().join("index.db.broken-1").exists());
    }

    #[tokio::test]
    async fn a_walk_begun_before_our_own_create_does_not_take_the_folder_away() {
        let here = fixture().await;
        let asked = here.store.epoch();
        let upserts = vec![folder("new", None, "New")];
        here.store.apply_folders(Tree::Written { upserts, gone: vec![] }, None).await.unwrap();
        let folders = vec![folder("inbox", None, "Inbox")];
        let receipt = here.store.apply_folders(Tree::Whole { folders, asked }, None).await.unwrap();
        assert!(receipt.stale);
        assert_eq!(paths(&here).await, ["INBOX", "New"]);
    }

    #[tokio::test]
    async fn a_walk_begun_before_our_own_delete_does_not_bring_the_folder_back() {
        let here = fixture().await;
        let folders = vec![folder("inbox", None, "Inbox"), folder("old", None, "Old")];
        whole(&here, folders.clone()).await;
        let asked = here.store.epoch();
        let gone = vec![testing::remote("old")];
        here.store.apply_folders(Tree::Written { upserts: vec![], gone }, None).await.unwrap();
        let receipt = here.store.apply_folders(Tree::Whole { folders, asked }, None).await.unwrap();
        assert!(receipt.stale);
        assert_eq!(paths(&here).await, ["INBOX"]);
    }

    #[tokio::test]
    async fn a_tree_without_any_folder_is_not_believed() {
        let here = fixture().await;
        let (folders, asked) = (vec![], here.store.epoch());
        assert!(here.store.apply_folders(Tree::Whole { folders, asked }, None).await.is_err());
        assert_eq!(paths(&here).await, ["INBOX"]);
    }

    #[tokio::test]
    async fn a_subscription_survives_its_folder_and_new_folders_are_subscribed() {
        let here = fixture().await;
        let later = FolderPath::parse("Later").unwrap();
        here.store.subscribe(&later, Subscription::Subscribed).await.unwrap();
        let off = Subscription::Unsubscribed;
        here.store.subscribe(&FolderPath::inbox(), off).await.unwrap();
        assert_eq!(here.store.subscriptions().await.unwrap(), [later]);
        assert!(!at(&here, "INBOX").await.subscribed);
        whole(&here, vec![folder("inbox", None, "Inbox"), folder("new", None, "New")]).await;
        assert!(at(&here, "New").await.subscribed);
    }

    #[tokio::test]
    async fn the_cursor_is_kept_with_the_tree_it_leads_on_from() {
        let here = fixture().await;
        let tree = Tree::Delta { upserts: vec![], gone: vec![], asked: here.store.epoch() };
        let cursor = Cursor::new("next");
        let receipt = here.store.apply_folders(tree, Some(cursor.clone())).await.unwrap();
        assert!(!receipt.changed);
        let here = here.reopen().await;
        assert_eq!(here.store.folder_cursor().await.unwrap(), Some(cursor));
        here.store.clear_folder_cursor().await.unwrap();
        assert_eq!(here.store.folder_cursor().await.unwrap(), None);
    }
}
