//! A bridge as it is installed: a settings file, a key file, a state directory and a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use m365_sim::{Clock, Person, Running, Tenant};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::faults::bench::{DRAFTS, SENT, TARGET, WORK};
use crate::faults::truth::{self, Ledger, fetched};
use crate::imap_client::ImapClient;
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, mail};

pub(super) const BOB: &str = "bob@contoso.example";
const CLIENT_ID: &str = "00000000-0000-0000-0000-00000000f00b";
const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access openid profile";

pub(super) struct Site {
    pub(super) tenant: Tenant,
    pub(super) ledger: Ledger,
    _sim: Running,
    directory: tempfile::TempDir,
    password: String,
    process: Option<Process>,
    serial: u32,
}

struct Process {
    child: Child,
    imap: SocketAddr,
    smtp: SocketAddr,
}

impl Site {
    /// Everything installed, connected and running.
    pub(super) async fn new() -> Self {
        let tenant = Tenant::builder().user(ADA).user(BOB).clock(Clock::real()).build();
        for folder in [WORK, TARGET] {
            tenant.person(ADA).outlook().create_folder(folder);
        }
        let sim = tenant.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).await;
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::write(root.join("key"), "a key for tests that is long enough").unwrap();
        std::fs::write(root.join("token"), tenant.grant(ADA, CLIENT_ID, SCOPES)).unwrap();
        std::fs::write(root.join("footbridge.toml"), settings(root, &sim.url())).unwrap();
        let token = root.join("token");
        let added = footbridge(root)
            .args(["connection", "add", ADA, "--json", "--refresh-token-file"])
            .arg(token)
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let added: Value = serde_json::from_slice(&added.stdout).unwrap();
        let password = added["password"].as_str().expect("a password").to_owned();
        let (ledger, process) = (Ledger::default(), None);
        let mut site = Self { tenant, ledger, _sim: sim, directory, password, process, serial: 0 };
        site.start();
        site
    }

    pub(super) fn ada(&self) -> Person {
        self.tenant.person(ADA)
    }

    pub(super) fn fresh_name(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}", self.serial)
    }

    pub(super) fn fresh_message(&mut self) -> (String, Vec<u8>) {
        let subject = self.fresh_name("message-");
        let message = mail(&subject);
        self.ledger.note(&subject, &message);
        (subject, message)
    }

    pub(super) fn outgoing(&mut self) -> (String, Vec<u8>) {
        let subject = self.fresh_name("message-");
        let message = super::message_to_bob(&subject);
        self.ledger.note(&subject, &message);
        (subject, message)
    }

    /// How often it was delivered to the other person.
    pub(super) fn received(&self, subject: &str) -> usize {
        let line = format!("Subject: {subject}\r\n");
        let sent = self.tenant.sent_to(BOB);
        sent.iter().filter(|sent| String::from_utf8_lossy(&sent.mime).contains(&line)).count()
    }

    pub(super) fn start(&mut self) {
        let mut child = footbridge(self.directory.path())
            .args(["serve", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the bridge says that it is ready");
        let address = |protocol: &str| ready[protocol][0].as_str().unwrap().parse().unwrap();
        self.process = Some(Process { imap: address("imap"), smtp: address("smtp"), child });
    }

    /// SIGKILL: the process has no say in it.
    pub(super) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.child.kill().unwrap();
        process.child.wait().unwrap();
    }

    pub(super) async fn imap(&self) -> ImapClient {
        let mut imap = ImapClient::connect(self.process.as_ref().unwrap().imap).await;
        imap.command(&format!("LOGIN {ADA} {}", self.password)).await.ok();
        imap
    }

    pub(super) async fn smtp(&self) -> SmtpClient {
        let mut smtp = SmtpClient::connect(self.process.as_ref().unwrap().smtp).await;
        smtp.log_in(ADA, &self.password).await;
        smtp
    }

    /// Until the tenant has seen so many requests.
    pub(super) async fn requests(&self, requests: usize) {
        while self.tenant.journal().requests() < requests {
            tokio::task::yield_now().await;
        }
    }

    /// Every UID ever announced names what it named, and what IMAP shows is what the tenant holds.
    pub(super) async fn check(&mut self, place: &str) {
        println!("{place}");
        let mut imap = self.imap().await;
        let ada = self.ada();
        for folder in [WORK, TARGET, DRAFTS, SENT] {
            let known = folder.trim_matches('"');
            truth::compare(&mut imap, &ada, (folder, known), &mut self.ledger).await;
        }
        let spool = self.directory.path().join("state/mail").join(ADA).join("spool");
        let leftovers = std::fs::read_dir(&spool).unwrap().count();
        assert_eq!(leftovers, 0, "{place}: leftovers in the spool");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The UID of the newest message of the selected folder; nothing if it is empty.
pub(super) async fn newest(imap: &mut ImapClient) -> String {
    let answer = imap.command("UID FETCH 1:* (FLAGS)").await.ok();
    fetched(&answer).last().map(|seen| seen.uid.to_string()).unwrap_or_default()
}

/// Waits until the bridge has looked at the tree since the folder was made.
pub(super) async fn knows(imap: &mut ImapClient, folder: &str) {
    let shown = |line: &String| line.ends_with(folder);
    while !imap.command("LIST \"\" *").await.ok().lines().iter().any(shown) {
        tokio::task::yield_now().await;
    }
}

fn footbridge(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_footbridge"));
    command.arg("--config").arg(root.join("footbridge.toml"));
    command
}

fn settings(root: &Path, sim: &str) -> String {
    let root = root.display();
    format!(
        "state_dir = \"{root}/state\"\nkey_file = \"{root}/key\"\n\
         [cloud]\nname = \"custom\"\nclient_id = \"{CLIENT_ID}\"\nlogin = \"{sim}\"\ngraph = \"{sim}\"\n\
         [imap]\nlisten = [\"127.0.0.1:0\"]\n[smtp]\nlisten = [\"127.0.0.1:0\"]\n\
         [console]\nlisten = \"\"\n[sync]\npoll = \"1s\"\n"
    )
}
