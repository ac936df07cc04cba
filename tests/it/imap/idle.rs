//! IDLE: news arrive without being asked for.

use std::time::Duration;

use crate::world::{ADA, World, id, mail};

async fn with_mail() -> World {
    World::with(|tenant| {
        tenant.person(ADA).inbox().deliver(mail("One"));
        tenant.person(ADA).inbox().deliver(mail("Two"));
    })
    .await
}

#[tokio::test]
async fn outlook_is_heard_while_idling() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    let tag = imap.idle().await;
    world.ada().inbox().deliver(mail("Three"));
    world.tick().await;
    assert_eq!(imap.text().await, "* 3 EXISTS");
    let first = id(&world.ada().items("Inbox")[0]);
    world.ada().outlook().flag(&first, "flagged");
    world.tick().await;
    assert_eq!(imap.text().await, "* 1 FETCH (UID 1 FLAGS (\\Flagged))");
    world.ada().outlook().purge(&first);
    world.tick().await;
    assert_eq!(imap.text().await, "* 1 EXPUNGE");
    imap.done(&tag).await.ok().silent();
    assert_eq!(imap.uids().await, [2, 3]);
}

#[tokio::test]
async fn another_session_is_heard_at_once() {
    let world = with_mail().await;
    let (mut idler, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    let tag = idler.idle().await;
    other.command("STORE 2 +FLAGS (\\Deleted Red)").await.ok();
    assert!(idler.text().await.starts_with("* FLAGS ("));
    assert!(idler.text().await.starts_with("* OK [PERMANENTFLAGS "));
    assert_eq!(idler.text().await, "* 2 FETCH (UID 2 FLAGS (\\Deleted Red))");
    other.command("EXPUNGE").await.ok();
    assert_eq!(idler.text().await, "* 2 EXPUNGE");
    other.append("INBOX", &mail("New")).await.ok();
    assert_eq!(idler.text().await, "* 2 EXISTS");
    idler.done(&tag).await.ok().silent();
}

#[tokio::test]
async fn what_happened_before_idle_is_told_first() {
    let world = with_mail().await;
    let (mut idler, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    other.command("STORE 1 +FLAGS (\\Seen)").await.ok();
    let tag = idler.idle().await;
    assert_eq!(idler.text().await, "* 1 FETCH (UID 1 FLAGS (\\Seen))");
    idler.done(&tag).await.ok().silent();
}

#[tokio::test]
async fn idle_needs_a_login_and_no_folder() {
    let world = with_mail().await;
    world.stranger().await.command("IDLE").await.bad();
    let mut imap = world.imap().await;
    let tag = imap.idle().await;
    imap.done(&tag).await.ok();
    let tag = imap.idle().await;
    imap.send(b"done \r\n").await;
    imap.answer(&tag).await.ok();
    let tag = imap.idle().await;
    imap.send(b"t9 NOOP\r\n").await;
    imap.answer(&tag).await.bad();
    imap.command("NOOP").await.ok();
}

#[tokio::test]
async fn an_idle_that_lasts_half_an_hour_ends_with_bye() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    let tag = imap.idle().await;
    world.advance(Duration::from_secs(30 * 60));
    world.ada().inbox().deliver(mail("Three"));
    world.tick().await;
    assert_eq!(imap.text().await, "* 3 EXISTS", "{tag} goes on");
    world.advance(Duration::from_secs(32 * 60));
    assert!(imap.text().await.starts_with("* BYE"));
    assert!(imap.is_closed().await);
}

#[tokio::test]
async fn the_folder_may_be_deleted_under_an_idler() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Work"))).await;
    let mut idler = world.selected("Work").await;
    let mut other = world.imap().await;
    idler.idle().await;
    other.command("DELETE Work").await.ok();
    assert!(idler.text().await.starts_with("* BYE"));
    assert!(idler.is_closed().await);
}
