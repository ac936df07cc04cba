//! STORE: every form, keywords and categories, what the others see.

use crate::world::{ADA, World, id, mail};

async fn with_mail(count: usize) -> World {
    World::with(|tenant| {
        for number in 1..=count {
            tenant.person(ADA).inbox().deliver(mail(&format!("Mail{number}")));
        }
    })
    .await
}

const VERB: &str = "Integer 0x1081";

#[tokio::test]
async fn flags_are_set_added_and_removed() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    for (command, flags) in [
        ("STORE 1 FLAGS (\\Seen \\Flagged)", "\\Flagged \\Seen"),
        ("STORE 1 +FLAGS (\\Answered)", "\\Answered \\Flagged \\Seen"),
        ("STORE 1 -FLAGS (\\Seen \\Deleted)", "\\Answered \\Flagged"),
        ("STORE 1 +FLAGS \\Deleted", "\\Answered \\Flagged \\Deleted"),
        ("STORE 1 -FLAGS ()", "\\Answered \\Flagged \\Deleted"),
        ("STORE 1 FLAGS ()", ""),
    ] {
        let answer = imap.command(command).await.ok();
        assert_eq!(answer.lines(), [format!("* 1 FETCH (FLAGS ({flags}))")], "{command}");
    }
    let answer = imap.command("UID STORE 1 FLAGS (\\Seen)").await.ok();
    assert_eq!(answer.lines(), ["* 1 FETCH (UID 1 FLAGS (\\Seen))"]);
    assert!(world.ada().items("Inbox")[0].is_read);
}

#[tokio::test]
async fn silence_is_kept_and_is_no_reason_to_tell_it_later() {
    let world = with_mail(2).await;
    let mut imap = world.selected("INBOX").await;
    for command in ["STORE 1:2 FLAGS.SILENT (\\Seen)", "UID STORE 1 -FLAGS.SILENT (\\Seen)"] {
        imap.command(command).await.ok().silent();
        imap.command("NOOP").await.ok().silent();
    }
    world.tick().await;
    imap.command("NOOP").await.ok().silent();
    let items = world.ada().items("Inbox");
    assert!(!items[0].is_read && items[1].is_read);
}

#[tokio::test]
async fn other_sessions_are_told_at_their_next_command() {
    let world = with_mail(2).await;
    let (mut one, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    let mut elsewhere = world.selected("Drafts").await;
    one.command("STORE 2 +FLAGS.SILENT (\\Flagged)").await.ok().silent();
    let told = "* 2 FETCH (UID 2 FLAGS (\\Flagged))";
    other.command("NOOP").await.ok().expect(told);
    other.command("NOOP").await.ok().silent();
    elsewhere.command("NOOP").await.ok().silent();
}

#[tokio::test]
async fn system_flags_are_what_outlook_shows() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 FLAGS (\\Answered \\Flagged)").await.ok();
    let item = world.ada().items("Inbox").remove(0);
    assert_eq!((item.flag.as_str(), item.is_read), ("flagged", false));
    assert_eq!(item.extended["Integer 0x1081"], "102");
    imap.command("STORE 1 FLAGS ($Forwarded)").await.ok();
    let item = world.ada().items("Inbox").remove(0);
    assert_eq!((item.flag.as_str(), &*item.extended["Integer 0x1081"]), ("notFlagged", "104"));
    imap.command("STORE 1 FLAGS ()").await.ok();
    let item = world.ada().items("Inbox").remove(0);
    assert!(!matches!(&*item.extended["Integer 0x1081"], "102" | "103" | "104"));
}

#[tokio::test]
async fn what_outlook_flags_appears_here() {
    let world = with_mail(3).await;
    let mut imap = world.selected("INBOX").await;
    let (ada, items) = (world.ada(), world.ada().items("Inbox"));
    ada.outlook().mark_read(&id(&items[0]), true);
    ada.outlook().flag(&id(&items[1]), "flagged");
    ada.outlook().set_property(&id(&items[1]), VERB, "103");
    ada.outlook().set_property(&id(&items[2]), VERB, "104");
    world.tick().await;
    let answer = imap.command("NOOP").await.ok();
    let answer = answer.expect("* 1 FETCH (UID 1 FLAGS (\\Seen))");
    let answer = answer.expect("* 2 FETCH (UID 2 FLAGS (\\Answered \\Flagged))");
    answer.expect("* 3 FETCH (UID 3 FLAGS ($Forwarded))");
    ada.outlook().mark_read(&id(&items[0]), false);
    ada.outlook().flag(&id(&items[1]), "complete");
    world.tick().await;
    let answer = imap.command("NOOP").await.ok().expect("* 1 FETCH (UID 1 FLAGS ())");
    answer.expect("* 2 FETCH (UID 2 FLAGS (\\Answered))");
}

#[tokio::test]
async fn keywords_are_categories_in_both_directions() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    let item = id(&world.ada().items("Inbox")[0]);
    let answer = imap.command("STORE 1 +FLAGS (Work $Label1)").await.ok();
    assert!(answer.lines()[0].starts_with("* FLAGS ("), "named before use: {answer}");
    assert_eq!(world.ada().items("Inbox")[0].categories, ["$Label1", "Work"]);
    world.ada().outlook().categorize(&item, &["Work", "Red category", "Größe"]);
    world.tick().await;
    let answer = imap.command("NOOP").await.ok();
    let keywords = "Gr_x00F6__x00DF_e Red_x0020_category Work";
    let answer = answer.expect(&format!("* 1 FETCH (UID 1 FLAGS ({keywords}))"));
    assert!(answer.lines()[0].contains("Red_x0020_category"), "FLAGS first: {answer}");
    imap.command("STORE 1 -FLAGS (work)").await.ok();
    assert_eq!(world.ada().items("Inbox")[0].categories, ["Red category", "Größe"]);
    imap.command("STORE 1 +FLAGS.SILENT (Red_x0020_category)").await.ok();
    assert_eq!(world.ada().items("Inbox")[0].categories, ["Red category", "Größe"]);
    imap.command("STORE 1 FLAGS (\\Seen)").await.ok();
    assert!(world.ada().items("Inbox")[0].categories.is_empty());
}

