//! Names of messages, conversations and folders that outlive places and UIDs (RFC 8474).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::RemoteId;

/// Letters, digits, `-` and `_`, few enough for every protocol. The service's own ids hold other
/// characters and may be longer than RFC 8474 §7 allows, so this is a digest of them: the same for
/// the same message in every folder, session and year.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ObjectId(Box<str>);

/// Octets of the digest: two of a billion messages share one with a chance of 1 in 10^20.
const DIGEST: usize = 16;

impl ObjectId {
    /// Of a message's content. `content` tells apart what a draft was before and after an edit, as the
    /// key of its bytes does; empty for all other mail, whose bytes never change.
    pub fn email(remote: &RemoteId, content: &str) -> Self {
        Self::digest('M', &[remote.as_str(), content])
    }

    /// Of a conversation, by the service's name for it.
    pub fn thread(conversation: &str) -> Self {
        Self::digest('T', &[conversation])
    }

    /// Of a folder: the service's id outlives renames and moves (reference B.2).
    pub fn folder(remote: &RemoteId) -> Self {
        Self::digest('F', &[remote.as_str()])
    }

    /// One that was made here before.
    pub fn known(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The letter keeps names of different things apart (RFC 8474 §7).
    fn digest(letter: char, parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("footbridge object id");
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize();
        let name = URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..DIGEST]);
        Self(format!("{letter}{name}").into())
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_service_calls_a_message_its_name_is_plain_and_its_own() {
        let email =
            |id: &str, content| ObjectId::email(&RemoteId::new(id), content).as_str().to_owned();
        let name = email("AAMkAD+/=", "");
        assert_eq!(name.len(), 23);
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(name, email("AAMkAD+/=", ""));
        let others = [email("AAMkAD+/", "="), email("aamkad+/=", ""), email("AAMkAD+/=", "v2")];
        assert!(!others.contains(&name));
        assert_ne!(ObjectId::thread("x").as_str()[1..], email("x", "")[1..]);
    }

    #[test]
    fn names_stay_what_they_were_in_earlier_versions() {
        let email = ObjectId::email(&RemoteId::new("AAMk"), "");
        assert_eq!(email.as_str(), "Mje5uyUeTquMa3na7Gbdouw");
    }
}
