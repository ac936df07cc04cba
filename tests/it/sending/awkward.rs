//! Messages that no single request takes, and that not everyone reads alike: they arrive as they were
//! meant, or are refused with the reason.

use m365_sim::Kind;

use super::letters::{Leaf, Name, Shape, letter, told};
use super::{BOB, assert_nothing, received, submit, world};
use crate::world::ADA;

/// Octets of content that make a message too large for one request.
const LARGE: usize = 3_000_000;
const ENCODED: &str = "Content-Transfer-Encoding: base64";

/// A text and a large file, as text to be changed.
fn with_file() -> String {
    String::from_utf8(letter("awkward", Shape::File(LARGE), Name::Own)).unwrap()
}

/// A message of these parts, each of which begins with its header.
fn of(kind: &str, parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--=_s\r\n{part}\r\n")).collect();
    format!(
        "From: {ADA}\r\nTo: {BOB}\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
         Content-Type: {kind}; boundary=\"=_s\"\r\n\r\n{parts}--=_s--\r\n"
    )
}

/// A part of 3,200,000 octets.
fn large(header: &str) -> String {
    format!("{header}\r\n\r\n{}", format!("{}\r\n", "QUJD".repeat(19)).repeat(41_100))
}

/// Refused with these words, and nothing of it anywhere.
async fn assert_refused(message: &str, word: &str) {
    let world = world().await;
    world.ready().await;
    world.forget();
    let reply = submit(&world, message.as_bytes()).await;
    assert!(reply.starts_with("554 5.6.3 ") && reply.contains(word), "{word}: {reply}");
    assert!(world.tenant.journal().of(Kind::CreateMime).is_empty(), "{word}");
    assert_nothing(&world);
}

