//! ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN (RFC 5032) and PARTIAL (RFC 9394).

use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, World, mail};

/// Five messages; the first is then expunged, so that UIDs are one ahead of the numbers: UIDs 2 to 5.
async fn world() -> (World, ImapClient) {
    let world = World::with(|tenant| {
        for number in 1..=5 {
            tenant.person(ADA).inbox().deliver(mail(&format!("Mail{number}")));
        }
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    imap.command("STORE 2,4 +FLAGS.SILENT (\\Flagged)").await.ok();
    (world, imap)
}

/// What an ESEARCH tells behind its tag, which must be that of the command.
async fn told(imap: &mut ImapClient, command: &str) -> String {
    let tag = imap.begin(command.as_bytes()).await;
    let answer = imap.answer(&tag).await.ok();
    let lines = answer.lines();
    let [line] = &lines[..] else { panic!("one line for {command}: {answer}") };
    let rest = line.strip_prefix(&format!("* ESEARCH (TAG \"{tag}\")"));
    rest.unwrap_or_else(|| panic!("{command}: {line}")).trim_start().to_owned()
}

/// The messages that `$` stands for, by UID.
async fn saved(imap: &mut ImapClient) -> Vec<u32> {
    imap.command("UID SEARCH $").await.ok().search()
}

fn capabilities(answer: &Answer) -> String {
    answer.lines().concat()
}

#[tokio::test]
async fn what_is_asked_for_is_told_and_nothing_else() {
    let (_world, mut imap) = world().await;
    for (command, expected) in [
        ("SEARCH RETURN (MIN) FLAGGED", "MIN 2"),
        ("SEARCH RETURN (MAX) FLAGGED", "MAX 4"),
        ("SEARCH RETURN (COUNT) FLAGGED", "COUNT 2"),
        ("SEARCH RETURN (ALL) ALL", "ALL 1:4"),
        ("SEARCH RETURN () FLAGGED", "ALL 2,4"),
        ("SEARCH RETURN (COUNT ALL MAX MIN) UNFLAGGED", "MIN 1 MAX 3 ALL 1,3 COUNT 2"),
        ("UID SEARCH RETURN (MIN MAX) ALL", "UID MIN 2 MAX 5"),
        ("UID SEARCH RETURN () CHARSET UTF-8 SUBJECT mail3", "UID ALL 3"),
        ("SEARCH RETURN (MIN MAX ALL) DELETED", ""),
        ("UID SEARCH RETURN (ALL COUNT) DELETED", "UID COUNT 0"),
    ] {
        assert_eq!(told(&mut imap, command).await, expected, "{command}");
    }
    imap.command("SEARCH FLAGGED").await.ok().expect("* SEARCH 2 4");
    imap.command("SEARCH RETURN (NONSENSE) ALL").await.bad();
    imap.command("SEARCH RETURN (COUNT) CHARSET X-KLINGON SUBJECT a")
        .await
        .no("BADCHARSET")
        .silent();
    let known = capabilities(&imap.command("CAPABILITY").await.ok());
    for name in ["ESEARCH", "SEARCHRES", "WITHIN", "PARTIAL", "I18NLEVEL=1"] {
        assert!(known.split(' ').any(|word| word == name), "{name} in {known}");
    }
}

#[tokio::test]
async fn the_newer_protocol_knows_no_other_answer() {
    let (_world, mut imap) = world().await;
    imap.command("ENABLE IMAP4rev2").await.ok();
    for (command, expected) in [
        ("SEARCH FLAGGED", "ALL 2,4"),
        ("UID SEARCH ALL", "UID ALL 2:5"),
        ("SEARCH DELETED", ""),
        ("SEARCH RETURN (MIN) FLAGGED", "MIN 2"),
    ] {
        assert_eq!(told(&mut imap, command).await, expected, "{command}");
    }
    imap.command("SEARCH RETURN (SAVE) FLAGGED").await.ok().silent();
    assert_eq!(told(&mut imap, "UID SEARCH $").await, "UID ALL 3,5");
    imap.command("SORT (REVERSE SUBJECT) UTF-8 $").await.ok().expect("* SORT 4 2");
    imap.command("ENABLE UTF8=ACCEPT").await.ok();
    imap.command("SEARCH RETURN (SAVE) CHARSET UTF-8 DELETED").await.bad();
    assert_eq!(told(&mut imap, "UID SEARCH $").await, "UID ALL 3,5");
}

#[tokio::test]
async fn a_page_of_the_result_is_counted_from_either_end() {
    let (_world, mut imap) = world().await;
    for (command, expected) in [
        ("SEARCH RETURN (PARTIAL 1:2) ALL", "PARTIAL (1:2 1:2)"),
        ("UID SEARCH RETURN (PARTIAL 2:3) ALL", "UID PARTIAL (2:3 3:4)"),
        ("UID SEARCH RETURN (PARTIAL -1:-2) ALL", "UID PARTIAL (-1:-2 4:5)"),
        ("UID SEARCH RETURN (PARTIAL -3:-1) UNFLAGGED", "UID PARTIAL (-3:-1 2,4)"),
        ("SEARCH RETURN (PARTIAL 4:9 COUNT) ALL", "PARTIAL (4:9 4) COUNT 4"),
        ("SEARCH RETURN (PARTIAL 5:9) ALL", "PARTIAL (5:9 NIL)"),
        ("SEARCH RETURN (MIN PARTIAL 2:2) FLAGGED", "MIN 2 PARTIAL (2:2 4)"),
    ] {
        assert_eq!(told(&mut imap, command).await, expected, "{command}");
    }
    imap.command("SEARCH RETURN (PARTIAL 1:2 ALL) ALL").await.bad();
}

#[tokio::test]
async fn uid_fetch_takes_a_page_of_its_set() {
    let (_world, mut imap) = world().await;
    let answer = imap.command("UID FETCH 1:* (UID) (PARTIAL -1:-2)").await.ok();
    assert_eq!(answer.lines(), ["* 3 FETCH (UID 4)", "* 4 FETCH (UID 5)"]);
    let answer = imap.command("UID FETCH 3:* (UID) (PARTIAL 1:1)").await.ok();
    assert_eq!(answer.lines(), ["* 2 FETCH (UID 3)"]);
    imap.command("UID FETCH 1:* (UID) (PARTIAL 9:10)").await.ok().silent();
    imap.command("FETCH 1:* (UID) (PARTIAL 1:1)").await.bad();
    let status = imap.command("STATUS INBOX (HIGHESTMODSEQ)").await.ok();
    let since = status.code("HIGHESTMODSEQ");
    imap.command("STORE 1,3,4 +FLAGS.SILENT (Red)").await.ok();
    let changed = format!("UID FETCH 1:* (FLAGS) (PARTIAL 1:2 CHANGEDSINCE {since})");
    let answer = imap.command(&changed).await.ok();
    let uids: Vec<bool> =
        ["UID 2 ", "UID 4 ", "UID 5 "].map(|uid| answer.to_string().contains(uid)).to_vec();
    assert_eq!(uids, [true, true, false], "{answer}");
}

#[tokio::test]
async fn a_search_for_mod_sequences_tells_the_highest_of_what_it_tells() {
    let (_world, mut imap) = world().await;
    let mut modseqs = Vec::new();
    for number in 1..=4 {
        imap.command(&format!("STORE {number} +FLAGS.SILENT (Red)")).await.ok();
        let answer = imap.command(&format!("FETCH {number} (MODSEQ)")).await.ok().to_string();
        modseqs
            .push(answer.split("MODSEQ (").nth(1).unwrap().split(')').next().unwrap().to_owned());
    }
    for (command, expected) in [
        ("SEARCH RETURN (MIN) MODSEQ 1 1:3", format!("MIN 1 MODSEQ {}", modseqs[0])),
        ("SEARCH RETURN (MAX) MODSEQ 1 1:3", format!("MAX 3 MODSEQ {}", modseqs[2])),
        ("SEARCH RETURN (MIN MAX) MODSEQ 1 1:2", format!("MIN 1 MAX 2 MODSEQ {}", modseqs[1])),
        ("SEARCH RETURN (MIN COUNT) MODSEQ 1", format!("MIN 1 COUNT 4 MODSEQ {}", modseqs[3])),
        ("SEARCH RETURN (ALL) MODSEQ 1 2", format!("ALL 2 MODSEQ {}", modseqs[1])),
        ("SEARCH RETURN (ALL) MODSEQ 999999", String::new()),
        ("SEARCH RETURN (PARTIAL 1:1) MODSEQ 1", format!("PARTIAL (1:1 1) MODSEQ {}", modseqs[0])),
    ] {
        assert_eq!(told(&mut imap, command).await, expected, "{command}");
    }
}

#[tokio::test]
async fn what_was_found_is_kept_and_named_by_a_dollar() {
    let (world, mut imap) = world().await;
    world.ada().outlook().create_folder("Kept");
    assert_eq!(saved(&mut imap).await, [0; 0], "nothing was kept yet");
    imap.command("SEARCH RETURN (SAVE) FLAGGED").await.ok().silent();
    assert_eq!(saved(&mut imap).await, [3, 5]);
    imap.command("SEARCH FLAGGED 1").await.ok();
    assert_eq!(saved(&mut imap).await, [3, 5], "only SAVE keeps");
    assert_eq!(told(&mut imap, "SEARCH RETURN (COUNT) UID $ NOT 4").await, "COUNT 1");
    let answer = imap.command("FETCH $ (UID)").await.ok();
    assert_eq!(answer.lines(), ["* 2 FETCH (UID 3)", "* 4 FETCH (UID 5)"]);
    imap.command("UID STORE $ +FLAGS.SILENT (Red)").await.ok();
    assert_eq!(imap.command("SEARCH KEYWORD Red").await.ok().search(), [2, 4]);
    let copied = imap.command("COPY $ Kept").await.ok();
    assert!(copied.tagged.contains(" 3,5 1:2]"), "{copied}");
    imap.command("STORE 2 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("UID EXPUNGE $").await.ok().expect("* 2 EXPUNGE");
    assert_eq!(saved(&mut imap).await, [5], "what is gone is in no result");
    imap.command("UID MOVE $ Kept").await.ok().expect("* 3 EXPUNGE");
    assert_eq!(saved(&mut imap).await, [0; 0]);
    imap.command("FETCH $ (UID)").await.ok().silent();
    imap.command("STORE $ +FLAGS (\\Seen)").await.ok().silent();
}

#[tokio::test]
async fn what_is_kept_is_what_was_told() {
    let (_world, mut imap) = world().await;
    for (options, expected) in [
        ("SAVE MIN", vec![2]),
        ("SAVE MAX", vec![5]),
        ("SAVE MIN MAX", vec![2, 5]),
        ("SAVE MIN COUNT", vec![2, 3, 4, 5]),
        ("SAVE ALL", vec![2, 3, 4, 5]),
        ("SAVE PARTIAL 2:3", vec![3, 4]),
        ("SAVE PARTIAL -1:-1 MIN", vec![2, 5]),
        ("SAVE PARTIAL 1:1 COUNT", vec![2, 3, 4, 5]),
    ] {
        told(&mut imap, &format!("UID SEARCH RETURN ({options}) ALL")).await;
        assert_eq!(saved(&mut imap).await, expected, "{options}");
    }
    imap.command("UID SORT RETURN (SAVE MIN) (REVERSE ARRIVAL) UTF-8 2:3").await.ok();
    assert_eq!(saved(&mut imap).await.len(), 1);
}

#[tokio::test]
async fn a_refused_search_and_a_new_folder_leave_nothing_kept_and_a_bad_one_changes_nothing() {
    let (_world, mut imap) = world().await;
    imap.command("SEARCH RETURN (SAVE) ALL").await.ok();
    imap.command("SEARCH RETURN (SAVE) NONSENSE").await.bad();
    imap.command("SEARCH CHARSET X-KLINGON SUBJECT a").await.no("BADCHARSET");
    assert_eq!(saved(&mut imap).await, [2, 3, 4, 5]);
    imap.command("SEARCH RETURN (SAVE) CHARSET X-KLINGON SUBJECT a").await.no("BADCHARSET");
    assert_eq!(saved(&mut imap).await, [0; 0]);
    imap.command("SEARCH RETURN (SAVE) ALL").await.ok();
    imap.command("SELECT INBOX").await.ok();
    assert_eq!(saved(&mut imap).await, [0; 0]);
    imap.command("SEARCH RETURN (SAVE) ALL").await.ok();
    imap.command("SEARCH RETURN (SAVE) DELETED").await.ok().silent();
    assert_eq!(saved(&mut imap).await, [0; 0]);
}

#[tokio::test]
async fn ages_are_measured_from_now_to_the_second() {
    let world = World::with(|tenant| {
        let now = tenant.clock().now();
        let ago = |seconds: i64| now - jiff::SignedDuration::from_secs(seconds);
        let inbox = tenant.person(ADA).inbox();
        inbox.deliver_at(mail("Old"), ago(3600));
        inbox.deliver_at(mail("New"), ago(60));
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    for (keys, expected) in [
        ("OLDER 3600", vec![1]),
        ("OLDER 3601", vec![]),
        ("YOUNGER 3600", vec![1, 2]),
        ("YOUNGER 3599", vec![2]),
        ("OLDER 60", vec![1, 2]),
        ("OLDER 60 YOUNGER 60", vec![2]),
        ("OLDER 4294967295", vec![]),
    ] {
        let found = imap.command(&format!("SEARCH {keys}")).await.ok().search();
        assert_eq!(found, expected, "{keys}");
    }
    imap.command("SEARCH OLDER 0").await.bad();
}
