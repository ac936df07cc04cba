//! Drafts that grow by attachments, and what becomes of them when they are sent.

use std::time::Duration;

use m365_sim::switch::{Attaching, SizeCheck, Waiting};
use m365_sim::{Fault, Kind, Rule};
use reqwest::Method;
use serde_json::json;

use crate::world::{Answer, World};

const BOB: &str = "bob@elsewhere.example";
const MAIL: &[u8] = b"From: Ada <ada@contoso.example>\r\nTo: bob@elsewhere.example\r\nSubject: out\r\n\
    X-Odd:  kept   as it is\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <out@contoso.example>\r\n\
    Content-Type: text/plain\r\n\r\nhello\r\n";
const SIZE: usize = 5_000_000;
const PIECE: usize = 3_000_000;

async fn draft(world: &World) -> String {
    let made = world.post_mime("/me/messages", MAIL).await;
    format!("/me/messages/{}", made.text("id"))
}

async fn add(world: &World, path: &str) -> Answer {
    let file = json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "b.bin", "contentBytes": "AAEC"});
    world.post(&format!("{path}/attachments"), &file).await
}

async fn session(world: &World, path: &str, size: usize) -> Answer {
    let wish =
        json!({"AttachmentItem": {"attachmentType": "file", "name": "big.bin", "size": size}});
    world.post(&format!("{path}/attachments/createUploadSession"), &wish).await
}

async fn piece(url: &str, (first, whole): (usize, usize), bytes: Vec<u8>) -> Answer {
    let range = format!("bytes {first}-{}/{whole}", first + bytes.len() - 1);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.put(url).header("Content-Range", range).body(bytes);
    Answer::of(request.send().await.unwrap()).await
}

async fn dispatch(world: &World, path: &str) -> Answer {
    let send = world.request(Method::POST, &format!("{path}/send"));
    world.send(send.header("Content-Length", "0")).await
}

#[tokio::test]
async fn a_session_leads_to_another_host_that_takes_pieces_in_order_and_no_token() {
    let world = World::new().await;
    let path = draft(&world).await;
    let small = session(&world, &path, 100).await;
    assert_eq!(small.code(), "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize");
    let made = session(&world, &path, SIZE).await;
    assert_eq!(made.status, 201);
    let url = made.text("uploadUrl");
    assert!(url.starts_with("http://localhost:"), "{url}");
    let with_token = world.request(Method::PUT, &url).header("Content-Range", "bytes 0-0/5000000");
    assert_eq!(world.send(with_token.body("x")).await.status, 401);
    let rest = SIZE - PIECE;
    assert_eq!(piece(&url, (PIECE, SIZE), vec![2; rest]).await.status, 416);
    let first = piece(&url, (0, SIZE), vec![1; PIECE]).await;
    assert_eq!(
        (first.status, first.json()["NextExpectedRanges"][0].as_str()),
        (200, Some("3000000"))
    );
    let last = piece(&url, (PIECE, SIZE), vec![2; rest]).await;
    assert_eq!((last.status, last.bytes.len()), (201, 0));
    assert!(!last.header("location").is_empty());
    assert_eq!(piece(&url, (PIECE, SIZE), vec![2; rest]).await.status, 404);
    let rows = world.get(&format!("{path}/attachments?$select=name,size")).await.rows();
    assert_eq!((rows.len(), rows[0]["size"].as_u64()), (1, Some(5_000_000)));
}

#[tokio::test]
async fn a_session_ends_by_itself_and_by_its_owner() {
    let world = World::new().await;
    let path = draft(&world).await;
    for ended_by_owner in [true, false] {
        let url = session(&world, &path, SIZE).await.text("uploadUrl");
        assert_eq!(piece(&url, (0, SIZE), vec![1; PIECE]).await.status, 200);
        match ended_by_owner {
            false => world.tenant.clock().advance(Duration::from_secs(4 * 60 * 60)),
            true => {
                let client = reqwest::Client::builder().no_proxy().build().unwrap();
                assert_eq!(client.delete(&url).send().await.unwrap().status().as_u16(), 204);
            }
        }
        assert_eq!(piece(&url, (PIECE, SIZE), vec![2; SIZE - PIECE]).await.status, 404);
    }
}

