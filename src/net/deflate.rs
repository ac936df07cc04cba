//! Raw DEFLATE over a connection (RFC 4978, RFC 1951), a piece at a time in both directions.

use std::fmt;
use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

pub(super) struct Deflate {
    inflate: Decompress,
    /// Made when there is something to say: it is nearly all of the memory, some 300 kB.
    deflate: Option<Compress>,
    /// What has arrived and is not yet inflated.
    input: Box<[u8]>,
    begin: usize,
    end: usize,
}

/// Octets read at once, compressed.
const READ_SIZE: usize = 4 * 1024;
/// Octets of a compressed piece.
const PIECE: usize = 16 * 1024;

impl Deflate {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            deflate: None,
            input: vec![0; READ_SIZE].into(),
            begin: 0,
            end: 0,
        }
    }

    // === reading ===

    /// Inflates what is here into `into`, however much more it might become; 0 asks for more input.
    pub(super) fn inflate(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (consumed, produced) = (self.inflate.total_in(), self.inflate.total_out());
        let input = &self.input[self.begin..self.end];
        let status = self.inflate.decompress(input, into, FlushDecompress::None)?;
        self.begin += count(self.inflate.total_in() - consumed);
        let produced = count(self.inflate.total_out() - produced);
        if status == Status::StreamEnd && produced == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the compressed stream ended"));
        }
        Ok(produced)
    }

    /// Where input goes once all of it is inflated; tell [`Self::filled`] how much it was.
    pub(super) fn room(&mut self) -> &mut [u8] {
        (self.begin, self.end) = (0, 0);
        &mut self.input
    }

    pub(super) fn filled(&mut self, read: usize) {
        self.end = read;
    }

    // === writing ===

    /// Compresses some of `rest` and shortens it by that. `None` when nothing of it is left: then
    /// the other side can read all that was said (a sync flush).
    pub(super) fn deflate(&mut self, rest: &mut &[u8]) -> io::Result<Option<Vec<u8>>> {
        let deflate = self.deflate.get_or_insert_with(|| Compress::new(Compression::fast(), false));
        let mut piece = Vec::with_capacity(PIECE);
        let consumed = deflate.total_in();
        deflate.compress_vec(rest, &mut piece, FlushCompress::Sync)?;
        *rest = &rest[count(deflate.total_in() - consumed)..];
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Lets the larger half of the memory go. What is said later no longer refers to what was said
    /// before, which DEFLATE leaves to the sender.
    pub(super) fn rest(&mut self) {
        self.deflate = None;
    }
}

fn count(octets: u64) -> usize {
    usize::try_from(octets).expect("at most the length of a buffer")
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the other side reads.
    fn inflated(inflate: &mut Decompress, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 << 20);
        inflate.decompress_vec(piece, &mut out, FlushDecompress::Sync).unwrap();
        out
    }

    fn said(deflate: &mut Deflate, words: &[u8]) -> Vec<u8> {
        let (mut rest, mut all) = (words, Vec::new());
        while let Some(piece) = deflate.deflate(&mut rest).unwrap() {
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn every_write_can_be_read_at_once_also_after_a_rest() {
        let (mut ours, mut theirs) = (Deflate::new(), Decompress::new(false));
        let long: Vec<u8> = (0..100_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        for words in [b"* OK\r\n".as_slice(), &long, b"", b"* 1 EXISTS\r\n"] {
            assert_eq!(inflated(&mut theirs, &said(&mut ours, words)), words);
            ours.rest();
            assert!(ours.deflate.is_none());
            assert_eq!(inflated(&mut theirs, &said(&mut ours, words)), words);
        }
    }

    #[test]
    fn what_is_read_comes_in_pieces_of_the_readers_size() {
        let mut theirs = Compress::new(Compression::best(), false);
        let mut bomb = Vec::with_capacity(READ_SIZE);
        theirs.compress_vec(&[b'a'; 1_000_000], &mut bomb, FlushCompress::Sync).unwrap();
        let mut ours = Deflate::new();
        ours.room()[..bomb.len()].copy_from_slice(&bomb);
        ours.filled(bomb.len());
        let (mut into, mut total) = ([0; 1000], 0);
        loop {
            match ours.inflate(&mut into).unwrap() {
                0 => break,
                read => total += read,
            }
        }
        assert_eq!(total, 1_000_000);
    }
}
