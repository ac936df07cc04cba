//! A message made ready to be sent: its file, its names, its digests.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom, Write as _};

use super::compose::{self, Defaults, Edit};
use super::header::Header;
use crate::mailbox::{Address, Envelope, Fault, Outcome, Spooled};
use crate::store::{Digest, SpoolFile};

#[derive(Debug)]
pub(super) struct Parcel {
    /// What the service gets.
    pub(super) message: Spooled,
    /// Equal for the same bytes to the same people.
    pub(super) key: Digest,
    /// Angle brackets included.
    pub(super) message_id: String,
    pub(super) naming: Naming,
    /// Of the bytes as they came.
    pub(super) received: Digest,
    /// Of the bytes as they go out.
    pub(super) staged: Digest,
    /// Owns the rewritten file.
    _rewritten: Option<SpoolFile>,
}

/// Who gave the message its Message-ID.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Naming {
    Client,
    Bridge,
}

/// Reads and, where needed, rewrites the message into `other`, an empty file. Blocks on files; memory
/// holds the header only.
///
/// # Errors
/// Those of `compose::edit`; `Defect` if a file cannot be read or written.
pub(super) fn pack(
    message: &Spooled,
    envelope: &Envelope,
    defaults: &Defaults,
    other: SpoolFile,
) -> Outcome<Parcel> {
    let mut file = File::open(&message.path).map_err(broken)?;
    let header = Header::read(BufReader::new(&file))?;
    let edit = compose::edit(&header, envelope, defaults)?;
    let received = digest(&mut file)?;
    let naming = match edit.message_id == defaults.message_id {
        true => Naming::Bridge,
        false => Naming::Client,
    };
    let key = key(received, &envelope.recipients);
    if edit.header == header.bytes() {
        let message = message.clone();
        let message_id = edit.message_id;
        let staged = received;
        return Ok(Parcel { message, key, message_id, naming, received, staged, _rewritten: None });
    }
    let mut rewritten =
        File::options().read(true).write(true).open(other.path()).map_err(broken)?;
    let size = rewrite(&mut file, &edit, &mut rewritten).map_err(broken)?;
    let staged = digest(&mut rewritten)?;
    let message = Spooled { path: other.path().to_path_buf(), size };
    let message_id = edit.message_id;
    Ok(Parcel { message, key, message_id, naming, received, staged, _rewritten: Some(other) })
}

fn key(received: Digest, recipients: &[Address]) -> Digest {
    let lower = |address: &Address| address.as_str().to_ascii_lowercase();
    let mut recipients: Vec<String> = recipients.iter().map(lower).collect();
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

    use super::*;
    use crate::clock::Clock;
    use crate::mailbox::Timestamp;
    use crate::store::Store;

    async fn packed(bytes: &str, recipients: &[&str]) -> (Parcel, String, (Store, TempDir)) {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp(0));
        let store = Store::open(directory.path(), clock).await.unwrap();
        let path = directory.path().join("in");
        std::fs::write(&path, bytes).unwrap();
        let message = Spooled { path, size: bytes.len() as u64 };
        let recipients = recipients.iter().map(|text| Address::new(text).unwrap()).collect();
        let from = Address::new("ada@a.test").unwrap();
        let envelope = Envelope { sender: Some(from.clone()), recipients };
        let defaults = Defaults { message_id: "<made@a.test>".into(), date: Timestamp(0), from };
        let parcel = pack(&message, &envelope, &defaults, store.spool().await.unwrap()).unwrap();
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
