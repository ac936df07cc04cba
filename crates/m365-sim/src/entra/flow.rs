//! A person's way through the pages: account, second factor, consent, and back.

use axum::http::Method;
use jiff::Timestamp;

use crate::call::{Call, Query, Reply};
use crate::tenant::State;

use super::aadsts::Refusal;
use super::admin_consent::{self, AdminRequest};
use super::desk::{Code, Factors, Grant, random};
use super::device;
use super::directory::{
    ApprovalRequest, Asking, Audience, Decision, Home, Role, Standing, expanded,
};
use super::issue;
use super::page;
use super::request::{self, AuthorizeRequest, Failure, Prompt};
use super::scope::personal_may;
use super::switch::ConditionalAccess;

/// The cookie of a browser session, by the name Entra gives it.
const SESSION: &str = "ESTSAUTH";

/// One sign-in that is under way in a browser.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(super) purpose: Purpose,
    pub(super) user: Option<String>,
    pub(super) factors: Factors,
}

/// What the sign-in is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    Authorize(AuthorizeRequest),
    /// The device code.
    Device {
        device_code: String,
        alias: String,
        client: String,
        scopes: Vec<String>,
    },
    AdminConsent(AdminRequest),
}

impl Purpose {
    pub(super) fn alias(&self) -> &str {
        match self {
            Self::Authorize(request) => &request.alias,
            Self::Device { alias, .. } => alias,
            Self::AdminConsent(request) => &request.alias,
        }
    }

    pub(super) fn client(&self) -> &str {
        match self {
            Self::Authorize(request) => &request.client,
            Self::Device { client, .. } => client,
            Self::AdminConsent(request) => &request.client,
        }
    }

    pub(super) fn scopes(&self) -> &[String] {
        match self {
            Self::Authorize(request) => &request.scopes,
            Self::Device { scopes, .. } => scopes,
            Self::AdminConsent(request) => &request.scopes,
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self, Self::Authorize(request) if request.prompt == Prompt::None)
    }
}

/// `GET /{tenant}/oauth2/v2.0/authorize`
pub(super) fn authorize(state: &mut State, call: &Call, alias: &str, now: Timestamp) -> Reply {
    let request = match request::read(state, call, alias) {
        Ok(request) => request,
        Err(failure) => return failure.reply(call, now),
    };
    let session = session(state, call);
    let hint = request.login_hint.clone();
    let same = session.filter(|user| hint.as_ref().is_none_or(|hint| hint == user));
    let user = match request.prompt {
        Prompt::Login | Prompt::SelectAccount => None,
        Prompt::None if same.is_none() => {
            return Failure::of(50058, &request.back).reply(call, now);
        }
        _ => same,
    };
    begin(
        state,
        call,
        Flow { purpose: Purpose::Authorize(request), user, factors: Factors::One },
        now,
    )
}

/// Puts a person on the first page.
pub(super) fn begin(state: &mut State, call: &Call, flow: Flow, now: Timestamp) -> Reply {
    let id = random(1);
    state.login.flows.insert(id.clone(), flow);
    advance(state, call, &id, now)
}

/// `POST /{tenant}/signin`: a button was pressed.
pub(super) fn pressed(state: &mut State, call: &Call, now: Timestamp) -> Reply {
    if call.method != Method::POST {
        return page::error(&Refusal::of(900_144), call, now);
    }
    let form = Query::parse(&String::from_utf8_lossy(&call.body));
    let word = |name: &str| form.option(name).unwrap_or_default().trim().to_owned();
    if word("action") == "device" {
        return device::entered(state, call, &word("user_code"), now);
    }
    let id = word("flow");
    let Some(flow) = state.login.flows.get_mut(&id) else {
        return page::error(
            &Refusal::new(400, "invalid_request", 165_000, "The sign-in is over."),
            call,
            now,
        );
    };
    match word("action").as_str() {
        "pick" => flow.user = Some(word("account").to_lowercase()),
        "switch" => flow.user = None,
        "mfa" => flow.factors = Factors::Two,
        "accept" => {
            let organisation = word("organisation") == "on";
            return accepted(state, call, &id, organisation, now);
        }
        "cancel" => return cancelled(state, call, &id, now),
        "request" => return requested(state, &id, &word("justification")),
        _ => {}
    }
    let user = state.login.flows.get(&id).and_then(|flow| flow.user.clone());
    let reply = advance(state, call, &id, now);
    match user.filter(|user| state.stores.contains_key(user)) {
        Some(user) => reply.with("Set-Cookie", new_session(state, user)),
        None => reply,
    }
}

