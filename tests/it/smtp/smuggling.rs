//! Octets of a message that look like its end, or like commands, to a careless reader.

use super::BOB;
use crate::world::{ADA, World};

const HEAD: &str = "Message-ID: <1@client.example>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n\
     From: ada@contoso.example\r\nTo: bob@fabrikam.example\r\n\r\n";
/// Another message, for whoever believes that the first has ended before it.
const SMUGGLED: &str = "MAIL FROM:<ada@contoso.example>\r\nRCPT TO:<eve@fabrikam.example>\r\nDATA\r\n\
     Subject: smuggled\r\n\r\nHi\r\n";
/// Each has a CR or LF of its own.
const ENDS: [&str; 8] =
    ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n\n.\r\n", "\r\r\n.\r\r\n"];

#[tokio::test]
async fn nothing_but_a_true_end_ends_data_and_what_pretends_to_is_refused() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    for end in ENDS {
        smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
        assert!(smtp.command("DATA").await.starts_with("354 "));
        smtp.send(format!("{HEAD}Hi{end}{SMUGGLED}.\r\n").as_bytes()).await;
        let reply = smtp.reply().await;
        assert!(reply.starts_with("554 5.6.0 "), "{end:?}: {reply}");
        assert!(smtp.command("NOOP").await.starts_with("250 2.0.0 OK"), "{end:?}");
    }
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn the_same_is_refused_in_chunks_wherever_they_are_cut() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    for end in ENDS {
        let message = format!("{HEAD}Hi{end}{SMUGGLED}");
        let from = HEAD.len();
        for cut in from..from + end.len() + 4 {
            let (first, second) = message.as_bytes().split_at(cut);
            smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
            assert!(smtp.chunk(first).await.starts_with("250 "), "{end:?}");
            let reply = smtp.last_chunk(second).await;
            assert!(reply.starts_with("554 5.6.0 "), "{end:?} cut at {cut}: {reply}");
        }
    }
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(smtp.last_chunk(format!("{HEAD}Hi\r").as_bytes()).await.starts_with("554 5.6.0 "));
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_true_end_within_a_chunk_is_part_of_the_message() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let message = format!("{HEAD}Hi\r\n.\r\n{SMUGGLED}");
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    let reply = smtp.last_chunk(message.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0 Ok: "), "{reply}");
    assert!(smtp.command("NOOP").await.starts_with("250 2.0.0 OK"));
    let [sent] = &world.tenant.sent()[..] else { panic!("not one message") };
    assert_eq!(sent.to, BOB);
    assert!(sent.mime == message.as_bytes(), "the message was changed");
}

#[tokio::test]
async fn a_command_line_ends_in_crlf_or_is_refused_whole() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.send(format!("NOOP\nMAIL FROM:<{ADA}>\r\n").as_bytes()).await;
    assert!(smtp.reply().await.starts_with("500 5.5.2 "));
    assert!(smtp.reply().await.starts_with("250 2.1.0 "));
    smtp.send(b"RSET\rMAIL FROM:<x@y>\r\nNOOP\0\r\nRSET\r\n").await;
    assert!(smtp.reply().await.starts_with("501 5.5.4 "));
    assert!(smtp.reply().await.starts_with("501 5.5.4 "));
    assert!(smtp.reply().await.starts_with("250 2.0.0 Reset"));
    smtp.send(b"BDAT 6 LAST\nRSET\r\n").await;
    assert!(smtp.reply().await.starts_with("521 5.5.4 "));
    assert_eq!(smtp.rest().await, "");
}
