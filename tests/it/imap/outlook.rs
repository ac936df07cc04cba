//! What someone does in Outlook, as a client of the bridge sees it.

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, id, mail};

async fn with_mail(count: usize) -> World {
    World::with(|tenant| {
        for number in 1..=count {
            tenant.person(ADA).inbox().deliver(mail(&format!("Mail{number}")));
        }
    })
    .await
}

async fn news(world: &World, imap: &mut ImapClient) -> Vec<String> {
    world.tick().await;
    imap.command("NOOP").await.ok().lines()
}

#[tokio::test]
async fn mail_arrives_with_the_next_uid() {
    let world = with_mail(2).await;
    let mut imap = world.selected("INBOX").await;
    world.ada().inbox().deliver(mail("New"));
    // It was sent long before the others: the order of arrival is what counts.
    world.ada().inbox().deliver_at(mail("Old"), "2001-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(news(&world, &mut imap).await, ["* 4 EXISTS"]);
    assert_eq!(imap.uids().await, [1, 2, 3, 4]);
    assert_eq!(imap.message(1).await, mail("Mail1"));
    assert_eq!(news(&world, &mut imap).await, [""; 0]);
}

#[tokio::test]
async fn mail_that_is_deleted_or_moved_away_leaves() {
    let world = with_mail(4).await;
    let mut imap = world.selected("INBOX").await;
    let mut trash = world.selected("\"Deleted Items\"").await;
    let mut archive = world.selected("Archive").await;
    let items = world.ada().items("Inbox");
    world.ada().outlook().delete(&id(&items[0]));
    world.ada().outlook().relocate(&id(&items[1]), "Archive");
    world.ada().outlook().purge(&id(&items[3]));
    news(&world, &mut imap).await;
    assert_eq!(imap.uids().await, [3]);
    trash.command("NOOP").await.ok().expect("* 1 EXISTS");
    archive.command("NOOP").await.ok().expect("* 1 EXISTS");
    assert_eq!(trash.message(1).await, mail("Mail1"));
    assert_eq!(archive.message(1).await, mail("Mail2"));
    assert_eq!(archive.uids().await, [1]);
}

#[tokio::test]
async fn mail_moved_away_and_back_between_two_polls_is_still_there() {
    let world = with_mail(3).await;
    assert!(world.tenant.switches().delta.away_and_back_hole, "the hole is open");
    let mut imap = world.selected("INBOX").await;
    let item = id(&world.ada().items("Inbox")[1]);
    world.ada().outlook().relocate(&item, "Archive");
    world.ada().outlook().relocate(&item, "Inbox");
    for _ in 0..3 {
        news(&world, &mut imap).await;
    }
    let uids = imap.uids().await;
    assert_eq!(uids.len(), 3, "{uids:?}");
    assert_eq!(imap.message(1).await, mail("Mail1"));
    assert_eq!(imap.message(3).await, mail("Mail3"));
    assert_eq!(imap.message(uids[if uids[1] == 2 { 1 } else { 2 }]).await, mail("Mail2"));
    assert!(world.selected("Archive").await.uids().await.is_empty());
}

#[tokio::test]
async fn mail_moved_on_twice_between_two_polls_ends_where_it_is() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    let (mut archive, mut work) = {
        world.ada().folder("Work");
        (world.selected("Archive").await, world.selected("Work").await)
    };
    let item = id(&world.ada().items("Inbox")[0]);
    world.ada().outlook().relocate(&item, "Archive");
    world.ada().outlook().relocate(&item, "Work");
    for _ in 0..2 {
        news(&world, &mut imap).await;
    }
    archive.command("NOOP").await.ok();
    work.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [0; 0]);
    assert_eq!(archive.uids().await, [0; 0]);
    assert_eq!(work.message(1).await, mail("Mail1"));
}

#[tokio::test]
async fn what_a_client_files_and_someone_moves_on_before_the_next_poll_does_not_stay() {
    let world = with_mail(2).await;
    let (mut imap, mut archive) = (world.selected("INBOX").await, world.selected("Archive").await);
    imap.command("MOVE 1 Archive").await.ok();
    imap.command("COPY 1 Archive").await.ok();
    imap.append("Archive", &mail("Filed")).await.ok();
    archive.command("NOOP").await.ok().expect("* 3 EXISTS");
    for item in world.ada().items("Archive") {
        world.ada().outlook().purge(&id(&item));
    }
    world.tick().await;
    archive.command("NOOP").await.ok();
    assert_eq!(archive.uids().await, [0; 0]);
}

