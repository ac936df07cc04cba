//! The end of a message that breaks off.

use super::split::end;
use crate::mime::{Content, Outline, Part};

/// The delimiters that end whatever a message has begun and not ended; `None` if it is all there. Without them
/// a reader may take the last text for something that was cut off, and show it as a file.
pub(super) fn closing(outline: &Outline) -> Option<Vec<u8>> {
    let mut open = Vec::new();
    let mut part = outline.root();
    while let Some(last) = last_of(outline, part).filter(|last| end(last) == outline.size) {
        open.push(part.boundary()?);
        part = last;
    }
    if open.is_empty() {
        return None;
    }
    let mut closing = Vec::new();
    for boundary in open.iter().rev() {
        closing.extend_from_slice(b"\r\n--");
        closing.extend_from_slice(boundary);
        closing.extend_from_slice(b"--");
    }
    closing.extend_from_slice(b"\r\n");
    Some(closing)
}

/// Where a delimiter has ended a multipart, its last part ends before that.
fn last_of<'a>(outline: &'a Outline, part: &Part) -> Option<&'a Part> {
    let Content::Multipart(children) = &part.content else { return None };
    children.last().map(|last| outline.part(*last))
}
