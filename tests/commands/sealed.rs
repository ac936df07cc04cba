//! What is sealed and does not open is refused in plain words, and nothing is written over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use m365_sim::Kind;

use crate::client::Client;
use crate::process::{Ended, Process};
use crate::world::{ADA, BEN, World};

const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access openid profile";

/// Every file below a folder.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(content(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The vaults' files; the locks beside them are empty.
fn vaults(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = content(&world.state().join("vault"));
    all.retain(|_, file| !file.is_empty());
    all
}

/// The words that tell what it may be, and what to do.
#[track_caller]
fn refused(text: &str) {
    for word in ["ada@", "key is not the one", "damaged", "another connection's", "--replace"] {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

fn export(world: &World) -> [String; 7] {
    let file = |name: &str| world.folder.path().join(name).display().to_string();
    std::fs::write(file("passphrase"), "correct horse\n").unwrap();
    let words = ["connection", "export", ADA, "--out"].map(str::to_owned);
    let [connection, export, ada, out] = words;
    [connection, export, ada, out, file("out"), "--passphrase-file".to_owned(), file("passphrase")]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_by_every_command_and_changes_nothing() {
    let world = World::new().await;
    let password = world.add_granted(SCOPES, &[]).await;
    let before = vaults(&world);
    std::fs::write(world.folder.path().join("key"), [9; 40]).unwrap();
    world.tenant.journal().clear();

    let export = export(&world);
    let export: Vec<&str> = export.iter().map(String::as_str).collect();
    refused(&world.run(&export).await.failed().err);
    refused(&world.run(&["connection", "sign-in", ADA, "--no-browser"]).await.failed().err);
    let pinged = world.run(&["connection", "ping", ADA, "--json"]).await.failed().json();
    refused(pinged["steps"][0]["error"].as_str().unwrap());
    assert!(pinged["advice"].as_str().unwrap().contains("key"), "{pinged}");

    let mut serving = world.start(&["serve", "--json"]);
    let ready = serving.json().await;
    let mut client = Client::connect(ready["imap"][0].as_str().unwrap()).await;
    assert!(client.imap(&format!("LOGIN {ADA} {password}")).await.starts_with("OK"));
    let selected = client.imap("SELECT INBOX").await;
    assert!(selected.starts_with("NO [CONTACTADMIN]"), "{selected}");
    serving.kill();
    refused(&serving.end().await.err);

    assert_eq!(vaults(&world), before);
    assert!(world.tenant.journal().of(Kind::Token).is_empty(), "no token was spent");
    std::fs::write(world.folder.path().join("key"), [7; 32]).unwrap();
    world.run(&["connection", "ping", ADA]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_octet_is_damaged_the_vault_stays_shut() {
    let world = World::new().await;
    world.add_granted(SCOPES, &[]).await;
    let (path, whole) = vaults(&world).pop_first().unwrap();
    let export = export(&world);
    let export: Vec<&str> = export.iter().map(String::as_str).collect();
    let mut damaged: Vec<Vec<u8>> = vec![whole[..whole.len() - 1].to_vec(), b"nothing".to_vec()];
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        damaged.push(flipped);
    }
    for file in damaged {
        std::fs::write(&path, &file).unwrap();
        refused(&world.run(&export).await.failed().err);
        assert_eq!(std::fs::read(&path).unwrap(), file);
    }
    std::fs::write(&path, &whole).unwrap();
    world.run(&export).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_in_another_connections_place_is_refused_and_cured_by_a_new_sign_in() {
    let world = World::new().await;
    world.add_granted_to(BEN, SCOPES, &[]).await;
    let bens = vaults(&world).into_values().next().unwrap();
    world.add_granted(SCOPES, &[]).await;
    let adas = vaults(&world).into_iter().find(|(_, file)| *file != bens).unwrap().0;
    std::fs::write(&adas, &bens).unwrap();
    let pinged = world.run(&["connection", "ping", ADA]).await.failed();
    refused(&pinged.out.join("\n"));
    assert_eq!(std::fs::read(&adas).unwrap(), bens);
    let again = world.run(&["connection", "add", ADA, "--refresh-token-file", "none"]).await;
    assert!(again.failed().err.contains("--replace"));
    world.tenant.journal().clear();
    let token = world.folder.path().join("token").display().to_string();
    let add = ["connection", "add", ADA, "--refresh-token-file", &token, "--replace"];
    world.run(&add).await.done();
    world.run(&["connection", "ping", ADA]).await.done();
    world.run(&["connection", "ping", BEN]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_file_that_does_not_open_is_refused_and_imports_nothing() {
    let world = World::new().await;
    world.add_granted(SCOPES, &[]).await;
    let out = export(&world);
    let out: Vec<&str> = out.iter().map(String::as_str).collect();
    world.run(&out).await.done();
    let whole = std::fs::read(out[4]).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    world.settle_in(elsewhere.path());
    let before = content(elsewhere.path());
    let import = async |file: &[u8], passphrase: &str| -> Ended {
        let path = world.folder.path().join("carried");
        std::fs::write(&path, file).unwrap();
        let path = path.display().to_string();
        let arguments = ["connection", "import", &path];
        let mut process = Process::start(&mut world.command(elsewhere.path(), &arguments));
        process.type_line(passphrase);
        process.end().await
    };
    let mut damaged = vec![whole.clone(), whole[..whole.len() - 1].to_vec(), whole[..20].to_vec()];
    damaged.extend([Vec::new(), [whole.as_slice(), b"x"].concat(), b"{}".repeat(50)]);
    // Salt, mark, nonce, sealed text, its seal; each octet is tried in src/auth/export.rs.
    for at in [0, 16, 24, 60, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        damaged.push(flipped);
    }
    for (number, file) in damaged.iter().enumerate() {
        let passphrase = if number == 0 { "wrong horse" } else { "correct horse" };
        let ended = import(file, passphrase).await.failed();
        for word in ["wrong passphrase", "damaged", "Nothing was changed", "export"] {
            assert!(ended.err.contains(word), "file {number}: {ended:?}");
        }
        assert_eq!(content(elsewhere.path()), before, "file {number}");
    }
    import(&whole, "correct horse").await.done();
    assert!(content(elsewhere.path()).len() > before.len());
}
