//! Who comes to the loopback listener, with what request, and the answer each gets (RFC 9112).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::page::Page;
use crate::clock::Clock;
use crate::http::Secret;

/// A free port on both loopback addresses: `localhost` means either, by the machine's taste.
#[derive(Debug)]
pub(super) struct Door {
    four: TcpListener,
    six: Option<TcpListener>,
    port: u16,
    /// Whoever is inside is dropped with the door.
    inside: JoinSet<()>,
    tell: mpsc::Sender<Visit>,
    told: mpsc::Receiver<Visit>,
}

/// One request, to be answered.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) asked: Asked,
    socket: TcpStream,
}

#[derive(Debug)]
pub(super) enum Asked {
    /// The query of `GET /?code=…&state=…`: every answer repeats a state.
    Answer(Secret),
    /// `GET /done`
    Outcome,
    /// An icon, a scanner, a person who typed the address.
    Else,
}

/// Where the outcome is shown: an address without the code, for the address bar and the history.
const OUTCOME: &str = "/done";
/// Tries to find a port that is free on both addresses.
const TRIES: u32 = 20;
/// A redirect's head: the code alone may hold some kilobytes.
const HEAD: usize = 32 * 1024;
/// Browsers open connections ahead of need; one that says nothing is let go after this.
const SILENCE: Duration = Duration::from_secs(30);
/// Connections at one time.
const VISITORS: usize = 32;

impl Door {
    /// # Errors
    /// If the machine has no loopback address or no free port.
    pub(super) async fn open() -> io::Result<Self> {
        let (four, six, port) = listeners().await?;
        let (tell, told) = mpsc::channel(VISITORS);
        Ok(Self { four, six, port, inside: JoinSet::new(), tell, told })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The next request. May be dropped while it waits; nobody is lost.
    pub(super) async fn next(&mut self, clock: &Clock) -> Visit {
        loop {
            tokio::select! {
                socket = accepted(&self.four, self.six.as_ref()),
                    if self.inside.len() < VISITORS => self.let_in(socket, clock),
                Some(_) = self.inside.join_next() => {}
                Some(visit) = self.told.recv() => return visit,
            }
        }
    }

    fn let_in(&mut self, socket: io::Result<TcpStream>, clock: &Clock) {
        // Whoever left before they were let in.
        let Ok(socket) = socket else { return };
        let (tell, clock) = (self.tell.clone(), clock.clone());
        self.inside.spawn(async move {
            if let Ok(Ok(Some(visit))) = clock.timeout(SILENCE, heard(socket)).await {
                let _ = tell.send(visit).await;
            }
        });
    }
}

impl Visit {
    pub(super) async fn show(self, page: &Page) {
        let status = page.status();
        self.answer(&format!("HTTP/1.1 {status} -\r\n"), page.html()).await;
    }

    /// Sends the browser on to where the outcome is shown (RFC 9110 §15.4.4).
    pub(super) async fn lead_on(self) {
        self.answer(&format!("HTTP/1.1 303 -\r\nLocation: {OUTCOME}\r\n"), "").await;
    }

    async fn answer(mut self, start: &str, html: &str) {
        let head = format!(
            "{start}Content-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Content-Security-Policy: default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            html.len()
        );
        // A browser that is gone has nothing to be told.
        let _ = self.socket.write_all(head.as_bytes()).await;
        let _ = self.socket.write_all(html.as_bytes()).await;
        let _ = self.socket.shutdown().await;
    }
}

async fn listeners() -> io::Result<(TcpListener, Option<TcpListener>, u16)> {
    let mut tried = 0;
    loop {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = four.local_addr()?.port();
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            Ok(six) => return Ok((four, Some(six), port)),
            // Without the other address the code might be sent to whoever has it.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tried == TRIES => {
                return Err(error);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => tried += 1,
            // A machine without IPv6.
            Err(_) => return Ok((four, None, port)),
        }
    }
}

async fn accepted(four: &TcpListener, six: Option<&TcpListener>) -> io::Result<TcpStream> {
    let socket = match six {
        None => four.accept().await,
        Some(six) => tokio::select! {
            accepted = four.accept() => accepted,
            accepted = six.accept() => accepted,
        },
    };
    socket.map(|(socket, _)| socket)
}

/// Reads one request; `None` if it was none.
async fn heard(mut socket: TcpStream) -> io::Result<Option<Visit>> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = socket.read(&mut chunk).await?;
        if read == 0 || head.len() + read > HEAD {
            return Ok(None);
        }
        head.extend_from_slice(&chunk[..read]);
    }
    Ok(Some(Visit { asked: asked(&head), socket }))
}

fn asked(head: &[u8]) -> Asked {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default();
    let target = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
    let target = target.unwrap_or_default();
    match target.strip_prefix("/?").filter(|query| query.contains("state=")) {
        Some(query) => Asked::Answer(Secret::new(query)),
        None if target == OUTCOME => Asked::Outcome,
        None => Asked::Else,
    }
}
