//! Wrong passwords cost their sender time, and no one else.

use std::time::Duration;

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
