//! One answer or write being folded into the folder tree.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, Transaction, params};

use super::folders::{FolderFacts, Tree, TreeReceipt};
use super::layout::{Node, paths};
use super::validity::Validities;
use super::values::{self, key, signed};
use super::worker::Writing;
use crate::mailbox::{
    Cursor, Epoch, Fault, FolderId, FolderPath, Outcome, RemoteId, Role, UidValidity,
};

/// The place in `departures` that stands for the tree itself.
const TREE: i64 = 0;

/// Tables whose rows belong to a folder, by a column `folder`.
const BELONGINGS: [&str; 4] = ["messages", "tombstones", "departures", "doubts"];

struct Known {
    id: FolderId,
    facts: FolderFacts,
    confirmed: Epoch,
}

struct Folding<'w, 'a> {
    writing: &'w mut Writing<'a>,
    validities: &'w Validities,
    known: HashMap<RemoteId, Known>,
    asked: Epoch,
    stamp: Epoch,
    is_own: bool,
    /// The last UIDVALIDITY given.
    given: Option<UidValidity>,
    receipt: TreeReceipt,
}

/// Folds `tree` into the index; the cursor is kept only if everything was believed.
pub(super) fn fold(
    writing: &mut Writing<'_>,
    validities: &Validities,
    tree: Tree,
    cursor: Option<&Cursor>,
) -> Outcome<TreeReceipt> {
    let known = known(writing.transaction)?;
    let stamp = writing.tick();
    let is_own = matches!(tree, Tree::Written { .. });
    let (upserts, gone, asked) = match tree {
        Tree::Whole { folders, asked } => {
            let gone = absent(&known, &folders)?;
            (folders, gone, asked)
        }
        Tree::Delta { upserts, gone, asked } => (upserts, gone, asked),
        Tree::Written { upserts, gone } => (upserts, gone, stamp),
    };
    let receipt = TreeReceipt::default();
    let given = None;
    let mut folding = Folding { writing, validities, known, asked, stamp, is_own, given, receipt };
    gone.iter().try_for_each(|remote| folding.leave(remote))?;
    upserts.into_iter().try_for_each(|facts| folding.hear(facts))?;
    folding.finish(cursor)
}

fn absent(known: &HashMap<RemoteId, Known>, folders: &[FolderFacts]) -> Outcome<Vec<RemoteId>> {
    if folders.is_empty() {
        // Every mailbox has an inbox, so this is a wrong answer: believing it would take every
        // folder away.
        return Err(Fault::defect("the service lists no folder at all"));
    }
    let present: HashSet<&RemoteId> = folders.iter().map(|facts| &facts.remote).collect();
    Ok(known.keys().filter(|remote| !present.contains(remote)).cloned().collect())
}

impl Folding<'_, '_> {
    fn leave(&mut self, remote: &RemoteId) -> Outcome<()> {
        if let Some(folder) = self.known.get(remote) {
            if folder.confirmed > self.asked {
                self.receipt.stale = true;
                return Ok(());
            }
            remove(self.writing, folder.id)?;
            self.known.remove(remote);
            self.receipt.changed = true;
        }
        depart(self.writing, remote, self.stamp)
    }

    fn hear(&mut self, facts: FolderFacts) -> Outcome<()> {
        let Some(folder) = self.known.get_mut(&facts.remote) else { return self.hear_new(facts) };
        let is_same_place = folder.facts.is_same_place(&facts);
        if folder.confirmed > self.asked {
            self.receipt.stale |= !is_same_place;
            return Ok(());
        }
        if folder.facts != facts || self.is_own {
            update(self.writing, folder.id, &facts, self.stamp)?;
            self.receipt.changed |= !is_same_place;
            folder.facts = facts;
        }
        Ok(())
    }

