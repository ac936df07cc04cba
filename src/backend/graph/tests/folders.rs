use m365_sim::{Fault, Kind as Call, Rule};

use super::{World, reference};
use crate::backend::{Backend as _, RemoteChange, Seen, Urgency, Watch};
use crate::mailbox::{Kind, RemoteId, Role};

#[tokio::test]
async fn the_whole_tree_comes_in_two_requests_with_roles_and_parents() {
    let world = World::new().await;
    world.ada().folder("Projects/In\\/Out");
    let (folders, requests) = world.requests(world.folders()).await;
    assert_eq!(requests, 2);
    for role in Role::ALL {
        assert_eq!(
            folders.iter().filter(|folder| folder.role == Some(role)).count(),
            1,
            "{role:?}"
        );
    }
    let projects = folders.iter().find(|folder| folder.name == "Projects").unwrap();
    assert_eq!(projects.parent, None);
    let inner = folders.iter().find(|folder| folder.name == "In/Out").unwrap();
    assert_eq!(inner.parent.as_ref(), Some(&projects.id));
}

#[tokio::test]
async fn more_folders_than_a_default_page_are_all_found() {
    let world = World::new().await;
    for number in 0..40 {
        world.ada().folder(&format!("Folder {number}"));
    }
    let folders = world.folders().await;
    assert_eq!(folders.iter().filter(|folder| folder.name.starts_with("Folder ")).count(), 40);
}

#[tokio::test]
async fn search_folders_and_folders_of_other_things_are_left_out() {
    let world = World::with(|switches| {
        switches.folders.search_folder = true;
        switches.folders.foreign_classes = true;
    })
    .await;
    world.tenant.add_user("eve@contoso.example", "Eve");
    let names: Vec<String> = world.folders().await.into_iter().map(|folder| folder.name).collect();
    for stranger in ["Contacts", "Calendar", "Unread Mail"] {
        assert!(!names.iter().any(|name| name == stranger), "{names:?}");
    }
}

#[tokio::test]
async fn a_later_round_tells_only_what_changed() {
    let world = World::new().await;
    world.ada().folder("Old");
    let first = world.graph.folders(None, Urgency::Poll).await.unwrap();
    assert!(!first.more);
    world.ada().outlook().rename_folder("Old", "New");
    let second = world.graph.folders(Some(&first.cursor), Urgency::Poll).await.unwrap();
    let [RemoteChange::Upsert(folder)] = second.changes.as_slice() else {
        panic!("{:?}", second.changes)
    };
    assert_eq!((folder.name.as_str(), &folder.parent), ("New", &None));
}

#[tokio::test]
async fn a_folder_made_elsewhere_is_met_in_a_poll() {
    let world = World::new().await;
    let first = world.graph.folders(None, Urgency::Poll).await.unwrap();
    world.ada().folder("Fresh");
    let seen = world.graph.poll(&[Watch::Folders(first.cursor)]).await.unwrap().remove(0);
    let Ok(Seen::Folders(page)) = seen else { panic!("{seen:?}") };
    assert!(page.changes.iter().any(|change| {
        matches!(change, RemoteChange::Upsert(folder) if folder.name == "Fresh")
    }));
}

#[tokio::test]
async fn folders_are_made_renamed_moved_and_deleted() {
    let world = World::new().await;
    let parent = world.graph.create_folder(None, "Parent").await.unwrap();
    let child = world.graph.create_folder(Some(&parent.id), "Child").await.unwrap();
    assert_eq!(child.parent.as_ref(), Some(&parent.id));
    let moved = world.graph.rename_folder(&reference(&child), None, "Grown").await.unwrap();
    assert_eq!((moved.name.as_str(), &moved.parent, &moved.id), ("Grown", &None, &child.id));
    world.graph.delete_folder(&parent.id).await.unwrap();
    assert!(!world.ada().folders().contains(&"Parent".to_owned()));
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let world = World::new().await;
    world.graph.create_folder(None, "Twice").await.unwrap();
    let fault = world.graph.create_folder(None, "twice").await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::AlreadyExists);
}

#[tokio::test]
async fn a_folder_whose_creation_was_in_doubt_exists_once() {
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::status(503, ""), Fault::TruncatedJson] {
        let world = World::new().await;
        world.tenant.faults().push(Rule::on(Call::CreateFolder).answer(fault));
        let made = world.graph.create_folder(None, "Once").await.unwrap();
        assert_eq!(made.name, "Once");
        let folders = world.ada().folders();
        assert_eq!(folders.iter().filter(|name| *name == "Once").count(), 1);
    }
}

#[tokio::test]
async fn a_failed_move_takes_the_new_name_back() {
    let world = World::new().await;
    let folder = world.graph.create_folder(None, "Before").await.unwrap();
    let nowhere = RemoteId::new("AAMkNowhere");
    let refused = world.graph.rename_folder(&reference(&folder), Some(&nowhere), "After").await;
    assert!(refused.is_err());
    assert!(world.ada().folders().contains(&"Before".to_owned()));
}

#[tokio::test]
async fn a_folder_deleted_in_doubt_is_not_deleted_twice() {
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        let world = World::new().await;
        let folder = world.graph.create_folder(None, "Doomed").await.unwrap();
        world.tenant.faults().push(Rule::on(Call::DeleteFolder).answer(fault));
        world.graph.delete_folder(&folder.id).await.unwrap();
        assert!(world.ada().folders().contains(&"Deleted Items/Doomed".to_owned()));
    }
}

#[tokio::test]
async fn a_folder_tells_how_many_it_holds() {
    let world = World::new().await;
    world.ada().inbox().seed(7);
    let inbox = world.folder(Role::Inbox).await;
    assert_eq!(world.graph.count(&inbox.id, Urgency::Poll).await.unwrap(), 7);
    let nowhere = RemoteId::new("AAMkNowhere");
    let fault = world.graph.count(&nowhere, Urgency::Poll).await.unwrap_err();
    assert!(matches!(fault.kind(), Kind::NoSuchFolder | Kind::Defect), "{fault}");
}
