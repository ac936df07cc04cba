//! An application that signs in: its authorize request and what it does with the code.

use m365_sim::Browser;

use crate::world::{ADA, Answer, World};

pub(crate) const CLIENT: &str = "9e4bb2b4-8a5c-4d0e-a3f7-0f2f3c6f7a11";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) struct Request<'a> {
    pub(crate) world: &'a World,
    pub(crate) alias: &'a str,
    pub(crate) client: &'a str,
    pub(crate) redirect: &'a str,
    pub(crate) scope: String,
}

impl<'a> Request<'a> {
    pub(crate) const SCOPES: [&'static str; 6] =
        ["Mail.ReadWrite", "Mail.Send", "User.Read", "offline_access", "openid", "profile"];

    /// Nobody listens at its redirect URI: the browser's address bar keeps the answer.
    pub(crate) fn new(world: &'a World) -> Self {
        Self {
            world,
            alias: "organizations",
            client: CLIENT,
            redirect: "http://localhost:9",
            scope: Self::SCOPES.join(" "),
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url_with("")
    }

    /// Parameters in `more` win over the usual ones.
    pub(crate) fn url_with(&self, more: &str) -> String {
        let usual = [
            ("response_type", "code"),
            ("scope", &self.scope),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("nonce", "the%20nonce"),
            ("state", "the%20state"),
            ("client_id", self.client),
            ("redirect_uri", self.redirect),
        ];
        let kept = usual
            .iter()
            .filter(|(name, value)| !value.is_empty() && !more.contains(&format!("&{name}=")));
        let pairs = kept.map(|(name, value)| format!("{name}={}", value.replace(' ', "%20")));
        let query = pairs.collect::<Vec<_>>().join("&");
        format!("{}/{}/oauth2/v2.0/authorize?{query}{more}", self.world.url, self.alias)
    }

    /// The browser after Ada accepted.
    pub(crate) async fn signed_in(&self) -> Browser {
        let mut browser = Browser::open(&self.url()).await;
        browser.pick(ADA).await;
        if browser.has("accept") {
            browser.accept().await;
        }
        browser
    }
}

/// Redeems the code in the browser's address; `changes` replace fields, or the `alias` of the endpoint.
pub(crate) async fn redeem_code(
    world: &World,
    browser: &Browser,
    changes: &[(&str, &str)],
) -> Answer {
    let code = browser.parameter("code").unwrap_or_default();
    let usual = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", code.as_str()),
        ("redirect_uri", "http://localhost:9"),
        ("code_verifier", VERIFIER),
    ];
    let changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let mut form: Vec<_> = usual.into_iter().filter(|(name, _)| !changed(name)).collect();
    form.extend(changes.iter().copied().filter(|(name, _)| *name != "alias"));
    let alias = changes.iter().find(|(name, _)| *name == "alias");
    world.token(alias.map_or("organizations", |(_, alias)| alias), &form).await
}
