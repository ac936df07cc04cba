//! Whole conversations over a socket, against a mailbox in memory.

use std::time::Duration;

use footbridge::mailbox::Kind;
use footbridge::net::Drained;

use crate::fake::World;

const HELLO: &str = "From: Bob <bob@contoso.example>\nTo: ada@contoso.example\nSubject: Hello\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n\nGood morning\n";

#[tokio::test]
async fn a_message_is_listed_read_and_marked_as_read() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    let mut ada = world.connect().await;
    let answer = ada.ok("LOGIN ada@contoso.example secret").await;
    assert!(answer.starts_with("t OK [CAPABILITY IMAP4rev1 ") && answer.contains("UIDPLUS"));
    let answer = ada.ok("SELECT inbox").await;
    for expected in ["* 1 EXISTS\r\n", "[UNSEEN 1]", "[UIDNEXT 2]", "[READ-WRITE]"] {
        assert!(answer.contains(expected), "{expected} in {answer}");
    }
    let size = HELLO.replace('\n', "\r\n").len();
    let answer = ada.ok("FETCH 1 (RFC822.SIZE FLAGS BODY.PEEK[TEXT])").await;
    let expected = format!(
        "* 1 FETCH (RFC822.SIZE {size} FLAGS () BODY[TEXT] {{14}}\r\nGood morning\r\n)\r\n"
    );
    assert!(answer.starts_with(&expected), "{answer}");
    let answer = ada.ok("UID FETCH 1:* (BODY[HEADER.FIELDS (Subject)]<0.7> ENVELOPE)").await;
    let expected =
        "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)]<0> {7}\r\nSubject ENVELOPE (\"Tue";
    assert!(answer.starts_with(expected), "{answer}");
    assert!(answer.contains(" FLAGS (\\Seen))\r\nt OK "), "{answer}");
    let answer = ada.ok("FETCH 1 BODY[]").await;
    assert!(!answer.contains("FLAGS"), "already read: {answer}");
    let answer = ada.ok("FETCH 1 BODY[2]").await;
    assert!(answer.starts_with("* 1 FETCH (BODY[2] NIL)\r\n"), "{answer}");
}

#[tokio::test]
async fn examine_changes_nothing() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    assert!(ada.ok("EXAMINE INBOX").await.contains("[PERMANENTFLAGS ()]"));
    let answer = ada.ok("FETCH 1 (FLAGS BODY[TEXT])").await;
    assert!(answer.contains("FLAGS ()") && !answer.contains("\\Seen"), "{answer}");
    for command in
        ["STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "UID EXPUNGE 1", "MOVE 1 \"Sent Items\""]
    {
        let answer = ada.say(command).await;
        assert!(answer.starts_with("t NO [READ-ONLY]"), "{command}: {answer}");
    }
    ada.ok("CLOSE").await;
    assert!(ada.say("CHECK").await.starts_with("t BAD"));
}

#[tokio::test]
async fn stored_flags_are_shown_once_and_silence_is_kept() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    let answer = ada.ok("STORE 1 +FLAGS (\\Flagged $Forwarded Red)").await;
    assert_eq!(answer.matches("FETCH").count(), 1, "{answer}");
    assert!(
        answer.contains("* FLAGS (")
            && answer.contains("* 1 FETCH (FLAGS (\\Flagged $Forwarded Red))")
    );
    let answer = ada.ok("UID STORE 1:2 FLAGS.SILENT (\\Seen)").await;
    assert!(!answer.contains("FETCH"), "{answer}");
    assert!(!ada.ok("NOOP").await.contains("FETCH"));
    let mut eve = world.inbox().await;
    eve.ok("STORE 2 +FLAGS (\\Answered)").await;
    let answer = ada.ok("NOOP").await;
    assert!(answer.contains("* 2 FETCH (UID 2 FLAGS (\\Answered \\Seen))"), "{answer}");
    assert!(ada.say("STORE 3 +FLAGS (\\Seen)").await.starts_with("t BAD"));
    assert!(ada.say("STORE 1 +FLAGS (\\Strange)").await.starts_with("t NO"));
}

