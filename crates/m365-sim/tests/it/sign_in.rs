//! Signing in with a browser: pages, codes, consent.

use m365_sim::switch::UserConsent;
use m365_sim::{Audience, Browser, Home, Registration, Role, Standing};

use crate::entra_client::{CLIENT, Request, redeem_code};
use crate::world::{ADA, World};

const BEN: &str = "ben@contoso.example";

async fn legacy() -> World {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Legacy);
    world
}

#[tokio::test]
async fn a_person_picks_an_account_accepts_and_the_code_becomes_tokens() {
    let world = legacy().await;
    let request = Request::new(&world);
    let mut browser = world.tenant.browse(&request.url()).await;
    assert!(browser.text().starts_with("Pick an account"));
    browser.pick(ADA).await;
    assert_eq!(browser.scopes(), Request::SCOPES);
    assert!(!browser.has("consent-for-organisation"));
    browser.accept().await;
    assert!(browser.url().starts_with("http://localhost:9/?code="), "{}", browser.url());
    assert_eq!(browser.parameter("state").as_deref(), Some("the state"));

    let answer = redeem_code(&world, &browser, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.text("scope"), "Mail.ReadWrite Mail.Send User.Read openid profile");
    assert!(!answer.text("refresh_token").is_empty());
    let claims = claims(&answer.text("id_token"));
    assert_eq!(claims["aud"], CLIENT);
    assert_eq!(claims["nonce"], "the nonce");
    assert_eq!(claims["preferred_username"], ADA);
    assert_eq!(claims["tid"], world.tenant.entra().tenant_id());
    assert_eq!(claims["ver"], "2.0");
}

fn claims(token: &str) -> serde_json::Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_code_works_once_for_its_redirect_uri_its_tenant_and_its_verifier_only() {
    let world = legacy().await;
    let browser = Request::new(&world).signed_in().await;
    for (field, value, number) in [
        ("code_verifier", "of-somebody-else-of-somebody-else-of-somebody", 501_481),
        ("redirect_uri", "http://localhost:10", 500_112),
        ("client_id", "other", 700_016),
        ("client_secret", "x", 700_025),
        ("code", "nonsense", 70000),
        (
            "scope",
            "https://graph.microsoft.com/Mail.Send https://outlook.office365.com/EWS.AccessAsUser.All",
            28003,
        ),
        ("scope", "Calendars.Read", 65001),
    ] {
        let answer = redeem_code(&world, &browser, &[(field, value)]).await;
        assert_eq!(answer.json()["error_codes"][0], number, "{field}");
    }
    assert_eq!(redeem_code(&world, &browser, &[]).await.status, 200);
    assert_eq!(redeem_code(&world, &browser, &[]).await.json()["error_codes"][0], 54005);
}

#[tokio::test]
async fn a_code_lives_ten_minutes_and_belongs_to_the_alias_it_came_from() {
    let world = legacy().await;
    let browser = Request::new(&world).signed_in().await;
    let elsewhere = Request { alias: "common", ..Request::new(&world) };
    let other = elsewhere.signed_in().await;
    assert_eq!(redeem_code(&world, &other, &[]).await.json()["error_codes"][0], 700_005);
    world.tenant.clock().advance(std::time::Duration::from_secs(600));
    let late = redeem_code(&world, &browser, &[]).await.json();
    assert_eq!(
        (late["error"].as_str(), late["error_codes"][0].as_u64()),
        (Some("invalid_grant"), Some(70008))
    );
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token_and_without_openid_no_id_token() {
    let world = legacy().await;
    let request = Request { scope: "Mail.Send".into(), ..Request::new(&world) };
    let answer = redeem_code(&world, &request.signed_in().await, &[]).await.json();
    assert_eq!(answer["scope"], "Mail.Send");
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
}

#[tokio::test]
async fn whoever_declines_comes_back_with_access_denied() {
    let world = legacy().await;
    let mut browser = world.tenant.browse(&Request::new(&world).url()).await;
    browser.pick(ADA).await;
    browser.cancel().await;
    assert_eq!(browser.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(browser.error_code(), Some(65004));
    assert_eq!(browser.parameter("state").as_deref(), Some("the state"));
}

#[tokio::test]
async fn the_usual_policy_lets_people_send_but_not_read() {
    let world = World::new().await;
    let mut browser = world.tenant.browse(&Request::new(&world).url()).await;
    browser.pick(ADA).await;
    assert!(browser.text().starts_with("Need admin approval"), "{}", browser.text());
    assert_eq!(browser.error_code(), Some(90094));
    let request =
        Request { scope: "Mail.Send User.Read offline_access".into(), ..Request::new(&world) };
    assert!(request.signed_in().await.parameter("code").is_some());
}

#[tokio::test]
async fn with_a_workflow_people_can_ask_for_approval() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.approval_workflow = true);
    let mut browser = world.tenant.browse(&Request::new(&world).url()).await;
    browser.pick(ADA).await;
    assert_eq!(browser.error_code(), Some(90095));
    browser.request_approval("the printer sends scans").await;
    let requests = world.tenant.entra().approval_requests();
    assert_eq!(
        (requests[0].user.as_str(), requests[0].justification.as_str()),
        (ADA, "the printer sends scans")
    );
}

