//! Every number of reference A.7: where a client meets it, and that the cure is told there.

use std::time::Duration;

use m365_sim::switch::{CloudInstance, ConditionalAccess, UserConsent};
use m365_sim::{Audience, Browser, ClientType, Entra, Home, Registration, Stage, Standing};

use super::{ADA, BEN, Redirect, SignIn, SignInError, World, accept_as, by_device};
use crate::auth::aadsts::{self, TRANSIENT};
use crate::auth::oauth;
use crate::auth::scopes::Ownership;
use crate::http::Secret;

/// The table of the reference, and words of each cure.
const TOLD: &[(&[u32], &str)] = &[
    (&[16000, 50020, 50034, 51004, 90072], "have the account invited as a guest"),
    (&[50011, 500_113, 900_971], "register http://localhost under the platform"),
    (&[500_011, 650_052], "enable or subscribe to the service"),
    (&[50053], "have an administrator unlock it"),
    (&[50055, 50144], "change the password at Microsoft"),
    (&[50057], "have an administrator enable it"),
    (&[50058], "sign in again in a browser"),
    (&[50059, 90019], "set [cloud] tenant to the tenant's id or domain"),
    (&[50072, 50074, 50076, 50078, 50079], "complete what it asks for"),
    (&[50097, 50129, 53000, 53001, 530_032], "sign in on a managed device"),
    (&[50105], "assign the user to the application"),
    (&[50126], "type them again on Microsoft's page"),
    (&[50132, 50133, 50173], "the session was revoked or the password was changed; sign in again"),
    (&[50194], "make the registration multitenant"),
    (&[50196], "wait some minutes"),
    (&[50140, 50199], "go on in the browser"),
    (&[50147, 501_481, 501_491], "start the sign-in again"),
    (&[53002, 53003, 530_035], "allow the application, place or flow"),
    (&[54005], "open the page once"),
    (&[65001], "send an administrator the link of: footbridge consent-url"),
    (&[65004], "sign in again and accept"),
    (&[65005, 650_056, 650_057], "add the Graph permissions"),
    (&[65002], "register an application"),
    (&[70000], "the stored sign-in is not valid; sign in again"),
    (&[70008, 700_082], "has lapsed; sign in again"),
    (&[700_084], "move http://localhost to the platform"),
    (&[70043], "an administrator may relax the policy"),
    (&[28002, 28003, 70011, 700_022], "check [cloud] name and tenant"),
    (&[70016], "finish it in the browser"),
    (&[70018], "start the sign-in again; check [cloud] tenant"),
    (&[70019, 70020], "finish it within a quarter of an hour"),
    (&[70001, 700_016, 7_000_112], "check [cloud] client_id and name"),
    (&[700_025], "report it: the bridge never sends one"),
    (&[7_000_218], "set \"Allow public client flows\" to Yes"),
    (&[7_000_215, 7_000_222], "renew the secret in the registration"),
    (&[90124, 90130, 500_201, 500_208, 9_001_023, 9_002_332], "consumers for personal ones"),
    (&[90002, 90038], "check the spelling of [cloud] tenant"),
    (&[90094], "send an administrator the link of: footbridge consent-url"),
    (&[90095], "request approval on Microsoft's page"),
    (&[50033, 90006, 90024, 90033, 90055], "try again in a few minutes"),
];

fn numbers() -> impl Iterator<Item = (u32, &'static str)> {
    TOLD.iter().flat_map(|(codes, cure)| codes.iter().map(|code| (*code, *cure)))
}

fn cure_of(code: u32) -> &'static str {
    numbers().find(|(known, _)| *known == code).map(|(_, cure)| cure).unwrap()
}

fn passes(code: u32) -> bool {
    TRANSIENT.contains(&u64::from(code)) || code == 50196
}

/// What the person is told, if they can be told anything.
async fn finished(world: &World, attempt: super::super::Attempt, browser: &Browser) -> String {
    // On an error page the address bar says nothing; the page itself is copied.
    let text = match browser.url().starts_with("http://localhost") {
        true => browser.url().to_owned(),
        false => browser.text(),
    };
    let error = match Redirect::pasted(&text) {
        Ok(redirect) => world.sign_in.finish(attempt, redirect).await.unwrap_err(),
        Err(error) => error,
    };
    error.to_string()
}

#[test]
fn the_whole_table_is_known_to_the_bridge_and_to_the_simulated_tenant() {
    let simulated = Entra::codes();
    assert_eq!(numbers().count(), 84);
    for (code, cure) in numbers() {
        let advice = aadsts::advice(u64::from(code)).unwrap_or_else(|| panic!("AADSTS{code}"));
        let told = format!("{}; {}", advice.meaning, advice.cure);
        assert!(told.contains(cure), "{code}: {told}");
        assert!(simulated.contains(&code), "{code} cannot be simulated");
    }
}