#[tokio::test]
async fn a_refused_write_is_never_shown_as_done() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    ada.ok("FETCH 1 BODY.PEEK[]").await;
    world.backend.fail_next(Kind::Conflict);
    let answer = ada.say("STORE 1 +FLAGS (\\Flagged)").await;
    assert!(answer.starts_with("t NO [INUSE]"), "{answer}");
    world.backend.fail_next(Kind::Unreachable);
    let answer = ada.ok("FETCH 1 BODY[TEXT]").await;
    assert!(answer.contains("Good morning") && !answer.contains("FLAGS"), "{answer}");
    assert!(ada.ok("FETCH 1 FLAGS").await.contains("FLAGS ()"));
}

#[tokio::test]
async fn a_fault_on_one_message_leaves_nothing_half_written() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    world.backend.fail_next(Kind::Unreachable);
    let answer = ada.say("FETCH 1 (FLAGS BODY.PEEK[])").await;
    assert!(answer.starts_with("t NO [UNAVAILABLE]"), "{answer}");
    assert!(ada.ok("FETCH 1 BODY.PEEK[TEXT]").await.contains("Good morning"));
}

#[tokio::test]
async fn numbers_stay_during_fetch_and_move_at_noop() {
    let world = World::new().await;
    let first = world.backend.deliver(HELLO);
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    let mut eve = world.inbox().await;
    world.backend.vanish(&first);
    eve.ok("NOOP").await;
    let answer = ada.say("FETCH 1:2 FLAGS").await;
    assert!(answer.starts_with("* 2 FETCH (FLAGS ())\r\nt NO [EXPUNGEISSUED]"), "{answer}");
    assert!(ada.ok("SEARCH ALL").await.starts_with("* SEARCH 2\r\n"));
    let answer = ada.ok("UID FETCH 1:2 UID").await;
    assert!(answer.starts_with("* 2 FETCH (UID 2)\r\n* 1 EXPUNGE\r\n"), "{answer}");
    world.backend.deliver(HELLO);
    let answer = ada.ok("NOOP").await;
    assert!(answer.starts_with("* 2 EXISTS\r\n"), "{answer}");
}

#[tokio::test]
async fn copies_and_moves_tell_the_new_uids() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    ada.ok("CREATE Work/2024").await;
    let answer = ada.ok("COPY 1:2 Work/2024").await;
    assert!(answer.contains("t OK [COPYUID ") && answer.contains(" 1:2 1:2]"), "{answer}");
    let answer = ada.ok("UID MOVE 1,7 Work").await;
    let (moved, gone) =
        (answer.find("* OK [COPYUID").unwrap(), answer.find("* 1 EXPUNGE").unwrap());
    assert!(moved < gone && answer.ends_with("t OK Moved\r\n"), "{answer}");
    assert!(ada.say("COPY 1 Nowhere").await.starts_with("t NO [TRYCREATE]"));
    assert!(ada.ok("UID COPY 99 Work").await.starts_with("t OK There"));
    let answer = ada.ok("STATUS Work/2024 (MESSAGES UIDNEXT UNSEEN RECENT)").await;
    assert!(
        answer.starts_with("* STATUS Work/2024 (MESSAGES 2 UIDNEXT 3 UNSEEN 2 RECENT 2)"),
        "{answer}"
    );
}

#[tokio::test]
async fn only_deleted_messages_are_expunged() {
    let world = World::new().await;
    (0..4).for_each(|_| drop(world.backend.deliver(HELLO)));
    let mut ada = world.inbox().await;
    ada.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)").await;
    let answer = ada.ok("UID EXPUNGE 2:4").await;
    assert!(answer.starts_with("* 3 EXPUNGE\r\n* 2 EXPUNGE\r\nt OK"), "{answer}");
    let answer = ada.ok("CLOSE").await;
    assert!(!answer.contains("EXPUNGE"), "{answer}");
    assert!(ada.ok("SELECT INBOX").await.contains("* 1 EXISTS"));
}

