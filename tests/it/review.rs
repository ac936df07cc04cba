//! What must not happen to mail while two people work on one mailbox, and while parts of it fail.

use std::time::Duration;

use m365_sim::{Fault, Kind, Rule};

use crate::world::{ADA, World, id, mail};

const DELETED: &str = "Integer {00062008-0000-0000-c000-000000000046} Id 0x8570";

const SIGNED: &[u8] = b"From: Ada <ada@contoso.example>\r\nSubject: Signed\r\nX-Mailer: old\r\n\
    Content-Type: multipart/signed; boundary=\"b\"; protocol=\"application/pgp-signature\"\r\n\r\n\
    preamble\r\n--b\r\nContent-Type: text/plain\r\n\r\nword for word  \r\n--b\r\n\
    Content-Type: application/pgp-signature\r\n\r\nsignature\r\n--b--\r\n";

#[tokio::test]
async fn a_copy_of_a_filed_message_has_the_very_bytes_that_were_filed() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Projects");
        tenant.person(ADA).folder("Kept");
    })
    .await;
    let mut imap = world.imap().await;
    imap.append("Projects", SIGNED).await.ok();
    imap.command("SELECT Projects").await.ok();
    imap.command("COPY 1 Kept").await.ok();
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    imap.command("SELECT Kept").await.ok().expect("* 1 EXISTS");
    let answer = imap.command("FETCH 1 BODY.PEEK[]").await.ok();
    assert_eq!(answer.literal().unwrap(), SIGNED);
}

#[tokio::test]
async fn an_expunge_leaves_alone_what_someone_has_moved_elsewhere() {
    let world = World::new().await;
    let item = world.ada().inbox().deliver(mail("Kept"));
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    world.ada().outlook().relocate(&item, "Archive");
    imap.command("EXPUNGE").await.ok().expect("* 1 EXPUNGE");
    assert_eq!(world.ada().items("Archive").len(), 1);
}

#[tokio::test]
async fn a_mark_of_deletion_does_not_follow_a_message_that_someone_has_moved() {
    let world = World::new().await;
    let item = world.ada().inbox().deliver(mail("Moved"));
    let mut imap = world.selected("INBOX").await;
    world.ada().outlook().relocate(&item, "Archive");
    let answer = imap.command("UID STORE 1 +FLAGS (\\Deleted)").await.ok();
    assert!(!answer.to_string().contains("Deleted"), "{answer}");
    let moved = &world.ada().items("Archive")[0];
    assert_ne!(moved.extended.get(DELETED).map(String::as_str), Some("1"));
}

#[tokio::test]
async fn a_copy_by_number_of_a_message_that_is_gone_copies_nothing_and_says_so() {
    let world = World::with(|tenant| tenant.person(ADA).inbox().seed(2)).await;
    let mut imap = world.selected("INBOX").await;
    let mut other = world.selected("INBOX").await;
    let gone = id(&world.ada().items("Inbox")[0]);
    world.ada().outlook().purge(&gone);
    world.advance(Duration::from_secs(2));
    other.command("NOOP").await.ok().expect("* 1 EXPUNGE");
    imap.command("COPY 1:2 Archive").await.no("EXPUNGEISSUED");
    assert!(world.ada().items("Archive").is_empty());
    imap.command("UID COPY 1:2 Archive").await.ok();
    assert_eq!(world.ada().items("Archive").len(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_looked_into_does_not_hold_up_the_others() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    let _drafts = world.selected("Drafts").await;
    let asked = world.tenant.journal().of(Kind::MessageDelta).remove(0).path;
    let drafts = asked.split('/').skip_while(|part| *part != "mailFolders").nth(1).unwrap();
    let refused = Fault::status(403, "ErrorAccessDenied");
    world
        .tenant
        .faults()
        .push(Rule::on(Kind::MessageDelta).path_containing(drafts).always().answer(refused));
    for number in 1..=3 {
        world.ada().inbox().deliver(mail(&format!("news-{number}")));
        world.tick().await;
        let tag = imap.begin(b"IDLE").await;
        assert!(imap.line().await.unwrap().starts_with(b"+"));
        let line = imap.line().await.unwrap();
        assert_eq!(line, format!("* {number} EXISTS\r\n").as_bytes());
        imap.send(b"DONE\r\n").await;
        imap.answer(&tag).await.ok();
    }
}

#[tokio::test]
async fn a_folder_in_the_trash_is_not_called_deleted_while_it_is_there() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Deleted Items/Old"))).await;
    world.tenant.faults().push(Rule::on(Kind::DeleteFolder).answer(Fault::CutBefore));
    let mut imap = world.imap().await;
    imap.command("DELETE \"Deleted Items/Old\"").await.ok();
    assert!(!world.ada().folders().iter().any(|path| path == "Deleted Items/Old"));
}
