//! Killed at any moment, a connection works afterwards or was never there.

use std::time::Duration;

use crate::world::{ADA, CLIENT, World};

const POINTS: u32 = 100;
const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access openid profile";

/// Runs a command and kills it after `permille` thousandths of the time it takes when left alone.
async fn cut(world: &World, arguments: &[&str], whole: Duration, point: u32) {
    let clock = footbridge::clock::Clock::system();
    let mut process = world.start(arguments);
    clock.sleep(whole * point / POINTS).await;
    process.kill();
    drop(process);
}

async fn timed(world: &World, arguments: &[&str]) -> Duration {
    let clock = footbridge::clock::Clock::system();
    let started = clock.instant();
    world.run(arguments).await.done();
    clock.instant().since(started)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_adding_a_connection() {
    let world = World::new().await;
    let file = world.folder.path().join("token");
    std::fs::write(&file, world.tenant.grant(ADA, CLIENT, SCOPES)).unwrap();
    let file = file.display().to_string();
    let add = ["connection", "add", ADA, "--refresh-token-file", &file];
    let whole = timed(&world, &add).await;
    world.run(&["connection", "remove", ADA]).await.done();
    for point in 0..POINTS {
        cut(&world, &add, whole, point).await;
        let listed = world.run(&["connection", "list", "--json"]).await.done();
        if !listed.out.is_empty() {
            world.run(&["connection", "ping", ADA]).await.done();
            world.run(&["connection", "remove", ADA]).await.done();
        }
    }
    world.run(&add).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_renewing_a_sign_in() {
    let world = World::new().await;
    world.add_granted(SCOPES, &[]).await;
    let ping = ["connection", "ping", ADA];
    let whole = timed(&world, &ping).await;
    for point in 0..POINTS {
        cut(&world, &ping, whole, point).await;
    }
    world.run(&ping).await.done();
}