#[tokio::test]
async fn an_administrator_consents_for_everybody_and_then_nobody_is_asked() {
    let world = World::new().await;
    world.tenant.entra().set_role(BEN, Role::Administrator);
    let url = Request::new(&world).url();
    let mut admin = world.tenant.browse(&url).await;
    admin.pick(ADA).await;
    admin.press("sign-in-as-admin", &[]).await;
    admin.pick(BEN).await;
    admin.accept_for_organisation().await;
    assert!(admin.parameter("code").is_some());
    let mut browser = world.tenant.browse(&url).await;
    browser.pick(ADA).await;
    assert!(browser.parameter("code").is_some(), "{}", browser.text());
}

#[tokio::test]
async fn an_administrator_who_consents_alone_consents_for_nobody_else() {
    let world = World::new().await;
    world.tenant.entra().set_role(BEN, Role::Administrator);
    let url = Request::new(&world).url();
    let mut admin = world.tenant.browse(&url).await;
    admin.pick(BEN).await;
    admin.accept().await;
    let mut browser = world.tenant.browse(&url).await;
    browser.pick(ADA).await;
    assert_eq!(browser.error_code(), Some(90094));
}

#[tokio::test]
async fn the_low_policy_wants_a_known_publisher_and_small_permissions() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Low);
    let small = Request { scope: "User.Read openid".into(), ..Request::new(&world) };
    let mut browser = world.tenant.browse(&small.url()).await;
    browser.pick(ADA).await;
    assert_eq!(browser.error_code(), Some(90094));
    let publisher = m365_sim::Publisher::ThisTenant;
    world.tenant.entra().register(CLIENT, Registration { publisher, ..Registration::default() });
    assert!(small.signed_in().await.parameter("code").is_some());
    let send = Request { scope: "Mail.Send".into(), ..Request::new(&world) };
    let mut browser = world.tenant.browse(&send.url()).await;
    browser.pick(ADA).await;
    assert_eq!(browser.error_code(), Some(90094));
}

#[tokio::test]
async fn a_request_that_is_wrong_about_its_application_is_a_page() {
    let world = legacy().await;
    let entra = world.tenant.entra();
    let one = Registration { audience: Audience::ThisTenant, ..Registration::default() };
    entra.register("single", one);
    entra.register("off", Registration { disabled: true, ..Registration::default() });
    entra.register("bare", Registration { redirect_uris: Vec::new(), ..Registration::default() });
    world.tenant.set_switches(|switches| switches.entra.open_registration = false);
    entra.register(CLIENT, Registration::default());
    for (alias, client, redirect, number) in [
        ("nowhere.example", CLIENT, "http://localhost:9", 90002),
        ("organizations", "unknown", "http://localhost:9", 700_016),
        ("organizations", "single", "http://localhost:9", 50194),
        ("organizations", "off", "http://localhost:9", 7_000_112),
        ("organizations", "bare", "http://localhost:9", 500_113),
        ("organizations", CLIENT, "http://localhost:9/elsewhere", 50011),
        ("organizations", CLIENT, "http://127.0.0.1:9", 50011),
        ("organizations", CLIENT, "", 900_971),
    ] {
        let request = Request { alias, client, redirect, ..Request::new(&world) };
        let browser = world.tenant.browse(&request.url()).await;
        assert_eq!(browser.error_code(), Some(number), "{}", browser.text());
        assert!(browser.url().starts_with(&world.url));
    }
    let request = Request { alias: "contoso.example", client: "single", ..Request::new(&world) };
    assert!(request.signed_in().await.parameter("code").is_some());
}

