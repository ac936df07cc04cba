//! What an administrator is asked for, what comes back, and what the numbers on the pages mean.

use m365_sim::switch::{CloudInstance, UserConsent};
use m365_sim::{Entra, Home, Role};
use serde_json::json;

use crate::world::{ADA, BEN, World};

/// Only Ben may consent.
async fn world() -> World {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Recommended);
    world.tenant.entra().set_role(BEN, Role::Administrator);
    world
}

const WAIT: [&str; 3] = ["consent-url", "--wait", "--no-browser"];

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_at_this_machine_consents_and_both_sides_hear_of_it() {
    let world = world().await;
    let mut waiting = world.start(&WAIT);
    let address = waiting.address().await;
    let browser = world.accept(&address, BEN).await;
    assert!(browser.text().starts_with("Consent recorded"), "{}", browser.text());
    let ended = waiting.end().await.done();
    let tenant = world.tenant.entra().tenant_id();
    assert!(ended.out[0].contains(&tenant) && browser.text().contains(&tenant), "{ended:?}");
    assert!(!ended.out.iter().any(|line| line.contains("not in it")), "{ended:?}");
    assert_eq!(world.add(&[]).await["missing"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_declines_ends_the_command_with_1_and_a_line_for_scripts() {
    let world = world().await;
    let mut waiting = world.start(&[&WAIT[..], &["--json"]].concat());
    let mut browser = world.tenant.browse(&waiting.address().await).await;
    browser.pick(BEN).await;
    browser.cancel().await;
    assert!(browser.text().starts_with("No consent"), "{}", browser.text());
    let ended = waiting.end().await.failed();
    assert_eq!(ended.json()["consented"], false);
    assert!(ended.err.contains("open the link again and accept"), "{ended:?}");
    let mut nobody = world.start(&[&WAIT[..], &["--timeout", "1"]].concat());
    nobody.address().await;
    let ended = nobody.end().await.failed();
    assert!(ended.err.contains("footbridge explain AADSTSnnnnn"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_consent_elsewhere_is_pasted_back() {
    let world = world().await;
    let link = world.run(&["consent-url", "--json"]).await.done().json();
    let browser = world.accept(link["url"].as_str().unwrap(), BEN).await;
    let mut pasting = world.start(&["consent-url", "--paste", "--json"]);
    assert_eq!(pasting.address().await, link["url"].as_str().unwrap());
    pasting.type_line(browser.url());
    let line = pasting.end().await.done().json();
    assert_eq!(line["tenant"], json!(world.tenant.entra().tenant_id()));
    assert_eq!((&line["consented"], &line["missing"]), (&json!(true), &json!([])));
    let mut wrong = world.start(&["consent-url", "--paste"]);
    wrong.type_line("http://localhost/?code=1&state=2");
    assert!(wrong.end().await.failed().err.contains("admin_consent="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_leads_nowhere_is_pasted_and_answered_with_the_link() {
    let world = world().await;
    let mut adding = world.start(&["connection", "add", ADA, "--sign-in", "paste"]);
    let mut browser = world.tenant.browse(&adding.address().await).await;
    browser.pick(ADA).await;
    adding.type_line(&browser.text());
    let ended = adding.end().await.failed();
    assert!(ended.err.contains("AADSTS90094"), "{ended:?}");
    let link = ended.err.split("send this link: ").nth(1).unwrap().lines().next().unwrap();
    let admin = world.accept(link, BEN).await;
    assert!(admin.url().contains("admin_consent=True"), "{}", admin.url());
    assert_eq!(world.add(&[]).await["missing"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_explained_without_settings() {
    let world = World::new().await;
    std::fs::write(world.folder.path().join("footbridge.toml"), "nonsense").unwrap();
    let page = Entra::codes().into_iter().map(|code| format!("AADSTS{code}: something"));
    let page = page.collect::<Vec<_>>().join(" ");
    let told = world.run(&["explain", "--json", &page]).await.done().json();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), Entra::codes().len());
    assert!(told.iter().all(|line| !line["cure"].as_str().unwrap_or_default().is_empty()));
    let one = world.run(&["explain", "50105"]).await.done();
    assert!(one.out.join("\n").contains("assign the user to the application"), "{one:?}");
    let unknown = world.run(&["explain", "aadsts1234567"]).await.failed();
    assert!(unknown.err.contains("error?code=1234567"), "{unknown:?}");
    assert!(world.run(&["explain", "help"]).await.failed().err.contains("AADSTS50105"));
}

/// Puts lines into `[cloud]`.
fn set(world: &World, lines: &str) {
    let file = world.folder.path().join("footbridge.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text.replace("[cloud]\n", &format!("[cloud]\n{lines}\n"))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_is_chosen_by_the_settings_and_ping_passes_in_it() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.cloud = CloudInstance::China);
    let mut wrong = world.start(&["connection", "add", ADA, "--no-browser"]);
    let address = wrong.address().await;
    world
        .tenant
        .browse(&address.replace("Mail.Send", "https://graph.microsoft.com/Mail.Send"))
        .await;
    let refused = wrong.end().await.failed();
    assert!(refused.err.contains("check [cloud] name"), "{refused:?}");
    set(&world, "resource = \"https://microsoftgraph.chinacloudapi.cn\"");
    world.add(&[]).await;
    world.run(&["connection", "ping", ADA]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_account_is_added_without_any_administrator() {
    let world = world().await;
    world.tenant.entra().set_home(ADA, Home::Personal);
    set(&world, "tenant = \"consumers\"");
    let shared = ["connection", "add", ADA, "--no-browser", "--mailbox", "team@outlook.example"];
    let shared = world.run(&shared).await.failed();
    assert!(shared.err.contains("personal accounts have no shared mailboxes"), "{shared:?}");
    let link = world.run(&["consent-url"]).await.failed();
    assert!(link.err.contains("each person consents at the first sign-in"), "{link:?}");
    assert_eq!(world.add(&[]).await["missing"], json!([]));
    world.run(&["connection", "ping", ADA]).await.done();
}
