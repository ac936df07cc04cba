//! A listener for one redirect (RFC 8252 §7.3, reference A.2), on this machine only.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::authorize::Attempt;
use super::redirect::Redirect;
use super::{SignInError, page};
use crate::clock::Clock;
use crate::http::Secret;

/// A free port on both loopback addresses: `localhost` means either, by the machine's taste.
#[derive(Debug)]
pub struct Loopback {
    four: TcpListener,
    six: Option<TcpListener>,
    port: u16,
}

/// The browser that brought the answer, waiting for its last page.
#[derive(Debug)]
pub struct Visitor(TcpStream);

/// Tries to find a port that is free on both addresses.
const TRIES: u32 = 20;
/// A redirect's head: the code alone may hold some kilobytes.
const HEAD: usize = 32 * 1024;
/// Browsers open connections ahead of need; one that says nothing is let go after this.
const SILENCE: Duration = Duration::from_secs(30);
/// Connections at one time.
const VISITORS: usize = 32;

impl Loopback {
    /// # Errors
    /// If the machine has no loopback address or no free port.
    pub async fn bind() -> io::Result<Self> {
        let mut tried = 0;
        loop {
            let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = four.local_addr()?.port();
            match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
                Ok(six) => return Ok(Self { four, six: Some(six), port }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tried < TRIES => {
                    tried += 1;
                }
                // A machine without IPv6.
                Err(_) => return Ok(Self { four, six: None, port }),
            }
        }
    }

    /// The redirect address of the sign-in: by name, since an address needs a registration by hand.
    pub fn redirect_uri(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Waits for the redirect that answers `attempt`. The listener is gone afterwards.
    ///
    /// # Errors
    /// `TimedOut`.
    pub async fn wait(
        self,
        attempt: &Attempt,
        limit: Duration,
        clock: &Clock,
    ) -> Result<(Redirect, Visitor), SignInError> {
        let read = |query: &str| Redirect::of_query(query).filter(|found| attempt.owns(found));
        let heard = clock.timeout(limit, self.hear(read, clock)).await;
        heard.map_err(|_| SignInError::TimedOut(limit))
    }

    /// Waits for a visitor whose query is what `read` takes; what else comes is sent away and
    /// changes nothing.
    pub(in crate::auth) async fn hear<T>(
        self,
        read: impl Fn(&str) -> Option<T>,
        clock: &Clock,
    ) -> (T, Visitor) {
        let (tell, mut told) = mpsc::channel(VISITORS);
        // Dropped with this future, and every visitor with it.
        let mut visitors = JoinSet::new();
        loop {
            tokio::select! {
                socket = self.accept(), if visitors.len() < VISITORS => {
                    let Ok(socket) = socket else { continue };
                    let (tell, clock) = (tell.clone(), clock.clone());
                    visitors.spawn(async move {
                        let heard = clock.timeout(SILENCE, listen(socket)).await;
                        if let Ok(Ok(Some(found))) = heard {
                            let _ = tell.send(found).await;
                        }
                    });
                }
                Some(_) = visitors.join_next() => {}
                Some((query, visitor)) = told.recv() => {
                    let query: Secret = query;
                    if let Some(found) = read(query.expose()) {
                        return (found, visitor);
                    }
                    visitors.spawn(async move { visitor.show(400, &page::foreign()).await });
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        match &self.six {
            None => self.four.accept().await.map(|(socket, _)| socket),
            Some(six) => tokio::select! {
                accepted = self.four.accept() => accepted.map(|(socket, _)| socket),
                accepted = six.accept() => accepted.map(|(socket, _)| socket),
            },
        }
    }
}

impl Visitor {
    /// Says that it worked, as whom.
    pub async fn confirm(self, address: &str) {
        self.show(200, &page::success(address)).await;
    }

    /// Names the error and its cure.
    pub async fn explain(self, error: &SignInError) {
        self.show(400, &page::failure(error)).await;
    }

    pub(in crate::auth) async fn show(mut self, status: u16, html: &str) {
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
             Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
            html.len()
        );
        // A browser that is gone has nothing to be told.
        let _ = self.0.write_all(head.as_bytes()).await;
        let _ = self.0.write_all(html.as_bytes()).await;
        let _ = self.0.shutdown().await;
    }
}

/// Reads one request's query; `None` if it was no redirect and has been answered.
async fn listen(mut socket: TcpStream) -> io::Result<Option<(Secret, Visitor)>> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = socket.read(&mut chunk).await?;
        if read == 0 || head.len() + read > HEAD {
            return Ok(None);
        }
        head.extend_from_slice(&chunk[..read]);
    }
    let visitor = Visitor(socket);
    match query_of(&head) {
        Some(query) => Ok(Some((Secret::new(query), visitor))),
        None => {
            visitor.show(404, &page::stray()).await;
            Ok(None)
        }
    }
}

/// `GET /?code=…&state=… HTTP/1.1`: every answer repeats a state.
fn query_of(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    target.strip_prefix("/?").filter(|query| query.contains("state="))
}
