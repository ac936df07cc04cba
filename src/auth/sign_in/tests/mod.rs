//! The sign-in against the simulated tenant, with a browser that presses its buttons.

mod clouds;
mod codes;
mod consent;
mod personal;

use std::time::Duration;

use m365_sim::switch::{ConditionalAccess, UserConsent};
use m365_sim::{Browser, Running, Tenant};
use tokio::sync::oneshot;

use super::{Loopback, Page, Redirect, SignIn, SignInError, SignedInAs};
use crate::auth::oauth::{self, Cloud, NoGrant};
use crate::auth::scopes::{Needs, Ownership};
use crate::clock::Clock;
use crate::config::connections::ConnectionUse;
use crate::http::{HttpClient, HttpLimits, Reach};
use crate::mailbox::Timestamp;

const ADA: &str = "ada@contoso.example";
const BEN: &str = "ben@contoso.example";
const LONG: Duration = Duration::from_secs(600);

struct World {
    tenant: Tenant,
    clock: Clock,
    sign_in: SignIn,
    _running: Running,
}

impl World {
    /// Users may consent to anything.
    async fn new() -> Self {
        let start: jiff::Timestamp = "2026-11-01T08:00:00Z".parse().unwrap();
        let clock = m365_sim::Clock::manual(start);
        let tenant = Tenant::builder().user(ADA).user(BEN).clock(clock).build();
        tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Legacy);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = tenant.serve(listener).await;
        let clock = Clock::manual(Timestamp(start.as_second()));
        let sign_in = SignIn {
            http: HttpClient::new(Reach::Loopback, clock.clone(), HttpLimits::default()).unwrap(),
            cloud: Cloud {
                login: running.url(),
                graph: running.url(),
                resource: running.url(),
                tenant: "organizations".to_owned(),
                client_id: "app".to_owned(),
            },
            needs: Needs { purpose: ConnectionUse::Both, mailbox: Ownership::Own },
            account: ADA.to_owned(),
            challenge: None,
            tenant_id: None,
        };
        Self { tenant, clock, sign_in, _running: running }
    }

    /// A whole sign-in by browser; answers what it came to and what the browser shows in the end.
    async fn by_browser(
        &self,
        person: impl AsyncFnOnce(&mut Browser),
    ) -> (Result<SignedInAs, SignInError>, Browser) {
        let loopback = Loopback::bind().await.unwrap();
        let attempt = self.sign_in.begin(&loopback.redirect_uri()).unwrap();
        let url = attempt.url.clone();
        let (tell, gone) = oneshot::channel();
        let bridge = async {
            let (redirect, ending) = loopback.wait(&attempt, LONG, &self.clock).await?;
            let done = self.sign_in.finish(attempt, redirect).await;
            let page = match &done {
                Ok(done) => Page::success(&done.identity.address, &[]),
                Err(error) => Page::failure(&error.to_string()),
            };
            // The clock stands still, so the end is the browser's.
            tokio::select! { () = ending.show(&page, &self.clock) => {}, _ = gone => {} }
            done
        };
        let browser = async {
            let mut browser = self.tenant.browse(&url).await;
            person(&mut browser).await;
            // A browser that stays with Microsoft brings no answer, ever.
            if !browser.url().starts_with("http://localhost") {
                self.advance(LONG);
            }
            let _ = tell.send(());
            browser
        };
        tokio::join!(bridge, browser)
    }

    fn advance(&self, by: Duration) {
        self.tenant.clock().advance(by);
        self.clock.advance(by);
    }
}

async fn accept_as(browser: &mut Browser, account: &str) {
    browser.pick(account).await;
    if browser.has("accept") {
        browser.accept().await;
    }
}

#[tokio::test]
async fn a_browser_signs_in_and_says_that_it_worked() {
    let world = World::new().await;
    let (done, browser) = world.by_browser(async |browser| accept_as(browser, ADA).await).await;
    let done = done.unwrap();
    assert_eq!(done.identity.address, ADA);
    assert_eq!(done.identity.tenant_id, world.tenant.entra().tenant_id());
    assert!(world.sign_in.needs.missing(&done.granted).is_empty(), "{:?}", done.granted);
    assert!(browser.text().contains("Signed in"), "{}", browser.text());
    assert!(browser.url().ends_with("/done"), "the code stays in the address: {}", browser.url());
    let SignIn { http, cloud, .. } = &world.sign_in;
    oauth::refresh(http, cloud, &done.refresh, None).await.unwrap();
}

#[tokio::test]
async fn only_what_the_use_needs_is_asked_for() {
    let mut world = World::new().await;
    world.sign_in.needs.purpose = ConnectionUse::Outbound;
    // The usual policy lets no user agree to the reading of mail.
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Recommended);
    let (done, _) = world
        .by_browser(async |browser| {
            browser.pick(ADA).await;
            let scopes = browser.scopes();
            assert!(scopes.iter().any(|scope| scope == "Mail.Send"), "{scopes:?}");
            assert!(!scopes.iter().any(|scope| scope.starts_with("Mail.Read")), "{scopes:?}");
            browser.accept().await;
        })
        .await;
    assert!(done.unwrap().granted.has("Mail.Send"));
}

#[tokio::test]
async fn whoever_cancels_is_told_how_to_go_on() {
    let world = World::new().await;
    let (done, browser) = world
        .by_browser(async |browser| {
            browser.pick(ADA).await;
            browser.cancel().await;
        })
        .await;
    assert!(matches!(done, Err(SignInError::Cancelled(_))), "{done:?}");
    assert!(browser.text().contains("Not signed in"), "{}", browser.text());
    assert!(browser.text().contains("run it again"), "{}", browser.text());
}

