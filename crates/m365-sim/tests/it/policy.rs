//! What administrators and bad days do to sign-in: admin consent, conditional access, every AADSTS number.

use std::time::Duration;

use m365_sim::switch::{ClaimsAtRefresh, ConditionalAccess, UserConsent};
use m365_sim::{Browser, ClientType, Entra, Registration, Role, Stage, Standing};
use reqwest::Method;
use serde_json::{Value, json};

use crate::entra_client::{CLIENT, Request, redeem_code};
use crate::world::{ADA, World};

const BEN: &str = "ben@contoso.example";
const RETURN: &str = "http://localhost:9/consented";

async fn with_administrator() -> World {
    let world = World::new().await;
    let entra = world.tenant.entra();
    entra.set_role(BEN, Role::Administrator);
    let redirect_uris = vec!["http://localhost".into(), "http://localhost/consented".into()];
    entra.register(CLIENT, Registration { redirect_uris, ..Registration::default() });
    world
}

fn admin_consent_url(world: &World, alias: &str, scope: &str) -> String {
    let scope = scope.replace(' ', "%20");
    format!(
        "{}/{alias}/v2.0/adminconsent?client_id={CLIENT}&scope={scope}&redirect_uri={RETURN}&state=s1",
        world.url
    )
}

const SCOPES: &str = "https://graph.microsoft.com/Mail.ReadWrite https://graph.microsoft.com/Mail.Send https://graph.microsoft.com/User.Read";

#[tokio::test]
async fn after_admin_consent_everybody_signs_in_without_a_question() {
    let world = with_administrator().await;
    let mut admin = Browser::open(&admin_consent_url(&world, "organizations", SCOPES)).await;
    admin.pick(BEN).await;
    assert_eq!(admin.scopes(), ["Mail.ReadWrite", "Mail.Send", "User.Read"]);
    admin.accept().await;
    assert!(admin.url().starts_with("http://localhost:9/consented?admin_consent=True&"));
    assert_eq!(admin.parameter("tenant"), Some(world.tenant.entra().tenant_id()));
    assert_eq!(admin.parameter("scope").as_deref(), Some(SCOPES));
    assert_eq!(admin.parameter("state").as_deref(), Some("s1"));
    assert!(Request::new(&world).signed_in().await.parameter("code").is_some());
}

