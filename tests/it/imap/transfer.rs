//! COPY and MOVE, and the UIDs that come out.

use m365_sim::{Fault, Kind as Call, Rule};

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, id, mail};

async fn with_mail(count: usize) -> World {
    World::with(|tenant| {
        for number in 1..=count {
            tenant.person(ADA).inbox().deliver(mail(&format!("Mail{number}")));
        }
        tenant.person(ADA).folder("Work").deliver(mail("Earlier"));
    })
    .await
}

fn subjects(world: &World, folder: &str) -> Vec<String> {
    world.ada().items(folder).into_iter().map(|item| item.subject).collect()
}

async fn validity(imap: &mut ImapClient, folder: &str) -> String {
    let answer = imap.command(&format!("STATUS {folder} (UIDVALIDITY)")).await.ok();
    let line = answer.lines().remove(0);
    line.rsplit_once(' ').unwrap().1.trim_end_matches(')').to_owned()
}

#[tokio::test]
async fn copies_keep_bytes_date_and_flags_and_tell_their_uids() {
    let world = with_mail(3).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 FLAGS (\\Seen \\Flagged \\Answered Red)").await.ok();
    let bytes = imap.message(1).await;
    let dated = imap.command("FETCH 1 INTERNALDATE").await.ok().lines();
    let work = validity(&mut imap, "Work").await;
    let answer = imap.command("COPY 1,3 Work").await.ok();
    assert_eq!(answer.code("COPYUID"), format!("{work} 1,3 2:3"));
    let answer = imap.command("UID COPY 2 Work").await.ok();
    assert_eq!(answer.code("COPYUID"), format!("{work} 2 4"));
    assert_eq!(imap.uids().await, [1, 2, 3]);
    imap.command("SELECT Work").await.ok().expect("* 4 EXISTS");
    assert_eq!(imap.message(2).await, bytes);
    let answer = imap.command("FETCH 2 (INTERNALDATE)").await.ok();
    assert_eq!(answer.lines()[0].replace("* 2 ", "* 1 "), dated[0]);
    let answer = imap.command("FETCH 2 FLAGS").await.ok();
    answer.expect("* 2 FETCH (FLAGS (\\Answered \\Flagged \\Seen Red))");
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [1, 2, 3, 4], "each copy once");
}

#[tokio::test]
async fn moves_tell_the_new_uids_before_the_old_ones_go() {
    let world = with_mail(3).await;
    let mut imap = world.selected("INBOX").await;
    let bytes = imap.message(2).await;
    let work = validity(&mut imap, "Work").await;
    let answer = imap.command("UID MOVE 2,77 Work").await.ok();
    let lines = answer.lines();
    assert_eq!(lines.len(), 2, "{answer}");
    assert!(lines[0].starts_with(&format!("* OK [COPYUID {work} 2 2]")), "{answer}");
    assert_eq!(lines[1], "* 2 EXPUNGE");
    imap.command("MOVE 2 Work").await.ok().expect("* 2 EXPUNGE");
    assert_eq!(imap.uids().await, [1]);
    assert_eq!(subjects(&world, "Inbox"), ["Mail1"]);
    let mut work = world.selected("Work").await;
    assert_eq!(work.uids().await, [1, 2, 3]);
    world.forget();
    assert_eq!(work.message(2).await, bytes);
    world.tick().await;
    work.command("NOOP").await.ok();
    assert_eq!(work.uids().await, [1, 2, 3], "each message once");
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [1]);
}

#[tokio::test]
async fn another_session_sees_a_move_leave_and_arrive() {
    let world = with_mail(2).await;
    let mut imap = world.selected("INBOX").await;
    let (mut inbox, mut work) = (world.selected("INBOX").await, world.selected("Work").await);
    imap.command("MOVE 1 Work").await.ok();
    inbox.command("NOOP").await.ok().expect("* 1 EXPUNGE");
    work.command("NOOP").await.ok().expect("* 2 EXISTS");
}