    fn hear_new(&mut self, facts: FolderFacts) -> Outcome<()> {
        if has_left_after(self.writing, &facts.remote, self.asked)? {
            self.receipt.stale = true;
            return Ok(());
        }
        let validity = self.validities.give(self.writing)?;
        self.given = Some(validity);
        let id = insert(self.writing, &facts, validity, self.stamp)?;
        // Told twice in one answer, it is not older than itself.
        let (remote, confirmed) = (facts.remote.clone(), self.asked);
        self.known.insert(remote, Known { id, facts, confirmed });
        self.receipt.changed = true;
        Ok(())
    }

    fn finish(self, cursor: Option<&Cursor>) -> Outcome<TreeReceipt> {
        if let Some(given) = self.given {
            self.validities.note(given)?;
        }
        if self.receipt.changed {
            lay_out(self.writing.transaction, self.known.into_values().collect())?;
        }
        // What was left out must be told again, so the walk does not move on.
        if let Some(cursor) = cursor.filter(|_| !self.receipt.stale) {
            let sql = "INSERT INTO meta (key, value) VALUES ('tree_cursor', ?1)
                       ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            self.writing.transaction.prepare_cached(sql)?.execute([cursor.as_str()])?;
        }
        self.writing.news.tree |= self.receipt.changed;
        Ok(self.receipt)
    }
}

impl FolderFacts {
    /// Whether clients see no difference: the service's count is not for them.
    fn is_same_place(&self, other: &Self) -> bool {
        (&self.parent, &self.name, self.role) == (&other.parent, &other.name, other.role)
    }
}

fn known(transaction: &Transaction<'_>) -> Outcome<HashMap<RemoteId, Known>> {
    let sql = "SELECT id, remote, parent, name, role, total, confirmed FROM folders";
    let mut statement = transaction.prepare_cached(sql)?;
    let folders = statement.query_map([], |record| {
        let role: Option<String> = record.get(4)?;
        let parent: Option<String> = record.get(2)?;
        let facts = FolderFacts {
            remote: values::remote(record, 1)?,
            parent: parent.map(RemoteId::new),
            name: record.get(3)?,
            role: role.as_deref().and_then(Role::from_name),
            total: values::octets(record, 5)?,
        };
        let id = FolderId::new(record.get(0)?);
        Ok((facts.remote.clone(), Known { id, facts, confirmed: values::epoch(record, 6)? }))
    })?;
    Ok(folders.collect::<Result<_, _>>()?)
}

fn insert(
    writing: &Writing<'_>,
    facts: &FolderFacts,
    validity: UidValidity,
    stamp: Epoch,
) -> Outcome<FolderId> {
    let sql = "INSERT INTO folders (remote, parent, name, role, total, validity, confirmed)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    writing.transaction.prepare_cached(sql)?.execute(params![
        facts.remote.as_str(),
        facts.parent.as_ref().map(RemoteId::as_str),
        facts.name,
        facts.role.map(Role::name),
        facts.total.map(signed),
        validity.get(),
        signed(stamp.get()),
    ])?;
    let id = FolderId::new(writing.transaction.last_insert_rowid());
    let sql = "DELETE FROM departures WHERE folder = ?1 AND remote = ?2";
    let place = params![TREE, facts.remote.as_str()];
    writing.transaction.prepare_cached(sql)?.execute(place)?;
    Ok(id)
}

fn update(writing: &Writing<'_>, id: FolderId, facts: &FolderFacts, stamp: Epoch) -> Outcome<()> {
    let sql = "UPDATE folders SET parent = ?2, name = ?3, role = ?4, total = COALESCE(?5, total),
               confirmed = ?6 WHERE id = ?1";
    writing.transaction.prepare_cached(sql)?.execute(params![
        key(id),
        facts.parent.as_ref().map(RemoteId::as_str),
        facts.name,
        facts.role.map(Role::name),
        facts.total.map(signed),
        signed(stamp.get()),
    ])?;
    Ok(())
}

fn remove(writing: &mut Writing<'_>, id: FolderId) -> Outcome<()> {
    for table in BELONGINGS {
        let sql = format!("DELETE FROM {table} WHERE folder = ?1");
        writing.transaction.prepare_cached(&sql)?.execute([key(id)])?;
    }
    let sql = "DELETE FROM folders WHERE id = ?1";
    writing.transaction.prepare_cached(sql)?.execute([key(id)])?;
    writing.news.gone.push(id);
    Ok(())
}

