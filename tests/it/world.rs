//! A tenant, a bridge in front of it, and people on both sides; built for each test in milliseconds.

mod bridge;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use footbridge::account::{Account, Accounts};
use footbridge::app::{Parts, SignedIn, VaultOf};
use footbridge::auth::password::{self, HashedPassword};
use footbridge::auth::{MemoryVault, Secret, TokenVault};
use footbridge::clock::Clock;
use footbridge::config::connections::{
    Connection, ConnectionKind, ConnectionUse, Connections, StoredPassword,
};
use footbridge::config::{CloudName, Config};
use footbridge::mailbox::Timestamp;
use m365_sim::{ItemId, Person, Running, Snapshot, Tenant};
use tokio::net::TcpListener;

use self::bridge::{Bridge, Mortality};

use crate::imap_client::ImapClient;
use crate::smtp_client::SmtpClient;

pub(crate) const ADA: &str = "ada@contoso.example";
pub(crate) const CLIENT_ID: &str = "00000000-0000-0000-0000-00000000f00b";
pub(crate) const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access openid profile";

const SHARED_SCOPES: &str =
    "Mail.ReadWrite.Shared Mail.Send.Shared User.Read offline_access openid profile";

/// `sync.poll` by default.
pub(crate) const POLL: Duration = Duration::from_secs(15);

/// 2026-11-02 09:00:00 UTC: when every test begins.
pub(crate) const START: i64 = 1_793_610_000;

pub(crate) struct World {
    pub(crate) tenant: Tenant,
    pub(crate) clock: Clock,
    pub(crate) password: String,
    pub(crate) state: tempfile::TempDir,
    sim: Running,
    bridge: Option<Bridge>,
    accounts: Option<Accounts>,
    adjust: fn(&mut Config),
    mortality: Mortality,
    /// By user name.
    vaults: Vaults,
    follows: Follows,
    connection: Connection,
}

type Vaults = Arc<Mutex<HashMap<String, Arc<dyn TokenVault>>>>;

/// Whether the bridge takes over what changes in its connections file.
#[derive(Clone, Copy, PartialEq)]
enum Follows {
    No,
    File,
}

impl World {
    /// Ada, an empty mailbox, a bridge signed in as her.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with the tenant prepared before the bridge first looks at it.
    pub(crate) async fn with(prepare: impl FnOnce(&Tenant)) -> Self {
        Self::made(Tenant::builder().user(ADA), prepare).await
    }

    /// The same, with a tenant that behaves otherwise.
    pub(crate) async fn made(builder: m365_sim::Builder, prepare: impl FnOnce(&Tenant)) -> Self {
        Self::adjusted(builder, prepare, |_| {}).await
    }

    /// The same, with a bridge that is set up otherwise.
    pub(crate) async fn adjusted(
        builder: m365_sim::Builder,
        prepare: impl FnOnce(&Tenant),
        adjust: fn(&mut Config),
    ) -> Self {
        let mut world = Self::prepared(builder, prepare, adjust).await;
        world.start().await;
        world
    }

    /// The same, with a bridge that was granted less.
    pub(crate) async fn granted(scopes: &str, adjust: fn(&mut Config)) -> Self {
        let mut world = Self::allowed(Tenant::builder().user(ADA), |_| {}, adjust, scopes).await;
        world.start().await;
        world
    }

    /// Everything but a running bridge.
    async fn prepared(
        builder: m365_sim::Builder,
        prepare: impl FnOnce(&Tenant),
        adjust: fn(&mut Config),
    ) -> Self {
        Self::allowed(builder, prepare, adjust, SCOPES).await
    }

