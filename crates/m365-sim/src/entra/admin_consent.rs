//! An administrator's consent for the whole organisation. (reference A.8)

use jiff::Timestamp;

use crate::call::{Call, Reply};
use crate::tenant::State;

use super::aadsts::{Refusal, Shown, shown};
use super::desk::Factors;
use super::directory::{Role, expanded};
use super::flow::{self, Flow, Purpose};
use super::handle::Stage;
use super::page;
use super::request::{Back, ResponseMode, check_scopes, known_client, way_back};

#[derive(Clone, Debug)]
pub(crate) struct AdminRequest {
    pub(super) alias: String,
    pub(super) client: String,
    pub(super) scopes: Vec<String>,
    /// As they were asked for.
    asked: String,
    back: Back,
}

/// `GET /{tenant}/v2.0/adminconsent`
pub(super) fn start(state: &mut State, call: &Call, alias: &str, now: Timestamp) -> Reply {
    match read(state, call, alias, now) {
        Ok(request) => {
            let purpose = Purpose::AdminConsent(request);
            flow::begin(state, call, Flow { purpose, user: None, factors: Factors::One }, now)
        }
        Err(reply) => *reply,
    }
}

fn read(
    state: &mut State,
    call: &Call,
    alias: &str,
    now: Timestamp,
) -> Result<AdminRequest, Box<Reply>> {
    let show = |refusal: &Refusal| Box::new(page::error(refusal, call, now));
    if alias == "common" || alias == "consumers" {
        return Err(show(&Refusal::of(90130)));
    }
    let (client, registration) =
        known_client(state, &call.query, alias).map_err(|refusal| show(&refusal))?;
    let back = way_back(call, &registration).map_err(|refusal| show(&refusal))?;
    let back = Back { mode: ResponseMode::Query, ..back };
    let asked = call.query.option("scope").unwrap_or_default().to_owned();
    let request = AdminRequest {
        alias: alias.to_owned(),
        client,
        scopes: Vec::new(),
        asked: asked.clone(),
        back,
    };
    if let Some(number) = state.login.failure(Stage::AdminConsent) {
        let mut refusal = Refusal::of(number);
        let Shown::Redirect(error) = shown(number) else { return Err(show(&refusal)) };
        refusal.error = if number == 65001 { "consent_required" } else { error }.into();
        return Err(Box::new(request.refused(&refusal, call, now)));
    }
    let scopes = check_scopes(&asked, &state.switches.entra);
    let scopes = scopes.map_err(|refusal| Box::new(request.refused(&refusal, call, now)))?;
    Ok(AdminRequest { scopes: expanded(&scopes, &registration), ..request })
}

/// The page for an administrator; anybody else is sent away.
pub(super) fn ask(state: &State, id: &str, request: &AdminRequest, user: &str) -> Reply {
    if state.directory.account(user).role != Role::Administrator {
        let description = "AADSTS90094: Only an administrator can grant this.";
        return page::needs_admin(id, user, &request.scopes, description, 90094);
    }
    let registration = state.directory.registration(&request.client, &state.switches.entra);
    page::admin_consent(id, &registration.unwrap_or_default().name, user, &request.scopes)
}

pub(super) fn accepted(state: &mut State, request: &AdminRequest, user: &str) -> Reply {
    if state.directory.account(user).role != Role::Administrator {
        return page::notice("Need admin approval", "Only an administrator can grant this.");
    }
    state.directory.consent(&request.client, None, &request.scopes);
    request.back.with(&[
        ("admin_consent", "True"),
        ("tenant", &state.tenant_id),
        ("scope", &request.asked),
    ])
}

impl AdminRequest {
    pub(super) fn declined(&self, call: &Call, now: Timestamp) -> Reply {
        let refusal = Refusal { error: "access_denied".into(), ..Refusal::of(65004) };
        self.refused(&refusal, call, now)
    }

    /// `admin_consent=True` stands on errors too.
    fn refused(&self, refusal: &Refusal, call: &Call, now: Timestamp) -> Reply {
        let description = refusal.description(call, now);
        self.back.with(&[
            ("admin_consent", "True"),
            ("error", &refusal.error),
            ("error_description", &description),
        ])
    }
}
