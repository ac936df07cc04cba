//! FETCH: items, macros, sections, partials, \Seen, messages that vanish.

use crate::world::{ADA, World, id, mail};

const PARTS: &str = "From: \"Bob, the builder\" <bob@elsewhere.example>\r\n\
    To: Ada <ada@contoso.example>, eve@contoso.example\r\n\
    Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\
    Date: Mon, 2 Nov 2026 08:00:00 +0100\r\n\
    Message-ID: <parts@elsewhere.example>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"b\"\r\n\
    \r\n\
    preamble\r\n\
    --b\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    \r\n\
    Hello\r\n\
    --b\r\n\
    Content-Type: message/rfc822\r\n\
    \r\n\
    Subject: Inner\r\n\
    From: eve@contoso.example\r\n\
    \r\n\
    inner body\r\n\
    --b--\r\n";

async fn one(message: impl Into<bytes::Bytes>) -> World {
    let message = message.into();
    World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(message))).await
}

#[tokio::test]
async fn every_item_is_answered() {
    let world = one(PARTS).await;
    let mut imap = world.selected("INBOX").await;
    let items = "UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE RFC822.HEADER";
    let answer = imap.command(&format!("FETCH 1 ({items})")).await.ok();
    assert_eq!(answer.untagged.len(), 1, "{answer}");
    let line = &answer.lines()[0];
    for part in [
        "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \" 2-Nov-2026 09:00:00 +0000\"",
        &format!("RFC822.SIZE {} ENVELOPE (\"Mon, 2 Nov 2026 08:00:00 +0100\"", PARTS.len()),
        "\"=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\" ((\"Bob, the builder\" NIL \"bob\" \"elsewhere.example\"))",
        "\"<parts@elsewhere.example>\")",
        "BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 5 1",
    ] {
        assert!(line.to_lowercase().contains(&part.to_lowercase()), "{part} in {line}");
    }
    let header = PARTS.split_once("preamble").unwrap().0;
    assert_eq!(answer.literal().unwrap(), header.as_bytes());
}

#[tokio::test]
async fn macros_stand_for_their_items() {
    let world = one(mail("One")).await;
    let mut imap = world.selected("INBOX").await;
    let names = |line: &str| {
        let items = ["FLAGS (", "INTERNALDATE ", "RFC822.SIZE ", "ENVELOPE (", "BODY ("];
        items.map(|name| line.contains(name))
    };
    for (name, expected) in [
        ("ALL", [true, true, true, true, false]),
        ("FAST", [true, true, true, false, false]),
        ("FULL", [true; 5]),
    ] {
        let answer = imap.command(&format!("FETCH 1 {name}")).await.ok();
        assert_eq!(names(&answer.lines()[0]), expected, "{answer}");
    }
    imap.command("FETCH 1 (ALL FLAGS)").await.bad();
}

#[tokio::test]
async fn sections_are_the_octets_of_their_parts() {
    let world = one(PARTS).await;
    let mut imap = world.selected("INBOX").await;
    let (header, rest) = PARTS.split_at(PARTS.find("preamble").unwrap());
    let inner = "Subject: Inner\r\nFrom: eve@contoso.example\r\n\r\n";
    for (section, expected) in [
        ("", PARTS),
        ("HEADER", header),
        ("TEXT", rest),
        ("1", "Hello"),
        ("1.MIME", "Content-Type: text/plain; charset=utf-8\r\n\r\n"),
        ("2", &format!("{inner}inner body")),
        ("2.MIME", "Content-Type: message/rfc822\r\n\r\n"),
        ("2.HEADER", inner),
        ("2.TEXT", "inner body"),
        ("2.1", "inner body"),
        ("HEADER.FIELDS (DATE subject)", &fields(&["Subject", "Date"])),
        ("HEADER.FIELDS (X-None)", "\r\n"),
        (
            "HEADER.FIELDS.NOT (From To Date MIME-Version Content-Type)",
            &fields(&["Subject", "Message-ID"]),
        ),
        ("2.HEADER.FIELDS (FROM)", "From: eve@contoso.example\r\n\r\n"),
    ] {
        let answer = imap.command(&format!("FETCH 1 BODY.PEEK[{section}]")).await.ok();
        let octets = answer.literal().unwrap_or_else(|| quoted(&answer.lines()[0]));
        assert_eq!(String::from_utf8(octets).unwrap(), expected, "{section}");
    }
    for missing in ["3", "1.1", "2.2", "1.HEADER", "9.9.9"] {
        let answer = imap.command(&format!("FETCH 1 BODY.PEEK[{missing}]")).await.ok();
        assert_eq!(answer.lines()[0], format!("* 1 FETCH (BODY[{missing}] NIL)"));
    }
    for wrong in ["MIME", "0", "1.", "HEADER.FIELDS ()", "TEXT.1", "1.FOO"] {
        imap.command(&format!("FETCH 1 BODY.PEEK[{wrong}]")).await.bad();
    }
}

