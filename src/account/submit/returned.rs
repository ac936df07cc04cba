//! What of a message comes back to its sender with a report.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::header::{HIDDEN, Header};
use super::parcel::broken;
use super::splice::{Splice, splice};
use crate::mailbox::Outcome;

/// How much comes back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::account) enum Extent {
    Headers,
    Whole,
}

/// The message as its sender wrote it: without the fields that name hidden recipients. Blocks on the file.
pub(in crate::account) fn returned(path: &Path, extent: Extent) -> Outcome<Vec<u8>> {
    let mut file = File::open(path).map_err(broken)?;
    let header = Header::read(BufReader::new(&file))?;
    let hidden = HIDDEN.iter().flat_map(|name| header.lines(name));
    let mut bytes = splice(header.bytes(), hidden.map(Splice::gone).collect());
    if extent == Extent::Whole {
        file.seek(SeekFrom::Start(header.len() as u64)).map_err(broken)?;
        file.read_to_end(&mut bytes).map_err(broken)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_recipients_do_not_come_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = "Subject: a\r\nBcc: <x@x.test>,\r\n <y@x.test>\r\nTo: b@x.test\r\n\
             Resent-Bcc: z@x.test\r\n\r\nBcc: body\r\n";
        std::fs::write(file.path(), message).unwrap();
        let header = returned(file.path(), Extent::Headers).unwrap();
        assert_eq!(header, b"Subject: a\r\nTo: b@x.test\r\n");
        let whole = returned(file.path(), Extent::Whole).unwrap();
        assert_eq!(whole, b"Subject: a\r\nTo: b@x.test\r\n\r\nBcc: body\r\n");
    }
}
