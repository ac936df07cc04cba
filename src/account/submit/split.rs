//! How a message that is too large for one request comes apart: a skeleton that fits, and the parts that are
//! added to it afterwards.
//!
//! The skeleton keeps every header field, the structure and the texts; it lacks as few parts as possible, the
//! largest ones. A part can only be taken out if it means the same as an attached file, to every reader: no text
//! that is one of several forms, none to which images belong, nothing of a report, nothing in an unknown encoding.
//! What is signed or encrypted stays whole.

use std::collections::BTreeSet;
use std::ops::Range;

use super::closing::closing;
use crate::account::anatomy::{SEALED, against_taking_out, has_too_many_parts, is_ambiguous};
use crate::mailbox::{Flaw, Leaf, Place};
use crate::mime::{Content, Outline, Part, PartIndex};

/// A message taken apart.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Division {
    /// What the skeleton is made of, in order.
    pub(super) skeleton: Vec<Piece>,
    /// What it lacks, in the order of the message.
    pub(super) parts: Vec<Leaf>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Piece {
    /// Octets of the message's file.
    Kept(Range<u64>),
    Written(Vec<u8>),
}

/// A part that holds no others.
struct Candidate {
    index: PartIndex,
    octets: u64,
    /// Why it has to stay, if it has to.
    flaw: Option<Flaw>,
}

/// Octets left out of the message, and what stands there instead.
type Cut = (Range<u64>, &'static [u8]);

/// A part without header or content.
const EMPTY: &[u8] = b"\r\n";

/// Takes so much out of a message that no more than `limit` octets remain; `None` if nothing has to go.
///
/// # Errors
/// `Sealed` for what is signed or encrypted, `TooManyParts`; if what has to stay is too large, why the largest
/// part of it has to.
pub(super) fn split(outline: &Outline, limit: u64) -> Result<Option<Division>, Flaw> {
    if outline.size <= limit {
        return Ok(None);
    }
    let Content::Multipart(_) = &outline.root().content else {
        return single(outline, limit).map(Some);
    };
    if is_sealed(outline, PartIndex::ROOT) {
        return Err(Flaw::Sealed);
    }
    if has_too_many_parts(outline) {
        return Err(Flaw::TooManyParts);
    }
    let mut candidates = Vec::new();
    collect(outline, PartIndex::ROOT, Role::Free, &mut candidates);
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.octets));
    let (free, held): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.flaw.is_none());
    let (mut free, mut gone) = (free.into_iter(), BTreeSet::new());
    loop {
        let mut cuts = Vec::new();
        cut(outline, PartIndex::ROOT, &gone, &mut cuts);
        let mut skeleton = remaining(outline.size, cuts);
        skeleton.extend(closing(outline).map(Piece::Written));
        if skeleton.iter().map(Piece::len).sum::<u64>() <= limit {
            let leaf = |index: &PartIndex| leaf(outline, *index);
            return Ok(Some(Division { skeleton, parts: gone.iter().map(leaf).collect() }));
        }
        gone.insert(free.next().ok_or_else(|| reason(&held, limit))?.index);
    }
}

/// Of parts that have to stay, the largest first. If they alone would fit it is something beside them.
fn reason(held: &[Candidate], limit: u64) -> Flaw {
    let largest = held.first().and_then(|candidate| candidate.flaw);
    let octets: u64 = held.iter().map(|candidate| candidate.octets).sum();
    largest.filter(|_| octets > limit).unwrap_or(Flaw::Immovable)
}

/// A message that is one body: the file that a scanner sends, or a text. What remains is its header.
fn single(outline: &Outline, limit: u64) -> Result<Division, Flaw> {
    let root = outline.root();
    if SEALED.contains(&root.media_type().as_str()) {
        return Err(Flaw::Sealed);
    }
    if let Some(flaw) = against(root, Role::Free) {
        return Err(flaw);
    }
    let mut header = without_content_fields(&root.fields);
    header.extend_from_slice(EMPTY);
    if header.len() as u64 > limit {
        return Err(Flaw::Immovable);
    }
    Ok(Division { skeleton: vec![Piece::Written(header)], parts: vec![leaf_of(root)] })
}

/// What a part is to those around it.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    /// A file among others.
    Free,
    /// It is the text, or has a place of its own.
    Fixed,
}

fn collect(outline: &Outline, index: PartIndex, role: Role, found: &mut Vec<Candidate>) {
    let part = outline.part(index);
    let children = match &part.content {
        // What not everyone takes apart alike is left as it is.
        Content::Multipart(children) if !is_ambiguous(part) => children,
        _ => {
            let octets = end(part) - part.header.start;
            return found.push(Candidate { index, octets, flaw: against(part, role) });
        }
    };
    let text = text_of_related(outline, part, children);
    for (place, child) in children.iter().enumerate() {
        let role = match part.media_type().as_str() {
            "multipart/alternative" | "multipart/report" => Role::Fixed,
            "multipart/related" if Some(*child) == text => Role::Fixed,
            "multipart/related" => Role::Free,
            // Of one of several forms the beginning is the form, what follows is not.
            _ if place == 0 => role,
            _ => Role::Free,
        };
        collect(outline, *child, role, found);
    }
}

