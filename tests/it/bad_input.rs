//! What no well-behaved client sends: a clear answer, bounded memory, and the connection closed
//! only where it is no longer clear where the next command begins.

use crate::world::{ADA, World, mail};

async fn with_mail() -> World {
    World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(mail("One")))).await
}

#[tokio::test]
async fn commands_that_nobody_knows_are_bad_and_the_conversation_goes_on() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    for command in [
        "XYZZY",
        "UID",
        "UID XYZZY 1",
        "UID EXPUNGE",
        "FETCH",
        "FETCH 1",
        "FETCH 1 (FLAGS",
        "FETCH 1 BODY[",
        "FETCH 1 BODY[]<1>",
        "FETCH 99999999999 FLAGS",
        "FETCH 4294967296 FLAGS",
        "FETCH 1:2:3 FLAGS",
        "FETCH 1,,2 FLAGS",
        "STORE 1 +FLAGS",
        "STORE 1 +FLAGS (\\)",
        "SELECT",
        "SELECT a b",
        "SELECT \"unclosed",
        "LIST",
        "LIST \"\"",
        "STATUS INBOX",
        "STATUS INBOX MESSAGES",
        "COPY 1",
        "APPEND INBOX",
        "APPEND INBOX (\\Seen)",
        "APPEND INBOX \"text\"",
        "RENAME a",
        "CREATE",
        "LOGIN a b",
        "STARTTLS",
        "NOOP now",
        "CAPABILITY please",
        "(",
        "\u{7f}",
    ] {
        imap.command(command).await.bad();
        imap.command("NOOP").await.ok();
    }
    imap.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS ())");
}

#[tokio::test]
async fn a_line_without_a_usable_tag_is_answered_without_one() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    for line in ["+ NOOP", "a+b NOOP", "(x) NOOP", "{ NOOP", "\" NOOP", " NOOP", "*"] {
        imap.send(format!("{line}\r\n").as_bytes()).await;
        let answer = imap.text().await;
        assert!(answer.starts_with("* BAD "), "{line}: {answer}");
        imap.command("NOOP").await.ok();
    }
    for empty in ["\r\n", "\r\n\r\n", "\n"] {
        imap.send(empty.as_bytes()).await;
        imap.command("NOOP").await.ok().silent();
    }
}

#[tokio::test]
async fn commands_in_the_wrong_phase_are_bad() {
    let world = with_mail().await;
    let mut stranger = world.stranger().await;
    let of_users = ["SELECT INBOX", "LIST \"\" *", "CREATE a", "STATUS INBOX (MESSAGES)", "IDLE"];
    let of_readers = ["FETCH 1 FLAGS", "SEARCH ALL", "EXPUNGE", "CLOSE", "COPY 1 a", "CHECK"];
    for command in of_users.iter().chain(&of_readers) {
        stranger.command(command).await.bad();
        stranger.command("NOOP").await.ok();
    }
    let mut user = world.imap().await;
    for command in of_readers {
        user.command(command).await.bad();
        user.command("NOOP").await.ok();
    }
    user.command("AUTHENTICATE PLAIN").await.bad();
    user.command(&format!("LOGIN {ADA} x")).await.bad();
    user.command("STARTTLS").await.bad();
}

#[tokio::test]
async fn a_stranger_cannot_file_a_message() {
    let world = with_mail().await;
    let mut stranger = world.stranger().await;
    let tag = stranger.begin(b"APPEND INBOX {10}").await;
    stranger.answer(&tag).await.bad().silent();
    stranger.command("APPEND INBOX {4+}\r\nabcd").await.bad();
    stranger.command("NOOP").await.ok();
}

#[tokio::test]
async fn a_literal_that_cannot_be_counted_ends_the_conversation() {
    let world = with_mail().await;
    for announcement in [
        "LOGIN {99999999999+}",
        "LOGIN {-1}",
        "LOGIN {+}",
        "LOGIN {1e3}",
        "LOGIN {1000000000+}",
        "SELECT {99999999999999999999999999}",
        "APPEND INBOX {99999999999+}",
    ] {
        let mut client = world.stranger().await;
        let tag = client.begin(announcement.as_bytes()).await;
        client.answer(&tag).await.bad();
        assert!(client.text().await.starts_with("* BYE"), "{announcement}");
        assert!(client.is_closed().await, "{announcement}");
    }
}

#[tokio::test]
async fn a_literal_that_waits_for_leave_is_refused_without_losing_the_conversation() {
    let world = with_mail().await;
    let mut stranger = world.stranger().await;
    for announcement in ["LOGIN {1000000000}", "LOGIN {9000}", "LOGIN {99999999999}"] {
        let tag = stranger.begin(announcement.as_bytes()).await;
        stranger.answer(&tag).await.bad().silent();
    }
    let mut imap = world.imap().await;
    for announcement in ["SELECT {1000000000}", "SEARCH TEXT {70000}"] {
        let tag = imap.begin(announcement.as_bytes()).await;
        imap.answer(&tag).await.bad().silent();
    }
    for announcement in ["APPEND INBOX {1000000000}", "APPEND INBOX {5000000000}"] {
        let tag = imap.begin(announcement.as_bytes()).await;
        imap.answer(&tag).await.no("TOOBIG").silent();
    }
    imap.command("NOOP").await.ok();
}

