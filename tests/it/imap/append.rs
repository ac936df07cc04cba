//! APPEND: what a client files comes back as it was.

use m365_sim::Kind as Call;

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, mail};

/// Line ends, header order and encodings that a rebuilt message would not keep.
const ODD: &[u8] = b"X-First:  two  spaces\r\nfrom: Bob <bob@elsewhere.example>\r\nSUBJECT: \
    Odd\r\n\tfolded\r\nMessage-Id: <odd@elsewhere.example>\r\nContent-Type: multipart/mixed; \
    boundary=odd\r\nMIME-Version: 1.0\r\n\r\npreamble\r\n--odd\r\n\r\ncaf\xc3\xa9 \r\n--odd\r\n\
    Content-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    AAEC\r\nAwQ=\r\n--odd--\r\nepilogue";

/// What APPENDUID says: UIDVALIDITY and UID.
fn uid(answer: &crate::imap_client::Answer) -> u32 {
    answer.code("APPENDUID").split_once(' ').unwrap().1.parse().unwrap()
}

async fn read(imap: &mut ImapClient, folder: &str, uid: u32) -> Vec<u8> {
    imap.command(&format!("SELECT \"{folder}\"")).await.ok();
    imap.message(uid).await
}

#[tokio::test]
async fn the_bytes_come_back_exactly_from_every_kind_of_folder() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Work"))).await;
    let mut imap = world.imap().await;
    for folder in ["Drafts", "Sent Items", "Work", "INBOX", "Deleted Items"] {
        let answer = imap.append(&format!("\"{folder}\" (\\Seen)"), ODD).await.ok();
        let uid = uid(&answer);
        assert_eq!(read(&mut imap, folder, uid).await, ODD, "{folder}");
        let answer = imap.command(&format!("UID FETCH {uid} RFC822.SIZE")).await.ok();
        assert!(answer.to_string().contains(&format!("RFC822.SIZE {})", ODD.len())), "{answer}");
        let item = world.ada().items(folder).remove(0);
        assert_eq!(item.is_draft, folder == "Drafts", "{folder}");
        assert_eq!(item.subject, "Odd folded", "{folder}");
        world.tick().await;
        imap.command("NOOP").await.ok();
        assert_eq!(imap.uids().await, [uid], "once, and under the same UID: {folder}");
    }
}

#[tokio::test]
async fn bytes_that_were_appended_survive_a_restart() {
    let mut world = World::new().await;
    let mut imap = world.imap().await;
    let uid = uid(&imap.append("INBOX", ODD).await.ok());
    world.restart().await;
    let mut imap = world.imap().await;
    assert_eq!(read(&mut imap, "INBOX", uid).await, ODD);
}

#[tokio::test]
async fn flags_keywords_and_date_are_kept() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let arguments =
        "INBOX (\\Seen \\Flagged \\Answered Red $Label1) \"17-Jul-2020 02:44:25 -0700\"";
    imap.append(arguments, &mail("Kept")).await.ok();
    let item = world.ada().items("Inbox").remove(0);
    assert!(item.is_read && item.flag == "flagged");
    assert_eq!(item.extended["Integer 0x1081"], "102");
    assert_eq!(item.received, "2020-07-17T09:44:25Z".parse().unwrap());
    imap.command("SELECT INBOX").await.ok();
    let answer = imap.command("FETCH 1 (FLAGS INTERNALDATE)").await.ok();
    let flags = "\\Answered \\Flagged \\Seen $Label1 Red";
    let date = "17-Jul-2020 09:44:25 +0000";
    answer.expect(&format!("* 1 FETCH (FLAGS ({flags}) INTERNALDATE \"{date}\")"));
    world.tick().await;
    imap.command("NOOP").await.ok();
    let answer = imap.command("FETCH 1 (FLAGS INTERNALDATE)").await.ok();
    answer.expect(&format!("* 1 FETCH (FLAGS ({flags}) INTERNALDATE \"{date}\")"));
}

