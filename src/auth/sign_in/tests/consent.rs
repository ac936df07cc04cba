//! The administrator's consent (reference A.8): asked for where it is needed, given, and told.

use m365_sim::switch::UserConsent;
use m365_sim::{Browser, Role, Stage};
use tokio::sync::oneshot;

use super::{ADA, BEN, LONG, Loopback, Page, Redirect, SignInError, World, accept_as, by_device};
use crate::auth::consent::{ConsentError, ConsentRequest, Consented};

/// Only Ben may consent.
async fn world() -> World {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Recommended);
    world.tenant.entra().set_role(BEN, Role::Administrator);
    world
}

fn link(world: &World) -> ConsentRequest {
    ConsentRequest::to_send(&world.sign_in.cloud, world.sign_in.needs, None).unwrap()
}

/// `consent-url --wait`, and the administrator's browser.
async fn waited(
    world: &World,
    person: impl AsyncFnOnce(&mut Browser),
) -> (Result<Consented, ConsentError>, Browser) {
    let loopback = Loopback::bind().await.unwrap();
    let (cloud, needs) = (&world.sign_in.cloud, world.sign_in.needs);
    let request = ConsentRequest::to_open(cloud, needs, None, &loopback).unwrap();
    let (tell, gone) = oneshot::channel();
    let bridge = async {
        let (outcome, ending) = request.wait(loopback, LONG, &world.clock).await;
        let Some(ending) = ending else { return outcome };
        let page = match &outcome {
            Ok(consented) => Page::consented(&consented.tenant),
            Err(error) => Page::not_consented(&error.to_string()),
        };
        tokio::select! { () = ending.show(&page, &world.clock) => {}, _ = gone => {} }
        outcome
    };
    let browser = async {
        let mut browser = world.tenant.browse(&request.url).await;
        person(&mut browser).await;
        let _ = tell.send(());
        browser
    };
    tokio::join!(bridge, browser)
}

#[tokio::test]
async fn after_the_consent_the_browser_says_so_and_names_the_organisation() {
    let world = world().await;
    let (outcome, browser) = waited(&world, async |browser| accept_as(browser, BEN).await).await;
    let consented = outcome.unwrap();
    assert_eq!(consented.tenant, world.tenant.entra().tenant_id());
    assert!(world.sign_in.needs.missing(&consented.granted).is_empty(), "{consented:?}");
    assert_eq!(browser.status(), Some(200));
    assert!(browser.text().starts_with("Consent recorded"), "{}", browser.text());
    assert!(browser.text().contains(&consented.tenant), "{}", browser.text());
    let (done, _) = world.by_browser(async |browser| browser.pick(ADA).await).await;
    done.unwrap();
}

#[tokio::test]
async fn a_consent_that_is_declined_or_refused_is_told_with_its_cure_on_both_sides() {
    let world = world().await;
    let (outcome, browser) = waited(&world, async |browser| {
        browser.pick(BEN).await;
        browser.cancel().await;
    })
    .await;
    assert!(matches!(outcome, Err(ConsentError::Declined)), "{outcome:?}");
    let told = outcome.unwrap_err().to_string();
    assert!(told.contains("open the link again and accept"), "{told}");
    assert!(browser.text().contains("open the link again and accept"), "{}", browser.text());
    for (code, cure) in [(65001, "sign in and accept"), (90033, "try again in a few minutes")] {
        world.tenant.entra().fail(Stage::AdminConsent, code);
        let (outcome, browser) = waited(&world, async |_| ()).await;
        let told = outcome.unwrap_err().to_string();
        assert!(told.contains(cure) && told.contains(&format!("AADSTS{code}")), "{told}");
        assert!(browser.text().starts_with("No consent"), "{}", browser.text());
        assert!(browser.text().contains(cure), "{}", browser.text());
    }
    let consented = world.tenant.entra().consented("app", ADA);
    assert!(consented.is_empty(), "{consented:?}");
}

#[tokio::test]
async fn an_error_page_that_leads_nowhere_ends_in_a_timeout_that_says_how_to_go_on() {
    let world = world().await;
    world.tenant.entra().fail(Stage::AdminConsent, 700_016);
    let (outcome, browser) = waited(&world, async |_| world.advance(LONG)).await;
    let told = outcome.unwrap_err().to_string();
    assert!(told.contains("footbridge explain AADSTSnnnnn"), "{told}");
    let pasted = link(&world).pasted(&browser.text()).unwrap_err().to_string();
    assert!(pasted.contains("check [cloud] client_id and name"), "{pasted}");
}

