//! UTF8=ACCEPT (RFC 6855) for who enables it, and logins that are not US-ASCII.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use footbridge::auth::Secret;
use footbridge::auth::password::HashedPassword;
use footbridge::config::connections::StoredPassword;
use m365_sim::Tenant;

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, connection, mail};

async fn accepting(world: &World) -> ImapClient {
    let mut imap = world.imap().await;
    imap.command("ENABLE UTF8=ACCEPT").await.ok().expect("* ENABLED UTF8=ACCEPT");
    imap
}

/// Headers as RFC 6532 has them.
fn international() -> Vec<u8> {
    let text = String::from_utf8(mail("Grüße")).unwrap();
    text.replace("From: Bob", "From: Jürgen").into_bytes()
}

#[tokio::test]
async fn names_and_searched_text_are_utf_8_and_no_charset_is_named() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Grüße").deliver(international());
        tenant.person(ADA).folder("Grüße").deliver(mail("Other"));
    })
    .await;
    let mut imap = accepting(&world).await;
    let answer = imap.command("LIST \"\" \"Grü%\"").await.ok();
    answer.expect("* LIST (\\HasNoChildren) \"/\" \"Grüße\"");
    let select = imap.command("SELECT \"Grüße\"").await.ok();
    select.expect("* 2 EXISTS").lacks("* LIST");
    assert_eq!(imap.command("SEARCH SUBJECT \"Grüße\"").await.ok().search(), [1]);
    imap.command("SEARCH CHARSET UTF-8 SUBJECT \"Grüße\"").await.bad();
    imap.command("UID SEARCH CHARSET US-ASCII ALL").await.bad();
    imap.command("RENAME \"Grüße\" \"Küsse & mehr\"").await.ok().silent();
    let answer = imap.command("LSUB \"\" \"Kü*\"").await.ok();
    answer.expect("* LSUB () \"/\" \"Küsse & mehr\"");
    let status = imap.command("STATUS \"Küsse & mehr\" (MESSAGES)").await.ok();
    status.expect("* STATUS \"Küsse & mehr\" (MESSAGES 2)");
    // Who has not enabled it may still name a charset, and reads the old spelling.
    let mut old = world.selected("\"K&APw-sse &- mehr\"").await;
    let found = old.command("SEARCH CHARSET UTF-8 SUBJECT \"Grüße\"").await.ok();
    assert_eq!(found.search(), [1]);
}

#[tokio::test]
async fn international_mail_is_given_as_it_is_to_everyone() {
    let world = World::new().await;
    let mut imap = accepting(&world).await;
    imap.command("CREATE \"Grüße\"").await.ok();
    imap.append("\"Grüße\"", &international()).await.ok();
    imap.command("SELECT \"Grüße\"").await.ok();
    assert_eq!(imap.message(1).await, international());
    let mut old = world.selected("Gr&APwA3w-e").await;
    assert_eq!(old.message(1).await, international());
}

#[tokio::test]
async fn it_leaves_alone_what_it_does_not_speak_of() {
    let world = World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(mail("One")))).await;
    let mut imap = accepting(&world).await.telling_recent();
    let answer = imap.command("SELECT INBOX").await.ok().expect("* 1 RECENT");
    answer.expect("* OK [UNSEEN 1] First unseen message");
    imap.command("ENABLE UTF8=ONLY UTF8=ALL").await.ok().expect("* ENABLED");
}

#[tokio::test]
async fn user_names_and_passwords_may_hold_any_script() {
    const USER: &str = "ädä@contoso.example";
    const PASSWORD: &str = "Schlüssel 日本語";
    let world = World::following(Tenant::builder().user(ADA), |_| {}).await;
    let hash = HashedPassword::new(&Secret::new(PASSWORD)).as_str().to_owned();
    let label = "own".to_owned();
    let stored = StoredPassword { label, hash, ..StoredPassword::default() };
    world.sign_in(USER, ADA, crate::world::SCOPES).await;
    world.edit(|connections| connections.list.push(connection(USER, stored)));
    world.two_seconds_pass().await;
    let response = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let (user, password) = (STANDARD.encode(USER), STANDARD.encode(PASSWORD));
    let plain = format!("AUTHENTICATE PLAIN {response}");
    let quoted = format!("LOGIN \"{USER}\" \"{PASSWORD}\"");
    let literals =
        format!("LOGIN {{{}+}}\r\n{USER} {{{}+}}\r\n{PASSWORD}", USER.len(), PASSWORD.len());
    for login in [plain, quoted, literals] {
        world.stranger().await.command(&login).await.ok();
    }
    let mut client = world.stranger().await;
    let tag = client.begin(format!("AUTHENTICATE LOGIN {user}").as_bytes()).await;
    assert!(client.text().await.starts_with('+'));
    client.send(format!("{password}\r\n").as_bytes()).await;
    client.answer(&tag).await.ok();
}
