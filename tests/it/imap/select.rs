//! SELECT, EXAMINE, CLOSE, UNSELECT, CHECK, EXPUNGE, UID EXPUNGE.

use m365_sim::Kind;

use crate::world::{ADA, World, id, mail};

async fn with_mail(subjects: &'static [&'static str]) -> World {
    World::with(|tenant| {
        for subject in subjects {
            tenant.person(ADA).inbox().deliver(mail(subject));
        }
    })
    .await
}

fn subjects(world: &World, folder: &str) -> Vec<String> {
    world.ada().items(folder).into_iter().map(|item| item.subject).collect()
}

#[tokio::test]
async fn select_tells_all_that_the_standard_asks_for() {
    let world = with_mail(&["One", "Two", "Three"]).await;
    let items = world.ada().items("Inbox");
    world.ada().outlook().mark_read(&id(&items[0]), true);
    world.ada().outlook().categorize(&id(&items[1]), &["Red category"]);
    let mut imap = world.imap().await.telling_recent();
    let answer = imap.command("SELECT inbox").await.ok();
    assert!(answer.tagged.starts_with("OK [READ-WRITE]"), "{answer}");
    for line in ["* 3 EXISTS", "* 3 RECENT"] {
        assert!(answer.has(line), "{line} in {answer}");
    }
    assert_eq!(answer.code("UNSEEN"), "2");
    assert_eq!(answer.code("UIDNEXT"), "4");
    assert!(answer.code("UIDVALIDITY").parse::<u32>().unwrap() > 0);
    let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded Red_x0020_category";
    assert!(answer.has(&format!("* FLAGS ({flags})")), "{answer}");
    let permanent = answer.code("PERMANENTFLAGS");
    assert!(permanent.contains("\\Deleted") && permanent.ends_with("\\*)"), "{permanent}");
}

#[tokio::test]
async fn a_select_that_fails_leaves_nothing_selected() {
    let world = with_mail(&["One"]).await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("SELECT Nowhere").await.no("NONEXISTENT");
    assert!(answer.lines().iter().any(|line| line.starts_with("* OK [CLOSED]")), "{answer}");
    imap.command("FETCH 1 FLAGS").await.bad();
    for command in ["CHECK", "CLOSE", "EXPUNGE", "UNSELECT", "STORE 1 FLAGS ()", "SEARCH ALL"] {
        imap.command(command).await.bad();
    }
}

#[tokio::test]
async fn examine_changes_nothing_at_all() {
    let world = with_mail(&["One"]).await;
    let mut imap = world.imap().await;
    let answer = imap.command("EXAMINE INBOX").await.ok();
    assert!(answer.tagged.starts_with("OK [READ-ONLY]"), "{answer}");
    assert_eq!(answer.code("PERMANENTFLAGS"), "()");
    imap.command("FETCH 1 (BODY[] RFC822 RFC822.TEXT)").await.ok().lacks("\\Seen");
    for command in [
        "STORE 1 +FLAGS (\\Deleted)",
        "UID STORE 1 FLAGS.SILENT ()",
        "EXPUNGE",
        "UID EXPUNGE 1",
        "MOVE 1 Archive",
        "UID MOVE 1 Archive",
    ] {
        imap.command(command).await.no("READ-ONLY");
    }
    imap.command("COPY 1 Archive").await.ok();
    world.ada().outlook().set_property(&id(&world.ada().items("Inbox")[0]), DELETED, "1");
    imap.command("CHECK").await.ok();
    imap.command("CLOSE").await.ok();
    let items = world.ada().items("Inbox");
    assert_eq!(items.len(), 1, "CLOSE expunges nothing here");
    assert!(!items[0].is_read);
    let journal = world.tenant.journal();
    for kind in [Kind::Patch, Kind::Delete, Kind::PermanentDelete, Kind::Move] {
        assert!(journal.of(kind).is_empty(), "{kind:?}");
    }
}

/// How Exchange keeps \Deleted.
const DELETED: &str = "Integer {00062008-0000-0000-C000-000000000046} Id 0x8570";

