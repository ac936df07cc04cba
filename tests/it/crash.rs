//! SIGKILL at any moment. The bridge is a process of its own here and lives in real time; the tenant
//! holds a request just before or just after its work, so that the bridge dies exactly between what
//! the service did and what the index knows.

mod large;
mod site;

use m365_sim::{Hold, Kind};

use self::site::{BOB, Site};
use crate::faults::bench::{DRAFTS, SENT, TARGET, WORK};
use crate::faults::deed::{Deed, Stage};
use crate::imap_client::ImapClient;
use crate::sending::letters::{self, Name, Shape, letter, told};
use crate::world::mail;

#[derive(Clone, Copy, Debug)]
enum Moment {
    BeforeTheWork,
    AfterTheWork,
}

const MOMENTS: [Moment; 2] = [Moment::BeforeTheWork, Moment::AfterTheWork];

/// Every request on the way of everything a client can do.
const POINTS: [(Deed, &[Kind]); 14] = [
    (Deed::AppendDraft, &[Kind::CreateMime, Kind::Patch]),
    (Deed::AppendSent, &[Kind::CreateJson]),
    (Deed::Append, &[Kind::CreateJson]),
    (Deed::Copy, &[Kind::Copy]),
    (Deed::Move, &[Kind::Move]),
    (Deed::Store, &[Kind::Patch]),
    (Deed::StoreKeyword, &[Kind::GetMessage, Kind::Patch]),
    (Deed::Expunge, &[Kind::Delete]),
    (Deed::Create, &[Kind::CreateFolder]),
    (Deed::Rename, &[Kind::RenameFolder]),
    (Deed::RenameElsewhere, &[Kind::MoveFolder]),
    (Deed::Delete, &[Kind::DeleteFolder]),
    (Deed::FetchAndMark, &[Kind::Mime, Kind::Patch]),
    (Deed::SelectUnknown, &[Kind::MessageDelta]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_uid_changes_hands_wherever_the_bridge_is_killed() {
    let mut site = Site::new().await;
    let mut points = 0;
    for (deed, kinds) in POINTS {
        for (kind, moment) in kinds.iter().flat_map(|kind| MOMENTS.map(|moment| (*kind, moment))) {
            let place = format!("{deed:?}, {kind:?}, {moment:?}");
            println!("{place}");
            let (mut imap, stage) = prepare(&mut site, deed).await;
            let hold = hold(&site, kind, moment);
            tokio::select! {
                answer = deed.act(&mut imap, &stage) => panic!("{place}: answered: {answer}"),
                () = hold.arrived(1) => site.kill(),
            }
            hold.release();
            site.start();
            excuse_unanswered(&mut site, &stage);
            site.check(&place).await;
            points += 1;
        }
    }
    assert!(points >= 34, "{points} points");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_uid_changes_hands_whatever_was_answered_before_the_kill() {
    let seed = u64::from(getrandom());
    println!("seed {seed}");
    let mut random = seed;
    let mut site = Site::new().await;
    for round in 0..12 {
        let deeds: Vec<Deed> = (0..3).map(|_| POINTS[next(&mut random, POINTS.len())].0).collect();
        let place = format!("seed {seed}, round {round}, {deeds:?}");
        println!("{place}");
        for deed in deeds {
            let (mut imap, stage) = prepare(&mut site, deed).await;
            site.tenant.journal().clear();
            let struck = next(&mut random, 4);
            let answered = tokio::select! {
                answer = deed.act(&mut imap, &stage) => { answer.ok(); true }
                () = site.requests(struck + 1) => false,
            };
            if !answered {
                site.kill();
                site.start();
                excuse_unanswered(&mut site, &stage);
            }
        }
        site.kill();
        site.start();
        site.check(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_twice_wherever_the_bridge_is_killed() {
    let mut site = Site::new().await;
    for kind in [Kind::CreateMime, Kind::Send] {
        for moment in MOMENTS {
            let place = format!("{kind:?}, {moment:?}");
            let (subject, message) = site.outgoing();
            let mut smtp = site.smtp().await;
            let hold = hold(&site, kind, moment);
            tokio::select! {
                reply = smtp.submit(crate::world::ADA, &[BOB], &message) => panic!("{place}: answered: {reply}"),
                () = hold.arrived(1) => site.kill(),
            }
            hold.release();
            site.start();
            let reply = site.smtp().await.submit(crate::world::ADA, &[BOB], &message).await;
            assert!(reply.starts_with("250"), "{place}: {reply}");
            site.kill();
            site.start();
            assert_eq!(site.received(&subject), 1, "{place}");
        }
    }
    site.check("after all").await;
}

/// Each request of a message that is sent in parts: killed before its work and after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_is_sent_whole_and_once_wherever_the_bridge_is_killed() {
    const POINTS: [(Kind, usize); 7] = [
        (Kind::CreateMime, 0),
        (Kind::ListAttachments, 0),
        (Kind::AddAttachment, 0),
        (Kind::CreateUploadSession, 0),
        (Kind::UploadPiece, 0),
        (Kind::UploadPiece, 1),
        (Kind::Send, 0),
    ];
    let mut site = Site::new().await;
    for ((kind, before), moment) in
        POINTS.into_iter().flat_map(|point| MOMENTS.map(|moment| (point, moment)))
    {
        let place = format!("{kind:?} {before}, {moment:?}");
        let subject = site.fresh_name("large-");
        let message = large_to_bob(&subject);
        let mut smtp = site.smtp().await;
        let hold = hold(&site, kind, moment);
        let arrived = async {
            for passed in 1..=before {
                hold.arrived(passed).await;
                hold.step();
            }
            hold.arrived(before + 1).await;
        };
        tokio::select! {
            reply = smtp.submit(crate::world::ADA, &[BOB], &message) => panic!("{place}: answered: {reply}"),
            () = arrived => site.kill(),
        }
        drop(hold);
        site.start();
        let reply = site.smtp().await.submit(crate::world::ADA, &[BOB], &message).await;
        assert!(reply.starts_with("250"), "{place}: {reply}");
        site.kill();
        site.start();
        let sent = site.tenant.sent_to(BOB);
        let about = |sent: &&m365_sim::Sent| {
            String::from_utf8_lossy(&sent.mime[..1_000])
                .contains(&format!("Subject: {subject}\r\n"))
        };
        let sent: Vec<_> = sent.iter().filter(about).collect();
        assert_eq!(sent.len(), 1, "{place}");
        assert_eq!(told(&sent[0].mime), told(&message), "{place}");
        assert!(site.ada().items("Drafts").is_empty(), "{place}");
        site.tenant.forget_sent();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_filed_twice_wherever_the_bridge_is_killed() {
    let mut site = Site::new().await;
    let points = [
        (Deed::AppendDraft, DRAFTS, Kind::CreateMime),
        (Deed::AppendDraft, DRAFTS, Kind::Patch),
        (Deed::AppendSent, SENT, Kind::CreateJson),
        (Deed::Append, TARGET, Kind::CreateJson),
    ];
    for (deed, folder, kind) in points {
        for moment in MOMENTS {
            let place = format!("{deed:?}, {kind:?}, {moment:?}");
            println!("{place}");
            let (mut imap, stage) = prepare(&mut site, deed).await;
            let hold = hold(&site, kind, moment);
            tokio::select! {
                answer = deed.act(&mut imap, &stage) => panic!("{place}: answered: {answer}"),
                () = hold.arrived(1) => site.kill(),
            }
            hold.release();
            site.start();
            // A look of someone else's must not spoil the bytes.
            let mut other = site.imap().await;
            other.command(&format!("SELECT {folder}")).await.ok();
            other.command("UID FETCH 1:* (RFC822.SIZE)").await.ok();
            let mut imap = site.imap().await;
            imap.command(&format!("SELECT {WORK}")).await.ok();
            let answer = deed.act(&mut imap, &stage).await.ok();
            let uid: u32 = answer.code("APPENDUID").split_once(' ').unwrap().1.parse().unwrap();
            imap.command(&format!("SELECT {folder}")).await.ok();
            assert!(imap.message(uid).await == stage.message, "{place}: other bytes");
            let items = site.ada().items(folder.trim_matches('"'));
            let filed = items.iter().filter(|item| stage.subjects.contains(&item.subject));
            assert_eq!(filed.count(), 1, "{place}");
            site.check(&place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_250_is_not_sent_again_after_a_kill() {
    let mut site = Site::new().await;
    for _ in 0..3 {
        let (subject, message) = site.outgoing();
        let reply = site.smtp().await.submit(crate::world::ADA, &[BOB], &message).await;
        assert!(reply.starts_with("250"), "{reply}");
        site.kill();
        site.start();
        site.check("after 250").await;
        assert_eq!(site.received(&subject), 1);
    }
}

/// A client with `WORK` selected, and something to do it to.
async fn prepare(site: &mut Site, deed: Deed) -> (ImapClient, Stage) {
    let mut stage = Stage::default();
    let ada = site.ada();
    match deed {
        Deed::AppendDraft | Deed::AppendSent | Deed::Append => {
            let (subject, message) = site.fresh_message();
            (stage.subjects, stage.message) = (vec![subject], message);
        }
        Deed::Create => stage.folder = site.fresh_name("folder-"),
        Deed::Rename | Deed::RenameElsewhere | Deed::Delete | Deed::SelectUnknown => {
            stage.folder = site.fresh_name("folder-");
            ada.outlook().create_folder(&stage.folder);
        }
        _ => {
            let (subject, message) = site.fresh_message();
            ada.folder(WORK).deliver(message);
            stage.subjects = vec![subject];
        }
    }
    let mut imap = site.imap().await;
    if deed != Deed::Create {
        site::knows(&mut imap, &stage.folder).await;
    }
    imap.command(&format!("SELECT {WORK}")).await.ok();
    stage.uids = site::newest(&mut imap).await;
    if deed == Deed::Expunge {
        imap.command(&format!("UID STORE {} +FLAGS (\\Deleted)", stage.uids)).await.ok();
    }
    if deed == Deed::RenameElsewhere || stage.folder.is_empty() {
        for folder in [TARGET, DRAFTS, SENT] {
            imap.command(&format!("STATUS {folder} (UIDNEXT)")).await.ok();
        }
    }
    (imap, stage)
}

fn hold(site: &Site, kind: Kind, moment: Moment) -> Hold {
    match moment {
        Moment::BeforeTheWork => site.tenant.hold_before(kind),
        Moment::AfterTheWork => site.tenant.hold(kind),
    }
}

/// Exact bytes are promised for what was answered OK.
fn excuse_unanswered(site: &mut Site, stage: &Stage) {
    let ada = site.ada();
    let folders = [TARGET, DRAFTS, SENT].map(|folder| ada.items(folder.trim_matches('"')));
    for item in folders.into_iter().flatten() {
        if !stage.message.is_empty() && stage.subjects.contains(&item.subject) {
            site.ledger.excuse(&item.subject, &item.mime);
        }
    }
}

/// A number below `end` (SplitMix64).
fn next(state: &mut u64, end: usize) -> usize {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
}

fn getrandom() -> u32 {
    let bytes: [u8; 4] = uuid::Uuid::new_v4().as_bytes()[..4].try_into().unwrap();
    u32::from_le_bytes(bytes)
}

/// Too large for a request by two files, one of which needs a session.
fn large_to_bob(subject: &str) -> Vec<u8> {
    let message = letter(subject, Shape::Files(3_300_000, 2_900_000), Name::Own);
    let text = String::from_utf8(message).unwrap();
    text.replace(letters::BOB, BOB).into_bytes()
}

fn message_to_bob(subject: &str) -> Vec<u8> {
    let text = String::from_utf8(mail(subject)).unwrap();
    let from_ada =
        text.replace("From: Bob <bob@elsewhere.example>", "From: Ada <ada@contoso.example>");
    let to_bob = from_ada.replace("To: Ada <ada@contoso.example>", &format!("To: {BOB}"));
    to_bob.into_bytes()
}
