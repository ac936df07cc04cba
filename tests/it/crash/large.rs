//! The same for a message that goes to the service in pieces.

use m365_sim::Kind;

use super::site::Site;
use super::{MOMENTS, Moment, excuse_unanswered, hold, prepare};
use crate::faults::bench::{TARGET, WORK};
use crate::faults::deed::{Deed, Stage};
use crate::world::{id, mail};

/// The hidden folder in which a large message grows.
const UPLOADS: &str = "Footbridge uploads";

/// Every request on its way, and which of them if there are several.
const POINTS: [(Kind, usize); 7] = [
    (Kind::CreateFolder, 1),
    (Kind::CreateJson, 1),
    (Kind::AddAttachment, 1),
    (Kind::CreateUploadSession, 1),
    (Kind::UploadPiece, 1),
    (Kind::UploadPiece, 2),
    (Kind::Move, 1),
];

type Point = (Kind, usize, Moment);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_large_message_is_filed_twice_wherever_the_bridge_is_killed() {
    let mut site = Site::new().await;
    let points = POINTS.iter().flat_map(|(kind, number)| MOMENTS.map(|at| (*kind, *number, at)));
    for point in points {
        println!("{point:?}");
        let stage = killed_at(&mut site, point).await;
        // A look of someone else's must not spoil the bytes.
        let mut other = site.imap().await;
        other.command(&format!("SELECT {TARGET}")).await.ok();
        other.command("UID FETCH 1:* (RFC822.SIZE)").await.ok();
        let mut imap = site.imap().await;
        imap.command(&format!("SELECT {WORK}")).await.ok();
        let answer = Deed::Append.act(&mut imap, &stage).await.ok();
        let uid: u32 = answer.code("APPENDUID").split_once(' ').unwrap().1.parse().unwrap();
        imap.command(&format!("SELECT {TARGET}")).await.ok();
        assert!(imap.message(uid).await == stage.message, "{point:?}: other bytes");
        let items = site.ada().items(TARGET);
        let filed = items.iter().filter(|item| stage.subjects.contains(&item.subject));
        assert_eq!(filed.count(), 1, "{point:?}");
        settled(&mut site, point).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_whose_client_never_comes_back_is_there_whole_or_not_at_all() {
    let mut site = Site::new().await;
    for (kind, number) in POINTS {
        let point = (kind, number, Moment::AfterTheWork);
        println!("{point:?}");
        let stage = killed_at(&mut site, point).await;
        excuse_unanswered(&mut site, &stage);
        let items = site.ada().items(TARGET);
        assert_eq!(items.len(), usize::from(kind == Kind::Move), "{point:?}");
        assert!(items.iter().all(|item| item.mime.len() > stage.message.len()), "{point:?}");
        settled(&mut site, point).await;
    }
}

/// The bridge dies at this point of an APPEND, and another one begins.
async fn killed_at(site: &mut Site, point: Point) -> Stage {
    let (kind, number, moment) = point;
    let (mut imap, _) = prepare(site, Deed::Append).await;
    let stage = large(site);
    if kind == Kind::CreateFolder {
        forget_uploads(site);
    }
    let hold = hold(site, kind, moment);
    (1..number).for_each(|_| hold.step());
    tokio::select! {
        answer = Deed::Append.act(&mut imap, &stage) => panic!("{point:?}: answered: {answer}"),
        () = hold.arrived(number) => site.kill(),
    }
    hold.release();
    site.start();
    stage
}

/// What is shown is what the tenant holds, and nothing is left where nobody sees it.
async fn settled(site: &mut Site, point: Point) {
    site.check(&format!("{point:?}")).await;
    // Whoever looks first removes what is not whole, and nobody waits for that.
    while site.ada().try_items(UPLOADS).is_ok_and(|left| !left.is_empty()) {
        tokio::task::yield_now().await;
    }
    // Each check reads all messages whole: the next need not read these.
    let ada = site.ada();
    ada.items(TARGET).iter().for_each(|item| ada.outlook().purge(&id(item)));
}

/// A text, a small attachment and one of two pieces.
fn large(site: &mut Site) -> Stage {
    let subject = site.fresh_name("message-");
    let header = String::from_utf8(mail(&subject)).unwrap();
    let header = header.split("\r\n\r\n").next().unwrap().to_owned();
    let mut message = format!(
        "{header}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=odd\r\n\r\n\
         --odd\r\n\r\nThe text.\r\n--odd\r\nContent-Type: application/pdf; name=small.pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--odd\r\n\
         Content-Type: application/octet-stream; name=big.bin\r\n\r\n"
    );
    // Long lines: it is lines that cost time in a debug build.
    let line = "x".repeat(990);
    (0..3_450).for_each(|_| message.push_str(&format!("{line}\r\n")));
    message.push_str("--odd--\r\n");
    site.ledger.note(&subject, message.as_bytes());
    Stage { subjects: vec![subject], message: message.into_bytes(), ..Stage::default() }
}

fn forget_uploads(site: &Site) {
    if site.ada().try_items(UPLOADS).is_ok() {
        let outlook = site.ada().outlook();
        outlook.delete_folder(UPLOADS);
        outlook.delete_folder(&format!("Deleted Items/{UPLOADS}"));
    }
}
