//! CREATE, DELETE, RENAME, and what happens to folders in Outlook.

use crate::world::{ADA, World, mail};

async fn has(imap: &mut crate::imap_client::ImapClient, folder: &str) -> bool {
    let answer = imap.command(&format!("LIST \"\" \"{folder}\"")).await.ok();
    !answer.untagged.is_empty()
}

#[tokio::test]
async fn create_makes_missing_parents() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.command("CREATE Work/2026/May").await.ok();
    let folders = world.ada().folders();
    for path in ["Work", "Work/2026", "Work/2026/May"] {
        assert!(folders.contains(&path.to_owned()), "{path} in {folders:?}");
        imap.command(&format!("SELECT {path}")).await.ok().expect("* 0 EXISTS");
    }
    imap.command("CREATE Work/2026/").await.no("ALREADYEXISTS");
    imap.command("CREATE inbox").await.no("ALREADYEXISTS");
    imap.command("CREATE INBOX/Below").await.ok();
    assert!(world.ada().folders().contains(&"Inbox/Below".to_owned()));
    for name in ["a//b", "/a", "50%", "star*"] {
        imap.command(&format!("CREATE \"{name}\"")).await.no("CANNOT");
    }
    imap.command("CREATE \"\"").await.no("CANNOT");
}

#[tokio::test]
async fn a_folder_just_made_in_outlook_already_exists() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    assert!(!has(&mut imap, "Fresh").await);
    world.ada().folder("Fresh").deliver(mail("One"));
    imap.command("CREATE Fresh").await.no("ALREADYEXISTS");
    imap.command("SELECT Fresh").await.ok().expect("* 1 EXISTS");
}

/// Paths that the mailbox had not before.
fn made(world: &World, before: &[String]) -> Vec<String> {
    world.ada().folders().into_iter().filter(|path| !before.contains(path)).collect()
}

#[tokio::test]
async fn a_name_that_would_be_listed_otherwise_is_refused_and_leaves_nothing_behind() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Work/Deep"))).await;
    let mut imap = world.imap().await;
    let before = world.ada().folders();
    let names =
        ["trail ", " lead", "New/trail ", "New /Deep", "a_x002f_b", "q_x0041_r", "_x0020_a"];
    for name in names {
        imap.command(&format!("CREATE \"{name}\"")).await.no("CANNOT");
        imap.command(&format!("RENAME Work \"{name}\"")).await.no("CANNOT");
    }
    assert_eq!(world.ada().folders(), before);
    imap.command("CREATE a_x002F_b").await.ok();
    imap.command("SELECT a_x002F_b").await.ok();
    assert_eq!(made(&world, &before), ["a\\/b"]);
}

#[tokio::test]
async fn a_stranger_that_is_there_is_reached_and_takes_folders_whatever_its_spelling() {
    let german = m365_sim::Switches {
        folders: m365_sim::switch::FolderSwitches {
            language: m365_sim::switch::Language::German,
            ..Default::default()
        },
        ..Default::default()
    };
    let builder = m365_sim::Tenant::builder().switches(german).user(ADA);
    let world = World::made(builder, |tenant| drop(tenant.person(ADA).folder("Odd "))).await;
    let mut imap = world.imap().await;
    imap.command("CREATE \"Odd /Below\"").await.ok();
    imap.command("RENAME \"Odd /Below\" \"Odd /Above\"").await.ok();
    imap.command("SELECT \"Odd /Above\"").await.ok();
    imap.command("CREATE _x0049_nbox").await.ok();
    imap.command("CREATE _x0049_nbox").await.no("ALREADYEXISTS");
    imap.command("CREATE _x0049_nbox/Below").await.ok();
    imap.command("SELECT _x0049_nbox/Below").await.ok();
    imap.command("RENAME _x0049_nbox/Below _x0049_nbox/Above").await.ok();
    imap.command("RENAME _x0049_nbox Plain").await.ok();
    imap.command("SELECT Plain/Above").await.ok();
}

#[tokio::test]
async fn a_name_that_the_service_spells_its_own_way_is_kept_as_it_is_there() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Shelf"))).await;
    world.tenant.set_switches(|switches| switches.folders.squeezes_blanks = true);
    let mut imap = world.imap().await;
    imap.command("ENABLE IMAP4rev2").await.ok();
    let answer = imap.command("CREATE \"A  B\"").await.ok();
    answer.expect("* LIST (\\HasNoChildren) \"/\" \"A B\" (\"OLDNAME\" (\"A  B\"))");
    imap.command("SELECT \"A B\"").await.ok();
    imap.command("LSUB \"\" \"A *\"").await.ok().silent();
    let answer = imap.command("RENAME \"A B\" \"C  D\"").await.ok();
    answer.expect("* LIST (\\HasNoChildren) \"/\" \"C D\" (\"OLDNAME\" (\"A B\"))");
    imap.command("SELECT \"C D\"").await.ok();
    let answer = imap.command("RENAME \"C D\" \"Shelf/E  F\"").await.ok();
    answer.expect("* LIST (\\HasNoChildren) \"/\" \"Shelf/E F\" (\"OLDNAME\" (\"C D\"))");
    imap.command("LSUB \"\" *F").await.ok().silent();
    world.tick().await;
    imap.command("SELECT \"Shelf/E F\"").await.ok();
}

