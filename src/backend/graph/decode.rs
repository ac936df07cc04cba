//! A part's content, decoded piece by piece from the message's file (RFC 2045 §6).

use std::ops::Range;
use std::path::Path;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, Take};

use crate::mailbox::{Fault, Outcome};
use crate::mime::{Decoder, Transfer};

/// Octets read at a time.
const STEP: usize = 64 * 1024;

/// The content of one part, from its beginning. Damaged mail is still filed: what can be read of it goes to the
/// service, and the client's own bytes are kept as they are.
pub(super) struct Content {
    input: Take<File>,
    /// `None` once the end has been told.
    decoder: Option<Decoder>,
}

impl Content {
    pub(super) async fn open(path: &Path, body: &Range<u64>, transfer: Transfer) -> Outcome<Self> {
        let mut file = File::open(path).await.map_err(Fault::defect)?;
        file.seek(std::io::SeekFrom::Start(body.start)).await.map_err(Fault::defect)?;
        let input = file.take(body.end.saturating_sub(body.start));
        Ok(Self { input, decoder: Some(Decoder::new(transfer)) })
    }

    /// Adds content to `out` until it holds `enough` octets or there is no more; answers whether
    /// there may be more.
    pub(super) async fn fill(&mut self, out: &mut Vec<u8>, enough: usize) -> Outcome<bool> {
        let mut step = vec![0; STEP];
        while out.len() < enough {
            let read = self.input.read(&mut step).await.map_err(Fault::defect)?;
            match &mut self.decoder {
                Some(decoder) if read > 0 => decoder.feed(&step[..read], out),
                decoder => {
                    if let Some(decoder) = decoder.take() {
                        decoder.finish(out);
                    }
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    async fn decoded(text: &[u8], transfer: Transfer) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [b"before", text, b"after"].concat()).unwrap();
        let body = 6..6 + text.len() as u64;
        let mut content = Content::open(file.path(), &body, transfer).await.unwrap();
        let mut out = Vec::new();
        while content.fill(&mut out, usize::MAX).await.unwrap() {}
        out
    }

    #[tokio::test]
    async fn every_coding_is_decoded_across_the_steps_of_reading() {
        let content: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let encoded = STANDARD.encode(&content);
        let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
        assert!(decoded(&lines.join(&b"\r\n"[..]), Transfer::Base64).await == content);
        assert!(decoded(&content, Transfer::Identity).await == content);
        let soft = "a=C3=B6=\r\nb \r\n".repeat(20_000);
        assert!(
            decoded(soft.as_bytes(), Transfer::QuotedPrintable).await
                == "aöb\r\n".repeat(20_000).into_bytes()
        );
        let endless = "=00=FFx".repeat(100_000);
        let content = b"\x00\xffx".repeat(100_000);
        assert!(decoded(endless.as_bytes(), Transfer::QuotedPrintable).await == content);
        assert_eq!(decoded(b"SGVsbG8gd29yb", Transfer::Base64).await, b"Hello wor");
    }
}
