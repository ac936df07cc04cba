//! One connection's bytes, read and written against deadlines, whatever they are wrapped in.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::deflate::{Deflate, deflate};
use super::{Entry, Security};
use crate::clock::Clock;

#[derive(Debug)]
pub struct Transport {
    channel: Channel,
    entry: Entry,
    /// Between the protocol and TLS.
    deflate: Option<Box<Deflate>>,
    peer: SocketAddr,
    clock: Clock,
}

/// An enum, so that no session has a type parameter for it.
#[derive(Debug)]
enum Channel {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A handshake took it and did not give it back.
    Lost,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Loss {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer was silent for too long")]
    TimedOut,
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

/// How the peer left after our last words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parting {
    /// In an orderly way, so that it has most likely read them.
    Heard,
    /// The connection broke, or nobody waited for the peer.
    Unclear,
}

/// How long a handshake may take: old printers need seconds to compute, and a stalled one holds a place
/// among the connections of its address.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);

impl Transport {
    /// # Errors
    /// If the socket is dead already.
    pub fn plain(socket: TcpStream, clock: Clock) -> io::Result<Self> {
        // Answers are written whole; waiting for more to send would only add latency.
        socket.set_nodelay(true)?;
        let peer = socket.peer_addr()?;
        let channel = Channel::Plain(socket);
        Ok(Self { channel, entry: Entry::Plain, deflate: None, peer, clock })
    }

    #[must_use]
    pub fn entered_by(self, entry: Entry) -> Self {
        Self { entry, ..self }
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn security(&self) -> Security {
        match self.channel {
            Channel::Tls(_) => Security::Tls,
            Channel::Plain(_) | Channel::Lost => self.entry.security(),
        }
    }

    // === wrapping ===

    /// The TLS handshake; from then on everything is encrypted. A future dropped half-way loses the
    /// connection.
    ///
    /// # Errors
    /// If it fails or takes too long: then there is no one to talk to.
    pub async fn secure(&mut self) -> Result<(), Loss> {
        let (Entry::StartTls(tls, _) | Entry::Implicit(tls)) = &self.entry else {
            return Err(Loss::Broken(io::Error::other("this listener has no TLS")));
        };
        let Channel::Plain(socket) = mem::replace(&mut self.channel, Channel::Lost) else {
            return Err(Loss::Broken(io::Error::other("TLS cannot begin twice")));
        };
        let handshake = Box::pin(tls.accept(socket));
        let Ok(accepted) = self.clock.timeout(HANDSHAKE_WITHIN, handshake).await else {
            return Err(Loss::TimedOut);
        };
        self.channel = Channel::Tls(Box::new(accepted?));
        Ok(())
    }

    /// From now on both sides compress (RFC 4978).
    pub fn compress(&mut self) {
        self.deflate = Some(Box::new(Deflate::new()));
    }

    pub fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    // === bytes ===

    /// Reads what is there into `into`, at least one octet. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `Loss` also at the end of the stream.
    pub async fn read(&mut self, into: &mut [u8], limit: Duration) -> Result<usize, Loss> {
        let clock = self.clock.clone();
        clock.timeout(limit, self.receive(into)).await.unwrap_or(Err(Loss::TimedOut))
    }

    async fn receive(&mut self, into: &mut [u8]) -> Result<usize, Loss> {
        let Some(deflate) = &mut self.deflate else { return self.channel.read(into).await };
        loop {
            match deflate.inflate(into)? {
                0 => {
                    let read = self.channel.read(deflate.room()).await?;
                    deflate.filled(read);
                }
                inflated => return Ok(inflated),
            }
        }
    }

    /// Writes all of `bytes`. A future dropped half-way leaves the stream in an unknown place.
    ///
    /// # Errors
    /// If `limit` passes before the peer has taken everything.
    pub async fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Loss> {
        let clock = self.clock.clone();
        match clock.timeout(limit, self.send(bytes)).await {
            Err(_) => Err(Loss::TimedOut),
            Ok(written) => Ok(written?),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.deflate {
            Some(_) => self.channel.write(&deflate(bytes)?).await,
            None => self.channel.write(bytes).await,
        }
    }

    /// Says that nothing more will be written, and lets go by what the peer still sends, up to its
    /// end, `octets` or `limit`. Closing on unread input would reset the connection, and the peer
    /// might never see the last words (RFC 1122 §4.2.2.13).
    pub async fn linger(mut self, octets: usize, limit: Duration) -> Parting {
        let clock = self.clock.clone();
        let listening = async {
            self.channel.shutdown().await?;
            let mut buffer = [0; 4096];
            let mut heard = 0;
            while heard < octets {
                heard += self.channel.read(&mut buffer).await?;
            }
            Result::<(), Loss>::Ok(())
        };
        match clock.timeout(limit, listening).await {
            Ok(Err(Loss::Closed)) => Parting::Heard,
            _ => Parting::Unclear,
        }
    }

    /// Says in an orderly way that nothing more will be written.
    pub async fn close(mut self) {
        // A peer that is gone already has heard enough.
        let _ = self.channel.shutdown().await;
    }
}

impl Channel {
    /// At least one octet.
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Loss> {
        let read = match self {
            Self::Plain(socket) => socket.read(into).await,
            Self::Tls(stream) => stream.read(into).await,
            Self::Lost => Err(lost()),
        };
        match read {
            Ok(0) => Err(Loss::Closed),
            // Many clients hang up without TLS's own good-bye. As in plain text, an orderly end of
            // the connection says that what was sent has been read: else it would be a reset.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Loss::Closed),
            read => Ok(read?),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Lost => Err(lost()),
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
            Self::Lost => Ok(()),
        }
    }
}

fn lost() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