#[tokio::test]
async fn whether_a_folder_is_subscribed_goes_with_it_and_with_what_is_below() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Seen/Below"))).await;
    let mut imap = world.imap().await;
    imap.command("CREATE US/Deep").await.ok();
    imap.command("CREATE US/Told").await.ok();
    imap.command("SUBSCRIBE US/Told").await.ok();
    imap.command("UNSUBSCRIBE Seen/Below").await.ok();
    imap.command("RENAME US US2").await.ok();
    let told = "* LIST (\\HasNoChildren \\Subscribed) \"/\" US2/Told";
    let answer = imap.command("LIST (SUBSCRIBED) \"\" US2*").await.ok();
    assert_eq!(answer.lines(), [told]);
    imap.command("RENAME Seen Again").await.ok();
    let seen = "* LSUB () \"/\" Again";
    assert_eq!(imap.command("LSUB \"\" Again*").await.ok().lines(), [seen]);
    world.ada().outlook().rename_folder("Again", "Labour");
    world.tick().await;
    let seen = "* LSUB () \"/\" Labour";
    assert_eq!(imap.command("LSUB \"\" Labour*").await.ok().lines(), [seen]);
    // A name that was never subscribed does not take a subscription away.
    imap.command("CREATE Labour/Below/Deep").await.ok();
    imap.command("RENAME Labour US").await.ok();
    let answer = imap.command("LIST (SUBSCRIBED) \"\" US").await.ok();
    assert_eq!(answer.lines(), ["* LIST (\\HasChildren \\Subscribed) \"/\" US"]);
}

#[tokio::test]
async fn rename_takes_the_subtree_along_and_keeps_every_uid() {
    let world = World::with(|tenant| {
        let ada = tenant.person(ADA);
        ada.folder("Work").deliver(mail("Above"));
        let below = ada.folder("Work/Deep");
        below.deliver(mail("One"));
        below.deliver(mail("Two"));
    })
    .await;
    let mut imap = world.selected("Work/Deep").await;
    let before = imap.command("STATUS Work (UIDVALIDITY UIDNEXT MESSAGES)").await.ok().lines();
    let deep = imap.command("SELECT Work/Deep").await.ok();
    let bytes = imap.message(2).await;
    imap.command("UNSELECT").await.ok();
    imap.command("RENAME Work Archive/Old/Job").await.ok();
    assert!(world.ada().folders().contains(&"Archive/Old/Job/Deep".to_owned()));
    let after = imap.command("STATUS Archive/Old/Job (UIDVALIDITY UIDNEXT MESSAGES)").await.ok();
    assert_eq!(after.lines()[0].replace("Archive/Old/Job", "Work"), before[0]);
    let moved = imap.command("SELECT Archive/Old/Job/Deep").await.ok();
    assert_eq!(moved.code("UIDVALIDITY"), deep.code("UIDVALIDITY"));
    assert_eq!(imap.uids().await, [1, 2]);
    assert_eq!(imap.message(2).await, bytes);
    imap.command("SELECT Work").await.no("NONEXISTENT");
    assert!(!has(&mut imap, "Work").await);
}

#[tokio::test]
async fn rename_refuses_what_cannot_be() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work/Deep");
        tenant.person(ADA).folder("Taken");
    })
    .await;
    let mut imap = world.imap().await;
    imap.command("RENAME Drafts Elsewhere").await.no("NOPERM");
    imap.command("RENAME Work Taken").await.no("ALREADYEXISTS");
    imap.command("RENAME Work INBOX").await.no("ALREADYEXISTS");
    imap.command("RENAME Work Work/Deep/Deeper").await.no("CANNOT");
    imap.command("RENAME Nowhere Somewhere").await.no("NONEXISTENT");
    assert!(world.ada().folders().contains(&"Work/Deep".to_owned()));
}

