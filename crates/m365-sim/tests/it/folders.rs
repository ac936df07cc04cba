use m365_sim::Switches;
use m365_sim::switch::Language;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_folder_list_shows_ten_rows_and_a_link_to_the_rest() {
    let world = World::new().await;
    for number in 0..5 {
        world.ada().folder(&format!("Extra {number}"));
    }
    let first = world.get("/me/mailFolders").await;
    assert_eq!(first.rows().len(), 10);
    let rest = world.get(&first.text("@odata.nextLink")).await;
    assert!(!rest.rows().is_empty());
    assert!(rest.json().get("@odata.nextLink").is_none());
    let all = world.get("/me/mailFolders?$top=250").await.rows();
    assert_eq!(all.len(), 10 + rest.rows().len());
}

#[tokio::test]
async fn well_known_names_work_in_any_language() {
    let mut switches = Switches::default();
    switches.folders.language = Language::German;
    let world = World::with(switches).await;
    let trash = world.get("/me/mailFolders/deleteditems").await;
    assert_eq!(trash.text("displayName"), "Gelöschte Elemente");
    assert_eq!(world.get("/me/mailFolders/clutter").await.code(), "ErrorItemNotFound");
    assert_eq!(world.get("/me/mailFolders/nonsense").await.code(), "ErrorInvalidIdMalformed");
    let id = trash.text("id");
    assert_eq!(world.get(&format!("/me/mailFolders('{id}')?$select=id")).await.text("id"), id);
}

#[tokio::test]
async fn folders_are_made_found_renamed_moved_and_deleted() {
    let world = World::new().await;
    let made = world.post("/me/mailFolders", &json!({"displayName": "A/B"})).await;
    assert_eq!(made.status, 201);
    let id = made.text("id");
    let again = world.post("/me/mailFolders", &json!({"displayName": "a/b"})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "ErrorFolderExists"));
    let renamed =
        world.patch(&format!("/me/mailFolders/{id}"), &json!({"displayName": "It's"})).await;
    assert_eq!(renamed.status, 200);
    let found = world.get("/me/mailFolders?$filter=displayName%20eq%20'It''s'&$select=id").await;
    assert_eq!(found.rows()[0], json!({"id": id}));
    let moved = world
        .post(&format!("/me/mailFolders/{id}/move"), &json!({"destinationId": "archive"}))
        .await;
    assert_eq!(moved.status, 200);
    assert_eq!(world.get("/me/mailFolders/archive/childFolders").await.rows()[0]["id"], id);
    assert_eq!(world.delete(&format!("/me/mailFolders/{id}")).await.status, 204);
    let binned = world.get(&format!("/me/mailFolders/{id}")).await;
    assert_eq!(
        binned.text("parentFolderId"),
        world.get("/me/mailFolders/deleteditems").await.text("id")
    );
}

#[tokio::test]
async fn distinguished_folders_stay_where_they_are() {
    let world = World::new().await;
    assert_eq!(
        world.delete("/me/mailFolders/inbox").await.code(),
        "ErrorDeleteDistinguishedFolder"
    );
    let moved =
        world.post("/me/mailFolders/inbox/move", &json!({"destinationId": "archive"})).await;
    assert_eq!(moved.code(), "ErrorMoveDistinguishedFolder");
    assert_eq!(
        world.patch("/me/mailFolders/inbox", &json!({"displayName": "In"})).await.status,
        403
    );
}

#[tokio::test]
async fn an_unknown_property_is_refused_with_the_documented_words() {
    let world = World::new().await;
    let answer = world.get("/me/mailFolders?$select=wellKnownName").await;
    assert_eq!(answer.status, 400);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(
        "Could not find a property named 'wellKnownName' on type 'microsoft.graph.mailFolder'"
    ));
}

#[tokio::test]
async fn the_folder_delta_tells_new_changed_and_gone_folders() {
    let world = World::new().await;
    let mut page = world.get("/me/mailFolders/delta").await;
    let mut rows = page.rows();
    while !page.text("@odata.nextLink").is_empty() {
        page = world.get(&page.text("@odata.nextLink")).await;
        rows.extend(page.rows());
    }
    assert!(rows.iter().any(|row| row["displayName"] == "Inbox"));
    world.ada().outlook().create_folder("Projects");
    world.ada().outlook().create_folder("Old");
    let page = world.get(&page.text("@odata.deltaLink")).await;
    let names: Vec<_> = page.rows().iter().map(|row| row["displayName"].clone()).collect();
    assert_eq!(names, ["Projects", "Old"]);
    let old = page.rows()[1]["id"].as_str().unwrap().to_owned();
    world
        .send(
            world.request(reqwest::Method::POST, &format!("/me/mailFolders/{old}/permanentDelete")),
        )
        .await;
    let page = world.get(&page.text("@odata.deltaLink")).await;
    assert_eq!(page.rows()[0]["@removed"]["reason"], "deleted");
    assert_eq!(page.rows()[0]["id"], old);
    assert!(world.get(&page.text("@odata.deltaLink")).await.rows().is_empty());
}

#[tokio::test]
async fn container_classes_and_search_folders_can_be_told_apart() {
    let mut switches = Switches::default();
    switches.folders.search_folder = true;
    switches.folders.foreign_classes = true;
    let world = World::with(switches).await;
    let path = "/me/mailFolders?$top=100&$expand=singleValueExtendedProperties($filter=id%20eq%20'String%200x3613')";
    let rows = world.get(path).await.rows();
    assert!(rows.iter().any(|row| row["@odata.type"] == "#microsoft.graph.mailSearchFolder"));
    let contacts = rows.iter().find(|row| row["displayName"] == "Contacts").unwrap();
    assert_eq!(
        contacts["singleValueExtendedProperties"],
        json!([{"id": "String 0x3613", "value": "IPF.Contact"}])
    );
}