#[tokio::test]
async fn a_request_that_is_wrong_otherwise_comes_back() {
    let world = legacy().await;
    for (more, error) in [
        ("&response_type=token", "unsupported_response_type"),
        ("&prompt=perhaps", "invalid_request"),
        ("&claims=nonsense", "invalid_request"),
        ("&prompt=none", "login_required"),
        ("&code_challenge=short", "invalid_request"),
        ("&scope=.default%20Mail.Send", "invalid_scope"),
        ("&scope=https://example.com/Things.Read", "invalid_resource"),
    ] {
        let url = Request::new(&world).url_with(more);
        let browser = world.tenant.browse(&url).await;
        assert_eq!(browser.parameter("error").as_deref(), Some(error), "{}", browser.url());
        assert!(browser.url().starts_with("http://localhost:9/?error="));
    }
}

#[tokio::test]
async fn an_account_that_may_not_sign_in_reads_why_on_a_page() {
    let world = legacy().await;
    let entra = world.tenant.entra();
    let meets = async |user: &str, number: u32| {
        let mut browser = world.tenant.browse(&Request::new(&world).url()).await;
        browser.pick(user).await;
        assert_eq!(browser.error_code(), Some(number), "{}", browser.text());
        assert!(browser.url().starts_with(&world.url));
    };
    meets("nobody@contoso.example", 50034).await;
    for (standing, number) in
        [(Standing::Disabled, 50057), (Standing::Locked, 50053), (Standing::PasswordExpired, 50055)]
    {
        entra.set_standing(BEN, standing);
        meets(BEN, number).await;
    }
    let assigned = Some(vec![BEN.to_owned()]);
    entra.register(CLIENT, Registration { assigned, ..Registration::default() });
    meets(ADA, 50105).await;
}

#[tokio::test]
async fn a_browser_that_is_signed_in_is_not_asked_again_unless_the_prompt_says_so() {
    let world = legacy().await;
    let request = Request::new(&world);
    let mut browser = request.signed_in().await;
    for (more, title) in [
        ("&prompt=login", "Pick an account"),
        ("&prompt=select_account", "Pick an account"),
        ("&prompt=consent", "Permissions requested"),
    ] {
        browser.visit(&request.url_with(more)).await;
        assert!(browser.text().starts_with(title), "{}", browser.text());
    }
    browser.visit(&request.url_with("&prompt=none")).await;
    assert!(browser.parameter("code").is_some(), "{}", browser.url());
    let more = "&prompt=none&scope=Mail.Read.Shared";
    browser.visit(&request.url_with(more)).await;
    assert_eq!(browser.parameter("error").as_deref(), Some("interaction_required"));
    browser.visit(&request.url_with("&prompt=none&login_hint=ben@contoso.example")).await;
    assert_eq!(browser.parameter("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn the_answer_comes_back_in_the_fragment_or_a_form_if_that_is_asked_for() {
    let world = legacy().await;
    let request = Request::new(&world);
    let mut browser = request.signed_in().await;
    browser.visit(&request.url_with("&response_mode=fragment")).await;
    assert!(browser.url().starts_with("http://localhost:9/#code="), "{}", browser.url());
    browser.visit(&request.url_with("&response_mode=form_post")).await;
    assert!(browser.html().contains("action=\"http://localhost:9\""));
    assert!(browser.html().contains("name=\"code\""));
}

#[tokio::test]
async fn personal_accounts_sign_in_at_consumers_or_common_and_have_no_administrator() {
    let world = World::new().await;
    world.tenant.entra().set_home(BEN, Home::Personal);
    for (alias, user, number) in [("organizations", BEN, 50020), ("consumers", ADA, 50020)] {
        let request = Request { alias, ..Request::new(&world) };
        let mut browser = Browser::open(&request.url()).await;
        browser.pick(user).await;
        assert_eq!(browser.error_code(), Some(number));
    }
    let request = Request { alias: "consumers", ..Request::new(&world) };
    let mut browser = Browser::open(&request.url()).await;
    browser.pick(BEN).await;
    browser.accept().await;
    let answer = redeem_code(&world, &browser, &[("alias", "consumers")]).await;
    let tenant = claims(&answer.text("id_token"))["tid"].clone();
    assert_eq!(tenant, "9188040d-6c67-4c5b-b112-36a304b66dad");
    let shared = Request { scope: "Mail.Read.Shared".into(), ..request };
    let mut browser = Browser::open(&shared.url()).await;
    browser.pick(BEN).await;
    assert_eq!(browser.error_code(), Some(70011));
}
