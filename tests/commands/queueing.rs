//! `footbridge queue`, beside a bridge that runs and without one; and a bridge that is killed with mail
//! in its queue.

use m365_sim::{Fault, Kind, Rule};
use serde_json::Value;

use crate::client::Client;
use crate::process::Process;
use crate::world::{ADA, BEN, SCOPES, World};

struct Site {
    world: World,
    password: String,
}

struct Serving {
    process: Process,
    smtp: String,
    console: String,
}

impl Site {
    /// Connected, with settings for impatient tests.
    async fn new() -> Self {
        let world = World::new().await;
        let file = world.folder.path().join("footbridge.toml");
        let settings = std::fs::read_to_string(&file).unwrap();
        let settings = settings.replace("[limits]\n", "[limits]\npatience = \"1s\"\n")
            + "[submission]\nwhen_unreachable = \"queue\"\n\
               [queue]\nanswer_within = \"200ms\"\nfirst_retry = \"1s\"\nlongest_retry = \"1s\"\n";
        std::fs::write(file, settings).unwrap();
        let password = world.add_granted(SCOPES, &[]).await;
        Self { world, password }
    }

    async fn serve(&self) -> Serving {
        let mut process = self.world.start(&["serve", "--json"]);
        let ready = process.json().await;
        let smtp = ready["smtp"][0].as_str().unwrap().to_owned();
        let console = ready["console"].as_str().unwrap().to_owned();
        Serving { process, smtp, console }
    }

