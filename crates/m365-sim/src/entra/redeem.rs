//! The token endpoint, `POST /{tenant}/oauth2/v2.0/token`: codes, device codes and refresh tokens become access tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::call::{Call, Query, Reply};
use crate::switch::{ClaimsAtRefresh, LoginSwitches, Rotation};
use crate::tenant::State;

use super::aadsts::Refusal;
use super::desk::{Challenge, Evaluation, Factors, Grant};
use super::device;
use super::directory::{ClientType, Home, Standing};
use super::handle::Stage;
use super::issue::{Issue, issue};
use super::scope::{OPENID, bare, is_default, resource};
use super::sha256::sha256;
use super::switch::ConditionalAccess;
use super::tenant_is_known;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What was presented, and what it stands for.
struct Presented {
    grant: Grant,
    nonce: Option<String>,
    /// The refresh token that was used.
    refresh: Option<String>,
}

/// Answers a token request. `alias` is the path's first segment.
pub(super) fn token(state: &mut State, call: &Call, alias: &str, now: Timestamp) -> Reply {
    let form = Query::parse(&String::from_utf8_lossy(&call.body));
    match redeem(state, &form, alias, now) {
        Ok(body) => {
            let issued = ["access_token", "refresh_token", "id_token"].map(|name| &body[name]);
            let issued = issued.into_iter().filter_map(Value::as_str).map(String::from);
            state.login.passed.extend(issued);
            Reply::json(200, body).with("Cache-Control", "no-store").with("Pragma", "no-cache")
        }
        Err(refusal) => refusal.reply(call, now),
    }
}

fn redeem(state: &mut State, form: &Query, alias: &str, now: Timestamp) -> Result<Value, Refusal> {
    if let Some(number) = state.login.failure(Stage::Token) {
        return Err(Refusal::of(number));
    }
    if !tenant_is_known(state, alias) {
        return Err(Refusal::about(90002, alias));
    }
    let kind = required(form, "grant_type")?;
    let client = required(form, "client_id")?;
    state.login.passed.extend(form.option("code_verifier").map(String::from));
    authenticated(state, form, client)?;
    let presented = match kind {
        "refresh_token" => refreshed(state, required(form, "refresh_token")?, client, now)?,
        "authorization_code" => exchanged(state, form, (client, alias), now)?,
        DEVICE_GRANT => {
            let code = required(form, "device_code")?;
            let grant = device::poll(state, code, client, alias, now)?;
            Presented { grant, nonce: None, refresh: None }
        }
        _ => {
            let text = "The app requested an unsupported grant type.";
            return Err(Refusal::new(400, "unsupported_grant_type", 70003, text));
        }
    };
    if presented.refresh.is_some() {
        claims_need_a_person(state, form.option("claims"), &presented.grant.user)?;
    }
    let scope = form.option("scope").unwrap_or_default();
    let (resource, scopes) = requested(state, scope, &presented.grant)?;
    if kind == "authorization_code" {
        spend(state, required(form, "code")?);
    }
    let evaluation = evaluation(state, form.option("claims"), &presented.grant.user);
    let refresh = rotate(state, presented.refresh.as_deref(), &presented.grant, now);
    let Presented { grant, nonce, .. } = presented;
    let client_info = form.option("client_info") == Some("1");
    let all = Issue { grant, resource, scopes, refresh, nonce, evaluation, client_info };
    Ok(issue(state, all, now))
}

fn required<'a>(form: &'a Query, name: &str) -> Result<&'a str, Refusal> {
    form.option(name).ok_or_else(|| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        Refusal::new(400, "invalid_request", 900_144, &text)
    })
}

/// Public clients have no secret.
fn authenticated(state: &State, form: &Query, client: &str) -> Result<(), Refusal> {
    let found = state.directory.registration(client, &state.switches.entra);
    let registration = found.ok_or_else(|| Refusal::about(700_016, client))?;
    let secret =
        ["client_secret", "client_assertion"].iter().any(|name| form.option(name).is_some());
    match registration.client_type {
        ClientType::Public if secret => Err(Refusal::of(700_025)),
        ClientType::Confidential if !secret => Err(Refusal::of(7_000_218)),
        _ if registration.disabled => Err(Refusal::about(7_000_112, client)),
        _ => Ok(()),
    }
}

