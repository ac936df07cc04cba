//! Message bytes: fetched once, frozen, read from the file after.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::objects::first_words;
use super::{Account, OpenFolder, Summary};
use crate::backend::Urgency;
use crate::mailbox::{Fault, Folder, Kind, Outcome, RemoteId, Row, Uid};
use crate::mime::{self, Edition, Form, Heads, Outline, Scanner, SortKeys};
use crate::store::{self, Freezing, SpoolFile, Texts};

/// Octets read in one call: large enough to be quick, small enough to hold many at a time.
pub const READ_MAX: u64 = 256 * 1024;

/// The cache may go beyond its limit by one of so many shares of it.
const WEIGHED_SHARES: u64 = 64;

/// How often bytes that vanish between a look and the open are fetched again: eviction is rare.
const OPEN_TRIES: usize = 3;

/// Octets of one message that are read along with others': most messages are smaller.
const HELD_MAX: u64 = 64 * 1024;
/// Octets of many messages that are held in memory at once for one session.
const HELD_TOGETHER: u64 = 1024 * 1024;

/// Frozen bytes of one message.
#[derive(Clone, Debug)]
pub struct Body {
    pub size: u64,
    outline: Bytes,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// Open, so that eviction cannot disturb a reader.
    File(Arc<File>),
    /// A small message, whole.
    Held(Bytes),
}

impl Body {
    /// Where the parts lie.
    ///
    /// # Errors
    /// `Defect` if the index holds something else.
    pub fn outline(&self) -> Outcome<Outline> {
        serde_json::from_slice(&self.outline)
            .map_err(|error| Fault::defect(error).because("stored outline"))
    }

    /// Octets of the message, at most `READ_MAX` of them: fewer than asked for only at that limit.
    ///
    /// # Errors
    /// `Defect` if the file cannot be read, or `range` is not within the message.
    pub async fn read(&self, range: Range<u64>) -> Outcome<Bytes> {
        if let Source::Held(_) = self.source {
            return self.read_blocking(range);
        }
        let body = self.clone();
        let read = tokio::task::spawn_blocking(move || body.read_blocking(range));
        read.await.map_err(|_| Fault::defect("reading frozen bytes broke off"))?
    }

    /// The same, held in memory if it is small: one read of it is better than many. For where blocking is allowed.
    ///
    /// # Errors
    /// `Defect` if the file cannot be read.
    pub fn at_hand(&self) -> Outcome<Self> {
        match self.source {
            Source::File(_) if self.size <= READ_MAX => {
                let held = Source::Held(self.read_blocking(0..self.size)?);
                Ok(Self { source: held, ..self.clone() })
            }
            _ => Ok(self.clone()),
        }
    }

    /// Like `read`, for where blocking is allowed.
    ///
    /// # Errors
    /// As for `read`.
    pub fn read_blocking(&self, range: Range<u64>) -> Outcome<Bytes> {
        let length = (range.end.min(self.size)).saturating_sub(range.start).min(READ_MAX);
        let length = usize::try_from(length).map_err(Fault::defect)?;
        let start = usize::try_from(range.start).map_err(Fault::defect)?;
        match &self.source {
            Source::Held(bytes) if start <= bytes.len() => Ok(bytes.slice(start..start + length)),
            Source::Held(_) => Err(Fault::defect("a range beyond the end of a message")),
            Source::File(file) => {
                let mut buffer = vec![0; length];
                file.read_exact_at(&mut buffer, range.start)
                    .map_err(|error| Fault::defect(error).because("frozen bytes"))?;
                Ok(buffer.into())
            }
        }
    }
}

impl OpenFolder {
    /// Size and finished texts; fetches the bytes if they were never seen.
    pub async fn summary(&self, uid: Uid) -> Outcome<Summary> {
        let known = self.account.0.store.body(self.folder.id, uid).await?;
        let body = match known {
            Some(body) => body,
            None => self.frozen(uid).await?.0,
        };
        self.live.note_size(uid, body.size).await;
        Ok(Summary {
            size: body.size,
            envelope: body.texts.envelope.into(),
            structure: body.texts.body.into(),
            body_structure: body.texts.structure.into(),
        })
    }

    /// The same with its structures in this edition. One of them is kept; the other one is rarely different, and is then
    /// made of the bytes.
    pub async fn summary_in(&self, uid: Uid, edition: Edition) -> Outcome<Summary> {
        let kept = self.summary(uid).await?;
        if edition == Edition::Rev1 || !mime::has_editions(&kept.structure) {
            return Ok(kept);
        }
        let (_, file) = self.frozen(uid).await?;
        let scanned = tokio::task::spawn_blocking(move || scan(&file)).await;
        let scanned = scanned.map_err(|_| Fault::defect("reading frozen bytes broke off"))?;
        let outline = scanned.map_err(|error| Fault::defect(error).because("frozen bytes"))?;
        let made = |form| mime::structure(&outline, form, edition).into();
        let (structure, body_structure) = (made(Form::Body), made(Form::BodyStructure));
        Ok(Summary { structure, body_structure, ..kept })
    }

