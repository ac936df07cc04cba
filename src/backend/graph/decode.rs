//! A part's content, decoded piece by piece from the message's file (RFC 2045 §6).

use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, Take};

use crate::mailbox::{Fault, Outcome};

/// Octets read at a time.
const STEP: usize = 64 * 1024;
/// The longest line of quoted-printable that is kept together; longer ones are no mail.
const LINE_MAX: usize = 64 * 1024;

/// Damaged mail is still filed: what can be read of it goes to the service, and the client's own
/// bytes are kept as they are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coding {
    Base64,
    QuotedPrintable,
    Plain,
}

/// The content of one part, from its beginning.
pub(super) struct Decoder {
    input: Take<File>,
    coding: Coding,
    /// Encoded octets that wait for those after them.
    kept: Vec<u8>,
}

impl Decoder {
    pub(super) async fn open(path: &Path, body: &Range<u64>, coding: Coding) -> Outcome<Self> {
        let mut file = File::open(path).await.map_err(Fault::defect)?;
        file.seek(std::io::SeekFrom::Start(body.start)).await.map_err(Fault::defect)?;
        let input = file.take(body.end.saturating_sub(body.start));
        Ok(Self { input, coding, kept: Vec::new() })
    }

    /// Adds content to `out` until it holds `enough` octets or there is no more; answers whether
    /// there may be more.
    pub(super) async fn fill(&mut self, out: &mut Vec<u8>, enough: usize) -> Outcome<bool> {
        let mut step = vec![0; STEP];
        while out.len() < enough {
            let read = self.input.read(&mut step).await.map_err(Fault::defect)?;
            if read == 0 {
                self.flush(out);
                return Ok(false);
            }
            match self.coding {
                Coding::Plain => out.extend_from_slice(&step[..read]),
                Coding::Base64 => self.base64(&step[..read], out),
                Coding::QuotedPrintable => self.quoted_printable(&step[..read], out),
            }
        }
        Ok(true)
    }

    fn base64(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            match octet {
                b'=' => self.flush(out),
                octet if octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/') => {
                    self.kept.push(*octet);
                }
                _ => {}
            }
        }
        let whole = self.kept.len() - self.kept.len() % 4;
        let rest = self.kept.split_off(whole);
        self.flush(out);
        self.kept = rest;
    }

    fn quoted_printable(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            self.kept.extend_from_slice(line);
            if line.ends_with(b"\n") || self.kept.len() > LINE_MAX {
                self.flush(out);
            }
        }
    }

    /// Decodes what was kept, as far as it goes.
    fn flush(&mut self, out: &mut Vec<u8>) {
        let mut kept = std::mem::take(&mut self.kept);
        match self.coding {
            Coding::Plain => out.append(&mut kept),
            Coding::Base64 => {
                if kept.len() % 4 == 1 {
                    kept.pop();
                }
                out.extend(LENIENT.decode(&kept).unwrap_or_default());
            }
            Coding::QuotedPrintable => unescape(&kept, out),
        }
    }
}

/// One line of quoted-printable.
fn unescape(line: &[u8], out: &mut Vec<u8>) {
    let text = line.trim_ascii_end();
    let soft = text.last() == Some(&b'=');
    let mut rest = text.strip_suffix(b"=").unwrap_or(text);
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).filter(|_| *first == b'=');
        let code = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(octet) => {
                out.push(octet);
                rest = &after[2..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    if !soft && line.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn decoded(text: &[u8], coding: Coding) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [b"before", text, b"after"].concat()).unwrap();
        let body = 6..6 + text.len() as u64;
        let mut decoder = Decoder::open(file.path(), &body, coding).await.unwrap();
        let mut out = Vec::new();
        while decoder.fill(&mut out, usize::MAX).await.unwrap() {}
        out
    }

    #[tokio::test]
    async fn every_coding_is_decoded_across_the_steps_of_reading() {
        let content: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let encoded = LENIENT.encode(&content);
        let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
        assert!(decoded(&lines.join(&b"\r\n"[..]), Coding::Base64).await == content);
        assert!(decoded(&content, Coding::Plain).await == content);
        let soft = "a=C3=B6=\r\nb \r\n".repeat(20_000);
        assert!(
            decoded(soft.as_bytes(), Coding::QuotedPrintable).await
                == "aöb\r\n".repeat(20_000).into_bytes()
        );
        assert_eq!(decoded(b"SGVsbG8gd29yb", Coding::Base64).await, b"Hello wor");
    }
}
