//! Wrong passwords cost their sender time, and no one else.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use footbridge::account::{Caller, Purpose};
use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, World};

/// The answer to a login, however long the door makes it wait.
pub(crate) async fn login(world: &World, client: &mut ImapClient, password: &str) -> Answer {
    let tag = client.begin(format!("LOGIN {ADA} {password}").as_bytes()).await;
    world.while_delays_pass(client.answer(&tag)).await
}

pub(crate) async fn guess(world: &World, times: u32) {
    for _ in 0..times {
        let mut guesser = world.stranger().await;
        login(world, &mut guesser, "wrong").await.no("AUTHENTICATIONFAILED");
    }
}

#[tokio::test]
async fn after_ten_wrong_passwords_a_new_login_waits_and_a_known_one_does_not() {
    let world = World::new().await;
    guess(&world, 10).await;
    let mut ada = world.stranger().await;
    login(&world, &mut ada, &world.password).await.no("UNAVAILABLE");
    world.advance(Duration::from_secs(5 * 60));
    let _first = world.imap().await;
    guess(&world, 10).await;
    let mut guesser = world.stranger().await;
    login(&world, &mut guesser, "wrong").await.no("UNAVAILABLE");
    let _client_at_work = world.imap().await;
}

#[tokio::test]
async fn a_crowd_of_guessers_does_not_slow_a_client_at_work() {
    let world = World::new().await;
    let _first = world.imap().await;
    let mut guessers = Vec::new();
    for number in 0..80 {
        let mut guesser = world.stranger().await;
        guesser.begin(format!("LOGIN nobody{number} wrong").as_bytes()).await;
        guessers.push(guesser);
    }
    // Time stands still, so every guesser still waits for its answer.
    let mut at_work = world.imap().await;
    at_work.command("SELECT INBOX").await.ok();
}

fn at(number: u32) -> Caller {
    let source = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
    Caller { purpose: Purpose::Receive, source }
}

/// A thousand wrong passwords, each from another address, all of them waiting for their turn; with
/// the number of those that had it.
async fn crowd(world: &World, name: fn(u32) -> String) -> (JoinSet<()>, Arc<AtomicUsize>) {
    let (mut crowd, answered) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for number in 0..1000 {
        let (accounts, clock) = (world.accounts().clone(), world.clock.clone());
        let answered = Arc::clone(&answered);
        crowd.spawn(async move {
            assert!(accounts.log_in(&name(number), b"wrong", at(number), &clock).await.is_err());
            answered.fetch_add(1, Ordering::Relaxed);
        });
    }
    // Each has been asked once: on one thread they run until they wait.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    (crowd, answered)
}

#[tokio::test]
async fn a_thousand_guesses_keep_no_verified_login_waiting() {
    let world = World::new().await;
    let _first = world.imap().await;
    // At her own name as well.
    let name = |number: u32| match number % 2 {
        0 => ADA.to_owned(),
        _ => format!("nobody{number}@contoso.example"),
    };
    let (_crowd, answered) = crowd(&world, name).await;
    let password = world.password.clone();
    let login = world.accounts().log_in(ADA, password.as_bytes(), at(5000), &world.clock);
    // Not even one wait: it asks for no turn, no thread and no time.
    assert!(login.now_or_never().expect("it is answered at once").is_ok());
    assert!(answered.load(Ordering::Relaxed) < 900, "most of the crowd still waits");
}

#[tokio::test]
async fn a_thousand_guesses_go_before_no_new_login() {
    let world = World::new().await;
    let name = |number: u32| format!("nobody{number}@contoso.example");
    let (_crowd, answered) = crowd(&world, name).await;
    let password = world.password.clone();
    let before = answered.load(Ordering::Relaxed);
    assert!(
        world.accounts().log_in(ADA, password.as_bytes(), at(5000), &world.clock).await.is_ok()
    );
    let meanwhile = answered.load(Ordering::Relaxed) - before;
    assert!(meanwhile < 100, "{meanwhile} strangers were checked first");
}

#[tokio::test]
async fn an_address_that_guesses_at_many_names_waits_longer_with_each() {
    let world = World::new().await;
    let (accounts, clock) = (world.accounts().clone(), world.clock.clone());
    let source = at(1).source;
    let wait = |user: &str| accounts.delay(user, source, 0, &clock).as_secs();
    let mut waits = Vec::new();
    for number in 0..5 {
        let user = format!("nobody{number}");
        waits.push(wait(&user));
        assert!(accounts.log_in(&user, b"wrong", at(1), &clock).await.is_err());
    }
    assert_eq!(waits, [1, 2, 4, 8, 8]);
    assert_eq!(accounts.delay("nobody9", at(2).source, 0, &clock).as_secs(), 1);
}

#[tokio::test]
async fn what_wrong_passwords_cost_is_what_the_settings_say() {
    let world = World::adjusted(
        m365_sim::Tenant::builder().user(ADA),
        |_| {},
        |config| {
            config.limits.login_failures = 2;
            config.limits.login_lockout = Duration::from_secs(120);
            config.limits.login_delay = Duration::from_secs(3);
            config.limits.login_delay_max = Duration::from_secs(4);
        },
    )
    .await;
    let wait = || world.accounts().delay(ADA, at(1).source, 0, &world.clock).as_secs();
    assert_eq!(wait(), 3);
    guess(&world, 2).await;
    assert_eq!(wait(), 4);
    let mut ada = world.stranger().await;
    login(&world, &mut ada, &world.password).await.no("UNAVAILABLE");
    world.advance(Duration::from_secs(120));
    let _let_in = world.imap().await;
}
