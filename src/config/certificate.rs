//! A server certificate with its key: read from PEM files and found fit for use, or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::mailbox::Timestamp;

/// Where they are read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// PEM: the server's certificate first, then those in between, if any.
    pub certificate: PathBuf,
    /// PEM, not encrypted: PKCS#8, PKCS#1 or SEC 1.
    pub private_key: PathBuf,
}

/// A certificate that a server can show.
#[derive(Clone, Debug)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

/// What is wrong with one of the two files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unfit {
    pub file: UnfitFile,
    pub text: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnfitFile {
    Certificate,
    PrivateKey,
}

/// Seconds before the end of a certificate from which on it is worth a warning: time to get another.
const NEAR_ITS_END: i64 = 14 * 24 * 60 * 60;

impl CertificateFiles {
    /// What `footbridge certs init` makes.
    pub fn in_state(state_dir: &Path) -> Self {
        let folder = Self::folder(state_dir);
        Self { certificate: folder.join("server.pem"), private_key: folder.join("server-key.pem") }
    }

    pub fn folder(state_dir: &Path) -> PathBuf {
        state_dir.join("certs")
    }

    /// # Errors
    /// Everything that is wrong with either file.
    pub fn load(&self) -> Result<Identity, Vec<Unfit>> {
        let (chain, key) = match (self.chain(), self.key()) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err([chain.err(), key.err()].into_iter().flatten().collect()),
        };
        let not_after = not_after(&chain).map_err(|why| {
            vec![self.certificate(format!("holds something else than a certificate: {why}"))]
        })?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let key = key.map_err(|error| vec![self.unusable(&error)])?;
        Ok(Identity { key: Arc::new(key), not_after })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, Unfit> {
        let octets = fs::read(&self.certificate).map_err(|error| {
            self.certificate(format!(
                "cannot be read: {error}; make one with: footbridge certs init"
            ))
        })?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
        let chain = chain.map_err(|error| self.certificate(format!("is not PEM: {error}")))?;
        if chain.is_empty() {
            return Err(self.certificate("holds no certificate (BEGIN CERTIFICATE)".to_owned()));
        }
        Ok(chain)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, Unfit> {
        let octets = fs::read(&self.private_key)
            .map(Zeroizing::new)
            .map_err(|error| self.private_key(format!("cannot be read: {error}")))?;
        PrivateKeyDer::from_pem_slice(&octets).map_err(|error| {
            let is_sealed = octets.windows(9).any(|part| part == b"ENCRYPTED");
            self.private_key(match error {
                pem::Error::NoItemsFound if is_sealed => {
                    "is encrypted; give it without a passphrase".to_owned()
                }
                pem::Error::NoItemsFound => "holds no private key (BEGIN PRIVATE KEY)".to_owned(),
                error => format!("is not PEM: {error}"),
            })
        })
    }

    fn unusable(&self, error: &rustls::Error) -> Unfit {
        self.private_key(match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("is not the key of {}", self.certificate.display())
            }
            error => format!("cannot be used: {error}"),
        })
    }

    fn certificate(&self, text: String) -> Unfit {
        let text = format!("{} {text}", self.certificate.display());
        Unfit { file: UnfitFile::Certificate, text }
    }

    fn private_key(&self, text: String) -> Unfit {
        let text = format!("{} {text}", self.private_key.display());
        Unfit { file: UnfitFile::PrivateKey, text }
    }
}

impl Identity {
    pub fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// Whether it is the same certificate, those in between included.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }

    /// A sentence, if it has expired or soon will.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        if self.not_after.0 - now.0 > NEAR_ITS_END {
            return None;
        }
        let verb = if self.not_after < now { "expired" } else { "expires" };
        let day = jiff::Timestamp::from_second(self.not_after.0).ok()?.strftime("%Y-%m-%d");
        Some(format!("the certificate {verb} on {day}; clients refuse it from then on"))
    }
}

fn not_after(chain: &[CertificateDer<'static>]) -> Result<Timestamp, String> {
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let (_, certificate) = x509_parser::parse_x509_certificate(first).map_err(|e| e.to_string())?;
    Ok(Timestamp(certificate.validity().not_after.timestamp()))
}
