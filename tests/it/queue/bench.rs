//! A world whose bridge keeps what it cannot send, and what lies in its outbox.

use std::path::PathBuf;
use std::time::Duration;

use footbridge::account::QueueFigures;
use footbridge::config::Config;
use footbridge::config::submission::WhenUnreachable;
use footbridge::store::QueueId;
use footbridge::store::queue::{QueueFolder, Reply};
use m365_sim::{Fault, Kind, Rule, Tenant};

use crate::world::{ADA, World};

pub(super) const BOB: &str = "bob@fabrikam.example";

/// How long whoever sends sleeps at the most.
const LOOK: Duration = Duration::from_secs(1);
/// Turns without news after which all have lain down to sleep.
const QUIET: usize = 20;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);

pub(super) fn queueing(config: &mut Config) {
    config.submission.when_unreachable = WhenUnreachable::Queue;
    // Time makes leaps; nobody is to be sent away for that.
    config.limits.idle_smtp = Duration::from_secs(30 * 24 * 60 * 60);
    config.limits.idle = config.limits.idle_smtp;
}

pub(super) async fn world() -> World {
    adjusted(queueing).await
}

pub(super) async fn adjusted(adjust: fn(&mut Config)) -> World {
    let world = World::adjusted(Tenant::builder().user(ADA), |_| {}, adjust).await;
    world.ready().await;
    world
}

/// A message with a Message-ID of its client's.
pub(super) fn named(number: usize) -> Vec<u8> {
    format!("Message-ID: <{number}@client.example>\r\n{}", nameless(number)).into_bytes()
}

/// A message as devices make it.
pub(super) fn nameless(number: usize) -> String {
    format!(
        "From: Ada <{ADA}>\r\nTo: Bob <{BOB}>\r\nSubject: scan {number}.\r\n\
         Date: Mon, 2 Nov 2026 08:00:00 +0000\r\n\r\nPage one.\r\n"
    )
}

/// The service answers nothing but 503, until `faults().clear()`.
pub(super) fn away(world: &World) {
    let rule = Rule::any().answer(Fault::status(503, "ServiceUnavailable")).always();
    world.tenant.faults().push(rule);
}

/// Sending is refused for good.
pub(super) fn denied(world: &World) {
    let fault = Fault::status(403, "ErrorSendAsDenied");
    world.tenant.faults().push(Rule::on(Kind::Send).answer(fault).always());
}

pub(super) async fn submit(world: &World, message: impl AsRef<[u8]>) -> String {
    let mut smtp = world.smtp().await;
    let reply = smtp.submit(ADA, &[BOB], message.as_ref()).await;
    // Whoever goes on has read the answer.
    smtp.command("NOOP").await;
    reply
}

/// How often the recipient has it.
pub(super) fn received(world: &World, number: usize) -> usize {
    let line = format!("Subject: scan {number}.\r\n");
    let sent = world.tenant.sent_to(BOB);
    sent.iter().filter(|sent| String::from_utf8_lossy(&sent.mime).contains(&line)).count()
}

/// The reports in the sender's inbox.
pub(super) fn reports(world: &World) -> usize {
    let items = world.ada().items("Inbox");
    items.iter().filter(|item| item.subject.starts_with("Undelivered mail")).count()
}

pub(super) fn outbox(world: &World) -> PathBuf {
    world.state.path().join("mail").join(ADA).join("outbox")
}

/// The names of all files in the outbox.
pub(super) fn files(world: &World) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(outbox(world)) else { return Vec::new() };
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).into_string().unwrap()).collect();
    names.sort();
    names
}

/// The ids of what is queued.
pub(super) fn queued(world: &World) -> Vec<String> {
    let ids =
        files(world).into_iter().filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    ids.collect()
}

/// The id in `250 2.0.0 Ok: queued as ID`.
#[track_caller]
pub(super) fn id_of(reply: &str) -> String {
    let id = reply.strip_prefix("250 2.0.0 Ok: queued as ");
    id.unwrap_or_else(|| panic!("not queued: {reply}")).to_owned()
}

/// Time passes in steps until the queue is empty.
///
/// # Panics
/// If it is not within ten days.
pub(super) async fn until_empty(world: &World) {
    const STEPS: usize = 10 * 24 * 4;
    // What is under way comes to its end first: a leap of time would cut it off.
    settle(world).await;
    for _ in 0..STEPS {
        if files(world).is_empty() {
            settle(world).await;
            return;
        }
        pass(world, 15 * MINUTE).await;
    }
    panic!("still queued after ten days: {:?}", files(world));
}

/// Time passes, and everyone who waited for it goes on as far as they get.
pub(super) async fn pass(world: &World, time: Duration) {
    world.advance(time);
    settle(world).await;
}

/// Waits until nothing is being sent and whoever sends has lain down to sleep, or nothing is queued.
///
/// # Panics
/// If a try does not end.
pub(super) async fn settle(world: &World) {
    const TURNS: usize = 5_000_000;
    let mut quiet = 0;
    for turns in 1..TURNS {
        let figures = figures(world);
        let is_asleep = world.clock.next_waking().is_some_and(|wait| wait <= LOOK);
        let is_quiet = figures.trying == 0 && (is_asleep || figures == QueueFigures::default());
        quiet = if is_quiet { quiet + 1 } else { 0 };
        if quiet == QUIET {
            return;
        }
        // A try may wait for a token, and that for its time; a slow disk must not make time run away.
        if turns % 5_000 == 0 && quiet == 0 {
            world.advance(LOOK);
        }
        turn().await;
    }
    panic!("a message is being sent for ever");
}

/// What the bridge says to an order; time passes whenever somebody sleeps. Nothing if it has looked ten
/// times, which is what people are told to wait for.
pub(super) async fn reply_to(world: &World, folder: &QueueFolder, id: &QueueId) -> Option<Reply> {
    const LOOKS: usize = 10;
    let (mut looks, mut quiet) = (0, 0);
    while looks < LOOKS {
        if let Some(reply) = folder.take_reply(id).unwrap() {
            return Some(reply);
        }
        let wait = world.clock.next_waking().filter(|wait| *wait <= LOOK);
        // In an empty queue nobody looks.
        let is_quiet = wait.is_some() || figures(world) == QueueFigures::default();
        quiet = if is_quiet { quiet + 1 } else { 0 };
        if quiet == QUIET {
            world.advance(wait.unwrap_or_default());
            (looks, quiet) = (looks + 1, 0);
        }
        turn().await;
    }
    None
}

fn figures(world: &World) -> QueueFigures {
    world.accounts().all().remove(0).queue_figures()
}

/// All tasks go on, and the threads that write files.
async fn turn() {
    tokio::task::yield_now().await;
    tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
}
