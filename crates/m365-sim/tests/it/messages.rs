use m365_sim::Switches;
use m365_sim::switch::{MessageDelete, MimeFidelity};
use serde_json::json;

use crate::world::{World, mail};

#[tokio::test]
async fn a_list_is_newest_first_and_pages_by_links() {
    let world = World::new().await;
    world.ada().inbox().seed(25);
    let first = world.get("/me/mailFolders/inbox/messages?$select=subject,receivedDateTime").await;
    let rows = first.rows();
    assert_eq!(rows.len(), 10);
    assert!(rows[0]["receivedDateTime"].as_str() > rows[9]["receivedDateTime"].as_str());
    assert!(rows[0]["@odata.etag"].as_str().unwrap().starts_with("W/\""));
    assert!(rows[0].get("body").is_none());
    let mut link = first.text("@odata.nextLink");
    let mut seen = rows.len();
    while !link.is_empty() {
        let page = world.get(&link).await;
        seen += page.rows().len();
        link = page.text("@odata.nextLink");
    }
    assert_eq!(seen, 25);
    let counted = world.get("/me/mailFolders/inbox/messages?$count=true&$top=1000").await;
    assert_eq!(counted.json()["@odata.count"], 25);
    assert_eq!(world.get("/me/messages?$top=1001").await.status, 400);
}

#[tokio::test]
async fn filters_and_orders_follow_the_documented_rules() {
    let world = World::new().await;
    let one = world.ada().inbox().deliver(mail("one"));
    world.ada().inbox().deliver(mail("two"));
    world.ada().outlook().mark_read(&one, true);
    let subjects = async |query: &str| -> Vec<String> {
        let rows = world.get(&format!("/me/messages?{query}")).await.rows();
        rows.iter().map(|row| row["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects("$filter=isRead%20eq%20true").await, ["one"]);
    let id = "$filter=internetMessageId%20eq%20'%3Ctwo@elsewhere.example%3E'";
    assert_eq!(subjects(id).await, ["two"]);
    assert_eq!(subjects("$orderby=subject%20desc").await, ["two", "one"]);
    assert_eq!(subjects("$search=%22subject:tw%22").await, ["two"]);
    let inefficient = world.get("/me/messages?$orderby=subject&$filter=isRead%20eq%20true").await;
    assert_eq!((inefficient.status, inefficient.code().as_str()), (400, "InefficientFilter"));
    let unfilterable = world.get("/me/messages?$filter=internetMessageHeaders%20eq%20'x'").await;
    assert_eq!(unfilterable.status, 400);
}

#[tokio::test]
async fn the_mime_is_byte_exact_or_regenerated_by_switch() {
    let world = World::new().await;
    let bytes = mail("exact");
    let id = world.ada().inbox().deliver(bytes.clone());
    let path = format!("/me/messages/{}/$value", id.0);
    let answer = world.get(&path).await;
    assert_eq!(answer.bytes, bytes);
    assert_eq!(answer.header("content-type"), "text/plain");
    world.tenant.set_switches(|switches| switches.messages.mime = MimeFidelity::Regenerated);
    let rebuilt = world.get(&path).await.bytes;
    assert_ne!(rebuilt, bytes);
    assert_eq!(world.get(&path).await.bytes, rebuilt);
}

#[tokio::test]
async fn an_ordinary_id_dies_with_a_move_and_an_immutable_one_lives() {
    let world = World::new().await;
    world.ada().inbox().deliver(mail("moving"));
    let ordinary = world.get("/me/messages").await.rows()[0]["id"].as_str().unwrap().to_owned();
    let immutable =
        world.get_immutable("/me/messages").await.rows()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((ordinary.len(), immutable.len()), (152, 68));
    let target = json!({"destinationId": "archive"});
    let moved = world.post(&format!("/me/messages/{immutable}/move"), &target).await;
    assert_eq!(moved.status, 201);
    assert_ne!(moved.text("id"), ordinary);
    let gone = world.get(&format!("/me/messages/{ordinary}")).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "ErrorItemNotFound"));
    assert_eq!(world.get(&format!("/me/messages/{immutable}")).await.status, 200);
    let folded = world.get(&format!("/me/messages/{}", immutable.to_lowercase())).await;
    assert_ne!(folded.status, 200);
    assert_eq!(world.get("/me/messages/nonsense").await.code(), "ErrorInvalidIdMalformed");
    let copy = world.post(&format!("/me/messages/{immutable}/copy"), &target).await;
    assert_eq!(copy.status, 201);
    assert_eq!(world.ada().items("Archive").len(), 2);
}

#[tokio::test]
async fn a_patch_changes_flags_and_properties_and_the_change_key() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("flags"));
    let path = format!("/me/messages/{}", id.0);
    let before = world.get(&path).await.json();
    let edit = json!({
        "isRead": true, "categories": ["Blue"], "flag": {"flagStatus": "flagged"},
        "singleValueExtendedProperties": [{"id": "Integer 0x1081", "value": "102"}],
    });
    let after = world.patch(&path, &edit).await;
    assert_eq!(after.status, 200);
    assert_ne!(after.text("changeKey"), before["changeKey"].as_str().unwrap());
    assert_eq!(after.json()["flag"]["flagStatus"], "flagged");
    let expand = "$expand=singleValueExtendedProperties($filter=id%20eq%20'Integer%200x1081'%20or%20id%20eq%20'Integer%200x0E07')";
    let shown = world.get(&format!("{path}?$select=id&{expand}")).await.json();
    let expected =
        json!([{"id": "Integer 0x1081", "value": "102"}, {"id": "Integer 0xe07", "value": "1"}]);
    assert_eq!(shown["singleValueExtendedProperties"], expected);
    let found = "/me/messages?$filter=singleValueExtendedProperties/any(ep:ep/id%20eq%20'Integer%200x1081'%20and%20ep/value%20eq%20'102')";
    assert_eq!(world.get(found).await.rows().len(), 1);
    assert_eq!(world.patch(&path, &json!({"subject": "other"})).await.status, 400);
    assert_eq!(
        world.patch(&path, &json!({"isred": true})).await.code(),
        "UnableToDeserializePostBody"
    );
}

