//! What a tenant's administrator has decided about signing in.

use serde::{Deserialize, Serialize};

use super::instance::{BareScopes, CloudInstance};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntraSwitches {
    /// Which cloud the tenant lives in: what its scopes are named after, and its issuer. Default `global`.
    pub cloud: CloudInstance,
    /// What a permission without a resource means in a national cloud. Default: that cloud's Graph.
    pub bare_scopes: BareScopes,
    /// What `/me` shows as `mail` of a personal account. Default: nothing.
    pub personal_mail: PersonalMail,
    /// What users may grant by themselves. Default `recommended`, as in every new tenant: no reading of mail.
    pub user_consent: UserConsent,
    /// Under `low`: the permissions that are classified low.
    pub low_permissions: Vec<String>,
    /// Users may send a request for approval: 90095 instead of 90094. Default false.
    pub approval_workflow: bool,
    /// Default off.
    pub conditional_access: ConditionalAccess,
    /// Conditional Access forbids the device code flow: 53003. Default false.
    pub block_device_code: bool,
    /// Hours after a sign-in when a refresh is answered with AADSTS70043. Default none.
    pub sign_in_frequency_hours: Option<u64>,
    /// Client ids that nobody registered are treated as [`Registration::default`](crate::Registration). Default true.
    pub open_registration: bool,
    /// Life of an authorization code in seconds. Default 600.
    pub code_seconds: u64,
    /// Life of a device code in seconds. Default 900.
    pub device_code_seconds: u64,
    /// What a device may poll at, in seconds. Default 5.
    pub device_interval_seconds: u64,
    /// What `User.Read` alone shows of other people's entries in the directory. Default nothing.
    pub other_entries: OtherEntries,
    /// Polling faster than that is answered with `slow_down`. Default false: Microsoft documents none.
    pub slow_down: bool,
}

/// The user consent policy of a tenant. (reference A.8)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserConsent {
    /// Anything that is not for administrators only.
    Legacy,
    /// Only verified publishers or the tenant's own applications, and only permissions classified low.
    Low,
    /// Anything but mail and mailbox permissions.
    #[default]
    Recommended,
    /// Nothing.
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalMail {
    /// `null`: the address stands in `userPrincipalName` only.
    #[default]
    Missing,
    Shown,
}

/// Which policy a sign-in meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionalAccess {
    #[default]
    Off,
    /// 53003 at every sign-in and refresh.
    Block,
    /// A second factor at the sign-in.
    Mfa,
    /// As `Mfa`; a refresh of a sign-in without it is 50076 with claims, and a sign-in with those claims asks for it.
    MfaAtRefresh,
    /// 53000 at every sign-in and refresh.
    CompliantDevice,
}

/// `GET /users/{someone else}` with `User.Read`, where their mailbox is shared with the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherEntries {
    /// 403 Authorization_RequestDenied
    #[default]
    Refused,
    Shown,
}

impl Default for EntraSwitches {
    fn default() -> Self {
        let low = ["openid", "profile", "email", "offline_access", "User.Read"];
        Self {
            cloud: CloudInstance::default(),
            bare_scopes: BareScopes::default(),
            personal_mail: PersonalMail::default(),
            user_consent: UserConsent::default(),
            low_permissions: low.map(str::to_owned).to_vec(),
            approval_workflow: false,
            conditional_access: ConditionalAccess::default(),
            block_device_code: false,
            sign_in_frequency_hours: None,
            open_registration: true,
            code_seconds: 600,
            device_code_seconds: 900,
            device_interval_seconds: 5,
            other_entries: OtherEntries::default(),
            slow_down: false,
        }
    }
}
