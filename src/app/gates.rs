//! The addresses that clients of one protocol come to, and how a conversation begins at each.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::clock::Clock;
use crate::config::{Listener, TlsMode};
use crate::net::{Bound, Drain, Entry, Limits, PlainLogin, Protocol, Security, Tls, bind_all};

/// Bound, and not yet served.
pub(super) struct Gates {
    bound: Vec<Bound>,
    tls: Option<Tls>,
}

/// An address with its port resolved, and what protects a connection to it.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    pub address: SocketAddr,
    pub security: Security,
}

impl Gates {
    /// `alpn` is the protocol's name in a TLS handshake.
    ///
    /// # Errors
    /// An address that is taken, a certificate that cannot be used.
    pub(super) async fn open(
        listener: &Listener,
        state_dir: &Path,
        alpn: &str,
    ) -> anyhow::Result<Self> {
        let tls = match listener.certificate(state_dir) {
            Some(files) => Some(Tls::new(files, alpn.as_bytes()).map_err(|unfit| {
                let why: Vec<&str> = unfit.iter().map(|unfit| unfit.text.as_str()).collect();
                anyhow!("{}", why.join("; "))
            })?),
            None => None,
        };
        let mut bound = Vec::new();
        for (addresses, entry) in [
            (&listener.listen, entry(listener, tls.clone())),
            (&listener.listen_tls, tls.clone().map_or(Entry::Plain, Entry::Implicit)),
        ] {
            let free = bind_all(addresses).await.context("listen")?;
            bound.extend(free.into_iter().map(|free| free.entered_by(entry.clone())));
        }
        Ok(Self { bound, tls })
    }

    pub(super) fn list(&self) -> Vec<Gate> {
        let gate = |bound: &Bound| Gate { address: bound.address(), security: bound.security() };
        self.bound.iter().map(gate).collect()
    }

    /// Serves them all until `drain` begins.
    pub(super) fn serve(
        self,
        protocol: &impl Protocol,
        limits: Limits,
        clock: &Clock,
        drain: &Drain,
    ) {
        for bound in self.bound {
            drain.spawn(bound.serve(protocol.clone(), limits, clock.clone(), drain.clone()));
        }
        if let Some(tls) = self.tls {
            drain.spawn(tls.follow(clock.clone(), drain.clone()));
        }
    }
}

/// How a connection to an address of `listen` begins.
fn entry(listener: &Listener, tls: Option<Tls>) -> Entry {
    let plain_login = match listener.allow_plaintext {
        true => PlainLogin::Allowed,
        false => PlainLogin::Refused,
    };
    match (listener.tls, tls) {
        (TlsMode::StartTls, Some(tls)) => Entry::StartTls(tls, plain_login),
        (TlsMode::Implicit, Some(tls)) => Entry::Implicit(tls),
        (TlsMode::Off, _) | (_, None) => Entry::Plain,
    }
}