#[tokio::test]
async fn search_looks_at_bytes_only_where_they_decide() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    world.backend.deliver(&HELLO.replace("Hello", "=?iso-8859-1?q?Gr=FC=DFe?="));
    let mut ada = world.inbox().await;
    for (command, expected) in [
        ("SEARCH UNSEEN", "* SEARCH 1 2\r\n"),
        ("UID SEARCH SUBJECT hello", "* SEARCH 1\r\n"),
        ("SEARCH NOT SUBJECT hello", "* SEARCH 2\r\n"),
        ("SEARCH CHARSET ISO-8859-1 SUBJECT {5+}\r\ngr\u{fc}\u{df}", ""),
        ("SEARCH BODY morning 2", "* SEARCH 2\r\n"),
        ("SEARCH OR SEEN TEXT bob", "* SEARCH 1 2\r\n"),
        ("SEARCH SENTON 14-Nov-2023 ON 14-Nov-2023", "* SEARCH 1 2\r\n"),
        ("SEARCH SENTBEFORE 14-Nov-2023", "* SEARCH\r\n"),
        ("SEARCH LARGER 10 SMALLER 10000 UID 2:*", "* SEARCH 2\r\n"),
        ("SEARCH HEADER X-TUID abc", "* SEARCH\r\n"),
        ("SEARCH NEW", "* SEARCH 1 2\r\n"),
    ] {
        if !expected.is_empty() {
            let answer = ada.ok(command).await;
            assert!(answer.starts_with(expected), "{command}: {answer}");
        }
    }
    let answer = ada.ok("SEARCH CHARSET UTF-8 SUBJECT {7+}\r\ngrüße").await;
    assert!(answer.starts_with("* SEARCH 2\r\n"), "{answer}");
    assert!(
        ada.say("SEARCH CHARSET X-NO SUBJECT a")
            .await
            .starts_with("t NO [BADCHARSET (US-ASCII UTF-8)]")
    );
}

#[tokio::test]
async fn an_appended_message_comes_back_byte_for_byte() {
    let world = World::new().await;
    let mut ada = world.inbox().await;
    let mail = HELLO.replace('\n', "\r\n");
    ada.send(&format!(
        "t APPEND INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {{{}}}\r\n",
        mail.len()
    ))
    .await;
    assert!(ada.until("\r\n").await.starts_with("+ "));
    ada.send(&format!("{mail}\r\n")).await;
    let answer = ada.answer().await;
    assert!(answer.contains("* 1 EXISTS\r\n") && answer.contains("t OK [APPENDUID "), "{answer}");
    assert!(ada.ok("FETCH 1 RFC822").await.contains(&mail));
    let answer = ada.say("APPEND Nowhere {5}").await;
    assert!(answer.starts_with("t NO [TRYCREATE]"), "{answer}");
    let answer = ada.say("APPEND INBOX {99000000}").await;
    assert!(answer.starts_with("t NO [TOOBIG]"), "{answer}");
    ada.send("t APPEND INBOX {5+}\r\na\0b\r\n\r\n").await;
    assert!(ada.answer().await.starts_with("t NO [CANNOT]"));
    ada.ok("NOOP").await;
}