    async fn allowed(
        builder: m365_sim::Builder,
        prepare: impl FnOnce(&Tenant),
        adjust: fn(&mut Config),
        scopes: &str,
    ) -> Self {
        let clock = Clock::manual(Timestamp(START));
        // What passes while the bridge waits politely passes for the tenant as well.
        let ours = clock.clone();
        let theirs = move || jiff::Timestamp::from_second(ours.now().0).unwrap();
        let tenant = builder.clock(m365_sim::Clock::following(theirs)).build();
        prepare(&tenant);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sim = tenant.serve(listener).await;
        let (password, stored) = fresh_password("test");
        let world = Self {
            tenant,
            clock,
            password,
            state: tempfile::tempdir().unwrap(),
            sim,
            bridge: None,
            accounts: None,
            adjust,
            mortality: Mortality::Immortal,
            vaults: Vaults::default(),
            follows: Follows::No,
            connection: connection(ADA, stored),
        };
        world.sign_in(ADA, ADA, scopes).await;
        world
    }

    /// A bridge that can be killed.
    pub(crate) async fn killable(builder: m365_sim::Builder, adjust: fn(&mut Config)) -> Self {
        let mut world = Self::prepared(builder, |_| {}, adjust).await;
        world.mortality = Mortality::Killable;
        world.start().await;
        world
    }

    /// A bridge that opens a mailbox which is shared with Ada.
    pub(crate) async fn shared(tenant: m365_sim::Builder, mailbox: &str) -> Self {
        let prepare = |tenant: &Tenant| tenant.share(mailbox, ADA);
        let mut world = Self::prepared(tenant, prepare, |_| {}).await;
        world.connection.mailbox = Some(mailbox.to_owned());
        let user = world.connection.user();
        world.sign_in(&user, ADA, SHARED_SCOPES).await;
        world.start().await;
        world
    }

    /// A bridge whose connection may send in the name of others.
    pub(crate) async fn sending_for(tenant: m365_sim::Builder, other: &str, scopes: &str) -> Self {
        let mut world = Self::prepared(tenant, |_| {}, |_| {}).await;
        world.connection.senders = vec![other.to_owned()];
        world.sign_in(ADA, ADA, scopes).await;
        world.start().await;
        world
    }

    /// A bridge that takes over what changes in its connections file.
    pub(crate) async fn following(tenant: m365_sim::Builder, adjust: fn(&mut Config)) -> Self {
        let mut world = Self::prepared(tenant, |_| {}, adjust).await;
        world.follows = Follows::File;
        let ada = world.connection.clone();
        world.edit(|connections| connections.list.push(ada));
        world.start().await;
        // Who is greeted knows that all of the bridge runs.
        world.stranger().await;
        world
    }

    /// Someone signs in: a new grant in the vault of this user name.
    pub(crate) async fn sign_in(&self, user: &str, account: &str, scopes: &str) {
        let grant = Secret::new(self.tenant.grant(account, CLIENT_ID, scopes));
        self.vault(user).save(&grant).await.unwrap();
    }

    /// The vault of this user name, made at the first call.
    pub(crate) fn vault(&self, user: &str) -> Arc<dyn TokenVault> {
        let mut vaults = self.vaults.lock().unwrap();
        let vault =
            vaults.entry(user.to_owned()).or_insert_with(|| Arc::new(MemoryVault::default()));
        Arc::clone(vault)
    }