#[tokio::test]
async fn without_flags_a_message_is_new_and_dated_now() {
    let world = World::new().await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.append("INBOX", &mail("Plain")).await.ok().expect("* 1 EXISTS");
    assert_eq!(uid(&answer), 1);
    let answer = imap.command("FETCH 1 (FLAGS INTERNALDATE)").await.ok();
    answer.expect("* 1 FETCH (FLAGS () INTERNALDATE \" 2-Nov-2026 09:00:00 +0000\")");
}

#[tokio::test]
async fn a_draft_is_saved_again_and_again_without_a_trace() {
    let world = World::new().await;
    let mut imap = world.selected("Drafts").await;
    let mut last = 0;
    for text in ["one", "two", "three"] {
        let answer = imap.append("Drafts (\\Draft \\Seen)", &mail(text)).await.ok();
        if last > 0 {
            imap.command(&format!("UID STORE {last} +FLAGS.SILENT (\\Deleted)")).await.ok();
            imap.command(&format!("UID EXPUNGE {last}")).await.ok();
        }
        last = uid(&answer);
    }
    let drafts = world.ada().items("Drafts");
    assert_eq!(drafts.len(), 1);
    assert!(drafts[0].is_draft && drafts[0].is_read);
    assert_eq!(imap.uids().await, [last]);
    let answer = imap.command("FETCH 1 FLAGS").await.ok();
    answer.expect("* 1 FETCH (FLAGS (\\Seen \\Draft))");
    assert_eq!(imap.message(last).await, mail("three"));
}

#[tokio::test]
async fn other_sessions_see_it_arrive() {
    let world = World::new().await;
    let (mut one, mut other) = (world.imap().await, world.selected("INBOX").await);
    one.append("INBOX", &mail("News")).await.ok();
    other.command("NOOP").await.ok().expect("* 1 EXISTS");
    assert_eq!(other.message(1).await, mail("News"));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told_before_the_message_is_sent() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let tag = imap.begin(b"APPEND Nowhere {100000}").await;
    imap.answer(&tag).await.no("TRYCREATE").silent();
    imap.command("CREATE Nowhere").await.ok();
    imap.append("Nowhere", &mail("Now")).await.ok();
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    for size in ["157286401", "1000000000", "4294967295"] {
        let tag = imap.begin(format!("APPEND INBOX {{{size}}}").as_bytes()).await;
        imap.answer(&tag).await.no("TOOBIG").silent();
    }
    imap.command("NOOP").await.ok();
    assert!(world.ada().items("Inbox").is_empty());
}

#[tokio::test]
async fn a_message_on_its_way_already_is_read_to_its_end_whatever_becomes_of_it() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let message = mail("Here");
    let mut send = async |folder: &str| {
        let head = format!("APPEND {folder} {{{}+}}\r\n", message.len());
        imap.command_bytes(&[head.as_bytes(), &message].concat()).await
    };
    send("INBOX").await.ok();
    send("Nowhere").await.no("TRYCREATE");
    send("INBOX (\\Strange)").await.no("CANNOT");
    send("INBOX \"not a date\"").await.bad();
    send("INBOX").await.ok();
    assert_eq!(world.ada().items("Inbox").len(), 2);
    imap.command_bytes(b"APPEND INBOX {7+}\r\nab\0cd\0e").await.no("CANNOT");
    imap.command("APPEND INBOX {0+}\r\n").await.no("CANNOT");
    imap.command("NOOP").await.ok();
    assert_eq!(world.ada().items("Inbox").len(), 2);
}

#[tokio::test]
async fn a_message_that_ends_early_is_not_filed() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let tag = imap.begin(b"APPEND INBOX {5000+}").await;
    assert!(!tag.is_empty());
    imap.send(b"Subject: half\r\n\r\nThe rest never").await;
    drop(imap);
    world.tick().await;
    assert!(world.ada().items("Inbox").is_empty());
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn bare_line_feeds_come_back_as_they_were() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let message = b"Subject: unix\nFrom: a@b.example\n\nbody\nmore\n";
    for folder in ["INBOX", "Drafts"] {
        let uid = uid(&imap.append(folder, message).await.ok());
        assert_eq!(read(&mut imap, folder, uid).await, message, "{folder}");
    }
}

