//! A draft that is marked `\Deleted` and then edited elsewhere: the mark was not said of the edit.

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, id, mail};

const DELETED: &str = "Integer {00062008-0000-0000-c000-000000000046} Id 0x8570";

/// UID 2 of Drafts is what someone made of the draft that a client has marked.
async fn edited() -> (World, ImapClient) {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Drafts").draft(mail("Begun"));
        tenant.person(ADA).folder("Work");
    })
    .await;
    let mut imap = world.selected("Drafts").await;
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    let draft = id(&world.ada().items("Drafts")[0]);
    world.ada().outlook().edit_draft(&draft, mail("Finished"));
    imap.command("EXPUNGE").await.ok().expect("* 1 EXPUNGE");
    assert_eq!(imap.uids().await, [2]);
    (world, imap)
}

/// An EXPUNGE takes nothing, and nothing is marked.
async fn is_spared(world: &World, imap: &mut ImapClient, folder: &str) {
    imap.command("SEARCH DELETED").await.ok().expect("* SEARCH");
    imap.command("EXPUNGE").await.ok().silent();
    assert_eq!(world.ada().items(folder).len(), 1);
}

fn mark(world: &World) -> Option<String> {
    world.ada().items("Drafts")[0].extended.get(DELETED).cloned()
}

#[tokio::test]
async fn the_edit_is_not_expunged_before_a_client_marks_it() {
    let (mut world, mut imap) = edited().await;
    imap.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS (\\Seen \\Draft))");
    is_spared(&world, &mut imap, "Drafts").await;
    assert_eq!(mark(&world).as_deref(), Some("1"), "the service still has it marked");
    imap.command("STATUS Drafts (DELETED)").await.ok().expect("* STATUS Drafts (DELETED 0)");
    imap.command("CLOSE").await.ok();
    assert_eq!(world.ada().items("Drafts").len(), 1);
    world.restart().await;
    let mut imap = world.selected("Drafts").await;
    world.tenant.expire_cursors();
    world.tick().await;
    is_spared(&world, &mut imap, "Drafts").await;
    assert_eq!(imap.message(2).await, mail("Finished"));
    let answer = imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    answer.expect("* 1 FETCH (FLAGS (\\Deleted \\Seen \\Draft))");
    world.tick().await;
    imap.command("NOOP").await.ok().silent();
    imap.command("EXPUNGE").await.ok().expect("* 1 EXPUNGE");
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn other_flags_can_be_given_to_the_edit_and_do_not_mark_it() {
    let (world, mut imap) = edited().await;
    for (flags, shown) in [
        ("+FLAGS (\\Flagged)", "\\Flagged \\Seen \\Draft"),
        ("+FLAGS (Red)", "\\Flagged \\Seen \\Draft Red"),
        ("-FLAGS (Red)", "\\Flagged \\Seen \\Draft"),
    ] {
        let answer = imap.command(&format!("STORE 1 {flags}")).await.ok();
        answer.expect(&format!("* 1 FETCH (FLAGS ({shown}))"));
        world.tick().await;
        imap.command("NOOP").await.ok().silent();
        is_spared(&world, &mut imap, "Drafts").await;
    }
    let through = imap.command("SELECT Drafts").await.ok().code("HIGHESTMODSEQ");
    let answer = imap.command(&format!("STORE 1 (UNCHANGEDSINCE {through}) +FLAGS (Blue)")).await;
    assert!(!answer.ok().tagged.contains("MODIFIED"));
    is_spared(&world, &mut imap, "Drafts").await;
    assert_eq!(imap.uids().await, [2]);
}

#[tokio::test]
async fn a_client_that_takes_the_mark_away_takes_it_from_the_service() {
    for flags in ["-FLAGS (\\Deleted)", "FLAGS (\\Seen)"] {
        let (world, mut imap) = edited().await;
        imap.command(&format!("STORE 1 {flags}")).await.ok();
        assert_eq!(mark(&world).as_deref(), Some("0"), "{flags}");
        is_spared(&world, &mut imap, "Drafts").await;
        imap.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok().silent();
        assert_eq!(mark(&world).as_deref(), Some("1"), "{flags}");
        imap.command("EXPUNGE").await.ok().expect("* 1 EXPUNGE");
    }
}

#[tokio::test]
async fn copies_of_the_edit_are_not_marked_and_neither_is_it_where_it_is_moved() {
    let (world, mut imap) = edited().await;
    imap.command("COPY 1 Work").await.ok();
    imap.command("MOVE 1 Archive").await.ok();
    world.tick().await;
    for folder in ["Work", "Archive"] {
        imap.command(&format!("SELECT {folder}")).await.ok().expect("* 1 EXISTS");
        is_spared(&world, &mut imap, folder).await;
        imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
        imap.command("EXPUNGE").await.ok().expect("* 1 EXPUNGE");
    }
}

#[tokio::test]
async fn a_mark_goes_along_with_a_draft_that_nobody_has_edited() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Drafts").draft(mail("Begun"));
        tenant.person(ADA).folder("Drafts").draft(mail("Other"));
    })
    .await;
    let mut imap = world.selected("Drafts").await;
    imap.command("STORE 1:2 +FLAGS (\\Deleted)").await.ok();
    let other = id(&world.ada().items("Drafts")[1]);
    world.ada().outlook().edit_draft(&other, mail("Finished"));
    imap.command("MOVE 1:2 Archive").await.ok();
    world.tick().await;
    imap.command("SELECT Archive").await.ok();
    imap.command("SEARCH DELETED").await.ok().expect("* SEARCH 1");
    imap.command("EXPUNGE").await.ok().expect("* 1 EXPUNGE");
    assert_eq!(world.ada().items("Archive")[0].subject, "Finished");
}

#[tokio::test]
async fn a_marked_draft_that_is_edited_and_goes_elsewhere_between_two_looks_is_spared_there() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Drafts").draft(mail("Begun"));
    })
    .await;
    let (mut imap, mut archive) = (world.selected("Drafts").await, world.selected("Archive").await);
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    let draft = id(&world.ada().items("Drafts")[0]);
    world.ada().outlook().edit_draft(&draft, mail("Finished"));
    world.ada().outlook().relocate(&draft, "Archive");
    world.tick().await;
    imap.command("EXPUNGE").await.ok();
    archive.command("NOOP").await.ok().expect("* 1 EXISTS");
    is_spared(&world, &mut archive, "Archive").await;
}
