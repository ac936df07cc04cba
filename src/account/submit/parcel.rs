//! A message made ready to be sent: its file, its names, its digests.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::compose::{self, Circumstances, Edit};
use super::header::Header;
use super::mark::Mark;
use crate::mailbox::{Address, Envelope, Fault, Outcome, Recipient, ReportOn, Spooled};
use crate::store::queue::{Asked, Step};
use crate::store::{Digest, Entry, Naming, SentCopy, SpoolFile};

#[derive(Debug)]
pub(in crate::account) struct Parcel {
    /// What the service gets.
    pub(in crate::account) message: Spooled,
    /// Equal for the same bytes to the same people.
    pub(in crate::account) key: Digest,
    /// Angle brackets included.
    pub(in crate::account) message_id: String,
    pub(in crate::account) naming: Naming,
    /// Of the bytes as they came.
    pub(in crate::account) received: Digest,
    /// Of the bytes as they go out.
    pub(in crate::account) staged: Digest,
    /// Octets of the message as it came, binary parts as base64.
    pub(in crate::account) octets: u64,
    /// How many people it goes to.
    pub(in crate::account) recipients: u32,
    pub(in crate::account) receipt: Receipt,
    pub(in crate::account) sent_copy: SentCopy,
    /// Of one that is queued.
    pub(super) mark: Option<Mark>,
    /// Owns the message's file, unless that is the queue's.
    _file: Option<SpoolFile>,
}

/// Whether the sender wants to hear that the message was delivered (RFC 3461 NOTIFY=SUCCESS).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::account) enum Receipt {
    Wanted,
    Unasked,
}

/// Where needed, rewrites the message, whose header was read, into `other`, an empty file. Blocks on files; memory
/// holds the header only.
///
/// # Errors
/// Those of `compose::edit`; `Defect` if a file cannot be read or written.
pub(super) fn pack(
    message: SpoolFile,
    header: &Header,
    known: &Circumstances,
    other: SpoolFile,
) -> Outcome<Parcel> {
    let mut file = File::open(message.path()).map_err(broken)?;
    let edit = compose::edit(header, known)?;
    let received = digest(&mut file)?;
    let naming = match edit.message_id == known.message_id {
        true => Naming::Bridge,
        false => Naming::Client,
    };
    let octets = file.metadata().map_err(broken)?.len();
    let (file, size, staged) = if header.is_whole() && edit.header == header.bytes() {
        (message, octets, received)
    } else {
        let mut rewritten =
            File::options().read(true).write(true).open(other.path()).map_err(broken)?;
        let size = rewrite(&mut file, &edit, &mut rewritten).map_err(broken)?;
        (other, size, digest(&mut rewritten)?)
    };
    Ok(Parcel {
        message: Spooled { path: file.path().to_path_buf(), size },
        key: key(received, &known.envelope),
        message_id: edit.message_id,
        naming,
        received,
        staged,
        octets,
        recipients: recipients(&known.envelope),
        receipt: receipt(&known.envelope),
        sent_copy: sent_copy(known.rules.save_to_sent),
        mark: None,
        _file: Some(file),
    })
}

impl Parcel {
    /// One that was packed when it was queued.
    pub(super) fn queued(entry: &Entry, path: PathBuf) -> Self {
        Self {
            message: Spooled { path, size: entry.size },
            key: entry.key,
            message_id: entry.message_id.clone(),
            naming: entry.naming,
            received: entry.received,
            staged: entry.staged,
            octets: entry.size,
            recipients: recipients(&entry.envelope),
            receipt: receipt(&entry.envelope),
            sent_copy: sent_copy(entry.routing.save_to_sent),
            mark: None,
            _file: None,
        }
    }

    /// To be called when the journal has the attempt, before the service is asked.
    ///
    /// # Errors
    /// If that cannot be written down: then it must not be asked.
    pub(super) async fn note(&self, attempt: &str, step: Step) -> Outcome<()> {
        let Some(mark) = &self.mark else { return Ok(()) };
        mark.set(Some(Asked { attempt: attempt.to_owned(), step })).await
    }
}

/// How many people it goes to.
fn recipients(envelope: &Envelope) -> u32 {
    u32::try_from(envelope.recipients.len()).unwrap_or(u32::MAX)
}

