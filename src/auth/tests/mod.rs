//! The keeper against the simulated token endpoint.

mod codes;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use m365_sim::{Fault, Kind as Call, RetryAfter, Rule, Running, Tenant, switch::Rotation};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{
    Cloud, FileVault, Keeper, KeeperLimits, MemoryVault, Owner, Secret, SignInState, TokenSource,
    TokenVault, VaultError,
};
use crate::clock::Clock;
use crate::http::{HttpClient, HttpLimits, Reach, Tokens as _};
use crate::mailbox::{Kind, Timestamp};

const ADA: &str = "ada@contoso.example";
const SCOPES: &str = "Mail.ReadWrite offline_access";

struct World {
    tenant: Tenant,
    clock: Clock,
    keeper: Keeper,
    vault: Arc<MemoryVault>,
    _running: Running,
}

impl World {
    async fn new() -> Self {
        let start: jiff::Timestamp = "2026-11-01T08:00:00Z".parse().unwrap();
        let tenant = Tenant::builder().user(ADA).clock(m365_sim::Clock::manual(start)).build();
        // As long as tokens live that are not evaluated all the time.
        tenant.set_switches(|switches| switches.login.continuous_token_seconds = 3599);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = tenant.serve(listener).await;
        let clock = Clock::manual(Timestamp(start.as_second()));
        let vault = Arc::new(MemoryVault::holding(Secret::new(tenant.grant(ADA, "app", SCOPES))));
        let keeper = Keeper {
            address: ADA.to_owned(),
            owner: Owner::Organisation,
            http: HttpClient::new(Reach::Loopback, clock.clone(), HttpLimits::default()).unwrap(),
            cloud: Cloud {
                login: running.url(),
                graph: running.url(),
                resource: running.url(),
                tenant: "organizations".to_owned(),
                client_id: "app".to_owned(),
            },
            vault: vault.clone(),
            limits: KeeperLimits::default(),
            shutdown: CancellationToken::new(),
        };
        Self { tenant, clock, keeper, vault, _running: running }
    }

    fn start(&self) -> TokenSource {
        self.keeper.clone().start(&TaskTracker::new())
    }

    fn advance(&self, by: Duration) {
        self.tenant.clock().advance(by);
        self.clock.advance(by);
    }

    fn refreshes(&self) -> usize {
        self.tenant.journal().of(Call::Token).len()
    }
}

/// Cannot be written until allowed.
#[derive(Debug)]
struct FullDisk(Arc<MemoryVault>);

#[async_trait]
impl TokenVault for FullDisk {
    async fn load(&self) -> Result<Option<Secret>, VaultError> {
        self.0.load().await
    }

    async fn save(&self, _: &Secret) -> Result<(), VaultError> {
        Err(io::Error::from(io::ErrorKind::StorageFull).into())
    }
}

#[tokio::test]
async fn everyone_who_waits_gets_the_token_of_one_refresh() {
    let world = World::new().await;
    let tokens = world.start();
    let (one, two, three) =
        tokio::join!(tokens.access_token(), tokens.access_token(), tokens.access_token());
    assert_eq!(one.unwrap(), two.unwrap());
    assert!(three.is_ok());
    assert_eq!(world.refreshes(), 1);
    assert_eq!(tokens.status().borrow().state, SignInState::Fresh);
    assert_eq!(tokens.status().borrow().last_refresh, Some(world.clock.now()));
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_before_its_end() {
    let world = World::new().await;
    let tokens = world.start();
    let first = tokens.access_token().await.unwrap();
    let mut status = tokens.status();
    status.borrow_and_update();
    world.advance(Duration::from_secs(3599 - 301));
    assert_eq!(tokens.access_token().await.unwrap(), first);
    world.advance(Duration::from_secs(1));
    status.changed().await.unwrap();
    assert_ne!(tokens.access_token().await.unwrap(), first);
    assert_eq!(world.refreshes(), 2);
}

#[tokio::test]
async fn a_new_refresh_token_is_stored_before_it_is_used() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.login.rotation = Rotation::Strict);
    let before = world.vault.load().await.unwrap();
    let tokens = world.start();
    for _ in 0..3 {
        let token = tokens.access_token().await.unwrap();
        tokens.reject(&token);
    }
    tokens.access_token().await.unwrap();
    assert_ne!(world.vault.load().await.unwrap(), before);
}

#[tokio::test]
async fn two_bridges_on_one_vault_lose_no_token_in_a_thousand_renewals() {
    for rotation in [Rotation::Strict, Rotation::OldStaysValid] {
        let mut world = World::new().await;
        world.tenant.set_switches(|switches| switches.login.rotation = rotation);
        let folder = tempfile::tempdir().unwrap();
        let key = || super::VaultKey::new(Some(&[1; 32])).unwrap();
        let vault = || FileVault::within(folder.path(), ADA, key());
        vault().save(&world.vault.load().await.unwrap().unwrap()).await.unwrap();
        world.keeper.vault = Arc::new(vault());
        let one = world.start();
        world.keeper.vault = Arc::new(vault());
        let other = world.start();
        for round in 0..250 {
            let (first, second, third, fourth) = tokio::join!(
                one.access_token(),
                other.access_token(),
                other.access_token(),
                one.access_token(),
            );
            let outcome = [first, second, third, fourth].into_iter().find_map(Result::err);
            assert!(outcome.is_none(), "{rotation:?}, round {round}: {outcome:?}");
            world.advance(Duration::from_secs(3600));
        }
        assert!(world.refreshes() >= 500);
    }
}

