use std::time::Duration;

use m365_sim::switch::Oversize;
use m365_sim::{Fault, Kind as Call, Rule};

use super::{World, mail};
use crate::backend::{Backend as _, Mark, RemoteFolderRef, Upload};
use crate::mailbox::{Flags, Keyword, Kind, Role, SystemFlag, Timestamp};

fn flags() -> Flags {
    Flags::none()
        .with(SystemFlag::Seen)
        .with(SystemFlag::Flagged)
        .with(SystemFlag::Answered)
        .with_keyword(Keyword::new("$Work").unwrap())
}

fn upload(world: &World, text: &str, flags: Flags) -> Upload {
    let mark = Mark { tag: uuid::Uuid::new_v4().to_string(), since: world.clock.now() };
    let received = Some(Timestamp(1_700_000_000));
    Upload { message: world.spool(text), flags, received, mark, anatomy: None }
}

#[tokio::test]
async fn a_filed_message_is_no_draft_and_keeps_date_flags_and_identity() {
    let world = World::new().await;
    let archive = world.folder(Role::Archive).await;
    let upload = upload(&world, &mail("filed"), flags());
    let (filed, requests) = world.requests(world.graph.append(&archive, &upload)).await;
    let filed = filed.unwrap();
    assert_eq!(requests, 1);
    assert_eq!((&filed.folder, filed.received), (&archive.id, Timestamp(1_700_000_000)));
    assert_eq!(filed.flags, flags());
    assert_eq!(world.look_up(&filed.id).await.flags, flags());
    let snapshot = &world.ada().items("Archive")[0];
    assert!(!snapshot.is_draft);
    assert_eq!(snapshot.internet_message_id.as_deref(), Some("<filed@contoso.example>"));
}

#[tokio::test]
async fn an_unseen_message_is_filed_unseen() {
    let world = World::new().await;
    let archive = world.folder(Role::Archive).await;
    let upload = upload(&world, &mail("unseen"), Flags::none());
    let filed = world.graph.append(&archive, &upload).await.unwrap();
    assert!(filed.flags.is_empty());
    assert!(!world.ada().items("Archive")[0].is_read);
}

#[tokio::test]
async fn a_draft_is_filed_with_its_very_bytes() {
    let world = World::new().await;
    let drafts = world.folder(Role::Drafts).await;
    let text = mail("draft");
    let upload = upload(&world, &text, flags());
    let filed = world.graph.append(&drafts, &upload).await.unwrap();
    assert_eq!(filed.flags, flags().with(SystemFlag::Draft));
    let snapshot = &world.ada().items("Drafts")[0];
    assert_eq!(snapshot.mime, text.as_bytes());
}

#[tokio::test]
async fn a_message_with_bare_line_feeds_is_taken() {
    let world = World::new().await;
    let drafts = world.folder(Role::Drafts).await;
    let text = mail("bare").replace("\r\n", "\n");
    let upload = upload(&world, &text, Flags::none());
    world.graph.append(&drafts, &upload).await.unwrap();
    assert_eq!(world.ada().items("Drafts")[0].mime, mail("bare").as_bytes());
}