#[tokio::test]
async fn admin_consent_goes_wrong_in_the_documented_ways() {
    let world = with_administrator().await;
    let common = Browser::open(&admin_consent_url(&world, "common", SCOPES)).await;
    assert_eq!(common.error_code(), Some(90130));
    let mut member = Browser::open(&admin_consent_url(&world, "organizations", SCOPES)).await;
    member.pick(ADA).await;
    assert_eq!(member.error_code(), Some(90094));
    let mut admin = Browser::open(&admin_consent_url(&world, "contoso.example", SCOPES)).await;
    admin.pick(BEN).await;
    admin.cancel().await;
    assert_eq!(admin.parameter("admin_consent").as_deref(), Some("True"));
    assert_eq!(admin.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(admin.error_code(), Some(65004));
    let without = Browser::open(&admin_consent_url(&world, "organizations", "")).await;
    assert_eq!(without.parameter("error").as_deref(), Some("invalid_request"));
    world.tenant.entra().fail(Stage::AdminConsent, 65001);
    let refused = Browser::open(&admin_consent_url(&world, "organizations", SCOPES)).await;
    assert_eq!(refused.parameter("error").as_deref(), Some("consent_required"));
}

#[tokio::test]
async fn every_number_can_be_met_at_both_endpoints() {
    let world = World::new().await;
    let entra = world.tenant.entra();
    let request = Request::new(&world);
    assert!(Entra::codes().len() > 80);
    for code in Entra::codes() {
        entra.fail(Stage::Authorize, code);
        let browser = Browser::open(&request.url()).await;
        assert_eq!(browser.error_code(), Some(code));
        let stays = browser.url().starts_with(&world.url);
        assert_eq!(stays, Entra::stays_in_the_browser(code), "{code}");
        assert_eq!(stays, browser.parameter("error").is_none(), "{code}");
        entra.fail(Stage::Token, code);
        let answer =
            world.redeem(&[("client_id", "client"), ("refresh_token", &world.refresh)]).await;
        let body = answer.json();
        assert_eq!(body["error_codes"], json!([code]));
        let text = body["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
        let busy = body["error"] == "temporarily_unavailable";
        assert_eq!(busy, answer.status >= 429, "{code}");
    }
    assert_eq!(
        world.redeem(&[("client_id", "client"), ("refresh_token", &world.refresh)]).await.status,
        200
    );
}

/// The refresh's `error`, number, `suberror` and whether it carries claims.
async fn refresh(world: &World) -> (String, u64, String, bool) {
    let fields = [("client_id", "client"), ("refresh_token", world.refresh.as_str())];
    let body = world.redeem(&fields).await.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (
        text("error"),
        body["error_codes"][0].as_u64().unwrap_or_default(),
        text("suberror"),
        body["claims"].is_string(),
    )
}

#[tokio::test]
async fn conditional_access_looks_at_every_refresh() {
    let world = World::new().await;
    for (policy, number, suberror) in [
        (ConditionalAccess::Block, 53003, "message_only"),
        (ConditionalAccess::CompliantDevice, 53000, "additional_action"),
        (ConditionalAccess::MfaAtRefresh, 50076, "basic_action"),
    ] {
        world.tenant.set_switches(|switches| switches.entra.conditional_access = policy);
        let expected = ("invalid_grant".to_owned(), number, suberror.to_owned(), true);
        assert_eq!(refresh(&world).await, expected);
    }
    world.tenant.set_switches(|switches| {
        switches.entra.conditional_access = ConditionalAccess::Off;
        switches.entra.sign_in_frequency_hours = Some(12);
    });
    assert_eq!(refresh(&world).await.1, 0);
    world.tenant.clock().advance(Duration::from_secs(12 * 3600));
    assert_eq!(refresh(&world).await.1, 70043);
}

#[tokio::test]
async fn a_sign_in_with_two_factors_meets_the_policy_for_good() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| {
        switches.entra.conditional_access = ConditionalAccess::MfaAtRefresh;
        switches.entra.user_consent = UserConsent::Legacy;
    });
    let mut browser = Browser::open(&Request::new(&world).url()).await;
    browser.pick(ADA).await;
    assert!(browser.text().starts_with("Approve sign-in request"));
    browser.approve().await;
    browser.accept().await;
    let token = redeem_code(&world, &browser, &[]).await.text("refresh_token");
    let again = world.redeem(&[("client_id", CLIENT), ("refresh_token", &token)]).await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn a_disabled_account_and_a_withdrawn_consent_end_the_refresh() {
    let world = World::new().await;
    world.tenant.entra().set_standing(ADA, Standing::Disabled);
    assert_eq!(refresh(&world).await.1, 50057);
    world.tenant.entra().set_standing(ADA, Standing::Good);
    assert_eq!(refresh(&world).await.1, 0);
    world.tenant.entra().withdraw_consent("client");
    assert_eq!(
        refresh(&world).await,
        ("invalid_grant".into(), 65001, "consent_required".into(), false)
    );
}

#[tokio::test]
async fn a_confidential_registration_wants_a_secret() {
    let world = World::new().await;
    let client_type = ClientType::Confidential;
    world
        .tenant
        .entra()
        .register("client", Registration { client_type, ..Registration::default() });
    assert_eq!(refresh(&world).await.1, 7_000_218);
}

#[tokio::test]
async fn a_client_that_says_cp1_is_challenged_until_it_presents_the_claims() {
    let mut world = World::new().await;
    let token = async |world: &World, claims: &str| {
        let fields =
            [("client_id", "client"), ("refresh_token", &world.refresh), ("claims", claims)];
        world.redeem(&fields).await.json()
    };
    let capable = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let answer = token(&world, capable).await;
    assert_eq!(answer["expires_in"], 86_400);
    world.token = answer["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.get("/me").await.status, 200);
    world.tenant.entra().challenge(ADA);
    for claims in [capable, capable] {
        let challenged = world.get("/me").await;
        assert_eq!(challenged.status, 401);
        assert!(challenged.header("www-authenticate").contains("insufficient_claims"));
        world.token = token(&world, claims).await["access_token"].as_str().unwrap().to_owned();
    }
    let merged =
        r#"{"access_token":{"nbf":{"essential":true,"value":"1"},"xms_cc":{"values":["cp1"]}}}"#;
    world.token = token(&world, merged).await["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.get("/me").await.status, 200);
}

#[tokio::test]
async fn a_refresh_may_be_unable_to_answer_a_challenge() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| {
        switches.login.claims_at_refresh = ClaimsAtRefresh::NeedsSignIn;
    });
    let refresh = async |claims: &str| {
        let fields =
            [("client_id", "client"), ("refresh_token", &world.refresh), ("claims", claims)];
        world.redeem(&fields).await
    };
    let answering = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    assert_eq!(refresh(answering).await.status, 200, "nobody has asked");
    world.tenant.entra().challenge(ADA);
    let refused = refresh(answering).await;
    assert_eq!((refused.status, refused.text("error").as_str()), (400, "interaction_required"));
    assert!(refused.json()["claims"].is_null());
    assert_eq!(refresh(r#"{"access_token":{}}"#).await.status, 200);
}

#[tokio::test]
async fn discovery_names_the_endpoints_of_this_host() {
    let world = World::new().await;
    let path = format!("{}/organizations/v2.0/.well-known/openid-configuration", world.url);
    let body = world.get(&path).await.json();
    let expected = format!("{}/organizations/oauth2/v2.0/token", world.url);
    assert_eq!(body["token_endpoint"], expected);
    let keys = world.get(body["jwks_uri"].as_str().unwrap()).await.json();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    let instance = format!(
        "{}/common/discovery/instance?authorization_endpoint=https://login.contoso.example/organizations/oauth2/v2.0/authorize&api-version=1.1",
        world.url
    );
    let found = world.get(&instance).await.text("tenant_discovery_endpoint");
    assert_eq!(
        found,
        "https://login.contoso.example/organizations/v2.0/.well-known/openid-configuration"
    );
    let nowhere = format!("{}/nowhere.example/v2.0/.well-known/openid-configuration", world.url);
    assert_eq!(world.get(&nowhere).await.json()["error_codes"][0], 90002);
}

#[tokio::test]
async fn a_test_in_another_language_can_walk_through_the_pages() {
    let world = World::new().await;
    let sim = |word: &str| format!("{}/sim/{word}", world.url);
    let role = json!({"verb": "role", "role": "administrator"});
    assert_eq!(world.post(&sim("entra?user=ada@contoso.example"), &role).await.status, 200);
    let walk = json!({"url": Request::new(&world).url(), "press": [
        {"button": "account-ada@contoso.example"},
        {"button": "accept", "fields": {"consent-for-organisation": "on"}},
    ]});
    let end = world.post(&sim("browse"), &walk).await.json();
    assert!(end["url"].as_str().unwrap().starts_with("http://localhost:9/?code="), "{end}");
    assert_eq!(end["status"], Value::Null);
    let fail = json!({"verb": "fail", "stage": "authorize", "code": 53003});
    world.post(&sim("entra"), &fail).await;
    let end = world.post(&sim("browse"), &json!({"url": Request::new(&world).url()})).await.json();
    assert_eq!(end["error_code"], 53003);
    let wrong = json!({"url": Request::new(&world).url(), "press": [{"button": "accept"}]});
    assert_eq!(world.post(&sim("browse"), &wrong).await.status, 400);
    let shown = world.send(world.request(Method::GET, &sim("entra"))).await.json();
    assert_eq!(shown["tenant_id"], world.tenant.entra().tenant_id());
}
