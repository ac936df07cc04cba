//! The Entra v2.0 token endpoint: `POST /{tenant}/oauth2/v2.0/token`. Tokens are opaque.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::{Call, Query, Reply};
use crate::ids::guid;
use crate::switch::{LoginSwitches, Rotation, ScopeForm};
use crate::tenant::State;

/// Scopes that steer the answer and are not permissions of a resource.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];
const GRAPH: &str = "https://graph.microsoft.com";
const DAY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Default)]
pub(crate) struct LoginDesk {
    refresh: HashMap<String, Grant>,
    access: HashMap<String, Access>,
}

/// What a refresh token stands for.
#[derive(Clone)]
struct Grant {
    user: String,
    client: String,
    /// As granted: bare for Graph, with their resource otherwise.
    scopes: Vec<String>,
    used: Timestamp,
    revoked: bool,
}

/// What an access token stands for.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) resource: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Timestamp,
}

/// A refusal of the token endpoint.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) aadsts: u32,
    pub(crate) text: String,
    pub(crate) suberror: Option<String>,
}

impl LoginDesk {
    /// A refresh token as after a sign-in with these scopes, separated by spaces.
    pub(crate) fn grant(
        &mut self,
        user: &str,
        client: &str,
        scopes: &str,
        now: Timestamp,
    ) -> String {
        let scopes = scopes.split_whitespace().map(|scope| bare(scope).to_owned()).collect();
        let grant = Grant {
            user: user.to_lowercase(),
            client: client.into(),
            scopes,
            used: now,
            revoked: false,
        };
        self.remember(grant)
    }

    pub(crate) fn revoke(&mut self, user: &str) {
        let user = user.to_lowercase();
        for grant in self.refresh.values_mut().filter(|grant| grant.user == user) {
            grant.revoked = true;
        }
    }

    pub(crate) fn expire_access(&mut self) {
        self.access.clear();
    }

    pub(crate) fn expire_access_of(&mut self, user: &str) {
        let user = user.to_lowercase();
        self.access.retain(|_, access| access.user != user);
    }

    pub(crate) fn access(&self, token: &str, now: Timestamp) -> Option<&Access> {
        self.access.get(token).filter(|access| access.expires > now)
    }

    fn remember(&mut self, grant: Grant) -> String {
        let token = format!("1.A{}", random(2));
        self.refresh.insert(token.clone(), grant);
        token
    }
}

/// Answers a token request. `tenant` is the path's first segment.
pub(crate) fn token(state: &mut State, call: &Call, tenant: &str, now: Timestamp) -> Reply {
    let form = Query::parse(&String::from_utf8_lossy(&call.body));
    match redeem(state, &form, tenant, now) {
        Ok(body) => {
            Reply::json(200, body).with("Cache-Control", "no-store").with("Pragma", "no-cache")
        }
        Err(refusal) => refusal.reply(call, now),
    }
}

fn redeem(state: &mut State, form: &Query, tenant: &str, now: Timestamp) -> Result<Value, Refusal> {
    if !knows_tenant(state, tenant) {
        let text = format!("Tenant '{tenant}' not found.");
        return Err(Refusal::new(400, "invalid_request", 90002, &text));
    }
    let required = |name: &str| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        form.option(name).ok_or_else(|| Refusal::new(400, "invalid_request", 900_144, &text))
    };
    if required("grant_type")? != "refresh_token" {
        return Err(Refusal::new(
            400,
            "unsupported_grant_type",
            70003,
            "The app requested an unsupported grant type.",
        ));
    }
    let client = required("client_id")?;
    let token = required("refresh_token")?;
    if form.option("client_secret").is_some() {
        let text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
        return Err(Refusal::new(401, "invalid_client", 700_025, text));
    }
    let switches = state.switches.login.clone();
    let grant = valid_grant(&state.login, token, client, &switches, now)?;
    let (resource, scopes) =
        requested(form.option("scope").unwrap_or_default(), &grant, &switches)?;
    let refresh = rotate(&mut state.login, token, &grant, &switches, now);
    Ok(issue(state, Issue { grant, resource, scopes, refresh, switches }, now))
}

fn knows_tenant(state: &State, tenant: &str) -> bool {
    let tenant = tenant.to_ascii_lowercase();
    ["common", "organizations", "consumers"].contains(&tenant.as_str())
        || tenant == state.tenant_id
        || state.stores.keys().any(|address| address.ends_with(&format!("@{tenant}")))
}

fn valid_grant(
    desk: &LoginDesk,
    token: &str,
    client: &str,
    switches: &LoginSwitches,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let Some(grant) = desk.refresh.get(token) else {
        let text = "Provided grant is invalid or malformed.";
        return Err(Refusal::new(400, "invalid_grant", 70000, text).because("bad_token"));
    };
    if grant.client != client {
        let text =
            format!("Application with identifier '{client}' was not found in the directory.");
        return Err(Refusal::new(400, "unauthorized_client", 700_016, &text));
    }
    if grant.revoked {
        let text =
            "The provided grant has expired due to it being revoked, a fresh auth token is needed.";
        return Err(Refusal::new(400, "invalid_grant", 50173, text).because("bad_token"));
    }
    let days = i32::try_from(switches.refresh_token_days).unwrap_or(i32::MAX);
    if now.duration_since(grant.used) >= DAY.saturating_mul(days) {
        let text =
            "The provided authorization code or refresh token has expired due to inactivity.";
        return Err(Refusal::new(400, "invalid_grant", 70008, text).because("token_expired"));
    }
    Ok(grant.clone())
}