    /// The summaries of those of `uids` (ascending) that need no fetching, in that order.
    pub async fn summaries(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Summary)>> {
        let told = self.account.0.store.told(self.folder.id, uids).await?;
        let summary = |told: store::Told| Summary {
            size: told.size,
            envelope: told.envelope,
            structure: told.body,
            body_structure: told.structure,
        };
        Ok(told.into_iter().map(|told| (told.uid, summary(told))).collect())
    }

    /// What SEARCH compares first (`mime::Heads`), of those of `uids` (ascending) of which it is kept.
    pub async fn heads(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Bytes)>> {
        self.account.0.store.heads(self.folder.id, uids).await
    }

    /// What SORT and THREAD compare (`mime::SortKeys`), of those of `uids` (ascending) of which it is kept.
    pub async fn sort_keys(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Bytes)>> {
        self.account.0.store.sort_keys(self.folder.id, uids).await
    }

    /// The bytes; fetches them if needed.
    ///
    /// # Errors
    /// `NoSuchMessage` if the message is gone; what kept the service from giving them.
    pub async fn body(&self, uid: Uid) -> Outcome<Body> {
        let (record, file) = self.frozen(uid).await?;
        let outline = record.texts.outline.into();
        Ok(Body { size: record.size, outline, source: Source::File(Arc::new(file)) })
    }

    /// The bytes of those of `uids` (ascending) that are small and at hand, in that order, up to a
    /// limit of what is held. The others are had one by one.
    pub async fn small_bodies(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Body)>> {
        let located = self.account.0.store.located(self.folder.id, uids).await?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut room = HELD_TOGETHER;
            let mut bodies = Vec::with_capacity(located.len());
            for body in located {
                if body.size > HELD_MAX || body.size > room {
                    continue;
                }
                if let Some(held) = whole(&body.path, body.size) {
                    room -= body.size;
                    let (size, outline) = (body.size, body.outline.into());
                    bodies.push((body.uid, Body { size, outline, source: Source::Held(held) }));
                }
            }
            bodies
        });
        reading.await.map_err(Fault::defect)
    }

    pub(super) async fn frozen(&self, uid: Uid) -> Outcome<(store::Body, File)> {
        for _ in 0..OPEN_TRIES {
            if let Some(found) = self.cached(uid).await? {
                return Ok(found);
            }
            let row = self.row(uid).await?;
            self.account.desk(self.folder.id).arrivals.settled(uid).await;
            let turn = self.account.download_turn(&row.remote);
            let _permit = match turn.try_acquire() {
                Ok(permit) => permit,
                Err(_) => {
                    self.account.0.ahead.give_way(&row.remote);
                    turn.acquire().await.expect("the gate is never closed")
                }
            };
            // Someone else may have fetched it while we waited.
            if let Some(found) = self.cached(uid).await? {
                return Ok(found);
            }
            if !self.account.0.store.take_after_kin(self.folder.id, uid).await?
                && let Some(found) = self.download(&row).await?
            {
                return Ok(found);
            }
        }
        Err(Fault::defect("message bytes vanish as soon as they are cached"))
    }

    async fn cached(&self, uid: Uid) -> Outcome<Option<(store::Body, File)>> {
        let store = &self.account.0.store;
        let Some(body) = store.body(self.folder.id, uid).await? else { return Ok(None) };
        let Some(path) = store.blob(&body.hash).await? else { return Ok(None) };
        Ok(open(path).await?.map(|file| (body, file)))
    }

    async fn download(&self, row: &Row) -> Outcome<Option<(store::Body, File)>> {
        let Account(inner) = &self.account;
        let file = inner.store.spool().await?;
        let fetched = inner.backend.fetch(&row.remote, file.path(), Urgency::Interactive).await;
        if let Err(fault) = fetched {
            return Err(self.really_gone(row, fault).await?);
        }
        self.account.keep(&self.folder, row, file).await
    }

    /// "Not found" is believed after a look: a client must not take a message for gone that is there.
    async fn really_gone(&self, row: &Row, fault: Fault) -> Outcome<Fault> {
        if *fault.kind() != Kind::NoSuchMessage {
            return Ok(fault);
        }
        let gone = vec![row.remote.clone()];
        let mut told = self.account.look_again(&self.folder, gone, vec![(row.uid, fault)]).await?;
        Ok(told.remove(0).1)
    }
}

impl Account {
    /// Fetches the bytes of a message.
    pub(super) async fn bring(&self, folder: &Folder, row: &Row, urgency: Urgency) -> Outcome<()> {
        let file = self.0.store.spool().await?;
        self.0.backend.fetch(&row.remote, file.path(), urgency).await?;
        self.keep(folder, row, file).await.map(drop)
    }