#[tokio::test]
async fn delete_takes_leaves_only() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work/Deep").deliver(mail("One"));
    })
    .await;
    let mut imap = world.imap().await;
    imap.command("DELETE Work").await.no("HASCHILDREN");
    imap.command("DELETE INBOX").await.no("CANNOT");
    imap.command("DELETE Drafts").await.no("NOPERM");
    imap.command("DELETE \"Sent Items\"").await.no("NOPERM");
    imap.command("DELETE Nowhere").await.no("NONEXISTENT");
    imap.command("DELETE Work/Deep").await.ok();
    imap.command("DELETE Work/Deep").await.no("NONEXISTENT");
    imap.command("DELETE Work").await.ok();
    assert!(!has(&mut imap, "Work").await);
    assert!(!world.ada().folders().contains(&"Work".to_owned()));
}

#[tokio::test]
async fn a_name_used_again_promises_nothing_of_the_old_folder() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work").deliver(mail("One"));
    })
    .await;
    let mut imap = world.imap().await;
    let old = imap.command("EXAMINE Work").await.ok().code("UIDVALIDITY");
    imap.command("UNSELECT").await.ok();
    imap.command("DELETE Work").await.ok();
    imap.command("CREATE Work").await.ok();
    let new = imap.command("SELECT Work").await.ok().expect("* 0 EXISTS").code("UIDVALIDITY");
    assert!(new.parse::<u32>().unwrap() > old.parse::<u32>().unwrap(), "{old} then {new}");
}

#[tokio::test]
async fn the_selected_folder_can_be_deleted() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Work"))).await;
    let mut imap = world.selected("Work").await;
    let mut other = world.selected("Work").await;
    imap.command("DELETE Work").await.ok();
    imap.command("FETCH 1 FLAGS").await.bad();
    imap.command("SELECT INBOX").await.ok();
    other.command("NOOP").await.ok();
    assert!(other.text().await.starts_with("* BYE"));
    assert!(other.is_closed().await);
}

#[tokio::test]
async fn the_selected_folder_can_be_renamed_and_then_deleted_or_written_to() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work").deliver(mail("One"));
        tenant.person(ADA).folder("Other");
    })
    .await;
    let mut imap = world.selected("Work").await;
    imap.command("RENAME Work Labour").await.ok();
    imap.command("RENAME Other Work").await.ok();
    // The old name is another folder's now, which is not the one that is selected.
    imap.command("DELETE Work").await.ok().lacks("CLOSED");
    imap.command("FETCH 1 FLAGS").await.ok();
    let answer = imap.command("DELETE Labour").await.ok();
    answer.expect("* OK [CLOSED] The selected folder was deleted");
    imap.command("FETCH 1 FLAGS").await.bad();
    imap.command("SELECT INBOX").await.ok();
}

#[tokio::test]
async fn a_folder_renamed_in_outlook_keeps_its_uids_under_the_new_name() {
    let world = World::with(|tenant| {
        let work = tenant.person(ADA).folder("Work");
        work.deliver(mail("One"));
        work.deliver(mail("Two"));
    })
    .await;
    let mut imap = world.selected("Work").await;
    let validity = imap.command("EXAMINE Work").await.ok().code("UIDVALIDITY");
    let mut still_open = world.selected("Work").await;
    world.ada().outlook().rename_folder("Work", "Labour");
    world.tick().await;
    assert!(!has(&mut imap, "Work").await);
    let answer = imap.command("SELECT Labour").await.ok().expect("* 2 EXISTS");
    assert_eq!(answer.code("UIDVALIDITY"), validity);
    assert_eq!(imap.uids().await, [1, 2]);
    still_open.command("STORE 1 +FLAGS (\\Flagged)").await.ok();
    assert_eq!(world.ada().items("Labour")[0].flag, "flagged");
}

#[tokio::test]
async fn a_folder_moved_in_outlook_keeps_its_uids_at_its_new_place() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work/Deep").deliver(mail("One"));
        tenant.person(ADA).folder("Shelf");
    })
    .await;
    let mut imap = world.imap().await;
    let validity = imap.command("SELECT Work/Deep").await.ok().code("UIDVALIDITY");
    imap.command("UNSELECT").await.ok();
    world.ada().outlook().move_folder("Work", "Shelf");
    world.tick().await;
    let answer = imap.command("SELECT Shelf/Work/Deep").await.ok().expect("* 1 EXISTS");
    assert_eq!(answer.code("UIDVALIDITY"), validity);
    assert_eq!(imap.uids().await, [1]);
}

#[tokio::test]
async fn a_folder_deleted_in_outlook_turns_up_in_the_trash_with_its_mail() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work").deliver(mail("One"));
    })
    .await;
    let mut imap = world.selected("Work").await;
    world.ada().outlook().delete_folder("Work");
    world.tick().await;
    // The folder is the same one, at another place: the session goes on.
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [1]);
    imap.command("SELECT Work").await.no("NONEXISTENT");
    imap.command("SELECT \"Deleted Items/Work\"").await.ok().expect("* 1 EXISTS");
}
