//! Frozen bytes: what was once served for a UID stays what it was (RFC 3501 §2.3.1.1).
//!
//! A body is keyed by the remote id and, for drafts, the version it was read at, so a message that
//! moves keeps its bytes and a draft that was edited elsewhere does not.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row as Record, params};

use super::blobs::{DIRECTORY, Measured, Pin, is_whole, place};
use super::fold::content;
use super::objects::{carry, take_after_kin};
use super::values::{self, ROW, ROW_SOURCE, key, signed};
use super::worker::Writing;
use super::{BlobHash, Incoming, SpoolFile, Store};
use crate::mailbox::{Fault, FolderId, Kind, Outcome, Row, Uid};

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
    /// What SORT and THREAD compare, if it is not too much.
    pub sort_keys: Option<Vec<u8>>,
    /// The first words. `None`: frozen before there were previews.
    pub preview: Option<String>,
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
            // Both may have been on their way at once; then the first one counts.
            take_after_kin(writing, (folder, uid))?;
            let sql = "SELECT remote, content FROM messages WHERE folder = ?1 AND uid = ?2";
            let mut statement = writing.transaction.prepare_cached(sql)?;
            let name = statement.query_row(params![key(folder), uid.get()], |record| {
                Ok(Name { remote: record.get(0)?, content: record.get(1)? })
            });
            let name = name.optional()?.ok_or_else(|| Fault::from(Kind::NoSuchMessage))?;
            settle(writing, &directory, &name, Given { measured, texts })
        })
        .await
    }

    /// Gives copies, and drafts that moved, the bytes of what they come from, before `Applied::Added`
    /// announces them: the service may make others of them, above all of what a client filed. Name
    /// no draft that someone may have edited a moment before. The original may have left meanwhile.
    pub async fn inherit(&self, copies: Vec<(ContentKey, Incoming)>) -> Outcome<()> {
        self.write(move |writing| {
            copies.iter().try_for_each(|(original, copy)| inherit(writing, original, copy))
        })
        .await
    }

    /// What is known of the contents of those of `uids` that exist is found by these, also when the messages
    /// are gone.
    pub async fn content_keys(
        &self,
        folder: FolderId,
        uids: &[Uid],
    ) -> Outcome<HashMap<Uid, ContentKey>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = "SELECT remote, content FROM messages WHERE folder = ?1 AND uid = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let mut keys = HashMap::with_capacity(uids.len());
            for uid in uids {
                let found = statement.query_row(params![key(folder), uid.get()], |record| {
                    Ok(ContentKey(Name { remote: record.get(0)?, content: record.get(1)? }))
                });
                keys.extend(found.optional()?.map(|found| (uid, found)));
            }
            Ok(keys)
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

    /// Up to `limit` messages that were never frozen, newest first; those older than `below` if it is given.
    pub async fn unfrozen(
        &self,
        folder: FolderId,
        below: Option<Uid>,
        limit: u32,
    ) -> Outcome<Vec<Row>> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {ROW} FROM {ROW_SOURCE}
                 WHERE m.folder = ?1 AND m.uid < ?2 AND b.size IS NULL ORDER BY m.uid DESC LIMIT ?3"
            );
            let below = below.map_or(i64::MAX, |uid| i64::from(uid.get()));
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![key(folder), below, limit], values::row)?;
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

/// A message's content: two rows with the same one have the same bytes.
#[derive(Clone, Debug)]
pub struct ContentKey(pub(super) Name);

/// The key of a body.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) remote: String,
    /// See `fold::content`.
    pub(super) content: String,
}

impl Name {
    pub(super) fn of(incoming: &Incoming) -> Self {
        let content = content(&incoming.flags, incoming.version.as_ref()).into();
        Self { remote: incoming.remote.as_str().into(), content }
    }
}

struct Given {
    measured: Measured,
    texts: Texts,
}

const BODY: &str = "b.size, b.hash, b.outline, b.envelope, b.structure, b.body, b.heads,
     b.sort_keys, b.preview";