    /// Freezes the bytes that were fetched. They are opened before room is made: in a small cache they
    /// may be the first to go.
    async fn keep(
        &self,
        folder: &Folder,
        row: &Row,
        file: SpoolFile,
    ) -> Outcome<Option<(store::Body, File)>> {
        let texts = describe(file.path()).await?;
        let frozen = self.0.store.freeze(folder.id, row.uid, file, texts).await?;
        if let Some(live) = self.desk(folder.id).live() {
            live.note_size(row.uid, frozen.body.size).await;
        }
        if frozen.freezing == Freezing::Regenerated {
            self.note_other_size(row, frozen.body.size).await?;
            tracing::warn!(account = %self.0.address, folder = %folder.path, uid = %row.uid,
                "the service made other bytes of the same message");
        }
        let opened = open(frozen.path).await?;
        self.make_room(frozen.body.size).await?;
        Ok(opened.map(|file| (frozen.body, file)))
    }

    /// Keeps the cache within its limit. All of it is weighed only when a share of the limit has come
    /// in: to add up tens of thousands of files after each download takes longer than the download.
    async fn make_room(&self, octets: u64) -> Outcome<()> {
        let (store, limit) = (&self.0.store, self.0.pace.cache_bytes);
        let unweighed = self.0.unweighed.fetch_add(octets, Ordering::Relaxed) + octets;
        if unweighed < limit / WEIGHED_SHARES {
            return Ok(());
        }
        self.0.unweighed.store(0, Ordering::Relaxed);
        if store.cached_bytes().await? > limit {
            store.evict(limit).await?;
        }
        Ok(())
    }

    /// A message that is on its way from one folder to another is in both for a moment.
    async fn note_other_size(&self, row: &Row, octets: u64) -> Outcome<()> {
        for (folder, uid) in self.0.store.places(&row.remote).await? {
            if let Some(live) = self.desk(folder).live() {
                live.note_size(uid, octets).await;
            }
        }
        Ok(())
    }

    /// One download of a message at a time, however many ask for it.
    pub(super) fn download_turn(&self, message: &RemoteId) -> Arc<Semaphore> {
        let mut downloads = self.0.downloads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = downloads.get(message).and_then(Weak::upgrade) {
            return turn;
        }
        downloads.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Semaphore::new(1));
        downloads.insert(message.clone(), Arc::downgrade(&turn));
        turn
    }
}

/// Reads a message file once, in pieces, and says what is in it.
pub(super) async fn describe(path: &Path) -> Outcome<Texts> {
    let path = path.to_owned();
    let scanned = tokio::task::spawn_blocking(move || -> io::Result<(Outline, String)> {
        let file = File::open(path)?;
        let outline = scan(&file)?;
        let preview = first_words(&file, &outline)?;
        Ok((outline, preview))
    });
    let scanned = scanned.await.map_err(|_| Fault::defect("reading the spool broke off"))?;
    let (outline, preview) =
        scanned.map_err(|error| Fault::defect(error).because("reading the spool"))?;
    let envelope = mime::envelope(&outline);
    let structure = mime::structure(&outline, Form::BodyStructure, Edition::Rev1);
    let body = mime::structure(&outline, Form::Body, Edition::Rev1);
    let heads = whole_header(&outline).and_then(Heads::collect);
    let sort_keys = whole_header(&outline).and_then(SortKeys::collect_to_keep);
    let slim = outline.without_headers();
    let outline = serde_json::to_vec(&slim).map_err(Fault::defect)?;
    Ok(Texts { outline, envelope, structure, body, heads, sort_keys, preview: Some(preview) })
}

/// `None` if only the beginning of it was kept.
fn whole_header(outline: &Outline) -> Option<&[u8]> {
    let root = outline.root();
    let is_whole = root.fields.len() as u64 >= root.header.end - root.header.start;
    is_whole.then_some(&root.fields[..])
}

/// `None` if the file is gone.
async fn open(path: PathBuf) -> Outcome<Option<File>> {
    let opened = tokio::task::spawn_blocking(move || File::open(path)).await;
    match opened.map_err(|_| Fault::defect("opening frozen bytes broke off"))? {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::defect(error).because("opening frozen bytes")),
    }
}

/// The whole of a file that has exactly this size. Any other is read, and mended, one by one.
fn whole(path: &Path, size: u64) -> Option<Bytes> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.len() != size {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes.into())
}

/// From the file's beginning, wherever it was read last.
pub(super) fn scan(file: &File) -> io::Result<Outline> {
    let mut scanner = Scanner::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut at = 0;
    loop {
        match file.read_at(&mut buffer, at)? {
            0 => return Ok(scanner.finish()),
            read => {
                scanner.feed(&buffer[..read]);
                at += read as u64;
            }
        }
    }
}
