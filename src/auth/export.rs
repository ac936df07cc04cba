//! A connection in a file, sealed under a passphrase, to be carried to another machine.

use super::Secret;
use super::key::{Salt, fresh_salt, stretch};
use super::vault::{VaultError, open, seal};

const MARK: &[u8; 8] = b"FBEXPRT1";
/// Keeps an exported file from being taken for anything else that a passphrase may seal.
const BOUND: &[u8] = b"footbridge connection export";

/// Takes a second and 64 MiB (argon2id); run it where blocking is allowed.
///
/// # Errors
/// `ShortPassphrase`.
pub fn sealed(content: &Secret, passphrase: &Secret) -> Result<Vec<u8>, VaultError> {
    let salt = fresh_salt()?;
    let key = stretch(passphrase, &salt)?;
    let sealed = seal(&key, MARK, BOUND, content.expose().as_bytes())?;
    Ok([salt.as_slice(), &sealed].concat())
}

/// # Errors
/// `Sealed` for a wrong passphrase or a damaged file.
pub fn opened(file: &[u8], passphrase: &Secret) -> Result<Secret, VaultError> {
    const SALT: usize = size_of::<Salt>();
    let (salt, rest) = file.split_first_chunk::<SALT>().ok_or(VaultError::Sealed)?;
    let plain = open(&stretch(passphrase, salt)?, MARK, BOUND, rest)?;
    std::str::from_utf8(&plain).map(Secret::new).map_err(|_| VaultError::Sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_octet_that_is_damaged_and_any_that_is_missing_shuts_the_file() {
        let passphrase = Secret::new("correct horse");
        let file = sealed(&Secret::new("{}"), &passphrase).unwrap();
        let (salt, rest) = file.split_first_chunk().unwrap();
        // Stretched once: what the key opens is decided after.
        let key = stretch(&passphrase, salt).unwrap();
        assert!(open(&key, MARK, BOUND, rest).is_ok());
        for bit in 0..rest.len() * 8 {
            let mut flipped = rest.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, MARK, BOUND, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..rest.len() {
            assert!(open(&key, MARK, BOUND, &rest[..length]).is_err());
        }
        let mut other_salt = *salt;
        other_salt[3] ^= 1;
        let key = stretch(&passphrase, &other_salt).unwrap();
        assert!(open(&key, MARK, BOUND, rest).is_err());
    }

    #[test]
    fn only_the_passphrase_opens_what_it_sealed() {
        let passphrase = Secret::new("correct horse");
        let content = Secret::new("{\"token\":1}");
        let mut file = sealed(&content, &passphrase).unwrap();
        assert_eq!(opened(&file, &passphrase).unwrap(), content);
        let wrong = opened(&file, &Secret::new("battery staple"));
        assert!(matches!(wrong, Err(VaultError::Sealed)));
        let last = file.len() - 1;
        file[last] ^= 1;
        assert!(matches!(opened(&file, &passphrase), Err(VaultError::Sealed)));
        assert!(!file.windows(5).any(|bytes| bytes == b"token"));
    }
}
