//! What a good token request gets: an opaque access token, and an id_token with the claims of reference A.6.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ids::guid;
use crate::switch::ScopeForm;
use crate::tenant::State;

use super::desk::{Access, Evaluation, Grant, random};
use super::device::seconds;
use super::directory::{Home, PERSONAL_TENANT};
use super::scope::{OPENID, bare, prefixed};

/// `kid` of the key that signs nothing.
pub(super) const KEY: &str = "m365-sim";

pub(super) struct Issue {
    pub(super) grant: Grant,
    pub(super) resource: String,
    pub(super) scopes: Vec<String>,
    pub(super) refresh: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) evaluation: Evaluation,
    /// The client asked for `client_info`, as Microsoft's own libraries do.
    pub(super) client_info: bool,
}

pub(super) fn issue(state: &mut State, issue: Issue, now: Timestamp) -> Value {
    let switches = state.switches.login.clone();
    let life = match issue.evaluation {
        Evaluation::Once => switches.access_token_seconds,
        Evaluation::Continuous | Evaluation::Challenged => switches.continuous_token_seconds,
    };
    let expires = now.checked_add(seconds(life)).unwrap_or(Timestamp::MAX);
    let token = format!("EwB{}", random(4));
    let permissions = issue.scopes.iter().filter(|name| !OPENID.contains(&name.as_str()));
    let mut shown: Vec<String> = match switches.scope_form {
        ScopeForm::Bare => permissions.cloned().collect(),
        ScopeForm::Prefixed => {
            permissions.map(|name| prefixed(name, state.switches.entra.cloud)).collect()
        }
    };
    // `offline_access` itself is never listed. (reference A.2)
    let plain = issue.grant.scopes.iter().filter(|name| OPENID[..3].contains(&name.as_str()));
    shown.extend(plain.cloned());
    let access = Access {
        user: issue.grant.user.clone(),
        client: issue.grant.client.clone(),
        resource: issue.resource,
        scopes: issue.scopes.iter().map(|name| bare(name).to_owned()).collect(),
        expires,
        evaluation: issue.evaluation,
    };
    state.login.access.retain(|_, access| access.expires > now);
    state.login.access.insert(token.clone(), access);
    let mut body = json!({
        "token_type": "Bearer",
        "scope": shown.join(" "),
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": token,
    });
    if let Some(refresh) = issue.refresh {
        body["refresh_token"] = refresh.into();
    }
    if issue.grant.scopes.iter().any(|scope| scope == "openid") {
        let ends = now.checked_add(seconds(switches.access_token_seconds));
        let ends = ends.unwrap_or(Timestamp::MAX);
        body["id_token"] = id_token(state, &issue.grant, issue.nonce, (now, ends)).into();
    }
    if issue.client_info {
        body["client_info"] = client_info(state, &issue.grant.user).into();
    }
    body
}

/// A JWT with a signature that nobody can check.
fn id_token(
    state: &State,
    grant: &Grant,
    nonce: Option<String>,
    (now, ends): (Timestamp, Timestamp),
) -> String {
    let tenant = tenant_of(state, &grant.user);
    let mut claims = json!({
        "aud": grant.client,
        "iss": format!("https://{}/{tenant}/v2.0", state.switches.entra.cloud.login()),
        "iat": now.as_second(), "nbf": now.as_second(), "exp": ends.as_second(),
        "sub": guid(&format!("{}{}", grant.client, grant.user)),
        "tid": tenant, "ver": "2.0",
    });
    let has = |name: &str| grant.scopes.iter().any(|scope| scope == name);
    if has("profile") {
        let name = state.stores.get(&grant.user).map(|store| store.name.clone());
        claims["name"] = name.into();
        claims["preferred_username"] = grant.user.clone().into();
        claims["oid"] = guid(&grant.user).into();
    }
    if has("email") {
        claims["email"] = grant.user.clone().into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let head = json!({"typ": "JWT", "alg": "RS256", "kid": KEY});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&head), part(&claims), URL_SAFE_NO_PAD.encode([0; 256]))
}

/// Who this is, for Microsoft's own client libraries: `{"uid","utid"}` in base64url.
pub(super) fn client_info(state: &State, user: &str) -> String {
    let info = json!({"uid": guid(user), "utid": tenant_of(state, user)});
    URL_SAFE_NO_PAD.encode(info.to_string())
}

fn tenant_of<'a>(state: &'a State, user: &str) -> &'a str {
    match state.directory.account(user).home {
        Home::Organisation => &state.tenant_id,
        Home::Personal => PERSONAL_TENANT,
    }
}
