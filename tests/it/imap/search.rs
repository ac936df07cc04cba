//! SEARCH: every key, charsets, and what it costs.

use crate::imap_client::ImapClient;
use crate::world::{ADA, World};

fn message(from: &str, subject: &str, date: &str, body: &str) -> String {
    format!(
        "From: {from}\r\nTo: Ada <{ADA}>\r\nCc: carol@contoso.example\r\nSubject: {subject}\r\n\
         Date: {date}\r\nX-Tag: alpha beta\r\nMessage-ID: <{subject}@x>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
}

/// Four messages: 1 seen, 2 flagged and answered, 3 with a keyword, 4 large and in Japanese.
async fn world() -> World {
    let world = World::with(|tenant| {
        let inbox = tenant.person(ADA).inbox();
        let at = |day: i8| format!("2026-10-{day:02}T12:00:00Z").parse().unwrap();
        let monday = "Mon, 5 Oct 2026 23:30:00 -0500";
        let tuesday = "Tue, 13 Oct 2026 10:00:00 +0000";
        inbox.deliver_at(message("Bob <bob@x.example>", "Lunch", monday, "soup"), at(6));
        inbox.deliver_at(message("eve@y.example", "Contract", tuesday, "please sign"), at(13));
        let encoded = "=?ISO-8859-1?Q?Gr=FC=DFe?=";
        inbox.deliver_at(
            message("bob@x.example", encoded, tuesday, "viele Gr\u{fc}\u{df}e"),
            at(14),
        );
        let large = "日本語 ".repeat(2_000);
        inbox.deliver_at(message("z@z.example", "Nihon", "nonsense", &large), at(20));
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS (\\Seen)").await.ok();
    imap.command("STORE 2 +FLAGS (\\Flagged \\Answered)").await.ok();
    imap.command("STORE 3 +FLAGS (Red \\Deleted $Forwarded)").await.ok();
    world
}

async fn found(imap: &mut ImapClient, keys: &str) -> Vec<u32> {
    imap.command(&format!("SEARCH {keys}")).await.ok().search()
}

#[tokio::test]
async fn every_key_finds_what_it_names() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for (keys, expected) in [
        ("ALL", vec![1, 2, 3, 4]),
        ("SEEN", vec![1]),
        ("UNSEEN", vec![2, 3, 4]),
        ("FLAGGED", vec![2]),
        ("UNFLAGGED", vec![1, 3, 4]),
        ("ANSWERED", vec![2]),
        ("UNANSWERED", vec![1, 3, 4]),
        ("DELETED", vec![3]),
        ("UNDELETED", vec![1, 2, 4]),
        ("DRAFT", vec![]),
        ("UNDRAFT", vec![1, 2, 3, 4]),
        ("KEYWORD red", vec![3]),
        ("UNKEYWORD Red", vec![1, 2, 4]),
        ("KEYWORD $Forwarded", vec![3]),
        ("KEYWORD Unused", vec![]),
        ("2:3", vec![2, 3]),
        ("*", vec![4]),
        ("UID 3:*", vec![3, 4]),
        ("BEFORE 13-Oct-2026", vec![1]),
        ("ON 13-Oct-2026", vec![2]),
        ("SINCE \"13-Oct-2026\"", vec![2, 3, 4]),
        ("SENTON 5-Oct-2026", vec![1]),
        ("SENTBEFORE 13-Oct-2026", vec![1]),
        ("SENTSINCE 13-Oct-2026", vec![2, 3]),
        ("LARGER 10000", vec![4]),
        ("SMALLER 10000", vec![1, 2, 3]),
        ("FROM bob", vec![1, 3]),
        ("FROM X.EXAMPLE", vec![1, 3]),
        ("TO ada", vec![1, 2, 3, 4]),
        ("CC carol", vec![1, 2, 3, 4]),
        ("BCC carol", vec![]),
        ("SUBJECT lunch", vec![1]),
        ("HEADER X-Tag beta", vec![1, 2, 3, 4]),
        ("HEADER X-None \"\"", vec![]),
        ("HEADER Message-ID <Lunch@x>", vec![1]),
        ("BODY \"please sign\"", vec![2]),
        ("BODY Contract", vec![]),
        ("TEXT contract", vec![2]),
    ] {
        assert_eq!(found(&mut imap, keys).await, expected, "{keys}");
    }
}

#[tokio::test]
async fn keys_are_combined() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for (keys, expected) in [
        ("FROM bob UNSEEN", vec![3]),
        ("OR SEEN FLAGGED", vec![1, 2]),
        ("NOT SEEN", vec![2, 3, 4]),
        ("NOT (FROM bob SEEN)", vec![2, 3, 4]),
        ("(OR (FROM eve) (FROM z)) UNDELETED", vec![2, 4]),
        ("OR OR 1 2 3", vec![1, 2, 3]),
        ("NOT NOT 1", vec![1]),
        ("1 2", vec![]),
    ] {
        assert_eq!(found(&mut imap, keys).await, expected, "{keys}");
    }
    imap.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("UID EXPUNGE 1").await.ok();
    assert_eq!(found(&mut imap, "FROM bob").await, [2]);
    assert_eq!(imap.command("UID SEARCH FROM bob").await.ok().search(), [3]);
}

#[tokio::test]
async fn keys_are_combined_as_deeply_as_a_line_is_long() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    let longest = 64 * 1024 - 100;
    let nested = |before: &str, key: &str, after: &str| {
        let depth = longest / (before.len() + after.len());
        [&before.repeat(depth / 2 * 2), key, &after.repeat(depth / 2 * 2)].concat()
    };
    for (keys, expected) in [
        (nested("NOT ", "1", ""), vec![1]),
        (nested("OR SUBJECT contract ", "1", ""), vec![1, 2]),
        (nested("OR ", "SUBJECT lunch", " 2"), vec![1, 2]),
        (nested("(OR 3 ", "TEXT soup", ")"), vec![1, 3]),
        (nested("(", "FROM eve", ")"), vec![2]),
        (nested("NOT (1:3 NOT (FROM bob ", "ALL", "))"), vec![1, 3, 4]),
    ] {
        assert_eq!(found(&mut imap, &keys).await, expected, "{}", &keys[..40]);
    }
    imap.command(&format!("SEARCH {}", "OR ".repeat(longest / 3))).await.bad();
    imap.command(&format!("SEARCH {}", "(".repeat(longest))).await.bad();
    let terms = "OR SUBJECT none ".repeat(1_000);
    let answer = imap.command(&format!("SORT (SUBJECT) UTF-8 {terms}SUBJECT lunch")).await.ok();
    answer.expect("* SORT 1");
}

