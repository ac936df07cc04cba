use std::time::Duration;

use serde_json::json;

use crate::world::{ADA, SCOPES, World};

const MAIL: &[u8] = b"From: Ada <ada@contoso.example>\r\nTo: Ben <ben@contoso.example>\r\nCc: bob@elsewhere.example\r\n\
    Bcc: eve@elsewhere.example\r\nSubject: out\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n\
    Message-ID: <out@contoso.example>\r\n\r\nhello\r\n";

#[tokio::test]
async fn a_mime_send_reaches_every_header_recipient_once_without_bcc() {
    let world = World::new().await;
    let sent = world.post_mime("/me/sendMail", MAIL).await;
    assert_eq!((sent.status, sent.bytes.len()), (202, 0));
    let stripped =
        String::from_utf8(MAIL.to_vec()).unwrap().replace("Bcc: eve@elsewhere.example\r\n", "");
    for to in ["ben@contoso.example", "bob@elsewhere.example", "eve@elsewhere.example"] {
        let got = world.tenant.sent_to(to);
        assert_eq!(got.len(), 1, "{to}");
        assert_eq!(got[0].mime, stripped);
    }
    assert_eq!(world.tenant.person("ben@contoso.example").items("Inbox")[0].mime, stripped);
    let copies = world.ada().items("Sent Items");
    assert_eq!(copies[0].mime, MAIL);
    assert!(copies[0].is_read && !copies[0].is_draft);
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn a_draft_keeps_its_immutable_id_when_it_is_sent_unless_switched() {
    let world = World::new().await;
    for survives in [true, false] {
        world.tenant.set_switches(|switches| switches.sending.id_survives_send = survives);
        let prefer = "IdType=\"ImmutableId\"";
        let request = world.request(reqwest::Method::POST, "/me/messages").header("Prefer", prefer);
        let draft = json!({"subject": "hi", "toRecipients": [{"emailAddress": {"address": "bob@elsewhere.example"}}]});
        let id = world.send(request.json(&draft)).await.text("id");
        let send = world.request(reqwest::Method::POST, &format!("/me/messages/{id}/send"));
        assert_eq!(world.send(send.header("Content-Length", "0")).await.status, 202);
        assert_eq!(world.get(&format!("/me/messages/{id}")).await.status == 200, survives);
    }
    assert_eq!(world.tenant.sent_to("bob@elsewhere.example").len(), 2);
    assert_eq!(world.ada().items("Sent Items").len(), 2);
}

#[tokio::test]
async fn sending_is_refused_without_recipients_or_as_someone_else() {
    let mut world = World::new().await;
    let nobody = world.post_mime("/me/sendMail", b"Subject: x\r\n\r\nx\r\n").await;
    assert_eq!((nobody.status, nobody.code().as_str()), (400, "ErrorInvalidRecipients"));
    let forged = b"From: ben@contoso.example\r\nTo: bob@elsewhere.example\r\n\r\nx\r\n";
    let forged_answer = world.post_mime("/me/sendMail", forged).await;
    assert_eq!((forged_answer.status, forged_answer.code().as_str()), (403, "ErrorSendAsDenied"));
    assert!(world.tenant.sent().is_empty());
    world.tenant.set_switches(|switches| {
        switches.sending.send_as = vec!["ada@contoso.example=ben@contoso.example".into()];
    });
    // The right to send as Ben is one thing, the permission of the app another.
    let unpermitted = world.post_mime("/me/sendMail", forged).await;
    assert_eq!((unpermitted.status, unpermitted.code().as_str()), (403, "ErrorAccessDenied"));
    let scopes = format!("{SCOPES} Mail.Send.Shared");
    world.refresh = world.tenant.grant(ADA, "client", &scopes);
    world.token = world.fresh_token().await;
    assert_eq!(world.post_mime("/me/sendMail", forged).await.status, 202);
}

#[tokio::test]
async fn a_delayed_send_waits_in_drafts() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.sending.delay_seconds = 5);
    assert_eq!(world.post_mime("/me/sendMail", MAIL).await.status, 202);
    assert_eq!(world.ada().items("Drafts").len(), 1);
    assert!(world.tenant.sent().is_empty());
    world.tenant.clock().advance(Duration::from_secs(5));
    assert_eq!(world.ada().items("Sent Items").len(), 1);
    assert_eq!(world.tenant.sent_to("bob@elsewhere.example").len(), 1);
}

#[tokio::test]
async fn json_sends_can_skip_the_copy_and_unknown_people_come_back_as_a_report() {
    let world = World::new().await;
    let body = json!({"message": {"subject": "hi", "toRecipients": [
        {"emailAddress": {"address": "nobody@contoso.example"}}]}, "saveToSentItems": false});
    assert_eq!(world.post("/me/sendMail", &body).await.status, 202);
    assert!(world.ada().items("Sent Items").is_empty());
    let inbox = world.ada().items("Inbox");
    assert_eq!(inbox[0].subject, "Undeliverable: hi");
}
