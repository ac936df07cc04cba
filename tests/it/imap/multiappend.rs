//! Several messages in one APPEND (RFC 3502), literal8 (RFC 3516) and the announced limit (RFC 7889).

use std::time::Duration;

use m365_sim::{Fault, Kind, Rule};

use crate::imap_client::{Answer, ImapClient};
use crate::world::{World, mail};

/// One APPEND of these pieces, everything sent at once.
async fn append(imap: &mut ImapClient, folder: &str, messages: &[(&str, &[u8])]) -> Answer {
    let mut command = format!("APPEND {folder}").into_bytes();
    for (options, message) in messages {
        command.extend_from_slice(format!(" {options}{{{}+}}\r\n", message.len()).as_bytes());
        command.extend_from_slice(message);
    }
    imap.command_bytes(&command).await
}

#[tokio::test]
async fn all_messages_are_filed_in_their_order_each_with_its_own_flags_and_date() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    let (one, two, three) = (mail("one"), mail("two"), mail("three"));
    let messages: [(&str, &[u8]); 3] = [
        ("(\\Seen) ", &one),
        ("\"17-Jul-2020 02:44:25 -0700\" ", &two),
        ("(\\Flagged Red) \"17-Jul-2021 02:44:25 -0700\" ", &three),
    ];
    let answer = append(&mut imap, "INBOX", &messages).await.ok();
    assert!(answer.code("APPENDUID").ends_with(" 1:3"), "{answer}");
    assert_eq!(imap.uids().await, [1, 2, 3]);
    for (uid, message) in [(1, &one), (2, &two), (3, &three)] {
        assert_eq!(imap.message(uid).await, *message);
    }
    let answer = imap.command("FETCH 1:3 (FLAGS INTERNALDATE)").await.ok();
    let text = answer.to_string();
    assert!(text.contains("FLAGS (\\Seen)"), "{answer}");
    assert!(text.contains("FLAGS () INTERNALDATE \"17-Jul-2020 09:44:25 +0000\""), "{answer}");
    assert!(text.contains("FLAGS (\\Flagged Red) INTERNALDATE \"17-Jul-2021"), "{answer}");
    assert_eq!(world.ada().items("Inbox").len(), 3);
}

#[tokio::test]
async fn literals_that_wait_are_asked_for_one_by_one() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let (one, two) = (mail("one"), mail("two"));
    let tag = imap.begin(format!("APPEND Drafts {{{}}}", one.len()).as_bytes()).await;
    assert!(imap.text().await.starts_with('+'));
    imap.send(&[&one[..], format!(" {{{}}}\r\n", two.len()).as_bytes()].concat()).await;
    assert!(imap.text().await.starts_with('+'));
    assert!(world.ada().items("Drafts").is_empty(), "nothing before the last one is in");
    imap.send(&[&two[..], b"\r\n"].concat()).await;
    imap.answer(&tag).await.ok();
    assert_eq!(world.ada().items("Drafts").len(), 2);
}

#[tokio::test]
async fn the_same_message_twice_in_one_append_is_two_messages() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    let one = mail("one");
    append(&mut imap, "INBOX", &[("", &one), ("", &one)]).await.ok();
    assert_eq!(imap.uids().await, [1, 2]);
    imap.append("INBOX", &one).await.ok();
    assert_eq!(imap.uids().await, [1, 2, 3], "nor is a later one a retry");
}

#[tokio::test]
async fn if_one_message_cannot_be_taken_none_is_filed() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    let (good, nul, empty) = (mail("good"), b"with\0nul".as_slice(), b"".as_slice());
    for bad in [("", nul), ("", empty), ("(\\Strange) ", good.as_slice())] {
        append(&mut imap, "INBOX", &[("", &good), bad, ("", &good)]).await.no("CANNOT");
        append(&mut imap, "INBOX", &[bad, ("", &good)]).await.no("CANNOT");
    }
    append(&mut imap, "INBOX", &[("", &good), ("(\\Recent) ", &good)]).await.bad();
    append(&mut imap, "Nowhere", &[("", &good), ("", &good)]).await.no("TRYCREATE");
    let tag = imap.begin(format!("APPEND INBOX {{{}+}}", good.len()).as_bytes()).await;
    imap.send(&[&good[..], b" {157286401}\r\n"].concat()).await;
    imap.answer(&tag).await.no("TOOBIG");
    assert!(imap.uids().await.is_empty());
    assert!(world.ada().items("Inbox").is_empty());
    append(&mut imap, "INBOX", &[("", &good)]).await.ok();
}

