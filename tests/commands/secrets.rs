//! No secret that passed through is found anywhere it should not be.

use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use m365_sim::{Fault, Kind, Rule};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::Client;
use crate::process::{Ended, Process};
use crate::search::Search;
use crate::world::{ADA, BEN, World};

/// What a message says is nobody's business either.
const SUBJECT: &str = "Quarterly figures, confidential";
const BODY: &str = "The figures are worse than we told the board.";

fn shown(answer: &Value) -> String {
    answer["password"].as_str().unwrap().to_owned()
}

/// A search that knows the vault key of every world.
fn search() -> Search {
    let mut search = Search::default();
    search.secret("\u{7}".repeat(32));
    search
}

/// Signs in by browser; everything that the sign-in was made of is searched for.
async fn signed_in(world: &World, search: &mut Search, arguments: &[&str]) -> Ended {
    let mut process = world.start(arguments);
    let address = process.address().await;
    search.parameters(&address);
    world.accept(&address, ADA).await;
    search.tenants(world);
    process.end().await.done()
}

/// Logs in wrongly and rightly, in every way there is; answers what the bridge said.
async fn log_in(search: &mut Search, ready: &Value, password: &str) -> Vec<String> {
    let wrong = format!("wrong-{password}-guess");
    search.secret(wrong.as_str());
    let mut said = Vec::new();
    for word in [&wrong, password] {
        let plain = BASE64_STANDARD.encode(format!("\0{ADA}\0{word}"));
        let (user, pass) = (BASE64_STANDARD.encode(ADA), BASE64_STANDARD.encode(word));
        let mut imap = Client::connect(ready["imap"][0].as_str().unwrap()).await;
        said.push(imap.imap(&format!("AUTHENTICATE PLAIN {plain}")).await);
        let mut imap = Client::connect(ready["imap"][0].as_str().unwrap()).await;
        said.push(imap.imap(&format!("LOGIN {ADA} {word}")).await);
        // The password where the name belongs, as hasty people type it.
        said.push(imap.imap(&format!("LOGIN {word} {ADA}")).await);
        let mut smtp = Client::connect(ready["smtp"][0].as_str().unwrap()).await;
        smtp.smtp("EHLO me").await;
        said.push(smtp.smtp(&format!("AUTH PLAIN {plain}")).await);
        let mut smtp = Client::connect(ready["smtp"][0].as_str().unwrap()).await;
        smtp.smtp("EHLO me").await;
        for line in ["AUTH LOGIN", &user, &pass] {
            said.push(smtp.smtp(line).await);
        }
    }
    said
}

async fn send_and_read(search: &mut Search, ready: &Value, password: &str) -> Vec<String> {
    search.secret(SUBJECT);
    search.secret(BODY);
    let plain = BASE64_STANDARD.encode(format!("\0{ADA}\0{password}"));
    let mut smtp = Client::connect(ready["smtp"][0].as_str().unwrap()).await;
    let message = format!("From: {ADA}\r\nTo: {BEN}\r\nSubject: {SUBJECT}\r\n\r\n{BODY}\r\n.");
    let (from, to) = (format!("MAIL FROM:<{ADA}>"), format!("RCPT TO:<{BEN}>"));
    let mut said = Vec::new();
    for line in ["EHLO me", &format!("AUTH PLAIN {plain}"), &from, &to, "DATA", &message] {
        said.push(smtp.smtp(line).await);
    }
    assert!(said.last().unwrap().starts_with("250"), "{said:?}");
    let mut imap = Client::connect(ready["imap"][0].as_str().unwrap()).await;
    for line in [&format!("LOGIN {ADA} {password}"), "SELECT \"Sent Items\"", "FETCH 1 BODY.PEEK[]"]
    {
        said.push(imap.imap(line).await);
    }
    assert!(said.last().unwrap().starts_with("OK"), "{said:?}");
    // Not all of it is good syntax; what is wrong about it is told without it.
    said.push(imap.imap(&format!("SEARCH SUBJECT \"{SUBJECT}\" X{BODY}")).await);
    said
}

