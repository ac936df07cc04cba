//! Frozen bytes: what was once served for a UID stays what it was (RFC 3501 §2.3.1.1).
//!
//! A body is keyed by the remote id and, for drafts, the version it was read at, so a message that
//! moves keeps its bytes and a draft that was edited elsewhere does not.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row as Record, params};

use super::blobs::{DIRECTORY, Measured, Pin, is_whole, place};
use super::fold::content;
use super::values::{self, ROW, ROW_SOURCE, key, signed};
use super::worker::Writing;
use super::{BlobHash, Incoming, SpoolFile, Store};
use crate::mailbox::{Fault, FolderId, Kind, Outcome, Row, SystemFlag, Uid};

/// What the bytes say, finished for the wire; opaque here.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Texts {
    /// The serialised MIME outline.
    pub outline: Vec<u8>,
    /// ENVELOPE.
    pub envelope: Vec<u8>,
    /// BODYSTRUCTURE.
    pub structure: Vec<u8>,
    /// BODY.
    pub body: Vec<u8>,
    /// What SEARCH compares, if it is not too much.
    pub heads: Option<Vec<u8>>,
}

/// The record of a message's bytes. It outlives the bytes themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Body {
    /// Octets.
    pub size: u64,
    pub hash: BlobHash,
    pub texts: Texts,
}

/// What a freeze came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freezing {
    /// The first bytes of this message.
    First,
    /// The same bytes as before, which had been evicted.
    Restored,
    /// Other bytes are there already, and they stay.
    Kept,
    /// The old bytes were evicted and the service now makes others of the same message: to be counted.
    Regenerated,
}

#[derive(Clone, Debug)]
pub struct Frozen {
    /// What is true now: the given body, or the one that was there before.
    pub body: Body,
    pub freezing: Freezing,
    /// The file that holds the bytes.
    pub path: PathBuf,
}

impl Store {
    /// Takes `file` as the bytes of this message, unless it has some already.
    ///
    /// # Errors
    /// `NoSuchMessage` if the row has gone meanwhile.
    pub async fn freeze(
        &self,
        folder: FolderId,
        uid: Uid,
        file: SpoolFile,
        texts: Texts,
    ) -> Outcome<Frozen> {
        let measured = Measured::of(file).await?;
        let directory = self.path(DIRECTORY);
        self.write(move |writing| {
            let sql = "SELECT remote, content FROM messages WHERE folder = ?1 AND uid = ?2";
            let mut statement = writing.transaction.prepare_cached(sql)?;
            let name = statement.query_row(params![key(folder), uid.get()], |record| {
                Ok(Name { remote: record.get(0)?, content: record.get(1)? })
            });
            let name = name.optional()?.ok_or_else(|| Fault::from(Kind::NoSuchMessage))?;
            settle(writing, &directory, &name, Given { measured, texts, pin: Pin::Evictable })
        })
        .await
    }

    /// Takes `file` as the bytes of a message that a client filed, before `Applied::Added` announces
    /// it. Such bytes are not evicted: the service may not be able to give them back.
    pub async fn adopt(
        &self,
        incoming: &Incoming,
        file: SpoolFile,
        texts: Texts,
    ) -> Outcome<Frozen> {
        let measured = Measured::of(file).await?;
        let directory = self.path(DIRECTORY);
        let content = content(&incoming.flags, incoming.version.as_ref()).into();
        let name = Name { remote: incoming.remote.as_str().into(), content };
        self.write(move |writing| {
            settle(writing, &directory, &name, Given { measured, texts, pin: Pin::Pinned })
        })
        .await
    }

    /// Gives copies the bytes of what they were copied from, before `Applied::Added` announces them:
    /// the service may make others of a copy, above all of what a client filed. Drafts are left out,
    /// since someone may have edited them a moment before.
    pub async fn inherit(&self, from: FolderId, copies: Vec<(Uid, Incoming)>) -> Outcome<()> {
        self.write(move |writing| {
            copies.iter().try_for_each(|(uid, copy)| inherit(writing, (from, *uid), copy))
        })
        .await
    }

