//! What a service has to know of a message that is too large for one request.

use std::fs::File;
use std::path::Path;

use super::body::scan;
use crate::mailbox::{Anatomy, Fault, Leaf, Outcome, Place, Seal};
use crate::mime::{Content, Outline, Part};

/// Types of parts that no longer verify, or open, once they were taken apart (RFC 1847, RFC 8551).
const SEALED: [&str; 4] = [
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
    let mut leaves = Vec::new();
    let mut open = vec![(outline.root(), Place::Other)];
    while let Some((part, place)) = open.pop() {
        let Content::Multipart(children) = &part.content else {
            let (fields, body) = (part.fields.clone(), part.body.clone());
            leaves.push(Leaf { fields, body, place });
            continue;
        };
        let inside = match media(part).as_str() {
            "multipart/alternative" => Place::Alternative,
            // What belongs to one of several forms is no form of its own.
            _ => Place::Other,
        };
        open.extend(children.iter().rev().map(|child| (outline.part(*child), inside)));
    }
    let is_sealed = |part: &Part| SEALED.contains(&media(part).as_str());
    let seal = if outline.parts.iter().any(is_sealed) { Seal::Sealed } else { Seal::None };
    Anatomy { header: outline.root().header.clone(), leaves, seal }
}

/// `type/subtype` in lower case, empty where none is named.
fn media(part: &Part) -> String {
    let value = part.value("Content-Type").unwrap_or_default();
    let named = value.split(|octet| *octet == b';').next().unwrap_or_default();
    String::from_utf8_lossy(named.trim_ascii()).to_ascii_lowercase()
}
