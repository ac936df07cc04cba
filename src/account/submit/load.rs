//! What is handed to the service for a message: the message, or a skeleton and parts that are added to it.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use super::Submitter;
use super::likeness::likeness;
use super::parcel::{self, Parcel, Receipt};
use super::split::{Division, Piece, split};
use crate::account::body::scan;
use crate::mailbox::{Fault, Kind, Leaf, Outcome, Spooled, Timestamp};
use crate::mime::{Decoder, Transfer};
use crate::store::{Attempt, Digest, SpoolFile, Stage};

#[derive(Debug)]
pub(super) struct Load {
    /// What becomes a draft.
    pub(super) message: Spooled,
    /// Of its bytes.
    pub(super) staged: Digest,
    pub(super) likeness: Option<Digest>,
    /// What the draft lacks, as places in the parcel's file.
    pub(super) parts: Vec<Leaf>,
    /// Owns the skeleton.
    _file: Option<SpoolFile>,
}

/// How much goes into one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Octets of a draft.
    pub(super) draft: u64,
    /// Octets of a part's content.
    pub(super) part: u64,
}

impl Load {
    /// Whether the draft is ready to go as soon as it is there.
    pub(super) fn is_all(&self, parcel: &Parcel) -> bool {
        self.parts.is_empty() && parcel.receipt == Receipt::Unasked
    }

    /// An attempt with it that has just begun.
    pub(super) fn attempt(&self, parcel: &Parcel, id: String, begun: Timestamp) -> Attempt {
        Attempt {
            id,
            key: parcel.key,
            message_id: parcel.message_id.clone(),
            received: parcel.received,
            staged: self.staged,
            likeness: self.likeness,
            recipients: parcel.recipients,
            begun,
            stage: if self.is_all(parcel) { Stage::Staging } else { Stage::Planting },
            since: begun,
            sent_copy: parcel.sent_copy,
        }
    }
}

impl Submitter {
    /// # Errors
    /// `Unacceptable` for what must not be taken apart, `PartTooLarge`.
    pub(super) async fn load(&self, parcel: &Parcel, room: Room) -> Outcome<Load> {
        let (file, message) = (self.store.spool().await?, parcel.message.clone());
        let staged = parcel.staged;
        let loading = tokio::task::spawn_blocking(move || load(message, staged, room, file));
        loading.await.map_err(|_| Fault::defect("taking a message apart broke off"))?
    }
}

/// Blocks on files; memory holds headers only.
fn load(message: Spooled, staged: Digest, room: Room, file: SpoolFile) -> Outcome<Load> {
    let division = match message.size > room.draft {
        true => divided(&message.path, room.draft)?,
        false => None,
    };
    let Some(Division { skeleton, parts }) = division else {
        let likeness = likeness(&message.path)?;
        return Ok(Load { message, staged, likeness, parts: Vec::new(), _file: None });
    };
    if parts.iter().any(|part| is_larger(&message.path, part, room.part).unwrap_or(true)) {
        return Err(Kind::PartTooLarge.into());
    }
    let size = write(&message.path, &skeleton, file.path()).map_err(parcel::broken)?;
    let mut written = File::open(file.path()).map_err(parcel::broken)?;
    let staged = parcel::digest(&mut written)?;
    let likeness = likeness(file.path())?;
    let message = Spooled { path: file.path().to_path_buf(), size };
    Ok(Load { message, staged, likeness, parts, _file: Some(file) })
}

fn divided(path: &Path, limit: u64) -> Outcome<Option<Division>> {
    let file = File::open(path).map_err(parcel::broken)?;
    let outline = scan(&file).map_err(parcel::broken)?;
    split(&outline, limit).map_err(|flaw| Kind::Unacceptable(flaw).into())
}

/// Octets written.
fn write(from: &Path, pieces: &[Piece], into: &Path) -> io::Result<u64> {
    let mut from = File::open(from)?;
    let mut into = BufWriter::new(File::options().write(true).open(into)?);
    let mut written = 0;
    for piece in pieces {
        written += match piece {
            Piece::Kept(range) => {
                from.seek(SeekFrom::Start(range.start))?;
                io::copy(&mut (&from).take(range.end - range.start), &mut into)?
            }
            Piece::Written(octets) => {
                into.write_all(octets)?;
                octets.len() as u64
            }
        };
    }
    into.flush()?;
    Ok(written)
}

/// Whether a part's content has more octets than that.
fn is_larger(path: &Path, part: &Leaf, limit: u64) -> io::Result<bool> {
    let encoded = part.body.end - part.body.start;
    if encoded <= limit {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(part.body.start))?;
    let mut body = file.take(encoded);
    let mut decoder = Decoder::new(Transfer::of(&part.fields).unwrap_or(Transfer::Identity));
    let (mut buffer, mut content, mut size) = (vec![0; 64 * 1024], Vec::new(), 0);
    loop {
        let read = body.read(&mut buffer)?;
        decoder.feed(&buffer[..read], &mut content);
        size += content.len() as u64;
        content.clear();
        if size > limit || read == 0 {
            return Ok(size > limit);
        }
    }
}
