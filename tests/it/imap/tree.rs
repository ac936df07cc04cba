//! What happens to folders elsewhere, and what the feed makes of it: a folder keeps its UIDs for as long
//! as it is somewhere.

use std::time::Duration;

use m365_sim::{Fault, Kind, Rule};

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, id, mail};

/// UIDVALIDITY and UIDs of a folder.
async fn promises(imap: &mut ImapClient, folder: &str) -> (String, Vec<u32>) {
    let validity = imap.command(&format!("EXAMINE {folder}")).await.ok().code("UIDVALIDITY");
    (validity, imap.uids().await)
}

async fn has(imap: &mut ImapClient, folder: &str) -> bool {
    !imap.command(&format!("LIST \"\" {folder}")).await.ok().untagged.is_empty()
}

async fn with_folders(paths: &[&str]) -> World {
    World::with(|tenant| {
        for path in paths {
            let folder = tenant.person(ADA).folder(path);
            folder.deliver(mail(&format!("One of {path}").replace([' ', '/'], "-")));
            folder.deliver(mail(&format!("Two of {path}").replace([' ', '/'], "-")));
        }
    })
    .await
}

/// Deletes a folder of the top level, and then from the trash.
fn purge(world: &World, name: &str) {
    world.ada().outlook().delete_folder(name);
    world.ada().outlook().delete_folder(&format!("Deleted Items/{name}"));
}

#[tokio::test]
async fn a_folder_purged_elsewhere_is_gone_and_its_name_promises_nothing() {
    let world = with_folders(&["Work", "Work/Deep"]).await;
    let (mut imap, mut inside) = (world.imap().await, world.selected("Work/Deep").await);
    let (validity, _) = promises(&mut imap, "Work").await;
    imap.command("UNSELECT").await.ok();
    purge(&world, "Work");
    world.tick().await;
    assert!(!has(&mut imap, "Work").await);
    assert!(!has(&mut imap, "Work/Deep").await);
    inside.command("NOOP").await.ok();
    assert!(inside.text().await.starts_with("* BYE"));
    world.ada().folder("Work").deliver(mail("New"));
    world.tick().await;
    let (new, uids) = promises(&mut imap, "Work").await;
    assert!(new.parse::<u32>().unwrap() > validity.parse::<u32>().unwrap());
    assert_eq!(uids, [1]);
}

#[tokio::test]
async fn a_folder_told_as_removed_that_is_still_there_keeps_its_uids() {
    let world = with_folders(&["Work", "Work/Deep", "Shelf"]).await;
    let mut imap = world.imap().await;
    let (work, deep) = (promises(&mut imap, "Work").await, promises(&mut imap, "Work/Deep").await);
    let mut inside = world.selected("Work/Deep").await;
    world.tenant.set_switches(|switches| switches.folders.delta_shows_only_removal = true);
    world.ada().outlook().rename_folder("Work", "Labour");
    world.ada().outlook().move_folder("Labour", "Shelf");
    world.tick().await;
    assert!(!has(&mut imap, "Work").await);
    assert_eq!(promises(&mut imap, "Shelf/Labour").await, work);
    assert_eq!(promises(&mut imap, "Shelf/Labour/Deep").await, deep);
    inside.command("STORE 1 +FLAGS (\\Flagged)").await.ok();
    assert_eq!(world.ada().items("Shelf/Labour/Deep")[0].flag, "flagged");
}

#[tokio::test]
async fn a_folder_that_a_walk_leaves_out_keeps_its_uids_and_one_that_is_gone_does_not_stay() {
    let world = with_folders(&["Work", "Gone"]).await;
    let mut imap = world.imap().await;
    let work = promises(&mut imap, "Work").await;
    imap.command("SELECT Gone").await.ok();
    purge(&world, "Gone");
    world.tenant.set_switches(|switches| switches.folders.delta_leaves_out = vec!["Work".into()]);
    world.tenant.expire_cursors();
    world.tick().await;
    imap.command("SELECT INBOX").await;
    let mut imap = world.imap().await;
    assert_eq!(promises(&mut imap, "Work").await, work);
    assert!(!has(&mut imap, "Gone").await);
}

