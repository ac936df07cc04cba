//! Several sessions at one message at once.

use futures_util::future::join_all;
use m365_sim::Kind;
use tokio::sync::Notify;

use crate::world::{ADA, World, id, mail};

async fn world() -> World {
    World::with(|tenant| {
        tenant.person(ADA).inbox().deliver(mail("Received"));
        tenant.person(ADA).folder("Drafts").draft(mail("Begun"));
    })
    .await
}

/// All commands at once, each by a session of its own, and each done.
async fn at_once(world: &World, folder: &str, commands: &[&str]) {
    let mut sessions = Vec::new();
    for _ in commands {
        sessions.push(world.selected(folder).await);
    }
    let all = sessions.iter_mut().zip(commands).map(|(imap, command)| imap.command(command));
    for answer in join_all(all).await {
        answer.ok();
    }
}

#[tokio::test]
async fn keywords_of_eight_sessions_all_come_to_stand() {
    let world = world().await;
    let stores = ["A", "B", "C", "D", "E", "F", "G", "H"].map(|k| format!("STORE 1 +FLAGS ({k})"));
    at_once(&world, "INBOX", &stores.each_ref().map(String::as_str)).await;
    let mut categories = world.ada().items("Inbox").remove(0).categories;
    categories.sort_unstable();
    assert_eq!(categories, ["A", "B", "C", "D", "E", "F", "G", "H"]);
}

#[tokio::test]
async fn flags_that_several_sessions_give_a_draft_are_no_edits_of_it() {
    let world = world().await;
    let stores = [
        "STORE 1 +FLAGS (\\Seen)",
        "STORE 1 +FLAGS (\\Flagged)",
        "STORE 1 +FLAGS (\\Answered)",
        "STORE 1 +FLAGS (Mine)",
        "STORE 1 +FLAGS (\\Deleted)",
    ];
    at_once(&world, "Drafts", &stores).await;
    let mut imap = world.selected("Drafts").await;
    let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft Mine";
    imap.command("UID FETCH 1 FLAGS")
        .await
        .ok()
        .expect(&format!("* 1 FETCH (UID 1 FLAGS ({flags}))"));
}

#[tokio::test]
async fn a_message_that_went_while_another_session_wrote_to_it_is_gone_for_good() {
    let world = world().await;
    let (mut one, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    let (write, read) = (world.tenant.hold(Kind::Patch), world.tenant.hold(Kind::GetMessage));
    let told = Notify::new();
    let written = async {
        one.command("STORE 1 +FLAGS (\\Flagged)").await.ok();
        told.notify_one();
    };
    let refused = async {
        write.arrived(1).await;
        world.ada().outlook().purge(&id(&world.ada().items("Inbox")[0]));
        other.command("STORE 1 +FLAGS (Mine)").await.no("EXPUNGEISSUED");
    };
    let order = async {
        // The keyword's own look finds nothing; the one after it is on its way when the write is told.
        read.step();
        read.arrived(2).await;
        write.step();
        told.notified().await;
        // And now whatever is asked is answered.
        (0..9).for_each(|_| read.step());
    };
    tokio::join!(written, refused, order);
    one.command("NOOP").await.ok().expect("* 1 EXPUNGE");
}

#[tokio::test]
async fn what_others_removed_and_moved_on_meanwhile_is_gone_from_here() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    let reads = world.tenant.hold_before(Kind::GetMessage);
    let deletes = world.tenant.hold_before(Kind::Delete);
    let (ada, item) = (world.ada(), id(&world.ada().items("Inbox")[0]));
    let others = async {
        // It is looked at, and is here and marked.
        reads.step();
        deletes.arrived(1).await;
        ada.outlook().relocate(&item, "recoverableitemsdeletions");
        deletes.step();
        // From there nothing can be deleted. The look at why not finds it elsewhere again.
        reads.arrived(2).await;
        ada.outlook().relocate(&item, "Archive");
        drop(reads);
    };
    let (answer, ()) = tokio::join!(imap.command("EXPUNGE"), others);
    answer.ok().expect("* 1 EXPUNGE");
    assert_eq!(ada.items("Archive").len(), 1);
}
