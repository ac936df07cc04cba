//! QRESYNC (RFC 7162 §3.2): VANISHED, and coming back to a folder with what one remembers of it.

use footbridge::clock::Clock;
use footbridge::mailbox::Timestamp;
use footbridge::store::Store;

use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, START, World, id, mail};

async fn with_mail(count: usize) -> World {
    World::with(|tenant| {
        for number in 1..=count {
            tenant.person(ADA).inbox().deliver(mail(&format!("Mail{number}")));
        }
    })
    .await
}

/// A session that has enabled QRESYNC and opened the inbox; UIDVALIDITY and HIGHESTMODSEQ.
async fn enabled(world: &World) -> (ImapClient, String, u64) {
    let mut imap = world.imap().await;
    imap.command("ENABLE QRESYNC").await.ok().expect("* ENABLED QRESYNC");
    let answer = imap.command("SELECT INBOX").await.ok();
    let highest = answer.code("HIGHESTMODSEQ").parse().unwrap();
    (imap, answer.code("UIDVALIDITY"), highest)
}

fn vanished(answer: &Answer) -> Vec<String> {
    answer.lines().into_iter().filter(|line| line.starts_with("* VANISHED")).collect()
}

fn fetched(answer: &Answer) -> Vec<String> {
    let lines = answer.lines().into_iter().filter(|line| line.contains(" FETCH ("));
    lines.map(|line| line.split(" MODSEQ").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_needs_enable_is_refused_without_it() {
    let world = with_mail(1).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("SELECT Drafts (QRESYNC (1 1))").await.bad().silent();
    imap.command("UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)").await.bad();
    imap.command("ENABLE CONDSTORE").await.ok();
    imap.command("SELECT Drafts (QRESYNC (1 1))").await.bad().silent();
    imap.command("FETCH 1 FLAGS").await.ok();
    imap.command("ENABLE QRESYNC").await.ok();
    imap.command("FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)").await.bad();
    imap.command("UID FETCH 1 FLAGS (VANISHED)").await.bad();
    imap.command("SELECT Drafts (QRESYNC (1 0))").await.bad().silent();
    imap.command("SELECT Drafts (QRESYNC (1 1 1:*))").await.bad().silent();
    imap.command("SELECT Drafts (QRESYNC (1 1 1:3 (1:2 1:3)))").await.bad().silent();
    imap.command("UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)").await.ok();
}

#[tokio::test]
async fn expunges_are_told_by_uid_and_the_tagged_ok_tells_how_far() {
    let world = with_mail(9).await;
    let (mut imap, _, begin) = enabled(&world).await;
    let (mut old, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    imap.command("STORE 2:3,5 +FLAGS.SILENT (\\Deleted)").await.ok();
    let answer = imap.command("EXPUNGE").await.ok().expect("* VANISHED 2:3,5");
    assert!(answer.tagged.starts_with("OK [HIGHESTMODSEQ "), "{answer}");
    assert_eq!(answer.untagged.len(), 1, "{answer}");
    let after: u64 = answer.code("HIGHESTMODSEQ").parse().unwrap();
    assert!(after > begin);
    // The numbers have moved: 1 4 6 7 8 9.
    imap.command("FETCH 2:3 UID")
        .await
        .ok()
        .expect("* 2 FETCH (UID 4)")
        .expect("* 3 FETCH (UID 6)");
    let answer = old.command("NOOP").await.ok();
    assert!(answer.has("* 5 EXPUNGE") && answer.has("* 2 EXPUNGE"), "{answer}");
    imap.command("UID STORE 6,7 +FLAGS.SILENT (\\Deleted)").await.ok();
    let answer = imap.command("UID EXPUNGE 6,8").await.ok().expect("* VANISHED 6");
    assert!(answer.tagged.starts_with("OK [HIGHESTMODSEQ "), "{answer}");
    let answer = imap.command("UID MOVE 8 Archive").await.ok().expect("* VANISHED 8");
    assert!(answer.tagged.starts_with("OK [HIGHESTMODSEQ "), "{answer}");
    assert!(answer.lines()[0].starts_with("* OK [COPYUID "), "{answer}");
    // By another session, by Outlook, at NOOP and in IDLE.
    other.command("UID STORE 9 +FLAGS (\\Deleted)").await.ok();
    other.command("UID EXPUNGE 9").await.ok();
    imap.command("NOOP").await.ok().expect("* VANISHED 9").lacks("HIGHESTMODSEQ");
    let tag = imap.idle().await;
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[0]));
    world.tick().await;
    assert_eq!(imap.text().await, "* VANISHED 1");
    imap.done(&tag).await.ok().silent();
    let answer = imap.command("CLOSE").await.ok().silent();
    assert!(!answer.tagged.contains("HIGHESTMODSEQ"), "{answer}");
    let answer = imap.command("SELECT INBOX").await.ok().expect("* 1 EXISTS");
    assert!(answer.code("HIGHESTMODSEQ").parse::<u64>().unwrap() > after);
    assert_eq!(imap.uids().await, [4]);
}

#[tokio::test]
async fn no_number_moves_while_a_command_speaks_in_numbers() {
    let world = with_mail(3).await;
    let (mut imap, _, known) = enabled(&world).await;
    let mut other = world.selected("INBOX").await;
    other.command("STORE 1 +FLAGS (\\Deleted)").await.ok();
    other.command("EXPUNGE").await.ok();
    for command in ["FETCH 3 (UID FLAGS)", "SEARCH ALL", "UID SEARCH 1:3", "STORE 3 +FLAGS (Mine)"]
    {
        let answer = imap.command(command).await.ok().lacks("VANISHED");
        assert_eq!(answer.code("HIGHESTMODSEQ"), known.to_string(), "{command}: {answer}");
    }
    let answer = imap.command("UID FETCH 3 (FLAGS)").await.ok().expect("* VANISHED 1");
    let now: u64 = answer.code("HIGHESTMODSEQ").parse().unwrap();
    assert!(now > known, "{answer}");
    imap.command("FETCH 2 (UID)").await.ok().expect("* 2 FETCH (UID 3)").lacks("HIGHESTMODSEQ");
}

#[tokio::test]
async fn coming_back_tells_what_changed_and_what_is_gone() {
    let mut world = with_mail(8).await;
    let (mut imap, validity, since) = enabled(&world).await;
    drop(imap.command("LOGOUT").await);
    let mut other = world.selected("INBOX").await;
    other.command("UID STORE 3,5:6 +FLAGS (\\Deleted)").await.ok();
    other.command("EXPUNGE").await.ok();
    other.command("UID STORE 2,8 +FLAGS (\\Flagged)").await.ok();
    other.append("INBOX", &mail("New")).await.ok();
    for round in ["at once", "after a restart"] {
        let mut imap = world.imap().await;
        imap.command("ENABLE QRESYNC").await.ok();
        imap.command("SELECT Drafts").await.ok();
        let select = format!("SELECT INBOX (QRESYNC ({validity} {since}))");
        let answer = imap.command(&select).await.ok().expect("* 6 EXISTS");
        assert!(answer.lines()[0].starts_with("* OK [CLOSED]"), "{round}: {answer}");
        assert_eq!(vanished(&answer), ["* VANISHED (EARLIER) 3,5:6"], "{round}");
        let changed = [
            "* 2 FETCH (UID 2 FLAGS (\\Flagged)",
            "* 5 FETCH (UID 8 FLAGS (\\Flagged)",
            "* 6 FETCH (UID 9 FLAGS ()",
        ];
        assert_eq!(fetched(&answer), changed, "{round}");
        let order: Vec<usize> = ["EXISTS", "[HIGHESTMODSEQ", "VANISHED", " FETCH ("]
            .iter()
            .map(|word| answer.lines().iter().position(|line| line.contains(word)).unwrap())
            .collect();
        assert!(order.is_sorted(), "{round}: {answer}");
        // Only what the client says it knows.
        let select = format!("EXAMINE INBOX (QRESYNC ({validity} {since} 1:2,6:8))");
        let answer = imap.command(&select).await.ok();
        assert_eq!(vanished(&answer), ["* VANISHED (EARLIER) 6"], "{round}");
        assert_eq!(fetched(&answer), changed[..2], "{round}");
        let now = answer.code("HIGHESTMODSEQ");
        let select = format!("SELECT INBOX (QRESYNC ({validity} {now}))");
        let answer = imap.command(&select).await.ok();
        assert_eq!((vanished(&answer).len(), fetched(&answer).len()), (0, 0), "{round}: {answer}");
        // The same by FETCH, once the folder is open.
        let fetch = format!("UID FETCH 1:7 (FLAGS) (CHANGEDSINCE {since} VANISHED)");
        let answer = imap.command(&fetch).await.ok();
        assert_eq!(answer.lines()[0], "* VANISHED (EARLIER) 3,5:6", "{round}");
        assert_eq!(fetched(&answer), ["* 2 FETCH (UID 2 FLAGS (\\Flagged)"], "{round}");
        drop((imap, other));
        world.restart().await;
        other = world.imap().await;
    }
}

#[tokio::test]
async fn another_uidvalidity_makes_it_an_ordinary_select() {
    let world = with_mail(3).await;
    let (mut imap, validity, since) = enabled(&world).await;
    imap.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    imap.command("STORE 1 +FLAGS (\\Flagged)").await.ok();
    let strange = validity.parse::<u32>().unwrap() + 1;
    let select = format!("SELECT INBOX (QRESYNC ({strange} {since} 1:3))");
    let answer = imap.command(&select).await.ok().expect("* 2 EXISTS");
    assert_eq!((vanished(&answer).len(), fetched(&answer).len()), (0, 0), "{answer}");
    assert_eq!(answer.code("UIDVALIDITY"), validity);
}

#[tokio::test]
async fn what_the_client_still_counts_is_not_said_to_be_gone_earlier() {
    let world = with_mail(3).await;
    let (mut imap, _, since) = enabled(&world).await;
    let mut other = world.selected("INBOX").await;
    other.command("UID STORE 3 +FLAGS (\\Deleted)").await.ok();
    other.command("EXPUNGE").await.ok();
    let fetch = format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since} VANISHED)");
    let answer = imap.command(&fetch).await.ok();
    assert_eq!(vanished(&answer), ["* VANISHED 3"], "{answer}");
    // Now it is earlier, and 1:* goes beyond what is left.
    let answer = imap.command(&fetch).await.ok();
    assert_eq!(vanished(&answer), ["* VANISHED (EARLIER) 3"], "{answer}");
}

