//! Handshakes: good ones of several kinds, and those that come to nothing.

use std::time::Duration;

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::authority::Trust;
use crate::imap_client::ImapClient;
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World};

use super::{trust, world};

#[tokio::test]
async fn tls_from_the_first_octet() {
    let world = world().await;
    let mut imap = ImapClient::connect_tls(world.imap_tls_address(), &trust(&world)).await;
    assert!(imap.greeting.contains("AUTH=PLAIN"), "{}", imap.greeting);
    assert!(!imap.greeting.contains("STARTTLS"), "{}", imap.greeting);
    imap.command("STARTTLS").await.bad();
    imap.command(&format!("LOGIN {ADA} {}", world.password)).await.ok();
    let mut smtp = SmtpClient::connect_tls(world.smtp_tls_address(), &trust(&world)).await;
    smtp.log_in(ADA, &world.password).await;
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    let world = world().await;
    for version in [&TLS12, &TLS13] {
        let trust = Trust::with_versions(world.state.path(), &[version]);
        ImapClient::connect_tls(world.imap_tls_address(), &trust).await;
        ImapClient::connect(world.imap_address()).await.start_tls(&trust).await;
    }
}

#[tokio::test]
async fn a_client_that_comes_back_need_not_begin_anew() {
    let world = world().await;
    for version in [&TLS12, &TLS13] {
        let connector = Trust::with_versions(world.state.path(), &[version]).connector();
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let socket = TcpStream::connect(world.imap_tls_address()).await.unwrap();
            let mut stream = connector.connect(Trust::name(), socket).await.unwrap();
            // In TLS 1.3 what is needed for that comes with the first data.
            stream.read_exact(&mut [0; 8]).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(expected), "{version:?}");
        }
    }
}

/// So that no client can be led here that means to speak something else (ALPACA).
#[tokio::test]
async fn a_client_that_names_another_protocol_is_refused() {
    let world = world().await;
    for (protocol, wanted) in [("imap", true), ("http/1.1", false), ("smtp", false)] {
        let mut trust = trust(&world);
        trust.0.alpn_protocols = vec![protocol.into()];
        let socket = TcpStream::connect(world.imap_tls_address()).await.unwrap();
        let connected = trust.connector().connect(Trust::name(), socket).await;
        assert_eq!(connected.is_ok(), wanted, "{protocol}");
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_let_go() {
    let world = world().await;
    let announced_too_long = [22, 3, 1, 0xFF, 0xFF];
    for garbage in [b"a LOGIN eve secret\r\n".as_slice(), b"\0\0\0\0\0\0", &announced_too_long] {
        let mut socket = TcpStream::connect(world.imap_tls_address()).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        let mut heard = Vec::new();
        let _ = socket.read_to_end(&mut heard).await;
        // At most an alert of seven octets.
        assert!(heard.len() <= 7, "{heard:?}");
    }
    ImapClient::connect_tls(world.imap_tls_address(), &trust(&world)).await;
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up() {
    let world = world().await;
    let hello_begun = [22, 3, 1, 2, 0, 1, 0, 1];
    let mut silent = TcpStream::connect(world.imap_tls_address()).await.unwrap();
    let mut slow = TcpStream::connect(world.smtp_tls_address()).await.unwrap();
    slow.write_all(&hello_begun).await.unwrap();
    let mut imap = world.stranger().await;
    imap.command("STARTTLS").await.ok();
    for socket in [&mut silent, &mut slow] {
        let closed = world.while_time_passes(socket.read(&mut [0; 1])).await;
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    }
    assert!(world.while_time_passes(imap.is_closed()).await);
}

/// The deadline is far below that of silence before login, and above what a printer needs.
#[tokio::test]
async fn a_slow_handshake_gets_half_a_minute() {
    let world = world().await;
    let mut imap = world.stranger().await;
    imap.command("STARTTLS").await.ok();
    waited_for(&world, Duration::from_secs(30)).await;
    world.advance(Duration::from_secs(29));
    let closed = futures_util::poll!(Box::pin(imap.is_closed()));
    assert!(closed.is_pending(), "too early");
    world.advance(Duration::from_secs(1));
    assert!(imap.is_closed().await);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_handshakes() {
    let mut world = world().await;
    let mut silent = TcpStream::connect(world.imap_tls_address()).await.unwrap();
    let mut imap = world.stranger().await;
    imap.command("STARTTLS").await.ok();
    // Time stands still: nothing but the signal itself can end them.
    world.stop().await;
    assert!(matches!(silent.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert!(imap.is_closed().await);
}

/// Until someone in the bridge waits no longer than `wait`.
async fn waited_for(world: &World, wait: Duration) {
    while world.clock.next_waking().is_none_or(|next| next > wait) {
        tokio::task::yield_now().await;
    }
}
