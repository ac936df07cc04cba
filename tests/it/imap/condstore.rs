//! CONDSTORE (RFC 7162 §3.1): mod-sequences, what makes a session show them, conditional STORE.

use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, World, id, mail};

async fn with_mail(count: usize) -> World {
    World::with(|tenant| {
        for number in 1..=count {
            tenant.person(ADA).inbox().deliver(mail(&format!("Mail{number}")));
        }
    })
    .await
}

fn flag(world: &World, index: usize) {
    world.ada().outlook().flag(&id(&world.ada().items("Inbox")[index]), "flagged");
}

fn highest(answer: &Answer) -> u64 {
    answer.code("HIGHESTMODSEQ").parse().unwrap()
}

/// The mod-sequence of the only FETCH of an answer.
fn told(answer: &Answer) -> u64 {
    let text = answer.to_string();
    let (_, rest) = text.split_once("MODSEQ (").unwrap_or_else(|| panic!("no MODSEQ: {answer}"));
    rest.split_once(')').unwrap().0.parse().unwrap()
}

async fn mod_seq(imap: &mut ImapClient, uid: u32) -> u64 {
    told(&imap.command(&format!("UID FETCH {uid} (MODSEQ)")).await.ok())
}

#[tokio::test]
async fn every_folder_has_a_highest_mod_sequence_even_an_empty_one() {
    let world = with_mail(2).await;
    let mut imap = world.imap().await;
    for folder in ["Drafts", "INBOX"] {
        for verb in ["SELECT", "EXAMINE"] {
            let answer = imap.command(&format!("{verb} {folder}")).await.ok();
            assert!(highest(&answer) > 0, "{answer}");
        }
    }
    let before = highest(&imap.command("SELECT Drafts").await.ok());
    imap.append("Drafts", &mail("First")).await.ok();
    let answer = imap.command(&format!("FETCH 1 FLAGS (CHANGEDSINCE {before})")).await.ok();
    assert!(told(&answer) > before, "{answer}");
}

#[tokio::test]
async fn status_tells_what_select_tells() {
    let world = with_mail(2).await;
    let mut imap = world.imap().await;
    let selected = highest(&imap.command("EXAMINE INBOX").await.ok());
    imap.command("UNSELECT").await.ok();
    let answer = imap.command("STATUS INBOX (MESSAGES HIGHESTMODSEQ)").await.ok();
    answer.expect(&format!("* STATUS INBOX (MESSAGES 2 HIGHESTMODSEQ {selected})"));
}

