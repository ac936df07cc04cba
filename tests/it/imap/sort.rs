//! SORT, SORT=DISPLAY and ESORT (RFC 5256, 5957, 5267).

use crate::imap_client::ImapClient;
use crate::world::{ADA, World};

fn message((from, to): (&str, &str), subject: &str, date: &str, octets: usize) -> String {
    let body = "x".repeat(octets);
    format!(
        "From: {from}\r\n{to}Subject: {subject}\r\nDate: {date}\r\nContent-Type: text/plain\r\n\r\n\
         {body}\r\n"
    )
}

async fn world() -> World {
    World::with(|tenant| {
        let inbox = tenant.person(ADA).inbox();
        let at = |day: i8| format!("2026-10-{day:02}T12:00:00Z").parse().unwrap();
        let zoe = ("=?utf-8?q?Zo=C3=AB?= <carl@x.example>", "To: Ada <ada@x.example>\r\n");
        let anna = ("anna@x.example", "To: zz@x.example\r\nCc: mike@x.example\r\n");
        let bob = ("Bob <bob@x.example>", "");
        let aenne = (
            "=?utf-8?q?=C3=84nne?= <zed@x.example>",
            "To: Group: b@x.example;\r\nCc: Zz <liz@x.example>\r\n",
        );
        let morning = "Mon, 2 Nov 2026 10:00:00 +0000";
        let far_away = "Mon, 2 Nov 2026 09:00:00 -0500";
        let east = "Mon, 2 Nov 2026 11:30:00 +0200";
        inbox.deliver_at(message(zoe, "banana", morning, 10), at(20));
        inbox.deliver_at(message(anna, "Re: Apple", far_away, 3000), at(21));
        inbox.deliver_at(message(bob, "[list] apple", "nonsense", 1000), at(22));
        inbox.deliver_at(message(aenne, "=?utf-8?q?=C3=84pfel?=", east, 500), at(23));
    })
    .await
}

async fn sorted(imap: &mut ImapClient, arguments: &str) -> Vec<u32> {
    let answer = imap.command(&format!("SORT {arguments}")).await.ok();
    let lines = answer.lines();
    let line = lines.iter().find_map(|line| line.strip_prefix("* SORT"));
    let numbers = line.unwrap_or_else(|| panic!("no SORT in {answer}")).split_whitespace();
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[tokio::test]
async fn every_criterion_orders_by_what_it_names() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for (criteria, expected) in [
        ("ARRIVAL", [1, 2, 3, 4]),
        ("REVERSE ARRIVAL", [4, 3, 2, 1]),
        ("DATE", [3, 4, 1, 2]),
        ("REVERSE DATE", [2, 1, 4, 3]),
        ("FROM", [2, 3, 1, 4]),
        ("DISPLAYFROM", [2, 4, 3, 1]),
        ("TO", [3, 1, 4, 2]),
        ("DISPLAYTO", [3, 1, 4, 2]),
        ("CC", [1, 3, 4, 2]),
        ("SIZE", [1, 4, 3, 2]),
        ("SUBJECT", [2, 3, 4, 1]),
        ("REVERSE SUBJECT", [1, 4, 2, 3]),
        ("SUBJECT REVERSE ARRIVAL", [3, 2, 4, 1]),
        ("SUBJECT SIZE", [3, 2, 4, 1]),
        ("CC REVERSE SIZE FROM", [3, 1, 4, 2]),
    ] {
        assert_eq!(
            sorted(&mut imap, &format!("({criteria}) UTF-8 ALL")).await,
            expected,
            "{criteria}"
        );
    }
}

#[tokio::test]
async fn only_what_is_found_is_sorted() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    assert_eq!(sorted(&mut imap, "(SUBJECT) US-ASCII FROM x.example NOT 3").await, [2, 4, 1]);
    assert_eq!(sorted(&mut imap, "(SUBJECT) UTF-8 DELETED").await, [0; 0]);
    imap.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    imap.command("UID SORT (REVERSE SIZE) UTF-8 1:3").await.ok().expect("* SORT 2 3 4");
    let question = [b"SORT (DATE) ISO-8859-1 SUBJECT {5+}\r\n\xc4pfel".as_slice()].concat();
    imap.command_bytes(&question).await.ok().expect("* SORT 3");
    imap.command("SORT (DATE) X-KLINGON SUBJECT a").await.no("BADCHARSET").silent();
    imap.command("SORT (DATE) ALL").await.bad();
    let known = imap.command("CAPABILITY").await.ok().lines().concat();
    for name in ["SORT", "SORT=DISPLAY", "ESORT"] {
        assert!(known.split(' ').any(|word| word == name), "{name} in {known}");
    }
}

#[tokio::test]
async fn a_sorted_result_is_told_in_its_order() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for (options, expected) in [
        ("MIN MAX", "MIN 2 MAX 1"),
        ("", "ALL 2:4,1"),
        ("COUNT", "COUNT 4"),
        ("PARTIAL 2:3", "PARTIAL (2:3 3:4)"),
        ("PARTIAL -1:-2", "PARTIAL (-1:-2 4,1)"),
    ] {
        let answer =
            imap.command(&format!("SORT RETURN ({options}) (SUBJECT) UTF-8 ALL")).await.ok();
        assert!(
            answer.lines().concat().ends_with(&format!("\") {expected}")),
            "{options}: {answer}"
        );
    }
    let answer = imap.command("SORT (SUBJECT) UTF-8 MODSEQ 1").await.ok();
    assert!(
        answer.to_string().contains(
            "
* SORT 2 3 4 1 (MODSEQ "
        ),
        "{answer}"
    );
}

#[tokio::test]
async fn a_folder_whose_messages_were_seen_once_is_sorted_and_threaded_without_them() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    assert_eq!(sorted(&mut imap, "(REVERSE ARRIVAL) UTF-8 ALL").await, [4, 3, 2, 1]);
    assert_eq!(world.requests(), 0);
    let before = sorted(&mut imap, "(DATE SUBJECT) UTF-8 ALL").await;
    assert_eq!(world.requests(), 4, "each message once");
    let threads = imap.command("THREAD REFERENCES UTF-8 ALL").await.ok().lines();
    let blobs = world.state.path().join("mail").join(ADA).join("blobs");
    for shelf in std::fs::read_dir(blobs).unwrap() {
        std::fs::remove_dir_all(shelf.unwrap().path()).unwrap();
    }
    world.forget();
    assert_eq!(sorted(&mut imap, "(DATE SUBJECT) UTF-8 ALL").await, before);
    assert_eq!(sorted(&mut imap, "(SIZE DISPLAYTO) UTF-8 ALL").await, [1, 4, 3, 2]);
    assert_eq!(imap.command("THREAD REFERENCES UTF-8 ALL").await.ok().lines(), threads);
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn numbers_do_not_move_during_a_sort_by_number() {
    let world = world().await;
    let (mut imap, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    other.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    other.command("UID EXPUNGE 1").await.ok();
    let answer = imap.command("SORT (REVERSE ARRIVAL) UTF-8 ALL").await.ok();
    answer.expect("* SORT 4 3 2").lacks("EXPUNGE");
    let answer = imap.command("THREAD ORDEREDSUBJECT UTF-8 FROM carl").await.ok();
    answer.expect("* THREAD").lacks("EXPUNGE");
    let answer = imap.command("UID SORT (REVERSE ARRIVAL) UTF-8 ALL").await.ok();
    answer.expect("* SORT 4 3 2").expect("* 1 EXPUNGE");
}