#[tokio::test]
async fn what_has_been_forgotten_is_told_as_all_that_is_not_there() {
    let mut world = with_mail(9).await;
    let (mut imap, validity, since) = enabled(&world).await;
    imap.command("STORE 2,4:5 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    let middle: u64 =
        imap.command("EXAMINE INBOX").await.ok().code("HIGHESTMODSEQ").parse().unwrap();
    drop(imap);
    world.stop().await;
    forget(&world).await;
    world.start().await;
    let (mut imap, ..) = enabled(&world).await;
    imap.command("UID STORE 8 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    let mut select = async |known: &str| {
        let select = format!("SELECT INBOX (QRESYNC ({validity} {known}))");
        vanished(&imap.command(&select).await.ok())
    };
    assert_eq!(select(&format!("{middle}")).await, ["* VANISHED (EARLIER) 8"]);
    assert_eq!(select(&format!("{since}")).await, ["* VANISHED (EARLIER) 2,4:5,8"]);
    assert_eq!(select(&format!("{since} 1:4")).await, ["* VANISHED (EARLIER) 2,4"]);
    // The client's second message is 3, as it is here: it knows what went before that.
    let sample = format!("{since} 1:9 (1:2,5 1,3,5)");
    assert_eq!(select(&sample).await, ["* VANISHED (EARLIER) 4:5,8"]);
}

/// What is done about tombstones after half a year.
async fn forget(world: &World) {
    let mailbox = world.state.path().join("mail").join(ADA);
    let later = Clock::manual(Timestamp(START + 200 * 24 * 3600));
    let store = Store::open(&mailbox, later).await.unwrap();
    store.prune().await.unwrap();
    store.close().await;
}
