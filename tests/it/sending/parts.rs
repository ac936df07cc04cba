//! Messages that no single request takes: what arrives, what is refused, and in what words.

use std::time::Duration;

use m365_sim::switch::{Attaching, SizeCheck};
use m365_sim::{Fault, Kind, Rule, Tenant};

use super::letters::{Leaf, Name, Shape, letter, told};
use super::{BOB, assert_nothing, received, submit, switches, world};
use crate::world::{ADA, World};

/// The header block, as lines.
fn header(mime: &[u8]) -> Vec<String> {
    let end = mime.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    String::from_utf8_lossy(&mime[..end]).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_shape_arrives_with_all_its_parts_and_its_header_as_it_was() {
    for shape in [
        Shape::File(4_000_000),
        Shape::Files(3_500_000, 2_400_000),
        Shape::Image(3_300_000),
        Shape::Forwarded(3_400_000),
    ] {
        let world = world().await;
        let message = letter("shapely", shape, Name::Own);
        let reply = submit(&world, &message).await;
        assert!(reply.starts_with("250 2.0.0 "), "{shape:?}: {reply}");
        let got = received(&world);
        assert_eq!(told(&got), told(&message), "{shape:?}");
        let is_content = |line: &&String| line.to_ascii_lowercase().starts_with("content-");
        let before = header(&message);
        for line in before.iter().filter(|line| !is_content(line)) {
            assert!(header(&got).contains(line), "{shape:?}: {line}");
        }
        let largest = world.tenant.journal().entries().iter().map(|entry| entry.body_len).max();
        assert!(largest.unwrap() <= 4_000_000, "{shape:?}: {largest:?}");
    }
}

#[tokio::test]
async fn a_tenant_that_writes_the_message_anew_still_delivers_all_its_files() {
    let mut switches = switches();
    switches.messages.attaching = Attaching::Rebuilt;
    let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
    let message = letter("rebuilt", Shape::Files(3_500_000, 2_400_000), Name::Own);
    let reply = submit(&world, &message).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    assert_eq!(told(&received(&world)), told(&message));
}

#[tokio::test]
async fn a_scanned_page_and_a_long_text_arrive_as_files_beside_an_empty_text() {
    for (shape, name) in
        [(Shape::Scan(3_200_000), "scan.pdf"), (Shape::Text(3_200_000), "text.txt")]
    {
        let world = world().await;
        let message = letter("alone", shape, Name::None);
        let reply = submit(&world, &message).await;
        assert!(reply.starts_with("250 2.0.0 "), "{shape:?}: {reply}");
        let (got, was) = (told(&received(&world)), told(&message));
        assert_eq!(got.len(), 1, "{shape:?}");
        assert_eq!(got[0].name.as_deref(), Some(name));
        let same = |leaf: &Leaf| (leaf.kind.clone(), leaf.size, leaf.digest.clone());
        assert_eq!(same(&got[0]), same(&was[0]), "{shape:?}");
    }
}

#[tokio::test]
async fn names_of_files_arrive_whatever_their_encoding() {
    let names = [
        ("filename=\"a b;c.zip\"", "a b;c.zip"),
        ("filename*=UTF-8''Gr%C3%B6%C3%9Fe.zip", "Größe.zip"),
        ("filename*0*=ISO-8859-1''Gr%F6; filename*1*=%DFe; filename*2=.zip", "Größe.zip"),
        ("filename=\"=?utf-8?B?6KaL56mN5pu4LnBkZg==?=\"", "見積書.pdf"),
        ("filename=\"=?iso-8859-1?Q?Gr=F6=DFe=2Ezip?=\"", "Größe.zip"),
        ("filename=\"=?utf-8?B?R3LDtsOfZQ==?= =?utf-8?B?LVRlc3QucGRm?=\"", "Größe-Test.pdf"),
        (
            "filename*=UTF-8''a%0D%0ABcc%3A%20eve%40elsewhere.example",
            "a  Bcc: eve@elsewhere.example",
        ),
    ];
    for (written, name) in names {
        let world = world().await;
        let message = letter("named", Shape::File(3_000_000), Name::Own);
        let message = String::from_utf8(message).unwrap();
        let message =
            message.replace("; name=\"a.zip\"", "").replace("filename=\"a.zip\"", written);
        let reply = submit(&world, message.as_bytes()).await;
        assert!(reply.starts_with("250 "), "{written}: {reply}");
        let got = received(&world);
        let files: Vec<_> = told(&got).into_iter().filter_map(|leaf| leaf.name).collect();
        assert_eq!(files, [name], "{written}");
        assert_eq!(world.tenant.sent().len(), 1, "nobody else got it");
    }
}

#[tokio::test]
async fn what_would_not_survive_is_refused_with_the_reason_and_nothing_is_asked() {
    let large = "QUJD".repeat(800_000);
    let part = |kind: &str, body: &str| format!("--=_s\r\nContent-Type: {kind}\r\n\r\n{body}\r\n");
    for (kind, parts, code, word) in [
        (
            "multipart/signed; protocol=\"application/pgp-signature\"",
            part("text/plain", &large) + &part("application/pgp-signature", "x"),
            "554 5.6.3 ",
            "signed or encrypted",
        ),
        (
            "multipart/encrypted; protocol=\"application/pgp-encrypted\"",
            part("application/pgp-encrypted", "Version: 1")
                + &part("application/octet-stream", &large),
            "554 5.6.3 ",
            "signed or encrypted",
        ),
        (
            "application/pkcs7-mime; smime-type=enveloped-data",
            large.clone(),
            "554 5.6.3 ",
            "signed or encrypted",
        ),
        (
            "multipart/mixed",
            part("multipart/signed; boundary=i", &format!("--i\r\n\r\n{large}\r\n--i--")),
            "554 5.6.3 ",
            "signed or encrypted",
        ),
        (
            "multipart/alternative",
            part("text/plain", "Hello") + &part("text/html", &large),
            "554 5.6.3 ",
            "too large",
        ),
    ] {
        let world = world().await;
        world.ready().await;
        world.forget();
        let message = format!(
            "From: {ADA}\r\nTo: {BOB}\r\nSubject: x\r\nContent-Type: {kind}; boundary=\"=_s\"\r\n\r\n{parts}--=_s--\r\n"
        );
        let reply = submit(&world, message.as_bytes()).await;
        assert!(reply.starts_with(code) && reply.contains(word), "{kind}: {reply}");
        let asked = world.tenant.journal();
        assert!(asked.of(Kind::CreateMime).is_empty(), "{kind}");
        assert_nothing(&world);
    }
}

#[tokio::test]
async fn a_forwarded_message_that_is_signed_travels_as_a_file() {
    let world = world().await;
    let message = letter("forwarded", Shape::Forwarded(3_400_000), Name::Own);
    let message = String::from_utf8(message).unwrap();
    let signed = message.replace(
        "Content-Type: multipart/mixed; boundary=\"=_i\"",
        "Content-Type: multipart/signed; boundary=\"=_i\"",
    );
    let reply = submit(&world, signed.as_bytes()).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(told(&received(&world)), told(signed.as_bytes()));
}

#[tokio::test]
async fn in_a_shared_mailbox_many_small_files_go_and_one_large_is_refused_with_the_truth() {
    let team = "team@contoso.example";
    let builder = || Tenant::builder().switches(switches()).user(ADA).user(team);
    let from = |message: Vec<u8>| {
        let text = String::from_utf8(message).unwrap();
        text.replace(&format!("From: Ada <{ADA}>"), &format!("From: {team}")).into_bytes()
    };
    let world = World::shared(builder(), team).await;
    let message = from(letter("shared", Shape::Files(2_900_000, 2_900_000), Name::Own));
    let reply = world.smtp().await.submit(team, &[BOB], &message).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(told(&world.tenant.sent_to(BOB)[0].mime), told(&message));
    assert!(world.tenant.journal().of(Kind::CreateUploadSession).is_empty());
    world.forget();
    let message = from(letter("shared", Shape::File(3_100_000), Name::Own));
    let reply = world.smtp().await.submit(team, &[BOB], &message).await;
    let expected = "552 5.3.4 A part of the message is larger than the 3,000,000 octets";
    assert!(reply.starts_with(expected), "{reply}");
    assert!(world.tenant.journal().of(Kind::CreateMime).is_empty());
    assert!(world.tenant.person(team).items("Drafts").is_empty());
}

#[tokio::test]
async fn who_may_only_send_has_one_request_and_one_attempt() {
    let mut switches = switches();
    switches.login.withheld_scopes = vec!["Mail.ReadWrite".to_owned()];
    let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
    let mut smtp = world.smtp().await;
    let small = letter("small", Shape::Text(2_000), Name::Own);
    assert!(smtp.submit(ADA, &[BOB], &small).await.starts_with("250 "));
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
    let ehlo = smtp.command("EHLO client.example").await;
    assert!(ehlo.contains("SIZE 3000000\r\n"), "{ehlo}");
    let reply = smtp.command(&format!("MAIL FROM:<{ADA}> SIZE=3000001")).await;
    assert!(reply.starts_with("552 5.3.4 "), "{reply}");
    for (fault, sent) in [(Fault::CutAfter, 1), (Fault::CutBefore, 0), (Fault::status(503, ""), 0)]
    {
        world.tenant.forget_sent();
        world.forget();
        world.tenant.faults().push(Rule::on(Kind::SendMail).answer(fault.clone()));
        let reply = world.smtp().await.submit(ADA, &[BOB], &small).await;
        assert!(reply.starts_with("451 4.4.2 "), "{fault:?}: {reply}");
        assert_eq!(world.tenant.journal().of(Kind::SendMail).len(), 1, "{fault:?}");
        assert_eq!(world.tenant.sent_to(BOB).len(), sent, "{fault:?}");
    }
}

#[tokio::test]
async fn the_tenants_own_limit_is_told_and_then_known_for_an_hour() {
    for check in [SizeCheck::AtSend, SizeCheck::AtAttach] {
        let mut switches = switches();
        (switches.sending.message_bytes, switches.sending.size_check) = (5_000_000, check);
        let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
        let large = letter("large", Shape::File(4_500_000), Name::Own);
        let reply = submit(&world, &large).await;
        assert!(reply.starts_with("552 5.3.4 "), "{check:?}: {reply}");
        assert_nothing(&world);
        let mut smtp = world.smtp().await;
        let size = large.len();
        let reply = smtp.command(&format!("MAIL FROM:<{ADA}> SIZE={size}")).await;
        assert!(reply.starts_with("552 5.3.4 "), "{check:?}: {reply}");
        let reply = smtp.command(&format!("MAIL FROM:<{ADA}> SIZE={}", size - 1)).await;
        assert!(reply.starts_with("250 "), "{check:?}: {reply}");
        world.tenant.set_switches(|switches| switches.sending.message_bytes = 150 * 1024 * 1024);
        world.advance(Duration::from_secs(60 * 60));
        let reply = submit(&world, &large).await;
        assert!(reply.starts_with("250 "), "{check:?}: {reply}");
        assert_eq!(told(&received(&world)), told(&large));
    }
}

#[tokio::test]
async fn near_the_border_of_a_request_one_way_or_the_other_is_found() {
    for size in [2_999_999, 3_000_000, 3_000_001, 3_100_000, 3_145_727, 3_145_728, 3_145_729] {
        let world = world().await;
        let message = letter("border", Shape::Scan(size), Name::Own);
        let reply = submit(&world, &message).await;
        // Too large for a request with its base64, too small for a session: nothing takes it.
        if (3_145_500..3_145_728).contains(&size) {
            assert!(reply.starts_with("552 5.3.4 "), "{size}: {reply}");
            assert_nothing(&world);
            continue;
        }
        assert!(reply.starts_with("250 "), "{size}: {reply}");
        assert_eq!(told(&received(&world)), told(&message), "{size}");
    }
}

#[tokio::test]
async fn a_service_that_takes_less_in_one_request_gets_less() {
    for fault in [
        Fault::status(413, "RequestEntityTooLarge"),
        Fault::status(400, "BadRequest"),
        Fault::SilentOk,
    ] {
        let world = world().await;
        world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(fault.clone()));
        let message = letter("middling", Shape::File(2_000_000), Name::Own);
        let reply = submit(&world, &message).await;
        assert!(reply.starts_with("250 "), "{fault:?}: {reply}");
        assert_eq!(told(&received(&world)), told(&message), "{fault:?}");
        assert_eq!(world.tenant.journal().of(Kind::AddAttachment).len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn whatever_goes_wrong_once_on_the_way_of_a_large_message_it_arrives_once() {
    let kinds = [
        Kind::CreateMime,
        Kind::ListAttachments,
        Kind::AddAttachment,
        Kind::CreateUploadSession,
        Kind::UploadPiece,
        Kind::Send,
    ];
    for kind in kinds {
        for fault in [
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::status(503, "ServiceUnavailable"),
            Fault::status(401, "InvalidAuthenticationToken"),
            Fault::SilentOk,
            Fault::Late { seconds: 30 },
        ] {
            for skip in 0..2 {
                // The second request of its kind; most have only one.
                if skip == 1 && kind != Kind::UploadPiece {
                    continue;
                }
                let world = world().await;
                world.tenant.faults().push(Rule::on(kind).skip(skip).answer(fault.clone()));
                let message = letter("once", Shape::Files(3_600_000, 2_800_000), Name::Own);
                let reply = submit(&world, &message).await;
                let case = format!("{kind:?} {skip} {fault:?}");
                assert!(reply.starts_with("250 "), "{case}: {reply}");
                for _ in 0..4 {
                    world.look_later().await;
                }
                assert_eq!(told(&received(&world)), told(&message), "{case}");
            }
        }
    }
}
