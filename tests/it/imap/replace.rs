//! REPLACE and UID REPLACE (RFC 8508).

use m365_sim::{Fault, Kind, Rule};

use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, World, id, mail};

async fn replace(imap: &mut ImapClient, arguments: &str, message: &[u8]) -> Answer {
    let head = format!("{arguments} {{{}+}}\r\n", message.len());
    imap.command_bytes(&[head.as_bytes(), message].concat()).await
}

async fn drafts(world: &World, subjects: &[&str]) -> ImapClient {
    let mut imap = world.selected("Drafts").await;
    for subject in subjects {
        imap.append("Drafts (\\Draft)", &mail(subject)).await.ok();
    }
    imap
}

#[tokio::test]
async fn a_draft_is_replaced_and_the_new_uid_is_told_before_the_old_one_goes() {
    let world = World::new().await;
    let mut imap = drafts(&world, &["one", "two"]).await;
    let answer =
        replace(&mut imap, "REPLACE 1 Drafts (\\Draft \\Seen)", &mail("better")).await.ok();
    assert!(answer.code("APPENDUID").ends_with(" 3"), "{answer}");
    let lines = answer.lines();
    let place = |part: &str| lines.iter().position(|line| line.contains(part)).expect(part);
    assert!(place("APPENDUID") < place("* 1 EXPUNGE"), "{answer}");
    assert_eq!(imap.uids().await, [2, 3]);
    assert_eq!(imap.message(3).await, mail("better"));
    assert_eq!(world.ada().items("Drafts").len(), 2);
    let answer = replace(&mut imap, "UID REPLACE 3 Drafts", &mail("best")).await.ok();
    assert!(answer.code("APPENDUID").ends_with(" 4"), "{answer}");
    assert_eq!(imap.uids().await, [2, 4]);
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [2, 4]);
    let answer = replace(&mut imap, "REPLACE * Drafts", &mail("last")).await.ok();
    answer.expect("* 2 EXPUNGE");
    assert_eq!(imap.uids().await, [2, 5]);
}

#[tokio::test]
async fn with_qresync_the_old_one_vanishes() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.command("ENABLE QRESYNC").await.ok();
    imap.command("SELECT Drafts").await.ok();
    imap.append("Drafts", &mail("one")).await.ok();
    let answer = replace(&mut imap, "UID REPLACE 1 Drafts", &mail("two")).await.ok();
    assert!(answer.tagged.contains("[HIGHESTMODSEQ "), "{answer}");
    answer.expect("* VANISHED 1");
}

#[tokio::test]
async fn a_message_may_be_replaced_by_one_in_another_folder() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Work"))).await;
    let mut imap = drafts(&world, &["one"]).await;
    replace(&mut imap, "UID REPLACE 1 Work (\\Seen)", &mail("two"))
        .await
        .ok()
        .expect("* 1 EXPUNGE");
    assert!(world.ada().items("Drafts").is_empty());
    assert_eq!(world.ada().items("Work").len(), 1);
}

#[tokio::test]
async fn nothing_is_filed_if_the_old_one_is_not_there_or_may_not_be_removed() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    replace(&mut imap, "REPLACE 1 Drafts", &mail("two")).await.bad();
    let mut imap = drafts(&world, &["one"]).await;
    replace(&mut imap, "REPLACE 2 Drafts", &mail("two")).await.bad();
    replace(&mut imap, "UID REPLACE 7 Drafts", &mail("two")).await.no("EXPUNGEISSUED");
    replace(&mut imap, "REPLACE 1:2 Drafts", &mail("two")).await.bad();
    replace(&mut imap, "REPLACE $ Drafts", &mail("two")).await.bad();
    replace(&mut imap, "REPLACE 1 Nowhere", &mail("two")).await.no("TRYCREATE");
    imap.command("EXAMINE Drafts").await.ok();
    replace(&mut imap, "REPLACE 1 Drafts", &mail("two")).await.no("READ-ONLY");
    let mut stranger = world.stranger().await;
    replace(&mut stranger, "REPLACE 1 Drafts", &mail("two")).await.bad();
    assert_eq!(world.ada().items("Drafts").len(), 1);
}

#[tokio::test]
async fn if_the_new_one_is_refused_the_old_one_stays() {
    let world = World::new().await;
    let mut imap = drafts(&world, &["one"]).await;
    let refusal = Fault::status(400, "ErrorMimeContentInvalid");
    world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(refusal));
    replace(&mut imap, "REPLACE 1 Drafts", &mail("two")).await.no("CANNOT").silent();
    assert_eq!(imap.uids().await, [1]);
    assert_eq!(imap.message(1).await, mail("one"));
}

#[tokio::test]
async fn if_the_old_one_cannot_be_removed_the_answer_says_that_both_are_there() {
    let world = World::new().await;
    let mut imap = drafts(&world, &["one"]).await;
    let denied = Fault::status(403, "ErrorAccessDenied");
    world.tenant.faults().push(Rule::on(Kind::Delete).answer(denied));
    let answer = replace(&mut imap, "REPLACE 1 Drafts", &mail("two")).await.no("NOPERM");
    assert!(answer.tagged.contains("but so is the old one"), "{answer}");
    assert!(answer.code("APPENDUID").ends_with(" 2"), "{answer}");
    assert_eq!(imap.uids().await, [1, 2]);
}

#[tokio::test]
async fn a_draft_that_someone_has_just_edited_is_not_removed() {
    let world = World::new().await;
    let mut imap = drafts(&world, &["one"]).await;
    let draft = world.ada().items("Drafts").remove(0);
    world.ada().outlook().edit_draft(&id(&draft), mail("edited elsewhere"));
    replace(&mut imap, "UID REPLACE 1 Drafts", &mail("two")).await.ok();
    assert_eq!(world.ada().items("Drafts").len(), 2);
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await.len(), 2);
}

#[tokio::test]
async fn a_sent_message_is_replaced_by_its_edited_text() {
    let world = World::new().await;
    let sent = "From: ada@contoso.example\r\nTo: ada@contoso.example\r\nSubject: Sent\r\n\
        Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <sent@contoso.example>\r\n\r\nHi\r\n";
    let reply = world.smtp().await.submit(ADA, &[ADA], sent.as_bytes()).await;
    assert!(reply.starts_with("250"), "{reply}");
    let mut imap = world.selected("\"Sent Items\"").await;
    let old = imap.uids().await[0];
    let edited = sent.replace("Hi", "Edited");
    let command = format!("UID REPLACE {old} \"Sent Items\"");
    replace(&mut imap, &command, edited.as_bytes()).await.ok();
    let uids = imap.uids().await;
    assert!(uids.len() == 1 && uids[0] != old, "{uids:?}");
    assert_eq!(imap.message(uids[0]).await, edited.as_bytes());
    assert_eq!(world.ada().items("Sent Items").len(), 1);
}

#[tokio::test]
async fn a_message_that_replaces_itself_stays_though_its_folder_was_renamed_meanwhile() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Before"))).await;
    let mut imap = world.selected("Before").await;
    let mut other = world.imap().await;
    other.command("RENAME Before After").await.ok();
    // Filed, and the answer not heard: the REPLACE is taken for its retry.
    let mut silent = world.imap().await;
    silent.append("After", &mail("the only one")).await.ok();
    drop(silent);
    imap.command("NOOP").await.ok();
    let answer = replace(&mut imap, "UID REPLACE 1 After", &mail("the only one")).await.ok();
    assert!(answer.tagged.contains("by itself"), "{answer}");
    assert_eq!(imap.uids().await, [1]);
    assert_eq!(world.ada().items("After").len(), 1);
}
