//! A bridge in a process of its own and in virtual time: this test's program, started once more.
//!
//! It prints `imap ADDRESS`, reads seconds from its standard input, lets so much time pass, prints
//! `looked` when its syncer has looked at the mailbox since, and ends with its standard input.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use footbridge::app::{App, Parts, SignedIn};
use footbridge::auth::{FileVault, KeySources, TokenVault};
use footbridge::clock::Clock;
use footbridge::config::Config;
use footbridge::config::connections::Connections;
use footbridge::mailbox::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::process::Process;

/// Names the folder with the settings to the second program.
const FOLDER: &str = "FOOTBRIDGE_TEST_BRIDGE";

/// The first program's side.
pub(super) struct Bridge {
    process: Process,
    pub(super) imap: String,
}

impl Bridge {
    /// `test` is the full name of the test that asks `is_wanted` first.
    pub(super) async fn start(test: &str, folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture"]).env(FOLDER, folder);
        let mut process = Process::start(&mut command);
        let imap = told(&mut process, "imap ").await;
        Self { process, imap }
    }

    /// So much time passes, and the syncer looks.
    pub(super) async fn age(&mut self, by: Duration) {
        self.process.type_line(&by.as_secs().to_string());
        told(&mut self.process, "looked").await;
    }

    pub(super) async fn stop(self) {
        self.process.end().await.done();
    }
}

/// What follows this word on the line that begins with it; the test runner has lines of its own.
async fn told(process: &mut Process, word: &str) -> String {
    loop {
        // The runner's line on this test has no end before the test's own words.
        if let Some((_, rest)) = process.line().await.split_once(word) {
            return rest.to_owned();
        }
    }
}

/// Whether this is the second program; then it has been a bridge until its end.
pub(super) async fn is_wanted() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a setting of the test, not of the program")]
    let Ok(folder) = std::env::var(FOLDER) else { return false };
    run(&PathBuf::from(folder)).await;
    true
}

#[expect(clippy::print_stdout, reason = "this is how it answers")]
async fn run(folder: &Path) {
    let config = Config::load(Some(&folder.join("footbridge.toml"))).unwrap();
    let clock = Clock::manual(Timestamp(0));
    let connections = signed_in(&config);
    let app = App::build(Parts { config, clock: clock.clone(), connections }).await.unwrap();
    let mut looks = app.accounts().all().remove(0).looks();
    let imap = app.addresses().imap[0].address;
    let (stop, stopped) = oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "a test has no tracker")]
    let running = tokio::spawn(app.run(async move { drop::<Result<(), _>>(stopped.await) }));
    looks.wait_for(|looks| looks.good > 0).await.unwrap();
    println!("imap {imap}");
    let mut wishes = wishes();
    while let Some(by) = wishes.recv().await {
        looks.mark_unchanged();
        clock.advance(by);
        looks.changed().await.unwrap();
        println!("looked");
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

fn signed_in(config: &Config) -> Vec<SignedIn> {
    let vaults = config.state_dir.join("vault");
    let key = KeySources { file: config.key_file.clone(), ..KeySources::default() };
    let key = key.find(&vaults).unwrap();
    let stored = Connections::load(&config.state_dir).unwrap().list.into_iter();
    let opened = stored.map(|connection| {
        let vault = FileVault::within(&vaults, &connection.user(), key.clone());
        let vault: Arc<dyn TokenVault> = Arc::new(vault);
        SignedIn { connection, vault }
    });
    opened.collect()
}

/// Lines of standard input, until it ends.
fn wishes() -> mpsc::UnboundedReceiver<Duration> {
    let (tell, wishes) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let seconds: u64 = line.unwrap().parse().unwrap();
            tell.send(Duration::from_secs(seconds)).unwrap();
        }
    });
    wishes
}