/// The lines of these fields of `PARTS`, in the order of the message, and the empty line.
fn fields(names: &[&str]) -> String {
    let line = |name: &&str| {
        let line = PARTS.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        format!("{line}\r\n")
    };
    names.iter().map(line).collect::<String>() + "\r\n"
}

fn quoted(line: &str) -> Vec<u8> {
    let value = line.split_once("] \"").unwrap().1;
    value.strip_suffix("\")").unwrap().as_bytes().to_vec()
}

#[tokio::test]
async fn partials_are_cut_where_the_part_ends() {
    let world = one(PARTS).await;
    let mut imap = world.selected("INBOX").await;
    let all = PARTS.len();
    for (partial, origin, range) in [
        ("0.10", 0, 0..10),
        ("5.7", 5, 5..12),
        (&format!("{}.100", all - 4), all - 4, all - 4..all),
        ("0.4294967295", 0, 0..all),
    ] {
        let answer = imap.command(&format!("FETCH 1 BODY.PEEK[]<{partial}>")).await.ok();
        assert!(answer.lines()[0].contains(&format!("BODY[]<{origin}> ")), "{answer}");
        let octets = answer.literal().unwrap_or_else(|| quoted(&answer.lines()[0]));
        assert_eq!(String::from_utf8(octets).unwrap(), &PARTS[range], "{partial}");
    }
    let answer = imap.command("FETCH 1 BODY.PEEK[TEXT]<99999.5>").await.ok();
    assert_eq!(answer.lines()[0], "* 1 FETCH (BODY[TEXT]<99999> {0}\r\n)");
}

#[tokio::test]
async fn reading_marks_as_read_and_peeking_does_not() {
    for (item, marks) in [
        ("BODY[]", true),
        ("BODY[TEXT]", true),
        ("BODY[HEADER.FIELDS (SUBJECT)]", true),
        ("BODY[]<0.1>", true),
        ("RFC822", true),
        ("RFC822.TEXT", true),
        ("RFC822.HEADER", false),
        ("BODY.PEEK[]", false),
        ("BODY", false),
        ("FULL", false),
    ] {
        let world = one(mail("One")).await;
        let mut imap = world.selected("INBOX").await;
        let answer = imap.command(&format!("FETCH 1 {item}")).await.ok();
        assert_eq!(answer.untagged.len(), 1, "{answer}");
        assert_eq!(answer.to_string().contains("FLAGS (\\Seen)"), marks, "{item}: {answer}");
        assert_eq!(world.ada().items("Inbox")[0].is_read, marks, "{item}");
        imap.command("NOOP").await.ok().silent();
    }
}

#[tokio::test]
async fn the_second_reader_sees_what_the_first_has_read() {
    let world = one(mail("One")).await;
    let (mut one, mut other) = (world.selected("INBOX").await, world.selected("INBOX").await);
    one.command("UID FETCH 1 BODY[TEXT]").await.ok();
    other.command("NOOP").await.ok().expect("* 1 FETCH (UID 1 FLAGS (\\Seen))");
    one.command("NOOP").await.ok().silent();
}

