//! A message made ready to be sent: its file, its names, its digests.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use tempfile::TempPath;

use super::compose::{self, Defaults, Edit};
use super::header::Header;
use super::journal::{Digest, Key};
use crate::mailbox::{Envelope, Fault, Outcome, Spooled};

#[derive(Debug)]
pub(super) struct Parcel {
    /// What the service gets.
    pub(super) message: Spooled,
    pub(super) key: Key,
    /// Angle brackets included.
    pub(super) message_id: String,
    pub(super) naming: Naming,
    /// Of the bytes as they came.
    pub(super) received: Digest,
    /// Of the bytes as they go out.
    pub(super) staged: Digest,
    /// Removes the rewritten file.
    _rewritten: Option<TempPath>,
}

/// Who gave the message its Message-ID.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Naming {
    Client,
    Bridge,
}

/// Reads and, where needed, rewrites the message into another file of `spool`. Blocks on files;
/// memory holds the header only.
///
/// # Errors
/// Those of `compose::edit`; `Defect` if a file cannot be read or written.
pub(super) fn pack(
    message: &Spooled,
    envelope: &Envelope,
    defaults: &Defaults,
    spool: &Path,
) -> Outcome<Parcel> {
    let mut file = File::open(&message.path).map_err(broken)?;
    let header = Header::read(BufReader::new(&file))?;
    let edit = compose::edit(&header, envelope, defaults)?;
    let received = digest(&mut file)?;
    let naming = match edit.message_id == defaults.message_id {
        true => Naming::Bridge,
        false => Naming::Client,
    };
    let key = Key::of(received, &envelope.recipients);
    if edit.header == header.bytes() {
        let message = message.clone();
        let message_id = edit.message_id;
        let staged = received;
        return Ok(Parcel { message, key, message_id, naming, received, staged, _rewritten: None });
    }
    let mut rewritten =
        tempfile::Builder::new().prefix("out-").tempfile_in(spool).map_err(broken)?;
    let size = rewrite(&mut file, &edit, rewritten.as_file_mut()).map_err(broken)?;
    let staged = digest(rewritten.as_file_mut())?;
    let path = rewritten.into_temp_path();
    let message = Spooled { path: path.to_path_buf(), size };
    let message_id = edit.message_id;
    Ok(Parcel { message, key, message_id, naming, received, staged, _rewritten: Some(path) })
}

/// The digest of a whole file.
pub(super) fn digest(file: &mut File) -> Outcome<Digest> {
    file.seek(SeekFrom::Start(0)).map_err(broken)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.take(u64::MAX)).map_err(broken)?;
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
    use super::*;
    use crate::mailbox::{Address, Timestamp};

    fn packed(bytes: &str, recipients: &[&str]) -> (Parcel, String, tempfile::TempDir) {
        let spool = tempfile::tempdir().unwrap();
        let path = spool.path().join("in");
        std::fs::write(&path, bytes).unwrap();
        let message = Spooled { path, size: bytes.len() as u64 };
        let recipients = recipients.iter().map(|text| Address::new(text).unwrap()).collect();
        let from = Address::new("ada@a.test").unwrap();
        let envelope = Envelope { sender: Some(from.clone()), recipients };
        let defaults = Defaults { message_id: "<made@a.test>".into(), date: Timestamp(0), from };
        let parcel = pack(&message, &envelope, &defaults, spool.path()).unwrap();
        let sent = std::fs::read_to_string(&parcel.message.path).unwrap();
        assert_eq!(sent.len() as u64, parcel.message.size);
        (parcel, sent, spool)
    }

    const COMPLETE: &str =
        "Message-ID: <1@a.test>\r\nDate: x\r\nFrom: ada@a.test\r\nTo: b@x.test\r\n\r\nHi\r\n";

    #[test]
    fn a_message_that_needs_nothing_is_sent_from_its_own_file() {
        let (parcel, sent, _spool) = packed(COMPLETE, &["b@x.test"]);
        assert_eq!(sent, COMPLETE);
        assert_eq!(parcel.received, parcel.staged);
        assert_eq!((parcel.message_id.as_str(), parcel.naming), ("<1@a.test>", Naming::Client));
    }

    #[test]
    fn a_rewritten_message_keeps_its_body_and_its_file_goes_with_the_parcel() {
        let (parcel, sent, _spool) = packed("Subject: x\r\n\r\n.Hi\r\n\r\n..\r\n", &["b@x.test"]);
        assert!(sent.ends_with("Bcc: <b@x.test>\r\n\r\n.Hi\r\n\r\n..\r\n"), "{sent}");
        assert_eq!(parcel.naming, Naming::Bridge);
        let path = parcel.message.path.clone();
        drop(parcel);
        assert!(!path.exists());
    }

    #[test]
    fn the_key_knows_the_bytes_and_the_people_but_not_their_order() {
        let key = |bytes: &str, recipients: &[&str]| packed(bytes, recipients).0.key;
        let first = key(COMPLETE, &["b@x.test", "c@x.test"]);
        assert_eq!(first, key(COMPLETE, &["C@x.test", "b@x.test"]));
        assert_ne!(first, key(COMPLETE, &["b@x.test"]));
        assert_ne!(first, key(&COMPLETE.replace("Hi", "Ho"), &["b@x.test", "c@x.test"]));
    }
}
