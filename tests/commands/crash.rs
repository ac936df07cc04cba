//! Killed at any moment, a connection works afterwards or was never there.
//!
//! The tenant is as Microsoft describes it: an old refresh token stays good. Where it dies with its
//! first use, an answer that nobody lived to store takes the sign-in along; nothing can be done.

mod leftovers;
mod strike;
mod torn;

use std::future::pending;
use std::time::Duration;

use footbridge::clock::Clock;
use m365_sim::Kind;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::Client;
use crate::process::Process;
use crate::random::Random;
use crate::world::{ADA, SCOPES, World};
use strike::{Moment, Trap};

/// How often each thing is killed: 200 times in all.
const ADDED_BY_TOKEN: u32 = 50;
const ADDED_BY_BROWSER: u32 = 45;
const SIGNED_IN_AGAIN: u32 = 35;
const PINGED: u32 = 40;
const SERVED: u32 = 30;

/// What a sign-in and a renewal ask for.
const SIGN_IN: &[Kind] = &[Kind::Token, Kind::User];
const PING: &[Kind] = &[Kind::Token, Kind::User, Kind::GetFolder];
const SERVE: &[Kind] = &[Kind::Token, Kind::MessageDelta];

/// Chooses moments until enough of them came before the process's own end.
struct Blows {
    random: Random,
    wanted: u32,
    tried: u32,
    struck: u32,
}

impl Blows {
    fn new(wanted: u32) -> Self {
        Self { random: Random::new(), wanted, tried: 0, struck: 0 }
    }

    /// `None` once all were struck.
    #[expect(clippy::print_stdout, reason = "shown when the test fails")]
    fn next(&mut self, whole: Duration, kinds: &[Kind]) -> Option<Moment> {
        if self.struck == self.wanted {
            return None;
        }
        self.tried += 1;
        assert!(self.tried < 8 * self.wanted, "too many came too late: {} did not", self.struck);
        let moment = Moment::random(&mut self.random, whole, kinds);
        println!("{}: {moment:?}", self.tried);
        Some(moment)
    }