#[tokio::test]
async fn filing_in_doubt_files_once() {
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::status(503, ""),
        Fault::SilentOk,
        Fault::Html { code: 502 },
        Fault::TruncatedJson,
        Fault::EmptyBody,
    ];
    for fault in faults {
        for (role, name) in [(Role::Archive, "Archive"), (Role::Drafts, "Drafts")] {
            let world = World::new().await;
            let folder = world.folder(role).await;
            let rule = Rule::on(Call::CreateJson).or(Call::CreateMime);
            world.tenant.faults().push(rule.answer(fault.clone()));
            let upload = upload(&world, &mail("once"), flags());
            let filed = world.graph.append(&folder, &upload).await;
            assert!(filed.is_ok(), "{name} {fault:?} {filed:?}");
            assert_eq!(world.ada().items(name).len(), 1, "{name} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_draft_without_message_id_in_doubt_is_not_known_by_its_subject() {
    for (fault, others) in [(Fault::CutAfter, false), (Fault::CutBefore, true)] {
        let world = World::new().await;
        let drafts = world.folder(Role::Drafts).await;
        if others {
            world.ada().folder("Drafts").draft("Subject: bare\r\n\r\nof another program\r\n");
        }
        world.tenant.faults().push(Rule::on(Call::CreateMime).answer(fault));
        let upload = upload(&world, "Subject: bare\r\n\r\nbody\r\n", Flags::none());
        let fault = world.graph.append(&drafts, &upload).await.unwrap_err();
        assert_eq!(*fault.kind(), Kind::InDoubt);
        let fault = world.graph.recover(&drafts, &upload, &[]).await.unwrap_err();
        assert_eq!(*fault.kind(), Kind::InDoubt);
        assert_eq!(world.ada().items("Drafts").len(), 1);
        world.clock.advance(Duration::from_secs(25 * 60 * 60));
        assert!(world.graph.recover(&drafts, &upload, &[]).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_draft_without_message_id_that_was_certainly_not_made_is_made() {
    let world = World::new().await;
    let drafts = world.folder(Role::Drafts).await;
    world.tenant.faults().push(Rule::on(Call::CreateMime).answer(Fault::CutBefore));
    let upload = upload(&world, "Subject: bare\r\n\r\nbody\r\n", Flags::none());
    world.graph.append(&drafts, &upload).await.unwrap();
    assert_eq!(world.ada().items("Drafts").len(), 1);
}

#[tokio::test]
async fn a_draft_that_cannot_be_finished_is_taken_back() {
    let world = World::new().await;
    let drafts = world.folder(Role::Drafts).await;
    world
        .tenant
        .faults()
        .push(Rule::on(Call::Patch).always().answer(Fault::status(403, "ErrorAccessDenied")));
    let upload = upload(&world, &mail("half"), flags());
    let fault = world.graph.append(&drafts, &upload).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::Denied);
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn a_missing_folder_is_a_missing_target() {
    let world = World::new().await;
    let folder = world.graph.create_folder(None, "Doomed").await.unwrap();
    world.tenant.set_switches(|switches| {
        switches.folders.delete = m365_sim::switch::FolderDelete::Purge;
    });
    world.graph.delete_folder(&folder.id).await.unwrap();
    let gone = RemoteFolderRef { id: folder.id, parent: None, name: folder.name, role: None };
    let upload = upload(&world, &mail("lost"), Flags::none());
    let fault = world.graph.append(&gone, &upload).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::NoSuchTarget);
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let archive = world.folder(Role::Archive).await;
    let mut upload = upload(&world, &mail("large"), Flags::none());
    upload.message.size = world.graph.limits().append + 1;
    let (fault, requests) = world.requests(world.graph.append(&archive, &upload)).await;
    assert!(matches!(fault.unwrap_err().kind(), Kind::TooLarge { .. }));
    assert_eq!(requests, 0);
}

#[tokio::test]
async fn the_largest_message_of_one_request_is_taken() {
    let world = World::new().await;
    let size = 3_000_000;
    for role in [Role::Archive, Role::Drafts] {
        let folder = world.folder(role).await;
        let mut text = mail("large");
        while text.len() + 80 <= size {
            text.push_str(&"x".repeat(78));
            text.push_str("\r\n");
        }
        let upload = upload(&world, &text, Flags::none());
        let filed = world.graph.append(&folder, &upload).await;
        assert!(filed.is_ok(), "{filed:?}");
    }
}

#[tokio::test]
async fn every_way_to_say_too_large_is_understood() {
    for says in [Oversize::Status413, Oversize::Status400, Oversize::SilentOk] {
        let world = World::with(|switches| {
            switches.limits.request_bytes = 3_000_000;
            switches.limits.oversize = says;
        })
        .await;
        let drafts = world.folder(Role::Drafts).await;
        let text = format!("{}{}", mail("large"), "x\r\n".repeat(800_000));
        let upload = upload(&world, &text, Flags::none());
        let fault = world.graph.append(&drafts, &upload).await.unwrap_err();
        assert!(matches!(fault.kind(), Kind::TooLarge { .. }), "{says:?} {fault}");
    }
}

#[tokio::test]
async fn an_earlier_saving_of_a_draft_does_not_pass_for_one_whose_creation_was_cut_off() {
    let world = World::new().await;
    let drafts = world.folder(Role::Drafts).await;
    let first = upload(&world, &mail("draft"), Flags::none());
    let first = world.graph.append(&drafts, &first).await.unwrap();
    world.tenant.clock().advance(Duration::from_secs(30));
    world.clock.advance(Duration::from_secs(30));
    world.tenant.faults().push(Rule::on(Call::CreateMime).answer(Fault::CutBefore));
    let text = mail("draft") + "and more\r\n";
    let second = upload(&world, &text, Flags::none());
    let second = world.graph.append(&drafts, &second).await.unwrap();
    assert_ne!(first.id, second.id);
    let saved = world.ada().items("Drafts");
    assert!(saved.iter().any(|draft| draft.mime == text.as_bytes()));
}