#[tokio::test]
async fn folders_that_exchange_their_names_between_two_polls_keep_their_uids() {
    let world = with_folders(&["One", "Two"]).await;
    let mut imap = world.imap().await;
    imap.command("SELECT Two").await.ok();
    imap.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    let (one, two) = (promises(&mut imap, "One").await, promises(&mut imap, "Two").await);
    imap.command("UNSELECT").await.ok();
    let outlook = world.ada().outlook();
    outlook.rename_folder("One", "Between");
    outlook.rename_folder("Two", "One");
    outlook.rename_folder("Between", "Two");
    world.tick().await;
    assert_eq!(promises(&mut imap, "One").await, two);
    assert_eq!(promises(&mut imap, "Two").await, one);
}

#[tokio::test]
async fn a_folder_renamed_there_and_back_or_brought_back_from_the_trash_is_the_same() {
    let world = with_folders(&["Work", "Shelf"]).await;
    let mut imap = world.imap().await;
    let work = promises(&mut imap, "Work").await;
    let outlook = world.ada().outlook();
    outlook.rename_folder("Work", "Other");
    outlook.rename_folder("Other", "Work");
    world.tick().await;
    assert_eq!(promises(&mut imap, "Work").await, work);
    outlook.delete_folder("Work");
    world.tick().await;
    assert_eq!(promises(&mut imap, "\"Deleted Items/Work\"").await, work);
    outlook.move_folder("Deleted Items/Work", "Shelf");
    world.tick().await;
    assert_eq!(promises(&mut imap, "Shelf/Work").await, work);
}

#[tokio::test]
async fn a_folder_moved_out_before_its_parent_is_purged_stays() {
    let world = with_folders(&["Work", "Work/Deep"]).await;
    let mut imap = world.imap().await;
    let deep = promises(&mut imap, "Work/Deep").await;
    world.tenant.set_switches(|switches| switches.folders.delta_shows_only_removal = true);
    world.ada().outlook().move_folder("Work/Deep", "Archive");
    purge(&world, "Work");
    world.tick().await;
    assert_eq!(promises(&mut imap, "Archive/Deep").await, deep);
    assert!(!has(&mut imap, "Work").await);
}

#[tokio::test]
async fn a_folder_of_which_nothing_is_told_stays_until_something_is() {
    let world = with_folders(&["Work"]).await;
    let mut imap = world.imap().await;
    let work = promises(&mut imap, "Work").await;
    imap.command("UNSELECT").await.ok();
    let refusal = Fault::status(400, "ErrorItemCorrupt");
    world.tenant.faults().push(Rule::on(Kind::GetFolder).always().answer(refusal));
    purge(&world, "Work");
    world.tick().await;
    world.tick().await;
    assert!(has(&mut imap, "Work").await, "dropped on hearsay; it was {work:?}");
    world.tenant.faults().clear();
    world.tick().await;
    assert!(!has(&mut imap, "Work").await);
}

#[tokio::test]
async fn a_feed_whose_pages_do_not_end_is_given_up_and_the_others_go_on() {
    let world = with_folders(&["Work"]).await;
    world.ready().await;
    let mut imap = world.selected("INBOX").await;
    world.tenant.set_switches(|switches| switches.delta.endless = true);
    imap.command("SELECT Work").await.no("SERVERBUG");
    world.tenant.set_switches(|switches| switches.delta.endless = false);
    imap.command("SELECT Work").await.ok().expect("* 2 EXISTS");
}

#[tokio::test]
async fn bytes_that_only_we_have_outlive_a_stay_in_a_folder_that_nobody_opened() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let mut world = with_folders(&["Work"]).await;
    let filed = b"Subject: Filed\r\nX-Odd:   spaced\r\n\r\nAs it was.\r\n";
    let mut imap = world.selected("Archive").await;
    imap.append("Archive", filed).await.ok();
    let item = id(&world.ada().items("Archive")[0]);
    world.ada().outlook().relocate(&item, "Work");
    world.tick().await;
    for _ in 0..20 {
        world.stop().await;
        world.advance(DAY);
        world.start().await;
        world.ready().await;
        world.look_later().await;
        world.look_later().await;
    }
    let mut imap = world.selected("Work").await;
    let uid = imap.uids().await.into_iter().max().unwrap();
    assert_eq!(imap.message(uid).await, filed);
}
