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
    /// A part of the answer was older than a write of ours and was left out: walk the tree again.
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
        highest: values::modseq(record, 8)?,
        listed: record.get(9)?,
    })
}

fn path(record: &Record<'_>, column: usize) -> rusqlite::Result<FolderPath> {
    let text = record.get_ref(column)?.as_str()?;
    FolderPath::parse(text).ok_or_else(|| values::senseless(column))
}