#[tokio::test]
async fn if_the_service_refuses_one_message_those_before_it_are_taken_back() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    let refusal = Fault::status(400, "ErrorMimeContentInvalid");
    world.tenant.faults().push(Rule::on(Kind::CreateJson).skip(2).answer(refusal));
    let messages: Vec<Vec<u8>> = ["one", "two", "three", "four"].map(mail).into();
    let messages: Vec<(&str, &[u8])> = messages.iter().map(|one| ("", one.as_slice())).collect();
    append(&mut imap, "INBOX", &messages).await.no("CANNOT");
    assert!(world.ada().items("Inbox").is_empty());
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert!(imap.uids().await.is_empty());
    append(&mut imap, "INBOX", &messages).await.ok();
    assert_eq!(world.ada().items("Inbox").len(), 4);
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_found_by_the_next_try() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    let refusal = Fault::status(400, "ErrorMimeContentInvalid");
    world.tenant.faults().push(Rule::on(Kind::CreateJson).skip(1).answer(refusal));
    let denied = Fault::status(403, "ErrorAccessDenied");
    world.tenant.faults().push(Rule::on(Kind::Delete).answer(denied));
    let (one, two) = (mail("one"), mail("two"));
    append(&mut imap, "INBOX", &[("", &one), ("", &two)]).await.no("UNAVAILABLE");
    assert_eq!(world.ada().items("Inbox").len(), 1);
    let answer = append(&mut imap, "INBOX", &[("", &one), ("", &two)]).await.ok();
    assert!(answer.code("APPENDUID").ends_with(" 1:2"), "{answer}");
    assert_eq!(world.ada().items("Inbox").len(), 2);
    assert_eq!(imap.uids().await, [1, 2]);
}

#[tokio::test]
async fn a_message_may_come_as_literal8_unless_it_holds_nul_outside_of_binary_parts() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    let message =
        b"Subject: gr\xc3\xbc\xc3\x9f\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xff\xfe\r\n";
    let head = format!("APPEND INBOX ~{{{}+}}\r\n", message.len());
    imap.command_bytes(&[head.as_bytes(), message].concat()).await.ok();
    assert_eq!(imap.message(1).await, message);
    imap.command_bytes(b"APPEND INBOX ~{4+}\r\na\0\r\n").await.no("UNKNOWN-CTE");
    let tag = imap.begin(b"APPEND INBOX ~{4}").await;
    assert!(imap.text().await.starts_with('+'));
    imap.send(b"a\0\r\n\r\n").await;
    imap.answer(&tag).await.no("UNKNOWN-CTE");
    assert_eq!(world.ada().items("Inbox").len(), 1);
    let header = "Subject: nul\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n";
    let binary = format!("{header}Content-Transfer-Encoding: binary\r\n\r\n\0\x01\n\0");
    let command = format!("APPEND INBOX ~{{{}+}}\r\n{binary}\r\n", binary.len());
    imap.command_bytes(command.as_bytes()).await.ok();
    let encoded = format!("{header}Content-Transfer-Encoding: base64\r\n\r\nAAEKAA==\r\n");
    assert_eq!(imap.message(2).await, encoded.as_bytes());
    let answer = imap.command("FETCH 2 (BINARY.PEEK[1])").await.ok();
    assert_eq!(answer.literal().as_deref(), Some(&b"\0\x01\n\0"[..]));
}

#[tokio::test]
async fn utf8_around_a_message_needs_to_be_enabled() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.command_bytes(b"APPEND INBOX UTF8 (~{4+}\r\nabc\r)").await.bad();
    imap.command_bytes(b"APPEND INBOX UTF8 ({4+}\r\nabc\r)").await.bad();
    imap.command("NOOP").await.ok();
    assert!(world.ada().items("Inbox").is_empty());
}

#[tokio::test]
async fn the_limit_is_announced_after_login_and_true() {
    let world = World::adjusted(
        m365_sim::Tenant::builder().user(crate::world::ADA),
        |_| {},
        |config| config.limits.message_bytes = 5_000,
    )
    .await;
    let mut imap = world.imap().await;
    let capabilities = imap.command("CAPABILITY").await.ok().to_string();
    for name in [" MULTIAPPEND", " REPLACE", " APPENDLIMIT=5000"] {
        assert!(capabilities.contains(name), "{capabilities}");
    }
    let message = |size: usize| {
        let mut message = mail("exactly");
        message.resize(size, b'x');
        message
    };
    imap.append("INBOX", &message(5_000)).await.ok();
    imap.append("INBOX", &message(5_001)).await.no("TOOBIG");
    append(&mut imap, "INBOX", &[("", &message(5_001))]).await.no("TOOBIG");
    assert!(!world.stranger().await.greeting.contains("APPENDLIMIT"));
}

#[tokio::test]
async fn a_client_that_lost_the_answer_gets_the_same_message_by_its_next_try() {
    for (folder, kind, known) in
        [("INBOX", Kind::CreateJson, "Inbox"), ("Drafts", Kind::CreateMime, "Drafts")]
    {
        let world = World::new().await;
        let mut imap = world.imap().await;
        imap.command(&format!("STATUS {folder} (MESSAGES)")).await.ok();
        let message = mail("once");
        let hold = world.tenant.hold(kind);
        let head = format!("APPEND {folder} {{{}+}}", message.len());
        imap.begin(head.as_bytes()).await;
        imap.send(&[&message[..], b"\r\n"].concat()).await;
        hold.arrived(1).await;
        drop(imap);
        hold.release();
        let mut imap = world.selected(folder).await;
        world.advance(Duration::from_secs(5));
        while imap.uids().await.is_empty() {
            imap.command("NOOP").await.ok();
        }
        let answer = imap.append(folder, &message).await.ok();
        assert!(answer.code("APPENDUID").ends_with(" 1"), "{answer}");
        assert_eq!(imap.message(1).await, message);
        assert_eq!(world.ada().items(known).len(), 1);
        imap.append(folder, &message).await.ok();
        assert_eq!(world.ada().items(known).len(), 2, "what was answered is done");
    }
}