async fn page(console: &str, path: &str) -> Vec<u8> {
    let host = console.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_code_verifier_or_password_is_written_anywhere() {
    let (world, mut search) = (World::new().await, search());
    let add = ["connection", "add", ADA, "--no-browser", "--json"];
    let added = signed_in(&world, &mut search, &add).await;
    let password = shown(&added.json());
    search.secret(password.as_str());
    search.ended("add", &added, &[&password]);

    let mut serving = world.start(&["serve", "--json"]);
    let ready = serving.json().await;
    let mut said = log_in(&mut search, &ready, &password).await;
    said.extend(send_and_read(&mut search, &ready, &password).await);
    search.tenants(&world);
    // An answer that is cut in the middle of a token: what does not parse is not shown either.
    world.tenant.faults().push(Rule::on(Kind::Token).answer(Fault::TruncatedJson));
    let cut = world.run(&["connection", "ping", ADA]).await.failed();
    search.ended("ping with a broken answer", &cut, &[]);
    world.tenant.revoke(ADA);
    world.tenant.expire_access_tokens();
    let mut client = Client::connect(ready["imap"][0].as_str().unwrap()).await;
    client.imap(&format!("LOGIN {ADA} {password}")).await;
    said.push(client.imap("SELECT Drafts").await);
    for path in ["/", "/healthz", "/readyz", "/metrics", "/no-such-page"] {
        search.place(
            format!("the page {path}"),
            &page(ready["console"].as_str().unwrap(), path).await,
        );
    }
    serving.kill();
    let served = serving.end().await;
    assert_eq!(served.err.matches("login refused").count(), 5, "a line for each that failed");
    search.ended("serve", &served, &[]);
    search.place("what clients were told", said.join("\n").as_bytes());

    let made = world.run(&["password", "add", ADA, "--label", "printer", "--json"]).await.done();
    let second = shown(&made.json());
    search.secret(second.as_str());
    search.ended("password add", &made, &[&second]);
    for command in [
        &["connection", "ping", ADA][..],
        &["connection", "ping", ADA, "--json"],
        &["connection", "show", ADA],
        &["connection", "list", "--json"],
        &["password", "list", "--json"],
        &["password", "revoke", ADA, "printer"],
        &["config", "show"],
        &["config", "check"],
    ] {
        search.ended(&command.join(" "), &world.run(command).await, &[]);
    }
    let tokens = world.tenant.entra().secrets();
    assert!(tokens.len() >= 6, "a code, a verifier, tokens of three kinds: {}", tokens.len());
    search.tenants(&world);
    search.looked_at("the log of serve", 10_000);
    search.looked_at("the page /", 500);
    // The mail itself is kept, for it is served; everything else of the state is searched.
    std::fs::remove_dir_all(world.state().join("mail")).unwrap();
    search.files(&world.state());
    search.finds_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_ways_to_sign_in_write_no_secret_either() {
    let (world, mut search) = (World::new().await, search());
    world.tenant.set_switches(|switches| switches.entra.device_interval_seconds = 1);

    let mut pasting = world.start(&["connection", "add", ADA, "--sign-in", "paste", "--json"]);
    let address = pasting.address().await;
    search.parameters(&address);
    let browser = world.accept(&address, ADA).await;
    search.secret(browser.parameter("code").unwrap());
    pasting.type_line(browser.url());
    let pasted = pasting.end().await.done();
    let password = shown(&pasted.json());
    search.secret(password.as_str());
    search.ended("add by paste", &pasted, &[&password]);

    let mut wrong = world.start(&["connection", "sign-in", ADA, "--sign-in", "paste"]);
    let address = wrong.address().await;
    search.parameters(&address);
    let state = address.split('&').find_map(|part| part.strip_prefix("state=")).unwrap();
    let code = "0.AXoAsecret-code-that-no-one-issued";
    search.secret(code);
    wrong.type_line(&format!("http://localhost/?code={code}&state={state}"));
    search.ended("a paste that fails", &wrong.end().await.failed(), &[]);

    let mut device = world.start(&["connection", "sign-in", ADA, "--sign-in", "device"]);
    let address = device.address().await;
    let code = device.line().await.strip_prefix("code: ").unwrap().to_owned();
    search.secret(code.as_str());
    search.tenants(&world);
    let mut browser = world.tenant.browse(&address).await;
    browser.enter_code(&code).await;
    browser.pick(ADA).await;
    if browser.has("accept") {
        browser.accept().await;
    }
    search.ended("sign-in by device", &device.end().await.done(), &[]);

    search.tenants(&world);
    search.looked_at("the log of sign-in by device", 1000);
    search.files(&world.state());
    search.finds_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_its_way_and_a_passphrase_show_no_secret() {
    let (world, mut search) = (World::new().await, Search::default());
    let scopes = "Mail.ReadWrite Mail.Send User.Read offline_access";
    for secret in ["correct horse of the file", "wrong horse of the file", "vault battery staple"] {
        search.secret(secret);
    }
    // No key file: the vault is sealed under a passphrase here, and under a key from the environment there.
    let settings = world.folder.path().join("footbridge.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let keyless: Vec<&str> = text.lines().filter(|line| !line.starts_with("key_file")).collect();
    std::fs::write(&settings, keyless.join("\n")).unwrap();
    let token = world.folder.path().join("token").display().to_string();
    std::fs::write(&token, world.tenant.grant(ADA, crate::world::CLIENT, scopes)).unwrap();
    let out = world.folder.path().join("out").display().to_string();
    let passphrase = world.folder.path().join("passphrase").display().to_string();
    std::fs::write(&passphrase, "correct horse of the file\n").unwrap();
    let key = "an environment's key of 40 characters ok";
    search.secret(key);

    let run = async |arguments: &[&str], (name, value): (&str, &str), typed: &str| {
        let mut command = world.command(world.folder.path(), arguments);
        let mut process = Process::start(command.env(name, value));
        process.type_line(typed);
        process.end().await
    };
    let passphrased = ("FOOTBRIDGE_PASSPHRASE", "vault battery staple");
    let add = ["connection", "add", ADA, "--refresh-token-file", &token, "--json"];
    let added = run(&add, passphrased, "").await.done();
    let password = shown(&added.json());
    search.secret(password.as_str());
    search.ended("add", &added, &[&password]);
    let export = ["connection", "export", ADA, "--out", &out, "--passphrase-file", &passphrase];
    search.ended("export", &run(&export, passphrased, "").await.done(), &[]);
    search.ended("config show", &run(&["config", "show"], passphrased, "").await.done(), &[]);
    search.files(&world.state());
    search.place("the exported file", &std::fs::read(&out).unwrap());

    std::fs::remove_dir_all(world.state()).unwrap();
    let keyed = ("FOOTBRIDGE_KEY", key);
    let import = ["connection", "import", &out];
    let wrong = run(&import, keyed, "wrong horse of the file").await.failed();
    search.ended("an import that fails", &wrong, &[]);
    let right = run(&import, keyed, "correct horse of the file").await.done();
    search.ended("import", &right, &[]);
    let ping = ["connection", "ping", ADA];
    search.ended("ping", &run(&ping, keyed, "").await.done(), &[]);
    search.ended("ping with another key", &run(&ping, passphrased, "").await.failed(), &[]);
    search.tenants(&world);
    search.looked_at("the log of ping", 1000);
    search.files(&world.state());
    search.finds_nothing();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn no_command_leaves_a_core_dump() {
    let world = World::new().await;
    let mut serving = world.start(&["serve", "--json"]);
    serving.json().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let values: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"], "{core}");
}

/// What the test below runs in a process of its own: a task that dies with a secret in its hands.
#[tokio::test]
#[ignore = "dies on purpose"]
async fn a_task_that_dies() {
    footbridge::cli::leave_no_secret();
    #[cfg(target_os = "linux")]
    assert_eq!(
        rustix::process::dumpable_behavior().unwrap(),
        rustix::process::DumpableBehavior::NotDumpable
    );
    let secret = footbridge::auth::Secret::new("1.Arefresh-token-in-hand");
    let held = secret.expose().to_owned();
    let task = tokio::task::spawn_blocking(move || {
        std::hint::black_box(Err::<(), String>(held)).expect("a token that the test may name");
    });
    assert!(task.await.unwrap_err().is_panic());
    panic!("again with {}", secret.expose());
}

#[test]
fn a_crash_tells_its_place_and_nothing_that_was_in_memory() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "secrets::a_task_that_dies", "--ignored", "--nocapture"]);
    let died = command.env("RUST_BACKTRACE", "1").stdin(Stdio::null()).output().unwrap();
    assert!(!died.status.success());
    let err = String::from_utf8(died.stderr).unwrap();
    assert_eq!(err.matches("panicked at tests/commands/secrets.rs:").count(), 2, "{err}");
    assert!(err.contains("This is a defect"), "{err}");
    let mut search = Search::default();
    search.secret("1.Arefresh-token-in-hand");
    search.place("the last words", err.as_bytes());
    search.place("the test's own output", &died.stdout);
    search.finds_nothing();
}
