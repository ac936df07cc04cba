//! What writing and watching ask of the service, counted, and what a half-done write leaves behind.

use std::time::Duration;

use m365_sim::{Fault, Kind, Rule};

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, id, mail};

/// A full inbox, selected, and an empty folder beside it that the bridge knows.
async fn full(messages: u32) -> (World, ImapClient) {
    let world = World::with(|tenant| {
        tenant.person(ADA).inbox().seed(messages);
        tenant.person(ADA).folder("Work");
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STATUS Work (MESSAGES)").await.ok();
    world.forget();
    (world, imap)
}

fn at_most(world: &World, most: usize) {
    let requests = world.requests();
    assert!(requests <= most, "{requests} requests, at most {most}");
}

#[tokio::test]
async fn flags_of_500_messages_cost_at_most_25_requests() {
    let (world, mut imap) = full(500).await;
    imap.command("STORE 1:* +FLAGS (\\Flagged)").await.ok();
    at_most(&world, 25);
    assert!(world.ada().items("Inbox").iter().all(|item| item.flag == "flagged"));
    world.forget();
    imap.command("STORE 1:* +FLAGS (\\Flagged)").await.ok();
    assert_eq!(world.requests(), 0, "there was nothing to change");
}

#[tokio::test]
async fn moving_or_copying_200_messages_costs_at_most_10_requests() {
    let (world, mut imap) = full(400).await;
    imap.command("COPY 201:400 Work").await.ok();
    at_most(&world, 10);
    world.forget();
    imap.command("MOVE 1:200 Work").await.ok();
    at_most(&world, 10);
    assert_eq!(world.ada().items("Work").len(), 400);
    assert_eq!(imap.uids().await.len(), 200);
}

#[tokio::test]
async fn expunging_200_messages_costs_at_most_20_requests() {
    let (world, mut imap) = full(200).await;
    imap.command("STORE 1:* +FLAGS.SILENT (\\Deleted)").await.ok();
    world.forget();
    imap.command("EXPUNGE").await.ok();
    at_most(&world, 20);
    assert!(world.ada().items("Inbox").is_empty());
}

#[tokio::test]
async fn flags_are_kept_by_a_move_and_a_copy_and_corrected_if_they_were_changed_elsewhere() {
    let (world, mut imap) = full(3).await;
    imap.command("STORE 1:3 FLAGS (\\Answered $Label1)").await.ok();
    let forwarded = world.ada().items("Inbox").remove(1);
    world.ada().outlook().set_property(&id(&forwarded), "Integer 0x1081", "104");
    imap.command("MOVE 1:2 Work").await.ok();
    imap.command("COPY 1 Work").await.ok();
    imap.command("SELECT Work").await.ok();
    world.tick().await;
    imap.command("NOOP").await.ok();
    let answer = imap.command("FETCH 1:* FLAGS").await.ok();
    let count = |flag: &str| answer.lines().iter().filter(|line| line.contains(flag)).count();
    assert_eq!((count("\\Answered"), count("$Forwarded"), count("$Label1")), (2, 1, 3), "{answer}");
}

#[tokio::test]
async fn a_part_that_fails_is_told_and_index_and_mailbox_agree() {
    let denied = || Fault::status(403, "ErrorAccessDenied");
    for (kind, command) in [
        (Kind::Patch, "STORE 1:40 +FLAGS (\\Flagged)"),
        (Kind::Move, "MOVE 1:40 Work"),
        (Kind::Copy, "COPY 1:40 Work"),
    ] {
        let (world, mut imap) = full(40).await;
        world.tenant.faults().push(Rule::on(kind).skip(7).times(3).answer(denied()));
        let answer = imap.command(command).await.no("NOPERM");
        if kind != Kind::Patch {
            assert!(answer.tagged.contains("37 of 40"), "{answer}");
        }
        let check = async |imap: &mut ImapClient| {
            let (inbox, work) = (world.ada().items("Inbox"), world.ada().items("Work"));
            let flagged = inbox.iter().filter(|item| item.flag == "flagged").count();
            assert_eq!(imap.uids().await.len(), inbox.len(), "{command}");
            let shown = imap.command("SEARCH FLAGGED").await.ok().search().len();
            assert_eq!(shown, flagged, "{command}");
            let status = imap.command("STATUS Work (MESSAGES)").await.ok();
            let line = format!("* STATUS Work (MESSAGES {})", work.len());
            status.expect(&line);
            (inbox.len(), work.len(), flagged)
        };
        let done = check(&mut imap).await;
        let wanted = match kind {
            Kind::Patch => (40, 0, 37),
            Kind::Move => (3, 37, 0),
            _ => (40, 37, 0),
        };
        assert_eq!(done, wanted, "{command}");
        world.tick().await;
        imap.command("NOOP").await.ok();
        assert_eq!(check(&mut imap).await, wanted, "{command}, later");
    }
}

#[tokio::test]
async fn status_asked_again_and_again_costs_nothing_beyond_the_poll() {
    let (world, mut imap) = full(10).await;
    imap.command("STATUS Work (MESSAGES)").await.ok();
    world.tick().await;
    world.forget();
    for _ in 0..70 {
        world.advance(Duration::from_millis(200));
        imap.command("STATUS Work (MESSAGES UNSEEN UIDNEXT)").await.ok();
        imap.command("STATUS INBOX (MESSAGES UNSEEN UIDNEXT)").await.ok();
    }
    assert_eq!(world.requests(), 0, "14 s pass between two polls");
    world.ada().folder("Work").deliver(mail("News"));
    world.tick().await;
    assert!(world.requests() <= 2, "{} requests", world.requests());
    imap.command("STATUS Work (MESSAGES)").await.ok().expect("* STATUS Work (MESSAGES 1)");
}

#[tokio::test]
async fn five_idle_folders_cost_one_request_a_tick_and_hear_of_new_mail_within_one() {
    let folders = ["INBOX", "One", "Two", "Three", "Four"];
    let world = World::with(|tenant| {
        for folder in &folders[1..] {
            tenant.person(ADA).outlook().create_folder(folder);
        }
    })
    .await;
    let mut idle = Vec::new();
    for folder in folders {
        let mut imap = world.selected(folder).await;
        imap.idle().await;
        idle.push(imap);
    }
    world.tick().await;
    for _ in 0..3 {
        world.forget();
        world.tick().await;
        assert_eq!(world.requests(), 1);
    }
    for (folder, imap) in folders.iter().zip(&mut idle) {
        let known = if *folder == "INBOX" { "Inbox" } else { folder };
        world.ada().folder(known).deliver(mail("News"));
        world.tick().await;
        assert_eq!(imap.text().await, "* 1 EXISTS", "{folder}");
    }
}
