//! CAPABILITY, LOGIN, AUTHENTICATE, ID, ENABLE, NAMESPACE, LOGOUT.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::imap_client::ImapClient;
use crate::world::{ADA, World};

fn plain(world: &World) -> String {
    STANDARD.encode(format!("\0{ADA}\0{}", world.password))
}

/// Answers a continuation request.
async fn respond(client: &mut ImapClient, text: &str) {
    assert!(client.text().await.starts_with('+'), "a continuation");
    client.send(format!("{text}\r\n").as_bytes()).await;
}

#[tokio::test]
async fn capabilities_stand_in_the_greeting_in_the_login_and_where_they_are_asked_for() {
    let world = World::new().await;
    let mut client = world.stranger().await;
    let before = client.greeting.clone();
    assert!(before.contains("[CAPABILITY IMAP4rev1 "), "{before}");
    assert!(before.contains(" AUTH=PLAIN") && before.contains(" SASL-IR"), "{before}");
    let asked = client.command("CAPABILITY").await.ok();
    let listed = before.split_once("[CAPABILITY ").unwrap().1.split_once(']').unwrap().0;
    let asked = asked.expect(&format!("* CAPABILITY {listed}"));
    assert!(!asked.to_string().contains("IDLE"), "not before login: {asked}");

    let login = client.command(&format!("LOGIN {ADA} {}", world.password)).await.ok();
    let listed = login.code("CAPABILITY");
    for name in ["IDLE", "UIDPLUS", "MOVE", "SPECIAL-USE", "CHILDREN", "NAMESPACE", "UNSELECT"] {
        assert!(listed.split(' ').any(|known| known == name), "{name} in {listed}");
    }
    assert!(!listed.contains("AUTH="), "{listed}");
    client.command("CAPABILITY").await.ok().expect(&format!("* CAPABILITY {listed}"));
    client.command("SELECT INBOX").await.ok();
    client.command("CAPABILITY").await.ok().expect(&format!("* CAPABILITY {listed}"));
}

#[tokio::test]
async fn user_and_password_come_as_atoms_quoted_strings_or_literals() {
    let world = World::new().await;
    let password = world.password.clone();
    let mut quoted = world.stranger().await;
    quoted.command(&format!("LOGIN \"{ADA}\" \"{password}\"")).await.ok();

    let mut literals = world.stranger().await;
    let tag = literals.begin(format!("LOGIN {{{}}}", ADA.len()).as_bytes()).await;
    respond(&mut literals, &format!("{ADA} {{{}}}", password.len())).await;
    respond(&mut literals, &password).await;
    literals.answer(&tag).await.ok();

    let mut unasked = world.stranger().await;
    let (user, length) = (ADA.len(), password.len());
    let login = format!("LOGIN {{{user}+}}\r\n{ADA} {{{length}+}}\r\n{password}");
    unasked.command(&login).await.ok().silent();

    let mut shouting = world.stranger().await;
    let login = format!("login {} {password}", ADA.to_uppercase());
    shouting.command(&login).await.ok();
}

#[tokio::test]
async fn authenticate_takes_plain_and_login_with_and_without_an_initial_response() {
    let world = World::new().await;
    let response = plain(&world);
    let (user, password) = (STANDARD.encode(ADA), STANDARD.encode(&world.password));

    let mut client = world.stranger().await;
    client.command(&format!("AUTHENTICATE PLAIN {response}")).await.ok().code("CAPABILITY");

    let mut client = world.stranger().await;
    let tag = client.begin(b"AUTHENTICATE PLAIN").await;
    assert_eq!(client.text().await, "+", "an empty challenge");
    client.send(format!("{response}\r\n").as_bytes()).await;
    client.answer(&tag).await.ok().code("CAPABILITY");

    let mut client = world.stranger().await;
    let tag = client.begin(b"authenticate login").await;
    assert_eq!(client.text().await, format!("+ {}", STANDARD.encode("Username:")));
    client.send(format!("{user}\r\n").as_bytes()).await;
    assert_eq!(client.text().await, format!("+ {}", STANDARD.encode("Password:")));
    client.send(format!("{password}\r\n").as_bytes()).await;
    client.answer(&tag).await.ok();

    let mut client = world.stranger().await;
    let tag = client.begin(format!("AUTHENTICATE LOGIN {user}").as_bytes()).await;
    respond(&mut client, &password).await;
    client.answer(&tag).await.ok();
    client.command("NOOP").await.ok();
}

