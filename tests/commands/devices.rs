//! Devices: from a setting and a password to mail that is sent.

use serde_json::Value;

use crate::client::Client;
use crate::world::{ADA, BEN, World};

/// Adds this to the settings file.
fn set(world: &World, text: &str) {
    let path = world.folder.path().join("footbridge.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, settings + text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_made_for_a_device_and_shown_with_it() {
    let world = World::new().await;
    world.add(&[]).await;
    let add = ["password", "add", ADA, "--label", "hall", "--device", "copier", "--json"];
    let refused = world.run(&add).await.failed();
    assert!(refused.err.contains("add a section [device.copier] first"), "{refused:?}");
    set(&world, "[device.copier]\nrewrite_from = \"copier@* -> own\"\n[device.scanner]\n");
    let unknown = ["password", "add", ADA, "--device", "fax"];
    let refused = world.run(&unknown).await.failed();
    assert!(refused.err.contains("no device fax, but copier, scanner"), "{refused:?}");

    let made = world.run(&add).await.done().json();
    let listed = world.run(&["password", "list", ADA, "--json"]).await.done();
    let listed: Vec<Value> =
        listed.out.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed[0]["device"], Value::Null);
    assert_eq!((&listed[1]["device"], &listed[1]["use"]), (&"copier".into(), &"outbound".into()));
    let shown = world.run(&["password", "list", ADA]).await.done();
    assert!(
        shown.out.iter().any(|line| line.contains("hall  Outbound  device copier")),
        "{shown:?}"
    );

    let mut process = world.start(&["serve", "--json"]);
    let ready: Value = process.json().await;
    let mut client = Client::connect(ready["smtp"][0].as_str().unwrap()).await;
    client.smtp("HELO copier").await;
    let login = format!("\0{ADA}\0{}", made["password"].as_str().unwrap());
    let login = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, login);
    assert!(client.smtp(&format!("AUTH PLAIN {login}")).await.starts_with("235"));
    client.smtp("MAIL FROM:<copier@hall.local>").await;
    client.smtp(&format!("RCPT TO:<{BEN}>")).await;
    client.smtp("DATA").await;
    let scan = format!("From: copier@hall.local\r\nTo: {BEN}\r\nSubject: Scan\r\n\r\nHi\r\n.");
    let reply = client.smtp(&scan).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let [sent] = &world.tenant.sent_to(BEN)[..] else { panic!("not one") };
    let mime = String::from_utf8(sent.mime.to_vec()).unwrap();
    assert!(mime.contains(&format!("\r\nFrom: {ADA}\r\n")), "{mime}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devices_addresses_are_told_and_a_missing_connection_is_warned_of() {
    let world = World::new().await;
    set(
        &world,
        "[networks]\nhere = \"127.0.0.1\"\n[device.scanner]\nlisten = \"127.0.0.1:0\"\n\
         networks = \"here\"\nlogin = \"network\"\nconnection = \"ada@contoso.example\"\n",
    );
    let mut process = world.start(&["serve", "--json"]);
    let ready: Value = process.json().await;
    let address = ready["devices"]["scanner"][0].as_str().unwrap();
    process.logs("this device sends by a connection that is not there").await;
    let mut client = Client::connect(address).await;
    client.smtp("HELO scanner").await;
    let reply = client.smtp(&format!("MAIL FROM:<{ADA}>")).await;
    assert!(reply.starts_with("451 4.3.5 "), "{reply}");
    world.add(&[]).await;
    process.logs(&format!("connected connection={ADA}")).await;
    let mut client = Client::connect(address).await;
    client.smtp("HELO scanner").await;
    let reply = client.smtp(&format!("MAIL FROM:<{ADA}>")).await;
    assert!(reply.starts_with("250 "), "{reply}");
}
