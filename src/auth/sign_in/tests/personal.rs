//! Personal Microsoft accounts (reference A.9).

use m365_sim::Home;
use m365_sim::switch::{PersonalMail, UserConsent};

use super::{ADA, BEN, Redirect, SignInError, SignedInAs, World, by_device};
use crate::auth::oauth;
use crate::auth::scopes::Ownership;
use crate::auth::sign_in::identity::PERSONAL;

/// Ben's account is his own; the policy that keeps people from reading their mail is not for him.
async fn bens(tenant: &str) -> World {
    let mut world = World::new().await;
    world.tenant.entra().set_home(BEN, Home::Personal);
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Off);
    world.sign_in.cloud.tenant = tenant.to_owned();
    world.sign_in.account = BEN.to_owned();
    world
}

async fn is_ben(world: &World, done: Result<SignedInAs, SignInError>) {
    let done = done.unwrap();
    assert_eq!((done.identity.address.as_str(), done.identity.tenant_id.as_str()), (BEN, PERSONAL));
    assert!(world.sign_in.needs.missing(&done.granted).is_empty(), "{:?}", done.granted);
    let (http, cloud) = (&world.sign_in.http, &world.sign_in.cloud);
    oauth::refresh(http, cloud, &done.refresh, None).await.unwrap();
}

#[tokio::test]
async fn a_personal_account_signs_in_every_way_whether_or_not_its_mail_attribute_is_set() {
    for tenant in ["consumers", "common"] {
        for mail in [PersonalMail::Missing, PersonalMail::Shown] {
            let world = bens(tenant).await;
            world.tenant.set_switches(|switches| switches.entra.personal_mail = mail);
            let (done, browser) = world
                .by_browser(async |browser| {
                    browser.pick(BEN).await;
                    browser.accept().await;
                })
                .await;
            is_ben(&world, done).await;
            assert!(browser.text().contains(BEN), "{}", browser.text());

            let attempt = world.sign_in.begin("http://localhost").unwrap();
            let mut browser = world.tenant.browse(&attempt.url).await;
            browser.pick(BEN).await;
            let redirect = Redirect::pasted(browser.url()).unwrap();
            is_ben(&world, world.sign_in.finish(attempt, redirect).await).await;

            let (tell, told) = tokio::sync::oneshot::channel();
            let page = if tenant == "consumers" { "/link" } else { "/devicelogin" };
            let page = format!("{}{page}", world.sign_in.cloud.login);
            let done = by_device(&world, async |code| {
                let mut browser = world.tenant.browse(&page).await;
                browser.enter_code(&code).await;
                browser.pick(BEN).await;
                tell.send(browser.text()).unwrap();
            });
            is_ben(&world, done.await).await;
            assert!(told.await.unwrap().starts_with("You have signed in"));
        }
    }
}

#[tokio::test]
async fn nobody_is_sent_to_an_administrator_who_does_not_exist() {
    let world = bens("consumers").await;
    let (done, _) = world.by_browser(async |_| ()).await;
    let error = done.unwrap_err();
    assert!(matches!(error, SignInError::TimedOut(_)), "{error:?}");
    let told = world.sign_in.told(&error);
    assert!(!told.contains("adminconsent"), "{told}");
    let world = bens("common").await;
    assert!(world.sign_in.told(&error).contains("/organizations/v2.0/adminconsent"));
}

#[tokio::test]
async fn shared_mailboxes_are_refused_before_anyone_is_sent_to_a_browser() {
    let mut world = bens("consumers").await;
    world.sign_in.needs.mailbox = Ownership::Shared;
    let by_browser = world.sign_in.begin("http://localhost").unwrap_err();
    let by_device = world.sign_in.by_device(|_| ()).await.unwrap_err();
    for error in [by_browser, by_device] {
        assert!(
            error.to_string().contains("personal accounts have no shared mailboxes"),
            "{error}"
        );
    }
    assert_eq!(world.tenant.journal().requests(), 0);
}

#[tokio::test]
async fn a_known_account_is_not_asked_which_kind_it_is() {
    let mut world = bens("common").await;
    let offered = async |world: &World| {
        let attempt = world.sign_in.begin("http://localhost").unwrap();
        let browser = world.tenant.browse(&attempt.url).await;
        [ADA, BEN].map(|user| browser.has(&format!("account-{user}")))
    };
    assert_eq!(offered(&world).await, [true, true]);
    world.sign_in.tenant_id = Some(PERSONAL.to_owned());
    assert_eq!(offered(&world).await, [false, true]);
    world.sign_in.tenant_id = Some(world.tenant.entra().tenant_id());
    assert_eq!(offered(&world).await, [true, false]);
    // Where only one kind can sign in there is nothing to hint.
    world.sign_in.cloud.tenant = "consumers".to_owned();
    let attempt = world.sign_in.begin("http://localhost").unwrap();
    assert!(!attempt.url.contains("domain_hint"), "{}", attempt.url);
}
