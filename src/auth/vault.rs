//! Where refresh tokens survive a restart: sealed, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::Secret;
use crate::mailbox::Timestamp;

/// Keeps one connection's refresh token.
#[async_trait]
pub trait TokenVault: std::fmt::Debug + Send + Sync + 'static {
    /// `None` if nobody has signed in yet.
    ///
    /// # Errors
    /// `VaultError`.
    async fn load(&self) -> Result<Option<Secret>, VaultError>;

    /// Durable when it returns.
    ///
    /// # Errors
    /// `VaultError`; what was stored before is still there.
    async fn save(&self, token: &Secret) -> Result<(), VaultError>;

    /// When the token was last stored, if that is known.
    fn saved_at(&self) -> Option<Timestamp> {
        None
    }

    /// Writes down what the service demands of the next sign-in (reference A.5), for whichever process
    /// that is in. It is no secret. The next `save` ends it.
    ///
    /// # Errors
    /// `VaultError`.
    async fn demand(&self, _claims: &str) -> Result<(), VaultError> {
        Ok(())
    }

    /// What `demand` wrote down, if nothing was saved since.
    ///
    /// # Errors
    /// `VaultError`.
    async fn demanded(&self) -> Result<Option<String>, VaultError> {
        Ok(None)
    }

    /// Alone with the vault until the answer is dropped: a refresh token that another process has
    /// spent meanwhile must not be spent again.
    ///
    /// # Errors
    /// `VaultError`.
    async fn lock(&self) -> Result<VaultLock, VaultError> {
        Ok(VaultLock(None))
    }
}

/// Held by the operating system, so that a process that dies gives it back.
#[derive(Debug)]
pub struct VaultLock(#[expect(dead_code, reason = "held, not read")] Option<File>);

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(
        "no vault key, and without one nothing is stored. Make one: \
         (umask 077; head -c 32 /dev/urandom > footbridge.key), and name it in FOOTBRIDGE_KEY_FILE \
         or as key_file in the settings; or give a passphrase in FOOTBRIDGE_PASSPHRASE"
    )]
    NoKey,
    #[error("the vault key holds {0} bytes; at least 32 are needed")]
    ShortKey(usize),
    #[error("the passphrase is too short; at least 8 characters are needed")]
    ShortPassphrase,
    #[error("what is sealed cannot be opened: wrong key, or damaged")]
    Sealed,
    #[error(
        "the stored sign-in of {user} ({}) cannot be opened: the vault key is not the one that it was \
         sealed with, or the file is damaged, or it is another connection's. Nothing was changed. \
         Give the right key, or put the file back from a backup and restart; or sign in anew: \
         footbridge connection add ADDRESS --replace", path.display()
    )]
    Shut { user: String, path: PathBuf },
    #[error(
        "the desktop's keyring {0}. Unlock or start it (a session on D-Bus needs \
         DBUS_SESSION_BUS_ADDRESS), or give a key in another way: FOOTBRIDGE_KEY_FILE, \
         FOOTBRIDGE_KEY or FOOTBRIDGE_PASSPHRASE. Nothing is stored without one"
    )]
    Keyring(String),
    #[error("the vault cannot be read or written")]
    Disk(#[from] io::Error),
}

/// What seals vaults. Wiped when dropped.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; 32]>);

/// One sealed file. The connection's address is bound into the seal, so that a vault put in
/// another connection's place does not open.
#[derive(Clone)]
pub struct FileVault {
    path: PathBuf,
    address: String,
    key: VaultKey,
}

/// Forgets at exit: for the demo and tests.
#[derive(Default)]
pub struct MemoryVault(Mutex<Option<Secret>>);

/// Format mark, and what keeps this key apart from other uses of the same key file.
const MAGIC: &[u8; 8] = b"FBVAULT1";
const KEY_CONTEXT: &str = "footbridge 2026 token vault";
const NONCE: usize = 24;
/// Letters of a vault's file name.
const NAME: usize = 32;
const SHORTEST_KEY: usize = 32;

impl VaultKey {
    /// # Errors
    /// `NoKey` without one, `ShortKey` below 32 bytes.
    pub fn new(material: Option<&[u8]>) -> Result<Self, VaultError> {
        let material = material.ok_or(VaultError::NoKey)?;
        if material.len() < SHORTEST_KEY {
            return Err(VaultError::ShortKey(material.len()));
        }
        Ok(Self(Zeroizing::new(blake3::derive_key(KEY_CONTEXT, material))))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }
}

impl FileVault {
    pub fn new(path: impl Into<PathBuf>, address: &str, key: VaultKey) -> Self {
        Self { path: path.into(), address: address.to_ascii_lowercase(), key }
    }