/// Decides between the bytes that are there and the bytes that are given, and records the outcome.
fn settle(writing: &Writing<'_>, directory: &Path, name: &Name, given: Given) -> Outcome<Frozen> {
    let known = exact_body(writing, name)?;
    let freezing = match &known {
        Some(known) => decide(directory, known, &given),
        None => Freezing::First,
    };
    let Given { measured, texts } = given;
    let given = Body { size: measured.size, hash: measured.hash, texts };
    let is_same = known.as_ref().is_some_and(|known| known.hash == given.hash);
    let body = match (known, freezing) {
        (Some(known), Freezing::Kept) if !is_same => known,
        (Some(known), Freezing::Kept | Freezing::Restored) => {
            measured.keep(writing, directory, Pin::Evictable)?;
            known
        }
        _ => {
            measured.keep(writing, directory, Pin::Evictable)?;
            record(writing, name, &given)?;
            writing.transaction.execute("DELETE FROM listed WHERE remote = ?1", [&name.remote])?;
            given
        }
    };
    let path = place(directory, &body.hash);
    Ok(Frozen { body, freezing, path })
}

fn decide(directory: &Path, known: &Body, given: &Given) -> Freezing {
    let is_there = is_whole(&place(directory, &known.hash), known.size);
    match (is_there, known.hash == given.measured.hash) {
        (true, _) => Freezing::Kept,
        (false, true) => Freezing::Restored,
        (false, false) => Freezing::Regenerated,
    }
}

pub(super) fn is_announced(writing: &Writing<'_>, name: &Name) -> Outcome<bool> {
    let sql = "SELECT 1 FROM messages WHERE remote = ?1 AND content = ?2";
    Ok(writing.transaction.prepare_cached(sql)?.exists([&name.remote, &name.content])?)
}

fn inherit(writing: &Writing<'_>, original: &ContentKey, copy: &Incoming) -> Outcome<()> {
    carry(writing, original, copy)?;
    // Bytes that the copy has already were served to someone: they stay.
    let sql = "INSERT OR IGNORE INTO bodies
               (remote, content, size, hash, outline, envelope, structure, body, heads, sort_keys,
                preview)
               SELECT ?3, ?4, size, hash, outline, envelope, structure, body, heads, sort_keys, preview
               FROM bodies WHERE remote = ?1 AND content = ?2";
    let (ContentKey(from), to) = (original, Name::of(copy));
    let names = [&from.remote, &from.content, &to.remote, &to.content];
    writing.transaction.prepare_cached(sql)?.execute(names)?;
    Ok(())
}

pub(super) fn exact_body(writing: &Writing<'_>, name: &Name) -> Outcome<Option<Body>> {
    let sql = format!("SELECT {BODY} FROM bodies b WHERE b.remote = ?1 AND b.content = ?2");
    let mut statement = writing.transaction.prepare_cached(&sql)?;
    Ok(statement.query_row([&name.remote, &name.content], body).optional()?)
}

