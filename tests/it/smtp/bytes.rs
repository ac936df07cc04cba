//! What is handed over is what the recipient gets, octet by octet.

use std::time::Duration;

use super::BOB;
use crate::world::{ADA, World};

/// A complete message with this body.
fn message(body: &[u8]) -> Vec<u8> {
    let header = format!(
        "Message-ID: <bytes@client.example>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n\
         From: Ada <{ADA}>\r\nTo: {BOB}\r\nSubject: Bytes\r\n\r\n"
    );
    [header.as_bytes(), body].concat()
}

fn bodies() -> Vec<Vec<u8>> {
    let dots = b".\r\n..\r\n...\r\n.x\r\n \r\n.\r\nx.\r\n".to_vec();
    let eight_bits: Vec<u8> =
        (0..=255_u8).filter(|octet| !b"\r\n".contains(octet)).chain(*b"\r\n").collect();
    vec![
        Vec::new(),
        b"\r\n\r\n\r\n".to_vec(),
        dots,
        eight_bits,
        "Grüße\r\n".into(),
        [vec![b'x'; 998], b"\r\n".to_vec()].concat(),
        [vec![b'.'; 50_000], b"\r\n".to_vec()].concat(),
        "0123456789\r\n".repeat(20_000).into_bytes(),
    ]
}

/// Exchange sends thirty messages of a mailbox a minute.
fn seconds_pass(world: &World) {
    world.advance(Duration::from_secs(3));
}

fn received(world: &World, before: usize) -> Vec<u8> {
    let sent = world.tenant.sent_to(BOB);
    assert_eq!(sent.len(), before + 1);
    sent[before].mime.to_vec()
}

#[tokio::test]
async fn data_reaches_the_recipient_as_it_was() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    for (number, body) in bodies().into_iter().enumerate() {
        let message = message(&body);
        smtp.begin(&format!("<{ADA}> BODY=8BITMIME"), &[BOB]).await;
        let reply = smtp.data(&message).await;
        assert!(reply.starts_with("250 2.0.0 "), "{number}: {reply}");
        assert!(received(&world, number) == message, "message {number} was changed");
    }
}

#[tokio::test]
async fn chunks_of_any_size_give_the_same_message_as_data() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let mut sent = 0;
    for (number, body) in bodies().into_iter().enumerate() {
        let message = message(&body);
        for size in [1, 7, 76, 1000, 16 * 1024, 100_000, message.len()] {
            if message.len() / size > 300 {
                continue;
            }
            seconds_pass(&world);
            smtp.begin(&format!("<{ADA}> BODY=8BITMIME"), &[BOB]).await;
            for chunk in message.chunks(size) {
                let reply = smtp.chunk(chunk).await;
                let expected = format!("250 2.0.0 {} octets received", chunk.len());
                assert_eq!(reply, expected, "{number}");
            }
            let reply = smtp.last_chunk(b"").await;
            assert!(reply.starts_with("250 2.0.0 Ok: "), "{number}: {reply}");
            assert!(received(&world, sent) == message, "message {number} was changed");
            sent += 1;
        }
    }
}

#[tokio::test]
async fn an_empty_message_is_a_message_in_both_ways() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(smtp.data(b"").await.starts_with("250 2.0.0 "));
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(smtp.last_chunk(b"").await.starts_with("250 2.0.0 "));
    let sent = world.tenant.sent_to(BOB);
    assert_eq!(sent.len(), 2);
    for sent in sent {
        let text = String::from_utf8(sent.mime.to_vec()).unwrap();
        assert!(text.starts_with("Message-ID: <") && text.ends_with("\r\n"), "{text}");
    }
}
