//! Exchange ids as Graph shows them: long, case-sensitive base64url strings that end in `=`.
//!
//! The last bytes carry the key; the rest is filler derived from the mailbox, so that an id of one mailbox is unknown
//! in another and a folded or shortened id decodes to nothing.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Lengths in bytes before base64; they tell the kinds apart and make ids of 152, 68, 120 and 128 characters.
const ORDINARY: usize = 113;
const IMMUTABLE: usize = 50;
const FOLDER: usize = 89;
const ATTACHMENT: usize = 95;
/// Key (8), second number (4), noise (8).
const TAIL: usize = 20;

/// Which form of a message id a request wants back (`Prefer: IdType="ImmutableId"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdForm {
    Ordinary,
    Immutable,
}

/// What an id names. `place` grows with every move, so an ordinary id dies when its message moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Ordinary { item: u64, place: u32 },
    Immutable { item: u64 },
    Folder(u32),
    Attachment { item: u64, index: u32 },
}

/// Ids of the mailbox with this tag.
pub(crate) fn encode(mailbox: u64, named: Named) -> String {
    let (length, prefix, key, second): (usize, &[u8], u64, u32) = match named {
        Named::Ordinary { item, place } => (ORDINARY, &[0x00, 0x03, 0x24], item, place),
        Named::Immutable { item } => (IMMUTABLE, &[0x00, 0x09, 0x00, 0x2e], item, 0),
        Named::Folder(key) => (FOLDER, &[0x00, 0x03, 0x24], u64::from(key), 0),
        Named::Attachment { item, index } => (ATTACHMENT, &[0x00, 0x03, 0x24], item, index),
    };
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(prefix);
    let mut noise = mailbox;
    while bytes.len() < length - TAIL {
        noise = scramble(noise);
        bytes.extend_from_slice(&noise.to_be_bytes());
    }
    bytes.truncate(length - TAIL);
    bytes.extend_from_slice(&key.to_be_bytes());
    bytes.extend_from_slice(&second.to_be_bytes());
    let check = scramble(mailbox ^ key.rotate_left(17) ^ u64::from(second) ^ length as u64);
    bytes.extend_from_slice(&check.to_be_bytes());
    URL_SAFE.encode(bytes)
}

/// What `id` names in the mailbox with this tag; none if it is malformed or of another mailbox.
pub(crate) fn decode(mailbox: u64, id: &str) -> Option<Named> {
    let bytes = URL_SAFE.decode(id).ok()?;
    let tail = bytes.len().checked_sub(TAIL)?;
    let key = u64::from_be_bytes(bytes[tail..tail + 8].try_into().ok()?);
    let second = u32::from_be_bytes(bytes[tail + 8..tail + 12].try_into().ok()?);
    let named = match bytes.len() {
        ORDINARY => Named::Ordinary { item: key, place: second },
        IMMUTABLE => Named::Immutable { item: key },
        FOLDER => Named::Folder(u32::try_from(key).ok()?),
        ATTACHMENT => Named::Attachment { item: key, index: second },
        _ => return None,
    };
    (encode(mailbox, named) == id).then_some(named)
}

/// Looks like an id of some mailbox: such ids are unknown (404), others malformed (400).
pub(crate) fn well_formed(id: &str) -> bool {
    URL_SAFE
        .decode(id)
        .is_ok_and(|bytes| matches!(bytes.len(), ORDINARY | IMMUTABLE | FOLDER | ATTACHMENT))
}

/// `changeKey` of the state number `change`.
pub(crate) fn change_key(mailbox: u64, change: u64) -> String {
    let mut bytes = vec![0x09, 0, 0, 0, 0x16, 0, 0, 0];
    bytes.extend_from_slice(&mailbox.to_be_bytes());
    bytes.extend_from_slice(&change.to_be_bytes());
    STANDARD.encode(bytes)
}

/// A steady number for a text: addresses become mailbox tags, subjects become conversations (FNV-1a).
pub(crate) fn tag(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One step of SplitMix64.
pub(crate) fn scramble(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A steady GUID for a text.
pub(crate) fn guid(text: &str) -> String {
    let high = tag(text);
    uuid::Uuid::from_u64_pair(high, scramble(high)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_what_they_were_made_for_in_their_own_mailbox_only() {
        for named in [
            Named::Ordinary { item: 7, place: 3 },
            Named::Immutable { item: 7 },
            Named::Folder(4),
            Named::Attachment { item: 9, index: 1 },
        ] {
            let id = encode(tag("ada@contoso.example"), named);
            assert!(id.ends_with('='));
            assert_eq!(decode(tag("ada@contoso.example"), &id), Some(named));
            assert_eq!(decode(tag("ben@contoso.example"), &id), None);
            assert_eq!(decode(tag("ada@contoso.example"), &id.to_lowercase()), None);
        }
    }

    #[test]
    fn ordinary_and_immutable_ids_have_the_lengths_seen_in_the_wild() {
        assert_eq!(encode(1, Named::Ordinary { item: 1, place: 1 }).len(), 152);
        assert_eq!(encode(1, Named::Immutable { item: 1 }).len(), 68);
    }
}