#[tokio::test]
async fn text_is_found_in_its_decoded_form_whatever_the_charset_of_the_question() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    let mut search = async |question: &[u8]| imap.command_bytes(question).await;
    let utf8 = "Grüße".as_bytes();
    let head = format!("SEARCH CHARSET UTF-8 SUBJECT {{{}+}}\r\n", utf8.len());
    let answer = search(&[head.as_bytes(), utf8].concat()).await.ok();
    assert_eq!(answer.search(), [3]);
    let answer = search(b"SEARCH CHARSET ISO-8859-1 BODY {5+}\r\nGr\xfc\xdfe").await.ok();
    assert_eq!(answer.search(), [3]);
    let answer = search(b"SEARCH CHARSET iso-2022-jp TEXT {12+}\r\n\x1b$BF|K\\8l\x1b(B").await;
    assert_eq!(answer.ok().search(), [4]);
    let answer = search(b"SEARCH CHARSET US-ASCII SUBJECT Lunch").await.ok();
    assert_eq!(answer.search(), [1]);
    search(b"SEARCH CHARSET X-KLINGON SUBJECT a").await.no("BADCHARSET").silent();
    search("SEARCH CHARSET UTF-8 SUBJECT \"Grüße\"".as_bytes()).await.ok();
}

#[tokio::test]
async fn a_file_is_found_by_its_name() {
    let world = World::with(|tenant| {
        let head = "Subject: Trip\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhave fun\r\n--b\r\n";
        for name in ["name=\"ticket.pdf\"", "name*0*=utf-8''%C3%A9t; name*1*=%C3%A9.pdf"] {
            let file = format!("Content-Type: application/pdf; {name}\r\n\r\n%PDF\r\n--b--\r\n");
            tenant.person(ADA).inbox().deliver(format!("{head}{file}"));
        }
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    for (keys, expected) in [
        ("TEXT ticket.pdf", vec![1]),
        ("BODY \"name=\\\"TICKET.pdf\\\"\"", vec![1]),
        ("CHARSET UTF-8 TEXT \"\u{e9}t\u{e9}.pdf\"", vec![2]),
        ("TEXT application/pdf BODY fun", vec![1, 2]),
        ("TEXT \"%PDF\"", vec![]),
        ("HEADER Content-Type pdf", vec![]),
    ] {
        assert_eq!(found(&mut imap, keys).await, expected, "{keys}");
    }
}

#[tokio::test]
async fn text_behind_a_large_file_is_found_and_what_is_too_large_to_decide_is_no_answer() {
    let mail = |file: &str| {
        let head = "Subject: Large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
        let lines = "something or other\r\n".repeat(33 * 1024 * 1024 / 20);
        format!("{head}Content-Type: {file}\r\n\r\n{lines}--b\r\n\r\nbehind it\r\n--b--\r\n")
    };
    let world = World::with(|tenant| {
        let inbox = tenant.person(ADA).inbox();
        inbox.deliver(mail("application/zip; name=large.zip"));
        inbox.deliver(mail("text/html"));
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    for (keys, expected) in [
        ("BODY \"behind it\"", vec![1, 2]),
        ("TEXT large.zip NOT BODY nowhere 1", vec![1]),
        ("BODY \"something or other\" 1", vec![]),
        ("SUBJECT none BODY nowhere", vec![]),
        ("OR BODY behind BODY nowhere", vec![1, 2]),
    ] {
        assert_eq!(found(&mut imap, keys).await, expected, "{keys}");
    }
    imap.command("SEARCH BODY nowhere").await.no("LIMIT").silent();
    imap.command("UID SORT (DATE) UTF-8 NOT TEXT nowhere").await.no("LIMIT").silent();
}

#[tokio::test]
async fn what_is_no_key_is_bad() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for keys in [
        "",
        "NONSENSE",
        "NOT",
        "OR SEEN",
        "(SEEN",
        "SEEN)",
        "BEFORE yesterday",
        "ON 31-Feb-2026",
        "LARGER x",
        "KEYWORD",
        "UID",
        "CHARSET",
    ] {
        imap.command(&format!("SEARCH {keys}")).await.bad();
        imap.command("NOOP").await.ok();
    }
}

#[tokio::test]
async fn flags_dates_and_numbers_are_searched_without_the_service() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    found(&mut imap, "UNSEEN UNDELETED SINCE 1-Oct-2026 UID 1:*").await;
    assert_eq!(world.requests(), 0);
    found(&mut imap, "SUBJECT lunch").await;
    world.forget();
    found(&mut imap, "OR TEXT soup BODY contract").await;
    assert_eq!(world.requests(), 0, "the bytes are here since the last search");
}

#[tokio::test]
async fn numbers_do_not_move_during_a_search_by_number() {
    let world = world().await;
    let (mut imap, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    other.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    other.command("UID EXPUNGE 1").await.ok();
    let answer = imap.command("SEARCH UNDELETED").await.ok();
    assert_eq!(answer.search(), [2, 4]);
    answer.lacks("EXPUNGE");
    imap.command("FETCH 2 FLAGS").await.ok().lacks("EXPUNGE");
    imap.command("STORE 2 +FLAGS (\\Seen)").await.ok().lacks("EXPUNGE");
    let answer = imap.command("UID SEARCH UNDELETED").await.ok();
    assert_eq!(answer.search(), [2, 4]);
    answer.expect("* 1 EXPUNGE");
}

#[tokio::test]
async fn what_clients_search_by_most_is_answered_from_the_index_once_a_message_was_read() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    let keys = [
        "FROM bob",
        "SUBJECT \"gr\u{fc}\u{df}e\"",
        "NOT SUBJECT lunch",
        "OR FROM eve TO nobody",
        "CC carol SENTON 13-Oct-2026",
        "SENTBEFORE 13-Oct-2026 SMALLER 10000",
        "BCC \"\"",
    ];
    let mut from_bytes = Vec::new();
    for keys in keys {
        let keys = format!("CHARSET UTF-8 {keys}");
        from_bytes.push(found(&mut imap, &keys).await);
    }
    assert_eq!(from_bytes[..2], [vec![1, 3], vec![3]]);
    let blobs = world.state.path().join("mail").join(ADA).join("blobs");
    for shelf in std::fs::read_dir(blobs).unwrap() {
        std::fs::remove_dir_all(shelf.unwrap().path()).unwrap();
    }
    world.forget();
    for (keys, expected) in keys.into_iter().zip(from_bytes) {
        let again = found(&mut imap, &format!("CHARSET UTF-8 {keys}")).await;
        assert_eq!(again, expected, "{keys}");
    }
    assert_eq!(world.requests(), 0);
    assert_eq!(found(&mut imap, "HEADER X-Tag beta").await, [1, 2, 3, 4]);
    assert_eq!(world.requests(), 4, "other fields are in the messages only");
}