fn exchanged(
    state: &State,
    form: &Query,
    (client, alias): (&str, &str),
    now: Timestamp,
) -> Result<Presented, Refusal> {
    let code = state.login.codes.get(required(form, "code")?).ok_or_else(|| Refusal::of(70000))?;
    if code.redeemed {
        return Err(Refusal::of(54005));
    }
    let life = device::seconds(state.switches.entra.code_seconds);
    if now.duration_since(code.issued) >= life {
        return Err(Refusal::of(70008));
    }
    if code.alias != alias {
        return Err(Refusal::about(700_005, alias));
    }
    if code.grant.client != client {
        return Err(Refusal::about(700_016, client));
    }
    if required(form, "redirect_uri")? != code.redirect_uri {
        return Err(Refusal::about(500_112, &code.redirect_uri));
    }
    if !proven(code.challenge.as_ref(), form.option("code_verifier")) {
        return Err(Refusal::of(501_481));
    }
    Ok(Presented { grant: code.grant.clone(), nonce: code.nonce.clone(), refresh: None })
}

/// RFC 7636 section 4.6. A verifier that nobody asked for is as wrong as a missing one.
fn proven(challenge: Option<&Challenge>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(Challenge::Plain(challenge)), Some(verifier)) => challenge == verifier,
        (Some(Challenge::S256(challenge)), Some(verifier)) => {
            *challenge == URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
        }
        _ => false,
    }
}

fn spend(state: &mut State, code: &str) {
    if let Some(code) = state.login.codes.get_mut(code) {
        code.redeemed = true;
    }
}

fn refreshed(
    state: &State,
    token: &str,
    client: &str,
    now: Timestamp,
) -> Result<Presented, Refusal> {
    let grant = state.login.refresh.get(token).ok_or_else(|| Refusal::of(70000))?;
    if grant.client != client {
        return Err(Refusal::about(700_016, client));
    }
    if grant.revoked {
        return Err(Refusal::of(50173));
    }
    let days = i32::try_from(state.switches.login.refresh_token_days).unwrap_or(i32::MAX);
    if now.duration_since(grant.used) >= DAY.saturating_mul(days) {
        return Err(Refusal::of(70008));
    }
    match state.directory.account(&grant.user).standing {
        Standing::Good => {}
        Standing::Disabled => return Err(Refusal::of(50057)),
        Standing::Locked => return Err(Refusal::of(50053)),
        Standing::PasswordExpired => return Err(Refusal::of(50055)),
    }
    policy(state, grant, now)?;
    Ok(Presented { grant: grant.clone(), nonce: None, refresh: Some(token.to_owned()) })
}

/// Conditional Access looks at every refresh.
fn policy(state: &State, grant: &Grant, now: Timestamp) -> Result<(), Refusal> {
    if state.directory.account(&grant.user).home == Home::Personal {
        return Ok(());
    }
    let switches = &state.switches.entra;
    let hours = switches.sign_in_frequency_hours.map(|hours| device::seconds(hours * 3600));
    if hours.is_some_and(|hours| now.duration_since(grant.signed_in) >= hours) {
        return Err(Refusal::of(70043));
    }
    match switches.conditional_access {
        ConditionalAccess::Block => Err(Refusal::of(53003)),
        ConditionalAccess::CompliantDevice => Err(Refusal::of(53000)),
        ConditionalAccess::MfaAtRefresh if grant.factors == Factors::One => Err(Refusal::of(50076)),
        _ => Ok(()),
    }
}