#[tokio::test]
async fn idle_pushes_what_happens() {
    let world = World::new().await;
    let mut ada = world.inbox().await;
    ada.send("t IDLE\r\n").await;
    assert_eq!(ada.until("\r\n").await, "+ idling\r\n");
    let mut eve = world.inbox().await;
    let hello = world.backend.deliver(HELLO);
    eve.ok("NOOP").await;
    assert_eq!(ada.until("\r\n").await, "* 1 EXISTS\r\n");
    world.backend.vanish(&hello);
    eve.ok("NOOP").await;
    assert_eq!(ada.until("\r\n").await, "* 1 EXPUNGE\r\n");
    ada.send("done\r\n").await;
    assert_eq!(ada.answer().await, "t OK IDLE done\r\n");
    ada.send("t IDLE\r\nNOOP\r\n").await;
    assert!(ada.answer().await.contains("t BAD"));
    ada.ok("NOOP").await;
}

#[tokio::test]
async fn folders_are_listed_with_what_they_are_for() {
    let world = World::new().await;
    let mut ada = world.inbox().await;
    ada.ok("CREATE Work/2024/").await;
    assert_eq!(
        ada.ok("LIST \"\" \"\"").await,
        "* LIST (\\Noselect) \"/\" \"\"\r\nt OK LIST done\r\n"
    );
    let answer = ada.ok("LIST \"\" %").await;
    for expected in [
        "* LIST (\\HasNoChildren) \"/\" INBOX\r\n",
        "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"\r\n",
        "* LIST (\\HasChildren) \"/\" Work\r\n",
    ] {
        assert!(answer.contains(expected), "{answer}");
    }
    assert!(!answer.contains("2024"));
    ada.ok("SUBSCRIBE Gone").await;
    ada.ok("SUBSCRIBE Work/2024").await;
    assert!(ada.ok("LSUB \"\" *").await.contains("* LSUB (\\Noselect) \"/\" Gone"));
    assert!(!ada.ok("LIST \"\" *").await.contains("Gone"));
    assert!(ada.say("DELETE INBOX").await.starts_with("t NO [CANNOT]"));
    assert!(ada.say("RENAME INBOX Work").await.starts_with("t NO [ALREADYEXISTS]"));
    assert!(ada.say("DELETE Work").await.starts_with("t NO [HASCHILDREN]"));
    ada.ok("RENAME Work/2024 Work/2025").await;
    ada.ok("SELECT Work/2025").await;
    assert!(ada.ok("DELETE Work/2025").await.contains("* OK [CLOSED]"));
    assert!(ada.say("FETCH 1 FLAGS").await.starts_with("t BAD"));
    assert!(ada.say("SELECT Work/2025").await.starts_with("t NO [NONEXISTENT]"));
}

#[tokio::test]
async fn a_wrong_password_costs_time_and_says_no_more_than_that() {
    let world = World::new().await;
    for user in ["ada@contoso.example", "nobody@contoso.example"] {
        let mut ada = world.connect().await;
        ada.send(&format!("t LOGIN {user} wrong\r\nu CAPABILITY\r\n")).await;
        let answer = tokio::select! {
            answer = ada.answer() => answer,
            () = world.let_pass(Duration::from_millis(20)) => unreachable!("time passes for ever"),
        };
        // How often it is said that the check takes time depends on the machine.
        let answer = answer.replace("* OK [INPROGRESS (\"t\" NIL NIL)] Still working\r\n", "");
        assert_eq!(answer, "t NO [AUTHENTICATIONFAILED] User name or password is wrong\r\n");
        assert!(ada.until("u OK").await.starts_with("* CAPABILITY IMAP4rev1"));
    }
    let mut ada = world.connect().await;
    ada.send("t AUTHENTICATE PLAIN\r\n").await;
    assert_eq!(ada.until("\r\n").await, "+ \r\n");
    ada.send("AGFkYUBjb250b3NvLmV4YW1wbGUAc2VjcmV0\r\n").await;
    assert!(ada.answer().await.starts_with("t OK [CAPABILITY"));
    assert!(ada.say("LOGIN a b").await.starts_with("t BAD"));
}

