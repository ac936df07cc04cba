//! Entra: the sign-in service of the tenant, in a browser and without one. (reference A)

mod aadsts;
mod admin_consent;
mod desk;
mod device;
mod directory;
mod discovery;
mod flow;
mod handle;
mod instance;
mod issue;
mod page;
mod redeem;
mod redirect;
mod request;
mod scope;
mod sha256;
pub(crate) mod switch;

use axum::http::Method;
use jiff::Timestamp;

use crate::call::{Call, Reply};
use crate::kind::Kind;
use crate::tenant::State;

pub(crate) use aadsts::Refusal;
pub(crate) use desk::{Evaluation, LoginDesk};
pub(crate) use directory::Directory;
pub use directory::{
    ApprovalRequest, Audience, ClientType, Home, Publisher, Registration, Role, Standing,
};
pub use handle::{Entra, EntraDeed, Stage};
pub use instance::{BareScopes, CloudInstance};

/// A path of the sign-in host. The text is its first segment, the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token(String),
    Authorize(String),
    DeviceCode(String),
    AdminConsent(String),
    /// Where every button of a page leads.
    SignIn,
    DeviceLogin,
    OpenId(String),
    Keys,
    Instance,
    /// The blank page whose address is copied by hand.
    NativeClient,
}

impl Endpoint {
    pub(crate) fn of(path: &str) -> Option<Self> {
        let words: Vec<&str> = path.trim_end_matches('/').split('/').skip(1).collect();
        let name = words.first().map(|tenant| tenant.to_ascii_lowercase()).unwrap_or_default();
        match words.as_slice() {
            [_, "oauth2", "v2.0", "token"] => Some(Self::Token(name)),
            [_, "oauth2", "v2.0", "authorize"] => Some(Self::Authorize(name)),
            [_, "oauth2", "v2.0", "devicecode"] => Some(Self::DeviceCode(name)),
            [_, "v2.0", "adminconsent"] => Some(Self::AdminConsent(name)),
            [_, "signin"] => Some(Self::SignIn),
            ["devicelogin" | "link"] | ["common", "oauth2", "deviceauth"] => {
                Some(Self::DeviceLogin)
            }
            [_, "v2.0", ".well-known", "openid-configuration"] => Some(Self::OpenId(name)),
            [_, "discovery", "v2.0", "keys"] => Some(Self::Keys),
            ["common", "discovery", "instance"] => Some(Self::Instance),
            ["common", "oauth2", "nativeclient"] => Some(Self::NativeClient),
            _ => None,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Token(_) => Kind::Token,
            Self::Authorize(_) => Kind::Authorize,
            Self::DeviceCode(_) => Kind::DeviceCode,
            Self::AdminConsent(_) => Kind::AdminConsent,
            Self::SignIn | Self::DeviceLogin | Self::NativeClient => Kind::SignInPage,
            Self::OpenId(_) | Self::Keys | Self::Instance => Kind::Discovery,
        }
    }
}

pub(crate) fn answer(state: &mut State, call: &Call, endpoint: &Endpoint, now: Timestamp) -> Reply {
    let needs_post = matches!(endpoint, Endpoint::Token(_) | Endpoint::DeviceCode(_));
    if needs_post && call.method != Method::POST {
        let text = "The endpoint only accepts POST requests.";
        return Refusal::new(400, "invalid_request", 900_561, text).reply(call, now);
    }
    let json = |found: Result<serde_json::Value, Refusal>| match found {
        Ok(body) => Reply::json(200, body),
        Err(refusal) => refusal.reply(call, now),
    };
    match endpoint {
        Endpoint::Token(alias) => redeem::token(state, call, alias, now),
        Endpoint::Authorize(alias) => flow::authorize(state, call, alias, now),
        Endpoint::DeviceCode(alias) => device::start(state, call, alias, now),
        Endpoint::AdminConsent(alias) => admin_consent::start(state, call, alias, now),
        Endpoint::SignIn => flow::pressed(state, call, now),
        Endpoint::DeviceLogin => page::device_code(""),
        Endpoint::OpenId(alias) => json(discovery::openid(state, call, alias)),
        Endpoint::Keys => discovery::keys(),
        Endpoint::Instance => json(discovery::instance(call)),
        Endpoint::NativeClient => {
            page::notice("Done", "Copy the address of this page into the application.")
        }
    }
}

/// An alias, this tenant's id, or one of its domains.
fn tenant_is_known(state: &State, alias: &str) -> bool {
    let alias = alias.to_ascii_lowercase();
    // Personal accounts live in the global cloud only. (reference A.1)
    let global = state.switches.entra.cloud == CloudInstance::Global;
    ["common", "organizations"].contains(&alias.as_str())
        || (alias == "consumers" && global)
        || alias == state.tenant_id
        || state.stores.keys().any(|address| address.ends_with(&format!("@{alias}")))
}
