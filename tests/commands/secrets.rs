//! No secret that passed through is found anywhere it should not be.

use std::path::Path;

use crate::client::Client;
use crate::world::{ADA, World};

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_code_verifier_or_password_is_written_anywhere() {
    let world = World::new().await;
    let mut adding = world.start(&["connection", "add", ADA, "--no-browser", "--json"]);
    let address = adding.address().await;
    let browser = world.accept(&address, ADA).await;
    assert_eq!(browser.parameter("code"), None, "the browser keeps the code: {}", browser.url());
    let added = adding.end().await.done();
    let password = added.json()["password"].as_str().unwrap().to_owned();

    let mut serving = world.start(&["serve", "--json"]);
    let ready = serving.json().await;
    let mut client = Client::connect(ready["imap"][0].as_str().unwrap()).await;
    client.imap(&format!("LOGIN {ADA} wrong-{password}")).await;
    client.imap(&format!("LOGIN {ADA} {password}")).await;
    client.imap("SELECT INBOX").await;
    let mut secrets = world.tenant.entra().secrets();
    assert!(secrets.iter().any(|secret| secret.starts_with("1.C")), "a code was issued");
    assert!(secrets.len() >= 4, "codes, access and refresh tokens were issued");
    world.tenant.revoke(ADA);
    world.tenant.expire_access_tokens();
    client.imap("SELECT Drafts").await;
    serving.kill();
    let served = serving.end().await;
    let pinged = world.run(&["connection", "ping", ADA]).await;
    let shown = world.run(&["config", "show"]).await.done();
    let facts = world.run(&["connection", "show", ADA]).await.done();

    let mut places = vec![
        ("the log of add".to_owned(), added.err.into_bytes()),
        ("the log of serve".to_owned(), served.err.into_bytes()),
        ("what ping says".to_owned(), format!("{pinged:?}").into_bytes()),
        ("what config show says".to_owned(), format!("{shown:?}").into_bytes()),
        ("what show says".to_owned(), format!("{facts:?}").into_bytes()),
    ];
    files(&world.state(), &mut places);
    assert!(places.iter().any(|(name, text)| name.contains("serve") && text.len() > 1000));
    secrets.extend(world.tenant.entra().secrets());
    secrets.extend([password, "\u{7}".repeat(32)]);
    for (place, text) in &places {
        for secret in &secrets {
            let found = text.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{place} holds {secret}");
        }
    }
}