#[tokio::test]
async fn a_destination_that_is_not_there_can_be_created() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    for command in ["COPY 1 New", "MOVE 1 New", "UID COPY 1 New", "UID MOVE 1 New"] {
        imap.command(command).await.no("TRYCREATE");
    }
    assert!(!world.ada().folders().contains(&"New".to_owned()));
    imap.command("CREATE New").await.ok();
    imap.command("MOVE 1 New").await.ok().expect("* 1 EXPUNGE");
    assert_eq!(subjects(&world, "New"), ["Mail1"]);
}

#[tokio::test]
async fn a_move_into_a_folder_deleted_in_outlook_moves_nothing() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STATUS Work (MESSAGES)").await.ok();
    world.tenant.set_switches(|switches| {
        switches.folders.delete = m365_sim::switch::FolderDelete::Purge;
    });
    let mut eraser = world.imap().await;
    eraser.command("DELETE Work").await.ok();
    imap.command("MOVE 1 Work").await.no("TRYCREATE");
    assert_eq!(imap.uids().await, [1]);
    assert_eq!(subjects(&world, "Inbox"), ["Mail1"]);
}

#[tokio::test]
async fn a_copy_into_its_own_folder_doubles_and_a_move_does_not() {
    let world = with_mail(2).await;
    let mut imap = world.selected("INBOX").await;
    let bytes = imap.message(1).await;
    let answer = imap.command("COPY 1 INBOX").await.ok().expect("* 3 EXISTS");
    assert!(answer.code("COPYUID").ends_with(" 1 3"), "{answer}");
    assert_eq!(imap.message(3).await, bytes);
    let answer = imap.command("UID MOVE 1 INBOX").await.ok();
    assert!(answer.code("COPYUID").ends_with(" 1 4"), "{answer}");
    assert_eq!(imap.uids().await, [2, 3, 4]);
    assert_eq!(imap.message(4).await, bytes);
    assert_eq!(world.ada().items("Inbox").len(), 3);
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [2, 3, 4]);
}

#[tokio::test]
async fn what_is_gone_is_neither_copied_nor_a_reason_to_stop() {
    let world = with_mail(3).await;
    let mut imap = world.selected("INBOX").await;
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[1]));
    let answer = imap.command("UID COPY 1:3 Work").await.ok();
    assert!(answer.code("COPYUID").ends_with(" 1,3 2:3"), "{answer}");
    assert_eq!(subjects(&world, "Work").len(), 3);
    assert_eq!(imap.uids().await, [1, 3]);
    imap.command("UID COPY 2 Work").await.ok().silent();
    imap.command("UID MOVE 50:60 Work").await.ok().silent();
}

#[tokio::test]
async fn a_message_moved_there_and_back_by_the_client_gets_new_uids() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    let bytes = imap.message(1).await;
    imap.command("MOVE 1 Work").await.ok();
    let mut work = world.selected("Work").await;
    work.command("UID MOVE 2 INBOX").await.ok();
    imap.command("NOOP").await.ok().expect("* 1 EXISTS");
    assert_eq!(imap.uids().await, [2]);
    assert_eq!(imap.message(2).await, bytes);
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [2]);
}

#[tokio::test]
async fn a_draft_that_is_moved_or_copied_stays_what_it_was() {
    let world = with_mail(0).await;
    world.ada().folder("Drafts").draft(mail("Begun"));
    let mut imap = world.selected("Drafts").await;
    let bytes = imap.message(1).await;
    imap.command("COPY 1 Work").await.ok();
    imap.command("MOVE 1 Work").await.ok();
    let mut work = world.selected("Work").await;
    assert_eq!(work.uids().await, [1, 2, 3]);
    for uid in [2, 3] {
        assert_eq!(work.message(uid).await, bytes);
    }
    world.tick().await;
    work.command("NOOP").await.ok();
    assert_eq!(work.uids().await, [1, 2, 3]);
}

/// The same message twice, as from its sender and from a mailing list: one Message-ID, two texts.
async fn with_twins() -> World {
    World::with(|tenant| {
        let listed = String::from_utf8(mail("Twin")).unwrap() + "-- \r\nfrom the list\r\n";
        tenant.person(ADA).inbox().deliver(mail("Twin"));
        tenant.person(ADA).inbox().deliver(listed.into_bytes());
        tenant.person(ADA).folder("Work");
    })
    .await
}

