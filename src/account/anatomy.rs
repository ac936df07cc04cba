//! What a service has to know of a message that is too large for one request.

use std::fs::File;
use std::path::Path;

use super::body::scan;
use crate::mailbox::{Anatomy, Fault, Flaw, Leaf, Outcome, Place};
use crate::mime::{Content, Outline, PARTS_MAX, Part, Transfer};

/// Types of parts that no longer verify, or open, once they were taken apart (RFC 1847, RFC 8551).
pub(super) const SEALED: [&str; 4] = [
    "multipart/signed",
    "multipart/encrypted",
    "application/pkcs7-mime",
    "application/x-pkcs7-mime",
];

/// Reads a message file once, in pieces, and says how it comes apart.
pub(super) async fn survey(path: &Path) -> Outcome<Anatomy> {
    let path = path.to_owned();
    let scanned = tokio::task::spawn_blocking(move || scan(&File::open(path)?)).await;
    let scanned = scanned.map_err(|_| Fault::defect("reading a message broke off"))?;
    Ok(anatomy(&scanned.map_err(|error| Fault::defect(error).because("reading a message"))?))
}

fn anatomy(outline: &Outline) -> Anatomy {
    let (mut leaves, mut unclear) = (Vec::new(), None);
    let mut open = vec![(outline.root(), Place::Other)];
    while let Some((part, place)) = open.pop() {
        let Content::Multipart(children) = &part.content else {
            let (fields, body) = (part.fields.clone(), part.body.clone());
            leaves.push(Leaf { fields, body, place });
            unclear = unclear.or_else(|| against_taking_out(part));
            continue;
        };
        if is_ambiguous(part) {
            unclear = unclear.or(Some(Flaw::Ambiguous));
        }
        let inside = match part.media_type().as_str() {
            "multipart/alternative" => Place::Alternative,
            // What belongs to one of several forms is no form of its own.
            _ => Place::Other,
        };
        open.extend(children.iter().rev().map(|child| (outline.part(*child), inside)));
    }
    let is_sealed = |part: &Part| SEALED.contains(&part.media_type().as_str());
    let flaw = match outline.parts.iter().any(is_sealed) {
        true => Some(Flaw::Sealed),
        false if has_too_many_parts(outline) => Some(Flaw::TooManyParts),
        false => unclear,
    };
    Anatomy { header: outline.root().header.clone(), leaves, flaw }
}

/// Why a part that holds no others cannot become a file.
pub(super) fn against_taking_out(part: &Part) -> Option<Flaw> {
    if is_ambiguous(part) {
        return Some(Flaw::Ambiguous);
    }
    // What the end of its header says of it is not known.
    if !part.has_whole_header() {
        return Some(Flaw::Immovable);
    }
    Transfer::of(&part.fields).is_none().then_some(Flaw::Encoding)
}

/// Whether a part says twice what it is: some readers go by the first field, others by the last one.
pub(super) fn is_ambiguous(part: &Part) -> bool {
    let says = ["Content-Type", "Content-Transfer-Encoding"];
    says.iter().any(|name| part.places(name).len() > 1)
}

/// What follows the last part that is looked for passes for a piece of it.
pub(super) fn has_too_many_parts(outline: &Outline) -> bool {
    let comes_apart = matches!(outline.root().content, Content::Multipart(_));
    comes_apart && outline.parts.len() >= PARTS_MAX
}
