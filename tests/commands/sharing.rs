//! `serve` beside other processes that use the same connection.

use std::fs::{self, File};

use m365_sim::Kind;
use m365_sim::switch::Rotation;

use crate::client::Client;
use crate::process::Process;
use crate::world::{ADA, SCOPES, World};

/// Of each test; the bridges take three in a row before they slow down.
const ROUNDS: u32 = 34;
const IN_A_ROW: u32 = 3;

struct Serving {
    process: Process,
    client: Client,
}

impl Serving {
    async fn start(world: &World, folder: &std::path::Path, password: &str) -> Self {
        let mut process = Process::start(&mut world.command(folder, &["serve", "--json"]));
        let ready = process.json().await;
        let mut client = Client::connect(ready["imap"][0].as_str().unwrap()).await;
        client.ok(&format!("LOGIN {ADA} {password}")).await;
        Self { process, client }
    }

    async fn ask(&mut self) {
        self.client.ok("NOOP").await;
        self.client.ok("SELECT INBOX").await;
        self.client.ok("STATUS Drafts (MESSAGES)").await;
    }

    /// A renewal that nobody asked for. Its line may still be that of the last one that was; then the
    /// bridge takes its time once, which no client notices but by waiting.
    async fn renewed(&mut self) {
        self.process.forget_log();
        self.process.logs("access token refreshed").await;
    }
}

/// Tokens live so short that both renew all the time; a hundred times they are refused besides. Each
/// bridge has a state folder of its own, and the vault in common; `ping` renews with them.
async fn share(rotation: Rotation) {
    let world = World::new().await;
    world.tenant.set_switches(|switches| {
        switches.login.rotation = rotation;
        switches.limits.concurrent = 8;
    });
    let password = world.add_granted(SCOPES, &[]).await;
    let other = tempfile::tempdir().unwrap();
    world.share_with(other.path());
    world.tenant.set_switches(|switches| switches.login.continuous_token_seconds = 1);
    let mut one = Serving::start(&world, world.folder.path(), &password).await;
    let mut two = Serving::start(&world, other.path(), &password).await;
    for _ in 0..ROUNDS {
        for _ in 0..IN_A_ROW {
            tokio::join!(one.ask(), two.ask(), async { world.tenant.expire_access_tokens() });
            tokio::join!(one.ask(), two.ask());
        }
        let ping = ["connection", "ping", ADA];
        let (_, _, pinged) = tokio::join!(one.renewed(), two.renewed(), world.run(&ping));
        pinged.done();
    }
    for entry in world.tenant.journal().of(Kind::Token) {
        // One may be on its way.
        assert!(entry.status.is_none_or(|status| status == 200), "{entry:?}");
    }
    for serving in [one, two] {
        serving.process.terminate();
        let ended = serving.process.end().await.done();
        assert!(!ended.err.contains("sign-in needed"), "{ended:?}");
    }
    world.run(&["connection", "ping", ADA]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bridges_and_ping_share_a_connection_whose_tokens_rotate_strictly() {
    share(Rotation::Strict).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bridges_and_ping_share_a_connection_whose_old_tokens_stay_good() {
    share(Rotation::OldStaysValid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_bridge_on_one_state_folder_is_refused_and_the_first_goes_on() {
    let world = World::new().await;
    let password = world.add_granted(SCOPES, &[]).await;
    let mut first = Serving::start(&world, world.folder.path(), &password).await;
    first.ask().await;
    let renewals = world.tenant.journal().of(Kind::Token).len();
    let refused = world.run(&["serve", "--json"]).await.failed();
    assert!(refused.err.contains("another bridge runs on"), "{refused:?}");
    assert!(refused.err.contains("state_dir of its own"), "{refused:?}");
    assert_eq!(world.tenant.journal().of(Kind::Token).len(), renewals);
    first.ask().await;
    first.process.kill();
    Serving::start(&world, world.folder.path(), &password).await.ask().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_told_to_end_stores_the_refresh_token_that_is_on_its_way() {
    let world = World::new().await;
    world.add_granted(SCOPES, &[]).await;
    world.tenant.set_switches(|switches| switches.login.rotation = Rotation::Strict);
    let spent = world.tenant.hold(Kind::Token);
    let mut serving = world.start(&["serve", "--json"]);
    spent.arrived(1).await;
    serving.line().await;
    serving.terminate();
    serving.logs("shutting down").await;
    spent.release();
    serving.end().await.done();
    world.run(&["connection", "ping", ADA]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_told_to_end_does_not_wait_for_a_vault_that_another_process_holds() {
    let world = World::new().await;
    world.add_granted(SCOPES, &[]).await;
    let vault = fs::read_dir(world.state().join("vault")).unwrap();
    let mut files = vault.map(|entry| entry.unwrap().path());
    let lock = files.find(|path| path.extension().is_some_and(|kind| kind == "lock"));
    let held = File::open(lock.unwrap()).unwrap();
    held.lock().unwrap();
    let mut serving = world.start(&["serve", "--json"]);
    serving.line().await;
    serving.terminate();
    serving.end().await.done();
    drop(held);
}
