//! One connection's bytes, read and written against deadlines.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clock::Clock;

#[derive(Debug)]
pub struct Transport {
    channel: Channel,
    peer: SocketAddr,
    clock: Clock,
}

/// An enum, so that TLS can join without a type parameter on every session.
#[derive(Debug)]
enum Channel {
    Plain(TcpStream),
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

impl Transport {
    /// # Errors
    /// If the socket is dead already.
    pub fn plain(socket: TcpStream, clock: Clock) -> io::Result<Self> {
        // Answers are written whole; waiting for more to send would only add latency.
        socket.set_nodelay(true)?;
        let peer = socket.peer_addr()?;
        Ok(Self { channel: Channel::Plain(socket), peer, clock })
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Reads what is there into `into`, at least one octet. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `Loss` also at the end of the stream.
    pub async fn read(&mut self, into: &mut [u8], limit: Duration) -> Result<usize, Loss> {
        let Channel::Plain(socket) = &mut self.channel;
        match self.clock.timeout(limit, socket.read(into)).await {
            Err(_) => Err(Loss::TimedOut),
            Ok(Ok(0)) => Err(Loss::Closed),
            Ok(read) => Ok(read?),
        }
    }

    /// Writes all of `bytes`. A future dropped half-way leaves the stream in an unknown place.
    ///
    /// # Errors
    /// If `limit` passes before the peer has taken everything.
    pub async fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Loss> {
        let Channel::Plain(socket) = &mut self.channel;
        match self.clock.timeout(limit, socket.write_all(bytes)).await {
            Err(_) => Err(Loss::TimedOut),
            Ok(written) => Ok(written?),
        }
    }

    /// Says that nothing more will be written, and lets go by what the peer still sends, up to its
    /// end, `octets` or `limit`. Closing on unread input would reset the connection, and the peer
    /// might never see the last words (RFC 1122 §4.2.2.13).
    pub async fn linger(mut self, octets: usize, limit: Duration) {
        let clock = self.clock.clone();
        let Channel::Plain(socket) = &mut self.channel;
        let listening = async {
            socket.shutdown().await?;
            let mut buffer = [0; 4096];
            let mut heard = 0;
            while heard < octets {
                match socket.read(&mut buffer).await? {
                    0 => break,
                    read => heard += read,
                }
            }
            io::Result::Ok(())
        };
        // Whether it worked or not, this is the end.
        let _ = clock.timeout(limit, listening).await;
    }

    /// Says in an orderly way that nothing more will be written.
    pub async fn close(mut self) {
        let Channel::Plain(socket) = &mut self.channel;
        // A peer that is gone already has heard enough.
        let _ = socket.shutdown().await;
    }
}
