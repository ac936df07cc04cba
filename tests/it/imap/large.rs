//! APPEND of messages that no single request takes.

use m365_sim::switch::AttachTo;
use m365_sim::{Fault, Kind, Rule};

use crate::world::{ADA, World};

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A text, a small attachment and one that needs an upload session; 6 MB in all.
fn large(kind: &str) -> Vec<u8> {
    let head = format!(
        "From: Bob <bob@elsewhere.example>\r\nSUBJECT: Large\r\nMessage-ID: <large@elsewhere.example>\r\n\
         Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: {kind}; boundary=odd\r\n\r\npreamble\r\n--odd\r\n\r\nThe text.\r\n--odd\r\n\
         Content-Type: application/pdf; name=small.pdf\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment\r\n\r\nAAECAwQ=\r\n--odd\r\n\
         Content-Type: application/zip; name=big.zip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment\r\n\r\n"
    );
    let line: Vec<u8> = BASE64.iter().cycle().take(76).copied().chain(*b"\r\n").collect();
    let mut message = head.into_bytes();
    message.extend(line.repeat(77_000));
    message.extend_from_slice(b"--odd--\r\nepilogue");
    message
}

async fn world() -> World {
    World::with(|tenant| drop(tenant.person(ADA).folder("Work"))).await
}

/// Nothing of it is anywhere.
fn assert_nothing(world: &World) {
    for folder in ["Work", "Drafts", "Footbridge uploads"] {
        let items = world.ada().try_items(folder).unwrap_or_default();
        assert!(items.is_empty(), "{folder}");
    }
}

#[tokio::test]
async fn a_large_message_is_filed_in_pieces_and_comes_back_exactly() {
    let world = world().await;
    let mut imap = world.imap().await;
    let message = large("multipart/mixed");
    for folder in ["Work", "Drafts"] {
        world.forget();
        let arguments = format!("{folder} (\\Seen \\Flagged) \"17-Jul-2020 02:44:25 -0700\"");
        imap.append(&arguments, &message).await.ok();
        assert!(world.tenant.journal().of(Kind::UploadPiece).len() > 1, "in pieces");
        let largest = world.tenant.journal().entries().iter().map(|entry| entry.body_len).max();
        assert!(largest.unwrap() <= 4_000_000, "{largest:?}");
        imap.command(&format!("SELECT {folder}")).await.ok();
        let uid = imap.uids().await[0];
        assert!(imap.message(uid).await == message, "{folder}");
        let answer = imap.command("FETCH 1 (FLAGS RFC822.SIZE)").await.ok().to_string();
        assert!(answer.contains("\\Flagged \\Seen"), "{answer}");
        assert!(answer.contains(&format!("RFC822.SIZE {}", message.len())), "{answer}");
        let items = world.ada().items(folder);
        assert_eq!(items.len(), 1, "{folder}");
        assert_eq!((items[0].subject.as_str(), items[0].is_draft), ("Large", folder == "Drafts"));
        let mime = String::from_utf8_lossy(&items[0].mime);
        // "The text." as the tenant encodes it.
        for part in ["VGhlIHRleHQu", "small.pdf", "big.zip"] {
            assert!(mime.contains(part), "{part}");
        }
        assert!(items[0].mime.len() > 5_500_000, "all of the attachment is there");
        world.tick().await;
        imap.command("NOOP").await.ok();
        assert_eq!(imap.uids().await, [uid], "once, and under the same UID");
    }
    imap.command("LIST \"\" *").await.ok().lacks("uploads");
    assert!(world.ada().try_items("Footbridge uploads").unwrap_or_default().is_empty());
}