#[tokio::test]
async fn a_few_megabytes_with_an_attachment_are_filed_or_refused_but_never_cut() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let head = b"Subject: Big\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n";
    let line = [b"A".repeat(76).as_slice(), b"\r\n"].concat();
    let message = [head.as_slice(), &line.repeat(20_000)].concat();
    for folder in ["Work", "Drafts"] {
        world.ada().folder(folder);
        let uid = uid(&imap.append(folder, &message).await.ok());
        assert!(read(&mut imap, folder, uid).await == message, "{folder}");
    }
}

#[tokio::test]
async fn the_copy_of_what_was_just_sent_is_the_one_that_is_there() {
    let world = World::new().await;
    let mut imap = world.selected("\"Sent Items\"").await;
    let message = b"From: ada@contoso.example\r\nTo: ada@contoso.example\r\nSubject: Sent\r\n\
        Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <sent@contoso.example>\r\n\r\nHi\r\n";
    let reply = world.smtp().await.submit(ADA, &[ADA], message).await;
    assert!(reply.starts_with("250"), "{reply}");
    let uid = uid(&imap.append("\"Sent Items\" (\\Seen)", message).await.ok());
    for _ in 0..2 {
        world.tick().await;
        imap.command("NOOP").await.ok();
        assert_eq!(imap.uids().await, [uid]);
    }
    assert_eq!(imap.message(uid).await, message);
    let answer = imap.command("FETCH 1 FLAGS").await.ok();
    answer.expect("* 1 FETCH (FLAGS (\\Seen))");
    assert_eq!(world.ada().items("Sent Items").len(), 1);
}

#[tokio::test]
async fn a_folder_made_in_outlook_a_moment_ago_can_be_filed_into() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.command("LIST \"\" *").await.ok();
    world.ada().folder("Fresh");
    imap.append("Fresh", &mail("One")).await.ok();
    assert_eq!(world.ada().items("Fresh").len(), 1);
}

#[tokio::test]
async fn a_draft_that_is_moved_or_copied_keeps_its_bytes_unless_someone_has_edited_it() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work");
        tenant.set_switches(|switches| {
            switches.messages.mime = m365_sim::switch::MimeFidelity::RegeneratedEachTime;
        });
    })
    .await;
    let mut imap = world.selected("Drafts").await;
    imap.append("Drafts (\\Draft)", ODD).await.ok();
    imap.append("Drafts (\\Draft)", &mail("edited")).await.ok();
    let draft = world.ada().items("Drafts").into_iter().find(|item| item.subject == "edited");
    world.ada().outlook().edit_draft(&crate::world::id(&draft.unwrap()), mail("other"));
    imap.command("COPY 1 Work").await.ok();
    imap.command("MOVE 1:2 Work").await.ok();
    imap.command("SELECT Work").await.ok();
    for uid in [1, 2] {
        assert_eq!(imap.message(uid).await, ODD);
    }
    let edited = imap.message(3).await;
    assert!(String::from_utf8_lossy(&edited).contains("Subject: other"));
}

/// Others may take a message away while it is being copied or moved.
#[tokio::test]
async fn what_is_copied_keeps_its_bytes_though_the_original_leaves_meanwhile() {
    use m365_sim::Kind;
    use m365_sim::switch::MimeFidelity;
    for (folder, command, kind) in [
        ("Archive", "COPY 1 Work", Kind::Copy),
        ("Drafts", "COPY 1 Work", Kind::Copy),
        ("Drafts", "MOVE 1 Work", Kind::Move),
    ] {
        let world = World::with(|tenant| {
            for name in ["Work", "Archive", "Elsewhere"] {
                tenant.person(ADA).folder(name);
            }
            tenant.set_switches(|switches| {
                switches.messages.mime = MimeFidelity::RegeneratedEachTime
            });
        })
        .await;
        let mut imap = world.selected(folder).await;
        let mut other = world.selected(folder).await;
        imap.append(folder, ODD).await.ok();
        for client in [&mut imap, &mut other] {
            client.command("NOOP").await.ok();
        }
        let item = world.ada().items(folder).remove(0);
        let hold = world.tenant.hold(kind);
        let tag = imap.begin(format!("{command}\r\n").as_bytes()).await;
        hold.arrived(1).await;
        if kind == Kind::Copy {
            world.ada().outlook().relocate(&crate::world::id(&item), "Elsewhere");
        }
        world.tick().await;
        other.command("NOOP").await.ok().expect("* 1 EXPUNGE");
        hold.release();
        imap.answer(&tag).await.ok();
        imap.command("SELECT Work").await.ok();
        assert_eq!(imap.message(1).await, ODD, "{command} from {folder}");
    }
}

