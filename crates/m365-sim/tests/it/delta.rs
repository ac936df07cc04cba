use std::time::Duration;

use m365_sim::Switches;
use serde_json::{Value, json};

use crate::world::{Answer, World, mail};

const INBOX: &str = "/me/mailFolders/inbox/messages/delta?$select=subject,isRead,flag";

/// Follows nextLinks to the deltaLink, with immutable ids and big pages.
async fn walk(world: &World, path: &str) -> (Vec<Value>, String) {
    let mut rows = Vec::new();
    let mut link = path.to_owned();
    loop {
        let request = world.request(reqwest::Method::GET, &link);
        let prefer = "IdType=\"ImmutableId\", odata.maxpagesize=100";
        let page = world.send(request.header("Prefer", prefer)).await;
        assert_eq!(page.status, 200);
        rows.extend(page.rows());
        match page.text("@odata.deltaLink") {
            done if !done.is_empty() => return (rows, done),
            _ => link = page.text("@odata.nextLink"),
        }
    }
}

fn subjects(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["subject"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn the_first_round_gives_everything_in_pages_and_then_a_delta_link() {
    let world = World::new().await;
    world.ada().inbox().seed(25);
    let first = world.get(INBOX).await;
    assert_eq!(first.rows().len(), 10);
    assert!(first.text("@odata.nextLink").contains("$skiptoken="));
    let request = world.request(reqwest::Method::GET, &first.text("@odata.nextLink"));
    let second = world.send(request.header("Prefer", "odata.maxpagesize=500")).await;
    assert_eq!(second.rows().len(), 15);
    assert!(second.text("@odata.deltaLink").contains("$deltatoken="));
    assert!(world.get(&second.text("@odata.deltaLink")).await.rows().is_empty());
}

#[tokio::test]
async fn new_changed_moved_and_deleted_mail_shows_in_the_next_round() {
    let world = World::new().await;
    let ada = world.ada();
    let kept = ada.inbox().deliver(mail("kept"));
    let moved = ada.inbox().deliver(mail("moved"));
    let (_, link) = walk(&world, INBOX).await;
    ada.inbox().deliver(mail("new"));
    ada.outlook().flag(&kept, "flagged");
    ada.outlook().relocate(&moved, "Archive");
    let (rows, link) = walk(&world, &link).await;
    assert_eq!(subjects(&rows), ["new", "kept", "-"]);
    assert_eq!(rows[1]["flag"]["flagStatus"], "flagged");
    assert_eq!(rows[2]["@removed"], json!({"reason": "deleted"}));
    assert_eq!(rows[2]["id"], moved.0);
    let (rows, _) = walk(&world, &link).await;
    assert!(rows.is_empty());
    let (archive, _) = walk(&world, "/me/mailFolders/archive/messages/delta?$select=subject").await;
    assert_eq!(subjects(&archive), ["moved"]);
}

#[tokio::test]
async fn a_read_change_is_short_and_only_for_those_who_select_it() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("read"));
    let (_, with) = walk(&world, INBOX).await;
    let (_, without) = walk(&world, "/me/mailFolders/inbox/messages/delta?$select=subject").await;
    let before = world.get(&format!("/me/messages/{}", id.0)).await;
    world.tenant.clock().advance(Duration::from_secs(60));
    world.patch(&format!("/me/messages/{}", id.0), &json!({"isRead": true})).await;
    let (rows, _) = walk(&world, &with).await;
    let mut names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["@odata.etag", "@odata.type", "id", "isRead", "parentFolderId"]);
    let (rows, _) = walk(&world, &without).await;
    assert!(rows.is_empty());
    let after = world.get(&format!("/me/messages/{}", id.0)).await;
    assert_eq!(after.text("lastModifiedDateTime"), before.text("lastModifiedDateTime"));
    assert_ne!(after.text("changeKey"), before.text("changeKey"));
}

#[tokio::test]
async fn away_and_back_is_a_hole_under_immutable_ids_only() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("back"));
    let (_, immutable) = walk(&world, INBOX).await;
    let ordinary = world.get(INBOX).await.text("@odata.deltaLink");
    world.ada().outlook().relocate(&id, "Archive");
    world.ada().outlook().relocate(&id, "Inbox");
    let (rows, _) = walk(&world, &immutable).await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].get("@removed").is_some());
    let rows = world.get(&ordinary).await.rows();
    assert_eq!(subjects(&rows), ["-", "back"]);
    assert_ne!(rows[0]["id"], rows[1]["id"]);
    world.tenant.set_switches(|switches| switches.delta.away_and_back_hole = false);
    let (rows, _) = walk(&world, &immutable).await;
    assert_eq!(subjects(&rows), ["back"]);
}

#[tokio::test]
async fn nothing_is_lost_when_mail_comes_and_goes_during_the_first_round() {
    let world = World::new().await;
    let ada = world.ada();
    ada.inbox().seed(12);
    let oldest = ada.items("Inbox")[0].immutable_id.clone();
    let first = world.get_immutable(INBOX).await;
    ada.outlook().relocate(&m365_sim::ItemId(oldest.clone()), "Archive");
    let new = ada.inbox().deliver(mail("meanwhile"));
    let second = world.get_immutable(&first.text("@odata.nextLink")).await;
    assert_eq!(first.rows().len() + second.rows().len(), 11);
    let (rows, _) = walk(&world, &second.text("@odata.deltaLink")).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[0]["id"].as_str(), rows[0].get("@removed").is_some()),
        (Some(oldest.as_str()), true)
    );
    assert_eq!(rows[1]["id"], new.0);
}