#[tokio::test]
async fn what_is_not_the_answer_of_this_link_does_not_end_the_wait() {
    let world = world().await;
    let (outcome, _) = waited(&world, async |browser| {
        let port = browser.url().split("localhost%3A").nth(1).unwrap();
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        let here = format!("http://127.0.0.1:{port}");
        for (path, status) in [
            ("/favicon.ico", 404),
            ("/?admin_consent=True&tenant=t", 404),
            ("/?admin_consent=True&tenant=t&state=other", 400),
            ("/?error=access_denied&state=footbridge-app", 400),
            ("/?code=x&state=y", 400),
        ] {
            let stranger = Browser::open(&format!("{here}{path}")).await;
            assert_eq!(stranger.status(), Some(status), "{path}");
        }
        accept_as(browser, BEN).await;
    })
    .await;
    outcome.unwrap();
}

#[tokio::test]
async fn a_link_opened_elsewhere_ends_where_nobody_listens_and_its_address_is_taken() {
    let world = world().await;
    let request = link(&world);
    let mut browser = world.tenant.browse(&request.url).await;
    accept_as(&mut browser, BEN).await;
    assert_eq!(browser.status(), None, "the browser cannot connect, and that is expected");
    assert!(browser.url().contains("admin_consent=True") && !browser.url().contains("error="));
    // The link was made by one process; the address is pasted into another.
    let consented = link(&world).pasted(browser.url()).unwrap();
    assert_eq!(consented.tenant, world.tenant.entra().tenant_id());
    browser.visit(&request.url).await;
    browser.pick(BEN).await;
    browser.cancel().await;
    assert!(browser.url().contains("admin_consent=True") && browser.url().contains("error="));
    assert!(matches!(link(&world).pasted(browser.url()), Err(ConsentError::Declined)));
}

/// The ways of a sign-in.
#[derive(Clone, Copy, Debug)]
enum Way {
    Browser,
    Paste,
    Device,
}

/// A sign-in that meets `code`, by its real condition where there is one.
async fn refused(world: &World, way: Way, code: u32) -> SignInError {
    let entra = world.tenant.entra();
    let by_policy = matches!(code, 90094 | 90095);
    world.tenant.set_switches(|switches| switches.entra.approval_workflow = code == 90095);
    match way {
        Way::Browser => {
            let (done, _) = world
                .by_browser(async |browser| {
                    if by_policy {
                        browser.pick(ADA).await;
                        assert_eq!(browser.error_code(), Some(code));
                        world.advance(LONG);
                    }
                })
                .await;
            done.unwrap_err()
        }
        Way::Paste => {
            let attempt = world.sign_in.begin("http://localhost").unwrap();
            let mut browser = world.tenant.browse(&attempt.url).await;
            if by_policy {
                browser.pick(ADA).await;
            }
            let here = browser.url().starts_with("http://localhost");
            let text = if here { browser.url().to_owned() } else { browser.text() };
            match Redirect::pasted(&text) {
                Ok(redirect) => world.sign_in.finish(attempt, redirect).await.unwrap_err(),
                Err(error) => error,
            }
        }
        Way::Device => {
            let login = world.sign_in.cloud.login.clone();
            let done = by_device(world, async |user_code| {
                if by_policy {
                    let mut browser = world.tenant.browse(&format!("{login}/devicelogin")).await;
                    browser.enter_code(&user_code).await;
                    browser.pick(ADA).await;
                    assert_eq!(browser.error_code(), Some(code));
                } else {
                    entra.fail(Stage::Token, code);
                }
            });
            done.await.unwrap_err()
        }
    }
}

#[tokio::test]
async fn whatever_wants_an_administrator_prints_the_link_and_after_the_grant_the_sign_in_goes_through()
 {
    for way in [Way::Browser, Way::Paste, Way::Device] {
        for code in [65001, 65004, 90094, 90095] {
            let world = world().await;
            if code < 90000 && !matches!(way, Way::Device) {
                world.tenant.entra().fail(Stage::Authorize, code);
            }
            let error = refused(&world, way, code).await;
            let told = world.sign_in.told(&error);
            let expected = link(&world).url;
            assert!(told.contains(&expected), "{way:?} {code}: {told}");
            let mut admin = world.tenant.browse(&expected).await;
            accept_as(&mut admin, BEN).await;
            link(&world).pasted(admin.url()).unwrap();
            let (done, _) = world.by_browser(async |browser| browser.pick(ADA).await).await;
            assert_eq!(done.unwrap().identity.address, ADA, "{way:?} {code}");
        }
    }
}
