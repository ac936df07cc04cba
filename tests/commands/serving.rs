//! A running bridge takes changes over while it runs.

use m365_sim::Kind;
use m365_sim::switch::{ClaimsAtRefresh, UserConsent};
use serde_json::Value;

use crate::client::{Client, logs_in};
use crate::process::Process;
use crate::world::{ADA, BEN, World};

struct Serving {
    process: Process,
    imap: String,
    smtp: String,
}

async fn serve(world: &World) -> Serving {
    let mut process = world.start(&["serve", "--json"]);
    let ready: Value = process.json().await;
    let first = |name: &str| ready[name][0].as_str().unwrap().to_owned();
    Serving { imap: first("imap"), smtp: first("smtp"), process }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

/// Ada hands in a message to Ben in this sender's name; the last reply, or the first refusal.
async fn send(serving: &Serving, password: &str, sender: &str) -> String {
    let mut client = Client::connect(&serving.smtp).await;
    client.smtp("EHLO me").await;
    let login = format!("\0{ADA}\0{password}");
    let login = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, login);
    assert!(client.smtp(&format!("AUTH PLAIN {login}")).await.starts_with("235"));
    let reply = client.smtp(&format!("MAIL FROM:<{sender}>")).await;
    if !reply.starts_with("250") {
        return reply;
    }
    client.smtp(&format!("RCPT TO:<{BEN}>")).await;
    client.smtp("DATA").await;
    let message = format!("From: <{sender}>\r\nTo: <{BEN}>\r\nSubject: Hello\r\n\r\nHello\r\n.");
    client.smtp(&message).await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_passwords_come_and_go_without_a_restart() {
    let world = World::new().await;
    let mut serving = serve(&world).await;
    let added = world.add(&[]).await;
    let first = text(&added, "password");
    serving.process.logs("connected connection=").await;
    assert!(logs_in(&serving.imap, ADA, first).await);

    let made = ["password", "add", ADA, "--label", "printer", "--json"];
    let made = world.run(&made).await.done().json();
    let second = text(&made, "password");
    serving.process.logs("taken over").await;
    assert!(logs_in(&serving.imap, ADA, second).await);
    world.run(&["password", "revoke", ADA, "printer"]).await.done();
    serving.process.logs("taken over").await;
    assert!(logs_in(&serving.imap, ADA, first).await);
    assert!(!logs_in(&serving.imap, ADA, second).await);

    world.run(&["connection", "remove", ADA]).await.done();
    serving.process.logs("removed connection=").await;
    assert!(!logs_in(&serving.imap, ADA, first).await);
    let added = world.add(&[]).await;
    let third = text(&added, "password");
    serving.process.logs("signed in again").await;
    let mut client = Client::connect(&serving.imap).await;
    client.ok(&format!("LOGIN {ADA} {third}")).await;
    client.ok("SELECT INBOX").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_sign_in_is_told_as_such_and_mended_without_a_restart() {
    let world = World::new().await;
    let added = world.add(&[]).await;
    let password = text(&added, "password");
    let mut serving = serve(&world).await;
    let mut client = Client::connect(&serving.imap).await;
    client.ok(&format!("LOGIN {ADA} {password}")).await;
    client.ok("SELECT INBOX").await;
    world.tenant.revoke(ADA);
    world.tenant.expire_access_tokens();
    let refused = client.imap("SELECT Drafts").await;
    assert!(refused.starts_with("NO [CONTACTADMIN]"), "{refused}");
    assert!(refused.contains("footbridge connection sign-in"), "{refused}");
    // The password is right, and is never called wrong.
    assert!(logs_in(&serving.imap, ADA, password).await);

    let mut again = world.start(&["connection", "sign-in", ADA, "--no-browser", "--json"]);
    let address = again.address().await;
    world.accept(&address, ADA).await;
    again.end().await.done();
    serving.process.logs("signed in again").await;
    client.ok("SELECT Drafts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_may_only_send_sends() {
    let world = World::new().await;
    // As in a new tenant: users may not agree to the reading of mail.
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Recommended);
    let added = world.add(&["--use", "outbound"]).await;
    let serving = serve(&world).await;
    let reply = send(&serving, text(&added, "password"), ADA).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(world.tenant.sent_to(BEN).len(), 1);
    assert_eq!(world.tenant.journal().of(Kind::SendMail).len(), 1);
    assert!(!logs_in(&serving.imap, ADA, text(&added, "password")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_read_only_where_only_reading_was_granted() {
    let world = World::new().await;
    let password = world.add_granted("Mail.Read User.Read offline_access", &[]).await;
    let serving = serve(&world).await;
    let mut client = Client::connect(&serving.imap).await;
    client.imap(&format!("LOGIN {ADA} {password}")).await;
    let selected = client.imap("SELECT INBOX").await;
    assert!(selected.starts_with("OK [READ-ONLY]"), "{selected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claims_challenge_is_met_without_anyone_noticing() {
    let world = World::new().await;
    let added = world.add(&[]).await;
    let serving = serve(&world).await;
    let mut client = Client::connect(&serving.imap).await;
    client.imap(&format!("LOGIN {ADA} {}", text(&added, "password"))).await;
    assert!(client.imap("SELECT INBOX").await.starts_with("OK"));
    world.tenant.entra().challenge(ADA);
    let answer = client.imap("SELECT Drafts").await;
    assert!(answer.starts_with("OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_no_refresh_answers_are_carried_into_the_next_sign_in() {
    let world = World::new().await;
    let added = world.add(&[]).await;
    let mut serving = serve(&world).await;
    let mut client = Client::connect(&serving.imap).await;
    client.imap(&format!("LOGIN {ADA} {}", text(&added, "password"))).await;
    assert!(client.imap("SELECT INBOX").await.starts_with("OK"));
    world.tenant.set_switches(|switches| {
        switches.login.claims_at_refresh = ClaimsAtRefresh::NeedsSignIn;
    });
    world.tenant.entra().challenge(ADA);
    let refused = client.imap("SELECT Drafts").await;
    assert!(refused.starts_with("NO [CONTACTADMIN]"), "{refused}");
    let report = world.run(&["connection", "ping", ADA, "--json"]).await.failed().json();
    assert_eq!(report["steps"][0]["code"], "AADSTS50133", "{report}");

    let mut again = world.start(&["connection", "sign-in", ADA, "--no-browser", "--json"]);
    let address = again.address().await;
    world.accept(&address, ADA).await;
    again.end().await.done();
    let asked = world.tenant.journal().of(Kind::Authorize);
    assert!(asked.last().unwrap().path.contains("nbf"), "{asked:?}");
    serving.process.logs("signed in again").await;
    client.ok("SELECT Drafts").await;
    world.run(&["connection", "ping", ADA]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_mailbox_is_opened_with_its_members_sign_in() {
    let world = World::new().await;
    world.tenant.share(BEN, ADA);
    let added = world.add(&["--mailbox", BEN]).await;
    let user = format!("{ADA}/{BEN}");
    assert_eq!(text(&added, "user"), user);
    let serving = serve(&world).await;
    let mut client = Client::connect(&serving.imap).await;
    let login = client.imap(&format!("LOGIN {user} {}", text(&added, "password"))).await;
    assert!(login.starts_with("OK"), "{login}");
    world.tenant.person(BEN).inbox().seed(3);
    let status = client.imap("SELECT INBOX").await;
    assert!(status.starts_with("OK"), "{status}");
    world.run(&["connection", "ping", &user]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_mailbox_may_be_the_sender_once_it_is_listed_and_signed_in_for() {
    const SALES: &str = "sales@contoso.example";
    let world = World::new().await;
    world.tenant.add_user(SALES, "Sales");
    world.tenant.set_switches(|switches| {
        switches.sending.send_as = vec![format!("{ADA}={SALES}")];
    });
    let added = world.add(&[]).await;
    let mut serving = serve(&world).await;
    let password = text(&added, "password");
    let reply = send(&serving, password, SALES).await;
    assert!(reply.starts_with("550 5.7.1 MAIL FROM"), "{reply}");

    let allow = ["connection", "senders", ADA, "--allow", SALES, "--json"];
    let allowed = world.run(&allow).await.done();
    assert!(allowed.err.contains("Mail.Send.Shared"), "{allowed:?}");
    let allowed = allowed.json();
    assert_eq!(allowed["senders"], serde_json::json!([SALES]));
    assert_eq!(allowed["missing"], serde_json::json!(["Mail.Send.Shared"]));
    serving.process.logs("taken over").await;
    let reply = send(&serving, password, SALES).await;
    assert!(reply.starts_with("550 5.7.1 Microsoft 365 denies"), "{reply}");

    let mut again = world.start(&["connection", "sign-in", ADA, "--no-browser", "--json"]);
    let address = again.address().await;
    world.accept(&address, ADA).await;
    assert_eq!(again.end().await.done().json()["missing"], serde_json::json!([]));
    serving.process.logs("signed in again").await;
    let reply = send(&serving, password, SALES).await;
    assert!(reply.starts_with("250 "), "{reply}");

    world.run(&["connection", "senders", ADA, "--forbid", SALES]).await.done();
    serving.process.logs("taken over").await;
    let reply = send(&serving, password, SALES).await;
    assert!(reply.starts_with("550 5.7.1 MAIL FROM"), "{reply}");
    let unknown = ["connection", "senders", ADA, "--forbid", SALES];
    assert!(world.run(&unknown).await.failed().err.contains("not among the senders"));
}