#[tokio::test]
async fn each_is_told_with_its_cure_when_the_code_is_redeemed() {
    let world = World::new().await;
    for (code, cure) in numbers() {
        world.tenant.entra().forget_sessions();
        world.tenant.entra().fail(Stage::Token, code);
        let (done, browser) = world.by_browser(async |browser| accept_as(browser, ADA).await).await;
        let error = done.unwrap_err();
        assert_eq!(matches!(error, SignInError::Passing(_)), passes(code), "{code}: {error:?}");
        for told in [error.to_string(), browser.text()] {
            assert!(told.contains(cure) && told.contains(&format!("AADSTS{code}")), "{told}");
        }
        assert!(browser.text().starts_with("Not signed in"), "{}", browser.text());
    }
}

#[tokio::test]
async fn each_is_told_with_its_cure_at_a_refresh() {
    let world = World::new().await;
    let SignIn { http, cloud, .. } = &world.sign_in;
    for (code, cure) in numbers() {
        let token = Secret::new(world.tenant.grant(ADA, "app", "Mail.Send offline_access"));
        world.tenant.entra().fail(Stage::Token, code);
        let refused = oauth::refresh(http, cloud, &token, None).await.unwrap_err();
        let passing = matches!(refused, oauth::NoGrant::Passing { .. });
        assert_eq!(passing, passes(code), "{code}: {refused:?}");
        let told = refused.to_string();
        assert!(told.contains(cure) && told.contains("correlation"), "{code}: {told}");
    }
}

#[tokio::test]
async fn each_that_microsoft_sends_back_is_told_with_its_cure_in_the_browser() {
    let world = World::new().await;
    let sent_back = numbers().filter(|(code, _)| !Entra::stays_in_the_browser(*code));
    let mut met = 0;
    for (code, cure) in sent_back {
        met += 1;
        world.tenant.entra().fail(Stage::Authorize, code);
        let (done, browser) = world.by_browser(async |_| ()).await;
        let error = done.unwrap_err();
        let cure = if code == 65004 { "run it again and accept" } else { cure };
        assert!(error.to_string().contains(cure), "{code}: {error}");
        assert!(browser.text().contains(cure), "{code}: {}", browser.text());
    }
    assert!(met >= 12, "{met}");
}

#[tokio::test]
async fn each_that_microsoft_only_shows_is_explained_when_it_is_pasted_and_asked_for_after_a_timeout()
 {
    let world = World::new().await;
    for (code, cure) in numbers().filter(|(code, _)| Entra::stays_in_the_browser(*code)) {
        world.tenant.entra().fail(Stage::Authorize, code);
        let (done, browser) = world.by_browser(async |_| ()).await;
        assert_eq!(browser.error_code(), Some(code));
        let told = done.unwrap_err().to_string();
        assert!(told.contains("run: footbridge explain AADSTSnnnnn"), "{told}");
        let attempt = world.sign_in.begin("http://localhost").unwrap();
        let told = finished(&world, attempt, &browser).await;
        assert!(told.contains(cure) && told.contains("correlation"), "{code}: {told}");
    }
}

#[tokio::test]
async fn each_is_told_with_its_cure_when_a_device_code_is_asked_for_or_polled() {
    let world = World::new().await;
    for (code, cure) in numbers() {
        world.tenant.entra().fail(Stage::Device, code);
        let told = by_device(&world, async |_| ()).await.unwrap_err().to_string();
        assert!(told.contains(cure), "{code}: {told}");
        if passes(code) || code == 70016 {
            continue;
        }
        world.tenant.entra().fail(Stage::Token, code);
        let told = by_device(&world, async |_| ()).await.unwrap_err().to_string();
        assert!(told.contains(cure), "{code}: {told}");
    }
}

#[tokio::test]
async fn a_polling_device_outlives_what_passes() {
    let codes = numbers().map(|(code, _)| code);
    for code in codes.filter(|code| passes(*code) || *code == 70016) {
        let world = World::new().await;
        let login = world.sign_in.cloud.login.clone();
        let done = by_device(&world, async |user_code| {
            world.tenant.entra().fail(Stage::Token, code);
            let mut browser = world.tenant.browse(&format!("{login}/devicelogin")).await;
            browser.enter_code(&user_code).await;
            accept_as(&mut browser, ADA).await;
        });
        assert_eq!(done.await.unwrap().identity.address, ADA, "{code}");
    }
}

/// `arrange` brings the condition about, then `account` is picked, if the page still asks.
async fn meets(code: u32, account: Option<&str>, arrange: impl FnOnce(&mut World)) {
    let mut world = World::new().await;
    arrange(&mut world);
    let attempt = world.sign_in.begin("http://localhost").unwrap();
    let mut browser = world.tenant.browse(&attempt.url).await;
    if let Some(account) = account {
        browser.pick(account).await;
    }
    assert_eq!(browser.error_code(), Some(code), "{}", browser.text());
    let told = finished(&world, attempt, &browser).await;
    assert!(told.contains(cure_of(code)), "{code}: {told}");
}

