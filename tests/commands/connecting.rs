//! Signing in, once, in each way.

use m365_sim::switch::UserConsent;
use m365_sim::{Role, Stage};
use serde_json::json;

use crate::process::Process;
use crate::world::{ADA, BEN, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_by_browser_is_stored_and_passes_every_step_of_ping() {
    let world = World::new().await;
    let added = world.add(&[]).await;
    assert_eq!((&added["address"], &added["user"]), (&json!(ADA), &json!(ADA)));
    assert_eq!(added["missing"], json!([]));
    assert!(added["password"].as_str().unwrap().len() > 16);
    let listed = world.run(&["connection", "list", "--json"]).await.done().json();
    assert_eq!((&listed["user"], &listed["days_left"]), (&json!(ADA), &json!(90)));
    let report = world.run(&["connection", "ping", ADA, "--json"]).await.done().json();
    for step in report["steps"].as_array().unwrap() {
        assert_eq!(step["ok"], true, "{report}");
    }
    assert!(world.tenant.sent().is_empty(), "ping sends nothing unasked");
    world.run(&["connection", "ping", ADA, "--send-test", BEN]).await.done();
    assert_eq!(world.tenant.sent_to(BEN).len(), 1);
    let again = world.run(&["connection", "add", ADA, "--no-browser"]).await.failed();
    assert!(again.err.contains("--replace"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_copied_from_elsewhere_signs_in() {
    let world = World::new().await;
    let mut adding = world.start(&["connection", "add", ADA, "--sign-in", "paste"]);
    let address = adding.address().await;
    let browser = world.accept(&address, ADA).await;
    adding.type_line(browser.url());
    let ended = adding.end().await.done();
    assert!(ended.out.iter().any(|line| line.starts_with("password (shown once): ")), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_nobody_answers_ends_the_command() {
    let world = World::new().await;
    let ended = world.run(&["connection", "add", ADA, "--sign-in", "paste"]).await.failed();
    assert!(ended.err.contains("standard input ended"), "{ended:?}");
    let mut wrong = world.start(&["connection", "add", ADA, "--sign-in", "paste"]);
    wrong.address().await;
    wrong.type_line("https://login.microsoftonline.com/");
    assert!(wrong.end().await.failed().err.contains("starts with http://localhost"));
    assert!(!world.state().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_typed_elsewhere_signs_in() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.device_interval_seconds = 1);
    let mut adding = world.start(&["connection", "add", ADA, "--sign-in", "device", "--json"]);
    let address = adding.address().await;
    let code = adding.line().await.strip_prefix("code: ").unwrap().to_owned();
    let mut browser = world.tenant.browse(&address).await;
    if browser.status() != Some(200) {
        browser.visit(&format!("{}/devicelogin", world.sim.url())).await;
    }
    browser.enter_code(&code).await;
    browser.pick(ADA).await;
    browser.accept().await;
    assert_eq!(adding.end().await.done().json()["user"], ADA);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_fails_leaves_nothing_behind_and_says_what_to_do() {
    let world = World::new().await;
    let add = ["connection", "add", ADA, "--no-browser", "--timeout", "2"];
    let nobody_came = world.run(&add).await.failed();
    assert!(nobody_came.err.contains("adminconsent"), "{nobody_came:?}");

    let mut cancelling = world.start(&["connection", "add", ADA, "--no-browser"]);
    let mut browser = world.tenant.browse(&cancelling.address().await).await;
    browser.pick(ADA).await;
    browser.cancel().await;
    assert!(cancelling.end().await.failed().err.contains("cancelled"));

    let mut other = world.start(&["connection", "add", ADA, "--no-browser"]);
    let address = other.address().await;
    world.accept(&address, BEN).await;
    assert!(other.end().await.failed().err.contains(BEN));

    world.tenant.entra().fail(Stage::Token, 7_000_218);
    let mut refused = world.start(&["connection", "add", ADA, "--no-browser"]);
    let address = refused.address().await;
    world.accept(&address, ADA).await;
    let refused = refused.end().await.failed();
    assert!(refused.err.contains("Allow public client flows"), "{refused:?}");

    assert!(!world.state().join("vault").exists());
    assert!(!world.state().join("connections.toml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_never_says_that_it_worked_when_the_token_could_not_be_stored() {
    let world = World::new().await;
    let mut adding = world.start(&["connection", "add", ADA, "--no-browser"]);
    let address = adding.address().await;
    // A file where the folder of tokens belongs.
    std::fs::create_dir_all(world.state()).unwrap();
    std::fs::write(world.state().join("vault"), "").unwrap();
    let browser = world.accept(&address, ADA).await;
    assert!(browser.text().contains("Not signed in"), "{}", browser.text());
    assert!(!browser.text().contains("is connected"), "{}", browser.text());
    let ended = adding.end().await.failed();
    assert!(browser.text().contains("vault") && ended.err.contains("vault"), "{ended:?}");
    assert!(!world.state().join("connections.toml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_administrators_consent_the_sign_in_goes_through() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Recommended);
    world.tenant.entra().set_role(BEN, Role::Administrator);
    let url = world.run(&["consent-url", "--tenant", "contoso.example"]).await.done();
    let mut browser = world.tenant.browse(&url.out[0]).await;
    browser.pick(BEN).await;
    browser.accept().await;
    assert!(browser.url().contains("admin_consent=True"), "{}", browser.url());
    assert!(!browser.url().contains("error="), "{}", browser.url());
    assert_eq!(world.add(&[]).await["missing"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_asked_of_anyone() {
    let world = World::new().await;
    let settings = world.folder.path().join("footbridge.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let keyless: Vec<&str> = text.lines().filter(|line| !line.starts_with("key_file")).collect();
    std::fs::write(&settings, keyless.join("\n")).unwrap();
    let ended = world.run(&["connection", "add", ADA, "--no-browser"]).await.failed();
    assert!(ended.err.contains("FOOTBRIDGE_KEY_FILE") && ended.out.is_empty(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_carried_to_another_machine() {
    let world = World::new().await;
    world.add(&[]).await;
    let (passphrase, out) =
        (world.folder.path().join("passphrase"), world.folder.path().join("out"));
    std::fs::write(&passphrase, "correct horse\n").unwrap();
    let (passphrase, out) = (passphrase.display().to_string(), out.display().to_string());
    let sealing = ["--passphrase-file", passphrase.as_str()];
    world.run(&[&["connection", "export", ADA, "--out", &out], &sealing[..]].concat()).await.done();

    let elsewhere = tempfile::tempdir().unwrap();
    world.settle_in(elsewhere.path());
    std::fs::write(elsewhere.path().join("key"), [8; 40]).unwrap();
    let run = |arguments: &[&str]| Process::start(&mut world.command(elsewhere.path(), arguments));
    let import = ["connection", "import", &out];
    let mut wrong = run(&import);
    wrong.type_line("wrong horse");
    assert!(wrong.end().await.failed().err.contains("wrong passphrase"));
    run(&[&import, &sealing[..]].concat()).end().await.done();
    run(&["connection", "ping", ADA]).end().await.done();
    world.run(&["connection", "ping", ADA]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn ping_says_which_step_failed_with_code_correlation_and_cure() {
    let world = World::new().await;
    world.add(&[]).await;
    world.tenant.revoke(ADA);
    let ended = world.run(&["connection", "ping", ADA, "--json"]).await.failed();
    let report = ended.json();
    let token = &report["steps"][0];
    assert_eq!((&token["ok"], &token["code"]), (&json!(false), &json!("AADSTS50173")));
    assert!(token["correlation_id"].as_str().is_some_and(|id| !id.is_empty()), "{report}");
    assert!(token["cure"].as_str().unwrap().contains("sign in again"), "{report}");
    assert_eq!(report["steps"][1]["ok"], json!(null));
}
