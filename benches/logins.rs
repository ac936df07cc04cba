//! What a local login costs: the first time, once verified, and while a thousand strangers guess.
//!
//! `cargo bench --bench logins` prints one line of JSON and fails if a bound is missed. The logins are
//! those of the front ends (`Accounts::log_in`), without a socket; guesses come from as many addresses
//! as there are guesses, nearly half of them at names that exist.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use footbridge::account::{Accounts, Caller, Purpose};
use footbridge::app::{App, Parts, SignedIn};
use footbridge::auth::password::{self, HashedPassword};
use footbridge::auth::{MemoryVault, Secret};
use footbridge::clock::Clock;
use footbridge::config::connections::{Connection, ConnectionUse, StoredPassword};
use footbridge::config::{CloudName, Config};
use m365_sim::Tenant;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const USERS: usize = 21;
const GUESSES: u32 = 1000;
/// Logins timed while nobody guesses.
const ROUNDS: usize = 2000;
/// A known password, once verified.
const BOUND: Duration = Duration::from_millis(1);

struct Bench {
    accounts: Accounts,
    clock: Clock,
    users: Vec<(String, Secret)>,
}

impl Bench {
    async fn new() -> (Self, tempfile::TempDir, App) {
        let users: Vec<(String, Secret)> = (0..USERS)
            .map(|number| (format!("user{number}@contoso.example"), password::generate()))
            .collect();
        let builder = users.iter().fold(Tenant::builder(), |builder, (user, _)| builder.user(user));
        let tenant = builder.build();
        let sim = tenant.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).await;
        let state = tempfile::tempdir().unwrap();
        let mut config = Config { state_dir: state.path().to_owned(), ..Config::default() };
        config.cloud.name = CloudName::Custom;
        (config.cloud.login, config.cloud.graph) = (sim.url(), sim.url());
        config.imap.listen = Vec::new();
        config.smtp.listen = Vec::new();
        config.console = None;
        let connections = users.iter().map(|(user, password)| connection(&tenant, user, password));
        let connections = connections.collect();
        let clock = Clock::system();
        let parts = Parts { config, clock: clock.clone(), connections };
        let app = App::build(parts).await.unwrap();
        (Self { accounts: app.accounts().clone(), clock, users }, state, app)
    }

    /// Answers how long it took.
    async fn log_in(&self, number: usize) -> Duration {
        let (user, password) = &self.users[number];
        let started = self.clock.instant();
        let done = self.accounts.log_in(user, password.expose().as_bytes(), at(0), &self.clock);
        assert!(done.await.is_ok(), "{user} is let in");
        self.clock.instant().since(started)
    }

    /// A thousand wrong passwords at once, in tasks of their own.
    fn guess(&self) -> JoinSet<()> {
        let mut guesses = JoinSet::new();
        for number in 0..GUESSES {
            let index = number as usize % (2 * USERS);
            // Not at those whose logins are timed: whose own name is guessed at waits in its own lane.
            let others = 2..USERS - 1;
            let user = match self.users.get(index).filter(|_| others.contains(&index)) {
                Some((user, _)) => user.clone(),
                None => format!("stranger{number}@contoso.example"),
            };
            let (accounts, clock) = (self.accounts.clone(), self.clock.clone());
            guesses.spawn(async move {
                let wrong = accounts.log_in(&user, b"wrong-guess", at(1 + number), &clock).await;
                assert!(wrong.is_err());
            });
        }
        guesses
    }
}

fn connection(tenant: &Tenant, user: &str, password: &Secret) -> SignedIn {
    let stored = StoredPassword {
        device: None,
        label: String::new(),
        purpose: ConnectionUse::Both,
        hash: HashedPassword::new(password).as_str().to_owned(),
    };
    let connection =
        Connection { address: user.to_owned(), passwords: vec![stored], ..Connection::default() };
    let grant = tenant.grant(user, "bench", "Mail.ReadWrite offline_access");
    SignedIn { connection, vault: Arc::new(MemoryVault::holding(Secret::new(grant))) }
}

/// Someone at the n-th address of a large network.
fn at(number: u32) -> Caller {
    let source = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
    Caller { purpose: Purpose::Receive, source }
}

/// Median, 99th percentile and longest, in milliseconds.
fn figures(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort();
    let ms = |at: usize| (times[at].as_secs_f64() * 1e6).round() / 1e3;
    let last = times.len() - 1;
    serde_json::json!({"median": ms(last / 2), "p99": ms(last * 99 / 100), "longest": ms(last)})
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let (bench, _state, _app) = Bench::new().await;
    let mut first = Vec::new();
    // The last user stays unknown until the crowd is there.
    for number in 0..USERS - 1 {
        first.push(bench.log_in(number).await);
    }
    let mut known = Vec::new();
    for round in 0..ROUNDS {
        known.push(bench.log_in(round % 2).await);
    }
    let started = bench.clock.instant();
    let mut guesses = bench.guess();
    tokio::task::yield_now().await;
    let newcomer = bench.log_in(USERS - 1).await;
    let mut crowded = Vec::new();
    while guesses.try_join_next().is_some() || !guesses.is_empty() {
        crowded.push(bench.log_in(crowded.len() % 2).await);
        tokio::task::yield_now().await;
    }
    let all = bench.clock.instant().since(started);
    let mut sorted = [known.clone(), crowded.clone()];
    sorted.iter_mut().for_each(|times| times.sort());
    let slow = sorted.iter().any(|times| times[times.len() / 2] > BOUND);
    print(&serde_json::json!({
        "first_ms": figures(first), "verified_ms": figures(known),
        "verified_while_1000_guess_ms": figures(crowded), "logins_in_that_time": sorted[1].len(),
        "new_login_while_1000_guess_ms": figures(vec![newcomer]), "guesses_took_s": all.as_secs_f64(),
    }));
    assert!(!slow, "a login that was verified before takes more than 1 ms");
}

#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
fn print(figures: &serde_json::Value) {
    println!("{figures}");
}