    /// The vault of a connection in the directory of all vaults. Addresses may hold characters that
    /// file names may not, so the name is a digest.
    pub fn within(directory: &Path, user: &str, key: VaultKey) -> Self {
        Self::new(directory.join(Self::file_name(user)), user, key)
    }

    fn file_name(user: &str) -> String {
        blake3::hash(user.to_ascii_lowercase().as_bytes()).to_hex()[..NAME].to_owned()
    }

    /// When the refresh token was last renewed: that is when its file was last written.
    pub fn last_saved(directory: &Path, user: &str) -> Option<Timestamp> {
        written_at(&directory.join(Self::file_name(user)))
    }

    /// Forgets a connection's token, whatever key it was sealed with. Waits for a renewal that is
    /// under way, which would store its token afterwards.
    ///
    /// # Errors
    /// If the file is there and cannot be removed.
    pub fn forget(directory: &Path, user: &str) -> io::Result<()> {
        let path = directory.join(Self::file_name(user));
        let _lock = locked(&path.with_extension("lock"))?;
        let (draft, lock) = (path.with_extension("new"), path.with_extension("lock"));
        [draft, claims_path(&path), path, lock].iter().try_for_each(|path| remove(path))
    }

    fn seal(&self, token: &Secret) -> Result<Vec<u8>, VaultError> {
        seal(&self.key, MAGIC, self.address.as_bytes(), token.expose().as_bytes())
    }

    fn open(&self, file: &[u8]) -> Result<Secret, VaultError> {
        let shut = || VaultError::Shut { user: self.address.clone(), path: self.path.clone() };
        let plain = open(&self.key, MAGIC, self.address.as_bytes(), file).map_err(|_| shut())?;
        std::str::from_utf8(&plain).map(Secret::new).map_err(|_| shut())
    }

    /// Whether this is how a vault's file is called.
    #[cfg(feature = "keyring")]
    pub(super) fn is_name(name: &std::ffi::OsStr) -> bool {
        name.len() == NAME && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
    }
}

/// XChaCha20-Poly1305 under a fresh nonce: mark, nonce, sealed bytes.
pub(super) fn seal(
    key: &VaultKey,
    mark: &[u8; 8],
    bound: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|error| io::Error::other(error.to_string()))?;
    let plain = Payload { msg: plain, aad: bound };
    let sealed =
        key.cipher().encrypt(&XNonce::from(nonce), plain).map_err(|_| VaultError::Sealed)?;
    Ok([mark.as_slice(), &nonce, &sealed].concat())
}

pub(super) fn open(
    key: &VaultKey,
    mark: &[u8; 8],
    bound: &[u8],
    file: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let rest = file.strip_prefix(mark).ok_or(VaultError::Sealed)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Sealed)?;
    let sealed = Payload { msg: sealed, aad: bound };
    let plain = key.cipher().decrypt(&XNonce::from(*nonce), sealed);
    plain.map(Zeroizing::new).map_err(|_| VaultError::Sealed)
}