    fn away(&self) {
        let fault = Fault::status(503, "ServiceUnavailable");
        self.world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(fault).always());
    }

    /// Hands a message in; answers its id in the queue.
    async fn queue(&self, serving: &Serving, number: usize) -> String {
        let mut client = Client::connect(&serving.smtp).await;
        client.smtp("EHLO me").await;
        let login = format!("\0{ADA}\0{}", self.password);
        let login = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, login);
        assert!(client.smtp(&format!("AUTH PLAIN {login}")).await.starts_with("235"));
        client.smtp(&format!("MAIL FROM:<{ADA}>")).await;
        client.smtp(&format!("RCPT TO:<{BEN}>")).await;
        client.smtp("DATA").await;
        let message =
            format!("From: <{ADA}>\r\nTo: <{BEN}>\r\nSubject: secret {number}\r\n\r\nHello\r\n.");
        let reply = client.smtp(&message).await;
        reply.strip_prefix("250 2.0.0 Ok: queued as ").expect(&reply).to_owned()
    }

    async fn list(&self) -> Vec<Value> {
        let listed = self.world.run(&["queue", "list", "--json"]).await.done();
        listed.out.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until the tenant has delivered it.
    async fn received(&self, number: usize) -> usize {
        let line = format!("Subject: secret {number}\r\n");
        let count = || {
            let sent = self.world.tenant.sent_to(BEN);
            sent.iter().filter(|sent| String::from_utf8_lossy(&sent.mime).contains(&line)).count()
        };
        while count() == 0 {
            tokio::task::yield_now().await;
        }
        count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_mail_is_seen_and_ordered_about_beside_a_bridge_that_runs() {
    let site = Site::new().await;
    site.away();
    let mut serving = site.serve().await;
    let (first, second) = (site.queue(&serving, 1).await, site.queue(&serving, 2).await);
    let listed = site.list().await;
    let ids: Vec<&str> = listed.iter().map(|one| one["id"].as_str().unwrap()).collect();
    // Within one second chance decides on the order.
    assert!(ids.len() == 2 && ids.contains(&&*first) && ids.contains(&&*second), "{ids:?}");
    assert_eq!(listed[0]["state"], "waiting");
    assert_eq!((&listed[0]["user"], &listed[0]["from"]), (&ADA.into(), &ADA.into()));
    assert_eq!(listed[0]["recipients"], 1);

    let shown = site.world.run(&["queue", "show", &first, "--json"]).await.done();
    assert_eq!(shown.json()["to"][0]["address"], BEN);
    assert_eq!(shown.json()["login"], ADA);
    let page = site.world.run(&["queue", "show", &first]).await.done();
    for line in [format!("to          {BEN}"), "client      127.0.0.1".to_owned()] {
        assert!(page.out.contains(&line), "{page:?}");
    }
    for text in [shown.out, page.out].concat() {
        assert!(!text.contains("secret") && !text.contains("Hello"), "{text}");
    }

    let held = order(&site, "hold", &first).await.done();
    assert_eq!(held.json()["reply"], "done");
    let shown = site.world.run(&["queue", "show", &first, "--json"]).await.done();
    assert_eq!(shown.json()["state"], "held");
    let dropped = order(&site, "drop", &second).await.done();
    assert_eq!(dropped.json()["ok"], true);
    assert_eq!(site.list().await.len(), 1);
    let gone = site.world.run(&["queue", "drop", &second]).await.failed();
    assert!(gone.err.contains("no such message is queued"), "{gone:?}");

    let metrics = page_of(&serving.console, "/metrics").await;
    for line in [
        format!("footbridge_queue_messages{{connection=\"{ADA}\",state=\"held\"}} 1\n"),
        format!("footbridge_submissions_total{{connection=\"{ADA}\",outcome=\"queued\"}} 2\n"),
        format!("footbridge_submissions_total{{connection=\"{ADA}\",outcome=\"dropped\"}} 1\n"),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!(page_of(&serving.console, "/").await.contains("1 held, since 2"));

    site.world.tenant.faults().clear();
    let retried = site.world.run(&["queue", "retry", &first]).await.done();
    assert_eq!(retried.out, [format!("to be tried now: {first}")]);
    assert_eq!(site.received(1).await, 1);
    serving.process.logs(&format!("sent as {first}")).await;
    serving.process.terminate();
    serving.process.end().await.done();
    assert!(site.list().await.is_empty());
    assert_eq!(site.world.tenant.sent_to(BEN).len(), 1);
}

/// Of all that is queued, in the order of the alphabet.
async fn states(site: &Site) -> Vec<String> {
    let listed = site.list().await;
    let states = listed.iter().map(|one| one["state"].as_str().unwrap().to_owned());
    let mut states: Vec<String> = states.collect();
    states.sort();
    states
}

/// What is being sent cannot be ordered about; that passes within a second here.
async fn order(site: &Site, order: &str, id: &str) -> crate::process::Ended {
    loop {
        let ended = site.world.run(&["queue", order, id, "--json"]).await;
        if ended.code == Some(0) || ended.json()["reply"] != "underway" {
            return ended;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_mail_is_ordered_about_while_no_bridge_runs() {
    let site = Site::new().await;
    site.away();
    let serving = site.serve().await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        ids.push(site.queue(&serving, number).await);
    }
    serving.process.terminate();
    serving.process.end().await.done();
    site.world.run(&["queue", "hold", &ids[0]]).await.done();
    let dropped = site.world.run(&["queue", "drop", &ids[1]]).await.done();
    assert!(dropped.out[0].starts_with(&format!("dropped: {}", ids[1])), "{dropped:?}");
    assert_eq!(states(&site).await, ["held", "waiting"]);
    let all = site.world.run(&["queue", "retry", "--all"]).await.done();
    assert_eq!(all.out, ["to be tried now: 1"]);
    site.world.run(&["connection", "remove", ADA]).await.done();
    assert_eq!(states(&site).await, ["held", "waiting for its connection"]);
    assert!(site.world.run(&["queue", "show", "../../etc"]).await.failed().err.contains("no such"));
    let usage = site.world.run(&["queue", "retry"]).await;
    assert_eq!(usage.code, Some(2));

    // It waits for the connection to come back.
    site.world.tenant.faults().clear();
    site.world.add_granted(SCOPES, &[]).await;
    let serving = site.serve().await;
    assert_eq!(site.received(3).await, 1);
    drop(serving);
    assert_eq!(site.world.tenant.sent_to(BEN).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_killed_with_mail_in_its_queue_sends_each_once() {
    let site = Site::new().await;
    for round in 0..4 {
        site.away();
        let mut serving = site.serve().await;
        let numbers = round * 3..round * 3 + 3;
        for number in numbers.clone() {
            site.queue(&serving, number).await;
        }
        // At once, or amid a later try.
        if round % 2 == 1 {
            site.world.tenant.faults().clear();
            let hold = site.world.tenant.hold(Kind::Send);
            hold.arrived(1).await;
            serving.process.kill();
            hold.release();
        } else {
            serving.process.kill();
            site.world.tenant.faults().clear();
        }
        let mut serving = site.serve().await;
        for number in numbers {
            assert_eq!(site.received(number).await, 1, "{number}");
        }
        while !site.list().await.is_empty() {}
        serving.process.kill();
    }
    assert_eq!(site.world.tenant.sent_to(BEN).len(), 12);
    assert!(site.world.tenant.person(ADA).items("Drafts").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_a_line_for_each_message_without_what_it_says_or_to_whom() {
    let site = Site::new().await;
    site.away();
    let serving = site.serve().await;
    let id = site.queue(&serving, 1).await;
    site.world.tenant.faults().clear();
    assert_eq!(site.received(1).await, 1);
    while !site.list().await.is_empty() {}
    serving.process.terminate();
    let log = serving.process.end().await.done().err;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("smtp.submission")).collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains(&format!("queued as {id}")), "{lines:#?}");
    assert!(lines[1].contains(&format!("sent as {id}")), "{lines:#?}");
    let marks = lines[1].split("graph.requests=").nth(1).unwrap();
    assert!(marks.split_whitespace().next().unwrap().len() == 36, "a request id: {marks}");
    for line in lines {
        for part in
            [format!("login=\"{ADA}\""), "peer=127.0.0.1".into(), "mail.recipients=1".into()]
        {
            assert!(line.contains(&part), "{part} in {line}");
        }
        assert!(!line.contains("secret") && !line.contains(BEN), "{line}");
    }
}

async fn page_of(console: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = console.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}