/// Shows the next page, or goes back to the application.
fn advance(state: &mut State, call: &Call, id: &str, now: Timestamp) -> Reply {
    let Some(flow) = state.login.flows.get(id).cloned() else {
        return page::error(&Refusal::of(900_144), call, now);
    };
    let Some(user) = flow.user.clone() else { return page::picker(state, id, &flow) };
    if let Err(refusal) = admit(state, &flow, &user) {
        return failed(&flow, refusal, call, now);
    }
    let policy = state.switches.entra.conditional_access;
    let second = matches!(policy, ConditionalAccess::Mfa | ConditionalAccess::MfaAtRefresh);
    let work = state.directory.account(&user).home == Home::Organisation;
    if second && work && flow.factors == Factors::One {
        if flow.purpose.is_silent() {
            return failed(&flow, Refusal::of(50076), call, now);
        }
        return page::second_factor(id, &user);
    }
    let asking = match &flow.purpose {
        Purpose::AdminConsent(request) => {
            return admin_consent::ask(state, id, request, &user);
        }
        Purpose::Authorize(request) if request.prompt == Prompt::Consent => Asking::Always,
        _ => Asking::IfMissing,
    };
    let (client, scopes) = (flow.purpose.client(), flow.purpose.scopes());
    match state.directory.decide(client, &user, scopes, asking, &state.switches.entra) {
        Decision::Granted => finish(state, call, id, now),
        _ if flow.purpose.is_silent() => failed(&flow, Refusal::of(65001), call, now),
        Decision::Ask(missing) => page::consent(state, id, &flow, &user, &missing),
        Decision::AdministratorsOnly(number, missing) => {
            let refusal = Refusal::of(number);
            page::needs_admin(id, &user, &missing, &refusal.description(call, now), number)
        }
    }
}

/// A failure of the person, not of the request: a page, unless the application asked not to show any.
fn failed(flow: &Flow, mut refusal: Refusal, call: &Call, now: Timestamp) -> Reply {
    match &flow.purpose {
        Purpose::Authorize(request) if request.prompt == Prompt::None => {
            refusal.error = "interaction_required".into();
            request.back.refused(&refusal, call, now)
        }
        _ => page::error(&refusal, call, now),
    }
}

/// May this account sign in here at all?
fn admit(state: &State, flow: &Flow, user: &str) -> Result<(), Refusal> {
    if !state.stores.contains_key(user) {
        return Err(Refusal::about(50034, user));
    }
    let account = state.directory.account(user);
    let switches = &state.switches.entra;
    let client = flow.purpose.client();
    let registration = state.directory.registration(client, switches).unwrap_or_default();
    let personal = account.home == Home::Personal;
    let alias = flow.purpose.alias();
    let welcome = match alias {
        "common" => true,
        "consumers" => personal,
        _ => !personal,
    };
    if !welcome || (personal && registration.audience != Audience::AnyOrganisationAndPersonal) {
        return Err(Refusal::about(50020, user));
    }
    if personal && flow.purpose.scopes().iter().any(|scope| !personal_may(scope)) {
        return Err(Refusal::about(70011, "not available to personal accounts"));
    }
    match account.standing {
        Standing::Good => {}
        Standing::Disabled => return Err(Refusal::of(50057)),
        Standing::Locked => return Err(Refusal::of(50053)),
        Standing::PasswordExpired => return Err(Refusal::of(50055)),
    }
    let assigned = |list: &Vec<String>| list.iter().any(|name| name.eq_ignore_ascii_case(user));
    if !registration.assigned.as_ref().is_none_or(assigned) {
        return Err(Refusal::about(50105, user));
    }
    let by_device = matches!(flow.purpose, Purpose::Device { .. });
    match switches.conditional_access {
        _ if personal => Ok(()),
        ConditionalAccess::Block => Err(Refusal::of(53003)),
        ConditionalAccess::CompliantDevice => Err(Refusal::of(53000)),
        _ if by_device && switches.block_device_code => Err(Refusal::of(53003)),
        _ => Ok(()),
    }
}

