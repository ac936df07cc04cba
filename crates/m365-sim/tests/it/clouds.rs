//! National clouds, and what is different for personal accounts.

use m365_sim::switch::{BareScopes, CloudInstance, PersonalMail, ScopeForm};
use m365_sim::{Browser, Home};

use crate::entra_client::{Request, redeem_code};
use crate::world::{ADA, World};

#[tokio::test]
async fn a_national_cloud_takes_scopes_of_its_own_graph_and_no_other() {
    for (cloud, graph, login) in [
        (CloudInstance::GccHigh, "graph.microsoft.us", "login.microsoftonline.us"),
        (CloudInstance::Dod, "dod-graph.microsoft.us", "login.microsoftonline.us"),
        (
            CloudInstance::China,
            "microsoftgraph.chinacloudapi.cn",
            "login.partner.microsoftonline.cn",
        ),
    ] {
        let world = World::new().await;
        world.tenant.set_switches(|switches| {
            switches.entra.cloud = cloud;
            switches.entra.bare_scopes = BareScopes::Refused;
            switches.login.scope_form = ScopeForm::Prefixed;
        });
        let asked = |scope: String| Request { scope, ..Request::new(&world) };
        let own = asked(format!("https://{graph}/Mail.Send openid offline_access"));
        let tokens = redeem_code(&world, &own.signed_in().await, &[]).await;
        assert_eq!(tokens.text("scope"), format!("https://{graph}/Mail.Send openid"));
        for (scope, error) in [
            ("https://graph.microsoft.com/Mail.Send", "invalid_resource"),
            ("Mail.Send", "invalid_scope"),
        ] {
            let browser = Browser::open(&asked(scope.to_owned()).url()).await;
            assert_eq!(browser.parameter("error").as_deref(), Some(error), "{}", browser.url());
        }
        let wrong = [("client_id", "client"), ("refresh_token", &world.refresh)];
        let wrong = [&wrong[..], &[("scope", "https://graph.microsoft.com/.default")]].concat();
        assert_eq!(world.redeem(&wrong).await.json()["error_codes"][0], 500_011);
        let path = format!("{}/organizations/v2.0/.well-known/openid-configuration", world.url);
        let found = world.get(&path).await;
        assert_eq!(found.text("msgraph_host"), graph);
        assert_eq!(found.text("issuer"), format!("https://{login}/{{tenantid}}/v2.0"));
        assert_eq!(format!("login.{}", found.text("cloud_instance_name")), login);
        let consumers = asked(String::new());
        let consumers = Request { alias: "consumers", ..consumers };
        assert_eq!(Browser::open(&consumers.url()).await.error_code(), Some(90002));
    }
}

#[tokio::test]
async fn a_personal_account_may_have_no_mail_attribute_and_is_found_by_its_kind() {
    let world = World::new().await;
    world.tenant.entra().set_home(ADA, Home::Personal);
    assert!(world.get("/me").await.json()["mail"].is_null());
    world.tenant.set_switches(|switches| switches.entra.personal_mail = PersonalMail::Shown);
    assert_eq!(world.get("/me").await.text("mail"), ADA);
    let common = Request { alias: "common", ..Request::new(&world) };
    for (hint, ada, ben) in [
        ("", true, true),
        ("&domain_hint=consumers", true, false),
        ("&domain_hint=organizations", false, true),
    ] {
        let browser = Browser::open(&common.url_with(hint)).await;
        let offers = |user: &str| browser.has(&format!("account-{user}"));
        assert_eq!((offers(ADA), offers("ben@contoso.example")), (ada, ben), "{hint}");
    }
    let fields = [("client_id", "client"), ("scope", "Mail.Send")];
    let code = world.sign_in_post("consumers", "devicecode", &fields).await;
    assert_eq!(code.text("verification_uri"), format!("{}/link", world.url));
    assert!(Browser::open(&code.text("verification_uri")).await.has("user-code"));
}
