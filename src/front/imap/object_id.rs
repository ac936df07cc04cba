//! The names of RFC 8474 for what the service names.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::imap::ObjectId;

use crate::mailbox::RemoteId;

/// Octets of the digest that are shown: enough that no two ever meet.
const SHOWN: usize = 16;

/// MAILBOXID. The service's id of a folder outlives renames and moves (reference B.2) and holds
/// characters that an object id must not, so its digest stands for it. The letter in front keeps it
/// from beginning like a number or an option.
pub(super) fn of_folder(remote: &RemoteId) -> ObjectId {
    let digest = blake3::hash(remote.as_str().as_bytes());
    let text = URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..SHOWN]);
    ObjectId::new(&format!("F{text}")).expect("base64url has no other characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_name_and_shares_it_with_no_other() {
        let name = |id: &str| of_folder(&RemoteId::new(id)).to_string();
        assert_eq!(name("AQMkAD=="), name("AQMkAD=="));
        assert_ne!(name("AQMkAD=="), name("AQMkaD=="));
        assert_eq!(name("AQMkAD==").len(), 23);
    }
}
