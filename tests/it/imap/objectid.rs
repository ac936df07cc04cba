//! Names of messages and conversations that outlive folders and UIDs (RFC 8474).

use m365_sim::Tenant;
use m365_sim::switch::MimeFidelity;

use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, World, id, mail};

fn reply(subject: &str, to: &str) -> Vec<u8> {
    let about = format!("\r\nReferences: <{to}@elsewhere.example>\r\nSubject: Re: {subject}\r\n");
    let mail = String::from_utf8(mail(subject)).unwrap();
    mail.replace(&format!("\r\nSubject: {subject}\r\n"), &about).into_bytes()
}

/// The service parts it with another boundary whenever it is read.
const TWO_PARTS: &str = "Subject: Parts\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\
    Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\ntwo\r\n--b--\r\n";

/// One, an answer to it, and another one.
async fn with_mail() -> World {
    World::with(|tenant| {
        let ada = tenant.person(ADA);
        for message in [mail("One"), reply("Answer", "One"), mail("Other")] {
            ada.inbox().deliver(message);
        }
        ada.folder("Work");
    })
    .await
}

/// What stands in the parentheses of an item.
#[track_caller]
fn value(answer: &Answer, item: &str) -> String {
    let text = answer.to_string();
    let (_, rest) = text.split_once(&format!("{item} (")).unwrap_or_else(|| panic!("{answer}"));
    rest.split_once(')').unwrap().0.to_owned()
}

async fn names(imap: &mut ImapClient, message: u32) -> (String, String) {
    let answer = imap.command(&format!("FETCH {message} (EMAILID THREADID)")).await.ok();
    (value(&answer, "EMAILID"), value(&answer, "THREADID"))
}

#[tokio::test]
async fn every_message_has_a_name_of_its_own_and_shares_that_of_its_conversation() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    let (one, thread) = names(&mut imap, 1).await;
    let (answer, same) = names(&mut imap, 2).await;
    let (other, alone) = names(&mut imap, 3).await;
    assert!(one != answer && one != other && answer != other);
    assert_eq!(thread, same);
    assert_ne!(thread, alone);
    for name in [&one, &thread] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(name.len() <= 255 && name.bytes().all(plain), "{name}");
    }
    assert_eq!(names(&mut world.selected("INBOX").await, 1).await, (one, thread));
    assert_eq!(world.requests(), 1, "the other session's SELECT");
}

#[tokio::test]
async fn a_name_survives_a_move_a_restart_and_what_outlook_does() {
    let mut world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    let (moved, kept) = (names(&mut imap, 1).await, names(&mut imap, 3).await);
    imap.command("MOVE 1 Work").await.ok();
    imap.command("SELECT Work").await.ok();
    assert_eq!(names(&mut imap, 1).await, moved);
    world.restart().await;
    let mut imap = world.selected("Work").await;
    assert_eq!(names(&mut imap, 1).await, moved);
    world.ada().outlook().relocate(&id(&world.ada().items("Work")[0]), "Inbox");
    imap.command("SELECT INBOX").await.ok().expect("* 3 EXISTS");
    let all = [names(&mut imap, 1).await, names(&mut imap, 2).await, names(&mut imap, 3).await];
    assert!(all.contains(&moved) && all.contains(&kept), "{all:?}");
}

#[tokio::test]
async fn a_copy_has_the_name_and_the_bytes_of_its_original() {
    let prepare = |tenant: &Tenant| {
        tenant.person(ADA).inbox().deliver(TWO_PARTS);
        tenant.person(ADA).folder("Work");
        tenant.set_switches(|switches| switches.messages.mime = MimeFidelity::Regenerated);
    };
    let world = World::with(prepare).await;
    let mut imap = world.selected("INBOX").await;
    let original = names(&mut imap, 1).await;
    imap.command("COPY 1 Work").await.ok();
    imap.command("COPY 1 INBOX").await.ok();
    assert_eq!(names(&mut imap, 2).await, original);
    let bytes = imap.message(2).await;
    assert_eq!(imap.message(1).await, bytes, "never read before it was copied");
    imap.command("SELECT Work").await.ok();
    assert_eq!(names(&mut imap, 1).await, original);
    assert_eq!(imap.message(1).await, bytes);
}

#[tokio::test]
async fn messages_are_found_by_their_names() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    let (email, thread) = names(&mut imap, 2).await;
    let mut found = async |key: &str| {
        let answer = imap.command(&format!("UID SEARCH {key}")).await.ok();
        answer.search()
    };
    assert_eq!(found(&format!("EMAILID {email}")).await, [2]);
    assert_eq!(found(&format!("THREADID {thread}")).await, [1, 2]);
    assert_eq!(found(&format!("NOT THREADID {thread}")).await, [3]);
    assert_eq!(found(&format!("OR EMAILID {email} UID 3")).await, [2, 3]);
    assert_eq!(found(&format!("EMAILID {thread}")).await, [0; 0]);
    assert_eq!(found("THREADID nothing").await, [0; 0]);
    imap.command("SEARCH EMAILID no=such").await.bad();
}

#[tokio::test]
async fn an_edited_draft_is_another_message_by_name_too() {
    let prepare = |tenant: &Tenant| drop(tenant.person(ADA).folder("Drafts").draft(mail("Draft")));
    let world = World::with(prepare).await;
    let mut imap = world.selected("Drafts").await;
    let before = names(&mut imap, 1).await;
    world.ada().outlook().edit_draft(&id(&world.ada().items("Drafts")[0]), mail("Edited"));
    world.tick().await;
    imap.command("NOOP").await.ok().expect("* 1 EXPUNGE");
    let after = names(&mut imap, 1).await;
    assert_ne!(after.0, before.0);
}

#[tokio::test]
async fn a_draft_that_was_edited_before_it_is_moved_does_not_keep_its_name() {
    let prepare = |tenant: &Tenant| {
        tenant.person(ADA).folder("Work");
        drop(tenant.person(ADA).folder("Drafts").draft(mail("Draft")));
    };
    let world = World::with(prepare).await;
    let mut imap = world.selected("Drafts").await;
    let before = names(&mut imap, 1).await;
    world.ada().outlook().edit_draft(&id(&world.ada().items("Drafts")[0]), mail("Edited"));
    imap.command("MOVE 1 Work").await.ok();
    let after = names(&mut world.selected("Work").await, 1).await;
    assert_ne!(after.0, before.0);
}
