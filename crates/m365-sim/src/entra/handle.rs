//! What an administrator, or a bad day, does to sign-in: [`Tenant::entra`](crate::Tenant::entra).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::tenant::Tenant;

use super::aadsts;
use super::directory::{ApprovalRequest, Home, Registration, Role, Standing};
use super::scope::normal;

/// Which request a scripted failure meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Authorize,
    /// Codes, device codes and refresh tokens alike.
    Token,
    /// The request for a device code; what a polling device meets is `Token`.
    Device,
    AdminConsent,
}

/// The administrator's side of sign-in.
#[derive(Clone)]
pub struct Entra(Tenant);

/// One deed as JSON, `{"verb": "fail", "stage": "token", "code": 50173}`, for `POST /sim/entra`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum EntraDeed {
    Fail {
        stage: Stage,
        code: u32,
    },
    Role {
        role: Role,
    },
    Standing {
        standing: Standing,
    },
    Home {
        home: Home,
    },
    Register {
        client_id: String,
        registration: Registration,
    },
    /// For the user of the request, or for everybody.
    Consent {
        client_id: String,
        scope: String,
        #[serde(default)]
        everyone: bool,
    },
    WithdrawConsent {
        client_id: String,
    },
    Challenge,
}

impl Entra {
    pub(crate) fn new(tenant: Tenant) -> Self {
        Self(tenant)
    }

    /// The next request at this stage fails with this AADSTS number, as the table of reference A.7 has it. Failures of
    /// one stage queue up.
    pub fn fail(&self, stage: Stage, code: u32) {
        self.0.state().login.failures.push((stage, code));
    }

    /// Every number that [`Entra::fail`] has words for.
    pub fn codes() -> Vec<u32> {
        aadsts::numbers().collect()
    }

    /// The number's failure at the authorize endpoint never reaches the application.
    pub fn stays_in_the_browser(code: u32) -> bool {
        aadsts::shown(code) == aadsts::Shown::Page
    }

    pub fn set_role(&self, user: &str, role: Role) {
        self.0.state().directory.account_mut(user).role = role;
    }

    pub fn set_standing(&self, user: &str, standing: Standing) {
        self.0.state().directory.account_mut(user).standing = standing;
    }

    pub fn set_home(&self, user: &str, home: Home) {
        self.0.state().directory.account_mut(user).home = home;
    }

    /// Registers an application, or changes its registration.
    pub fn register(&self, client: &str, registration: Registration) {
        self.0.state().directory.register(client, registration);
    }

    /// As if this user had consented; scopes are separated by spaces.
    pub fn consent(&self, client: &str, user: &str, scopes: &str) {
        self.0.state().directory.consent(client, Some(user), &normal(scopes));
    }

    /// As if an administrator had consented for everybody.
    pub fn consent_for_organisation(&self, client: &str, scopes: &str) {
        self.0.state().directory.consent(client, None, &normal(scopes));
    }

    /// Everything granted to this application is taken back: 65001 at the next refresh.
    pub fn withdraw_consent(&self, client: &str) {
        self.0.state().directory.withdraw_consent(client);
    }

    /// What everybody and this user have granted to this application.
    pub fn consented(&self, client: &str, user: &str) -> Vec<String> {
        self.0.state().directory.consented(client, user)
    }

    pub fn approval_requests(&self) -> Vec<ApprovalRequest> {
        self.0.state().directory.approval_requests.clone()
    }

    /// Graph answers this user's next requests with a claims challenge, if their client said `cp1`.
    pub fn challenge(&self, user: &str) {
        self.0.state().login.challenge(user);
    }

    /// Every browser forgets who is signed in.
    pub fn forget_sessions(&self) {
        self.0.state().login.sessions.clear();
    }

    /// User codes of devices that wait for their person.
    pub fn waiting_user_codes(&self) -> Vec<String> {
        let state = self.0.state();
        let waiting = state.login.devices.values().filter(|device| device.is_pending());
        waiting.map(|device| device.user_code.clone()).collect()
    }

    /// The refresh token that this user's application was given last.
    pub fn newest_refresh_token(&self, user: &str) -> Option<String> {
        self.0.state().login.newest.get(&user.to_lowercase()).cloned()
    }

    /// Every token, code and PKCE verifier that is good or passed through: what no log may hold.
    pub fn secrets(&self) -> Vec<String> {
        let state = self.0.state();
        let desk = &state.login;
        let tokens = desk.refresh.keys().chain(desk.access.keys());
        let codes = desk.codes.keys().chain(desk.devices.keys());
        let mut all: BTreeSet<String> = tokens.chain(codes).cloned().collect();
        all.extend(desk.passed.iter().cloned());
        all.into_iter().collect()
    }

    /// The tenant's id, as in `tid` of its people's tokens.
    pub fn tenant_id(&self) -> String {
        self.0.state().tenant_id.clone()
    }

    pub(crate) fn perform(&self, user: &str, deed: EntraDeed) {
        match deed {
            EntraDeed::Fail { stage, code } => self.fail(stage, code),
            EntraDeed::Role { role } => self.set_role(user, role),
            EntraDeed::Standing { standing } => self.set_standing(user, standing),
            EntraDeed::Home { home } => self.set_home(user, home),
            EntraDeed::Register { client_id, registration } => {
                self.register(&client_id, registration);
            }
            EntraDeed::Consent { client_id, scope, everyone: true } => {
                self.consent_for_organisation(&client_id, &scope);
            }
            EntraDeed::Consent { client_id, scope, everyone: false } => {
                self.consent(&client_id, user, &scope);
            }
            EntraDeed::WithdrawConsent { client_id } => self.withdraw_consent(&client_id),
            EntraDeed::Challenge => self.challenge(user),
        }
    }
}