fn receipt(envelope: &Envelope) -> Receipt {
    let wants = |recipient: &Recipient| {
        recipient.reports.as_ref().is_some_and(|reports| reports.0.contains(&ReportOn::Success))
    };
    match envelope.recipients.iter().any(wants) {
        true => Receipt::Wanted,
        false => Receipt::Unasked,
    }
}

fn sent_copy(save_to_sent: bool) -> SentCopy {
    if save_to_sent { SentCopy::Kept } else { SentCopy::Unwanted }
}

fn key(received: Digest, envelope: &Envelope) -> Digest {
    let lower = |address: &Address| address.as_str().to_ascii_lowercase();
    let mut recipients: Vec<String> = envelope.addresses().map(lower).collect();
    recipients.sort_unstable();
    recipients.dedup();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&received.0);
    for recipient in recipients {
        // An address holds no NUL, so the list cannot be cut in two ways.
        hasher.update(recipient.as_bytes()).update(b"\0");
    }
    Digest(*hasher.finalize().as_bytes())
}

/// The digest of a whole file.
pub(super) fn digest(file: &mut File) -> Outcome<Digest> {
    file.seek(SeekFrom::Start(0)).map_err(broken)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(broken)?;
    Ok(Digest(*hasher.finalize().as_bytes()))
}

/// Octets written.
fn rewrite(from: &mut File, edit: &Edit, into: &mut File) -> io::Result<u64> {
    into.write_all(&edit.header)?;
    from.seek(SeekFrom::Start(edit.replaces as u64))?;
    let rest = io::copy(from, into)?;
    into.flush()?;
    Ok(edit.header.len() as u64 + rest)
}

pub(super) fn broken(error: io::Error) -> Fault {
    Fault::defect(format_args!("the spool: {error}"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::compose::tests::circumstances;
    use super::*;
    use crate::clock::Clock;
    use crate::mailbox::Timestamp;
    use crate::store::Store;

    async fn packed(bytes: &str, recipients: &[&str]) -> (Parcel, String, (Store, TempDir)) {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp(0));
        let store = Store::open(directory.path(), clock).await.unwrap();
        let message = store.spool().await.unwrap();
        std::fs::write(message.path(), bytes).unwrap();
        let recipients = recipients.iter().map(|text| Address::new(text).unwrap().into()).collect();
        let from = Address::new("ada@a.test").unwrap();
        let envelope = Envelope { sender: Some(from.clone()), recipients, ..Envelope::default() };
        let known = circumstances(envelope);
        let header = Header::read(bytes.as_bytes()).unwrap();
        let parcel = pack(message, &header, &known, store.spool().await.unwrap()).unwrap();
        let sent = std::fs::read_to_string(&parcel.message.path).unwrap();
        assert_eq!(sent.len() as u64, parcel.message.size);
        (parcel, sent, (store, directory))
    }

    const COMPLETE: &str =
        "Message-ID: <1@a.test>\r\nDate: x\r\nFrom: ada@a.test\r\nTo: b@x.test\r\n\r\nHi\r\n";

    #[tokio::test]
    async fn a_message_that_needs_nothing_is_sent_from_its_own_file() {
        let (parcel, sent, _store) = packed(COMPLETE, &["b@x.test"]).await;
        assert_eq!(sent, COMPLETE);
        assert_eq!(parcel.received, parcel.staged);
        assert_eq!((parcel.message_id.as_str(), parcel.naming), ("<1@a.test>", Naming::Client));
    }

    #[tokio::test]
    async fn a_rewritten_message_keeps_its_body_and_its_file_goes_with_the_parcel() {
        let (parcel, sent, _store) =
            packed("Subject: x\r\n\r\n.Hi\r\n\r\n..\r\n", &["b@x.test"]).await;
        assert!(sent.ends_with("Bcc: <b@x.test>\r\n\r\n.Hi\r\n\r\n..\r\n"), "{sent}");
        assert_eq!(parcel.naming, Naming::Bridge);
        let path = parcel.message.path.clone();
        drop(parcel);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn the_key_knows_the_bytes_and_the_people_but_not_their_order() {
        let both = &["b@x.test", "c@x.test"];
        let first = packed(COMPLETE, both).await.0.key;
        assert_eq!(first, packed(COMPLETE, &["C@x.test", "b@x.test"]).await.0.key);
        assert_ne!(first, packed(COMPLETE, &["b@x.test"]).await.0.key);
        assert_ne!(first, packed(&COMPLETE.replace("Hi", "Ho"), both).await.0.key);
    }
}
