//! Conversations over a socket, with a mailbox in memory behind.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::account::doubles::{self, FakeMailbox, Step, When};
use crate::account::{Account, Accounts, LocalPassword, Parts, Use};
use crate::auth::password::{self, HashedPassword};
use crate::clock::Clock;
use crate::config::Submission;
use crate::front::Silence;
use crate::front::smtp::{Policy, Server};
use crate::mailbox::{Address, Kind, Timestamp};
use crate::net::{Drain, Limits, bind_all};
use crate::store::{Answer, Attempt, Stage, Store};

struct World {
    mailbox: Arc<FakeMailbox>,
    clock: Clock,
    drain: Drain,
    store: Store,
    login: String,
    address: std::net::SocketAddr,
    _directory: tempfile::TempDir,
}

struct Client(BufReader<TcpStream>);

impl World {
    async fn new() -> Self {
        let (mailbox, clock, drain) = (
            Arc::new(FakeMailbox::default()),
            Clock::manual(Timestamp(1_795_428_000)),
            Drain::new(),
        );
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), clock.clone()).await.unwrap();
        let pace = doubles::pace();
        let address = Address::new("ada@a.test").unwrap();
        let backend = mailbox.clone();
        let queue = crate::config::Queue::default();
        let (kept, time) = (store.clone(), clock.clone());
        let parts = Parts { address, backend, store: kept, clock: time, pace, queue };
        let secret = password::generate();
        let login = wire_login(&secret);
        let hash = HashedPassword::new(&secret);
        let accounts = Accounts::new();
        let password = LocalPassword { hash, purpose: Use::Outbound, device: None };
        accounts.add(Account::new(parts), vec![password]);
        let bound = bind_all(&["127.0.0.1:0".parse().unwrap()]).await.unwrap().remove(0);
        let address = bound.address();
        let policy = Policy::new(Silence::default(), Submission::default(), &[], 1 << 20);
        let server = Server::new(accounts, policy, drain.clone());
        drain.spawn(bound.serve(server, Limits::default(), clock.clone(), drain.clone()));
        Self { mailbox, clock, drain, store, login, address, _directory: directory }
    }

    async fn connect(&self) -> Client {
        let mut client = Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()));
        client.hear("220 ").await;
        client
    }

    async fn log_in(&self) -> Client {
        let mut client = self.connect().await;
        client.c("EHLO me").await.hear("250-footbridge").await;
        for keyword in ["PIPELINING", "SIZE 1048576", "8BITMIME", "SMTPUTF8", "CHUNKING"] {
            client.hear(&format!("250-{keyword}\r")).await;
        }
        for keyword in ["BINARYMIME", "ENHANCEDSTATUSCODES", "DSN", "LIMITS RCPTMAX=500", "HELP"] {
            client.hear(&format!("250-{keyword}\r")).await;
        }
        client.hear("250-AUTH PLAIN LOGIN").await.hear("250 AUTH=PLAIN LOGIN").await;
        client.c(&self.login).await.hear("235 2.7.0 ").await;
        client
    }
}

fn wire_login(secret: &crate::auth::Secret) -> String {
    use base64::Engine as _;
    let plain = format!("\0ada@a.test\0{}", secret.expose());
    format!("AUTH PLAIN {}", base64::prelude::BASE64_STANDARD.encode(plain))
}

impl Client {
    async fn raw(&mut self, text: &str) -> &mut Self {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
        self
    }

    async fn c(&mut self, line: &str) -> &mut Self {
        self.raw(&format!("{line}\r\n")).await
    }

    async fn hear(&mut self, expected: &str) -> &mut Self {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        assert!(line.starts_with(expected), "{line:?}, not {expected:?}");
        self
    }

    async fn envelope(&mut self) -> &mut Self {
        self.raw("MAIL FROM:<ada@a.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n").await;
        self.hear("250 2.1.0 ").await.hear("250 2.1.5 ").await.hear("354 ").await
    }
}

const MESSAGE: &str =
    "Message-ID: <1@a.test>\r\nDate: x\r\nFrom: ada@a.test\r\nTo: b@x.test\r\n\r\n.Hi\r\n";

fn stuffed() -> String {
    format!("{}.\r\n", MESSAGE.replace("\r\n.", "\r\n.."))
}

#[tokio::test]
async fn a_message_is_sent_and_then_answered() {
    let world = World::new().await;
    let mut client = world.log_in().await;
    client.envelope().await.raw(&stuffed()).await;
    client.hear("250 2.0.0 Ok: taken by Microsoft 365 as ").await;
    assert_eq!(world.mailbox.sent(), [MESSAGE]);
    client.c("QUIT").await.hear("221 2.0.0 ").await.hear("").await;
    let mut client = world.log_in().await;
    client.envelope().await.raw(&stuffed()).await.hear("250 2.0.0 ").await;
    assert_eq!(world.mailbox.sent().len(), 2, "a deliberate second message");
}