#[tokio::test]
async fn an_unasked_gigabyte_is_counted_and_never_kept() {
    let world = with_mail().await;
    let mut imap = world.imap().await;
    let tag = imap.begin(b"APPEND INBOX {160000000+}").await;
    imap.answer(&tag).await.no("TOOBIG");
    for _ in 0..160 {
        imap.send(&[b'x'; 1_000_000]).await;
    }
    imap.send(b"\r\n").await;
    imap.command("NOOP").await.ok();
    imap.command("STATUS INBOX (MESSAGES)").await.ok().expect("* STATUS INBOX (MESSAGES 1)");
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let world = with_mail().await;
    for (mut client, length) in [(world.stranger().await, 50_000), (world.imap().await, 70_000)] {
        client.send(b"a LOGIN ").await;
        client.send(&vec![b'x'; length]).await;
        let answer = client.text().await;
        assert!(answer.starts_with("a BAD") || answer.starts_with("* BAD"), "{answer}");
        assert!(client.text().await.starts_with("* BYE"));
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_long_line_within_the_limit_is_a_command() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    let set: Vec<String> = (1..10_000).step_by(2).map(|uid| uid.to_string()).collect();
    imap.command(&format!("UID FETCH {} UID", set.join(","))).await.ok();
    let deep = format!("SEARCH {}ALL{}", "(".repeat(5_000), ")".repeat(5_000));
    let answer = imap.command(&deep).await;
    assert!(answer.tagged.starts_with("OK") || answer.tagged.starts_with("BAD"), "{answer}");
    imap.command(&format!("SEARCH {}ALL", "NOT ".repeat(10_000))).await;
    imap.command("NOOP").await.ok();
}

#[tokio::test]
async fn nul_and_bytes_that_are_no_text_are_bad() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    for command in [
        b"NO\0OP".as_slice(),
        b"SELECT \"a\0b\"",
        b"SELECT \"\xff\xfe\"",
        b"SELECT \xc3\xa9",
        b"\xff\xfe\xfd",
        b"CREATE {2+}\r\n\xff\xfe",
        b"STORE 1 +FLAGS (caf\xe9)",
    ] {
        imap.command_bytes(command).await.bad();
        imap.command("NOOP").await.ok();
    }
    for name in ["&AGE", "&!!!-"] {
        imap.command(&format!("SELECT \"{name}\"")).await.no("NONEXISTENT");
    }
    let mut client = world.stranger().await;
    client.command_bytes(b"LOGIN {3+}\r\na\0b x").await.bad();
    let tag = client.begin(b"LOGIN {2+}\r\n\xff\xfe x").await;
    let answer = world.while_delays_pass(client.answer(&tag)).await;
    assert!(!answer.tagged.starts_with("OK"), "{answer}");
}

#[tokio::test]
async fn ten_mistakes_in_a_row_end_the_conversation_and_a_sensible_word_forgives() {
    let world = with_mail().await;
    let mut imap = world.imap().await;
    for _ in 0..9 {
        imap.command("NONSENSE").await.bad();
    }
    imap.command("NOOP").await.ok();
    for _ in 0..10 {
        imap.command("NONSENSE").await.bad();
    }
    assert!(imap.text().await.starts_with("* BYE"));
    assert!(imap.is_closed().await);
}

#[tokio::test]
async fn another_protocol_on_this_port_is_shown_out() {
    let world = with_mail().await;
    for hello in [
        "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".repeat(10).into_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(5_000),
        b"EHLO client\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n".repeat(5),
        b"\0".repeat(60_000),
    ] {
        let mut client = world.stranger().await;
        client.send(&hello).await;
        loop {
            let Some(line) = client.line().await else { break };
            let line = String::from_utf8(line).unwrap();
            assert!(line.contains("BAD") || line.starts_with("* BYE"), "{line}");
        }
    }
}

#[tokio::test]
async fn pipelined_garbage_is_answered_line_by_line_in_order() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    imap.send(b"a1 NOOP\r\na2 WHAT\r\na3 FETCH 1 UID\r\na4 FETCH x y\r\n\r\na5 NOOP\r\n").await;
    let mut lines = Vec::new();
    for _ in 0..6 {
        lines.push(imap.text().await);
    }
    let begin = ["a1 OK", "a2 BAD", "* 1 FETCH (UID 1)", "a3 OK", "a4 BAD", "a5 OK"];
    for (line, begin) in lines.iter().zip(begin) {
        assert!(line.starts_with(begin), "{lines:?}");
    }
}

#[tokio::test]
async fn commands_behind_a_wrong_login_wait_for_its_answer() {
    let world = with_mail().await;
    let mut client = world.stranger().await;
    client.send(b"a1 LOGIN ada@contoso.example wrong\r\na2 SELECT INBOX\r\n").await;
    let first = world.while_delays_pass(client.text()).await;
    assert!(first.starts_with("a1 NO [AUTHENTICATIONFAILED]"), "{first}");
    assert!(client.text().await.starts_with("a2 BAD"));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_anything_harms_no_one() {
    let world = with_mail().await;
    for (logged_in, last_words) in [
        (false, "a LOGIN {5}\r\n"),
        (false, "a AUTHENTICATE PLAIN\r\n"),
        (false, "a LOG"),
        (true, "a IDLE\r\n"),
        (true, "a APPEND INBOX {100}\r\n"),
        (true, "a FETCH 1 BODY[]\r\n"),
        (true, "a SELECT {5+}\r\nIN"),
    ] {
        let mut client =
            if logged_in { world.selected("INBOX").await } else { world.stranger().await };
        client.send(last_words.as_bytes()).await;
    }
    let mut imap = world.selected("INBOX").await;
    imap.command("FETCH 1 UID").await.ok().expect("* 1 FETCH (UID 1)");
    assert_eq!(world.ada().items("Inbox").len(), 1);
}