    fn count(&mut self, in_time: bool) {
        self.struck += u32::from(in_time);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_connection_is_added_from_a_token() {
    let world = World::new().await;
    // It looks on all the time.
    let mut witness = world.start(&["serve", "--json"]);
    witness.json().await;
    let file = world.folder.path().join("token");
    std::fs::write(&file, world.tenant.grant(ADA, crate::world::CLIENT, SCOPES)).unwrap();
    let file = file.display().to_string();
    let add = ["connection", "add", ADA, "--refresh-token-file", &file];
    let again = [&add[..], &["--replace"]].concat();
    let whole = timed(async || drop(world.run(&add).await.done())).await;
    remove(&world).await;
    let mut blows = Blows::new(ADDED_BY_TOKEN);
    while let Some(moment) = blows.next(whole, &[]) {
        let trap = Trap::set(&world, moment);
        let mut process = world.start(&add);
        blows.count(trap.spring(&mut process, pending()).await);
        let is_there = is_there(&world).await;
        if is_there {
            works(&world).await;
            world.run(&again).await.done();
        } else {
            world.run(&add).await.done();
            works(&world).await;
        }
        remove(&world).await;
    }
    witness.terminate();
    let seen = witness.end().await.done().err;
    for complaint in ["cannot be read", "cannot be taken over", "cannot be opened", "panicked"] {
        assert!(!seen.contains(complaint), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_connection_is_added_by_browser() {
    let world = World::new().await;
    let add = ["connection", "add", ADA, "--no-browser", "--json"];
    let whole = timed(async || drop(world.add(&[]).await)).await;
    remove(&world).await;
    let mut blows = Blows::new(ADDED_BY_BROWSER);
    while let Some(moment) = blows.next(whole, SIGN_IN) {
        blows.count(struck_in_sign_in(&world, &add, moment).await);
        if is_there(&world).await {
            works(&world).await;
            world.add(&["--replace"]).await;
        } else {
            world.add(&[]).await;
            works(&world).await;
        }
        remove(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_someone_signs_in_again() {
    let world = World::new().await;
    world.add(&[]).await;
    let whole = timed(async || drop(world.add(&["--replace"]).await)).await;
    let ways = [["connection", "sign-in", ADA], ["connection", "add", ADA]];
    let mut blows = Blows::new(SIGNED_IN_AGAIN);
    while let Some(moment) = blows.next(whole, SIGN_IN) {
        let way = blows.random.pick(&ways);
        let replace = (way[1] == "add").then_some("--replace");
        let arguments: Vec<&str> = way.into_iter().chain(["--no-browser"]).chain(replace).collect();
        blows.count(struck_in_sign_in(&world, &arguments, moment).await);
        assert!(is_there(&world).await);
        works(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_ping_renews_a_sign_in() {
    let world = World::new().await;
    world.add_granted(SCOPES, &[]).await;
    let ping = ["connection", "ping", ADA];
    let whole = timed(async || drop(world.run(&ping).await.done())).await;
    let mut blows = Blows::new(PINGED);
    while let Some(moment) = blows.next(whole, PING) {
        let trap = Trap::set(&world, moment);
        let mut process = world.start(&ping);
        blows.count(trap.spring(&mut process, pending()).await);
        assert!(is_there(&world).await);
        works(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_running_bridge_renews_a_sign_in() {
    let world = World::new().await;
    let password = world.add_granted(SCOPES, &[]).await;
    let whole = timed(async || drop(selected(&world, &password).await)).await;
    let mut blows = Blows::new(SERVED);
    while let Some(moment) = blows.next(whole, SERVE) {
        let in_time = match blows.random.below(2) {
            0 => struck_at_start(&world, &password, moment).await,
            _ => struck_under_a_command(&world, &password, moment).await,
        };
        blows.count(in_time);
        assert!(is_there(&world).await);
        works(&world).await;
    }
    selected(&world, &password).await;
}

/// Of a running bridge that begins with a renewal.
async fn struck_at_start(world: &World, password: &str, moment: Moment) -> bool {
    let trap = Trap::set(world, moment);
    let mut process = world.start(&["serve", "--json"]);
    let mut lines = process.take_lines();
    let all = async {
        match lines.recv().await {
            Some(line) => drop(select(&line, password).await),
            None => pending().await,
        }
    };
    trap.spring(&mut process, all).await
}

/// Of a running bridge whose token has run out under a client.
async fn struck_under_a_command(world: &World, password: &str, moment: Moment) -> bool {
    let (mut process, mut client) = selected(world, password).await;
    world.tenant.expire_access_tokens();
    let trap = Trap::set(world, moment);
    trap.spring(&mut process, client.ok("SELECT INBOX")).await
}

/// A bridge that has just started, and a client of it.
async fn selected(world: &World, password: &str) -> (Process, Client) {
    let mut process = world.start(&["serve", "--json"]);
    let ready = process.line().await;
    (process, select(&ready, password).await)
}

async fn select(ready: &str, password: &str) -> Client {
    let ready: Value = serde_json::from_str(ready).unwrap();
    let mut client = Client::connect(ready["imap"][0].as_str().unwrap()).await;
    client.ok(&format!("LOGIN {ADA} {password}")).await;
    client.ok("SELECT INBOX").await;
    client
}

/// A sign-in with a person who does their part at once.
async fn struck_in_sign_in(world: &World, arguments: &[&str], moment: Moment) -> bool {
    let trap = Trap::set(world, moment);
    let mut process = world.start(arguments);
    let lines = process.take_lines();
    trap.spring(&mut process, visit(world, lines)).await
}

async fn visit(world: &World, mut lines: UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        if let Some(address) = line.strip_prefix("open: ") {
            world.accept(address, ADA).await;
        }
    }
    // Its end is seen elsewhere.
    pending().await
}

async fn is_there(world: &World) -> bool {
    let listed = world.run(&["connection", "list", "--json"]).await.done();
    assert!(listed.out.len() <= 1, "{listed:?}");
    listed.out.len() == 1
}

async fn works(world: &World) {
    let (shown, pinged) = tokio::join!(
        world.run(&["connection", "show", ADA, "--json"]),
        world.run(&["connection", "ping", ADA, "--json"]),
    );
    assert_eq!(shown.done().json()["passwords"], 1);
    assert_eq!(pinged.done().json()["ok"], true);
}

/// Nothing of a token stays behind.
async fn remove(world: &World) {
    world.run(&["connection", "remove", ADA]).await.done();
    assert!(!is_there(world).await);
    for left in std::fs::read_dir(world.state().join("vault")).unwrap() {
        let path = left.unwrap().path();
        assert!(path.extension().is_some_and(|kind| kind == "lock"), "{}", path.display());
    }
}

async fn timed(work: impl AsyncFnOnce()) -> Duration {
    let clock = Clock::system();
    let started = clock.instant();
    work().await;
    clock.instant().since(started)
}
