//! BINARY: parts without their transfer encoding (RFC 3516).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::world::{ADA, World};

const NULS: &[u8] = b"\x00\x01binary\r\n\xff\x00";

/// 1: quoted-printable text, 2: octets in base64, 3: an encoding that no one knows, 4: a message.
fn parts() -> String {
    let octets = BASE64_STANDARD.encode(NULS);
    format!(
        "From: bob@elsewhere.example\r\nSubject: Parts\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 =\r\nau lait\r\n\
         --b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: BASE64\r\n\r\n{octets}\r\n\
         --b\r\nContent-Type: text/x-log\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\
         Content-Transfer-Encoding: base64\r\n\r\naW5uZXI=\r\n\
         --b--\r\n"
    )
}

async fn world() -> World {
    World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(parts()))).await
}

#[tokio::test]
async fn a_part_comes_decoded_and_its_size_is_that_of_what_comes() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for (part, expected) in [
        ("1", &b"caf\xe9 au lait"[..]),
        ("2", NULS),
        ("4", b"Subject: Inner\r\nContent-Transfer-Encoding: base64\r\n\r\naW5uZXI="),
        ("4.1", b"inner"),
        ("", parts().as_bytes()),
    ] {
        let answer = imap.command(&format!("FETCH 1 BINARY.PEEK[{part}]")).await.ok();
        assert_eq!(answer.literal().as_deref(), Some(expected), "{part}: {answer}");
        let literal8 = answer.to_string().contains(&format!("BINARY[{part}] ~{{"));
        assert_eq!(literal8, expected.contains(&0), "{answer}");
        imap.command(&format!("UID FETCH 1 (BINARY.SIZE[{part}])"))
            .await
            .ok()
            .expect(&format!("* 1 FETCH (UID 1 BINARY.SIZE[{part}] {})", expected.len()));
    }
}

#[tokio::test]
async fn a_partial_is_one_of_the_decoded_octets() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for (partial, expected, head) in [
        ("<2.6>", &b"binary"[..], "BINARY[2]<2> {6}"),
        ("<0.2>", &b"\x00\x01"[..], "BINARY[2]<0> ~{2}"),
        ("<10.99>", &b"\xff\x00"[..], "BINARY[2]<10> ~{2}"),
        ("<99.5>", b"", "BINARY[2]<99> {0}"),
    ] {
        let answer = imap.command(&format!("FETCH 1 BINARY.PEEK[2]{partial}")).await.ok();
        assert_eq!(answer.literal().as_deref(), Some(expected), "{partial}: {answer}");
        assert!(answer.to_string().contains(head), "{head} in {answer}");
    }
}

#[tokio::test]
async fn an_unknown_encoding_is_refused_and_hides_nothing_else() {
    let prepare = |tenant: &m365_sim::Tenant| {
        tenant.person(ADA).inbox().deliver(parts());
        let known = parts().replace("x-uuencode", "8bit");
        tenant.person(ADA).inbox().deliver(known);
    };
    let world = World::with(prepare).await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("FETCH 1:2 (BINARY.PEEK[3])").await.no("UNKNOWN-CTE]");
    assert_eq!(answer.untagged.len(), 1, "{answer}");
    assert_eq!(answer.literal().unwrap(), b"begin");
    imap.command("FETCH 1 (BINARY.SIZE[3])").await.no("UNKNOWN-CTE]").silent();
    let answer = imap.command("FETCH 1 BODY.PEEK[3]").await.ok();
    assert_eq!(answer.literal().unwrap(), b"begin");
}

#[tokio::test]
async fn a_part_that_is_not_there_is_nil_and_a_multipart_is_as_it_stands() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("FETCH 1 (BINARY.PEEK[9] BINARY.SIZE[9])").await.ok();
    assert!(answer.has("* 1 FETCH (BINARY[9] NIL BINARY.SIZE[9] 0)"), "{answer}");
    imap.command("FETCH 1 BINARY[1.MIME]").await.bad();
    imap.command("FETCH 1 BINARY[HEADER]").await.bad();
}

#[tokio::test]
async fn reading_marks_as_read_and_peeking_and_measuring_do_not() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])").await.ok();
    assert!(!answer.to_string().contains("\\Seen"), "{answer}");
    let answer = imap.command("FETCH 1 BINARY[1]").await.ok();
    assert!(answer.to_string().contains("FLAGS (\\Seen)"), "{answer}");
}

#[tokio::test]
async fn a_large_part_is_decoded_in_pieces() {
    let octets: Vec<u8> = (0..2_000_000_u32).map(|number| number.to_le_bytes()[0] | 1).collect();
    let lines: Vec<String> = BASE64_STANDARD
        .encode(&octets)
        .into_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let head = "Subject: Large\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64";
    let message = format!("{head}\r\n\r\n{}\r\n", lines.join("\r\n"));
    let world = World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(message))).await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])").await.ok();
    assert!(answer.literal().unwrap() == octets, "the octets");
    let answer = imap.command("FETCH 1 (BINARY.PEEK[1]<1500000.300000>)").await.ok();
    assert!(answer.literal().unwrap() == octets[1_500_000..1_800_000], "a piece of them");
}
