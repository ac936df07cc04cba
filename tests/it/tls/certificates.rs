//! Certificates that are replaced while the bridge runs.

use std::fs;
use std::time::Duration;

use footbridge::config::certificate::CertificateFiles;

use crate::authority::{self, Trust};
use crate::channel::Channel;
use crate::world::World;

use super::{trust, world};

const LOOK: Duration = Duration::from_secs(60);

async fn is_trusted(world: &World, trust: &Trust) -> bool {
    let channel = Channel::connect(world.imap_tls_address()).await;
    channel.secure(trust).await.is_ok()
}

/// Minutes pass; the first handshakes may come before the bridge has looked.
async fn becomes_trusted(world: &World, trust: &Trust) -> bool {
    for _ in 0..10 {
        world.advance(LOOK);
        if is_trusted(world, trust).await {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let world = world().await;
    let mut old = trust(&world);
    // A resumed session shows no certificate.
    old.0.resumption = rustls::client::Resumption::disabled();
    let mut session =
        crate::imap_client::ImapClient::connect_tls(world.imap_tls_address(), &old).await;
    authority::replace(world.state.path());
    let new = trust(&world);
    assert!(!is_trusted(&world, &new).await, "before it has looked");
    assert!(becomes_trusted(&world, &new).await);
    assert!(!is_trusted(&world, &old).await);
    session.command("NOOP").await.ok();
}

#[tokio::test]
async fn a_broken_certificate_does_not_take_the_place_of_a_good_one() {
    let world = world().await;
    let (files, good) = (CertificateFiles::in_state(world.state.path()), trust(&world));
    let key = fs::read(&files.private_key).unwrap();
    authority::replace(world.state.path());
    let new = trust(&world);
    let new_key = fs::read(&files.private_key).unwrap();
    let certificate = fs::read(&files.certificate).unwrap();
    let empty = Vec::new();
    // The old key beside the new certificate, as between two copies; nothing; half a file.
    for (certificate, key) in
        [(&certificate, &key), (&empty, &new_key), (&certificate[..300].to_vec(), &new_key)]
    {
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.private_key, key).unwrap();
        world.advance(LOOK);
        for _ in 0..3 {
            assert!(is_trusted(&world, &good).await);
        }
    }
    fs::write(&files.certificate, &certificate).unwrap();
    fs::write(&files.private_key, &new_key).unwrap();
    assert!(becomes_trusted(&world, &new).await);
}