#[tokio::test]
async fn a_patch_on_an_old_etag_is_a_conflict() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("etag"));
    let path = format!("/me/messages/{}", id.0);
    let etag = world.get(&path).await.text("@odata.etag");
    world.ada().outlook().flag(&id, "flagged");
    let request = world.request(reqwest::Method::PATCH, &path).header("If-Match", etag);
    let answer = world.send(request.json(&json!({"isRead": true}))).await;
    assert_eq!((answer.status, answer.code().as_str()), (412, "ErrorIrresolvableConflict"));
}

#[tokio::test]
async fn a_deleted_message_leaves_its_folder_at_once() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("gone"));
    assert_eq!(world.delete(&format!("/me/messages/{}", id.0)).await.status, 204);
    assert!(world.ada().items("Inbox").is_empty());
    assert!(world.ada().items("Deleted Items").is_empty());
    assert_eq!(world.ada().items("recoverableitemsdeletions").len(), 1);
    assert!(world.get("/me/messages").await.rows().is_empty());
    let again = world.delete(&format!("/me/messages/{}", id.0)).await;
    assert_eq!(again.code(), "ErrorCannotDeleteObject");

    world.tenant.set_switches(|switches| switches.messages.delete = MessageDelete::DeletedItems);
    let id = world.ada().inbox().deliver(mail("binned"));
    world.delete(&format!("/me/messages/{}", id.0)).await;
    assert_eq!(world.ada().items("Deleted Items").len(), 1);
    let purge =
        world.request(reqwest::Method::POST, &format!("/me/messages/{}/permanentDelete", id.0));
    assert_eq!(world.send(purge).await.status, 204);
    assert_eq!(world.get(&format!("/me/messages/{}", id.0)).await.status, 404);
}

#[tokio::test]
async fn short_and_empty_pages_still_lead_to_every_message() {
    let mut switches = Switches::default();
    switches.messages.short_pages = Some(3);
    switches.messages.empty_first_page = true;
    let world = World::with(switches).await;
    world.ada().inbox().seed(8);
    let mut page = world.get("/me/mailFolders/inbox/messages?$top=100").await;
    assert!(page.rows().is_empty());
    let mut seen = 0;
    while !page.text("@odata.nextLink").is_empty() {
        page = world.get(&page.text("@odata.nextLink")).await;
        seen += page.rows().len();
    }
    assert_eq!(seen, 8);
}

#[tokio::test]
async fn fifty_thousand_messages_are_seeded_and_listed() {
    let world = World::new().await;
    world.ada().inbox().seed(50_000);
    let page = world.get("/me/mailFolders/inbox/messages?$top=1000&$select=subject,isRead").await;
    assert_eq!(page.rows().len(), 1000);
    let folder = world.get("/me/mailFolders/inbox").await.json();
    assert_eq!(folder["totalItemCount"], 50_000);
    let id = page.rows()[0]["id"].as_str().unwrap().to_owned();
    let mime = world.get(&format!("/me/messages/{id}/$value")).await.bytes;
    let subject = page.rows()[0]["subject"].as_str().unwrap().to_owned();
    assert!(String::from_utf8(mime).unwrap().contains(&subject));
}

#[tokio::test]
async fn regenerated_mail_keeps_what_exchange_keeps_and_signed_mail_keeps_all() {
    let world = World::new().await;
    world
        .tenant
        .set_switches(|switches| switches.messages.mime = MimeFidelity::RegeneratedEachTime);
    let mixed = b"Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\nContent-Type: text/plain\r\n\r\nhi\r\n--a\r\nContent-Type: application/pdf; name=x.pdf\r\n\
        Content-Disposition: attachment; filename=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--a--\r\n";
    let signed =
        b"Subject: signed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b;\r\n\
        \tprotocol=\"application/pgp-signature\"\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
        Content-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n";
    let id = world.ada().inbox().deliver(mixed.to_vec()).0;
    let path = format!("/me/messages/{id}/$value");
    let (one, two) = (world.get(&path).await.bytes, world.get(&path).await.bytes);
    assert_ne!(one, two);
    let text = String::from_utf8(one).unwrap();
    assert!(
        text.contains("Subject: parts\r\n") && text.contains("JVBERg==") && text.contains("x.pdf")
    );
    let id = world.ada().inbox().deliver(signed.to_vec()).0;
    assert_eq!(world.get(&format!("/me/messages/{id}/$value")).await.bytes, signed);
}
