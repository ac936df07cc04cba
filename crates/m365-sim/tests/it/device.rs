//! Signing in on a machine without a browser, with a browser elsewhere.

use std::time::Duration;

use m365_sim::switch::UserConsent;
use m365_sim::{Browser, Role, Stage};
use serde_json::Value;

use crate::entra_client::CLIENT;
use crate::world::{ADA, World};

const SCOPE: &str = "https://graph.microsoft.com/Mail.Send User.Read offline_access openid profile";

/// A device that has asked for its code.
struct Waiting {
    world: World,
    answer: Value,
}

impl Waiting {
    async fn new() -> Self {
        let world = World::new().await;
        let answer = world
            .sign_in_post("organizations", "devicecode", &[("client_id", CLIENT), ("scope", SCOPE)])
            .await;
        assert_eq!(answer.status, 200);
        Self { answer: answer.json(), world }
    }

    fn text(&self, name: &str) -> &str {
        self.answer[name].as_str().unwrap()
    }

    async fn poll(&self) -> Value {
        self.poll_as("organizations", CLIENT).await
    }

    async fn poll_as(&self, alias: &str, client: &str) -> Value {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client),
            ("device_code", self.text("device_code")),
        ];
        self.world.token(alias, &form).await.json()
    }

    /// The page after the code was typed.
    async fn opened(&self) -> Browser {
        let mut browser = Browser::open(self.text("verification_uri")).await;
        browser.enter_code(&self.text("user_code").to_lowercase()).await;
        browser
    }
}

#[tokio::test]
async fn a_device_polls_until_its_person_has_signed_in() {
    let waiting = Waiting::new().await;
    assert_eq!(
        (waiting.answer["expires_in"].as_u64(), waiting.answer["interval"].as_u64()),
        (Some(900), Some(5))
    );
    assert!(waiting.text("message").contains(waiting.text("user_code")));
    assert_eq!(waiting.world.tenant.entra().waiting_user_codes(), [waiting.text("user_code")]);
    let pending = waiting.poll().await;
    assert_eq!(pending["error"], "authorization_pending");
    assert_eq!(pending["error_codes"][0], 70016);
    let mut browser = waiting.opened().await;
    browser.pick(ADA).await;
    assert_eq!(browser.scopes()[0], "Mail.Send");
    browser.accept().await;
    assert!(browser.text().contains("You may now close this window."));
    let tokens = waiting.poll().await;
    assert_eq!(tokens["scope"], "Mail.Send User.Read openid profile");
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].is_string());
    assert_eq!(waiting.poll().await["error"], "bad_verification_code");
}

#[tokio::test]
async fn a_person_may_decline() {
    let waiting = Waiting::new().await;
    let mut browser = waiting.opened().await;
    browser.pick(ADA).await;
    browser.cancel().await;
    assert_eq!(waiting.poll().await["error"], "authorization_declined");
}

#[tokio::test]
async fn a_code_expires_after_fifteen_minutes_for_device_and_person() {
    let waiting = Waiting::new().await;
    waiting.world.tenant.clock().advance(Duration::from_secs(900));
    let expired = waiting.poll().await;
    assert_eq!(
        (expired["error"].as_str(), expired["error_codes"][0].as_u64()),
        (Some("expired_token"), Some(70020))
    );
    assert_eq!(waiting.opened().await.error_code(), Some(70018));
}

#[tokio::test]
async fn a_code_is_unknown_to_another_tenant_and_another_client() {
    let waiting = Waiting::new().await;
    for (alias, client) in [("common", CLIENT), ("organizations", "other")] {
        assert_eq!(waiting.poll_as(alias, client).await["error_codes"][0], 70018);
    }
    let mut browser = Browser::open(waiting.text("verification_uri")).await;
    browser.enter_code("WRONG").await;
    assert_eq!(browser.error_code(), Some(70018));
}

#[tokio::test]
async fn an_impatient_device_is_told_to_slow_down_where_that_is_switched_on() {
    let waiting = Waiting::new().await;
    let tenant = &waiting.world.tenant;
    waiting.poll().await;
    assert_eq!(waiting.poll().await["error"], "authorization_pending");
    tenant.set_switches(|switches| switches.entra.slow_down = true);
    assert_eq!(waiting.poll().await["error"], "slow_down");
    tenant.clock().advance(Duration::from_secs(5));
    assert_eq!(waiting.poll().await["error"], "authorization_pending");
}

#[tokio::test]
async fn conditional_access_may_block_the_device_flow_alone() {
    let waiting = Waiting::new().await;
    waiting.world.tenant.set_switches(|switches| switches.entra.block_device_code = true);
    let mut browser = waiting.opened().await;
    browser.pick(ADA).await;
    assert_eq!(browser.error_code(), Some(53003));
    assert_eq!(waiting.poll().await["error"], "authorization_pending");
    waiting.world.tenant.entra().fail(Stage::Token, 53003);
    let refused = waiting.poll().await;
    assert_eq!(
        (refused["error"].as_str(), refused["suberror"].as_str()),
        (Some("invalid_grant"), Some("message_only"))
    );
}

#[tokio::test]
async fn a_person_without_the_right_to_consent_may_bring_an_administrator() {
    let waiting = Waiting::new().await;
    waiting.world.tenant.entra().set_role("ben@contoso.example", Role::Administrator);
    waiting.world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Off);
    let mut browser = waiting.opened().await;
    browser.pick(ADA).await;
    assert_eq!(browser.error_code(), Some(90094));
    browser.press("sign-in-as-admin", &[]).await;
    browser.pick("ben@contoso.example").await;
    assert!(browser.has("consent-for-organisation"));
}

#[tokio::test]
async fn a_request_for_a_code_can_be_refused() {
    let world = World::new().await;
    world.tenant.entra().fail(Stage::Device, 700_016);
    let fields = [("client_id", CLIENT), ("scope", SCOPE)];
    let refused = world.sign_in_post("organizations", "devicecode", &fields).await;
    assert_eq!((refused.status, refused.text("error").as_str()), (400, "unauthorized_client"));
    let missing = world.sign_in_post("organizations", "devicecode", &fields[..1]).await;
    assert_eq!(missing.json()["error_codes"][0], 900_144);
    let nowhere = world.sign_in_post("nowhere.example", "devicecode", &fields).await;
    assert_eq!(nowhere.json()["error_codes"][0], 90002);
}