#[tokio::test]
async fn what_is_sent_has_the_attachments_and_the_header_and_by_a_switch_the_very_bytes() {
    for attaching in [Attaching::Rebuilt, Attaching::Kept] {
        let world = World::new().await;
        world.tenant.set_switches(|switches| switches.messages.attaching = attaching);
        let path = draft(&world).await;
        assert_eq!(add(&world, &path).await.status, 201);
        assert_eq!(add(&world, &path).await.status, 201);
        assert_eq!(dispatch(&world, &path).await.status, 202);
        let sent = world.tenant.sent_to(BOB);
        let mime = String::from_utf8(sent[0].mime.to_vec()).unwrap();
        assert_eq!(mime.matches("AAEC").count(), 2, "{mime}");
        let exact =
            mime.contains("X-Odd:  kept   as it is\r\n") && mime.contains("\r\n\r\nhello\r\n");
        assert_eq!(exact, attaching == Attaching::Kept, "{mime}");
    }
}

#[tokio::test]
async fn a_whole_that_is_too_large_is_refused_when_it_is_sent_or_when_it_grows() {
    for check in [SizeCheck::AtSend, SizeCheck::AtAttach] {
        let world = World::new().await;
        world.tenant.set_switches(|switches| {
            (switches.sending.message_bytes, switches.sending.size_check) = (4_000_000, check);
        });
        let path = draft(&world).await;
        let refused = match check {
            SizeCheck::AtAttach => session(&world, &path, SIZE).await,
            SizeCheck::AtSend => {
                let url = session(&world, &path, SIZE).await.text("uploadUrl");
                piece(&url, (0, SIZE), vec![1; PIECE]).await;
                assert_eq!(piece(&url, (PIECE, SIZE), vec![2; SIZE - PIECE]).await.status, 201);
                dispatch(&world, &path).await
            }
        };
        assert_eq!((refused.status, refused.code().as_str()), (413, "ErrorMessageSizeExceeded"));
        assert!(world.tenant.sent().is_empty());
    }
}

#[tokio::test]
async fn what_waits_to_leave_looks_as_switched_and_is_not_sent_again() {
    for (waiting, is_draft, flags) in [
        (Waiting::NoDraft, false, "1"),
        (Waiting::Submitted, true, "13"),
        (Waiting::Draft, true, "9"),
    ] {
        let world = World::new().await;
        world.tenant.set_switches(|switches| {
            (switches.sending.delay_seconds, switches.sending.waiting) = (60, waiting);
        });
        let path = draft(&world).await;
        assert_eq!(dispatch(&world, &path).await.status, 202);
        let expand = "$expand=singleValueExtendedProperties($filter=id%20eq%20'Integer%200x0E07')";
        let seen = world.get(&format!("{path}?{expand}")).await.json();
        assert_eq!(seen["isDraft"].as_bool(), Some(is_draft));
        assert_eq!(seen["singleValueExtendedProperties"][0]["value"].as_str(), Some(flags));
        assert_eq!(dispatch(&world, &path).await.status, 400);
        assert_eq!(add(&world, &path).await.status, 400);
        world.tenant.clock().advance(Duration::from_secs(60));
        assert_eq!(world.tenant.sent_to(BOB).len(), 1);
        assert!(!world.ada().items("Sent Items")[0].is_draft);
    }
}

#[tokio::test]
async fn late_work_is_done_after_its_client_has_gone() {
    let world = World::new().await;
    let path = draft(&world).await;
    let late = Fault::Late { seconds: 30 };
    world.tenant.faults().push(Rule::on(Kind::Send).answer(late));
    let send = world.request(Method::POST, &format!("{path}/send"));
    assert!(send.header("Content-Length", "0").send().await.is_err());
    assert!(world.tenant.sent().is_empty());
    world.tenant.clock().advance(Duration::from_secs(30));
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}