/// What its reader gets, whole and part by part.
async fn arrived(message: &str) -> (String, Vec<Leaf>) {
    let world = world().await;
    let reply = submit(&world, message.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let got = received(&world);
    (String::from_utf8_lossy(&got).into_owned(), told(&got))
}

#[tokio::test]
async fn a_file_arrives_however_its_encoding_is_spelled() {
    let meant = with_file();
    for spelled in ["BASE64 (as ever)", "\"base64\"", "base64;", "(here) Base64"] {
        let field = format!("Content-Transfer-Encoding: {spelled}");
        let (_, got) = arrived(&meant.replace(ENCODED, &field)).await;
        assert!(got == told(meant.as_bytes()), "{spelled}: {got:?}");
    }
}

#[tokio::test]
async fn a_file_on_one_endless_line_arrives_whole() {
    let part = format!(
        "Content-Type: application/octet-stream; name=a.bin\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n{}",
        "=00=FFx".repeat(530_000)
    );
    let (_, got) = arrived(&of("multipart/mixed", &["\r\nHello", &part])).await;
    let content = b"\x00\xffx".repeat(530_000);
    let digest = blake3::hash(&content).to_hex().to_string();
    let file = got.iter().find(|leaf| leaf.name.as_deref() == Some("a.bin")).unwrap();
    assert_eq!((file.size, &file.digest), (content.len(), &digest));
}

#[tokio::test]
async fn a_file_in_an_unknown_encoding_is_refused_unless_it_can_stay_where_it_is() {
    for encoding in ["x-uuencode", "foo"] {
        let field = format!("Content-Transfer-Encoding: {encoding}");
        let message = with_file().replace(ENCODED, &field);
        assert_refused(&message, "unknown Content-Transfer-Encoding").await;
    }
    let odd = "Content-Type: text/x-odd\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nM86)C";
    let file = large("Content-Type: application/pdf; name=a.pdf");
    let (bytes, got) = arrived(&of("multipart/mixed", &["\r\nHello", odd, &file])).await;
    assert!(bytes.contains(odd), "as it was");
    assert!(got.iter().any(|leaf| leaf.name.as_deref() == Some("a.pdf")), "{got:?}");
}

#[tokio::test]
async fn a_part_that_says_twice_what_it_is_is_not_taken_apart() {
    let word = "more than once";
    let twice = "Content-Type: application/pdf; name=a.pdf\r\nContent-Type: text/plain";
    assert_refused(&of("multipart/mixed", &["\r\nHello", &large(twice)]), word).await;
    let twice = "Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64";
    assert_refused(&of("multipart/mixed", &["\r\nHello", &large(twice)]), word).await;
    let root =
        with_file().replacen("\r\nContent-Type", "\r\nContent-Type: text/plain\r\nContent-Type", 1);
    assert_refused(&root, word).await;
    let root = with_file()
        .replace("MIME-Version", "Content-Type: multipart/mixed; boundary=c\r\nMIME-Version");
    assert_refused(&root, word).await;
    let inner = format!(
        "Content-Type: multipart/mixed; boundary=i\r\nContent-Type: text/plain\r\n\r\n--i\r\n{}\r\n--i--",
        large("Content-Type: application/pdf; name=a.pdf")
    );
    assert_refused(&of("multipart/mixed", &["\r\nHello", &inner]), word).await;
}

#[tokio::test]
async fn a_small_part_that_says_twice_what_it_is_stays_as_it_is() {
    let odd = "Content-Type: text/x-odd\r\nContent-Type: text/plain\r\n\r\nas it was";
    let file = large("Content-Type: application/pdf; name=a.pdf");
    let (bytes, got) = arrived(&of("multipart/mixed", &["\r\nHello", odd, &file])).await;
    assert!(bytes.contains(odd), "as it was");
    assert!(got.iter().any(|leaf| leaf.name.as_deref() == Some("a.pdf")), "{got:?}");
}

#[tokio::test]
async fn too_many_parts_to_be_read_are_too_many_to_be_taken_apart() {
    let file = large("Content-Type: application/pdf; name=a.pdf");
    let mut parts = vec!["\r\nx"; 10_010];
    parts.push(&file);
    assert_refused(&of("multipart/mixed", &parts), "too many parts").await;
}

#[tokio::test]
async fn what_has_its_place_and_is_no_text_is_not_called_a_text() {
    let image = large("Content-Type: image/png\r\nContent-ID: <i@x>");
    let html = "Content-Type: text/html\r\nContent-ID: <h@x>\r\n\r\n<img src=\"cid:i@x\">";
    let message = large("Content-Type: message/rfc822\r\n\r\nSubject: old");
    let status = "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x";
    for (kind, parts) in [
        ("multipart/related", [&image, html]),
        ("multipart/report; report-type=delivery-status", [status, &message]),
    ] {
        assert_refused(&of(kind, &parts), "cannot become an attached file").await;
    }
    let text = large("Content-Type: text/html");
    assert_refused(&of("multipart/alternative", &["\r\nHello", &text]), "A text of").await;
}

#[tokio::test]
async fn an_image_goes_wherever_the_text_it_belongs_to_stands() {
    let image = large("Content-Type: image/png; name=i.png\r\nContent-ID: <i@x>");
    let html = "Content-Type: text/html\r\nContent-ID: <h@x>\r\n\r\n<img src=\"cid:i@x\">";
    let related = of("multipart/related; start=\"<h@x>\"; type=\"text/html\"", &[&image, html]);
    let (bytes, got) = arrived(&related).await;
    assert!(bytes.contains(html), "the text stays");
    let image = got.iter().find(|leaf| leaf.kind == "image/png").unwrap();
    assert_eq!(image.content_id.as_deref(), Some("i@x"));
}

#[tokio::test]
async fn a_text_stays_the_text_of_a_message_that_breaks_off() {
    let whole = with_file();
    let broken = whole.replace("--=_b--\r\n", "");
    assert_ne!(broken, whole);
    let world = world().await;
    let reply = submit(&world, broken.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    assert_eq!(told(&received(&world)), told(whole.as_bytes()));
}
