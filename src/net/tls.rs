//! The server's side of TLS: one certificate for all names, taken anew when its files change.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Drain;
use crate::clock::Clock;
use crate::config::certificate::{CertificateFiles, Identity, Unfit};

/// TLS as one listener speaks it. A handle, cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    files: CertificateFiles,
    shown: Arc<Shown>,
}

/// The certificate in use.
#[derive(Debug)]
struct Shown(RwLock<Identity>);

/// How the connections of a listener begin.
#[derive(Clone, Debug, Default)]
pub enum Entry {
    /// Plain text, and nothing else is offered.
    #[default]
    Plain,
    /// Plain text until the client asks for TLS.
    StartTls(Tls, PlainLogin),
    /// TLS from the first octet.
    Implicit(Tls),
}

/// Whether a password may cross in plain text where TLS is offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlainLogin {
    Allowed,
    Refused,
}

/// What protects a connection now, and what may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Security {
    /// Nothing, and nothing is offered.
    Plain,
    /// Nothing yet.
    Offered(PlainLogin),
    Tls,
}

/// How often the certificate's files are looked at: whoever renews one waits a minute at most.
const LOOK: Duration = Duration::from_secs(60);
/// Looks between two warnings of a certificate that comes to its end: once a day.
const LOOKS_PER_WARNING: u32 = 24 * 60;

impl Tls {
    /// `alpn` is the one protocol that a client may name in its handshake (RFC 7301), so that it
    /// cannot be led here while it means to speak another; it need not name any.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn new(files: CertificateFiles, alpn: &[u8]) -> Result<Self, Vec<Unfit>> {
        let shown = Arc::new(Shown(RwLock::new(files.load()?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![alpn.to_vec()];
        // Sessions are resumed from what the client keeps: nothing grows here.
        if let Ok(ticketer) = ring::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), files, shown })
    }

    /// The handshake. A failed one leaves nothing behind.
    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(socket).await
    }

    /// Takes a new certificate over within a minute of its files being replaced, until `drain`
    /// begins. One that cannot be used is told in the log, and the old one stays.
    pub async fn follow(self, clock: Clock, drain: Drain) {
        let mut looks: u32 = 0;
        let mut trouble = Ok(());
        loop {
            if looks.is_multiple_of(LOOKS_PER_WARNING)
                && let Some(warning) = self.shown.identity().warning(clock.now())
            {
                tracing::warn!(certificate = %self.files.certificate.display(), "{warning}");
            }
            tokio::select! {
                () = drain.begun() => return,
                () = clock.sleep(LOOK) => {}
            }
            looks = looks.wrapping_add(1);
            let seen = self.look();
            if seen != trouble
                && let Err(unfit) = &seen
            {
                let why: Vec<&str> = unfit.iter().map(|unfit| unfit.text.as_str()).collect();
                tracing::warn!("the old certificate stays in use: {}", why.join("; "));
            }
            trouble = seen;
        }
    }

    fn look(&self) -> Result<(), Vec<Unfit>> {
        let found = self.files.load()?;
        if !found.is_same_as(&self.shown.identity()) {
            tracing::info!(certificate = %self.files.certificate.display(), "a new certificate is in use");
            *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = found;
        }
        Ok(())
    }
}

impl Entry {
    pub fn security(&self) -> Security {
        match self {
            Self::Plain => Security::Plain,
            Self::StartTls(_, plain_login) => Security::Offered(*plain_login),
            Self::Implicit(_) => Security::Tls,
        }
    }
}

impl Shown {
    fn identity(&self) -> Identity {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.identity().key()))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// As a person setting up a mail client calls it.
impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "no TLS",
            Self::Offered(_) => "STARTTLS",
            Self::Tls => "TLS",
        })
    }
}
