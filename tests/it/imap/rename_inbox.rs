//! RENAME of INBOX (RFC 3501 §6.3.5, RFC 9051 §6.3.6): its mail moves out, and it stays.

use m365_sim::{Fault, Kind, Rule};

use crate::world::{ADA, World, mail};

async fn with_mail(count: usize) -> World {
    World::with(|tenant| {
        for number in 1..=count {
            tenant.person(ADA).inbox().deliver(mail(&format!("Mail{number}")));
        }
        tenant.person(ADA).folder("Inbox/Below").deliver(mail("Below"));
        tenant.person(ADA).folder("Taken");
    })
    .await
}

fn subjects(world: &World, folder: &str) -> Vec<String> {
    world.ada().items(folder).into_iter().map(|item| item.subject).collect()
}

#[tokio::test]
async fn its_mail_moves_out_and_it_stays_with_what_is_below() {
    let world = with_mail(3).await;
    let (mut imap, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    imap.command("STORE 2 +FLAGS (\\Seen Red)").await.ok();
    let bytes = imap.message(2).await;
    other.command("NOOP").await.ok();
    let answer = imap.command("RENAME inbox Old/Mail").await.ok();
    assert_eq!(answer.lines(), ["* 3 EXPUNGE", "* 2 EXPUNGE", "* 1 EXPUNGE"]);
    other.command("NOOP").await.ok().expect("* 1 EXPUNGE");
    assert_eq!(other.uids().await, [0; 0]);
    assert_eq!(subjects(&world, "Inbox"), [""; 0]);
    assert_eq!(subjects(&world, "Inbox/Below"), ["Below"]);
    assert_eq!(subjects(&world, "Old/Mail"), ["Mail1", "Mail2", "Mail3"]);
    world.ada().inbox().deliver(mail("New"));
    world.tick().await;
    imap.command("NOOP").await.ok().expect("* 1 EXISTS");
    assert_eq!(imap.uids().await, [4], "the UIDs of the inbox go on");
    imap.command("SELECT Old/Mail").await.ok().expect("* 3 EXISTS");
    assert_eq!(imap.uids().await, [1, 2, 3]);
    assert_eq!(imap.message(2).await, bytes);
    imap.command("FETCH 2 FLAGS").await.ok().expect("* 2 FETCH (FLAGS (\\Seen Red))");
    imap.command("SELECT INBOX/Below").await.ok().expect("* 1 EXISTS");
}

#[tokio::test]
async fn it_goes_below_itself_and_into_no_folder_that_is_there() {
    let world = with_mail(1).await;
    let mut imap = world.imap().await;
    imap.command("ENABLE IMAP4rev2").await.ok();
    for (name, code) in [
        ("Taken", "ALREADYEXISTS"),
        ("INBOX", "ALREADYEXISTS"),
        ("inbox/Below", "ALREADYEXISTS"),
        ("\"Shelf/Old \"", "CANNOT"),
        ("\"50%\"", "CANNOT"),
    ] {
        imap.command(&format!("RENAME INBOX {name}")).await.no(code);
    }
    assert_eq!(subjects(&world, "Inbox"), ["Mail1"]);
    assert!(!world.ada().folders().contains(&"Shelf".to_owned()));
    imap.command("RENAME INBOX INBOX/Old").await.ok().silent();
    assert_eq!(subjects(&world, "Inbox/Old"), ["Mail1"]);
    imap.command("RENAME INBOX Empty").await.ok().silent();
    imap.command("SELECT Empty").await.ok().expect("* 0 EXISTS");
}

#[tokio::test]
async fn what_cannot_be_moved_stays_and_is_told() {
    let world = with_mail(3).await;
    let mut imap = world.selected("INBOX").await;
    let refused = Fault::status(403, "ErrorAccessDenied");
    world.tenant.faults().push(Rule::on(Kind::Move).skip(1).answer(refused));
    let answer = imap.command("RENAME INBOX Old").await.no("NOPERM");
    assert!(answer.tagged.ends_with("(2 of 3 messages were moved)"), "{answer}");
    assert_eq!(answer.lines(), ["* 3 EXPUNGE", "* 1 EXPUNGE"]);
    assert_eq!(imap.uids().await, [2]);
    assert_eq!(subjects(&world, "Inbox"), ["Mail2"]);
    assert_eq!(subjects(&world, "Old"), ["Mail1", "Mail3"]);
    imap.command("MOVE 1 Old").await.ok();
    imap.command("SELECT Old").await.ok().expect("* 3 EXISTS");
}

#[tokio::test]
async fn a_service_that_gives_out_on_the_way_leaves_each_message_in_one_place() {
    let world = with_mail(450).await;
    let mut imap = world.selected("INBOX").await;
    let down = Fault::status(503, "ServiceUnavailable");
    world.tenant.faults().push(Rule::on(Kind::Move).skip(230).always().answer(down));
    let answer = imap.command("RENAME INBOX Old").await.no("UNAVAILABLE");
    let moved = world.ada().items("Old").len();
    assert!((200..450).contains(&moved), "{moved}");
    let told = format!("({moved} of 450 messages were moved)");
    assert!(answer.tagged.ends_with(&told), "{answer}");
    assert_eq!(imap.uids().await.len(), 450 - moved);
    assert_eq!(world.ada().items("Inbox").len(), 450 - moved);
    world.tenant.faults().clear();
    imap.command("UID MOVE 1:* Old").await.ok();
    imap.command("SELECT Old").await.ok().expect("* 450 EXISTS");
}
