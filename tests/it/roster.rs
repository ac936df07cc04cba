//! A running bridge takes over what changes in its connections, within two seconds of its clock.

use footbridge::auth::Secret;
use footbridge::config::connections::{AccountId, ConnectionUse};
use m365_sim::Tenant;

use crate::logins::login;
use crate::world::{ADA, CLIENT_ID, SCOPES, World, connection, fresh_password};

const BEN: &str = "ben@contoso.example";
const TAKEN_BACK: &str = "* BYE This login was taken back";

async fn world() -> World {
    World::following(Tenant::builder().user(ADA).user(BEN), |_| {}).await
}

#[tokio::test]
async fn an_added_connection_is_served() {
    let world = world().await;
    let (password, stored) = fresh_password("first");
    world.sign_in(BEN, BEN, SCOPES).await;
    world.tenant.person(BEN).inbox().seed(3);
    world.edit(|connections| connections.list.push(connection(BEN, stored)));
    world.two_seconds_pass().await;
    let mut client = world.imap_as(BEN, &password).await;
    client.command("SELECT INBOX").await.ok().expect("* 3 EXISTS");
}

#[tokio::test]
async fn a_removed_connection_lets_nobody_in_and_sends_away_who_is_in() {
    let world = world().await;
    let mut reading = world.selected("INBOX").await;
    let mut idling = world.selected("INBOX").await;
    idling.idle().await;
    let mut sending = world.smtp().await;
    world.edit(|connections| connections.list.clear());
    world.two_seconds_pass().await;
    assert!(reading.text().await.starts_with(TAKEN_BACK));
    assert!(reading.is_closed().await);
    assert!(idling.text().await.starts_with(TAKEN_BACK));
    assert!(idling.is_closed().await);
    let told = sending.reply().await;
    assert!(told.starts_with("421 4.7.0 This login was taken back"), "{told}");
    assert_eq!(sending.reply().await, "");
    let mut late = world.stranger().await;
    login(&world, &mut late, &world.password).await.no("AUTHENTICATIONFAILED");
}

#[tokio::test]
async fn a_removed_connection_comes_back_with_its_uids() {
    let world = world().await;
    world.ada().inbox().seed(2);
    let mut before = world.selected("INBOX").await;
    let uids = before.uids().await;
    let mut kept = Vec::new();
    world.edit(|connections| kept = std::mem::take(&mut connections.list));
    world.two_seconds_pass().await;
    world.edit(|connections| connections.list = kept);
    world.two_seconds_pass().await;
    assert_eq!(world.selected("INBOX").await.uids().await, uids);
}

#[tokio::test]
async fn an_added_password_is_taken_and_a_revoked_one_ends_its_sessions_and_no_others() {
    let world = world().await;
    let (password, stored) = fresh_password("printer");
    world.edit(|connections| connections.list[0].passwords.push(stored));
    world.two_seconds_pass().await;
    let mut first = world.selected("INBOX").await;
    let mut second = world.imap_as(ADA, &password).await;
    world.edit(|connections| drop(connections.list[0].passwords.pop()));
    world.two_seconds_pass().await;
    assert!(second.text().await.starts_with(TAKEN_BACK));
    assert!(second.is_closed().await);
    first.command("NOOP").await.ok().silent();
    let mut late = world.stranger().await;
    login(&world, &mut late, &password).await.no("AUTHENTICATIONFAILED");
}

#[tokio::test]
async fn a_damaged_password_does_not_keep_another_from_being_taken_back() {
    let world = world().await;
    let mut client = world.selected("INBOX").await;
    world.edit(|connections| connections.list[0].passwords[0].hash = "damaged".to_owned());
    world.two_seconds_pass().await;
    assert!(client.text().await.starts_with(TAKEN_BACK));
}

#[tokio::test]
async fn a_connection_that_may_only_send_from_now_on_ends_what_reads_and_nothing_else() {
    let world = world().await;
    let mut reading = world.selected("INBOX").await;
    let mut sending = world.smtp().await;
    world.edit(|connections| connections.list[0].purpose = ConnectionUse::Outbound);
    world.two_seconds_pass().await;
    assert!(reading.text().await.starts_with(TAKEN_BACK));
    assert!(sending.command("NOOP").await.starts_with("250 "));
}

#[tokio::test]
async fn a_new_sign_in_is_used() {
    let world = world().await;
    let mut client = world.selected("INBOX").await;
    world.tenant.revoke(ADA);
    client.command("SELECT Drafts").await.no("CONTACTADMIN");
    let grant = Secret::new(world.tenant.grant(ADA, CLIENT_ID, SCOPES));
    world.vault(ADA).save(&grant).await.unwrap();
    world.edit(|connections| connections.list[0].signed_in += 1);
    world.two_seconds_pass().await;
    client.command("SELECT Drafts").await.ok();
}

#[tokio::test]
async fn a_sign_in_of_another_account_shows_its_mail_to_nobody() {
    let account =
        |object_id: &str| AccountId { tenant_id: "t".into(), object_id: object_id.into() };
    let world = world().await;
    world.edit(|connections| connections.list[0].account = Some(account("ada")));
    world.two_seconds_pass().await;
    let mut client = world.selected("INBOX").await;
    world.sign_in(ADA, BEN, SCOPES).await;
    world.edit(|connections| connections.list[0].account = Some(account("ben")));
    world.two_seconds_pass().await;
    assert!(client.text().await.starts_with(TAKEN_BACK));
    let mut late = world.stranger().await;
    login(&world, &mut late, &world.password).await.no("AUTHENTICATIONFAILED");
}

#[tokio::test]
async fn a_message_is_not_sent_for_a_login_that_was_taken_back_before_its_end() {
    let world = world().await;
    let mut client = world.smtp().await;
    client.command(&format!("MAIL FROM:<{ADA}>")).await;
    client.command(&format!("RCPT TO:<{BEN}>")).await;
    assert!(client.command("DATA").await.starts_with("354"));
    client.send(b"Subject: begun\r\n").await;
    world.edit(|connections| connections.list[0].passwords.clear());
    world.two_seconds_pass().await;
    let refused = client.command("\r\nHello\r\n.").await;
    assert!(refused.starts_with("454 4.7.0 "), "{refused}");
    assert!(client.reply().await.starts_with("421 4.7.0 "));
    assert!(world.tenant.sent().is_empty());
}