#[tokio::test]
async fn a_client_that_hung_up_before_its_answer_may_come_again() {
    let world = World::new().await;
    world.mailbox.hold();
    let mut client = world.log_in().await;
    client.envelope().await.raw(&stuffed()).await;
    world.mailbox.held().await;
    drop(client);
    let mut client = world.log_in().await;
    client.envelope().await.raw(&stuffed()).await;
    world.mailbox.release();
    client.hear("250 2.0.0 ").await;
    assert_eq!(world.mailbox.sent(), [MESSAGE]);
}

#[tokio::test]
async fn a_command_sent_ahead_of_the_answer_does_not_show_that_it_was_read() {
    let world = World::new().await;
    let mut client = world.log_in().await;
    client.envelope().await.raw(&format!("{}NOOP\r\n", stuffed())).await;
    client.0.get_ref().peek(&mut [0]).await.unwrap();
    // The answer is here and not read, so this breaks the connection.
    drop(client);
    let mut client = world.log_in().await;
    client.envelope().await.raw(&stuffed()).await.hear("250 2.0.0 ").await;
    assert_eq!(world.mailbox.sent(), [MESSAGE]);
}

#[tokio::test]
async fn who_leaves_in_order_has_read_the_answer_though_its_quit_was_sent_ahead() {
    let world = World::new().await;
    let mut client = world.log_in().await;
    client.envelope().await.raw(&format!("{}QUIT\r\n", stuffed())).await;
    client.hear("250 2.0.0 ").await.hear("221 2.0.0 ").await.hear("").await;
    drop(client);
    let delivered =
        |attempt: &Attempt| matches!(attempt.stage, Stage::Sent { answer: Answer::Delivered, .. });
    while !world.store.attempts_named("<1@a.test>").await.unwrap().iter().any(delivered) {
        tokio::task::yield_now().await;
    }
    let mut client = world.log_in().await;
    client.envelope().await.raw(&stuffed()).await.hear("250 2.0.0 ").await;
    assert_eq!(world.mailbox.sent().len(), 2, "a deliberate second message");
}

#[tokio::test]
async fn every_fault_of_the_service_is_its_own_answer_and_the_connection_lives() {
    let world = World::new().await;
    let mut client = world.log_in().await;
    for kind in crate::verdict::Verdict::every_kind() {
        let (code, detail) = crate::verdict::Verdict::of(&kind).smtp;
        // Some lead to a second look, and one is remembered.
        let is_looked_into =
            matches!(kind, Kind::Unreachable | Kind::InDoubt | Kind::Defect | Kind::NoSuchMessage);
        if is_looked_into || matches!(kind, Kind::TooLarge { .. }) {
            continue;
        }
        world.mailbox.fail(Step::Dispatch, When::Before, &kind);
        client.envelope().await.raw(&stuffed()).await;
        client.hear(&format!("{code} {detail} ")).await;
        client.c("NOOP").await.hear("250 ").await;
        assert!(world.mailbox.sent().is_empty() && world.mailbox.drafts().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn what_the_service_found_too_large_lowers_the_limit_of_the_mailbox() {
    let world = World::new().await;
    let mut client = world.log_in().await;
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::TooLarge { limit: 0 });
    client.envelope().await.raw(&stuffed()).await.hear("552 5.3.4 ").await;
    client.envelope().await.raw(&stuffed()).await.hear("552 5.3.4 ").await;
    assert!(world.mailbox.sent().is_empty() && world.mailbox.drafts().is_empty());
    let mut client = world.connect().await;
    client.c("HELO me").await.hear("250 ").await;
    client.c(&world.login).await.hear("235 2.7.0 ").await;
    let size = MESSAGE.len();
    client.c(&format!("MAIL FROM:<ada@a.test> SIZE={size}")).await.hear("552 5.3.4 ").await;
}

#[tokio::test]
async fn too_much_and_bare_line_breaks_are_read_to_the_end_and_refused() {
    let world = World::new().await;
    let mut client = world.log_in().await;
    client.envelope().await.raw(&"x".repeat(120_000)).await.raw("\r\n.\r\n").await;
    client.hear("552 5.3.4 ").await;
    client.envelope().await.raw("Subject: x\r\n\r\na\n.\nb\r\n.\r\n").await;
    client.hear("554 5.6.0 ").await;
    client.c("RSET").await.hear("250 2.0.0 ").await;
    assert!(world.mailbox.sent().is_empty());
}

#[tokio::test]
async fn a_wrong_password_waits_once_and_the_next_try_is_free() {
    let world = World::new().await;
    let mut client = world.connect().await;
    client.c("HELO me").await.hear("250 ").await;
    client.c("AUTH PLAIN AGFkYUBhLnRlc3QAd3Jvbmc=").await;
    let clock = world.clock.clone();
    let advancing = async {
        loop {
            clock.advance(Duration::from_millis(10));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = client.hear("535 5.7.8 ") => {}
        () = advancing => {}
    }
    client.c(&world.login).await.hear("235 ").await;
}

#[tokio::test]
async fn shutdown_says_421_to_the_idle() {
    let world = World::new().await;
    let mut client = world.log_in().await;
    let (clock, drain) = (world.clock.clone(), world.drain.clone());
    let (_, drained) =
        tokio::join!(client.hear("421 4.3.2 "), drain.drain(&clock, Duration::from_secs(60)));
    assert_eq!(drained, crate::net::Drained::Clean);
    world.store.close().await;
}
