//! Message bytes: fetched once, frozen, read from the file after.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::objects::first_words;
use super::{Account, OpenFolder, Summary};
use crate::backend::Urgency;
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, Row, Uid};
use crate::mime::{self, Form, Outline, Scanner};
use crate::store::{self, Freezing, Texts};

/// Octets read in one call: large enough to be quick, small enough to hold many at a time.
pub const READ_MAX: u64 = 256 * 1024;

/// How often bytes that vanish between a look and the open are fetched again: eviction is rare.
const OPEN_TRIES: usize = 3;

/// Frozen bytes of one message. Holds the file open, so that eviction cannot disturb a reader.
#[derive(Clone, Debug)]
pub struct Body {
    pub size: u64,
    pub outline: Arc<Outline>,
    file: Arc<File>,
}

impl Body {
    /// Octets of the message, at most `READ_MAX` of them: fewer than asked for only at that limit.
    ///
    /// # Errors
    /// `Defect` if the file cannot be read, or `range` is not within the message.
    pub async fn read(&self, range: Range<u64>) -> Outcome<Bytes> {
        let length = (range.end.min(self.size)).saturating_sub(range.start).min(READ_MAX);
        let length = usize::try_from(length).map_err(Fault::defect)?;
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || -> io::Result<Bytes> {
            let mut buffer = vec![0; length];
            file.read_exact_at(&mut buffer, range.start)?;
            Ok(buffer.into())
        });
        read.await
            .map_err(|_| Fault::defect("reading frozen bytes broke off"))?
            .map_err(|error| Fault::defect(error).because("frozen bytes"))
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
        Ok(Summary {
            size: body.size,
            envelope: body.texts.envelope.into(),
            structure: body.texts.body.into(),
            body_structure: body.texts.structure.into(),
        })
    }

    /// The bytes; fetches them if needed.
    ///
    /// # Errors
    /// `NoSuchMessage` if the message is gone; what kept the service from giving them.
    pub async fn body(&self, uid: Uid) -> Outcome<Body> {
        let (record, file) = self.frozen(uid).await?;
        let outline = serde_json::from_slice(&record.texts.outline)
            .map_err(|error| Fault::defect(error).because("stored outline"))?;
        Ok(Body { size: record.size, outline: Arc::new(outline), file: Arc::new(file) })
    }

    pub(super) async fn frozen(&self, uid: Uid) -> Outcome<(store::Body, File)> {
        for _ in 0..OPEN_TRIES {
            if let Some(found) = self.cached(uid).await? {
                return Ok(found);
            }
            let row = self.row(uid).await?;
            let turn = self.account.download_turn(&row.remote);
            let _permit = turn.acquire().await.expect("the gate is never closed");
            // Someone else may have fetched it while we waited.
            if let Some(found) = self.cached(uid).await? {
                return Ok(found);
            }
            if !self.account.0.store.take_after_kin(self.folder.id, uid).await? {
                self.download(&row).await?;
            }
        }
        Err(Fault::defect("message bytes vanish as soon as they are cached"))
    }

    async fn cached(&self, uid: Uid) -> Outcome<Option<(store::Body, File)>> {
        let store = &self.account.0.store;
        let Some(body) = store.body(self.folder.id, uid).await? else { return Ok(None) };
        let Some(path) = store.blob(&body.hash).await? else { return Ok(None) };
        let opened = tokio::task::spawn_blocking(move || File::open(path)).await;
        match opened.map_err(|_| Fault::defect("opening frozen bytes broke off"))? {
            Ok(file) => Ok(Some((body, file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::defect(error).because("opening frozen bytes")),
        }
    }

    async fn download(&self, row: &Row) -> Outcome<()> {
        let Account(inner) = &self.account;
        let file = inner.store.spool().await?;
        let fetched = inner.backend.fetch(&row.remote, file.path(), Urgency::Interactive).await;
        if let Err(fault) = fetched {
            return Err(self.really_gone(row, fault).await?);
        }
        let texts = describe(file.path()).await?;
        let frozen = inner.store.freeze(self.folder.id, row.uid, file, texts).await?;
        if frozen.freezing == Freezing::Regenerated {
            tracing::warn!(account = %inner.address, folder = %self.folder.path, uid = %row.uid,
                "the service made other bytes of the same message");
        }
        if inner.store.cached_bytes().await? > inner.pace.cache_bytes {
            inner.store.evict(inner.pace.cache_bytes).await?;
        }
        Ok(())
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
    /// One download of a message at a time, however many ask for it.
    fn download_turn(&self, message: &RemoteId) -> Arc<Semaphore> {
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
    let structure = mime::structure(&outline, Form::BodyStructure);
    let body = mime::structure(&outline, Form::Body);
    let slim = outline.without_headers();
    let outline = serde_json::to_vec(&slim).map_err(Fault::defect)?;
    Ok(Texts { outline, envelope, structure, body, preview: Some(preview) })
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