async fn texts(imap: &mut ImapClient, uids: [u32; 2]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for uid in uids {
        texts.push(imap.message(uid).await);
    }
    texts
}

#[tokio::test]
async fn a_copy_in_doubt_does_not_claim_the_copy_of_a_message_with_the_same_message_id() {
    for commands in [&["COPY 1:2 Work"][..], &["COPY 1 Work", "COPY 2 Work"][..]] {
        let world = with_twins().await;
        let mut imap = world.selected("INBOX").await;
        let originals = texts(&mut imap, [1, 2]).await;
        let refusal = Fault::status(503, "ErrorServerBusy");
        world.tenant.faults().push(Rule::on(Call::Copy).skip(1).answer(refusal));
        for command in commands {
            imap.command(command).await.ok();
        }
        assert_eq!(world.tenant.faults().pending(), 0);
        assert_eq!(world.ada().items("Work").len(), 2, "{commands:?}");
        imap.command("SELECT Work").await.ok();
        assert_eq!(imap.uids().await, [1, 2]);
        assert_eq!(texts(&mut imap, [1, 2]).await, originals);
    }
}

#[tokio::test]
async fn copies_in_doubt_that_cannot_be_told_apart_are_not_told_as_done() {
    let world = with_twins().await;
    let mut imap = world.selected("INBOX").await;
    world.tenant.faults().push(Rule::on(Call::Batch).answer(Fault::CutAfter));
    for _ in 0..2 {
        imap.command("COPY 1:2 Work").await.no("UNAVAILABLE");
        assert_eq!(world.ada().items("Work").len(), 2, "none is made twice");
    }
    assert_eq!(imap.uids().await, [1, 2]);
}

#[tokio::test]
async fn what_was_delivered_meanwhile_does_not_pass_for_a_copy_in_doubt() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    world.advance(std::time::Duration::from_secs(60));
    world.ada().folder("Work").deliver(mail("Mail1"));
    let busy = Fault::status(503, "ErrorServerBusy");
    world.tenant.faults().push(Rule::on(Call::Copy).answer(busy));
    imap.command("COPY 1 Work").await.no("UNAVAILABLE");
    assert_eq!(subjects(&world, "Work"), ["Earlier", "Mail1"]);
}

/// The service makes the copies of one batch in whatever order it likes.
#[tokio::test]
async fn copies_and_moves_keep_the_order_of_the_set_though_their_dates_are_the_same() {
    let world = World::with(|tenant| {
        let at = "2026-11-01T09:00:00Z".parse().unwrap();
        for number in 0..15 {
            let inbox = tenant.person(ADA).inbox();
            inbox.deliver_at(format!("Subject: {number}\r\n\r\nx\r\n"), at);
        }
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    for command in ["COPY 1:* \"Sent Items\"", "MOVE 1:* \"Deleted Items\""] {
        imap.command("SELECT INBOX").await.ok();
        let answer = imap.command(command).await.ok();
        let code = answer.code("COPYUID");
        assert!(code.ends_with(" 1:15 1:15"), "{command}: {code}");
    }
}

/// How long it takes is no reason to break off: the client hears that work goes on.
#[tokio::test]
async fn a_command_on_many_messages_goes_on_as_long_as_the_service_does_its_part() {
    for command in ["COPY 1:100 Work", "STORE 1:100 +FLAGS (\\Flagged)", "MOVE 1:100 Work"] {
        let world = World::with(|tenant| {
            drop(tenant.person(ADA).folder("Work"));
            for number in 1..=100 {
                tenant.person(ADA).inbox().deliver(mail(&format!("{number}")));
            }
        })
        .await;
        let mut imap = world.selected("INBOX").await;
        imap.command("STATUS Work (MESSAGES)").await.ok();
        let hold = world.tenant.hold(Call::Batch);
        let tag = imap.begin(format!("{command}\r\n").as_bytes()).await;
        // Looks at the folders among them.
        for batch in 1..=5 {
            hold.arrived(batch).await;
            world.advance(std::time::Duration::from_secs(8));
            hold.step();
        }
        hold.release();
        imap.answer(&tag).await.ok();
        if !command.starts_with("STORE") {
            assert_eq!(world.ada().items("Work").len(), 100, "{command}");
        }
    }
}
