//! \Recent: the first session that hears of a message, and no other (RFC 3501 §2.3.2).

use crate::world::{ADA, World, mail};

#[tokio::test]
async fn a_message_is_recent_for_the_first_session_alone() {
    let world = World::with(|tenant| {
        tenant.person(ADA).inbox().deliver(mail("One"));
        tenant.person(ADA).inbox().deliver(mail("Two"));
    })
    .await;
    let mut looking = world.imap().await.telling_recent();
    looking.command("STATUS INBOX (RECENT)").await.ok().expect("* STATUS INBOX (RECENT 2)");
    looking.command("EXAMINE INBOX").await.ok().expect("* 2 RECENT");
    let mut first = world.imap().await.telling_recent();
    first.command("SELECT INBOX").await.ok().expect("* 2 RECENT");
    let answer = first.command("FETCH 1 FLAGS").await.ok();
    answer.expect("* 1 FETCH (FLAGS (\\Recent))");
    let answer = first.command("STORE 1 +FLAGS (\\Seen)").await.ok();
    answer.expect("* 1 FETCH (FLAGS (\\Seen \\Recent))");
    assert_eq!(first.command("SEARCH RECENT").await.ok().search(), [1, 2]);
    assert_eq!(first.command("SEARCH NEW").await.ok().search(), [2]);
    assert_eq!(first.command("SEARCH OLD").await.ok().search(), [] as [u32; 0]);
    let mut second = world.imap().await.telling_recent();
    second.command("SELECT INBOX").await.ok().expect("* 0 RECENT");
    second.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS (\\Seen))");
    second.command("STATUS INBOX (RECENT)").await.ok().expect("* STATUS INBOX (RECENT 0)");
}

#[tokio::test]
async fn mail_that_arrives_is_recent_for_who_hears_of_it_first() {
    let world = World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(mail("One")))).await;
    let mut one = world.selected("INBOX").await.telling_recent();
    let mut other = world.selected("INBOX").await.telling_recent();
    world.ada().inbox().deliver(mail("Two"));
    world.tick().await;
    let answer = other.command("NOOP").await.ok().expect("* 2 EXISTS");
    answer.expect("* 1 RECENT");
    let answer = one.command("NOOP").await.ok().expect("* 2 EXISTS");
    answer.expect("* 1 RECENT").lacks("\\Recent");
    assert_eq!(one.command("SEARCH RECENT").await.ok().search(), [1]);
    assert_eq!(other.command("SEARCH RECENT").await.ok().search(), [2]);
    other.command("STORE 2 +FLAGS.SILENT (\\Deleted)").await.ok();
    other.command("EXPUNGE").await.ok();
    assert_eq!(other.command("SEARCH RECENT").await.ok().search(), [] as [u32; 0]);
}

#[tokio::test]
async fn after_a_restart_what_was_told_is_not_recent_again() {
    let mut world =
        World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(mail("One")))).await;
    world.selected("INBOX").await;
    world.restart().await;
    world.imap().await.telling_recent().command("SELECT INBOX").await.ok().expect("* 0 RECENT");
}