#[tokio::test]
async fn sets_name_messages_by_number_or_by_uid() {
    let world = World::with(|tenant| {
        for subject in ["One", "Two", "Three", "Four", "Five"] {
            tenant.person(ADA).inbox().deliver(mail(subject));
        }
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 2 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    for (set, expected) in [
        ("FETCH 1:* UID", vec![1, 3, 4, 5]),
        ("FETCH 4:2 UID", vec![3, 4, 5]),
        ("FETCH *,1,1 UID", vec![1, 5]),
        ("UID FETCH 2:4 UID", vec![3, 4]),
        ("UID FETCH 2 FLAGS", vec![]),
        ("UID FETCH 99:* UID", vec![5]),
        ("UID FETCH 4,1:3 (UID)", vec![1, 3, 4]),
    ] {
        let answer = imap.command(set).await.ok();
        let uid = |line: &String| {
            let digits = line.split_once("(UID ").unwrap().1;
            let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap()
        };
        let uids: Vec<u32> = answer.lines().iter().map(uid).collect();
        assert_eq!(uids, expected, "{set}");
    }
    for wrong in ["FETCH 5 UID", "FETCH 1:9 UID", "FETCH 0 UID", "UID FETCH 0 UID", "FETCH a UID"] {
        imap.command(wrong).await.bad();
    }
}

#[tokio::test]
async fn a_message_that_vanished_is_passed_over_and_the_others_are_shown() {
    let world = World::with(|tenant| {
        for subject in ["One", "Two", "Three"] {
            tenant.person(ADA).inbox().deliver(mail(subject));
        }
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    world.ada().outlook().purge(&id(&world.ada().items("Inbox")[1]));
    let answer = imap.command("FETCH 1:3 BODY.PEEK[TEXT]").await.no("EXPUNGEISSUED");
    assert_eq!(answer.untagged.len(), 2, "{answer}");
    assert!(answer.to_string().contains("This is Three."), "{answer}");
    assert!(!answer.to_string().contains("EXPUNGE\r"), "{answer}");
    let answer = imap.command("UID FETCH 1:3 (UID BODY.PEEK[TEXT])").await.ok();
    let shown = answer.lines().iter().filter(|line| line.contains(" FETCH (")).count();
    assert_eq!(shown, 2, "{answer}");
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [1, 3]);
}

#[tokio::test]
async fn bytes_once_fetched_are_served_without_the_service() {
    let world = one(PARTS).await;
    let mut imap = world.selected("INBOX").await;
    let first = imap.message(1).await;
    world.forget();
    assert_eq!(imap.message(1).await, first);
    imap.command("FETCH 1 (ENVELOPE BODYSTRUCTURE RFC822.SIZE BODY.PEEK[2.HEADER])").await.ok();
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn an_empty_folder_has_no_message_to_name() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    imap.command("UID FETCH 1:* FLAGS").await.ok().silent();
    imap.command("FETCH 1 FLAGS").await.bad();
    assert_eq!(imap.uids().await, [0; 0]);
}

#[tokio::test]
async fn a_message_that_the_service_makes_anew_at_each_read_is_one_message_here() {
    let mut switches = m365_sim::Switches::default();
    switches.messages.mime = m365_sim::switch::MimeFidelity::RegeneratedEachTime;
    let builder = m365_sim::Tenant::builder().switches(switches).user(ADA);
    let deliver = |tenant: &m365_sim::Tenant| drop(tenant.person(ADA).inbox().deliver(PARTS));
    let mut world = World::made(builder, deliver).await;
    let mut imap = world.selected("INBOX").await;
    let structure = imap.command("FETCH 1 (BODYSTRUCTURE ENVELOPE)").await.ok().lines();
    let message = imap.message(1).await;
    let size = format!("RFC822.SIZE {})", message.len());
    world.restart().await;
    let mut imap = world.selected("INBOX").await;
    assert_eq!(imap.message(1).await, message);
    let middle = message.len() / 2;
    let command = format!("FETCH 1 BODY.PEEK[]<{middle}.{}>", message.len());
    assert_eq!(imap.command(&command).await.ok().literal().unwrap(), &message[middle..]);
    assert!(imap.command("FETCH 1 RFC822.SIZE").await.ok().to_string().contains(&size));
    let again = imap.command("FETCH 1 (BODYSTRUCTURE ENVELOPE)").await.ok().lines();
    assert_eq!(again, structure);
}