/// The resource and the scopes of the access token; one token is for one resource.
fn requested(
    scope: &str,
    grant: &Grant,
    switches: &LoginSwitches,
) -> Result<(String, Vec<String>), Refusal> {
    let wanted: Vec<&str> =
        scope.split_whitespace().filter(|name| !OPENID.contains(name)).collect();
    let resources: Vec<&str> = wanted.iter().map(|name| resource(name)).collect();
    let resource_wanted = resources.first().copied().unwrap_or(GRAPH).to_owned();
    if resources.iter().any(|other| *other != resource_wanted) {
        let text = "The provided value for the input parameter 'scope' is not valid: more than one resource.";
        return Err(Refusal::new(400, "invalid_scope", 28003, text));
    }
    let held = grant.scopes.iter().filter(|name| resource(name) == resource_wanted);
    let held: Vec<String> =
        held.filter(|name| !switches.withheld_scopes.contains(name)).cloned().collect();
    if wanted.is_empty() || wanted.iter().any(|name| name.ends_with("/.default")) {
        return Ok((resource_wanted, held));
    }
    let mut scopes = Vec::new();
    for name in wanted {
        match held.iter().find(|held| held.eq_ignore_ascii_case(bare(name))) {
            Some(found) => scopes.push(found.clone()),
            None if switches.withheld_scopes.iter().any(|held| held == bare(name)) => {}
            None => {
                let text = "The user or administrator has not consented to use the application.";
                return Err(
                    Refusal::new(400, "invalid_grant", 65001, text).because("consent_required")
                );
            }
        }
    }
    Ok((resource_wanted, scopes))
}

fn rotate(
    desk: &mut LoginDesk,
    token: &str,
    grant: &Grant,
    switches: &LoginSwitches,
    now: Timestamp,
) -> Option<String> {
    if let Some(old) = desk.refresh.get_mut(token) {
        old.used = now;
    }
    let offline = grant.scopes.iter().any(|scope| scope == "offline_access");
    if !switches.issue_refresh_token || !offline {
        return None;
    }
    if switches.rotation == Rotation::Strict {
        desk.refresh.remove(token);
    }
    Some(desk.remember(Grant { used: now, ..grant.clone() }))
}

struct Issue {
    grant: Grant,
    resource: String,
    scopes: Vec<String>,
    refresh: Option<String>,
    switches: LoginSwitches,
}

fn issue(state: &mut State, issue: Issue, now: Timestamp) -> Value {
    let life = issue.switches.access_token_seconds;
    let expires = now + SignedDuration::from_secs(i64::try_from(life).unwrap_or(i64::MAX / 2));
    let token = format!("EwB{}", random(4));
    let permissions = issue.scopes.iter().filter(|name| !OPENID.contains(&name.as_str()));
    let shown: Vec<String> = match issue.switches.scope_form {
        ScopeForm::Bare => permissions.cloned().collect(),
        ScopeForm::Prefixed => permissions.map(|name| prefixed(name)).collect(),
    };
    let access = Access {
        user: issue.grant.user.clone(),
        client: issue.grant.client.clone(),
        resource: issue.resource,
        scopes: issue.scopes.iter().map(|name| bare(name).to_owned()).collect(),
        expires,
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
        body["id_token"] = id_token(state, &issue.grant, now, expires).into();
    }
    body
}

/// A JWT with the documented claims and a signature that nobody can check.
fn id_token(state: &State, grant: &Grant, now: Timestamp, expires: Timestamp) -> String {
    let name = state.stores.get(&grant.user).map(|store| store.name.clone());
    let claims = json!({
        "aud": grant.client,
        "iss": format!("https://login.microsoftonline.com/{}/v2.0", state.tenant_id),
        "iat": now.as_second(), "nbf": now.as_second(), "exp": expires.as_second(),
        "name": name, "preferred_username": grant.user,
        "oid": guid(&grant.user), "sub": guid(&format!("{}{}", grant.client, grant.user)),
        "tid": state.tenant_id, "ver": "2.0",
    });
    let head = json!({"typ": "JWT", "alg": "RS256", "kid": "m365-sim"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&head), part(&claims), URL_SAFE_NO_PAD.encode([0; 32]))
}

impl Refusal {
    pub(crate) fn new(status: u16, error: &str, aadsts: u32, text: &str) -> Self {
        Self { status, error: error.into(), aadsts, text: text.into(), suberror: None }
    }

    pub(crate) fn because(mut self, suberror: &str) -> Self {
        self.suberror = Some(suberror.into());
        self
    }

    /// All documented fields. (reference A.2)
    pub(crate) fn reply(self, call: &Call, now: Timestamp) -> Reply {
        let stamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let correlation = call.header("client-request-id").unwrap_or(&call.request_id).to_owned();
        let mut body = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {} Correlation ID: {correlation} Timestamp: {stamp}",
                self.aadsts, self.text, call.request_id
            ),
            "error_codes": [self.aadsts],
            "timestamp": stamp,
            "trace_id": call.request_id,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.aadsts),
        });
        if let Some(suberror) = self.suberror {
            body["suberror"] = suberror.into();
        }
        Reply::json(self.status, body)
    }
}

fn resource(scope: &str) -> &str {
    scope
        .strip_prefix("https://")
        .and_then(|rest| rest.rfind('/'))
        .map_or(GRAPH, |at| &scope[..at + 8])
}

/// Graph scopes lose their prefix, those of other resources keep it.
fn bare(scope: &str) -> &str {
    scope.strip_prefix(GRAPH).and_then(|rest| rest.strip_prefix('/')).unwrap_or(scope)
}

fn prefixed(scope: &str) -> String {
    if scope.contains("://") { scope.to_owned() } else { format!("{GRAPH}/{scope}") }
}

fn random(blocks: usize) -> String {
    let bytes: Vec<u8> = (0..blocks).flat_map(|_| *Uuid::new_v4().as_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}
