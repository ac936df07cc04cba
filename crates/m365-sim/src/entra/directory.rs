//! Who is who in the tenant: people's roles, registered applications, and what has been consented to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scope::{OPENID, admin_only, blocked_for_users, is_default, normal, resource};
use super::switch::{EntraSwitches, UserConsent};

/// `tid` of every personal account. (reference A.6)
pub(crate) const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

#[derive(Default)]
pub(crate) struct Directory {
    /// By lower-case address; who is not here is an ordinary member.
    accounts: BTreeMap<String, Account>,
    registrations: BTreeMap<String, Registration>,
    consents: Vec<Consent>,
    pub(crate) approval_requests: Vec<ApprovalRequest>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) role: Role,
    pub(crate) standing: Standing,
    pub(crate) home: Home,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[default]
    Member,
    /// May consent for the whole organisation.
    Administrator,
}

/// Whether an account may sign in at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    #[default]
    Good,
    /// 50057
    Disabled,
    /// 50053
    Locked,
    /// 50055
    PasswordExpired,
}

/// Whose account it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Home {
    #[default]
    Organisation,
    /// A personal Microsoft account. (reference A.9)
    Personal,
}

/// An application registration, as far as sign-in looks at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    pub name: String,
    /// A port on localhost does not matter.
    pub redirect_uris: Vec<String>,
    pub audience: Audience,
    pub publisher: Publisher,
    pub client_type: ClientType,
    /// What `.default` stands for.
    pub permissions: Vec<String>,
    /// None: everybody may use it. Otherwise the addresses it is assigned to; others get 50105.
    pub assigned: Option<Vec<String>>,
    /// An administrator switched it off: 7000112.
    pub disabled: bool,
}

/// Which accounts an application is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    #[default]
    AnyOrganisationAndPersonal,
    AnyOrganisation,
    /// 50194 on `common` and `organizations`.
    ThisTenant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publisher {
    #[default]
    Unverified,
    Verified,
    /// The application is registered in this very tenant.
    ThisTenant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    #[default]
    Public,
    /// "Allow public client flows" is off: 7000218.
    Confidential,
}

/// What a user without the right to consent asked the administrators for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalRequest {
    pub user: String,
    pub client_id: String,
    pub scopes: Vec<String>,
    pub justification: String,
}

struct Consent {
    client: String,
    /// None: for the whole organisation.
    user: Option<String>,
    scopes: Vec<String>,
}

/// What a sign-in still needs.
pub(crate) enum Decision {
    Granted,
    Ask(Vec<String>),
    /// 90094 or 90095, for these scopes.
    AdministratorsOnly(u32, Vec<String>),
}

/// Whether the consent page is shown although nothing is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    IfMissing,
    Always,
}

impl Default for Registration {
    fn default() -> Self {
        let permissions = ["Mail.ReadWrite", "Mail.Send", "User.Read"];
        Self {
            name: "An application".into(),
            redirect_uris: vec!["http://localhost".into()],
            audience: Audience::default(),
            publisher: Publisher::default(),
            client_type: ClientType::default(),
            permissions: permissions.map(str::to_owned).to_vec(),
            assigned: None,
            disabled: false,
        }
    }
}

impl Directory {
    pub(crate) fn account(&self, user: &str) -> Account {
        self.accounts.get(&user.to_lowercase()).copied().unwrap_or_default()
    }

    pub(crate) fn account_mut(&mut self, user: &str) -> &mut Account {
        self.accounts.entry(user.to_lowercase()).or_default()
    }

    pub(crate) fn register(&mut self, client: &str, registration: Registration) {
        self.registrations.insert(client.to_owned(), registration);
    }

    pub(crate) fn registration(
        &self,
        client: &str,
        switches: &EntraSwitches,
    ) -> Option<Registration> {
        let open = || switches.open_registration.then(Registration::default);
        self.registrations.get(client).cloned().or_else(open)
    }

    /// `user` none: for the whole organisation.
    pub(crate) fn consent(&mut self, client: &str, user: Option<&str>, scopes: &[String]) {
        let user = user.map(str::to_lowercase);
        let scopes = normal(&scopes.join(" "));
        self.consents.push(Consent { client: client.to_owned(), user, scopes });
    }

    /// Every consent to this application is taken back.
    pub(crate) fn withdraw_consent(&mut self, client: &str) {
        self.consents.retain(|consent| consent.client != client);
    }

    /// Everything this user's application may have, once each.
    pub(crate) fn consented(&self, client: &str, user: &str) -> Vec<String> {
        let counts = |consent: &&Consent| {
            consent.client == client
                && consent.user.as_ref().is_none_or(|whose| whose.eq_ignore_ascii_case(user))
        };
        let all = self.consents.iter().filter(counts).flat_map(|consent| &consent.scopes);
        normal(&all.cloned().collect::<Vec<_>>().join(" "))
    }

    /// What stands between this user's application and `wanted`.
    pub(crate) fn decide(
        &self,
        client: &str,
        user: &str,
        wanted: &[String],
        asking: Asking,
        switches: &EntraSwitches,
    ) -> Decision {
        let registration = self.registration(client, switches).unwrap_or_default();
        let wanted = expanded(wanted, &registration);
        let held = self.consented(client, user);
        let is_held = |scope: &String| {
            let plain = OPENID.contains(&scope.as_str()) && !held.is_empty();
            plain || held.iter().any(|held| held.eq_ignore_ascii_case(scope))
        };
        let missing: Vec<String> = match asking {
            Asking::IfMissing => wanted.into_iter().filter(|scope| !is_held(scope)).collect(),
            Asking::Always => wanted,
        };
        if missing.is_empty() {
            return Decision::Granted;
        }
        let account = self.account(user);
        let free = account.home == Home::Personal || account.role == Role::Administrator;
        if free || missing.iter().all(|scope| user_may(scope, &registration, switches)) {
            return Decision::Ask(missing);
        }
        let number = if switches.approval_workflow { 90095 } else { 90094 };
        Decision::AdministratorsOnly(number, missing)
    }
}

/// The consent policies of reference A.8.
fn user_may(scope: &str, registration: &Registration, switches: &EntraSwitches) -> bool {
    let is_low = || switches.low_permissions.iter().any(|low| low.eq_ignore_ascii_case(scope));
    match switches.user_consent {
        UserConsent::Legacy => !admin_only(scope),
        UserConsent::Low => registration.publisher != Publisher::Unverified && is_low(),
        UserConsent::Recommended => !admin_only(scope) && !blocked_for_users(scope),
        UserConsent::Off => false,
    }
}

/// `.default` becomes what the registration lists for that resource.
pub(crate) fn expanded(wanted: &[String], registration: &Registration) -> Vec<String> {
    let each = wanted.iter().flat_map(|scope| {
        if !is_default(scope) {
            return vec![scope.clone()];
        }
        let same = |name: &&String| resource(name) == resource(scope);
        registration.permissions.iter().filter(same).cloned().collect()
    });
    normal(&each.collect::<Vec<_>>().join(" "))
}