fn registered(world: &World, change: impl FnOnce(&mut Registration)) {
    let mut registration = Registration::default();
    change(&mut registration);
    world.tenant.entra().register("app", registration);
}

#[tokio::test]
async fn a_registration_or_a_tenant_that_does_not_fit_is_met_on_the_page() {
    meets(90002, None, |world| world.sign_in.cloud.tenant = "nowhere.example".to_owned()).await;
    meets(700_016, None, |world| {
        world.tenant.set_switches(|switches| switches.entra.open_registration = false);
    })
    .await;
    meets(7_000_112, None, |world| registered(world, |app| app.disabled = true)).await;
    meets(50194, None, |world| registered(world, |app| app.audience = Audience::ThisTenant)).await;
    meets(9_002_332, None, |world| {
        world.sign_in.cloud.tenant = "consumers".to_owned();
        registered(world, |app| app.audience = Audience::AnyOrganisation);
    })
    .await;
    meets(50011, None, |world| {
        registered(world, |app| app.redirect_uris = vec!["http://localhost/elsewhere".to_owned()]);
    })
    .await;
    meets(500_113, None, |world| registered(world, |app| app.redirect_uris.clear())).await;
    meets(500_011, None, |world| {
        world.sign_in.cloud.resource = "https://graph.microsoft.com".to_owned();
        world.tenant.set_switches(|switches| switches.entra.cloud = CloudInstance::Dod);
    })
    .await;
}

#[tokio::test]
async fn an_account_that_may_not_come_in_is_met_on_the_page() {
    meets(50034, Some("nobody@contoso.example"), |_| ()).await;
    for (code, standing) in
        [(50057, Standing::Disabled), (50053, Standing::Locked), (50055, Standing::PasswordExpired)]
    {
        meets(code, Some(ADA), |world| world.tenant.entra().set_standing(ADA, standing)).await;
    }
    meets(50105, Some(ADA), |world| registered(world, |app| app.assigned = Some(Vec::new()))).await;
    meets(50020, Some(BEN), |world| world.tenant.entra().set_home(BEN, Home::Personal)).await;
    meets(70011, Some(BEN), |world| {
        world.tenant.entra().set_home(BEN, Home::Personal);
        world.sign_in.cloud.tenant = "common".to_owned();
        world.sign_in.needs.mailbox = Ownership::Shared;
    })
    .await;
    for (code, policy) in
        [(53003, ConditionalAccess::Block), (53000, ConditionalAccess::CompliantDevice)]
    {
        meets(code, Some(ADA), |world| {
            world.tenant.set_switches(|switches| switches.entra.conditional_access = policy);
        })
        .await;
    }
    for (code, approval_workflow) in [(90094, false), (90095, true)] {
        meets(code, Some(ADA), |world| {
            world.tenant.set_switches(|switches| {
                switches.entra.user_consent = UserConsent::Recommended;
                switches.entra.approval_workflow = approval_workflow;
            });
        })
        .await;
    }
}

/// An attempt whose browser has its answer.
async fn accepted(world: &World) -> (super::super::Attempt, Browser) {
    let attempt = world.sign_in.begin("http://localhost").unwrap();
    let mut browser = world.tenant.browse(&attempt.url).await;
    accept_as(&mut browser, ADA).await;
    (attempt, browser)
}

#[tokio::test]
async fn an_answer_that_is_late_used_altered_or_carried_elsewhere_is_refused_with_its_cure() {
    let expect = |code: u32, told: String| {
        let cure = aadsts::advice(u64::from(code)).unwrap().cure;
        assert!(told.contains(&format!("AADSTS{code}")) && told.contains(cure), "{code}: {told}");
    };
    let mut world = World::new().await;
    let (attempt, browser) = accepted(&world).await;
    let verifier = "a".repeat(43);
    let altered = attempt.twin(Some(&verifier), None);
    expect(501_481, finished(&world, altered, &browser).await);
    let elsewhere = attempt.twin(None, Some("http://localhost:9"));
    expect(500_112, finished(&world, elsewhere, &browser).await);
    world.sign_in.cloud.tenant = "contoso.example".to_owned();
    expect(700_005, finished(&world, attempt.twin(None, None), &browser).await);
    world.sign_in.cloud.tenant = "organizations".to_owned();
    let again = attempt.twin(None, None);
    let redirect = Redirect::pasted(browser.url()).unwrap();
    world.sign_in.finish(attempt, redirect).await.unwrap();
    expect(54005, finished(&world, again, &browser).await);

    let (attempt, browser) = accepted(&world).await;
    world.advance(Duration::from_secs(600));
    expect(70008, finished(&world, attempt, &browser).await);

    let (attempt, browser) = accepted(&world).await;
    registered(&world, |app| app.client_type = ClientType::Confidential);
    expect(7_000_218, finished(&world, attempt, &browser).await);
}