#[tokio::test]
async fn what_is_in_doubt_on_the_way_is_done_once() {
    for (kind, fault) in [
        (Kind::UploadPiece, Fault::CutAfter),
        (Kind::UploadPiece, Fault::CutBefore),
        (Kind::CreateUploadSession, Fault::CutAfter),
        (Kind::AddAttachment, Fault::CutAfter),
        (Kind::CreateJson, Fault::CutAfter),
        (Kind::CreateFolder, Fault::CutAfter),
        (Kind::Move, Fault::CutAfter),
    ] {
        for skip in 0..2 {
            let world = world().await;
            let mut imap = world.imap().await;
            let message = large("multipart/mixed");
            world.tenant.faults().push(Rule::on(kind).skip(skip).answer(fault.clone()));
            imap.append("Work", &message).await.ok();
            let items = world.ada().items("Work");
            assert_eq!(items.len(), 1, "{kind:?} {fault:?}");
            let mime = String::from_utf8_lossy(&items[0].mime);
            let names = ["small.pdf", "big.zip"].map(|name| mime.matches(name).count());
            assert!(names[0] == names[1] && names[0] <= 2, "{kind:?} {fault:?} {names:?}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_on_the_way_leaves_nothing_behind() {
    for kind in [Kind::UploadPiece, Kind::CreateUploadSession, Kind::AddAttachment, Kind::Move] {
        let world = world().await;
        let mut imap = world.imap().await;
        let refusal = Fault::status(403, "ErrorAccessDenied");
        world.tenant.faults().push(Rule::on(kind).always().answer(refusal));
        imap.append("Work", &large("multipart/mixed")).await.no("NOPERM");
        assert_nothing(&world);
        world.tenant.faults().clear();
        imap.append("Work", &large("multipart/mixed")).await.ok();
        assert_eq!(world.ada().items("Work").len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_tenant_with_a_smaller_limit_says_too_big() {
    let world = world().await;
    let mut imap = world.imap().await;
    let refusal = Fault::status(400, "ErrorMessageSizeExceeded");
    world.tenant.faults().push(Rule::on(Kind::CreateUploadSession).answer(refusal));
    imap.append("Work", &large("multipart/mixed")).await.no("TOOBIG");
    assert_nothing(&world);
}

#[tokio::test]
async fn large_signed_or_encrypted_mail_is_refused_and_not_broken() {
    let world = world().await;
    let mut imap = world.imap().await;
    for kind in ["multipart/signed", "Multipart/Encrypted", "application/pkcs7-mime"] {
        imap.append("Work", &large(kind)).await.no("CANNOT");
    }
    assert_nothing(&world);
}

#[tokio::test]
async fn a_large_message_is_not_filed_as_what_it_may_not_be() {
    let world = world().await;
    let mut imap = world.imap().await;
    let text = String::from_utf8(large("multipart/mixed")).unwrap();
    let zip = "Content-Type: application/zip; name=big.zip\r\n";
    let encoding = "Content-Transfer-Encoding: base64";
    for odd in [
        text.replacen(encoding, "Content-Transfer-Encoding: x-uuencode", 1),
        text.replace(zip, &format!("Content-Type: text/plain\r\n{zip}")),
        text.replacen("Content-Type", "Content-Type: text/plain\r\nContent-Type", 1),
        text.replacen(
            "Content-Type",
            "Content-Type: multipart/mixed; boundary=x\r\nContent-Type",
            1,
        ),
        text.replace("preamble\r\n", &"--odd\r\n\r\nx\r\n".repeat(10_010)),
    ] {
        imap.append("Work", odd.as_bytes()).await.no("CANNOT");
    }
    assert_nothing(&world);
}

#[tokio::test]
async fn the_text_and_the_files_of_a_large_message_are_read_however_their_encoding_is_spelled() {
    let world = world().await;
    let mut imap = world.imap().await;
    let text = String::from_utf8(large("multipart/mixed")).unwrap();
    let message = text.replace("base64", "\"BASE64\" (as ever)").replace(
        "\r\n\r\nThe text.",
        "\r\nContent-Transfer-Encoding: base64 (x)\r\n\r\nVGhlIHRleHQu",
    );
    assert_eq!(message.matches(" (").count(), 3);
    imap.append("Work", message.as_bytes()).await.ok();
    let items = world.ada().items("Work");
    let mime = String::from_utf8_lossy(&items[0].mime);
    // As the tenant encodes what it was given: the text, and the small file.
    assert!(mime.contains("VGhlIHRleHQu") && mime.contains("AAECAwQ="), "{}", &mime[..2_000]);
}

#[tokio::test]
async fn where_only_drafts_take_attachments_the_answer_is_no_and_nothing_is_left() {
    let world = world().await;
    let mut imap = world.imap().await;
    world.tenant.set_switches(|switches| switches.messages.attach_to = AttachTo::Drafts);
    let answer = imap.append("Work", &large("multipart/mixed")).await;
    assert!(answer.tagged.starts_with("NO ["), "{answer}");
    assert_nothing(&world);
    imap.append("Drafts", &large("multipart/mixed")).await.ok();
}