    /// The record of a message's bytes, if they were ever frozen.
    pub async fn body(&self, folder: FolderId, uid: Uid) -> Outcome<Option<Body>> {
        Ok(self.bodies(folder, &[uid]).await?.pop().map(|(_, body)| body))
    }

    /// The records of many; what has none, or is not there, is left out.
    pub async fn bodies(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<(Uid, Body)>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "SELECT {BODY} FROM messages m
                 JOIN bodies b ON b.remote = m.remote AND b.content = m.content
                 WHERE m.folder = ?1 AND m.uid = ?2"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut bodies = Vec::with_capacity(uids.len());
            for uid in uids {
                let found = statement.query_row(params![key(folder), uid.get()], body);
                bodies.extend(found.optional()?.map(|body| (uid, body)));
            }
            Ok(bodies)
        })
        .await
    }

    /// Up to `limit` messages that were never frozen, newest first.
    pub async fn unfrozen(&self, folder: FolderId, limit: u32) -> Outcome<Vec<Row>> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {ROW} FROM {ROW_SOURCE}
                 WHERE m.folder = ?1 AND b.size IS NULL ORDER BY m.uid DESC LIMIT ?2"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![key(folder), limit], values::row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Texts are mail, so logs see only their lengths.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total =
            self.outline.len() + self.envelope.len() + self.structure.len() + self.body.len();
        write!(f, "Texts({total} bytes)")
    }
}

/// The key of a body.
struct Name {
    remote: String,
    /// See `fold::content`.
    content: String,
}

struct Given {
    measured: Measured,
    texts: Texts,
    pin: Pin,
}

const BODY: &str = "b.size, b.hash, b.outline, b.envelope, b.structure, b.body, b.heads";

/// Decides between the bytes that are there and the bytes that are given, and records the outcome.
fn settle(writing: &Writing<'_>, directory: &Path, name: &Name, given: Given) -> Outcome<Frozen> {
    let known = find(writing, name)?;
    let freezing = match &known {
        Some(known) => decide(writing, directory, name, (known, &given))?,
        None => Freezing::First,
    };
    let Given { measured, texts, pin } = given;
    let given = Body { size: measured.size, hash: measured.hash, texts };
    let is_same = known.as_ref().is_some_and(|known| known.hash == given.hash);
    let body = match (known, freezing) {
        (Some(known), Freezing::Kept) if !is_same => known,
        (Some(known), Freezing::Kept | Freezing::Restored) => {
            measured.keep(writing, directory, pin)?;
            known
        }
        _ => {
            measured.keep(writing, directory, pin)?;
            record(writing, name, &given)?;
            given
        }
    };
    let path = place(directory, &body.hash);
    Ok(Frozen { body, freezing, path })
}

fn decide(
    writing: &Writing<'_>,
    directory: &Path,
    name: &Name,
    (known, given): (&Body, &Given),
) -> Outcome<Freezing> {
    let is_same = known.hash == given.measured.hash;
    // Nobody was served the bytes of a message that was never announced: the client's own win.
    if !is_same && given.pin == Pin::Pinned && !is_announced(writing, name)? {
        return Ok(Freezing::First);
    }
    let is_there = is_whole(&place(directory, &known.hash), known.size);
    Ok(match (is_there, is_same) {
        (true, _) => Freezing::Kept,
        (false, true) => Freezing::Restored,
        (false, false) => Freezing::Regenerated,
    })
}

fn is_announced(writing: &Writing<'_>, name: &Name) -> Outcome<bool> {
    let sql = "SELECT 1 FROM messages WHERE remote = ?1 AND content = ?2";
    Ok(writing.transaction.prepare_cached(sql)?.exists([&name.remote, &name.content])?)
}