#[tokio::test]
async fn a_session_that_has_not_asked_is_told_no_mod_sequences() {
    let world = with_mail(2).await;
    let mut imap = world.selected("INBOX").await;
    let mut other = world.selected("INBOX").await;
    other.command("STORE 1 +FLAGS (\\Flagged)").await.ok().lacks("MODSEQ");
    imap.command("NOOP").await.ok().expect("* 1 FETCH (UID 1 FLAGS (\\Flagged))");
    imap.command("FETCH 1 (FLAGS BODY[])").await.ok().lacks("MODSEQ");
    imap.command("SEARCH FLAGGED").await.ok().expect("* SEARCH 1");
    imap.command("STORE 1:* +FLAGS (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok().lacks("HIGHESTMODSEQ");
}

#[tokio::test]
async fn each_enabling_command_tells_where_the_folder_stands_and_shows_mod_sequences_from_then_on()
{
    let world = with_mail(2).await;
    for command in [
        "STATUS Drafts (HIGHESTMODSEQ)",
        "FETCH 1 (MODSEQ)",
        "FETCH 1 (UID) (CHANGEDSINCE 1)",
        "UID FETCH 1 (UID) (CHANGEDSINCE 1)",
        "SEARCH MODSEQ 1",
        "UID SEARCH UNDELETED NOT MODSEQ 1",
        "STORE 1 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Answered)",
        "ENABLE CONDSTORE",
        "ENABLE QRESYNC",
    ] {
        let (mut imap, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
        let answer = imap.command(command).await.ok();
        assert!(answer.lines()[0].starts_with("* OK [HIGHESTMODSEQ "), "{command}: {answer}");
        let answer = imap.command(command).await.ok();
        assert!(!answer.lines()[0].starts_with("* OK"), "{command} again: {answer}");
        let sign = if world.ada().items("Inbox")[1].flag == "flagged" { '-' } else { '+' };
        other.command(&format!("STORE 2 {sign}FLAGS (\\Flagged)")).await.ok();
        let answer = imap.command("NOOP").await.ok();
        let line = format!("MODSEQ ({})", mod_seq(&mut other, 2).await);
        assert!(answer.lines()[0].contains(&line), "{command}: {answer}");
        assert!(answer.lines()[0].starts_with("* 2 FETCH (UID 2 FLAGS ("), "{command}: {answer}");
    }
    for select in ["SELECT INBOX (CONDSTORE)", "EXAMINE INBOX (CONDSTORE)"] {
        let mut imap = world.imap().await;
        let answer = imap.command(select).await.ok();
        let codes = answer.lines().iter().filter(|line| line.contains("HIGHESTMODSEQ")).count();
        assert_eq!(codes, 1, "{answer}");
        assert!(told(&imap.command("FETCH 1 FLAGS").await.ok()) > 0);
    }
}

#[tokio::test]
async fn enable_names_what_it_has_enabled() {
    let world = with_mail(0).await;
    let mut imap = world.imap().await;
    let capabilities = imap.command("CAPABILITY").await.ok().to_string();
    assert!(capabilities.contains(" CONDSTORE") && capabilities.contains(" QRESYNC"));
    imap.command("ENABLE X-NOTHING").await.ok().expect("* ENABLED");
    imap.command("ENABLE condstore X-NOTHING").await.ok().expect("* ENABLED CONDSTORE");
    imap.command("ENABLE QRESYNC").await.ok().expect("* ENABLED QRESYNC");
    imap.command("ENABLE QRESYNC CONDSTORE").await.ok().expect("* ENABLED CONDSTORE QRESYNC");
    imap.command("SELECT INBOX (X-NOTHING)").await.bad();
}

#[tokio::test]
async fn every_change_of_a_message_moves_its_mod_sequence_and_nothing_else_does() {
    let world = with_mail(3).await;
    let mut imap = world.imap().await;
    let mut last = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    let untouched = mod_seq(&mut imap, 3).await;
    // A STORE of one's own, one in silence, one by reading, one by Outlook.
    for number in 0..4 {
        let answer = match number {
            0 => imap.command("STORE 1 +FLAGS (\\Flagged)").await.ok(),
            1 => imap.command("UID STORE 1 -FLAGS.SILENT (\\Flagged)").await.ok(),
            2 => imap.command("FETCH 1 BODY[]").await.ok(),
            _ => {
                flag(&world, 0);
                world.tick().await;
                imap.command("NOOP").await.ok()
            }
        };
        let now = told(&answer);
        assert!(now > last, "{last} before {answer}");
        assert_eq!(now, mod_seq(&mut imap, 1).await);
        assert!(answer.to_string().contains("UID 1"), "{answer}");
        last = now;
    }
    // Setting what is set changes nothing, and silence has nothing to say.
    imap.command("STORE 1 +FLAGS.SILENT (\\Flagged)").await.ok().silent();
    imap.command("FETCH 1 BODY[]").await.ok().lacks("MODSEQ");
    assert_eq!(mod_seq(&mut imap, 1).await, last);
    assert_eq!(mod_seq(&mut imap, 3).await, untouched);
    imap.append("INBOX", &mail("New")).await.ok();
    imap.command("COPY 3 INBOX").await.ok();
    let (new, copy) = (mod_seq(&mut imap, 4).await, mod_seq(&mut imap, 5).await);
    assert!(last < new && new < copy, "{last} {new} {copy}");
    assert_eq!(highest(&imap.command("SELECT INBOX").await.ok()), copy);
}

#[tokio::test]
async fn a_moved_message_is_new_where_it_arrives_and_counts_as_a_change_where_it_left() {
    let world = with_mail(2).await;
    let mut imap = world.imap().await;
    let archive = highest(&imap.command("EXAMINE Archive").await.ok());
    let inbox = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    let answer = imap.command("MOVE 1 Archive").await.ok();
    let left: u64 = answer.tagged.split_once("[HIGHESTMODSEQ ").unwrap().1[..]
        .split_once(']')
        .unwrap()
        .0
        .parse()
        .unwrap();
    assert!(left > inbox, "{answer}");
    assert_eq!(highest(&imap.command("SELECT Archive").await.ok()), mod_seq(&mut imap, 1).await);
    assert!(mod_seq(&mut imap, 1).await > archive);
}

#[tokio::test]
async fn changedsince_tells_of_what_has_changed_and_of_nothing_else() {
    let world = with_mail(4).await;
    let mut imap = world.imap().await;
    let since = highest(&imap.command("SELECT INBOX").await.ok());
    imap.command(&format!("FETCH 1:* FLAGS (CHANGEDSINCE {since})")).await.ok().lacks("FETCH (");
    imap.command("STORE 2 +FLAGS (\\Flagged)").await.ok();
    flag(&world, 2);
    world.tick().await;
    imap.command("NOOP").await.ok();
    let (two, three) = (mod_seq(&mut imap, 2).await, mod_seq(&mut imap, 3).await);
    let answer = imap.command(&format!("FETCH 1:* FLAGS (CHANGEDSINCE {since})")).await.ok();
    let lines = [
        format!("* 2 FETCH (FLAGS (\\Flagged) MODSEQ ({two}))"),
        format!("* 3 FETCH (FLAGS (\\Flagged) MODSEQ ({three}))"),
    ];
    assert_eq!(answer.lines(), lines);
    let answer = imap.command(&format!("UID FETCH 1,3:* UID (CHANGEDSINCE {since})")).await.ok();
    assert_eq!(answer.lines(), [format!("* 3 FETCH (UID 3 MODSEQ ({three}))")]);
    let answer = imap.command(&format!("UID FETCH 1:* UID (CHANGEDSINCE {two})")).await.ok();
    assert_eq!(answer.lines().len(), usize::from(three > two));
    imap.command("FETCH 5 FLAGS (CHANGEDSINCE 1)").await.bad();
    imap.command("FETCH 1 FLAGS (CHANGEDSINCE 0)").await.bad();
    imap.command("FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)").await.bad();
}

#[tokio::test]
async fn search_finds_by_mod_sequence_and_tells_the_highest_of_what_it_found() {
    let world = with_mail(3).await;
    let mut imap = world.imap().await;
    imap.command("SELECT INBOX (CONDSTORE)").await.ok();
    imap.command("STORE 2 +FLAGS (\\Flagged)").await.ok();
    imap.command("STORE 1 +FLAGS (\\Flagged)").await.ok();
    let (one, two) = (mod_seq(&mut imap, 1).await, mod_seq(&mut imap, 2).await);
    for (keys, found) in [
        (format!("MODSEQ {two}"), format!("* SEARCH 1 2 (MODSEQ {one})")),
        (format!("MODSEQ {two} 2:3"), format!("* SEARCH 2 (MODSEQ {two})")),
        (format!("MODSEQ \"/flags/\\\\flagged\" all {one}"), format!("* SEARCH 1 (MODSEQ {one})")),
        (format!("MODSEQ {}", one + 1), "* SEARCH".to_owned()),
        (format!("OR NOT MODSEQ 0 (MODSEQ {one})"), format!("* SEARCH 1 (MODSEQ {one})")),
        ("FLAGGED".to_owned(), "* SEARCH 1 2".to_owned()),
    ] {
        imap.command(&format!("SEARCH {keys}")).await.ok().expect(&found);
    }
    imap.command("SEARCH MODSEQ").await.bad();
}

#[tokio::test]
async fn a_conditional_store_changes_what_has_not_changed_and_names_the_rest() {
    let world = with_mail(4).await;
    let mut imap = world.imap().await;
    let since = highest(&imap.command("SELECT INBOX").await.ok());
    let mut other = world.selected("INBOX").await;
    other.command("STORE 2 +FLAGS.SILENT (\\Answered)").await.ok();
    let store = format!("STORE 1:3 (UNCHANGEDSINCE {since}) +FLAGS (\\Answered)");
    let answer = imap.command(&store).await.ok();
    assert!(answer.tagged.starts_with("OK [MODIFIED 2]"), "{answer}");
    let fetches: Vec<String> =
        answer.lines().into_iter().filter(|line| line.contains(" FETCH ")).collect();
    for (number, line) in (1..=3).zip(&fetches) {
        let begin = format!("* {number} FETCH (UID {number} FLAGS (\\Answered) MODSEQ (");
        assert!(line.starts_with(&begin), "{answer}");
    }
    assert_eq!(fetches.len(), 3, "{answer}");
    // Now that it knows, it may.
    let now = mod_seq(&mut imap, 2).await;
    let store = format!("UID STORE 2,4,99 (UNCHANGEDSINCE {now}) FLAGS.SILENT (\\Flagged)");
    let answer = imap.command(&store).await.ok();
    assert!(!answer.to_string().contains("MODIFIED"), "{answer}");
    assert_eq!(answer.lines().len(), 2, "{answer}");
    assert!(answer.lines()[0].starts_with("* 2 FETCH (UID 2 MODSEQ ("), "{answer}");
    imap.command("NOOP").await.ok().silent();
    let store = format!("UID STORE 1:4 (UNCHANGEDSINCE {since}) FLAGS.SILENT ()");
    let answer = imap.command(&store).await.ok();
    assert!(answer.tagged.starts_with("OK [MODIFIED 1:4]"), "{answer}");
}

#[tokio::test]
async fn a_conditional_store_that_changes_nothing_still_tells_the_mod_sequence() {
    let world = with_mail(1).await;
    let mut imap = world.imap().await;
    let since = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    let store = format!("STORE 1 (UNCHANGEDSINCE {since}) -FLAGS.SILENT (\\Seen)");
    let answer = imap.command(&store).await.ok();
    assert_eq!(answer.lines(), [format!("* 1 FETCH (UID 1 MODSEQ ({since}))")]);
}

#[tokio::test]
async fn a_conditional_store_does_not_overwrite_what_outlook_did_a_moment_ago() {
    let world = with_mail(2).await;
    let mut imap = world.imap().await;
    let since = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    // No poll has told the bridge of this.
    world.ada().outlook().mark_read(&id(&world.ada().items("Inbox")[0]), true);
    let store = format!("STORE 1:2 (UNCHANGEDSINCE {since}) FLAGS (\\Flagged)");
    let answer = imap.command(&store).await.ok();
    assert!(answer.tagged.starts_with("OK [MODIFIED 1]"), "{answer}");
    assert!(answer.lines()[0].starts_with("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ ("), "{answer}");
    let items = world.ada().items("Inbox");
    assert_eq!((items[0].is_read, items[0].flag.as_str()), (true, "notFlagged"));
    assert_eq!(items[1].flag, "flagged");
}

#[tokio::test]
async fn a_change_of_another_flag_a_moment_ago_is_no_reason_to_spare_a_message() {
    let world = with_mail(1).await;
    let mut imap = world.imap().await;
    let since = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    world.ada().outlook().mark_read(&id(&world.ada().items("Inbox")[0]), true);
    let store = format!("STORE 1 (UNCHANGEDSINCE {since}) +FLAGS.SILENT (\\Flagged)");
    let answer = imap.command(&store).await.ok().lacks("MODIFIED");
    let begin = "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen) MODSEQ (";
    assert!(answer.lines()[0].starts_with(begin), "{answer}");
}

#[tokio::test]
async fn since_zero_only_a_keyword_that_is_nowhere_may_be_set() {
    let world = with_mail(2).await;
    let mut imap = world.imap().await;
    imap.command("SELECT INBOX (CONDSTORE)").await.ok();
    let zero = "STORE 1:2 (UNCHANGEDSINCE 0)";
    for edit in ["+FLAGS (\\Seen)", "-FLAGS (\\Seen)", "FLAGS (Mine)", "+FLAGS (Mine \\Seen)"] {
        let answer = imap.command(&format!("{zero} {edit}")).await.ok();
        assert!(answer.tagged.starts_with("OK [MODIFIED 1:2]"), "{edit}: {answer}");
    }
    imap.command("STORE 2 +FLAGS (Mine)").await.ok();
    let answer = imap.command(&format!("{zero} +FLAGS.SILENT (Mine)")).await.ok();
    assert!(answer.tagged.starts_with("OK [MODIFIED 2]"), "{answer}");
    assert_eq!(world.ada().items("Inbox")[0].categories, ["Mine"]);
    let answer = imap.command(&format!("{zero} +FLAGS.SILENT (Mine)")).await.ok();
    assert!(answer.tagged.starts_with("OK [MODIFIED 1:2]"), "{answer}");
}

#[tokio::test]
async fn a_message_that_is_gone_fails_the_store_and_what_was_spared_is_named_all_the_same() {
    let world = with_mail(3).await;
    let mut imap = world.imap().await;
    let since = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    let mut other = world.selected("INBOX").await;
    other.command("STORE 2 +FLAGS (\\Flagged)").await.ok();
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[2]));
    let store = format!("STORE 1:3 (UNCHANGEDSINCE {since}) +FLAGS (\\Seen)");
    let answer = imap.command(&store).await.no("MODIFIED 2]");
    assert!(answer.lines()[0].starts_with("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ ("), "{answer}");
    // The number of what is gone does not move now, so the client must not trust what it has heard.
    let last = answer.lines().pop().unwrap();
    assert_eq!(last, format!("* OK [HIGHESTMODSEQ {since}] Told up to here"));
    let answer = imap.command("NOOP").await.ok();
    assert_eq!(answer.lines()[0], "* 3 EXPUNGE");
    assert!(highest(&answer) > since);
    imap.command("NOOP").await.ok().silent();
}