#[tokio::test]
async fn mail_that_comes_back_later_gets_a_new_uid() {
    let world = with_mail(2).await;
    let mut imap = world.selected("INBOX").await;
    let item = id(&world.ada().items("Inbox")[0]);
    world.ada().outlook().relocate(&item, "Archive");
    assert_eq!(news(&world, &mut imap).await, ["* 1 EXPUNGE"]);
    world.ada().outlook().relocate(&item, "Inbox");
    assert_eq!(news(&world, &mut imap).await, ["* 2 EXISTS"]);
    assert_eq!(imap.uids().await, [2, 3]);
    assert_eq!(imap.message(3).await, mail("Mail1"));
}

#[tokio::test]
async fn an_edited_draft_is_another_message() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Drafts").draft(mail("Begun"));
        tenant.person(ADA).folder("Drafts").draft(mail("Other"));
    })
    .await;
    let mut imap = world.selected("Drafts").await;
    assert_eq!(imap.message(1).await, mail("Begun"));
    world.ada().outlook().edit_draft(&id(&world.ada().items("Drafts")[0]), mail("Finished"));
    let lines = news(&world, &mut imap).await;
    assert!(lines.contains(&"* 1 EXPUNGE".to_owned()), "{lines:?}");
    assert!(lines.contains(&"* 2 EXISTS".to_owned()), "{lines:?}");
    assert_eq!(imap.uids().await, [2, 3]);
    assert_eq!(imap.message(3).await, mail("Finished"));
    assert_eq!(imap.message(2).await, mail("Other"));
}

#[tokio::test]
async fn a_copy_made_in_outlook_is_one_more_message() {
    let world = with_mail(1).await;
    let mut archive = world.selected("Archive").await;
    world.ada().outlook().copy(&id(&world.ada().items("Inbox")[0]), "Archive");
    assert_eq!(news(&world, &mut archive).await, ["* 1 EXISTS"]);
    assert_eq!(archive.message(1).await, mail("Mail1"));
}

#[tokio::test]
async fn several_changes_between_two_polls_are_told_in_an_order_that_fits() {
    let world = with_mail(5).await;
    let mut imap = world.selected("INBOX").await;
    let items = world.ada().items("Inbox");
    world.ada().outlook().purge(&id(&items[0]));
    world.ada().outlook().mark_read(&id(&items[1]), true);
    world.ada().outlook().delete(&id(&items[2]));
    world.ada().inbox().deliver(mail("New"));
    world.ada().outlook().flag(&id(&items[4]), "flagged");
    let lines = news(&world, &mut imap).await;
    let mut view = vec![1, 2, 3, 4, 5];
    for line in &lines {
        let mut words = line.trim_start_matches("* ").split(' ');
        let number: usize = words.next().unwrap().parse().unwrap();
        match words.next().unwrap() {
            "EXPUNGE" => drop(view.remove(number - 1)),
            "EXISTS" => (view.len()..number).for_each(|_| view.push(6)),
            _ => assert!(line.contains(&format!("(UID {} ", view[number - 1])), "{lines:?}"),
        }
    }
    assert_eq!(view, [2, 4, 5, 6], "{lines:?}");
    assert_eq!(imap.uids().await, [2, 4, 5, 6]);
}

#[tokio::test]
async fn a_restart_keeps_every_uid_and_hears_what_happened_meanwhile() {
    let mut world = with_mail(3).await;
    let mut imap = world.imap().await;
    let validity = imap.command("SELECT INBOX").await.ok().code("UIDVALIDITY");
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    world.stop().await;
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[0]));
    world.ada().inbox().deliver(mail("Mail4"));
    world.start().await;
    let mut imap = world.imap().await;
    let answer = imap.command("SELECT INBOX").await.ok().expect("* 2 EXISTS");
    assert_eq!(answer.code("UIDVALIDITY"), validity);
    assert_eq!(answer.code("UIDNEXT"), "5");
    assert_eq!(imap.uids().await, [3, 4]);
    assert_eq!(imap.message(3).await, mail("Mail3"));
    assert_eq!(imap.message(4).await, mail("Mail4"));
}

#[tokio::test]
async fn a_restart_says_goodbye_to_those_who_are_connected() {
    let mut world = with_mail(1).await;
    let (mut idler, mut quiet) = (world.selected("INBOX").await, world.selected("INBOX").await);
    idler.idle().await;
    world.stop().await;
    for client in [&mut idler, &mut quiet] {
        assert!(client.text().await.starts_with("* BYE"));
        assert!(client.is_closed().await);
    }
}