#[tokio::test]
async fn shutdown_waits_for_the_answer_that_holds_the_only_good_refresh_token() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.login.rotation = Rotation::Strict);
    let spent = world.tenant.hold(Call::Token);
    let tracker = TaskTracker::new();
    let _tokens = world.keeper.clone().start(&tracker);
    spent.arrived(1).await;
    world.keeper.shutdown.cancel();
    tracker.close();
    let mut ending = Box::pin(tracker.wait());
    assert!(futures_util::poll!(&mut ending).is_pending());
    spent.release();
    ending.await;
    let later = Keeper { shutdown: CancellationToken::new(), ..world.keeper.clone() };
    later.start(&TaskTracker::new()).access_token().await.unwrap();
}

#[tokio::test]
async fn only_the_present_token_can_be_rejected() {
    let world = World::new().await;
    let tokens = world.start();
    let old = tokens.access_token().await.unwrap();
    tokens.reject(&old);
    let new = tokens.access_token().await.unwrap();
    tokens.reject(&old);
    assert_eq!(tokens.access_token().await.unwrap(), new);
    assert_eq!(world.refreshes(), 2);
}

#[tokio::test]
async fn a_lapsed_sign_in_is_parked_until_someone_signs_in() {
    let world = World::new().await;
    world.tenant.revoke(ADA);
    let tokens = world.start();
    // A day, in which clients come and go.
    for _ in 0..144 {
        let fault = tokens.access_token().await.unwrap_err();
        assert_eq!(*fault.kind(), Kind::SignInNeeded);
        assert!(fault.cause().contains("AADSTS50173"), "{fault}");
        world.advance(Duration::from_secs(600));
        // Whoever waits for this moment gets to act on it.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.refreshes(), 1);
    assert_eq!(tokens.status().borrow().refreshes.failed, 1);
    let grant = world.tenant.grant(ADA, "app", SCOPES);
    world.vault.save(&Secret::new(grant)).await.unwrap();
    let mut status = tokens.status();
    tokens.signed_in();
    status.wait_for(|status| status.state == SignInState::Fresh).await.unwrap();
    tokens.access_token().await.unwrap();
}

#[tokio::test]
async fn every_refusal_that_only_a_person_can_lift_parks() {
    for error in ["invalid_grant", "interaction_required", "consent_required", "login_required"] {
        let world = World::new().await;
        let fault = Fault::Entra { code: 400, error: error.into(), aadsts: 50076, suberror: None };
        world.tenant.faults().push(Rule::on(Call::Token).answer(fault));
        let fault = world.start().access_token().await.unwrap_err();
        assert_eq!(*fault.kind(), Kind::SignInNeeded, "{error}");
    }
}

#[tokio::test]
async fn trouble_that_may_pass_is_waited_out_and_costs_no_sign_in() {
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::EmptyBody,
        Fault::Html { code: 200 },
        Fault::Html { code: 502 },
        Fault::TruncatedJson,
        Fault::throttled(RetryAfter::Seconds(3)),
        Fault::status(503, "x"),
        Fault::Entra {
            code: 400,
            error: "temporarily_unavailable".into(),
            aadsts: 90033,
            suberror: None,
        },
        Fault::Entra { code: 400, error: "invalid_request".into(), aadsts: 90055, suberror: None },
    ];
    for fault in faults {
        let world = World::new().await;
        world.tenant.faults().push(Rule::on(Call::Token).times(2).answer(fault.clone()));
        let token = world.start().access_token().await;
        assert!(token.is_ok(), "{fault:?} {token:?}");
        assert_eq!(world.refreshes(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_stays_away_is_unreachable_and_not_a_lapsed_sign_in() {
    let world = World::new().await;
    world.tenant.faults().push(Rule::on(Call::Token).always().answer(Fault::CutBefore));
    let fault = world.start().access_token().await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::Unreachable);
    assert!(world.vault.load().await.unwrap().is_some());
}

/// Lets the keeper try again and again until so much time has passed.
async fn keep_trying(world: &World, tokens: &TokenSource, time: Duration) {
    let mut status = tokens.status();
    let started = world.clock.instant();
    loop {
        let before = status.borrow_and_update().refreshes.failed;
        status.wait_for(|status| status.refreshes.failed > before).await.unwrap();
        if world.clock.instant().since(started) >= time {
            return;
        }
        // It is told before the keeper goes to sleep.
        tokio::task::yield_now().await;
        world.advance(world.clock.next_waking().expect("a keeper that waits"));
    }
}

async fn recovers(world: &World, tokens: &TokenSource) {
    let mut status = tokens.status();
    tokio::task::yield_now().await;
    world.advance(world.clock.next_waking().expect("a keeper that waits"));
    status.wait_for(|status| status.state == SignInState::Fresh).await.unwrap();
    tokens.access_token().await.unwrap();
}

const HOURS: Duration = Duration::from_secs(8 * 60 * 60);

#[tokio::test]
async fn hours_of_trouble_cost_neither_the_sign_in_nor_hundreds_of_requests() {
    let faults =
        [Fault::CutBefore, Fault::status(503, "x"), Fault::throttled(RetryAfter::Seconds(60))];
    for fault in faults {
        let world = World::new().await;
        let stored = world.vault.load().await.unwrap();
        world.tenant.faults().push(Rule::on(Call::Token).always().answer(fault.clone()));
        let tokens = world.start();
        keep_trying(&world, &tokens, HOURS).await;
        assert!(world.refreshes() < 250, "{fault:?}: {}", world.refreshes());
        assert_eq!(world.vault.load().await.unwrap(), stored, "{fault:?}");
        world.tenant.faults().clear();
        recovers(&world, &tokens).await;
    }
}

#[tokio::test]
async fn hours_without_a_network_cost_no_sign_in() {
    let mut world = World::new().await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    world.keeper.cloud.login = format!("http://{address}");
    let stored = world.vault.load().await.unwrap();
    let tokens = world.start();
    keep_trying(&world, &tokens, HOURS).await;
    assert!(matches!(tokens.status().borrow().state, SignInState::Troubled { .. }));
    assert_eq!(world.vault.load().await.unwrap(), stored);
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let _back = world.tenant.serve(listener).await;
    recovers(&world, &tokens).await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve_costs_no_sign_in() {
    let mut world = World::new().await;
    // Longer than any label may be, so that no name server is asked.
    world.keeper.cloud.login = format!("http://{}.example", "a".repeat(64));
    let stored = world.vault.load().await.unwrap();
    let tokens = world.start();
    keep_trying(&world, &tokens, HOURS).await;
    let SignInState::Troubled { cause } = tokens.status().borrow().state.clone() else {
        panic!("not told as trouble");
    };
    assert!(cause.contains("dns error"), "{cause}");
    assert_eq!(world.vault.load().await.unwrap(), stored);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn days_without_a_refresh_are_said_once_a_day() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    let tokens = world.start();
    tokens.access_token().await.unwrap();
    world.tenant.faults().push(Rule::on(Call::Token).always().answer(Fault::CutBefore));
    world.advance(Duration::from_secs(60 * 60));
    keep_trying(&world, &tokens, Duration::from_secs(60 * 60 * 60)).await;
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let days = said.matches("no token refresh has succeeded for a day").count();
    assert_eq!(days, 2, "{said}");
    assert!(said.contains("good for 89 days without use"), "{said}");
}

#[tokio::test]
async fn what_a_refresh_could_not_answer_waits_beside_the_vault_for_the_next_sign_in() {
    let mut world = World::new().await;
    world.tenant.set_switches(|switches| {
        switches.login.claims_at_refresh = m365_sim::switch::ClaimsAtRefresh::NeedsSignIn;
    });
    let folder = tempfile::tempdir().unwrap();
    let vault = || {
        let key = super::VaultKey::new(Some(&[1; 32])).unwrap();
        FileVault::within(folder.path(), ADA, key)
    };
    vault().save(&world.vault.load().await.unwrap().unwrap()).await.unwrap();
    world.keeper.vault = Arc::new(vault());
    let tokens = world.start();
    let token = tokens.access_token().await.unwrap();
    world.tenant.entra().challenge(ADA);
    tokens.challenge(&token, r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#);
    let fault = tokens.access_token().await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::SignInNeeded);
    let demanded = vault().demanded().await.unwrap().unwrap();
    assert!(demanded.contains("\"nbf\""), "{demanded}");
    // A bridge that starts now does not take the old sign-in for a good one.
    let refused = world.start().access_token().await.unwrap_err();
    assert_eq!(*refused.kind(), Kind::SignInNeeded);
}

#[tokio::test]
async fn a_vault_that_cannot_be_written_does_not_stop_the_mail() {
    let mut world = World::new().await;
    world.keeper.vault = Arc::new(FullDisk(world.vault.clone()));
    world.start().access_token().await.unwrap();
}

#[tokio::test]
async fn tokens_that_are_refused_at_once_again_and_again_slow_the_keeper_down() {
    let world = World::new().await;
    let tokens = world.start();
    let started = world.clock.instant();
    // In the end a refresh is put off for longer than anyone waits.
    let mut refused = 0;
    while let Ok(token) = tokens.access_token().await {
        tokens.reject(&token);
        refused += 1;
        assert!(refused < 20, "the keeper loops");
    }
    assert!(world.clock.instant().since(started) > Duration::from_secs(20));
    assert!(refused >= 4);
}

#[tokio::test]
async fn nobody_signed_in_yet_is_said_so() {
    let mut world = World::new().await;
    world.keeper.vault = Arc::new(MemoryVault::default());
    let fault = world.start().access_token().await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::SignInNeeded);
    assert_eq!(world.refreshes(), 0);
}
