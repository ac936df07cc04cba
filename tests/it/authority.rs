//! A certificate authority for one world: what `footbridge certs init` makes, made in the test.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use footbridge::config::certificate::CertificateFiles;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio_rustls::TlsConnector;

/// A client's view of it.
pub(crate) struct Trust(pub(crate) ClientConfig);

/// Makes a CA and a certificate of its own in the state folder, unless they are there.
pub(crate) fn settle(state: &Path) {
    let files = CertificateFiles::in_state(state);
    if !files.certificate.exists() {
        replace(state);
    }
}

/// A new authority and a new certificate in the place of the old ones.
pub(crate) fn replace(state: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap();
    let files = CertificateFiles::in_state(state);
    fs::create_dir_all(CertificateFiles::folder(state)).unwrap();
    fs::write(CertificateFiles::folder(state).join("ca.pem"), ca.pem()).unwrap();
    fs::write(files.certificate, server.pem()).unwrap();
    fs::write(files.private_key, key.serialize_pem()).unwrap();
}

impl Trust {
    /// In the authority that is there now.
    pub(crate) fn in_state(state: &Path) -> Self {
        Self::with_versions(state, rustls::ALL_VERSIONS)
    }

    pub(crate) fn with_versions(
        state: &Path,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let pem = CertificateFiles::folder(state).join("ca.pem");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pem).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(config)
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::new(self.0.clone()))
    }

    pub(crate) fn name() -> ServerName<'static> {
        ServerName::try_from("localhost").unwrap()
    }
}
