//! What `connection ping` says of each thing that can be wrong.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use m365_sim::{Fault, Kind, Rule, Stage};
use serde_json::{Value, json};

use crate::process::{Ended, Process};
use crate::world::{ADA, BEN, World};

const SHARED: &str = "Mail.ReadWrite.Shared Mail.Send.Shared User.Read offline_access";

fn step<'r>(report: &'r Value, name: &str) -> &'r Value {
    report["steps"].as_array().unwrap().iter().find(|step| step["step"] == name).unwrap()
}

/// The step failed, with these words in what it says, and the steps of `after` were not reached.
#[track_caller]
fn failed_at(ended: &Ended, name: &str, words: &[&str], after: &[&str]) {
    let report = ended.json();
    let failed = step(&report, name);
    assert_eq!(failed["ok"], json!(false), "{report}");
    assert!(failed["ms"].is_u64(), "{report}");
    for word in words {
        assert!(failed.to_string().contains(word), "{word}: {report}");
    }
    for name in after {
        assert_eq!(step(&report, name)["ok"], json!(null), "{report}");
    }
    assert_eq!(report["ok"], json!(false));
    assert_eq!(report["advice"], failed["cure"], "{report}");
}

async fn ping(world: &World, user: &str) -> Ended {
    world.run(&["connection", "ping", user, "--json"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entra_refuses_is_told_with_number_ids_and_cure() {
    let world = World::new().await;
    world.add(&[]).await;
    let rest = ["scopes", "mailbox", "folder", "send"];
    for (number, cure) in [(90002, "tenant"), (50173, "sign in again"), (53003, "administrator")] {
        world.tenant.entra().fail(Stage::Token, number);
        let ended = ping(&world, ADA).await.failed();
        let code = format!("AADSTS{number}");
        failed_at(&ended, "token", &[&code, cure, "correlation_id", "timestamp"], &rest);
        assert_eq!(step(&ended.json(), "local")["ok"], json!(true));
    }
    world.tenant.entra().fail(Stage::Token, 90033);
    failed_at(&ping(&world, ADA).await.failed(), "token", &["AADSTS90033", "few minutes"], &rest);
    let text = world.run(&["connection", "ping", ADA]).await.done().out.join("\n");
    assert!(text.contains("good for 90 days without use") && text.contains("policy"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_graph_refuses_is_told_with_code_request_and_cure() {
    let world = World::new().await;
    world.add(&[]).await;
    let refuse = |kind: Kind, status: u16, code: &str| {
        world.tenant.faults().push(Rule::on(kind).answer(Fault::status(status, code)));
    };
    refuse(Kind::User, 404, "MailboxNotEnabledForRESTAPI");
    let ended = ping(&world, ADA).await.failed();
    let words = ["MailboxNotEnabledForRESTAPI", "licence", "correlation_id", "timestamp"];
    failed_at(&ended, "mailbox", &words, &["folder", "send"]);
    let id = step(&ended.json(), "mailbox")["correlation_id"].clone();
    let seen = world.tenant.journal().of(Kind::User);
    assert_eq!(id, seen.last().unwrap().request_id, "it is Graph's own id");

    refuse(Kind::GetFolder, 403, "ErrorAccessDenied");
    let ended = ping(&world, ADA).await.failed();
    failed_at(&ended, "folder", &["ErrorAccessDenied", "application access policy"], &[]);

    refuse(Kind::SendMail, 403, "ErrorSendAsDenied");
    let send = ["connection", "ping", ADA, "--json", "--send-test", BEN];
    let ended = world.run(&send).await.failed();
    failed_at(&ended, "send", &["ErrorSendAsDenied", "Send As"], &[]);
    assert!(world.tenant.sent().is_empty());

    world.tenant.set_switches(|s| s.login.withheld_scopes = vec!["Mail.ReadWrite".into()]);
    let ended = ping(&world, ADA).await.failed();
    failed_at(&ended, "scopes", &["Mail.ReadWrite", "consent-url"], &["folder"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_mailbox_that_is_not_there_or_not_shared_is_told_apart() {
    let world = World::new().await;
    world.add_granted(SHARED, &["--mailbox", BEN]).await;
    world.add_granted(SHARED, &["--mailbox", "nobody@contoso.example"]).await;
    let ended = ping(&world, &format!("{ADA}/{BEN}")).await.failed();
    failed_at(&ended, "folder", &["ErrorAccessDenied", "Full Access"], &["mailbox"]);
    let ended = ping(&world, &format!("{ADA}/nobody@contoso.example")).await.failed();
    failed_at(&ended, "folder", &["no such mailbox", "spelled"], &["mailbox"]);

    // One that fails does not keep the next from being tested.
    world.tenant.share(BEN, ADA);
    let ended = world.run(&["connection", "ping", "--all", "--json"]).await.failed();
    let ok = |line: &String| serde_json::from_str::<Value>(line).unwrap()["ok"].clone();
    assert_eq!(ended.out.iter().map(ok).collect::<Vec<_>>(), [json!(true), json!(false)]);
    assert!(ended.err.contains("nobody@contoso.example"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_blocks_the_way_to_microsoft_is_told_apart() {
    let world = World::new().await;
    world.add(&[]).await;
    let rest = ["scopes", "mailbox", "folder", "send"];
    let away = async |variables: &[(&str, &str)], words: &[&str]| {
        let mut command =
            world.command(world.folder.path(), &["connection", "ping", ADA, "--json"]);
        let ended = Process::start(command.envs(variables.iter().copied())).end().await.failed();
        failed_at(&ended, "token", words, &rest);
    };
    const LOGIN: &str = "FOOTBRIDGE__CLOUD__LOGIN";
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    away(&[(LOGIN, &format!("http://{closed}"))], &["no connection", "firewall"]).await;
    // Longer than any label may be, so that no name server is asked.
    let nameless = format!("https://{}.example", "a".repeat(64));
    away(&[(LOGIN, &nameless)], &["cannot be resolved", "DNS"]).await;
    let plain = world.sim.url().replace("http:", "https:");
    away(&[(LOGIN, &plain)], &["TLS", "certificates"]).await;
    let proxy = refusing_proxy();
    let through = [(LOGIN, "https://login.example"), ("HTTPS_PROXY", proxy.as_str())];
    away(&through, &["the proxy", "HTTPS_PROXY"]).await;
}

/// A proxy that wants a password nobody gave.
fn refusing_proxy() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            );
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_on_this_side_is_told_after_all_else_is_well() {
    let world = World::new().await;
    world.add(&[]).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = world.command(world.folder.path(), &["connection", "ping", ADA, "--json"]);
    command.env("FOOTBRIDGE__IMAP__LISTEN", closed.to_string());
    let ended = Process::start(&mut command).end().await.failed();
    failed_at(&ended, "local", &[&closed.to_string(), "footbridge serve"], &[]);
    world.run(&["password", "revoke", ADA, "first"]).await.done();
    let ended = ping(&world, ADA).await.failed();
    failed_at(&ended, "local", &["no local password", "password add"], &[]);
    assert_eq!(step(&ended.json(), "folder")["ok"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_nearly_lapsed_unused_is_a_warning() {
    let world = World::new().await;
    world.add(&[]).await;
    let fresh = ping(&world, ADA).await.done().json();
    assert_eq!((&fresh["days_left"], &fresh["warnings"]), (&json!(90), &json!([])));
    assert!(fresh["last_refresh"].is_string() && fresh["advice"].is_null(), "{fresh}");

    let vault = std::fs::read_dir(world.state().join("vault")).unwrap().flatten();
    let vault = vault.map(|entry| entry.path()).find(|path| path.extension().is_none()).unwrap();
    let file = std::fs::File::options().append(true).open(vault).unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written - Duration::from_secs(80 * 24 * 60 * 60)).unwrap();
    let listed = world.run(&["connection", "list"]).await.done().out.join("\n");
    assert!(listed.contains("good for 10 days") && listed.contains("ping"), "{listed}");
    world.tenant.entra().fail(Stage::Token, 90033);
    let troubled = ping(&world, ADA).await.failed().json();
    assert!(troubled["warnings"].to_string().contains("no token refresh has succeeded since"));
    let report = ping(&world, ADA).await.done().json();
    assert!(report["advice"].as_str().unwrap().contains("10 of 90 days"), "{report}");
    assert_eq!(report["days_left"], json!(90), "renewed by the test itself");
}