pub(super) fn record(writing: &Writing<'_>, name: &Name, body: &Body) -> Outcome<()> {
    let sql = "INSERT OR REPLACE INTO bodies
               (remote, content, size, hash, outline, envelope, structure, body, heads, sort_keys,
                preview)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
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
        body.texts.sort_keys,
        body.texts.preview,
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
            sort_keys: record.get(7)?,
            preview: record.get(8)?,
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
    use crate::mailbox::Flags;

    async fn freeze(here: &Fixture, number: u32, bytes: &[u8]) -> Frozen {
        let file = here.file(bytes).await;
        here.store.freeze(here.inbox, uid(number), file, texts("envelope")).await.unwrap()
    }

    #[tokio::test]
    async fn the_first_bytes_stay_and_give_the_size() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        assert_eq!(here.store.unfrozen(here.inbox, None, 9).await.unwrap().len(), 1);
        let first = freeze(&here, 1, b"first").await;
        assert_eq!((first.freezing, first.body.size), (Freezing::First, 5));
        let second = freeze(&here, 1, b"another").await;
        assert_eq!((second.freezing, second.body), (Freezing::Kept, first.body.clone()));
        assert_eq!(fs::read(second.path).unwrap(), b"first");
        let here = here.reopen().await;
        assert_eq!(here.store.body(here.inbox, uid(1)).await.unwrap(), Some(first.body));
        let rows = here.store.rows(here.inbox, &[uid(1)]).await.unwrap();
        assert_eq!(rows[0].size, Some(5));
        assert!(here.store.unfrozen(here.inbox, None, 9).await.unwrap().is_empty());
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
        let wish = (row.flags.clone(), None);
        let filing = here
            .store
            .begin_filing(("1".to_owned(), here.inbox), (file, texts("own")), wish)
            .await
            .unwrap();
        here.store.bind_filing(&filing.id, &row, super::super::Answer::Unknown).await.unwrap();
        here.apply(Applied::Added { rows: vec![row], asked, spared: vec![] }).await;
        let theirs = freeze(&here, 1, b"as the service tells it").await;
        assert_eq!((theirs.freezing, theirs.body.size), (Freezing::Kept, 8));
        assert_eq!(here.store.evict(0).await.unwrap(), 0);
        assert_eq!(fs::read(theirs.path).unwrap(), b"as filed");
    }

    #[tokio::test]
    async fn a_copy_has_the_bytes_of_its_original_be_it_mail_or_a_draft() {
        let here = fixture().await;
        here.list(vec![mail("a", 1), draft("d", "1")]).await;
        let body = freeze(&here, 2, b"mail").await.body;
        let draft_body = freeze(&here, 1, b"draft").await.body;
        let (of_mail, of_draft) = (here.content(2).await, here.content(1).await);
        // What it was copied from may be gone by the time of the answer.
        here.page(vec![], &["a", "d"]).await;
        let copies = vec![(of_mail, mail("a2", 1)), (of_draft, draft("d2", "9"))];
        here.store.inherit(copies).await.unwrap();
        here.page(vec![mail("a2", 1)], &[]).await;
        here.page(vec![draft("d2", "9")], &[]).await;
        assert_eq!(here.store.body(here.inbox, uid(3)).await.unwrap(), Some(body));
        assert_eq!(here.store.body(here.inbox, uid(4)).await.unwrap(), Some(draft_body));
        here.page(vec![draft("d2", "10")], &[]).await;
        assert_eq!(here.store.body(here.inbox, uid(5)).await.unwrap(), None);
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
    async fn filed_bytes_outlive_their_row_until_the_message_is_said_to_be_gone() {
        let here = fixture().await;
        let mut filings = Vec::new();
        for id in ["moved", "deleted"] {
            let file = here.file(id.as_bytes()).await;
            let wish = (Flags::none(), None);
            let filing =
                here.store.begin_filing((id.to_owned(), here.inbox), (file, texts("own")), wish);
            filings.push((id, filing.await.unwrap().id));
        }
        here.store.prune().await.unwrap();
        here.clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
        here.store.prune().await.unwrap();
        assert!(here.store.pinned_orphans(9).await.unwrap().is_empty(), "they are being filed");
        for (id, filing) in filings {
            let answer = super::super::Answer::Unknown;
            here.store.bind_filing(&filing, &mail(id, 1), answer).await.unwrap();
            here.store.end_filings(vec![filing]).await.unwrap();
        }
        here.store.prune().await.unwrap();
        assert!(here.store.pinned_orphans(9).await.unwrap().is_empty());
        here.clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
        here.store.prune().await.unwrap();
        let orphans = here.store.pinned_orphans(9).await.unwrap();
        assert_eq!(orphans.len(), 2);
        let (gone, kept) = (vec![remote("deleted")], vec![remote("moved")]);
        here.store.settle_orphans(gone, kept).await.unwrap();
        assert_eq!(here.store.cached_bytes().await.unwrap(), "moved".len() as u64);
        assert!(here.store.pinned_orphans(9).await.unwrap().is_empty());
        here.clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
        assert_eq!(here.store.pinned_orphans(9).await.unwrap(), [remote("moved")]);
        here.page(vec![mail("moved", 1)], &[]).await;
        here.store.prune().await.unwrap();
        assert!(here.store.pinned_orphans(9).await.unwrap().is_empty());
        assert_eq!(here.store.body(here.inbox, uid(1)).await.unwrap().unwrap().size, 5);
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
