//! An authorize request, checked. (reference A.2)

use jiff::Timestamp;

use crate::call::{Call, Query, Reply, percent_encode};
use crate::tenant::State;

use super::aadsts::{Refusal, Shown, shown};
use super::desk::Challenge;
use super::directory::{Audience, Registration};
use super::handle::Stage;
use super::page;
use super::redirect;
use super::scope::{OPENID, is_default, normal};
use super::switch::EntraSwitches;
use super::tenant_is_known;

/// RFC 7636 section 4.2.
const CHALLENGE_LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

#[derive(Clone, Debug)]
pub(crate) struct AuthorizeRequest {
    pub(super) alias: String,
    pub(super) client: String,
    pub(super) scopes: Vec<String>,
    pub(super) back: Back,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<String>,
    /// `consumers`, or `organizations`.
    pub(super) domain_hint: Option<String>,
    pub(super) client_info: bool,
}

/// The way back to the application.
#[derive(Clone, Debug)]
pub(crate) struct Back {
    /// As the application wrote it.
    pub(super) redirect_uri: String,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    Unsaid,
    None,
    Login,
    Consent,
    SelectAccount,
}

/// How a request fails before anybody is asked anything.
pub(crate) enum Failure {
    /// The application cannot be told.
    Page(Box<Refusal>),
    Back(Back, Box<Refusal>),
}

impl Failure {
    fn page(refusal: Refusal) -> Self {
        Self::Page(Box::new(refusal))
    }

    fn back(back: &Back, refusal: Refusal) -> Self {
        Self::Back(back.clone(), Box::new(refusal))
    }

    pub(super) fn reply(self, call: &Call, now: Timestamp) -> Reply {
        match self {
            Self::Page(refusal) => page::error(&refusal, call, now),
            Self::Back(back, refusal) => back.refused(&refusal, call, now),
        }
    }

    /// As the table says where this number is shown.
    pub(super) fn of(number: u32, back: &Back) -> Self {
        let mut refusal = Refusal::of(number);
        match shown(number) {
            Shown::Page => Self::page(refusal),
            Shown::Redirect(error) => {
                refusal.error = error.into();
                Self::back(back, refusal)
            }
        }
    }
}

impl Back {
    /// The application's redirect URI with these parameters.
    pub(super) fn with(&self, parameters: &[(&str, &str)]) -> Reply {
        let mut all = parameters.to_vec();
        if let Some(state) = &self.state {
            all.push(("state", state));
        }
        if self.mode == ResponseMode::FormPost {
            return page::form_post(&self.redirect_uri, &all);
        }
        let pairs = all.iter().map(|(name, value)| format!("{name}={}", percent_encode(value)));
        let pairs = pairs.collect::<Vec<_>>().join("&");
        let mark = if self.mode == ResponseMode::Fragment { '#' } else { '?' };
        let target = redirect::with_path(&self.redirect_uri);
        Reply::empty(302)
            .with("Location", format!("{target}{mark}{pairs}"))
            .with("Cache-Control", "no-store")
    }

    pub(super) fn refused(&self, refusal: &Refusal, call: &Call, now: Timestamp) -> Reply {
        let description = refusal.description(call, now);
        self.with(&[("error", &refusal.error), ("error_description", &description)])
    }
}

/// Reads and checks a request. `alias` is the path's first segment.
pub(super) fn read(
    state: &mut State,
    call: &Call,
    alias: &str,
) -> Result<AuthorizeRequest, Failure> {
    let query = &call.query;
    let (client, registration) = known_client(state, query, alias).map_err(Failure::page)?;
    let back = way_back(call, &registration).map_err(Failure::page)?;
    if let Some(number) = state.login.failure(Stage::Authorize) {
        return Err(Failure::of(number, &back));
    }
    audience(alias, &registration).map_err(Failure::page)?;
    let refuse = |error: &str, number: u32, text: &str| {
        Failure::back(&back, Refusal::new(400, error, number, text))
    };
    match query.option("response_type") {
        Some("code") => {}
        None => return Err(refuse("invalid_request", 900_144, "response_type is missing.")),
        Some(other) => {
            let text = format!("The response_type '{other}' is not supported.");
            return Err(refuse("unsupported_response_type", 70005, &text));
        }
    }
    let scopes = check_scopes(query.option("scope").unwrap_or_default(), &state.switches.entra);
    let scopes = scopes.map_err(|refusal| Failure::back(&back, refusal))?;
    let challenge = challenge(query).map_err(|number| Failure::of(number, &back))?;
    let prompt = match query.option("prompt") {
        None => Prompt::Unsaid,
        Some("none") => Prompt::None,
        Some("login") => Prompt::Login,
        Some("consent") => Prompt::Consent,
        Some("select_account") => Prompt::SelectAccount,
        Some(_) => return Err(refuse("invalid_request", 90023, "Unsupported prompt value.")),
    };
    let claims = query.option("claims");
    if claims.is_some_and(|claims| !is_object(claims)) {
        return Err(refuse("invalid_request", 90023, "The claims parameter is not valid JSON."));
    }
    Ok(AuthorizeRequest {
        alias: alias.to_owned(),
        client,
        scopes,
        back,
        nonce: query.option("nonce").map(str::to_owned),
        challenge,
        prompt,
        login_hint: query.option("login_hint").map(str::to_lowercase),
        domain_hint: query.option("domain_hint").map(str::to_lowercase),
        client_info: query.option("client_info") == Some("1"),
    })
}