#[tokio::test]
async fn close_expunges_in_silence_and_unselect_does_not_expunge() {
    let world = with_mail(&["One", "Two", "Three"]).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 2 +FLAGS (\\Deleted)").await.ok();
    imap.command("UNSELECT").await.ok().silent();
    assert_eq!(subjects(&world, "Inbox"), ["One", "Two", "Three"]);
    imap.command("SELECT INBOX").await.ok();
    imap.command("CLOSE").await.ok().silent();
    assert_eq!(subjects(&world, "Inbox"), ["One", "Three"]);
    imap.command("FETCH 1 FLAGS").await.bad();
    imap.command("SELECT INBOX").await.ok().expect("* 2 EXISTS");
    assert_eq!(imap.uids().await, [1, 3]);
}

#[tokio::test]
async fn another_select_closes_the_folder_without_an_expunge() {
    let world = with_mail(&["One"]).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    imap.command("SELECT Drafts").await.ok();
    assert_eq!(subjects(&world, "Inbox"), ["One"]);
}

#[tokio::test]
async fn expunge_removes_what_is_marked_and_numbers_move_as_they_are_told() {
    let world = with_mail(&["One", "Two", "Three", "Four"]).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("EXPUNGE").await.ok().silent();
    imap.command("STORE 1,3 +FLAGS (\\Deleted)").await.ok();
    let answer = imap.command("EXPUNGE").await.ok();
    // The highest first or the lowest first: either way the numbers must fit the moment.
    let mut view = vec![1, 2, 3, 4];
    for line in answer.lines() {
        let number = line.strip_prefix("* ").and_then(|rest| rest.strip_suffix(" EXPUNGE"));
        let number: usize = number.unwrap_or_else(|| panic!("{answer}")).parse().unwrap();
        view.remove(number - 1);
    }
    assert_eq!(view, [2, 4]);
    assert_eq!(imap.uids().await, [2, 4]);
    assert_eq!(subjects(&world, "Inbox"), ["Two", "Four"]);
    assert!(subjects(&world, "Deleted Items").is_empty(), "expunged is not moved to the trash");
}

#[tokio::test]
async fn uid_expunge_takes_only_what_is_both_named_and_marked() {
    let world = with_mail(&["One", "Two", "Three", "Four"]).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1:3 +FLAGS.SILENT (\\Deleted)").await.ok();
    let answer = imap.command("UID EXPUNGE 2,4,99").await.ok().expect("* 2 EXPUNGE");
    assert_eq!(answer.untagged.len(), 1, "{answer}");
    assert_eq!(subjects(&world, "Inbox"), ["One", "Three", "Four"]);
    imap.command("UID EXPUNGE 50:99").await.ok().silent();
    imap.command("UID EXPUNGE").await.bad();
}

#[tokio::test]
async fn an_expunge_of_what_outlook_already_deleted_is_no_failure() {
    let world = with_mail(&["One", "Two"]).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1:2 +FLAGS.SILENT (\\Deleted)").await.ok();
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[0]));
    imap.command("EXPUNGE").await.ok();
    assert_eq!(imap.uids().await, [0; 0]);
    assert!(subjects(&world, "Inbox").is_empty());
}

#[tokio::test]
async fn an_expunge_of_what_was_moved_away_in_outlook_does_not_delete_it_there() {
    let world = with_mail(&["One"]).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    world.ada().outlook().relocate(&id(&world.ada().items("Inbox")[0]), "Archive");
    imap.command("EXPUNGE").await.ok();
    assert_eq!(subjects(&world, "Archive"), ["One"]);
}

#[tokio::test]
async fn check_and_noop_bring_news() {
    let world = with_mail(&["One"]).await;
    let mut imap = world.selected("INBOX").await;
    for (command, count) in [("CHECK", 2), ("NOOP", 3)] {
        world.ada().inbox().deliver(mail(command));
        world.tick().await;
        imap.command(command).await.ok().expect(&format!("* {count} EXISTS"));
    }
    imap.command("NOOP").await.ok().silent();
}
