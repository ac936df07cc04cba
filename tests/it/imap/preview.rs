//! PREVIEW: the first words of a message (RFC 8970).

use crate::world::{ADA, World, mail};

async fn with_mail() -> World {
    World::with(|tenant| {
        let inbox = tenant.person(ADA).inbox();
        inbox.deliver(mail("One"));
        inbox.deliver(UMLAUTS);
        inbox.deliver(SEALED);
    })
    .await
}

const UMLAUTS: &str = "Subject: Two\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\nsch=C3=B6ne\r\n\r\nGr=C3=BC=C3=9Fe\r\n";
const SEALED: &str = "Subject: Three\r\nMIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nMIAGCSqGSIb3\r\n";

#[tokio::test]
async fn a_lazy_preview_costs_nothing_and_an_eager_one_is_made() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    let answer = imap.command("FETCH 1:3 (PREVIEW (LAZY))").await.ok();
    for message in 1..=3 {
        assert!(answer.has(&format!("* {message} FETCH (PREVIEW NIL)")), "{answer}");
    }
    assert_eq!(world.requests(), 0);
    let first = "* 1 FETCH (PREVIEW \"This is One.\")";
    imap.command("FETCH 1 PREVIEW").await.ok().expect(first);
    assert_eq!(world.requests(), 1);
    imap.command("FETCH 1 (PREVIEW (LAZY))").await.ok().expect(first);
    imap.command("UID FETCH 1 (PREVIEW FLAGS)")
        .await
        .ok()
        .expect("* 1 FETCH (UID 1 PREVIEW \"This is One.\" FLAGS ())");
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn other_letters_than_ascii_come_in_a_literal_and_what_cannot_be_shown_is_empty() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("FETCH 2:3 (PREVIEW)").await.ok();
    assert_eq!(answer.literal().unwrap(), "sch\u{f6}ne Gr\u{fc}\u{df}e".as_bytes());
    assert!(answer.has("* 3 FETCH (PREVIEW \"\")"), "{answer}");
}

#[tokio::test]
async fn a_preview_stays_the_same_and_no_message_is_marked_as_read_by_it() {
    let mut world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    imap.command("FETCH 1 BODY.PEEK[]").await.ok();
    let expected = "* 1 FETCH (PREVIEW \"This is One.\" FLAGS ())";
    imap.command("FETCH 1 (PREVIEW (LAZY) FLAGS)").await.ok().expect(expected);
    world.restart().await;
    let mut imap = world.selected("INBOX").await;
    imap.command("FETCH 1 (PREVIEW FLAGS)").await.ok().expect(expected);
    imap.command("SELECT Drafts").await.ok();
    imap.append("Drafts", &mail("Own")).await.ok();
    imap.command("FETCH 1 (PREVIEW (LAZY))")
        .await
        .ok()
        .expect("* 1 FETCH (PREVIEW \"This is Own.\")");
}

#[tokio::test]
async fn a_preview_has_at_most_two_hundred_characters() {
    let long = format!("{}{}\r\n", UMLAUTS.trim_end(), "=C3=B6 ".repeat(300));
    let world = World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(long))).await;
    let mut imap = world.selected("INBOX").await;
    let preview = imap.command("FETCH 1 PREVIEW").await.ok().literal().unwrap();
    let length = String::from_utf8(preview).unwrap().chars().count();
    assert!((190..=200).contains(&length), "{length}");
}
