//! A message of any octets (RFC 3030 BINARYMIME) becomes one of lines, which is all that the service
//! takes: parts marked `binary` are encoded as base64, and nothing else of the message changes.
//!
//! Multiparts and messages that are marked so cannot be encoded (RFC 2045 §6.4). Once the parts in them
//! are lines their mark becomes `8bit` or `7bit`, whichever is true. What is signed or encrypted stays
//! as it is, or the message is refused.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::body::scan;
use super::parcel::broken;
use crate::mailbox::{Fault, Flaw, Kind, Outcome};
use crate::mime::{Content, Outline, Part, is_binary};
use crate::store::SpoolFile;

const MARK: &str = "Content-Transfer-Encoding";
/// Octets on a line of base64 (RFC 2045 §6.8: at most 76 characters).
const ON_A_LINE: usize = 57;
/// Octets read at once: whole lines.
const BLOCK: usize = 512 * ON_A_LINE;

/// What changes at one place; in the order of the message, and none overlaps another.
#[derive(Debug)]
enum Change {
    /// The field that marks a part.
    Mark { field: Range<u64>, word: &'static str },
    /// The octets of a part.
    Octets(Range<u64>),
}

/// Writes the message as lines into `other`, an empty file. Blocks on files; memory holds no body.
///
/// # Errors
/// `Unacceptable` if a part would have to change that must not, or if something else than marked parts
/// is no lines; `Defect` if a file cannot be read or written.
pub(super) fn in_lines(message: SpoolFile, other: SpoolFile) -> Outcome<SpoolFile> {
    let file = File::open(message.path()).map_err(broken)?;
    let outline = scan(&file).map_err(broken)?;
    let parts = Marked::of(&outline)?;
    let stretches = Stretches::read(&file, outline.size, &parts)?;
    let changes = changes(&parts, &stretches);
    if changes.is_empty() {
        return Ok(message);
    }
    let written = File::options().write(true).open(other.path());
    let mut writer = BufWriter::with_capacity(BLOCK, written.map_err(broken)?);
    write(&file, outline.size, &changes, &mut writer).map_err(broken)?;
    writer.flush().map_err(broken)?;
    Ok(other)
}

/// Blocks on the file.
pub(super) fn holds_nul(path: &Path) -> Outcome<bool> {
    let mut reader = BufReader::new(File::open(path).map_err(broken)?);
    loop {
        let piece = reader.fill_buf().map_err(broken)?;
        if piece.is_empty() {
            return Ok(false);
        }
        if piece.contains(&0) {
            return Ok(true);
        }
        let read = piece.len();
        reader.consume(read);
    }
}

// === what is marked as binary ===

/// In the order of the message.
#[derive(Debug, Default)]
struct Marked<'a> {
    leaves: Vec<&'a Part>,
    /// What holds other parts, or may not be encoded for another reason.
    composites: Vec<&'a Part>,
}

/// Whether what is around a part lets it change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seal {
    None,
    /// Signed or encrypted: it would no longer verify, or open.
    Sealed,
}

impl<'a> Marked<'a> {
    fn of(outline: &'a Outline) -> Outcome<Self> {
        let mut marked = Self::default();
        let mut open = vec![(outline.root(), Seal::None)];
        while let Some((part, seal)) = open.pop() {
            if is_binary(&part.fields) {
                marked.add(part, seal)?;
            }
            let inside = match part.media_type().as_str() {
                "multipart/signed" | "multipart/encrypted" => Seal::Sealed,
                _ => seal,
            };
            match &part.content {
                Content::Single | Content::Opaque => {}
                Content::Message(held) => open.push((outline.part(*held), inside)),
                Content::Multipart(parts) => {
                    open.extend(parts.iter().rev().map(|held| (outline.part(*held), inside)));
                }
            }
        }
        Ok(marked)
    }

    fn add(&mut self, part: &'a Part, seal: Seal) -> Outcome<()> {
        if seal == Seal::Sealed {
            return Err(Kind::Unacceptable(Flaw::Sealed).into());
        }
        // Another reader may take another one of several marks.
        if part.places(MARK).len() != 1 {
            return Err(not_lines("a part has several transfer encodings"));
        }
        match part.content == Content::Single && !part.media_type().starts_with("message/") {
            true => self.leaves.push(part),
            false => self.composites.push(part),
        }
        Ok(())
    }
}

// === what the rest is ===

/// The message outside of its binary leaves, cut wherever a part begins or ends whose mark depends on it.
#[derive(Debug)]
struct Stretches(Vec<Stretch>);

#[derive(Debug)]
struct Stretch {
    range: Range<u64>,
    has_eight_bits: bool,
}