    /// Changes the connections file.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Connections)) {
        let edit = |connections: &mut Connections| {
            change(connections);
            Ok::<_, std::io::Error>(())
        };
        Connections::edit(self.state.path(), edit).unwrap();
    }

    /// Two seconds pass, and the bridge has looked at its connections file once.
    pub(crate) async fn two_seconds_pass(&self) {
        let mut looks = self.bridge.as_ref().expect("it runs").looks.clone();
        looks.mark_unchanged();
        self.advance(Duration::from_secs(2));
        looks.changed().await.unwrap();
    }

    pub(crate) fn ada(&self) -> Person {
        self.tenant.person(ADA)
    }

    /// Starts the bridge on the state that is there.
    pub(crate) async fn start(&mut self) {
        assert!(self.bridge.is_none(), "it runs already");
        let connection = self.connection.clone();
        let vault = self.vault(&connection.user());
        let parts = Parts {
            config: self.config(),
            clock: self.clock.clone(),
            connections: vec![SignedIn { connection, vault }],
        };
        let vault_of = (self.follows == Follows::File).then(|| self.vault_of());
        let (bridge, accounts) = Bridge::start(parts, vault_of, self.mortality).await;
        (self.bridge, self.accounts) = (Some(bridge), Some(accounts));
    }

    /// Ends the bridge as SIGKILL would: no task has a say in it, nothing is finished.
    pub(crate) fn kill(&mut self) {
        let bridge = self.bridge.take().expect("it runs");
        self.accounts = None;
        bridge.kill();
    }

    fn vault_of(&self) -> VaultOf {
        let vaults = Arc::clone(&self.vaults);
        Box::new(move |_, connection| {
            let vault = vaults.lock().unwrap().get(&connection.user()).cloned();
            Ok(vault.expect("someone signed in"))
        })
    }

    fn config(&self) -> Config {
        let mut config = config(self.state.path(), &self.sim.url());
        (self.adjust)(&mut config);
        config
    }

    /// The next bridge is set up otherwise.
    pub(crate) fn readjust(&mut self, adjust: fn(&mut Config)) {
        self.adjust = adjust;
    }

    /// Stops the bridge in order and starts it again on the same state.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    pub(crate) async fn stop(&mut self) {
        let bridge = self.bridge.take().expect("it runs");
        // A handle would keep the state directory open.
        self.accounts = None;
        bridge.stop().await;
    }

    /// An IMAP client that is logged in.
    pub(crate) async fn imap(&self) -> ImapClient {
        self.imap_as(&self.connection.user(), &self.password).await
    }

    pub(crate) async fn imap_as(&self, user: &str, password: &str) -> ImapClient {
        let mut client = self.stranger().await;
        client.command(&format!("LOGIN {user} {password}")).await.ok();
        client
    }

    /// An IMAP client that has selected a folder.
    pub(crate) async fn selected(&self, folder: &str) -> ImapClient {
        let mut client = self.imap().await;
        client.command(&format!("SELECT {folder}")).await.ok();
        client
    }

    /// An IMAP client that has said nothing yet.
    pub(crate) async fn stranger(&self) -> ImapClient {
        ImapClient::connect(self.imap_address()).await
    }

    pub(crate) async fn smtp(&self) -> SmtpClient {
        let mut client = SmtpClient::connect(self.smtp_address()).await;
        client.log_in(&self.connection.user(), &self.password).await;
        client
    }

    /// The second listener of each protocol: TLS from the first octet.
    pub(crate) fn imap_tls_address(&self) -> SocketAddr {
        self.bridge.as_ref().expect("it runs").addresses.imap[1].address
    }

    pub(crate) fn smtp_tls_address(&self) -> SocketAddr {
        self.bridge.as_ref().expect("it runs").addresses.smtp[1].address
    }

    /// Where a device with addresses of its own is served first.
    pub(crate) fn device_address(&self, name: &str) -> SocketAddr {
        self.device_addresses(name)[0]
    }

    pub(crate) fn device_addresses(&self, name: &str) -> Vec<SocketAddr> {
        let gates = &self.bridge.as_ref().expect("it runs").addresses.devices[name];
        gates.iter().map(|gate| gate.address).collect()
    }

    pub(crate) fn imap_address(&self) -> SocketAddr {
        self.bridge.as_ref().expect("it runs").addresses.imap[0].address
    }

    pub(crate) fn console_address(&self) -> SocketAddr {
        self.bridge.as_ref().expect("it runs").addresses.console.expect("it is set up")
    }

    pub(crate) fn smtp_address(&self) -> SocketAddr {
        self.bridge.as_ref().expect("it runs").addresses.smtp[0].address
    }

    /// Time passes, for the bridge and for the tenant.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Time passes until the bridge has looked once more, be it in vain; less than makes a silent
    /// client be sent away. Answers whether it was a good look.
    pub(crate) async fn look_later(&self) -> bool {
        const LATER: Duration = Duration::from_secs(10 * 60);
        let mut looks = self.account().looks();
        let before = looks.borrow_and_update().good;
        self.advance(LATER);
        looks.changed().await.unwrap();
        looks.borrow().good > before
    }

    /// Waits until someone sleeps who will wake within `limit`: whoever was asked last has got so far.
    pub(crate) async fn someone_wakes_within(&self, limit: Duration) {
        // Each turn lets all tasks and threads go on: far more than any disk needs.
        const TURNS: usize = 5_000_000;
        for _ in 0..TURNS {
            if self.clock.next_waking().is_some_and(|wait| wait <= limit) {
                return;
            }
            tokio::task::yield_now().await;
            tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
        }
        panic!("no one will say anything within {limit:?}");
    }

    /// Runs `work` and lets time jump to whatever someone waits for next, until it is done.
    pub(crate) async fn while_time_passes<F: Future>(&self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => {}
            }
            if let Some(wait) = self.clock.next_waking() {
                self.advance(wait);
            }
        }
    }

    /// Runs `work` and lets time pass whenever someone sleeps for a delay: a wait shorter than a poll
    /// interval. Nothing else moves the clock, however long the work takes on the wall.
    pub(crate) async fn while_delays_pass<F: Future>(&self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => {}
            }
            if let Some(wait) = self.clock.next_waking().filter(|wait| *wait < POLL) {
                self.advance(wait);
            }
        }
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        self.accounts.as_ref().expect("it runs")
    }

    fn account(&self) -> Account {
        self.accounts.as_ref().expect("it runs").all().remove(0)
    }

    /// Waits for the bridge's first look at the mailbox.
    pub(crate) async fn ready(&self) {
        let mut looks = self.account().looks();
        looks.wait_for(|looks| looks.good > 0).await.unwrap();
    }

    /// One poll interval passes and the bridge has looked.
    pub(crate) async fn tick(&self) {
        let mut looks = self.account().looks();
        looks.wait_for(|looks| looks.good + looks.bad > 0).await.unwrap();
        looks.mark_unchanged();
        self.advance(POLL);
        looks.changed().await.unwrap();
    }

    /// HTTP requests seen by the tenant since the last `forget`; steps of a batch are not counted.
    pub(crate) fn requests(&self) -> usize {
        self.tenant.journal().requests()
    }

    pub(crate) fn forget(&self) {
        self.tenant.journal().clear();
    }
}

