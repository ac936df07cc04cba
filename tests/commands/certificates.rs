//! Certificates, as settings name them and as `certs init` makes them.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::process::Ended;
use crate::world::World;

/// Settings with other lines for [imap] and [smtp].
fn listeners(world: &World, lines: &str) {
    let path = world.folder.path().join("footbridge.toml");
    let settings = fs::read_to_string(&path).unwrap();
    let head = settings.split("[imap]").next().unwrap();
    fs::write(&path, format!("{head}{lines}\n[console]\nlisten = \"127.0.0.1:0\"\n")).unwrap();
}

fn write_pair(folder: &Path, name: &str, until: i32) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[track_caller]
fn says(ended: &Ended, words: &[&str]) {
    for word in words {
        assert!(ended.err.contains(word), "no {word:?} in {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_every_certificate_is_told_at_once_with_its_key() {
    let world = World::new().await;
    let folder = world.folder.path();
    write_pair(folder, "one", 2999);
    write_pair(folder, "other", 2999);
    let at = folder.display();
    let lines = format!(
        "[imap]\nlisten = [\"127.0.0.1:0\"]\ntls = \"starttls\"\ncertificate = \"{at}/one.pem\"\n\
         private_key = \"{at}/other.key\"\n[smtp]\nlisten = [\"127.0.0.1:0\"]\ntls = \"implicit\"\n\
         certificate = \"{at}/none.pem\"\nprivate_key = \"{at}/one.pem\"\n[sync]\npoll = \"soon\"\n"
    );
    listeners(&world, &lines);
    for command in [["config", "check"].as_slice(), &["serve"]] {
        let ended = world.run(command).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let other = format!(
            "imap.private_key is not usable: {at}/other.key is not the key of {at}/one.pem"
        );
        says(&ended, &[&other, "footbridge.toml:"]);
        says(&ended, &[&format!("smtp.certificate is not usable: {at}/none.pem cannot be read")]);
        says(
            &ended,
            &[&format!("smtp.private_key is not usable: {at}/one.pem holds no private key")],
        );
        says(&ended, &["sync.poll wants a time"]);
        assert!(!ended.err.contains("PRIVATE KEY-----"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_the_way_to_one_is_told_and_other_commands_work() {
    let world = World::new().await;
    listeners(
        &world,
        "[imap]\nlisten = [\"0.0.0.0:0\"]\ntls = \"starttls\"\n[smtp]\nlisten = []\n",
    );
    let ended = world.run(&["serve"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    says(&ended, &["imap.certificate is not usable", "make one with: footbridge certs init"]);
    world.run(&["connection", "list"]).await.done();
    let made = world.run(&["certs", "init", "--json"]).await.done().json();
    assert!(made["names"].as_array().unwrap().iter().any(|name| name == "localhost"), "{made}");
    let checked = world.run(&["config", "check"]).await.done();
    assert_eq!(checked.out, ["The settings are in order."]);
    let mut serving = world.start(&["serve", "--json"]);
    let ready = serving.json().await;
    assert_eq!(ready["imap"].as_array().unwrap().len(), 1, "{ready}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_a_warning() {
    let world = World::new().await;
    let folder = world.folder.path();
    write_pair(folder, "old", 2020);
    let at = folder.display();
    let lines = format!(
        "[imap]\nlisten_tls = [\"127.0.0.1:0\"]\ncertificate = \"{at}/old.pem\"\n\
         private_key = \"{at}/old.key\"\n[smtp]\nlisten = []\n"
    );
    listeners(&world, &lines);
    let checked = world.run(&["config", "check"]).await.done();
    assert!(
        checked.out[0]
            .starts_with("warning: imap.certificate: the certificate expired on 2020-01-01"),
        "{checked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_a_pair_is_not_taken_for_a_whole() {
    let world = World::new().await;
    listeners(&world, "[imap]\ncertificate = \"x.pem\"\n[smtp]\nprivate_key = \"y.pem\"\n");
    let ended = world.run(&["config", "check"]).await;
    says(&ended, &["imap.certificate needs its key", "smtp.private_key needs its certificate"]);
    fs::create_dir_all(world.state().join("certs")).unwrap();
    fs::write(world.state().join("certs/ca-key.pem"), "mine").unwrap();
    let world_settings = "[imap]\n[smtp]\nlisten = []\n";
    listeners(&world, world_settings);
    let ended = world.run(&["certs", "init"]).await.failed();
    says(&ended, &["only one of", "ca.pem"]);
    assert_eq!(fs::read(world.state().join("certs/ca-key.pem")).unwrap(), b"mine");
    assert!(!world.state().join("certs/server.pem").exists());
}