#[tokio::test]
async fn a_move_can_be_made_to_show_only_as_a_removal() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.delta.move_shows_only_removal = true);
    let id = world.ada().inbox().deliver(mail("hidden"));
    let archive = "/me/mailFolders/archive/messages/delta?$select=subject";
    let (_, link) = walk(&world, archive).await;
    world.ada().outlook().relocate(&id, "Archive");
    let (rows, link) = walk(&world, &link).await;
    assert!(rows.is_empty());
    assert_eq!(world.get("/me/mailFolders/archive").await.json()["totalItemCount"], 1);
    world.ada().outlook().flag(&id, "flagged");
    let (rows, _) = walk(&world, &link).await;
    assert_eq!(subjects(&rows), ["hidden"]);
}

#[tokio::test]
async fn extended_properties_in_a_delta_are_honoured_ignored_or_refused() {
    use m365_sim::switch::DeltaExpand;
    let world = World::new().await;
    world.ada().inbox().deliver(mail("sized"));
    let path = format!(
        "{INBOX}&$expand=singleValueExtendedProperties($filter=id%20eq%20'Integer%200x0E08')"
    );
    let first = world.get(&path).await.rows();
    assert_eq!(first[0]["singleValueExtendedProperties"][0]["id"], "Integer 0xe08");
    world.tenant.set_switches(|switches| switches.delta.expand = DeltaExpand::Ignored);
    assert!(world.get(&path).await.rows()[0].get("singleValueExtendedProperties").is_none());
    world.tenant.set_switches(|switches| switches.delta.expand = DeltaExpand::Refused);
    assert_eq!(world.get(&path).await.status, 400);
}

#[tokio::test]
async fn the_delta_of_a_folder_that_is_gone_says_so() {
    let world = World::new().await;
    let id = world.post("/me/mailFolders", &json!({"displayName": "Brief"})).await.text("id");
    let (_, link) = walk(&world, &format!("/me/mailFolders/{id}/messages/delta")).await;
    world
        .send(
            world.request(reqwest::Method::POST, &format!("/me/mailFolders/{id}/permanentDelete")),
        )
        .await;
    let answer = world.get(&link).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "ErrorSyncFolderNotFound"));
}

#[tokio::test]
async fn expired_cursors_are_gone_with_a_way_to_start_again() {
    let world = World::new().await;
    let (_, link) = walk(&world, INBOX).await;
    world.tenant.expire_cursors();
    let answer = world.get(&link).await;
    assert_eq!((answer.status, answer.code().as_str()), (410, "SyncStateNotFound"));
    assert!(answer.header("location").ends_with("$deltatoken="));
    assert_eq!(world.get(INBOX).await.status, 200);
}

#[tokio::test]
async fn top_caps_the_round_and_parameters_are_baked_into_the_link() {
    let world = World::new().await;
    world.ada().inbox().seed(5);
    let (rows, link) =
        walk(&world, "/me/mailFolders/inbox/messages/delta?$select=subject&$top=2").await;
    assert_eq!(rows.len(), 2);
    world.ada().inbox().deliver(mail("a"));
    let (rows, _) = walk(&world, &format!("{link}&$select=body")).await;
    assert_eq!(subjects(&rows), ["a"]);
    assert!(rows[0].get("body").is_none());
}

#[tokio::test]
async fn switches_make_the_stream_late_doubled_reordered_and_replayed() {
    let mut switches = Switches::default();
    switches.delta.duplicates = true;
    switches.delta.reorder = true;
    switches.delta.empty_first_page = true;
    let world = World::with(switches).await;
    let (_, link) = walk(&world, INBOX).await;
    world.ada().inbox().deliver(mail("a"));
    world.ada().inbox().deliver(mail("b"));
    let (rows, link) = walk(&world, &link).await;
    assert_eq!(subjects(&rows), ["b", "b", "a", "a"]);
    world.tenant.set_switches(|switches| {
        *switches = Switches::default();
        switches.delta.replay = 1;
        switches.delta.late_seconds = 30;
    });
    world.ada().inbox().deliver(mail("c"));
    let (rows, link) = walk(&world, &link).await;
    assert!(!subjects(&rows).contains(&"c"));
    world.tenant.clock().advance(Duration::from_secs(31));
    let (rows, _) = walk(&world, &link).await;
    assert!(subjects(&rows).contains(&"c"));
}

#[tokio::test]
async fn a_repeat_that_reaches_back_to_an_arrival_still_tells_of_the_departure() {
    let mut switches = Switches::default();
    switches.delta.replay = 4;
    let world = World::with(switches).await;
    let item = world.ada().inbox().deliver(mail("a"));
    let (rows, link) = walk(&world, INBOX).await;
    assert_eq!(subjects(&rows), ["a"]);
    world.ada().outlook().purge(&item);
    let (rows, _) = walk(&world, &link).await;
    assert!(rows.iter().any(|row| row.get("@removed").is_some()), "{rows:?}");
}

#[tokio::test]
async fn what_outlook_does_not_support_is_refused() {
    let world = World::new().await;
    let status = async |query: &str| -> Answer {
        world.get(&format!("/me/mailFolders/inbox/messages/delta?{query}")).await
    };
    assert_eq!(status("$deltatoken=latest").await.status, 400);
    assert_eq!(status("$orderby=subject").await.status, 400);
    assert_eq!(status("$filter=isRead%20eq%20true").await.status, 400);
    assert_eq!(status("$filter=receivedDateTime%20ge%202026-01-01T00:00:00Z").await.status, 200);
    assert_eq!(status("$deltatoken=abc").await.status, 400);
}