/// The resource and the scopes of the access token; one token is for one resource.
fn requested(state: &State, scope: &str, grant: &Grant) -> Result<(String, Vec<String>), Refusal> {
    let switches = &state.switches.entra;
    switches.cloud.check(scope, switches.bare_scopes)?;
    let is_permission = |name: &&str| !OPENID.contains(name);
    let wanted: Vec<&str> = scope.split_whitespace().filter(is_permission).collect();
    let granted: Vec<&str> =
        grant.scopes.iter().map(String::as_str).filter(is_permission).collect();
    let first = wanted.first().or_else(|| granted.first()).copied().unwrap_or("User.Read");
    let resource_wanted = resource(first).to_owned();
    if wanted.iter().any(|other| resource(other) != resource_wanted) {
        return Err(Refusal::of(28003));
    }
    let withheld = &state.switches.login.withheld_scopes;
    let is_withheld = |name: &str| withheld.iter().any(|held| held == bare(name));
    let mut held = state.directory.consented(&grant.client, &grant.user);
    if held.is_empty() {
        return Err(Refusal::about(65001, &grant.client));
    }
    held.retain(|name| resource(name) == resource_wanted && !is_withheld(name));
    if wanted.iter().any(|name| is_default(name)) {
        held.retain(|name| !OPENID.contains(&name.as_str()));
        return Ok((resource_wanted, held));
    }
    let asked = if wanted.is_empty() { granted } else { wanted };
    let mut scopes = Vec::new();
    for name in asked.into_iter().filter(|name| resource(name) == resource_wanted) {
        match held.iter().find(|held| held.eq_ignore_ascii_case(bare(name))) {
            Some(found) => scopes.push(found.clone()),
            None if is_withheld(name) => {}
            None => return Err(Refusal::about(65001, &grant.client)),
        }
    }
    Ok((resource_wanted, scopes))
}

/// Under `NeedsSignIn` no refresh answers the challenge that is open. (reference A.5)
fn claims_need_a_person(state: &State, claims: Option<&str>, user: &str) -> Result<(), Refusal> {
    let answers = answers_challenge(&read_claims(claims)) && state.login.challenged.contains(user);
    match state.switches.login.claims_at_refresh {
        ClaimsAtRefresh::NeedsSignIn if answers => {
            let text = "The session is not valid any more: interactive authentication is required.";
            Err(Refusal::new(400, "interaction_required", 50133, text))
        }
        _ => Ok(()),
    }
}

fn read_claims(claims: Option<&str>) -> Value {
    claims.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn answers_challenge(claims: &Value) -> bool {
    claims["access_token"].get("nbf").is_some()
}

/// Whether the client said `cp1`, and whether it answered the challenge that is open. (reference A.5)
fn evaluation(state: &mut State, claims: Option<&str>, user: &str) -> Evaluation {
    let claims = read_claims(claims);
    let capabilities = claims["access_token"]["xms_cc"]["values"].as_array();
    let is_cp1 =
        |value: &Value| value.as_str().is_some_and(|name| name.eq_ignore_ascii_case("cp1"));
    let can = capabilities.is_some_and(|values| values.iter().any(is_cp1));
    if answers_challenge(&claims) {
        state.login.challenged.remove(user);
    }
    match (can, state.login.challenged.contains(user)) {
        (false, _) => Evaluation::Once,
        (true, false) => Evaluation::Continuous,
        (true, true) => Evaluation::Challenged,
    }
}

/// The refresh token of the answer.
fn rotate(state: &mut State, token: Option<&str>, grant: &Grant, now: Timestamp) -> Option<String> {
    let LoginSwitches { rotation, issue_refresh_token, .. } = state.switches.login;
    if let Some(old) = token.and_then(|token| state.login.refresh.get_mut(token)) {
        old.used = now;
    }
    let offline = grant.scopes.iter().any(|scope| scope == "offline_access");
    // The first one of a sign-in cannot be withheld: there is no old one to keep.
    if !offline || (!issue_refresh_token && token.is_some()) {
        return None;
    }
    if rotation == Rotation::Strict
        && let Some(token) = token
    {
        state.login.refresh.remove(token);
    }
    Some(state.login.remember(Grant { used: now, ..grant.clone() }))
}
