//! BDAT and BINARYMIME (RFC 3030).

use m365_sim::{Fault, Kind, Rule};

use super::{BOB, MESSAGE};
use crate::world::{ADA, World};

#[tokio::test]
async fn a_chunk_that_is_refused_is_read_to_its_end() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let octets = b"QUIT\r\n.\r\nMAIL FROM:<eve@fabrikam.example>\r\n";
    assert!(smtp.chunk(octets).await.starts_with("503 5.5.1 "));
    assert!(smtp.last_chunk(octets).await.starts_with("503 5.5.1 "));
    smtp.begin(&format!("<{ADA}>"), &[]).await;
    assert!(smtp.last_chunk(octets).await.starts_with("554 5.5.1 "));
    assert!(smtp.submit(ADA, &[BOB], MESSAGE).await.starts_with("250 2.0.0 "));
    assert_eq!(world.tenant.sent().len(), 1);
}

#[tokio::test]
async fn a_message_that_grows_too_large_is_refused_and_its_chunks_are_dropped() {
    let adjust = |config: &mut footbridge::config::Config| config.limits.message_bytes = 100_000;
    let world = World::adjusted(m365_sim::Tenant::builder().user(ADA), |_| {}, adjust).await;
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(smtp.chunk(&[b'x'; 60_000]).await.starts_with("250 "));
    assert!(smtp.chunk(&[b'x'; 60_000]).await.starts_with("552 5.3.4 "));
    assert!(smtp.chunk(&[b'x'; 10]).await.starts_with("503 5.5.1 "));
    assert!(smtp.last_chunk(&[b'x'; 10]).await.starts_with("503 5.5.1 "));
    assert!(smtp.command("DATA").await.starts_with("503 5.5.1 "));
    assert!(smtp.command("RSET").await.starts_with("250 "));
    assert!(world.tenant.sent().is_empty());
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(smtp.last_chunk(MESSAGE).await.starts_with("250 2.0.0 "));
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}

#[tokio::test]
async fn a_message_is_not_sent_before_its_last_chunk() {
    let world = World::new().await;
    for farewell in ["RSET", "EHLO me", "QUIT", "DATA"] {
        let mut smtp = world.smtp().await;
        smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
        assert!(smtp.chunk(MESSAGE).await.starts_with("250 "));
        smtp.command(farewell).await;
    }
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    smtp.send(b"BDAT 1000 LAST\r\nSubject: cut\r\n\r\n").await;
    drop(smtp);
    assert!(world.smtp().await.command("NOOP").await.starts_with("250 "));
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn the_service_has_the_last_word_on_the_last_chunk() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let busy = Fault::status(403, "ErrorSendAsDenied");
    world.tenant.faults().push(Rule::on(Kind::Send).answer(busy));
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(smtp.last_chunk(MESSAGE).await.starts_with("550 5.7.60 "));
    assert!(world.tenant.sent().is_empty());
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    let reply = smtp.last_chunk(MESSAGE).await;
    assert!(reply.starts_with("250 2.0.0 Ok: taken by Microsoft 365 as "), "{reply}");
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}

#[tokio::test]
async fn data_and_bdat_do_not_mix() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(smtp.chunk(MESSAGE).await.starts_with("250 "));
    assert!(smtp.command("DATA").await.starts_with("503 5.5.1 "));
    assert!(smtp.last_chunk(b"").await.starts_with("503 5.5.1 "));
    smtp.begin(&format!("<{ADA}> BODY=BINARYMIME"), &[BOB]).await;
    assert!(smtp.command("DATA").await.starts_with("503 5.5.1 "));
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_binary_attachment_arrives_as_it_was() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let scan: Vec<u8> = (0..=255_u8).cycle().take(30_000).collect();
    let head = format!(
        "Message-ID: <binary@client.example>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n\
         From: {ADA}\r\nTo: {BOB}\r\nSubject: Scan\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n\
         --b\r\nContent-Type: application/pdf; name=scan.pdf\r\n\
         Content-Transfer-Encoding: binary\r\n\r\n"
    );
    let message = [head.as_bytes(), &scan, b"\r\n--b--\r\n"].concat();
    smtp.begin(&format!("<{ADA}> BODY=BINARYMIME"), &[BOB]).await;
    for chunk in message.chunks(10_000) {
        assert!(smtp.chunk(chunk).await.starts_with("250 "));
    }
    let reply = smtp.last_chunk(b"").await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let [sent] = &world.tenant.sent_to(BOB)[..] else { panic!("not one") };
    let text = String::from_utf8(sent.mime.to_vec()).unwrap();
    let head = head.replacen("binary\r\n\r\n--b", "7bit\r\n\r\n--b", 1);
    let head = head.replace("Encoding: binary", "Encoding: base64");
    let encoded = text.strip_prefix(&head).unwrap().strip_suffix("\r\n--b--\r\n").unwrap();
    use base64::Engine as _;
    let decoded = base64::prelude::BASE64_STANDARD.decode(encoded.replace("\r\n", "")).unwrap();
    assert!(decoded == scan, "the attachment is another one");
}

#[tokio::test]
async fn binary_octets_that_cannot_be_encoded_are_refused() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let unmarked = [MESSAGE, b"a\nb\r\n"].concat();
    smtp.begin(&format!("<{ADA}> BODY=BINARYMIME"), &[BOB]).await;
    let reply = smtp.last_chunk(&unmarked).await;
    assert!(reply.starts_with("554 5.6.3 "), "{reply}");
    let signed = String::from_utf8(MESSAGE.to_vec()).unwrap().replace(
        "Subject: Minutes\r\n\r\nHello\r\n",
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\
         Content-Transfer-Encoding: binary\r\n\r\nx\r\n--b--\r\n",
    );
    smtp.begin(&format!("<{ADA}> BODY=BINARYMIME"), &[BOB]).await;
    let reply = smtp.last_chunk(signed.as_bytes()).await;
    assert!(reply.starts_with("554 5.6.3 ") && reply.contains("signed"), "{reply}");
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_bdat_without_a_size_ends_the_conversation() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    smtp.send(b"BDAT all LAST\r\nSubject: x\r\n\r\nRSET\r\nQUIT\r\n").await;
    assert!(smtp.reply().await.starts_with("521 5.5.4 "));
    assert_eq!(smtp.rest().await, "");
    assert!(world.tenant.sent().is_empty());
}
