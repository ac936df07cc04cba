//! THREAD=REFERENCES and THREAD=ORDEREDSUBJECT (RFC 5256).

use crate::imap_client::ImapClient;
use crate::world::{ADA, World};

/// A message of that name, sent at that hour.
fn message(name: &str, hour: u8, subject: &str, more: &str) -> String {
    format!(
        "From: bob@x.example\r\nSubject: {subject}\r\nDate: Mon, 2 Nov 2026 {hour:02}:00:00 +0000\r\n\
         Message-ID: <{name}@x.example>\r\n{more}\r\nx\r\n"
    )
}

async fn world() -> World {
    World::with(|tenant| {
        let inbox = tenant.person(ADA).inbox();
        let at = |minute: i8| format!("2026-11-03T12:{minute:02}:00Z").parse().unwrap();
        let answer = |ids: &str| format!("References: {ids}\r\n");
        let second = answer("<one@x.example>\r\n <\"two\"@x.example>");
        let messages = [
            message("one", 1, "Lunch", ""),
            message("three", 3, "Re: Lunch", &second),
            message("two", 2, "Re: Lunch", "In-Reply-To: Bob of Monday <one@x.example>\r\n"),
            message("other", 5, "Re: Contract", &answer("<gone@x.example>")),
            message("another", 4, "Re: Contract", &answer("<gone@x.example>")),
            message("late", 6, "[team] Re: lunch", ""),
        ];
        for (minute, message) in (0..).zip(messages) {
            inbox.deliver_at(message, at(minute));
        }
    })
    .await
}

async fn threads(imap: &mut ImapClient, command: &str) -> String {
    let answer = imap.command(command).await.ok();
    let lines = answer.lines();
    let [line] = &lines[..] else { panic!("one line for {command}: {answer}") };
    line.strip_prefix("* THREAD").unwrap_or_else(|| panic!("{line}")).trim_start().to_owned()
}

#[tokio::test]
async fn answers_hang_on_what_they_answer() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    for (command, expected) in [
        ("THREAD REFERENCES UTF-8 ALL", "(1 (3 2)(6))((5)(4))"),
        ("THREAD REFERENCES UTF-8 NOT 3", "(1 (2)(6))((5)(4))"),
        ("THREAD REFERENCES US-ASCII 2,4", "(2)(4)"),
        ("THREAD REFERENCES UTF-8 DELETED", ""),
        ("THREAD ORDEREDSUBJECT UTF-8 ALL", "(1 (3)(2)(6))(5 4)"),
        ("THREAD ORDEREDSUBJECT UTF-8 SUBJECT contract", "(5 4)"),
    ] {
        assert_eq!(threads(&mut imap, command).await, expected, "{command}");
    }
    imap.command("THREAD REFERENCES X-KLINGON SUBJECT a").await.no("BADCHARSET").silent();
    imap.command("THREAD NONSENSE UTF-8 ALL").await.bad();
    let known = imap.command("CAPABILITY").await.ok().lines().concat();
    for name in ["THREAD=REFERENCES", "THREAD=ORDEREDSUBJECT"] {
        assert!(known.split(' ').any(|word| word == name), "{name} in {known}");
    }
}

#[tokio::test]
async fn a_uid_thread_speaks_in_uids() {
    let world = world().await;
    let mut imap = world.selected("INBOX").await;
    imap.command("STORE 1 +FLAGS.SILENT (\\Deleted)").await.ok();
    imap.command("EXPUNGE").await.ok();
    assert_eq!(threads(&mut imap, "UID THREAD REFERENCES UTF-8 1:2").await, "(3 2)");
    assert_eq!(threads(&mut imap, "THREAD REFERENCES UTF-8 1:2").await, "(2 1)");
}