#[tokio::test]
async fn a_login_that_is_cancelled_or_garbled_is_bad_and_can_be_tried_again() {
    let world = World::new().await;
    let mut client = world.stranger().await;
    let tag = client.begin(b"AUTHENTICATE PLAIN").await;
    respond(&mut client, "*").await;
    client.answer(&tag).await.bad();
    let tag = client.begin(b"AUTHENTICATE PLAIN").await;
    respond(&mut client, "not base64!").await;
    client.answer(&tag).await.bad();
    client.command("AUTHENTICATE PLAIN aGVsbG8=").await.bad();
    client.command("AUTHENTICATE CRAM-MD5").await.no("CANNOT");
    client.command("AUTHENTICATE XOAUTH2 abcd").await.no("CANNOT");
    client.command("SELECT INBOX").await.bad();
    let other = STANDARD.encode(format!("eve@contoso.example\0{ADA}\0{}", world.password));
    client.command(&format!("AUTHENTICATE PLAIN {other}")).await.no("AUTHORIZATIONFAILED");
    client.command(&format!("AUTHENTICATE PLAIN {}", plain(&world))).await.ok();
    client.command(&format!("AUTHENTICATE PLAIN {}", plain(&world))).await.bad();
    client.command(&format!("LOGIN {ADA} x")).await.bad();
}

#[tokio::test]
async fn a_wrong_password_costs_one_delay_and_does_not_tell_whether_the_user_exists() {
    let world = World::new().await;
    let mut client = world.stranger().await;
    let mut refusals = Vec::new();
    for login in ["LOGIN ada@contoso.example wrong", "LOGIN nobody@contoso.example wrong"] {
        let before = world.clock.instant();
        let tag = client.begin(login.as_bytes()).await;
        let refusal = world.while_delays_pass(client.answer(&tag)).await;
        let waited = world.clock.instant().since(before);
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
        assert!(refusal.untagged.is_empty(), "{refusal}");
        refusals.push(refusal.no("AUTHENTICATIONFAILED").tagged);
    }
    assert_eq!(refusals[0], refusals[1]);
    client.command(&format!("LOGIN {ADA} {}", world.password)).await.ok();
}

#[tokio::test]
async fn who_guesses_five_times_is_shown_out() {
    let world = World::new().await;
    let mut client = world.stranger().await;
    for _ in 0..5 {
        let tag = client.begin(b"LOGIN ada@contoso.example guess").await;
        world.while_delays_pass(client.answer(&tag)).await.no("AUTHENTICATIONFAILED");
    }
    assert!(client.text().await.starts_with("* BYE"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_password_never_comes_back_in_an_answer() {
    let world = World::new().await;
    let mut client = world.stranger().await;
    client.command("LOGIN ada@contoso.example \"my secret\" extra").await.bad().lacks("secret");
    client.command("LOGIN (ada) mysecret").await.bad().lacks("secret");
    client.command("mysecret").await.bad();
}

#[tokio::test]
async fn id_enable_and_namespace_are_answered_as_their_standards_say() {
    let world = World::new().await;
    let mut client = world.stranger().await;
    let id = client.command("ID (\"name\" \"test\" \"version\" NIL)").await.ok();
    assert!(id.lines()[0].starts_with("* ID (\"name\" \"footbridge\" "), "{id}");
    client.command("ID NIL").await.ok();
    client.command("NAMESPACE").await.bad();
    client.command("ENABLE CONDSTORE").await.bad();

    let mut client = world.imap().await;
    client.command("NAMESPACE").await.ok().expect("* NAMESPACE ((\"\" \"/\")) NIL NIL");
    client.command("ENABLE UTF8=ONLY X-NOTHING").await.ok().expect("* ENABLED");
}

#[tokio::test]
async fn logout_says_bye_before_it_says_ok() {
    let world = World::new().await;
    for mut client in [world.stranger().await, world.imap().await, world.selected("INBOX").await] {
        let answer = client.command("LOGOUT").await.ok();
        assert_eq!(answer.untagged.len(), 1, "{answer}");
        assert!(answer.lines()[0].starts_with("* BYE"), "{answer}");
        assert!(client.is_closed().await);
    }
}
