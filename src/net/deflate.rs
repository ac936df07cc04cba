//! Raw DEFLATE over a connection (RFC 4978, RFC 1951).
//!
//! What is read refers to everything read before, as the client likes. What is written stands for itself
//! with each write, which DEFLATE leaves to the sender: a compressor is 380 kB, and so none is kept for a
//! session that is silent, or whose client does not read. Answers of some length lose little by it.

use std::cell::RefCell;
use std::fmt;
use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

pub(super) struct Deflate {
    inflate: Decompress,
    /// What has arrived and is not yet inflated.
    input: Box<[u8]>,
    begin: usize,
    end: usize,
}

/// Octets read at once, compressed.
const READ_SIZE: usize = 4 * 1024;
/// Room for the ends of blocks, whatever the octets are.
const OVERHEAD: usize = 64;

impl Deflate {
    pub(super) fn new() -> Self {
        Self { inflate: Decompress::new(false), input: vec![0; READ_SIZE].into(), begin: 0, end: 0 }
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
}

thread_local! {
    /// One for all sessions of a thread: made anew for each write, they would shred the heap.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

/// A piece that can be read on its own and at once (a sync flush); the next may follow it.
pub(super) fn deflate(bytes: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        deflate_with(compressor, bytes)
    })
}

fn deflate_with(deflate: &mut Compress, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(bytes.len() / 2 + OVERHEAD);
    loop {
        let rest = &bytes[count(deflate.total_in())..];
        deflate.compress_vec(rest, &mut piece, FlushCompress::Sync)?;
        if piece.len() < piece.capacity() {
            return Ok(piece);
        }
        piece.reserve(bytes.len() / 2 + OVERHEAD);
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

    #[test]
    fn every_piece_can_be_read_at_once_and_needs_none_before_it() {
        let noise: Vec<u8> =
            (0..100_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let dull = b"* 1 FETCH (FLAGS ())\r\n".repeat(10_000);
        let all = [b"* OK\r\n".as_slice(), &noise, &dull, b"", b"x", &noise[..64]];
        for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]] {
            let mut theirs = Decompress::new(false);
            for words in order.map(|index: usize| all[index]) {
                let piece = deflate(words).unwrap();
                let mut read = Vec::with_capacity(1 << 20);
                theirs.decompress_vec(&piece, &mut read, FlushDecompress::Sync).unwrap();
                assert!(read == words, "{} octets of {}", read.len(), words.len());
            }
        }
        assert!(deflate(&dull).unwrap().len() < dull.len() / 50);
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