impl Stretches {
    /// # Errors
    /// `Unacceptable` if a CR or LF stands alone in it.
    fn read(file: &File, size: u64, parts: &Marked<'_>) -> Outcome<Self> {
        let bodies = parts.leaves.iter().chain(&parts.composites).map(|part| &part.body);
        let mut cuts: Vec<u64> = bodies.flat_map(|body| [body.start, body.end]).collect();
        cuts.extend([0, size]);
        cuts.sort_unstable();
        cuts.dedup();
        let (mut stretches, mut last) = (Vec::new(), b'\n');
        for cut in cuts.windows(2) {
            let range = cut[0]..cut[1];
            let leaf = parts.leaves.binary_search_by_key(&range.end, |leaf| leaf.body.end);
            if leaf.is_ok_and(|at| parts.leaves[at].body == range) {
                continue;
            }
            let has_eight_bits = read_stretch(file, range.clone(), &mut last)?;
            stretches.push(Stretch { range, has_eight_bits });
        }
        match last {
            b'\r' => Err(not_lines("a CR at the end")),
            _ => Ok(Self(stretches)),
        }
    }

    fn have_eight_bits(&self, within: &Range<u64>) -> bool {
        let from = self.0.partition_point(|stretch| stretch.range.start < within.start);
        let inside = self.0[from..].iter().take_while(|stretch| stretch.range.end <= within.end);
        inside.into_iter().any(|stretch| stretch.has_eight_bits)
    }
}

/// Whether any octet is beyond US-ASCII. `last` is the octet before.
fn read_stretch(file: &File, range: Range<u64>, last: &mut u8) -> Outcome<bool> {
    let mut has_eight_bits = false;
    let mut blocks = Blocks { file, range };
    while let Some(block) = blocks.next().map_err(broken)? {
        for octet in block {
            if (*last == b'\r') != (octet == b'\n') {
                return Err(not_lines("a CR or LF stands alone"));
            }
            has_eight_bits |= !octet.is_ascii();
            *last = octet;
        }
    }
    Ok(has_eight_bits)
}

fn not_lines(cause: &'static str) -> Fault {
    Fault::from(Kind::Unacceptable(Flaw::Binary)).because(cause)
}

// === what becomes of it ===

fn changes(parts: &Marked<'_>, stretches: &Stretches) -> Vec<Change> {
    let mark = |part: &Part, word| Change::Mark { field: part.places(MARK).swap_remove(0), word };
    let mut changes = Vec::new();
    for leaf in &parts.leaves {
        changes.push(mark(leaf, "base64"));
        changes.push(Change::Octets(leaf.body.clone()));
    }
    for composite in &parts.composites {
        let word = if stretches.have_eight_bits(&composite.body) { "8bit" } else { "7bit" };
        changes.push(mark(composite, word));
    }
    changes.sort_by_key(|change| change.range().start);
    changes
}

impl Change {
    fn range(&self) -> &Range<u64> {
        let (Self::Mark { field: range, .. } | Self::Octets(range)) = self;
        range
    }
}

fn write(file: &File, size: u64, changes: &[Change], into: &mut BufWriter<File>) -> io::Result<()> {
    let mut at = 0;
    for change in changes {
        let range = change.range().clone();
        copy(file, at..range.start, into)?;
        at = range.end;
        match change {
            Change::Mark { word, .. } => write!(into, "{MARK}: {word}\r\n")?,
            Change::Octets(_) => encode(file, range, into)?,
        }
        // The line end before a delimiter belongs to that; at the end of the message there is none.
        if matches!(change, Change::Octets(range) if !range.is_empty() && range.end == size) {
            into.write_all(b"\r\n")?;
        }
    }
    copy(file, at..size, into)
}

fn copy(file: &File, range: Range<u64>, into: &mut BufWriter<File>) -> io::Result<()> {
    let mut blocks = Blocks { file, range };
    while let Some(block) = blocks.next()? {
        into.write_all(&block)?;
    }
    Ok(())
}

/// Lines of base64, without an end of the last one.
fn encode(file: &File, range: Range<u64>, into: &mut BufWriter<File>) -> io::Result<()> {
    let mut blocks = Blocks { file, range };
    let mut separator: &[u8] = b"";
    while let Some(block) = blocks.next()? {
        for line in block.chunks(ON_A_LINE) {
            into.write_all(separator)?;
            into.write_all(BASE64_STANDARD.encode(line).as_bytes())?;
            separator = b"\r\n";
        }
    }
    Ok(())
}

/// A range of a file, piece by piece; all but the last are as long as a `BLOCK`.
struct Blocks<'a> {
    file: &'a File,
    range: Range<u64>,
}

impl Blocks<'_> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let left = self.range.end.saturating_sub(self.range.start);
        let length = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        if length == 0 {
            return Ok(None);
        }
        let mut block = vec![0; length];
        self.file.read_exact_at(&mut block, self.range.start)?;
        self.range.start += length as u64;
        Ok(Some(block))
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