/// The client and its registration in this tenant.
pub(super) fn known_client(
    state: &State,
    query: &Query,
    alias: &str,
) -> Result<(String, Registration), Refusal> {
    if !tenant_is_known(state, alias) {
        return Err(Refusal::about(90002, alias));
    }
    let client =
        query.option("client_id").ok_or_else(|| Refusal::about(900_144, "client_id"))?.to_owned();
    let found = state.directory.registration(&client, &state.switches.entra);
    let registration = found.ok_or_else(|| Refusal::about(700_016, &client))?;
    if registration.disabled {
        return Err(Refusal::about(7_000_112, &client));
    }
    Ok((client, registration))
}

pub(super) fn way_back(call: &Call, registration: &Registration) -> Result<Back, Refusal> {
    let asked = call.query.option("redirect_uri").ok_or_else(|| Refusal::of(900_971))?;
    if registration.redirect_uris.is_empty() {
        return Err(Refusal::of(500_113));
    }
    let registered = registration.redirect_uris.iter();
    let known = redirect::is_native(asked, &call.origin)
        || registered.into_iter().any(|uri| redirect::matches(uri, asked));
    if !known {
        return Err(Refusal::about(50011, asked));
    }
    let mode = match call.query.option("response_mode") {
        None | Some("query") => ResponseMode::Query,
        Some("fragment") => ResponseMode::Fragment,
        Some("form_post") => ResponseMode::FormPost,
        Some(_) => {
            let text = "The response_mode is not supported.";
            return Err(Refusal::new(400, "invalid_request", 70007, text));
        }
    };
    let state = call.query.option("state").map(without_html);
    Ok(Back { redirect_uri: asked.to_owned(), mode, state })
}

fn audience(alias: &str, registration: &Registration) -> Result<(), Refusal> {
    let shared = ["common", "organizations"].contains(&alias);
    match registration.audience {
        Audience::ThisTenant if shared => Err(Refusal::of(50194)),
        Audience::ThisTenant | Audience::AnyOrganisation if alias == "consumers" => {
            Err(Refusal::of(9_002_332))
        }
        _ => Ok(()),
    }
}

/// Scopes as authorize and devicecode take them: of any number of resources, `.default` alone.
pub(super) fn check_scopes(text: &str, switches: &EntraSwitches) -> Result<Vec<String>, Refusal> {
    let scopes = normal(text);
    if scopes.is_empty() {
        return Err(Refusal::about(900_144, "scope"));
    }
    switches.cloud.check(text, switches.bare_scopes)?;
    let permissions = || scopes.iter().filter(|scope| !OPENID.contains(&scope.as_str()));
    if permissions().any(|scope| is_default(scope)) && permissions().count() > 1 {
        return Err(Refusal::about(70011, ".default scope can't be combined with others"));
    }
    Ok(scopes)
}

fn challenge(query: &Query) -> Result<Option<Challenge>, u32> {
    let Some(challenge) = query.option("code_challenge") else { return Ok(None) };
    if !CHALLENGE_LENGTH.contains(&challenge.len()) {
        return Err(50147);
    }
    match query.option("code_challenge_method") {
        None | Some("plain") => Ok(Some(Challenge::Plain(challenge.to_owned()))),
        Some("S256") => Ok(Some(Challenge::S256(challenge.to_owned()))),
        Some(_) => Err(501_491),
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object())
}

/// Entra strips HTML from `state`. (reference A.2)
fn without_html(state: &str) -> String {
    let mut kept = String::new();
    let mut rest = state;
    while let Some((before, tag)) = rest.split_once('<') {
        kept.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    kept + rest
}