#[async_trait]
impl TokenVault for FileVault {
    async fn load(&self) -> Result<Option<Secret>, VaultError> {
        let vault = self.clone();
        blocking(move || match fs::read(&vault.path) {
            Ok(file) => vault.open(&file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn save(&self, token: &Secret) -> Result<(), VaultError> {
        let sealed = self.seal(token)?;
        let path = self.path.clone();
        blocking(move || {
            replace(&path, &sealed)?;
            Ok(remove(&claims_path(&path))?)
        })
        .await
    }

    fn saved_at(&self) -> Option<Timestamp> {
        written_at(&self.path)
    }

    async fn demand(&self, claims: &str) -> Result<(), VaultError> {
        let (path, claims) = (claims_path(&self.path), claims.to_owned());
        blocking(move || Ok(replace(&path, claims.as_bytes())?)).await
    }

    async fn demanded(&self) -> Result<Option<String>, VaultError> {
        let path = claims_path(&self.path);
        blocking(move || match fs::read_to_string(path) {
            Ok(claims) => Ok(Some(claims)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn lock(&self) -> Result<VaultLock, VaultError> {
        let path = self.path.with_extension("lock");
        blocking(move || Ok(VaultLock(Some(locked(&path)?)))).await
    }
}

#[async_trait]
impl TokenVault for MemoryVault {
    async fn load(&self) -> Result<Option<Secret>, VaultError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn save(&self, token: &Secret) -> Result<(), VaultError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(())
    }
}

impl MemoryVault {
    pub fn holding(token: Secret) -> Self {
        Self(Mutex::new(Some(token)))
    }
}

impl std::fmt::Debug for FileVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileVault({})", self.path.display())
    }
}

impl std::fmt::Debug for MemoryVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryVault")
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(io::Error::other("interrupted").into()))
}

/// The lock file, locked. `forget` removes it, so that who waited meanwhile holds a file that nobody
/// else will find: then the wait begins anew.
fn locked(path: &Path) -> io::Result<File> {
    loop {
        path.parent().map_or(Ok(()), make_private)?;
        let file = private(OpenOptions::new().append(true).create(true)).open(path)?;
        file.lock()?;
        if is_at(&file, path)? {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file that is open cannot be removed there.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Beside the vault; its draft must not be the vault's.
fn claims_path(vault: &Path) -> PathBuf {
    let mut name = vault.file_name().unwrap_or_default().to_owned();
    name.push("-claims");
    vault.with_file_name(name)
}

fn written_at(path: &Path) -> Option<Timestamp> {
    let written = fs::metadata(path).ok()?.modified().ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A crash leaves either the old file or the new one, whole.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    make_private(folder)?;
    let temporary = path.with_extension("new");
    let mut file =
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

/// For the owner's eyes only.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes a folder, and those above it, for its owner alone.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> VaultKey {
        VaultKey::new(Some(&[byte; 32])).unwrap()
    }

    #[tokio::test]
    async fn a_token_survives_and_never_stands_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.vault");
        let vault = FileVault::new(&path, "ada@contoso.example", key(1));
        assert!(vault.load().await.unwrap().is_none());
        vault.save(&Secret::new("first")).await.unwrap();
        vault.save(&Secret::new("refresh-token")).await.unwrap();
        let again = FileVault::new(&path, "Ada@Contoso.example", key(1));
        assert_eq!(again.load().await.unwrap(), Some(Secret::new("refresh-token")));
        let file = fs::read(&path).unwrap();
        assert!(!file.windows(7).any(|bytes| bytes == b"refresh"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_demanded_of_the_next_sign_in_is_known_until_it_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let vault = || FileVault::new(folder.path().join("ada"), "ada", key(1));
        assert_eq!(vault().demanded().await.unwrap(), None);
        vault().demand("{}").await.unwrap();
        assert_eq!(vault().demanded().await.unwrap().as_deref(), Some("{}"));
        vault().save(&Secret::new("x")).await.unwrap();
        assert_eq!(vault().demanded().await.unwrap(), None);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_its_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.vault");
        FileVault::new(&path, "ada", key(1)).save(&Secret::new("x")).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn another_key_or_another_connection_does_not_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.vault");
        FileVault::new(&path, "ada", key(1)).save(&Secret::new("x")).await.unwrap();
        let stolen = FileVault::new(&path, "eve", key(1)).load().await;
        assert!(matches!(stolen, Err(VaultError::Shut { .. })));
        let guessed = FileVault::new(&path, "ada", key(2)).load().await;
        assert!(matches!(guessed, Err(VaultError::Shut { .. })));
    }

    #[tokio::test]
    async fn any_bit_that_flips_and_any_octet_that_is_missing_shuts_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.vault");
        let vault = FileVault::new(&path, "ada", key(1));
        vault.save(&Secret::new("refresh-token")).await.unwrap();
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(vault.open(&flipped), Err(VaultError::Shut { .. })), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(matches!(vault.open(&whole[..length]), Err(VaultError::Shut { .. })));
        }
        fs::write(&path, b"").unwrap();
        assert!(matches!(vault.load().await, Err(VaultError::Shut { .. })));
    }

    #[tokio::test]
    async fn what_is_forgotten_during_a_renewal_is_not_stored_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let vault = || FileVault::within(folder.path(), "ada", key(1));
        vault().save(&Secret::new("old")).await.unwrap();
        let renewing = vault().lock().await.unwrap();
        let directory = folder.path().to_owned();
        let forgetting = std::thread::spawn(move || FileVault::forget(&directory, "ada"));
        // A forgetting that does not wait for the lock is over in a moment.
        for _ in 0..10_000 {
            std::thread::yield_now();
        }
        assert!(!forgetting.is_finished());
        vault().save(&Secret::new("new")).await.unwrap();
        drop(renewing);
        forgetting.join().unwrap().unwrap();
        assert!(vault().load().await.unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn who_waited_while_the_vault_was_forgotten_is_alone_with_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.lock");
        let first = locked(&path).unwrap();
        let waiting = {
            let path = path.clone();
            std::thread::spawn(move || locked(&path))
        };
        for _ in 0..10_000 {
            std::thread::yield_now();
        }
        fs::remove_file(&path).unwrap();
        drop(first);
        let _second = waiting.join().unwrap().unwrap();
        let third = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(matches!(third.try_lock(), Err(fs::TryLockError::WouldBlock)));
    }

    #[test]
    fn without_a_key_the_error_says_how_to_give_one() {
        let error = VaultKey::new(None).err().unwrap().to_string();
        assert!(error.contains("FOOTBRIDGE_KEY_FILE"));
        assert!(matches!(VaultKey::new(Some(b"short")), Err(VaultError::ShortKey(5))));
    }
}