const SENT: &str = "From: ada@contoso.example\r\nTo: ada@contoso.example\r\nSubject: Sent\r\n\
    Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <sent@contoso.example>\r\n\r\nHi\r\n";

#[tokio::test]
async fn a_message_edited_after_its_copy_was_filed_in_sent_is_one_of_its_own() {
    let mut world = World::new().await;
    let reply = world.smtp().await.submit(ADA, &[ADA], SENT.as_bytes()).await;
    assert!(reply.starts_with("250"), "{reply}");
    let mut imap = world.selected("\"Sent Items\"").await;
    let copy = uid(&imap.append("\"Sent Items\"", SENT.as_bytes()).await.ok());
    assert_eq!(world.ada().items("Sent Items").len(), 1);
    world.restart().await;
    let mut imap = world.selected("\"Sent Items\"").await;
    assert_eq!(uid(&imap.append("\"Sent Items\"", SENT.as_bytes()).await.ok()), copy);
    let edited = SENT.replace("Hi", "Edited");
    let own = uid(&imap.append("\"Sent Items\"", edited.as_bytes()).await.ok());
    assert_ne!(own, copy);
    imap.command(&format!("UID STORE {copy} +FLAGS.SILENT (\\Deleted)")).await.ok();
    imap.command("EXPUNGE").await.ok();
    assert_eq!(imap.uids().await, [own]);
    assert_eq!(imap.message(own).await, edited.as_bytes());
    assert_eq!(world.ada().items("Sent Items").len(), 1);
}

#[tokio::test]
async fn a_message_edited_long_after_it_was_sent_is_not_taken_for_the_copy_that_was_never_filed() {
    let world = World::new().await;
    let reply = world.smtp().await.submit(ADA, &[ADA], SENT.as_bytes()).await;
    assert!(reply.starts_with("250"), "{reply}");
    world.advance(std::time::Duration::from_secs(15 * 60));
    let mut imap = world.selected("\"Sent Items\"").await;
    let edited = SENT.replace("Hi", "Edited");
    let own = uid(&imap.append("\"Sent Items\"", edited.as_bytes()).await.ok());
    assert_eq!(imap.message(own).await, edited.as_bytes());
    assert_eq!(world.ada().items("Sent Items").len(), 2);
}

/// An APPEND that is done, whose client left without reading the answer.
async fn append_unheard(world: &World, folder: &str, message: &[u8]) {
    let mut imap = world.imap().await;
    imap.command(&format!("STATUS {folder} (MESSAGES)")).await.ok();
    let head = format!("APPEND {folder} {{{}+}}\r\n", message.len());
    let tag = imap.begin(&[head.as_bytes(), message].concat()).await;
    imap.answer(&tag).await.ok();
    drop(imap);
}

#[tokio::test]
async fn a_retry_files_anew_what_was_purged_elsewhere_meanwhile() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Archive"))).await;
    append_unheard(&world, "Archive", ODD).await;
    let first = world.ada().items("Archive").remove(0);
    world.ada().outlook().purge(&crate::world::id(&first));
    let mut imap = world.imap().await;
    let uid = uid(&imap.append("Archive", ODD).await.ok());
    assert_eq!(world.ada().items("Archive").len(), 1);
    assert_eq!(read(&mut imap, "Archive", uid).await, ODD);
    assert_eq!(imap.uids().await, [uid]);
}

