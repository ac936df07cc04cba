//! Two bridges, each a process with a state folder of its own, share one connection: one vault on a
//! volume that both have. Tokens run out again and again while clients of both keep asking.
//!
//! A bridge that is told again and again that a fresh token is no good slows down, as it must. So
//! both live in virtual time, and grow older than that between two expiries (`bridge.rs`); everything
//! else is as in `serve`. `serve` itself, in real time, is put to it in `sharing.rs`.

mod bridge;

use std::time::Duration;

use footbridge::auth::{FileVault, KeySources, TokenVault as _};
use m365_sim::switch::Rotation;
use m365_sim::{Clock, Kind, Tenant};

use crate::client::Client;
use crate::random::Random;
use crate::world::{ADA, SCOPES, World};
use bridge::Bridge;

/// In each test.
const EXPIRIES: u32 = 1000;
/// A token refused at this age is refused for its age.
const GROWN_UP: Duration = Duration::from_secs(61);
const MESSAGES: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_connection_whose_tokens_rotate_strictly() {
    let test = "twins::two_processes_share_a_connection_whose_tokens_rotate_strictly";
    if !bridge::is_wanted().await {
        share(test, Rotation::Strict).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_connection_whose_old_tokens_stay_good() {
    let test = "twins::two_processes_share_a_connection_whose_old_tokens_stay_good";
    if !bridge::is_wanted().await {
        share(test, Rotation::OldStaysValid).await;
    }
}

/// One bridge and two clients of it.
struct Twin {
    bridge: Bridge,
    reader: Client,
    writer: Client,
}

/// When an expiry strikes.
#[derive(Clone, Copy, Debug)]
enum Strike {
    /// Before both syncers look.
    UnderTheSyncers,
    /// After so many steps of the clients' commands.
    UnderTheClients(u64),
}

async fn share(test: &str, rotation: Rotation) {
    let mut random = Random::new();
    let world = World::of(tenant(rotation)).await;
    world.tenant.person(ADA).inbox().seed(MESSAGES);
    let password = world.add_granted(SCOPES, &[]).await;
    let other = tempfile::tempdir().unwrap();
    world.share_with(other.path());
    let folders = [world.folder.path(), other.path()];
    let [one, two] = folders.map(|folder| Twin::start(test, folder, &password));
    let mut twins = [one.await, two.await];
    for round in 0..EXPIRIES {
        let strike = match random.below(2) {
            0 => Strike::UnderTheSyncers,
            _ => Strike::UnderTheClients(random.below(400)),
        };
        expire(&world.tenant, &mut twins, strike, round).await;
        let entries = world.tenant.journal().of(Kind::Token);
        assert!(entries.len() >= 2, "{strike:?}, round {round}: both bridges renewed");
        for entry in entries {
            assert_eq!(entry.status, Some(200), "{strike:?}, round {round}: a token was lost");
        }
        world.tenant.journal().clear();
    }
    let stored = stored(&world).await;
    assert_eq!(world.tenant.entra().newest_refresh_token(ADA).as_deref(), Some(stored.as_str()));
    for twin in twins {
        twin.bridge.stop().await;
    }
    world.run(&["connection", "ping", ADA]).await.done();
}

fn tenant(rotation: Rotation) -> Tenant {
    let start = "2026-11-01T08:00:00Z".parse().unwrap();
    let tenant = Tenant::builder().user(ADA).clock(Clock::manual(start)).build();
    tenant.set_switches(|switches| {
        switches.login.rotation = rotation;
        // Each bridge keeps to four; being throttled is another matter.
        switches.limits.concurrent = 8;
    });
    tenant
}

/// The tokens of both bridges run out, and everyone asks on.
async fn expire(tenant: &Tenant, twins: &mut [Twin; 2], strike: Strike, round: u32) {
    if matches!(strike, Strike::UnderTheSyncers) {
        tenant.expire_access_tokens();
    }
    tenant.clock().advance(GROWN_UP);
    let [one, two] = twins;
    tokio::join!(one.bridge.age(GROWN_UP), two.bridge.age(GROWN_UP));
    let striking = async {
        let Strike::UnderTheClients(steps) = strike else { return };
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        tenant.expire_access_tokens();
    };
    tokio::join!(one.work(1, round), two.work(2, round), striking);
    // Whatever was struck, this is asked with the next token.
    tokio::join!(one.reader.ok("SELECT INBOX"), two.reader.ok("SELECT INBOX"));
}

/// What the vault holds.
async fn stored(world: &World) -> String {
    let key = KeySources { file: Some(world.folder.path().join("key")), ..KeySources::default() };
    let vaults = world.state().join("vault");
    let vault = FileVault::within(&vaults, ADA, key.find(&vaults).unwrap());
    vault.load().await.unwrap().unwrap().expose().to_owned()
}

impl Twin {
    async fn start(test: &str, folder: &std::path::Path, password: &str) -> Self {
        let bridge = Bridge::start(test, folder).await;
        let mut clients =
            [Client::connect(&bridge.imap).await, Client::connect(&bridge.imap).await];
        for client in &mut clients {
            client.ok(&format!("LOGIN {ADA} {password}")).await;
            client.ok("SELECT INBOX").await;
        }
        let [reader, writer] = clients;
        Self { bridge, reader, writer }
    }

    /// Both clients at once; each bridge's writer has a message of its own.
    async fn work(&mut self, message: u32, round: u32) {
        let sign = if round.is_multiple_of(2) { '+' } else { '-' };
        let reading = async {
            self.reader.ok("NOOP").await;
            self.reader.ok("SELECT INBOX").await;
            self.reader.ok("FETCH 1:* FLAGS").await;
            self.reader.ok("STATUS Drafts (MESSAGES UIDNEXT)").await;
        };
        let store = format!("STORE {message} {sign}FLAGS (\\Flagged)");
        tokio::join!(reading, self.writer.ok(&store));
    }
}
