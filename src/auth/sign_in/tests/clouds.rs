//! The clouds of reference A.1: which addresses and scopes the settings come to, and the sign-in in each.

use std::collections::BTreeMap;
use std::path::Path;

use m365_sim::Role;
use m365_sim::switch::{BareScopes, CloudInstance, UserConsent};
use reqwest::Url;

use super::{ADA, BEN, Redirect, World, accept_as, by_device};
use crate::auth::consent::ConsentRequest;
use crate::auth::oauth::{self, Cloud};
use crate::config::Config;

/// What `[cloud]` says, the cloud it means, its sign-in host and its Graph.
const CLOUDS: [(&str, CloudInstance, &str, &str); 4] = [
    (
        "name = \"global\"",
        CloudInstance::Global,
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com",
    ),
    (
        "name = \"gcc-high\"",
        CloudInstance::GccHigh,
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
    ),
    (
        "name = \"dod\"",
        CloudInstance::Dod,
        "https://login.microsoftonline.us",
        "https://dod-graph.microsoft.us",
    ),
    (
        "name = \"china\"",
        CloudInstance::China,
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
    ),
];
/// The other sign-in host of China, which some documents name.
const CHINA_AS_GRAPH_TELLS_IT: (&str, &str, &str) = (
    "name = \"custom\"\nlogin = \"https://login.chinacloudapi.cn\"\ngraph = \"https://microsoftgraph.chinacloudapi.cn\"",
    "https://login.chinacloudapi.cn",
    "https://microsoftgraph.chinacloudapi.cn",
);

fn settings(cloud: &str) -> Cloud {
    let text = format!("[cloud]\n{cloud}\nclient_id = \"app\"\ntenant = \"contoso.example\"\n");
    let config = Config::parse(Some((Path::new("f.toml"), &text)), BTreeMap::new()).unwrap();
    Cloud::from(&config.cloud)
}

/// An address without its query, and one parameter of that.
fn taken_apart(url: &str, parameter: &str) -> (String, String) {
    let url = Url::parse(url).unwrap();
    let value = url.query_pairs().find(|(name, _)| name == parameter).unwrap().1.into_owned();
    (url.as_str().split('?').next().unwrap().to_owned(), value)
}

#[tokio::test]
async fn the_settings_of_each_cloud_come_to_its_own_addresses_and_scopes() {
    let mut world = World::new().await;
    let named = CLOUDS.iter().map(|(text, _, login, graph)| (*text, *login, *graph));
    for (text, login, graph) in named.chain([CHINA_AS_GRAPH_TELLS_IT]) {
        let cloud = settings(text);
        let root = format!("{login}/contoso.example");
        let permissions = format!("{graph}/Mail.ReadWrite {graph}/Mail.Send {graph}/User.Read");
        let scopes = format!("{permissions} offline_access openid profile");
        assert_eq!(cloud.endpoint("token"), format!("{root}/oauth2/v2.0/token"));
        assert_eq!(cloud.endpoint("devicecode"), format!("{root}/oauth2/v2.0/devicecode"));
        assert_eq!(cloud.graph_root(), format!("{graph}/v1.0"));
        assert_eq!(cloud.renewed(), [format!("{graph}/.default"), "offline_access".to_owned()]);
        let link = ConsentRequest::to_send(&cloud, world.sign_in.needs, None).unwrap().url;
        assert_eq!(
            taken_apart(&link, "scope"),
            (format!("{root}/v2.0/adminconsent"), scopes.clone())
        );
        world.sign_in.cloud = cloud;
        let authorize = world.sign_in.begin("http://localhost").unwrap().url;
        assert_eq!(
            taken_apart(&authorize, "scope"),
            (format!("{root}/oauth2/v2.0/authorize"), scopes)
        );
    }
}

/// A tenant of that cloud on this machine, and a bridge whose permissions are named after `graph`.
async fn world_of(cloud: CloudInstance, graph: &str, bare: BareScopes) -> World {
    let mut world = World::new().await;
    world.sign_in.cloud.resource = graph.to_owned();
    world.tenant.set_switches(|switches| {
        switches.entra.cloud = cloud;
        switches.entra.bare_scopes = bare;
    });
    world
}

#[tokio::test]
async fn each_cloud_signs_people_in_by_browser_paste_and_device_and_renews() {
    for (_, cloud, _, graph) in CLOUDS {
        for bare in [BareScopes::Graph, BareScopes::Refused] {
            let world = world_of(cloud, graph, bare).await;
            let accept = async |browser: &mut m365_sim::Browser| accept_as(browser, ADA).await;
            let (done, _) = world.by_browser(accept).await;
            let done = done.unwrap();
            assert!(world.sign_in.needs.missing(&done.granted).is_empty(), "{:?}", done.granted);
            let http = &world.sign_in.http;
            oauth::refresh(http, &world.sign_in.cloud, &done.refresh, None).await.unwrap();

            let attempt = world.sign_in.begin("http://localhost").unwrap();
            let mut browser = world.tenant.browse(&attempt.url).await;
            accept_as(&mut browser, ADA).await;
            let redirect = Redirect::pasted(browser.url()).unwrap();
            world.sign_in.finish(attempt, redirect).await.unwrap();

            let login = world.sign_in.cloud.login.clone();
            let done = by_device(&world, async |code| {
                let mut browser = world.tenant.browse(&format!("{login}/devicelogin")).await;
                browser.enter_code(&code).await;
                accept_as(&mut browser, ADA).await;
            });
            assert_eq!(done.await.unwrap().identity.address, ADA, "{cloud:?}");
        }
    }
}

#[tokio::test]
async fn the_administrator_of_each_cloud_consents_by_its_link() {
    for (_, cloud, _, graph) in CLOUDS {
        let world = world_of(cloud, graph, BareScopes::Refused).await;
        world.tenant.set_switches(|switches| switches.entra.user_consent = UserConsent::Off);
        world.tenant.entra().set_role(BEN, Role::Administrator);
        let link = ConsentRequest::to_send(&world.sign_in.cloud, world.sign_in.needs, None);
        let link = link.unwrap();
        let mut browser = world.tenant.browse(&link.url).await;
        browser.pick(BEN).await;
        browser.accept().await;
        let consented = link.pasted(browser.url()).unwrap();
        assert!(world.sign_in.needs.missing(&consented.granted).is_empty(), "{consented:?}");
        let (done, _) = world.by_browser(async |browser| browser.pick(ADA).await).await;
        done.unwrap();
    }
}

#[tokio::test]
async fn a_cloud_that_is_not_the_tenants_is_refused_and_the_cure_names_the_setting() {
    for (_, cloud, _, graph) in CLOUDS {
        for (_, other, _, _) in CLOUDS.iter().filter(|(_, other, _, _)| *other != cloud) {
            let world = world_of(*other, graph, BareScopes::Graph).await;
            let (done, browser) = world.by_browser(async |_| ()).await;
            let at_device = by_device(&world, async |_| ()).await.unwrap_err().to_string();
            let token = world.tenant.grant(ADA, "app", "Mail.Send offline_access");
            let token = crate::http::Secret::new(token);
            let (http, settings) = (&world.sign_in.http, &world.sign_in.cloud);
            let at_refresh = oauth::refresh(http, settings, &token, None).await.unwrap_err();
            let told = [done.unwrap_err().to_string(), at_device, at_refresh.to_string()];
            for told in told.into_iter().chain([browser.text()]) {
                let cure = told.contains("check [cloud] name, since each cloud has its own Graph");
                assert!(cure && told.contains("AADSTS500011"), "{told}");
            }
        }
    }
}
