//! IMAP4rev2 (RFC 9051) for who enables it.

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, mail};

async fn rev2(world: &World) -> ImapClient {
    let mut imap = world.imap().await.telling_recent();
    let enabled = imap.command("ENABLE IMAP4rev2").await.ok();
    enabled.expect("* ENABLED IMAP4rev2");
    imap
}

#[tokio::test]
async fn it_is_offered_before_and_after_login() {
    let world = World::new().await;
    let mut client = world.stranger().await;
    assert!(client.greeting.contains("[CAPABILITY IMAP4rev1 "), "{}", client.greeting);
    assert!(client.greeting.contains(" IMAP4rev2"), "{}", client.greeting);
    let login = client.command(&format!("LOGIN {ADA} {}", world.password)).await.ok();
    let listed = login.code("CAPABILITY");
    for name in ["IMAP4rev2", "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "UTF8=ACCEPT"] {
        assert!(listed.split(' ').any(|known| known == name), "{name} in {listed}");
    }
}

#[tokio::test]
async fn nothing_is_recent_and_select_names_its_folder() {
    let world = World::with(|tenant| {
        tenant.person(ADA).inbox().deliver(mail("One"));
        tenant.person(ADA).folder("Inbox/Done");
    })
    .await;
    let mut imap = rev2(&world).await;
    let answer = imap.command("SELECT INBOX").await.ok();
    assert!(answer.has("* LIST (\\HasChildren) \"/\" INBOX"), "{answer}");
    assert!(answer.has("* 1 EXISTS"), "{answer}");
    for word in ["RECENT", "Recent", "UNSEEN"] {
        assert!(!answer.to_string().contains(word), "{word} in {answer}");
    }
    imap.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS ())");
    world.ada().inbox().deliver(mail("Two"));
    world.tick().await;
    imap.command("NOOP").await.ok().expect("* 2 EXISTS").lacks("RECENT");
    imap.command("FETCH 2 FLAGS").await.ok().expect("* 2 FETCH (FLAGS ())");
    imap.command("STATUS INBOX (MESSAGES RECENT)").await.bad();
    imap.command("LIST \"\" * RETURN (STATUS (RECENT))").await.bad();
    imap.command("STATUS INBOX (DELETED)").await.ok().expect("* STATUS INBOX (DELETED 0)");
    let answer = imap.command("SELECT inbox/Done").await.ok();
    let answer = answer.expect("* OK [CLOSED] Previous folder closed");
    let named = "* LIST (\\HasNoChildren) \"/\" INBOX/Done (\"OLDNAME\" (\"inbox/Done\"))";
    answer.expect(named);
    imap.command("UNSELECT").await.ok();
    // Its share is left to those who still tell of it.
    let mut old = world.imap().await.telling_recent();
    let answer = old.command("SELECT INBOX").await.ok().expect("* 2 RECENT");
    answer.lacks("* LIST").code("UNSEEN");
}

#[tokio::test]
async fn who_enables_it_in_an_open_folder_hears_no_more_of_recent() {
    let world = World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(mail("One")))).await;
    let mut imap = world.imap().await.telling_recent();
    imap.command("SELECT INBOX").await.ok().expect("* 1 RECENT");
    imap.command("ENABLE IMAP4rev2").await.ok();
    imap.command("FETCH 1 FLAGS").await.ok().expect("* 1 FETCH (FLAGS ())");
    let answer = imap.command("STORE 1 +FLAGS (\\Seen)").await.ok();
    answer.expect("* 1 FETCH (FLAGS (\\Seen))");
}

#[tokio::test]
async fn names_travel_as_they_are_in_both_directions() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Entwürfe & 日本語"))).await;
    let mut imap = rev2(&world).await;
    let answer = imap.command("LIST \"\" \"Entwü*\"").await.ok();
    answer.expect("* LIST (\\HasNoChildren) \"/\" \"Entwürfe & 日本語\"");
    let answer = imap.command("SELECT \"Entwürfe & 日本語\"").await.ok();
    answer.expect("* LIST (\\HasNoChildren) \"/\" \"Entwürfe & 日本語\"");
    imap.append("\"Entwürfe & 日本語\"", &mail("One")).await.ok();
    let status = imap.command("STATUS \"Entwürfe & 日本語\" (MESSAGES)").await.ok();
    status.expect("* STATUS \"Entwürfe & 日本語\" (MESSAGES 1)");
    imap.command("CREATE \"R&-D\"").await.ok().silent();
    assert!(world.ada().folders().contains(&"R&-D".to_owned()), "no ampersand is special");
    imap.command("UID COPY 1 \"R&-D\"").await.ok();
    imap.append("\"R&-D\"", &mail("Two")).await.ok();
    assert_eq!(world.ada().items("R&-D").len(), 2);
    imap.command("UNSUBSCRIBE \"R&-D\"").await.ok();
    imap.command("LSUB \"\" \"R&*\"").await.ok().silent();
    imap.command("SUBSCRIBE \"Ü/ber\"").await.ok();
    imap.command("LSUB \"\" \"Ü*\"").await.ok().expect("* LSUB (\\Noselect) \"/\" \"Ü/ber\"");
    imap.command("SELECT \"\u{fc}nbekannt\"").await.no("NONEXISTENT");
    imap.command("CREATE \"a\u{2028}b\"").await.bad();
    imap.command_bytes(b"SELECT \"\xff\"").await.bad();
    let mut old = world.imap().await;
    let answer = old.command("LIST \"\" R*").await.ok();
    answer.expect("* LIST (\\HasNoChildren) \"/\" R&--D");
}