#[tokio::test]
async fn what_makes_no_sense_is_answered_bad_and_ends_after_a_while() {
    let world = World::new().await;
    let mut ada = world.connect().await;
    assert!(ada.say("FETCH 1 FLAGS").await.starts_with("t BAD"));
    assert!(ada.say("SELECT INBOX").await.starts_with("t BAD"));
    assert!(ada.say("STARTTLS").await.starts_with("t BAD"));
    for _ in 0..7 {
        ada.send("t GARBAGE\r\n").await;
    }
    let rest = ada.rest().await;
    assert!(rest.ends_with("* BYE Too many mistakes in a row\r\n"), "{rest}");
    let mut eve = world.connect().await;
    eve.send("t LOGIN {99999999999+}\r\n").await;
    let rest = eve.rest().await;
    assert!(rest.contains("BAD") && rest.contains("* BYE"), "{rest}");
}

#[tokio::test]
async fn a_long_wait_is_not_a_silent_one() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    world.backend.stall();
    ada.send("t FETCH 1 (BODY.PEEK[TEXT])\r\n").await;
    let heard = tokio::select! {
        heard = ada.until("\r\n") => heard,
        () = world.let_pass(Duration::from_secs(1)) => unreachable!("time passes for ever"),
    };
    assert_eq!(heard, "* OK [INPROGRESS (\"t\" 0 1)] Still working\r\n");
    world.backend.go_on();
    let answer = ada.answer().await;
    assert!(answer.contains("* 1 FETCH (BODY[TEXT] {14}\r\nGood morning\r\n)\r\nt OK"), "{answer}");
}

#[tokio::test]
async fn a_large_message_arrives_whole_and_in_pieces() {
    let world = World::new().await;
    let line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
    world.backend.deliver(&format!("{HELLO}{}", line.repeat(20_000)));
    let mut ada = world.inbox().await;
    let answer = ada.ok("FETCH 1 (UID BODY.PEEK[] RFC822.SIZE)").await;
    let (head, rest) = answer.split_once("}\r\n").unwrap();
    let size: usize = head.strip_prefix("* 1 FETCH (UID 1 BODY[] {").unwrap().parse().unwrap();
    let (message, tail) = rest.split_at(size);
    assert!(tail.starts_with(&format!(" RFC822.SIZE {size})\r\nt OK")), "{tail}");
    let mut pieces = String::new();
    while pieces.len() < size {
        let command = format!("FETCH 1 BODY.PEEK[]<{}.300000>", pieces.len());
        let answer = ada.ok(&command).await;
        let (head, rest) = answer.split_once("}\r\n").unwrap();
        let length: usize = head.rsplit_once('{').unwrap().1.parse().unwrap();
        pieces.push_str(&rest[..length]);
    }
    assert_eq!(pieces, message);
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let world = World::new().await;
    world.backend.deliver(HELLO);
    let mut ada = world.inbox().await;
    ada.send("a NOOP\r\nb FETCH 1 BODY[TEXT]\r\nc SEARCH SEEN\r\nt LOGOUT\r\n").await;
    let heard = ada.rest().await;
    let expected = [
        "a OK ",
        "* 1 FETCH (BODY[TEXT] {14}\r\nGood morning\r\n FLAGS (\\Seen))\r\n",
        "b OK ",
        "* SEARCH 1\r\n",
        "c OK ",
        "* BYE ",
        "t OK ",
    ];
    let found: Vec<Option<usize>> = expected.iter().map(|part| heard.find(part)).collect();
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{heard}");
}

#[tokio::test]
async fn shutdown_says_goodbye_to_everyone() {
    let world = World::new().await;
    let mut ada = world.inbox().await;
    let mut eve = world.inbox().await;
    eve.send("t IDLE\r\n").await;
    eve.until("+ idling\r\n").await;
    let drained = world.drain.drain(&world.clock, Duration::from_secs(10)).await;
    assert_eq!(drained, Drained::Clean);
    assert_eq!(ada.rest().await, "* BYE The bridge is shutting down\r\n");
    assert_eq!(eve.rest().await, "* BYE The bridge is shutting down\r\n");
}
