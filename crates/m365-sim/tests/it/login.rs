use std::time::Duration;

use m365_sim::Switches;
use m365_sim::switch::{OtherEntries, Rotation};

use crate::world::World;

#[tokio::test]
async fn a_refresh_gives_new_tokens_and_the_old_one_stays_valid() {
    let world = World::new().await;
    let fields = [("client_id", "client"), ("refresh_token", world.refresh.as_str())];
    let first = world.redeem(&fields).await;
    assert_eq!(first.status, 200);
    let body = first.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);
    assert_eq!(body["scope"], "Mail.ReadWrite Mail.Send User.Read");
    assert_ne!(body["refresh_token"], world.refresh);
    assert_eq!(world.redeem(&fields).await.status, 200);
}

#[tokio::test]
async fn strict_rotation_kills_the_old_token() {
    let mut switches = Switches::default();
    switches.login.rotation = Rotation::Strict;
    let world = World::with(switches).await;
    let again = world.redeem(&[("client_id", "client"), ("refresh_token", &world.refresh)]).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.text("error"), "invalid_grant");
    assert_eq!(again.json()["error_codes"][0], 70000);
}

#[tokio::test]
async fn an_idle_token_expires_and_a_revoked_one_says_so_with_all_fields() {
    let world = World::new().await;
    let fields = [("client_id", "client"), ("refresh_token", world.refresh.as_str())];
    world.tenant.clock().advance(Duration::from_secs(91 * 86_400));
    let expired = world.redeem(&fields).await.json();
    assert_eq!(expired["error_codes"][0], 70008);
    for field in
        ["error_description", "timestamp", "trace_id", "correlation_id", "error_uri", "suberror"]
    {
        assert!(expired[field].is_string(), "{field}");
    }
    let other = world.tenant.grant("ada@contoso.example", "client", "Mail.Read offline_access");
    world.tenant.revoke("ada@contoso.example");
    let revoked = world.redeem(&[("client_id", "client"), ("refresh_token", &other)]).await;
    assert_eq!(revoked.json()["error_codes"][0], 50173);
}

#[tokio::test]
async fn wrong_requests_get_their_aadsts_numbers() {
    let world = World::new().await;
    let number = |answer: crate::world::Answer| answer.json()["error_codes"][0].as_u64().unwrap();
    let token = world.refresh.as_str();
    assert_eq!(
        number(world.redeem(&[("client_id", "other"), ("refresh_token", token)]).await),
        700_016
    );
    assert_eq!(number(world.redeem(&[("refresh_token", token)]).await), 900_144);
    let scope = ("scope", "https://graph.microsoft.com/Calendars.Read");
    assert_eq!(
        number(world.redeem(&[("client_id", "client"), ("refresh_token", token), scope]).await),
        65001
    );
    let secret = ("client_secret", "x");
    assert_eq!(
        number(world.redeem(&[("client_id", "client"), ("refresh_token", token), secret]).await),
        700_025
    );
}

#[tokio::test]
async fn an_access_token_ends_on_the_virtual_clock() {
    let world = World::new().await;
    assert_eq!(world.get("/me").await.text("mail"), "ada@contoso.example");
    world.tenant.clock().advance(Duration::from_secs(3600));
    let late = world.get("/me").await;
    assert_eq!((late.status, late.code().as_str()), (401, "InvalidAuthenticationToken"));
    assert!(late.header("www-authenticate").starts_with("Bearer"));
    assert!(late.json()["error"]["innerError"]["request-id"].is_string());
}

#[tokio::test]
async fn a_missing_scope_or_a_strange_mailbox_is_refused() {
    let mut world = World::new().await;
    assert_eq!(world.get("/users/ben@contoso.example/messages").await.status, 403);
    assert_eq!(world.get("/users/nobody@contoso.example/messages").await.status, 404);
    assert_eq!(world.get("/users/ada%40contoso.example/messages").await.status, 200);
    world.refresh = world.tenant.grant("ada@contoso.example", "client", "Mail.Send offline_access");
    world.token = world.fresh_token().await;
    let refused = world.get("/me/messages").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "ErrorAccessDenied"));
}

#[tokio::test]
async fn a_shared_mailbox_needs_the_shared_scope_and_the_right() {
    let mut world = World::new().await;
    world.tenant.share("ben@contoso.example", "ada@contoso.example");
    assert_eq!(world.get("/users/ben@contoso.example/mailFolders/inbox").await.status, 403);
    world.refresh =
        world.tenant.grant("ada@contoso.example", "client", "Mail.Read.Shared offline_access");
    world.token = world.fresh_token().await;
    let inbox = world.get("/users/ben@contoso.example/mailFolders/inbox").await;
    assert_eq!(inbox.status, 200);
    let delta = world.get("/users/ben@contoso.example/mailFolders/inbox/messages/delta").await;
    assert!(delta.text("@odata.deltaLink").contains("/users/ben%40contoso.example/"));
    assert_eq!(world.get(&delta.text("@odata.deltaLink")).await.status, 200);
    assert_eq!(world.get("/me/mailFolders/inbox").await.status, 403);
}

#[tokio::test]
async fn a_mailbox_without_rest_says_so() {
    let world = World::new().await;
    world.tenant.disable_mailbox("ada@contoso.example");
    let answer = world.get("/me/messages").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "MailboxNotEnabledForRESTAPI"));
}

#[tokio::test]
async fn a_partial_grant_and_prefixed_scopes_show_in_the_answer() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| {
        switches.login.withheld_scopes = vec!["Mail.ReadWrite".into()];
        switches.login.scope_form = m365_sim::switch::ScopeForm::Prefixed;
    });
    let scope = ("scope", "https://graph.microsoft.com/.default offline_access");
    let answer =
        world.redeem(&[("client_id", "client"), ("refresh_token", &world.refresh), scope]).await;
    let expected = "https://graph.microsoft.com/Mail.Send https://graph.microsoft.com/User.Read";
    assert_eq!(answer.text("scope"), expected);
}

#[tokio::test]
async fn what_user_read_shows_of_others_is_for_the_tenant_to_say() {
    let mut world = World::new().await;
    let entry = "/users/ben@contoso.example";
    world.tenant.share("ben@contoso.example", "ada@contoso.example");
    let refused = world.get(entry).await;
    let expected = (403, "Authorization_RequestDenied");
    assert_eq!((refused.status, refused.code().as_str()), expected);
    world.tenant.set_switches(|switches| switches.entra.other_entries = OtherEntries::Shown);
    assert_eq!(world.get(entry).await.text("mail"), "ben@contoso.example");
    world.tenant.set_switches(|switches| switches.entra.other_entries = OtherEntries::Refused);
    world.refresh =
        world.tenant.grant("ada@contoso.example", "client", "User.Read.All offline_access");
    world.token = world.fresh_token().await;
    assert_eq!(world.get(entry).await.status, 200);
}
