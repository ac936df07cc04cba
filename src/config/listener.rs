//! Where clients connect, and what protects their passwords on the way.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::certificate::{CertificateFiles, UnfitFile};
use super::reader::Reader;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listener {
    pub listen: Vec<SocketAddr>,
    /// Spoken at `listen`.
    pub tls: TlsMode,
    /// More addresses, with TLS from the first octet whatever `tls` says.
    pub listen_tls: Vec<SocketAddr>,
    /// A login in plain text must be asked for by name where others may hear it.
    pub allow_plaintext: bool,
    /// Those of the state folder, if none are named.
    certificate: Option<CertificateFiles>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TlsMode {
    #[default]
    Off,
    /// Plain text until the client asks for TLS, and no login before, unless `allow_plaintext`.
    StartTls,
    /// TLS from the first octet.
    Implicit,
}

impl Listener {
    /// The files that TLS needs here, if there is any TLS.
    pub fn certificate(&self, state_dir: &Path) -> Option<CertificateFiles> {
        if self.tls == TlsMode::Off && self.listen_tls.is_empty() {
            return None;
        }
        Some(self.certificate.clone().unwrap_or_else(|| CertificateFiles::in_state(state_dir)))
    }

    pub(super) fn at(address: &str) -> Self {
        Self { listen: address.parse().into_iter().collect(), ..Self::default() }
    }

    /// As well protected, and without an address yet. Leave for plain text does not go along.
    pub(super) fn elsewhere(&self) -> Self {
        Self { tls: self.tls, certificate: self.certificate.clone(), ..Self::default() }
    }

    /// Every address, those of `listen` first.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listen.iter().chain(&self.listen_tls).copied()
    }
}

/// What the section does not say is as in `default`.
pub(super) fn read(reader: &mut Reader<'_>, section: &str, default: Listener) -> Listener {
    let listen_key = format!("{section}.listen");
    let listen: Vec<SocketAddr> = reader.list(&listen_key, default.listen, parse_address);
    let listen_tls =
        reader.list(&format!("{section}.listen_tls"), default.listen_tls, parse_address);
    let modes =
        [("off", TlsMode::Off), ("starttls", TlsMode::StartTls), ("implicit", TlsMode::Implicit)];
    let tls = reader.choice(&format!("{section}.tls"), default.tls, &modes);
    let allow_plaintext =
        reader.switch(&format!("{section}.allow_plaintext"), default.allow_plaintext);
    let exposed = listen.iter().find(|address| !address.ip().is_loopback());
    if let (Some(address), TlsMode::Off, false) = (exposed, tls, allow_plaintext) {
        let text = format!(
            "would send passwords in plain text to others at {address}; set {section}.tls = \
             \"starttls\" or \"implicit\", use a loopback address, or set {section}.allow_plaintext \
             = true if the network is trusted"
        );
        reader.problem(&listen_key, text);
    }
    let certificate = files(reader, section).or(default.certificate);
    Listener { listen, tls, listen_tls, allow_plaintext, certificate }
}

fn files(reader: &mut Reader<'_>, section: &str) -> Option<CertificateFiles> {
    let mut path = |name: &str| {
        let path = reader.string(&format!("{section}.{name}"), "");
        (!path.is_empty()).then(|| PathBuf::from(path))
    };
    match (path("certificate"), path("private_key")) {
        (Some(certificate), Some(private_key)) => {
            Some(CertificateFiles { certificate, private_key })
        }
        (Some(_), None) => {
            reader.problem(
                &format!("{section}.certificate"),
                format!("needs its key: set {section}.private_key, too"),
            );
            None
        }
        (None, Some(_)) => {
            reader.problem(
                &format!("{section}.private_key"),
                format!("needs its certificate: set {section}.certificate, too"),
            );
            None
        }
        (None, None) => None,
    }
}

/// Opens the files that `listener` names.
pub(super) fn check_files(
    reader: &mut Reader<'_>,
    section: &str,
    listener: &Listener,
    state_dir: &Path,
) {
    let Some(files) = listener.certificate(state_dir) else { return };
    for unfit in files.load().err().into_iter().flatten() {
        let key = match unfit.file {
            UnfitFile::Certificate => "certificate",
            UnfitFile::PrivateKey => "private_key",
        };
        reader.problem(&format!("{section}.{key}"), format!("is not usable: {}", unfit.text));
    }
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| format!("wants addresses such as \"127.0.0.1:1143\", not {text:?}"))
}
