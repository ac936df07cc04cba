//! A tenant, a place for the bridge's state, and the program.

use std::path::Path;
use std::process::Command;

use m365_sim::switch::UserConsent;
use m365_sim::{Browser, Running, Tenant};
use serde_json::Value;

use crate::process::{Ended, Process};

pub(crate) const ADA: &str = "ada@contoso.example";
pub(crate) const BEN: &str = "ben@contoso.example";
pub(crate) const CLIENT: &str = "00000000-0000-0000-0000-00000000f00b";
/// All that can be granted.
pub(crate) const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access openid profile";

pub(crate) struct World {
    pub(crate) tenant: Tenant,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) sim: Running,
}

impl World {
    /// Users may consent to anything.
    pub(crate) async fn new() -> Self {
        Self::of(Tenant::builder().user(ADA).user(BEN).build()).await
    }

    /// The same with a tenant of one's own.
    pub(crate) async fn of(tenant: Tenant) -> Self {
        tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Legacy);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sim = tenant.serve(listener).await;
        let world = Self { tenant, folder: tempfile::tempdir().unwrap(), sim };
        world.settle_in(world.folder.path());
        world
    }

    /// Settings and a key.
    pub(crate) fn settle_in(&self, folder: &Path) {
        let url = self.sim.url();
        let settings = format!(
            "state_dir = \"{state}\"\nkey_file = \"{key}\"\n[cloud]\nname = \"custom\"\n\
             client_id = \"{CLIENT}\"\nlogin = \"{url}\"\ngraph = \"{url}\"\n\
             [imap]\nlisten = [\"127.0.0.1:0\"]\n[smtp]\nlisten = [\"127.0.0.1:0\"]\n\
             [console]\nlisten = \"127.0.0.1:0\"\n\
             [limits]\nlogin_delay = \"10ms\"\nlogin_delay_max = \"10ms\"\n",
            state = folder.join("state").display(),
            key = folder.join("key").display(),
        );
        std::fs::write(folder.join("footbridge.toml"), settings).unwrap();
        std::fs::write(folder.join("key"), [7; 32]).unwrap();
    }

    /// Settings and state for another bridge with the same connections; the vault is one for both.
    pub(crate) fn share_with(&self, folder: &Path) {
        self.settle_in(folder);
        let state = folder.join("state");
        std::fs::create_dir(&state).unwrap();
        std::os::unix::fs::symlink(self.state().join("vault"), state.join("vault")).unwrap();
        let file = "connections.toml";
        std::fs::copy(self.state().join(file), state.join(file)).unwrap();
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        Process::start(&mut self.command(self.folder.path(), arguments))
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end().await
    }

    pub(crate) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_footbridge"));
        command.arg("--config").arg(folder.join("footbridge.toml")).args(arguments);
        command.env_clear().env("FOOTBRIDGE_LOG", "trace");
        // Never the keyring of whoever runs the tests.
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
        command
    }

    /// Signs Ada in by browser; answers the last line.
    pub(crate) async fn add(&self, more: &[&str]) -> Value {
        let arguments = [&["connection", "add", ADA, "--no-browser", "--json"], more].concat();
        let mut adding = self.start(&arguments);
        let address = adding.address().await;
        self.accept(&address, ADA).await;
        adding.end().await.done().json()
    }

    /// The browser's part of a sign-in.
    pub(crate) async fn accept(&self, address: &str, account: &str) -> Browser {
        let mut browser = self.tenant.browse(address).await;
        browser.pick(account).await;
        if browser.has("accept") {
            browser.accept().await;
        }
        browser
    }

    /// A connection from a refresh token with just these scopes; answers the local password.
    pub(crate) async fn add_granted(&self, scopes: &str, more: &[&str]) -> String {
        self.add_granted_to(ADA, scopes, more).await
    }

    pub(crate) async fn add_granted_to(&self, user: &str, scopes: &str, more: &[&str]) -> String {
        let token = self.tenant.grant(user, CLIENT, scopes);
        let file = self.folder.path().join("token");
        std::fs::write(&file, token).unwrap();
        let file = file.display().to_string();
        let usual = ["connection", "add", user, "--json", "--refresh-token-file", &file];
        let ended = self.run(&[&usual, more].concat()).await.done();
        ended.json()["password"].as_str().unwrap().to_owned()
    }

    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }
}