#[tokio::test]
async fn a_category_added_in_outlook_meanwhile_survives_a_keyword() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    world.ada().outlook().categorize(&id(&world.ada().items("Inbox")[0]), &["Theirs"]);
    imap.command("STORE 1 +FLAGS (Mine)").await.ok();
    assert_eq!(world.ada().items("Inbox")[0].categories, ["Theirs", "Mine"]);
    let answer = imap.command("FETCH 1 FLAGS").await.ok();
    answer.expect("* 1 FETCH (FLAGS (Mine Theirs))");
}

#[tokio::test]
async fn adding_a_flag_does_not_undo_what_outlook_did_meanwhile() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    world.ada().outlook().mark_read(&id(&world.ada().items("Inbox")[0]), true);
    imap.command("STORE 1 +FLAGS (\\Flagged)").await.ok();
    let item = world.ada().items("Inbox").remove(0);
    assert!(item.is_read && item.flag == "flagged");
    world.tick().await;
    imap.command("NOOP").await.ok();
    let answer = imap.command("FETCH 1 FLAGS").await.ok();
    answer.expect("* 1 FETCH (FLAGS (\\Flagged \\Seen))");
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_nothing_changes() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS (\\Recent)").await.bad();
    imap.command("STORE 1 +FLAGS (\\Seen \\Strange)").await.no("CANNOT");
    imap.command(&format!("STORE 1 +FLAGS ({})", "k".repeat(300))).await.no("LIMIT");
    imap.command("STORE 1 +FLAGS (two{words)").await.bad();
    imap.command("STORE 2 +FLAGS (\\Seen)").await.bad();
    imap.command("UID STORE 2 +FLAGS (\\Seen)").await.ok().silent();
    imap.command("STORE 1 FLAG (\\Seen)").await.bad();
    imap.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS ())");
    assert!(!world.ada().items("Inbox")[0].is_read);
}

#[tokio::test]
async fn a_draft_stays_one_and_other_mail_can_be_marked_as_one() {
    let world = World::with(|tenant| {
        tenant.person(ADA).inbox().deliver(mail("Received"));
        tenant.person(ADA).folder("Drafts").draft(mail("Begun"));
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS (\\Draft)").await.ok();
    imap.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS (\\Draft))");
    assert!(!world.ada().items("Inbox")[0].is_draft, "for the service it is finished");
    assert_eq!(imap.command("SEARCH DRAFT").await.ok().search(), [1]);
    imap.command("COPY 1 Archive").await.ok();
    let mut copy = world.selected("Archive").await;
    copy.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS (\\Draft))");
    imap.command("STORE 1 -FLAGS (\\Draft)").await.ok().expect("* 1 FETCH (FLAGS ())");
    assert_eq!(imap.command("SEARCH UNDRAFT").await.ok().search(), [1]);
    imap.command("SELECT Drafts").await.ok();
    imap.command("STORE 1 FLAGS ()").await.ok();
    imap.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS (\\Draft))");
    assert_eq!(imap.uids().await, [1], "our own flag is no edit of the draft");
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [1]);
}

#[tokio::test]
async fn a_hundred_messages_are_flagged_with_a_few_requests() {
    let world = with_mail(100).await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    let answer = imap.command("STORE 1:* +FLAGS (\\Flagged)").await.ok();
    assert_eq!(answer.untagged.len(), 100);
    assert!(world.requests() <= 6, "{} requests", world.requests());
    assert!(world.ada().items("Inbox").iter().all(|item| item.flag == "flagged"));
}

#[tokio::test]
async fn a_message_that_is_gone_is_not_shown_as_flagged() {
    let world = with_mail(2).await;
    let mut imap = world.selected("INBOX").await;
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[0]));
    let answer = imap.command("STORE 1:2 +FLAGS (\\Flagged)").await.no("EXPUNGEISSUED");
    assert_eq!(answer.lines(), ["* 2 FETCH (FLAGS (\\Flagged))"]);
    let answer = imap.command("UID STORE 1:2 -FLAGS (\\Flagged)").await.ok();
    let answer = answer.expect("* 2 FETCH (UID 2 FLAGS ())");
    assert!(answer.has("* 1 EXPUNGE"), "{answer}");
}

#[tokio::test]
async fn a_silent_store_passes_over_what_is_gone() {
    let world = with_mail(3).await;
    let mut imap = world.selected("INBOX").await;
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[0]));
    imap.command("STORE 1:2 +FLAGS.SILENT (\\Flagged)").await.ok().silent();
    imap.command("STORE 1 +FLAGS.SILENT (\\Flagged)").await.ok().silent();
    imap.command("NOOP").await.ok().expect("* 1 EXPUNGE");
    let flagged = |item: &m365_sim::Snapshot| item.flag == "flagged";
    assert_eq!(world.ada().items("Inbox").iter().map(flagged).collect::<Vec<_>>(), [true, false]);
}
