use serde_json::json;

use crate::world::{World, mail};

const EXPAND: &str = "$expand=singleValueExtendedProperties($filter=id%20eq%20'Integer%200x0E07'%20or%20id%20eq%20'String%200x007D'%20or%20id%20eq%20'String%200x1042')";

#[tokio::test]
async fn mime_always_makes_a_draft_in_drafts_with_the_same_bytes() {
    let world = World::new().await;
    let made = world.post_mime("/me/messages", &mail("draft")).await;
    assert_eq!(made.status, 201);
    let body = made.json();
    assert_eq!((body["isDraft"].clone(), body["isRead"].clone()), (json!(true), json!(true)));
    assert_eq!(body["internetMessageId"], "<draft@elsewhere.example>");
    let bytes = world.get(&format!("/me/messages/{}/$value", made.text("id"))).await.bytes;
    assert_eq!(bytes, mail("draft"));
    assert_eq!(world.ada().items("Drafts").len(), 1);
}

#[tokio::test]
async fn what_mime_creates_refuse() {
    let world = World::new().await;
    let scoped = world.post_mime("/me/mailFolders/inbox/messages", &mail("x")).await;
    assert_eq!((scoped.status, scoped.code().as_str()), (400, "UnableToDeserializePostBody"));
    let bare = world.post_mime("/me/messages", b"Subject: x\n\nbody\n").await;
    assert_eq!(bare.code(), "UnableToDeserializePostBody");
    let request =
        world.request(reqwest::Method::POST, "/me/messages").header("Content-Type", "text/plain");
    assert_eq!(
        world.send(request.body("not base64!")).await.code(),
        "ErrorMimeContentInvalidBase64String"
    );
    let large = world.post_mime("/me/messages", &vec![b'a'; 3_200_000]).await;
    assert_eq!(large.status, 413);
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn json_with_message_flags_makes_an_item_that_is_no_draft() {
    let world = World::new().await;
    let message = json!({
        "subject": "Größe", "body": {"contentType": "html", "content": "<p>hi</p>"},
        "from": {"emailAddress": {"name": "Bob", "address": "bob@elsewhere.example"}},
        "toRecipients": [{"emailAddress": {"address": "ada@contoso.example"}}],
        "internetMessageId": "<json@elsewhere.example>",
        "internetMessageHeaders": [{"name": "X-Test", "value": "1"}],
        "receivedDateTime": "2001-01-01T00:00:00Z",
        "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "aGVsbG8="}],
        "singleValueExtendedProperties": [
            {"id": "Integer 0x0E07", "value": "1"}, {"id": "SystemTime 0x0E06", "value": "2026-01-02T03:04:05Z"},
            {"id": "SystemTime 0x0039", "value": "2026-01-02T03:04:00Z"}, {"id": "String 0x1042", "value": "<parent@x.example>"},
            {"id": "String 0x007D", "value": "X-Old: 1"},
        ],
    });
    let made = world.post("/me/mailFolders/archive/messages", &message).await;
    assert_eq!(made.status, 201);
    let path = format!("/me/messages/{}", made.text("id"));
    let shown = world.get(&format!("{path}?{EXPAND}")).await.json();
    assert_eq!(shown["isDraft"], false);
    assert_eq!(shown["isRead"], true);
    assert_eq!(shown["receivedDateTime"], "2026-01-02T03:04:05Z");
    assert_eq!(shown["sentDateTime"], "2026-01-02T03:04:00Z");
    assert_eq!(shown["hasAttachments"], true);
    assert_eq!(
        shown["singleValueExtendedProperties"],
        json!([
            {"id": "Integer 0xe07", "value": "17"}, {"id": "String 0x7d", "value": "X-Old: 1"},
            {"id": "String 0x1042", "value": "<parent@x.example>"},
        ])
    );
    let mime = String::from_utf8(world.get(&format!("{path}/$value")).await.bytes).unwrap();
    assert!(mime.contains("Message-ID: <json@elsewhere.example>\r\n"));
    assert!(mime.contains("In-Reply-To: <parent@x.example>\r\n"));
    assert!(mime.contains("X-Test: 1\r\n"));
    let attachments = world.get(&format!("{path}/attachments")).await.rows();
    assert_eq!(attachments[0]["contentBytes"], "aGVsbG8=");
    let part = attachments[0]["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("{path}/attachments/{part}/$value")).await.bytes, b"hello");
}

#[tokio::test]
async fn a_patch_cannot_end_being_a_draft() {
    let world = World::new().await;
    let made = world.post("/me/messages", &json!({"subject": "plain"})).await;
    let path = format!("/me/messages/{}", made.text("id"));
    assert_eq!(made.json()["isDraft"], true);
    let edit = json!({"singleValueExtendedProperties": [{"id": "Integer 0x0E07", "value": "1"}]});
    assert_eq!(world.patch(&path, &edit).await.status, 200);
    assert_eq!(world.get(&path).await.json()["isDraft"], true);
    let edit = json!({"subject": "changed", "body": {"contentType": "text", "content": "new"},
        "toRecipients": [{"emailAddress": {"address": "bob@elsewhere.example"}}]});
    assert_eq!(world.patch(&path, &edit).await.status, 200);
    let mime = String::from_utf8(world.get(&format!("{path}/$value")).await.bytes).unwrap();
    assert!(
        mime.contains("Subject: changed\r\n") && mime.contains("To: bob@elsewhere.example\r\n")
    );
}

#[tokio::test]
async fn an_edit_in_outlook_keeps_the_immutable_id_and_changes_the_key() {
    let world = World::new().await;
    let id = world.ada().folder("Drafts").draft(mail("first"));
    let before = world.ada().items("Drafts")[0].change_key.clone();
    world.ada().outlook().edit_draft(&id, mail("second"));
    let after = &world.ada().items("Drafts")[0];
    assert_eq!((after.immutable_id.as_str(), after.subject.as_str()), (id.0.as_str(), "second"));
    assert_ne!(after.change_key, before);
}

#[tokio::test]
async fn unknown_members_and_plain_headers_are_refused() {
    let world = World::new().await;
    assert_eq!(
        world.post("/me/messages", &json!({"colour": 1})).await.code(),
        "UnableToDeserializePostBody"
    );
    let header = json!({"internetMessageHeaders": [{"name": "Received", "value": "x"}]});
    assert_eq!(world.post("/me/messages", &header).await.code(), "InvalidInternetMessageHeader");
}

#[tokio::test]
async fn an_attachment_is_added_to_a_draft() {
    let world = World::new().await;
    let made = world.post_mime("/me/messages", &mail("with")).await;
    let path = format!("/me/messages/{}/attachments", made.text("id"));
    let file = json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "b.bin", "contentBytes": "AAEC"});
    assert_eq!(world.post(&path, &file).await.status, 201);
    let rows = world.get(&path).await.rows();
    assert_eq!((rows.len(), rows[0]["size"].as_u64()), (1, Some(3)));
}