#[tokio::test]
async fn a_sent_copy_that_was_purged_elsewhere_is_filed_anew() {
    let world = World::new().await;
    let reply = world.smtp().await.submit(ADA, &[ADA], SENT.as_bytes()).await;
    assert!(reply.starts_with("250"), "{reply}");
    let mut imap = world.selected("\"Sent Items\"").await;
    imap.append("\"Sent Items\"", SENT.as_bytes()).await.ok();
    let copy = world.ada().items("Sent Items").remove(0);
    world.ada().outlook().purge(&crate::world::id(&copy));
    let uid = uid(&imap.append("\"Sent Items\"", SENT.as_bytes()).await.ok());
    assert_eq!(world.ada().items("Sent Items").len(), 1);
    assert_eq!(imap.message(uid).await, SENT.as_bytes());
}

#[tokio::test]
async fn a_retry_is_in_doubt_while_the_service_does_not_tell_of_the_first_message() {
    use m365_sim::{Fault, Kind, Rule};
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Archive"))).await;
    append_unheard(&world, "Archive", ODD).await;
    let denied = Fault::status(403, "ErrorAccessDenied");
    world.tenant.faults().push(Rule::on(Kind::GetMessage).answer(denied));
    let mut imap = world.imap().await;
    imap.append("Archive", ODD).await.no("UNAVAILABLE");
    imap.append("Archive", ODD).await.ok();
    assert_eq!(world.ada().items("Archive").len(), 1);
}

#[tokio::test]
async fn what_came_of_a_broken_append_stays_once_someone_has_read_it() {
    use m365_sim::{Fault, Kind, Rule};
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Archive"))).await;
    let mut imap = world.selected("Archive").await;
    world.tenant.faults().push(Rule::on(Kind::CreateJson).answer(Fault::CutAfter));
    // The service does not tell what came of it, so every look goes on without knowing.
    let refusal = Fault::status(400, "ErrorInvalidProperty");
    world.tenant.faults().push(Rule::on(Kind::ListMessages).always().answer(refusal));
    imap.append("Archive", ODD).await.no("UNAVAILABLE");
    drop(imap);
    let mut imap = world.selected("Archive").await;
    world.advance(std::time::Duration::from_secs(60));
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, [1]);
    let read = imap.message(1).await;
    assert_ne!(read, ODD, "as the service tells it");
    world.tenant.faults().clear();
    for _ in 0..2 {
        world.tick().await;
        imap.command("NOOP").await.ok();
        assert_eq!(imap.uids().await, [1]);
    }
    assert_eq!(world.ada().items("Archive").len(), 1);
    assert_eq!(imap.message(1).await, read);
}

#[tokio::test]
async fn savings_of_a_draft_in_doubt_come_back_each_with_its_own_bytes() {
    let world = World::new().await;
    let mut imap = world.selected("Drafts").await;
    let faults = world.tenant.faults();
    let first = mail("Saved");
    let second = [&first[..], b"and more\r\n"].concat();
    let busy = m365_sim::Fault::status(503, "ErrorServerBusy");
    let looks = m365_sim::Rule::on(Call::ListMessages).path_containing("internetMessageId");
    faults.push(looks.always().answer(busy));
    for draft in [&first, &second] {
        faults.push(m365_sim::Rule::on(Call::CreateMime).answer(m365_sim::Fault::CutAfter));
        imap.append("Drafts (\\Draft)", draft).await.no("UNAVAILABLE");
        world.advance(std::time::Duration::from_secs(7));
    }
    faults.clear();
    imap.command("SELECT Drafts").await.ok();
    let mut served = Vec::new();
    for uid in imap.uids().await {
        served.push(imap.message(uid).await);
    }
    let made = world.ada().items("Drafts");
    assert_eq!(made.iter().map(|draft| &draft.mime[..]).collect::<Vec<_>>(), [&first, &second]);
    assert_eq!(served, [first, second]);
}