/// Why a part has to stay.
fn against(part: &Part, role: Role) -> Option<Flaw> {
    let media = part.media_type();
    let is_text = media.is_empty() || media.starts_with("text/");
    match role {
        Role::Fixed if is_text => Some(Flaw::Indivisible),
        Role::Fixed => Some(Flaw::Immovable),
        Role::Free if is_ambiguous(part) => Some(Flaw::Ambiguous),
        // What should be a multipart and is none would be a file that nothing can open.
        Role::Free if media.starts_with("multipart/") => Some(Flaw::Immovable),
        Role::Free => against_taking_out(part),
    }
}

/// The part that the others of a `multipart/related` belong to: named by `start`, or the first (RFC 2387 §3.2).
fn text_of_related(outline: &Outline, part: &Part, children: &[PartIndex]) -> Option<PartIndex> {
    let start = part.parameter("start");
    let is_start =
        |child: &&PartIndex| start.is_some() && outline.part(**child).value("Content-ID") == start;
    children.iter().find(is_start).or_else(|| children.first()).copied()
}

/// Signed or encrypted somewhere, messages inside the message aside: these go in one piece.
fn is_sealed(outline: &Outline, index: PartIndex) -> bool {
    let part = outline.part(index);
    let inside = match &part.content {
        Content::Multipart(children) => children.as_slice(),
        _ => &[],
    };
    SEALED.contains(&part.media_type().as_str())
        || inside.iter().any(|child| is_sealed(outline, *child))
}

/// What leaves the message with these parts. Of a multipart that loses all of them an empty one remains.
fn cut(outline: &Outline, index: PartIndex, gone: &BTreeSet<PartIndex>, cuts: &mut Vec<Cut>) {
    let Content::Multipart(children) = &outline.part(index).content else { return };
    let (Some(first), Some(last)) = (children.first(), children.last()) else { return };
    let last = end(outline.part(*last));
    let mut kept = children.iter().filter(|child| !gone.contains(child)).peekable();
    let Some(beginning) = kept.peek() else {
        cuts.push((outline.part(*first).header.start..last, EMPTY));
        return;
    };
    // The delimiter before a part goes with it, the one before the first part stays for the next.
    cuts.push((outline.part(*first).header.start..outline.part(**beginning).header.start, b""));
    while let Some(child) = kept.next() {
        cut(outline, *child, gone, cuts);
        let next = match kept.peek() {
            Some(next) => children.iter().position(|child| child == *next),
            None => Some(children.len()),
        };
        let before = next.and_then(|place| children.get(place.checked_sub(1)?));
        let until = before.map_or(last, |before| end(outline.part(*before)));
        cuts.push((end(outline.part(*child))..until, b""));
    }
}

fn remaining(size: u64, mut cuts: Vec<Cut>) -> Vec<Piece> {
    cuts.retain(|(range, instead)| !range.is_empty() || !instead.is_empty());
    cuts.sort_by_key(|(range, _)| range.start);
    let (mut pieces, mut at) = (Vec::new(), 0);
    for (range, instead) in cuts {
        pieces.push(Piece::Kept(at..range.start));
        if !instead.is_empty() {
            pieces.push(Piece::Written(instead.to_vec()));
        }
        at = range.end;
    }
    pieces.push(Piece::Kept(at..size));
    pieces.retain(|piece| piece.len() > 0);
    pieces
}

/// A part as it will be attached.
fn leaf(outline: &Outline, index: PartIndex) -> Leaf {
    let mut leaf = leaf_of(outline.part(index));
    // In a digest a part that names no type is a message (RFC 2046 §5.1.5).
    let in_digest = outline.parts.iter().any(|parent| {
        let holds =
            matches!(&parent.content, Content::Multipart(children) if children.contains(&index));
        holds && parent.media_type() == "multipart/digest"
    });
    if in_digest && outline.part(index).media_type().is_empty() {
        leaf.fields.splice(0..0, *b"Content-Type: message/rfc822\r\n");
    }
    leaf
}

fn leaf_of(part: &Part) -> Leaf {
    Leaf { fields: part.fields.clone(), body: part.body.clone(), place: Place::Other }
}

pub(super) fn end(part: &Part) -> u64 {
    part.header.end.max(part.body.end)
}

/// A header without the fields that describe its body, and without the blank line.
fn without_content_fields(fields: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(fields.len());
    let mut keeps = true;
    for line in fields.split_inclusive(|octet| *octet == b'\n') {
        let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
        if !is_folded {
            let name = line.get(..8).unwrap_or_default();
            keeps = !name.eq_ignore_ascii_case(b"content-") && !line.trim_ascii().is_empty();
        }
        if keeps {
            kept.extend_from_slice(line);
        }
    }
    kept
}

// === impl Piece ===

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Kept(range) => range.end - range.start,
            Self::Written(octets) => octets.len() as u64,
        }
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