#[tokio::test]
async fn a_retry_finds_the_first_message_while_the_first_connection_is_still_open() {
    let world = World::new().await;
    let mut silent = world.imap().await;
    let message = mail("once");
    let first = silent.append("INBOX", &message).await.ok().code("APPENDUID");
    let mut imap = world.imap().await;
    assert_eq!(imap.append("INBOX", &message).await.ok().code("APPENDUID"), first);
    assert_eq!(world.ada().items("Inbox").len(), 1);
    silent.command("NOOP").await.ok();
    imap.append("INBOX", &message).await.ok();
    assert_eq!(world.ada().items("Inbox").len(), 2, "what was answered is done");
}

#[tokio::test]
async fn a_retry_with_other_flags_sets_them_and_the_same_with_another_date_is_another_message() {
    const OLD: &str = "\"01-Jan-2020 10:00:00 +0000\"";
    let world = World::new().await;
    let mut silent = world.imap().await;
    let message = mail("once");
    let first = format!("INBOX (\\Flagged) {OLD}");
    let first = silent.append(&first, &message).await.ok().code("APPENDUID");
    let mut imap = world.imap().await;
    let retry = format!("INBOX (\\Seen later) {OLD}");
    assert_eq!(imap.append(&retry, &message).await.ok().code("APPENDUID"), first);
    assert_eq!(world.ada().items("Inbox").len(), 1);
    imap.command("SELECT INBOX").await.ok();
    let answer = imap.command("FETCH 1 (FLAGS INTERNALDATE)").await.ok().lacks("\\Flagged");
    let shown = answer.to_string();
    for part in ["\\Seen", "later", "\" 1-Jan-2020 10:00:00 +0000\""] {
        assert!(shown.contains(part), "{part}: {answer}");
    }
    let other = "INBOX (\\Seen later) \"01-Jan-2021 10:00:00 +0000\"";
    let mut third = world.imap().await;
    assert_ne!(third.append(other, &message).await.ok().code("APPENDUID"), first);
    assert_eq!(world.ada().items("Inbox").len(), 2);
}

#[tokio::test]
async fn a_retry_waits_for_the_first_try_that_is_still_being_made() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.command("STATUS INBOX (MESSAGES)").await.ok();
    let message = mail("once");
    let hold = world.tenant.hold(Kind::CreateJson);
    let head = format!("APPEND INBOX {{{}+}}\r\n", message.len());
    let command = [head.as_bytes(), &message].concat();
    imap.begin(&command).await;
    hold.arrived(1).await;
    drop(imap);
    let mut imap = world.imap().await;
    let tag = imap.begin(&command).await;
    {
        // Turns of all tasks; what the retry does before it waits takes some hundreds.
        const TURNS: usize = 100_000;
        let mut second = std::pin::pin!(hold.arrived(2));
        for _ in 0..TURNS {
            tokio::select! {
                biased;
                () = &mut second => panic!("the retry is filed beside the first try"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    hold.release();
    let answer = imap.answer(&tag).await.ok();
    assert!(answer.code("APPENDUID").ends_with(" 1"), "{answer}");
    assert_eq!(world.ada().items("Inbox").len(), 1);
}

#[tokio::test]
async fn appends_sent_ahead_of_any_answer_do_not_confirm_each_other() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let messages = [mail("one"), mail("two"), mail("two")];
    let mut pipelined = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let head = format!("p{number} APPEND INBOX {{{}+}}\r\n", message.len());
        pipelined.extend([head.as_bytes(), message, b"\r\n"].concat());
    }
    imap.send(&pipelined).await;
    for tag in ["p0", "p1", "p2"] {
        imap.answer(tag).await.ok();
    }
    assert_eq!(world.ada().items("Inbox").len(), 3, "the same twice in one conversation is two");
    drop(imap);
    let mut imap = world.imap().await;
    imap.send(&pipelined).await;
    for (tag, uid) in [("p0", " 1"), ("p1", " 2"), ("p2", " 3")] {
        let answer = imap.answer(tag).await.ok();
        assert!(answer.code("APPENDUID").ends_with(uid), "{answer}");
    }
    assert_eq!(world.ada().items("Inbox").len(), 3);
    imap.command("NOOP").await.ok();
    imap.append("INBOX", &messages[0]).await.ok();
    assert_eq!(world.ada().items("Inbox").len(), 4, "what was answered is done");
}