fn depart(writing: &Writing<'_>, remote: &RemoteId, stamp: Epoch) -> Outcome<()> {
    let sql = "INSERT INTO departures (folder, remote, confirmed, at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (folder, remote) DO UPDATE
               SET confirmed = MAX(confirmed, excluded.confirmed), at = excluded.at";
    let departure = params![TREE, remote.as_str(), signed(stamp.get()), writing.now.0];
    writing.transaction.prepare_cached(sql)?.execute(departure)?;
    Ok(())
}

fn has_left_after(writing: &Writing<'_>, remote: &RemoteId, asked: Epoch) -> Outcome<bool> {
    let sql = "SELECT 1 FROM departures WHERE folder = ?1 AND remote = ?2 AND confirmed > ?3";
    let mut statement = writing.transaction.prepare_cached(sql)?;
    Ok(statement.exists(params![TREE, remote.as_str(), signed(asked.get())])?)
}

/// Writes down the path of every folder that has another one now. Whether it is subscribed goes with it.
fn lay_out(transaction: &Transaction<'_>, mut folders: Vec<Known>) -> Outcome<()> {
    folders.sort_by_key(|folder| folder.id);
    let ids: Vec<FolderId> = folders.iter().map(|folder| folder.id).collect();
    let node = |Known { facts, .. }| {
        let FolderFacts { remote, parent, name, role, .. } = facts;
        Node { remote, parent, name, role }
    };
    let nodes: Vec<Node> = folders.into_iter().map(node).collect();
    let laid: Vec<(FolderId, FolderPath)> = ids.into_iter().zip(paths(&nodes)).collect();
    // Read before anything is written: folders may exchange their paths.
    let moved = moved(transaction, &laid)?;
    let sql = "UPDATE folders SET path = ?2 WHERE id = ?1 AND path <> ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    for (id, path) in &laid {
        statement.execute(params![key(*id), path.as_str()])?;
    }
    moved.into_iter().try_for_each(|(path, subscribed)| carry(transaction, &path, subscribed))
}

/// The new paths of folders that had another one before, and whether those are subscribed.
fn moved(
    transaction: &Transaction<'_>,
    laid: &[(FolderId, FolderPath)],
) -> Outcome<Vec<(FolderPath, bool)>> {
    let sql = "SELECT COALESCE(s.subscribed, TRUE)
               FROM folders f LEFT JOIN subscriptions s ON s.path = f.path
               WHERE f.id = ?1 AND f.path <> '' AND f.path <> ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut moved = Vec::new();
    for (id, path) in laid {
        let row = statement.query_row(params![key(*id), path.as_str()], |record| record.get(0));
        moved.extend(row.optional()?.map(|subscribed| (path.clone(), subscribed)));
    }
    Ok(moved)
}

/// A name that someone has subscribed stays so, whichever folder comes to have it (RFC 3501 §6.3.9).
fn carry(transaction: &Transaction<'_>, path: &FolderPath, subscribed: bool) -> Outcome<()> {
    let sql = if subscribed {
        "UPDATE subscriptions SET subscribed = TRUE WHERE path = ?1"
    } else {
        "INSERT OR IGNORE INTO subscriptions (path, subscribed) VALUES (?1, FALSE)"
    };
    transaction.prepare_cached(sql)?.execute([path.as_str()])?;
    Ok(())
}

/// Where the walk through tree changes stands.
pub(super) fn cursor(connection: &rusqlite::Connection) -> Outcome<Option<Cursor>> {
    let sql = "SELECT value FROM meta WHERE key = 'tree_cursor'";
    let cursor: Option<Box<str>> =
        connection.prepare_cached(sql)?.query_row([], |record| record.get(0)).optional()?;
    Ok(cursor.map(Cursor::new))
}