#[tokio::test]
async fn the_sign_in_of_another_account_is_refused_by_name() {
    let world = World::new().await;
    let (done, browser) = world.by_browser(async |browser| accept_as(browser, BEN).await).await;
    let error = done.unwrap_err().to_string();
    assert!(error.contains(ADA) && error.contains(BEN), "{error}");
    assert!(browser.text().contains(BEN), "{}", browser.text());
}

#[tokio::test]
async fn a_tenant_that_wants_an_administrator_keeps_the_browser_and_the_sign_in_times_out() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Recommended);
    let (done, browser) = world
        .by_browser(async |browser| {
            browser.pick(ADA).await;
            assert_eq!(browser.error_code(), Some(90094));
            world.advance(LONG);
        })
        .await;
    assert!(matches!(done, Err(SignInError::TimedOut(_))), "{done:?}");
    assert_eq!(browser.error_code(), Some(90094));
    // The administrator consents, and all is well.
    world.tenant.entra().consent_for_organisation("app", &world.sign_in.needs.scopes().join(" "));
    let (done, _) = world.by_browser(async |browser| accept_as(browser, ADA).await).await;
    done.unwrap();
}

#[tokio::test]
async fn what_is_not_the_answer_changes_nothing() {
    let world = World::new().await;
    let (done, _) = world
        .by_browser(async |browser| {
            let redirect = browser.url().to_owned();
            let port = redirect.split("localhost%3A").nth(1).unwrap();
            let port: String = port.chars().take_while(char::is_ascii_digit).collect();
            let mut stranger = Browser::open(&format!("http://127.0.0.1:{port}/favicon.ico")).await;
            assert_eq!(stranger.status(), Some(404));
            stranger.visit(&format!("http://127.0.0.1:{port}/?code=x&state=y")).await;
            assert_eq!(stranger.status(), Some(400));
            accept_as(browser, ADA).await;
        })
        .await;
    done.unwrap();
}

#[tokio::test]
async fn a_pasted_address_signs_in_once_and_only_its_own_sign_in() {
    let world = World::new().await;
    let attempt = world.sign_in.begin("http://localhost").unwrap();
    let mut browser = world.tenant.browse(&attempt.url).await;
    accept_as(&mut browser, ADA).await;
    let pasted = browser.url().to_owned();
    let other = world.sign_in.begin("http://localhost").unwrap();
    let foreign = world.sign_in.finish(other, Redirect::pasted(&pasted).unwrap()).await;
    assert!(matches!(foreign, Err(SignInError::Foreign)), "{foreign:?}");
    let done = world.sign_in.finish(attempt, Redirect::pasted(&pasted).unwrap()).await;
    assert_eq!(done.unwrap().identity.address, ADA);
}

/// Signs in by device code; `person` gets the code.
async fn by_device(
    world: &World,
    person: impl AsyncFnOnce(String),
) -> Result<SignedInAs, SignInError> {
    let (tell, told) = oneshot::channel();
    let show = |prompt: &super::DevicePrompt| drop(tell.send(prompt.clone()));
    let bridge = world.sign_in.by_device(show);
    let person = async {
        person(told.await.unwrap().code).await;
        loop {
            world.advance(Duration::from_secs(5));
            // A poll under way gets its answer before it would be out of time.
            for _ in 0..3 {
                Browser::open(&world.sign_in.cloud.login).await;
            }
        }
    };
    tokio::select! { done = bridge => done, () = person => unreachable!() }
}

#[tokio::test]
async fn a_code_typed_elsewhere_signs_in_after_some_polls() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.slow_down = true);
    let login = world.sign_in.cloud.login.clone();
    let done = by_device(&world, async |code| {
        let mut browser = world.tenant.browse(&format!("{login}/devicelogin")).await;
        browser.enter_code(&code).await;
        accept_as(&mut browser, ADA).await;
    });
    assert_eq!(done.await.unwrap().identity.address, ADA);
}

#[tokio::test]
async fn a_device_code_that_nobody_types_expires() {
    let world = World::new().await;
    let done = by_device(&world, async |_| ()).await;
    assert!(matches!(done, Err(SignInError::CodeExpired)), "{done:?}");
}

#[tokio::test]
async fn a_device_code_that_is_declined_ends_at_once() {
    let world = World::new().await;
    let login = world.sign_in.cloud.login.clone();
    let done = by_device(&world, async |code| {
        let mut browser = world.tenant.browse(&format!("{login}/devicelogin")).await;
        browser.enter_code(&code).await;
        browser.pick(ADA).await;
        browser.cancel().await;
    });
    let done = done.await;
    assert!(matches!(done, Err(SignInError::Cancelled(_))), "{done:?}");
}

#[tokio::test]
async fn what_conditional_access_demands_is_carried_into_the_next_sign_in() {
    let mut world = World::new().await;
    let (done, _) = world.by_browser(async |browser| accept_as(browser, ADA).await).await;
    let refresh = done.unwrap().refresh;
    world.tenant.set_switches(|switches| {
        switches.entra.conditional_access = ConditionalAccess::MfaAtRefresh;
    });
    let SignIn { http, cloud, .. } = world.sign_in.clone();
    let Err(NoGrant::SignIn(error)) = oauth::refresh(&http, &cloud, &refresh, None).await else {
        panic!("a second factor was wanted")
    };
    assert_eq!(error.error_codes, [50076]);
    world.sign_in.challenge = error.claims.map(String::from);
    assert!(world.sign_in.challenge.is_some());
    let (done, _) = world
        .by_browser(async |browser| {
            browser.pick(ADA).await;
            browser.approve().await;
            if browser.has("accept") {
                browser.accept().await;
            }
        })
        .await;
    oauth::refresh(&http, &cloud, &done.unwrap().refresh, None).await.unwrap();
}