fn inherit(writing: &Writing<'_>, source: (FolderId, Uid), copy: &Incoming) -> Outcome<()> {
    if copy.flags.has(SystemFlag::Draft) {
        return Ok(());
    }
    // Bytes that the copy has already were served to someone: they stay.
    let sql = "INSERT OR IGNORE INTO bodies
               (remote, content, size, hash, outline, envelope, structure, body, heads)
               SELECT ?3, '', b.size, b.hash, b.outline, b.envelope, b.structure, b.body, b.heads
               FROM messages m JOIN bodies b ON b.remote = m.remote AND b.content = m.content
               WHERE m.folder = ?1 AND m.uid = ?2 AND m.content = ''";
    let (folder, uid) = source;
    let columns = params![key(folder), uid.get(), copy.remote.as_str()];
    writing.transaction.prepare_cached(sql)?.execute(columns)?;
    Ok(())
}

fn find(writing: &Writing<'_>, name: &Name) -> Outcome<Option<Body>> {
    let sql = format!("SELECT {BODY} FROM bodies b WHERE b.remote = ?1 AND b.content = ?2");
    let mut statement = writing.transaction.prepare_cached(&sql)?;
    Ok(statement.query_row([&name.remote, &name.content], body).optional()?)
}

fn record(writing: &Writing<'_>, name: &Name, body: &Body) -> Outcome<()> {
    let sql = "INSERT OR REPLACE INTO bodies
               (remote, content, size, hash, outline, envelope, structure, body, heads)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    writing.transaction.prepare_cached(sql)?.execute(params![
        name.remote,
        name.content,
        signed(body.size),
        body.hash.bytes(),
        body.texts.outline,
        body.texts.envelope,
        body.texts.structure,
        body.texts.body,
        body.texts.heads,
    ])?;
    Ok(())
}