impl Drop for World {
    /// A runtime must not end where others wait for it.
    fn drop(&mut self) {
        self.accounts = None;
        if let Some(bridge) = self.bridge.take() {
            bridge.forget();
        }
    }
}

fn config(state: &Path, sim: &str) -> Config {
    let mut config = Config { state_dir: state.to_owned(), ..Config::default() };
    config.cloud.name = CloudName::Custom;
    config.cloud.client_id = CLIENT_ID.to_owned();
    config.cloud.login = sim.to_owned();
    config.cloud.graph = sim.to_owned();
    let any = "127.0.0.1:0".parse().unwrap();
    config.imap.listen = vec![any];
    config.smtp.listen = vec![any];
    config.console = None;
    // Tests count requests; those of hydration switch it on.
    config.sync.hydrate = false;
    config
}

/// A connection as `connection add` makes it.
pub(crate) fn connection(address: &str, password: StoredPassword) -> Connection {
    Connection {
        address: address.to_owned(),
        kind: ConnectionKind::Graph,
        purpose: ConnectionUse::Both,
        passwords: vec![password],
        ..Connection::default()
    }
}

/// A local password, and how it is stored.
pub(crate) fn fresh_password(label: &str) -> (String, StoredPassword) {
    let password = password::generate();
    let stored = StoredPassword {
        label: label.to_owned(),
        purpose: ConnectionUse::Both,
        hash: HashedPassword::new(&password).as_str().to_owned(),
        ..StoredPassword::default()
    };
    (password.expose().to_owned(), stored)
}

/// How the tenant names a message.
pub(crate) fn id(item: &Snapshot) -> ItemId {
    ItemId(item.immutable_id.clone())
}

/// A plain message.
pub(crate) fn mail(subject: &str) -> Vec<u8> {
    format!(
        "From: Bob <bob@elsewhere.example>\r\nTo: Ada <{ADA}>\r\nSubject: {subject}\r\n\
         Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <{subject}@elsewhere.example>\r\n\
         \r\nThis is {subject}.\r\n"
    )
    .into_bytes()
}
