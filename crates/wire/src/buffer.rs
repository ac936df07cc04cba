//! Bytes between the socket and the framing, shared by both protocols.

/// Bytes pushed and not yet taken.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    /// No line feed before this index.
    scanned: usize,
}

pub(crate) enum Taken {
    /// Without its line feed; a carriage return is still there.
    Line(Vec<u8>),
    Partial,
    TooLong,
}

impl Buffer {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
            self.scanned = 0;
        } else if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.scanned = self.scanned.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// At most `most` bytes of what is here.
    pub(crate) fn take(&mut self, most: usize) -> &[u8] {
        let end = self.start + most.min(self.len());
        let taken = &self.bytes[self.start..end];
        self.start = end;
        taken
    }

    /// `limit` counts the carriage return, not the line feed.
    pub(crate) fn take_line(&mut self, limit: usize) -> Taken {
        let from = self.scanned.max(self.start);
        let Some(offset) = self.bytes[from..].iter().position(|&byte| byte == b'\n') else {
            self.scanned = self.bytes.len();
            return if self.len() > limit { Taken::TooLong } else { Taken::Partial };
        };
        let line = &self.bytes[self.start..from + offset];
        if line.len() > limit {
            return Taken::TooLong;
        }
        let line = line.to_vec();
        self.start = from + offset + 1;
        self.scanned = self.start;
        Taken::Line(line)
    }

    /// Drops everything up to and with the next line feed; says whether there was one.
    pub(crate) fn drop_line(&mut self) -> bool {
        match self.waiting().iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                self.take(end + 1);
                true
            }
            None => {
                self.take(self.len());
                false
            }
        }
    }

    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