#[tokio::test]
async fn while_an_expunge_is_held_back_the_client_is_kept_from_believing_it_knows_more() {
    let world = with_mail(4).await;
    let mut imap = world.imap().await;
    let known = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    let mut other = world.selected("INBOX").await;
    other.command("STORE 2 +FLAGS (\\Deleted)").await.ok();
    other.command("EXPUNGE").await.ok();
    other.command("UID STORE 4 +FLAGS (\\Flagged)").await.ok();
    for command in ["FETCH 4 (FLAGS)", "STORE 1 +FLAGS (\\Seen)", "SEARCH 1:4", "UID SEARCH 1:4"] {
        let answer = imap.command(command).await.ok().lacks("EXPUNGE");
        assert_eq!(highest(&answer), known, "{answer}");
    }
    let answer = imap.command("UID SEARCH ALL").await.ok();
    assert_eq!(answer.lines()[1], "* 2 EXPUNGE");
    let line = answer.lines().pop().unwrap();
    assert!(line.starts_with("* OK [HIGHESTMODSEQ "), "{answer}");
    assert_eq!(highest(&answer), highest(&imap.command("EXAMINE INBOX").await.ok()));
}

#[tokio::test]
async fn mod_sequences_outlive_the_bridge() {
    let mut world = with_mail(3).await;
    let mut imap = world.imap().await;
    let begin = highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok());
    imap.command("STORE 2 +FLAGS (\\Flagged)").await.ok();
    let two = mod_seq(&mut imap, 2).await;
    drop(imap);
    world.restart().await;
    let mut imap = world.imap().await;
    assert_eq!(highest(&imap.command("SELECT INBOX (CONDSTORE)").await.ok()), two);
    let answer = imap.command(&format!("FETCH 1:* FLAGS (CHANGEDSINCE {begin})")).await.ok();
    answer.expect(&format!("* 2 FETCH (FLAGS (\\Flagged) MODSEQ ({two}))"));
    let store = format!("STORE 2 (UNCHANGEDSINCE {begin}) FLAGS ()");
    let answer = imap.command(&store).await.ok();
    assert!(answer.tagged.starts_with("OK [MODIFIED 2]"), "{answer}");
}