fn accepted(state: &mut State, call: &Call, id: &str, organisation: bool, now: Timestamp) -> Reply {
    let flow = state.login.flows.get(id).cloned();
    let Some((flow, user)) = flow.and_then(|flow| flow.user.clone().map(|user| (flow, user)))
    else {
        return page::error(&Refusal::of(900_144), call, now);
    };
    if let Purpose::AdminConsent(request) = &flow.purpose {
        state.login.flows.remove(id);
        return admin_consent::accepted(state, request, &user);
    }
    let client = flow.purpose.client();
    let registration =
        state.directory.registration(client, &state.switches.entra).unwrap_or_default();
    let scopes = expanded(flow.purpose.scopes(), &registration);
    // The page is not trusted: the policy is asked again.
    let asked =
        state.directory.decide(client, &user, &scopes, Asking::IfMissing, &state.switches.entra);
    if let Decision::AdministratorsOnly(number, _) = asked {
        return page::error(&Refusal::of(number), call, now);
    }
    let is_admin = state.directory.account(&user).role == Role::Administrator;
    let whose = if organisation && is_admin { None } else { Some(user.as_str()) };
    state.directory.consent(client, whose, &scopes);
    finish(state, call, id, now)
}

fn cancelled(state: &mut State, call: &Call, id: &str, now: Timestamp) -> Reply {
    let Some(flow) = state.login.flows.remove(id) else {
        return page::error(&Refusal::of(900_144), call, now);
    };
    match flow.purpose {
        Purpose::Authorize(request) => Failure::of(65004, &request.back).reply(call, now),
        Purpose::Device { device_code, .. } => device::declined(state, &device_code),
        Purpose::AdminConsent(request) => request.declined(call, now),
    }
}

fn requested(state: &mut State, id: &str, justification: &str) -> Reply {
    if let Some(flow) = state.login.flows.remove(id) {
        state.directory.approval_requests.push(ApprovalRequest {
            user: flow.user.unwrap_or_default(),
            client_id: flow.purpose.client().to_owned(),
            scopes: flow.purpose.scopes().to_vec(),
            justification: justification.to_owned(),
        });
    }
    page::notice("Request sent", "Your admin has been told. You can close this window.")
}

/// Everything is agreed.
fn finish(state: &mut State, call: &Call, id: &str, now: Timestamp) -> Reply {
    let flow = state.login.flows.remove(id);
    let Some((flow, user)) = flow.and_then(|flow| flow.user.clone().map(|user| (flow, user)))
    else {
        return page::error(&Refusal::of(900_144), call, now);
    };
    let grant = grant(state, &flow, &user, now);
    let request = match flow.purpose {
        Purpose::Device { device_code, .. } => return device::approved(state, &device_code, grant),
        Purpose::AdminConsent(_) => return page::error(&Refusal::of(900_144), call, now),
        Purpose::Authorize(request) => request,
    };
    let code = format!("1.C{}", random(4));
    let back = request.back;
    state.login.codes.insert(
        code.clone(),
        Code {
            grant,
            alias: request.alias,
            redirect_uri: back.redirect_uri.clone(),
            challenge: request.challenge,
            nonce: request.nonce,
            issued: now,
            redeemed: false,
        },
    );
    let client_info = issue::client_info(state, &user);
    let session_state = crate::ids::guid(id);
    let mut parameters = vec![("code", code.as_str()), ("session_state", session_state.as_str())];
    if request.client_info {
        parameters.insert(1, ("client_info", client_info.as_str()));
    }
    back.with(&parameters)
}

/// The sign-in as the tokens will know it.
fn grant(state: &State, flow: &Flow, user: &str, now: Timestamp) -> Grant {
    let client = flow.purpose.client().to_owned();
    let registration =
        state.directory.registration(&client, &state.switches.entra).unwrap_or_default();
    Grant {
        user: user.to_owned(),
        scopes: expanded(flow.purpose.scopes(), &registration),
        client,
        used: now,
        signed_in: now,
        factors: flow.factors,
        revoked: false,
    }
}

fn session(state: &State, call: &Call) -> Option<String> {
    let cookies = call.header("cookie")?.split(';');
    let mut values = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    let (_, value) = values.find(|(name, _)| *name == SESSION)?;
    state.login.sessions.get(value).cloned()
}

fn new_session(state: &mut State, user: String) -> String {
    let id = random(1);
    state.login.sessions.insert(id.clone(), user);
    format!("{SESSION}={id}; Path=/; HttpOnly")
}