#[tokio::test]
async fn a_name_that_becomes_another_is_told() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Bücher/Alt"))).await;
    let mut imap = rev2(&world).await;
    let answer = imap.command("RENAME \"Bücher\" \"Regal/Bücher\"").await.ok();
    let named = "* LIST (\\HasChildren) \"/\" \"Regal/Bücher\" (\"OLDNAME\" (\"Bücher\"))";
    answer.expect(named);
    imap.command("CREATE Leer").await.ok().silent().code("MAILBOXID");
    imap.command("CREATE Ordner/").await.ok().silent();
    imap.command("CREATE inbox").await.no("ALREADYEXISTS");
    imap.command("DELETE \"Regal/Bücher\"").await.no("HASCHILDREN");
    imap.command("DELETE \"Regal/Bücher/Alt\"").await.ok().silent();
    let mut old = world.imap().await;
    old.command("RENAME Ordner Mappe").await.ok().silent();
}

#[tokio::test]
async fn a_folder_that_is_not_in_normal_form_keeps_its_name() {
    let decomposed = "Cafe\u{301}";
    let world = World::with(|tenant| {
        tenant.person(ADA).folder(decomposed).deliver(mail("One"));
    })
    .await;
    let mut imap = rev2(&world).await;
    let answer = imap.command("LIST \"\" Caf*").await.ok();
    answer.expect(&format!("* LIST (\\HasNoChildren) \"/\" \"{decomposed}\""));
    let answer = imap.command(&format!("SELECT \"{decomposed}\"")).await.ok();
    answer.expect("* 1 EXISTS").lacks("OLDNAME");
    // What is made below it, or anew, is where the same octets say it is.
    imap.command(&format!("CREATE \"{decomposed}/Re\u{301}sume\"")).await.ok();
    imap.command(&format!("RENAME \"{decomposed}/Re\u{301}sume\" \"{decomposed}/E\u{301}\""))
        .await
        .ok();
    imap.append(&format!("\"{decomposed}/E\u{301}\""), &mail("Two")).await.ok();
    let answer = imap.command(&format!("SELECT \"{decomposed}/E\u{301}\"")).await.ok();
    answer.expect("* 1 EXISTS");
    assert_eq!(world.ada().folders().iter().filter(|name| name.starts_with("Caf")).count(), 2);
}

#[tokio::test]
async fn what_is_said_in_one_breath_with_enable_is_read_as_enabled() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Grüße"))).await;
    let mut imap = world.imap().await;
    let first = "x1 ENABLE IMAP4rev2 CONDSTORE\r\nx2 CREATE \"&-\"\r\nx3 EXAMINE \"Grüße\"\r\n";
    imap.send(first.as_bytes()).await;
    let enabled = imap.answer("x1").await.ok();
    enabled.expect("* ENABLED CONDSTORE IMAP4rev2");
    imap.answer("x2").await.ok();
    imap.answer("x3").await.ok().expect("* LIST (\\HasNoChildren) \"/\" \"Grüße\"");
    assert!(world.ada().folders().contains(&"&-".to_owned()));
}

#[tokio::test]
async fn a_global_message_inside_is_told_as_a_message() {
    let world = World::with(|tenant| {
        let inner = "Subject: Gr\u{fc}\u{df}e\r\n\r\nHi\r\n";
        let head = "Subject: out\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
        let inbox = tenant.person(ADA).inbox();
        inbox.deliver(format!("{head}Content-Type: message/global\r\n\r\n{inner}\r\n--b--\r\n"));
        inbox.deliver(mail("One"));
    })
    .await;
    let (mut new, mut old) = (rev2(&world).await, world.selected("INBOX").await);
    new.command("SELECT INBOX").await.ok();
    let basic = "((\"message\" \"global\" NIL NIL NIL \"7BIT\" 24";
    let whole = |answer: &str| answer.replace("{7}\r\n", "");
    for item in ["BODY", "BODYSTRUCTURE"] {
        // The second time the texts are in the index.
        for _ in 0..2 {
            let told = old.command(&format!("FETCH 1:2 ({item})")).await.ok().to_string();
            let end = if item == "BODY" { ") \"mixed\")" } else { " NIL NIL NIL NIL) \"mixed\"" };
            assert!(told.contains(&format!("FETCH ({item} {basic}{end}")), "{told}");
            let told = whole(&new.command(&format!("FETCH 1:2 ({item})")).await.ok().to_string());
            let text = "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 4 1";
            assert!(told.contains(&format!("FETCH ({item} {basic} (NIL ")), "{told}");
            assert!(told.contains("Gr\u{fc}\u{df}e") && told.contains(text), "{told}");
            assert!(told.contains("* 2 FETCH ("), "{told}");
        }
    }
    for client in [&mut new, &mut old] {
        let part = client.command("FETCH 1 BODY.PEEK[1.1]").await.ok().to_string();
        assert!(part.contains("BODY[1.1] {4}\r\nHi"), "{part}");
    }
}
