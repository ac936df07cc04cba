//! Listening: bind everything before serving anything, and never more connections than agreed.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Drain, Entry, Security, Transport};
use crate::clock::Clock;

/// How many connections one listener holds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All together. Beyond it new clients wait in the kernel's queue.
    pub total: usize,
    /// From one address. Beyond it new clients are told so and let go.
    pub per_source: usize,
}

/// What is spoken on a listener.
pub trait Protocol: Clone + Send + Sync + 'static {
    /// Speaks with one client until the end.
    fn serve(&self, transport: Transport) -> impl Future<Output = ()> + Send;

    /// The one line for a client whose address has too many connections.
    fn turn_away(&self) -> &'static [u8];
}

/// A listener that has its address but does not serve yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    entry: Entry,
}

/// The time that a turned-away client gets to take its line.
const TURN_AWAY_WITHIN: Duration = Duration::from_secs(1);
/// The pause after a failed accept (no file descriptors left): long enough for some to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

impl Default for Limits {
    /// Clients on the same machine all share one source address, so it gets most of the room.
    fn default() -> Self {
        Self { total: 512, per_source: 384 }
    }
}

/// Binds every address or none.
///
/// # Errors
/// The first address that cannot be bound, by name.
pub async fn bind_all(addresses: &[SocketAddr]) -> io::Result<Vec<Bound>> {
    let mut bound = Vec::with_capacity(addresses.len());
    for wanted in addresses {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{wanted}: {error}"));
        let listener = TcpListener::bind(wanted).await.map_err(named)?;
        let address = listener.local_addr().map_err(named)?;
        bound.push(Bound { listener, address, entry: Entry::Plain });
    }
    Ok(bound)
}

impl Bound {
    /// How its connections begin, if not in plain text.
    #[must_use]
    pub fn entered_by(self, entry: Entry) -> Self {
        Self { entry, ..self }
    }

    pub fn security(&self) -> Security {
        self.entry.security()
    }

    /// The real address, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `drain` begins; each connection is a task of `drain`.
    pub async fn serve<P: Protocol>(self, protocol: P, limits: Limits, clock: Clock, drain: Drain) {
        let room = Arc::new(Semaphore::new(limits.total));
        let sources = Sources::new(limits.per_source);
        loop {
            let Some((socket, permit)) = self.next(&room, &clock, &drain).await else { return };
            let Ok(transport) = Transport::plain(socket, clock.clone()) else { continue };
            let transport = transport.entered_by(self.entry.clone());
            let seat = sources.seat(transport.peer().ip());
            let (protocol, ending) = (protocol.clone(), drain.clone());
            drain.spawn(async move {
                attend(&protocol, transport, seat, &ending).await;
                drop(permit);
            });
        }
    }

    /// The next client and its place, or `None` when shutdown begins.
    async fn next(
        &self,
        room: &Arc<Semaphore>,
        clock: &Clock,
        drain: &Drain,
    ) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let accept = async {
            let permit = Arc::clone(room).acquire_owned().await.ok()?;
            loop {
                match self.listener.accept().await {
                    Ok((socket, _)) => return Some((socket, permit)),
                    Err(error) => {
                        tracing::warn!(listener = %self.address, %error, "accept failed");
                        clock.back_off(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = drain.begun() => None,
            accepted = accept => accepted,
        }
    }
}

async fn attend<P: Protocol>(
    protocol: &P,
    mut transport: Transport,
    seat: Option<Seat>,
    drain: &Drain,
) {
    let is_wrapped = transport.security() == Security::Tls;
    let Some(_seat) = seat else {
        tracing::info!(peer = %transport.peer(), "turned away: too many connections from one address");
        // A client in the middle of a handshake could not read it, and one is too much work for this.
        if !is_wrapped {
            // Nothing depends on whether the client takes it.
            let _ = transport.write(protocol.turn_away(), TURN_AWAY_WITHIN).await;
        }
        return transport.close().await;
    };
    if is_wrapped {
        let secured = tokio::select! {
            secured = transport.secure() => secured,
            () = drain.begun() => return,
        };
        if let Err(loss) = secured {
            tracing::debug!(peer = %transport.peer(), %loss, "no TLS came about");
            return;
        }
    }
    protocol.serve(transport).await;
}

/// Connections by source address.
#[derive(Clone, Debug)]
struct Sources {
    limit: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection's place among those of its address; given back on drop.
#[derive(Debug)]
struct Seat {
    sources: Sources,
    address: IpAddr,
}

impl Sources {
    fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    fn seat(&self, address: IpAddr) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Seat { sources: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.sources.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = taken.get_mut(&self.address) else { return };
        *count -= 1;
        if *count == 0 {
            taken.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[derive(Clone)]
    struct Echo;

    impl Protocol for Echo {
        async fn serve(&self, mut transport: Transport) {
            let mut buffer = [0; 16];
            while let Ok(read) = transport.read(&mut buffer, Duration::from_secs(60)).await {
                if transport.write(&buffer[..read], Duration::from_secs(60)).await.is_err() {
                    return;
                }
            }
        }

        fn turn_away(&self) -> &'static [u8] {
            b"full\r\n"
        }
    }

    #[tokio::test]
    async fn an_address_with_too_many_connections_is_told_so_and_others_live_on() {
        let bound = bind_all(&["127.0.0.1:0".parse().unwrap()]).await.unwrap().remove(0);
        let (address, clock, drain) = (bound.address(), Clock::system(), Drain::new());
        let limits = Limits { total: 10, per_source: 1 };
        drain.spawn(bound.serve(Echo, limits, clock.clone(), drain.clone()));

        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        first.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");

        let mut told = String::new();
        TcpStream::connect(address).await.unwrap().read_to_string(&mut told).await.unwrap();
        assert_eq!(told, "full\r\n");

        first.write_all(b"still").await.unwrap();
        first.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"still");
        drop(first);
        drain.drain(&clock, Duration::from_secs(30)).await;
    }

    #[test]
    fn a_seat_comes_back_when_its_connection_ends() {
        let sources = Sources::new(1);
        let here: IpAddr = [127, 0, 0, 1].into();
        let seat = sources.seat(here);
        assert!(seat.is_some());
        assert!(sources.seat(here).is_none());
        drop(seat);
        assert!(sources.seat(here).is_some());
    }
}