fn body(record: &Record<'_>) -> rusqlite::Result<Body> {
    Ok(Body {
        size: values::octets(record, 0)?.unwrap_or(0),
        hash: BlobHash::from_column(record, 1)?,
        texts: Texts {
            outline: record.get(2)?,
            envelope: record.get(3)?,
            structure: record.get(4)?,
            body: record.get(5)?,
            heads: record.get(6)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::super::Applied;
    use super::super::testing::{Fixture, draft, fixture, mail, remote, texts, uid};
    use super::*;

    async fn freeze(here: &Fixture, number: u32, bytes: &[u8]) -> Frozen {
        let file = here.file(bytes).await;
        here.store.freeze(here.inbox, uid(number), file, texts("envelope")).await.unwrap()
    }

    #[tokio::test]
    async fn the_first_bytes_stay_and_give_the_size() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        assert_eq!(here.store.unfrozen(here.inbox, 9).await.unwrap().len(), 1);
        let first = freeze(&here, 1, b"first").await;
        assert_eq!((first.freezing, first.body.size), (Freezing::First, 5));
        let second = freeze(&here, 1, b"another").await;
        assert_eq!((second.freezing, second.body), (Freezing::Kept, first.body.clone()));
        assert_eq!(fs::read(second.path).unwrap(), b"first");
        let here = here.reopen().await;
        assert_eq!(here.store.body(here.inbox, uid(1)).await.unwrap(), Some(first.body));
        let rows = here.store.rows(here.inbox, &[uid(1)]).await.unwrap();
        assert_eq!(rows[0].size, Some(5));
        assert!(here.store.unfrozen(here.inbox, 9).await.unwrap().is_empty());
        assert_eq!(fs::read_dir(here.directory.path().join("spool")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn an_evicted_message_keeps_its_size_and_other_bytes_for_it_are_told_apart() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let first = freeze(&here, 1, b"first").await;
        assert_eq!(here.store.evict(0).await.unwrap(), 5);
        assert_eq!(here.store.blob(&first.body.hash).await.unwrap(), None);
        let rows = here.store.rows(here.inbox, &[uid(1)]).await.unwrap();
        assert_eq!(rows[0].size, Some(5));
        assert_eq!(freeze(&here, 1, b"first").await.freezing, Freezing::Restored);
        here.store.evict(0).await.unwrap();
        let other = freeze(&here, 1, b"regenerated").await;
        assert_eq!((other.freezing, other.body.size), (Freezing::Regenerated, 11));
    }

    #[tokio::test]
    async fn what_was_used_longest_ago_is_evicted_first() {
        let here = fixture().await;
        here.list(vec![mail("a", 1), mail("b", 2)]).await;
        let a = freeze(&here, 1, b"aaaa").await.body.hash;
        here.clock.advance(Duration::from_secs(10));
        let b = freeze(&here, 2, b"bbbb").await.body.hash;
        here.clock.advance(Duration::from_secs(2 * 60 * 60));
        here.store.blob(&a).await.unwrap().unwrap();
        assert_eq!(here.store.evict(7).await.unwrap(), 4);
        assert!(here.store.blob(&a).await.unwrap().is_some());
        assert!(here.store.blob(&b).await.unwrap().is_none());
        assert_eq!(here.store.cached_bytes().await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_moved_message_keeps_its_bytes_and_an_edited_draft_does_not() {
        let here = fixture().await;
        here.list(vec![draft("d", "1"), mail("m", 1)]).await;
        freeze(&here, 1, b"draft").await;
        let mail_body = freeze(&here, 2, b"mail").await.body;
        here.page(vec![draft("d", "2")], &["m"]).await;
        here.page(vec![mail("m", 1)], &[]).await;
        assert_eq!(here.store.body(here.inbox, uid(3)).await.unwrap(), None);
        assert_eq!(here.store.body(here.inbox, uid(4)).await.unwrap(), Some(mail_body));
    }

    #[tokio::test]
    async fn what_a_client_filed_is_served_as_filed_and_never_evicted() {
        let here = fixture().await;
        let row = mail("a", 1);
        let asked = here.store.epoch();
        let file = here.file(b"as filed").await;
        here.store.adopt(&row, file, texts("own")).await.unwrap();
        here.apply(Applied::Added { rows: vec![row], asked }).await;
        let theirs = freeze(&here, 1, b"as the service tells it").await;
        assert_eq!((theirs.freezing, theirs.body.size), (Freezing::Kept, 8));
        assert_eq!(here.store.evict(0).await.unwrap(), 0);
        assert_eq!(fs::read(theirs.path).unwrap(), b"as filed");
    }

    #[tokio::test]
    async fn a_copy_has_the_bytes_of_its_original_unless_it_is_a_draft() {
        let here = fixture().await;
        here.list(vec![mail("a", 1), draft("d", "1")]).await;
        let (of_mail, of_draft) = (uid(2), uid(1));
        let body = freeze(&here, 2, b"mail").await.body;
        freeze(&here, 1, b"draft").await;
        let copies = vec![(of_mail, mail("a2", 1)), (of_draft, draft("d2", "9"))];
        here.store.inherit(here.inbox, copies).await.unwrap();
        here.page(vec![mail("a2", 1)], &[]).await;
        here.page(vec![draft("d2", "9")], &[]).await;
        assert_eq!(here.store.body(here.inbox, uid(3)).await.unwrap(), Some(body));
        assert_eq!(here.store.body(here.inbox, uid(4)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn bytes_of_a_message_that_has_gone_are_not_kept() {
        let here = fixture().await;
        let file = here.file(b"late").await;
        let path = file.path().to_owned();
        let fault = here.store.freeze(here.inbox, uid(7), file, texts("")).await.unwrap_err();
        assert_eq!(*fault.kind(), Kind::NoSuchMessage);
        assert!(!path.exists());
        assert_eq!(here.store.cached_bytes().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn pruning_drops_bytes_a_week_after_their_message_and_files_that_nobody_knows() {
        let here = fixture().await;
        here.list(vec![mail("a", 1), mail("b", 2)]).await;
        let a = freeze(&here, 1, b"a").await;
        let b = freeze(&here, 2, b"b").await;
        let stray = b.path.with_file_name("stray");
        fs::write(&stray, b"?").unwrap();
        here.page(vec![], &["a"]).await;
        here.store.prune().await.unwrap();
        assert!(a.path.exists() && b.path.exists() && !stray.exists());
        here.clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
        here.store.prune().await.unwrap();
        assert!(!a.path.exists() && b.path.exists());
        let again = here.page(vec![mail("a", 1)], &[]).await.uids;
        assert_eq!(again, [(remote("a"), uid(3))]);
        assert_eq!(here.store.body(here.inbox, uid(3)).await.unwrap(), None);
    }
}
