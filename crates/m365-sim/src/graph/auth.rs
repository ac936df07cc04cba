//! Who asks, for whose mailbox, and whether the token allows it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::call::{Call, Problem};
use crate::entra::Evaluation;
use crate::ids::guid;
use crate::kind::Kind;
use crate::switch::OtherEntries;
use crate::tenant::State;

use super::route::Address;

const GRAPH: &str = "https://graph.microsoft.com";

/// A request whose token is good.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Lower-case address; key of the mailbox.
    pub(crate) mailbox: String,
    pub(crate) user: String,
    /// The path named the mailbox instead of saying `me`.
    pub(crate) by_name: bool,
    client: String,
    scopes: Vec<String>,
}

pub(crate) fn identify(
    state: &State,
    call: &Call,
    address: &Address,
    now: Timestamp,
) -> Result<Session, Problem> {
    let token = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| unauthenticated("Access token is empty."))?;
    let access = state.login.access(token.trim(), now);
    let access =
        access.ok_or_else(|| unauthenticated("Access token has expired or is not yet valid."))?;
    if access.evaluation == Evaluation::Challenged {
        return Err(challenge(now));
    }
    if access.resource != GRAPH {
        return Err(unauthenticated("Access token validation failure. Invalid audience."));
    }
    let mailbox = match &address.user {
        None => access.user.clone(),
        Some(name) => find(state, name)?,
    };
    let session = Session {
        mailbox,
        user: access.user.clone(),
        by_name: address.user.is_some(),
        client: access.client.clone(),
        scopes: access.scopes.clone(),
    };
    session.may_enter(state)?;
    Ok(session)
}

fn find(state: &State, name: &str) -> Result<String, Problem> {
    let wanted = name.to_lowercase();
    let found = state.stores.keys().find(|address| **address == wanted || guid(address) == wanted);
    found.cloned().ok_or_else(|| {
        Problem::new(404, "ErrorInvalidUser", &format!("The requested user '{name}' is invalid."))
    })
}

fn unauthenticated(text: &str) -> Problem {
    let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                     client_id=\"00000003-0000-0000-c000-000000000000\"";
    Problem::new(401, "InvalidAuthenticationToken", text).with("WWW-Authenticate", challenge)
}

/// The token was good, but something about the session has changed since `now`.
pub(crate) fn challenge(now: Timestamp) -> Problem {
    let claims = format!(
        r#"{{"access_token":{{"nbf":{{"essential":true,"value":"{}"}}}}}}"#,
        now.as_second()
    );
    let header = format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
         error=\"insufficient_claims\", claims=\"{}\"",
        STANDARD.encode(claims)
    );
    let text =
        "Continuous access evaluation resulted in challenge with result: InteractionRequired.";
    Problem::new(401, "InvalidAuthenticationToken", text).with("WWW-Authenticate", header)
}

fn denied() -> Problem {
    Problem::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
}

impl Session {
    /// Throttling is counted per app and mailbox.
    pub(crate) fn budget(&self) -> String {
        format!("{} {}", self.client, self.mailbox)
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.mailbox != self.user
    }

    fn may_enter(&self, state: &State) -> Result<(), Problem> {
        let Some(store) = state.stores.get(&self.mailbox) else {
            return Err(Problem::new(
                404,
                "ErrorNonExistentMailbox",
                "The mailbox does not exist.",
            ));
        };
        if !store.enabled {
            let text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
            return Err(Problem::new(404, "MailboxNotEnabledForRESTAPI", text));
        }
        if self.is_shared() && !store.shared_with.contains(&self.user) {
            return Err(denied());
        }
        Ok(())
    }

    /// The delegated scope that this kind of request needs.
    pub(crate) fn may(&self, kind: Kind, others: OtherEntries) -> Result<(), Problem> {
        if kind == Kind::User && self.is_shared() {
            return self.may_see_entry(others);
        }
        let needed: &[&str] = match kind {
            Kind::User => &["User.Read", "Mail.Read", "Mail.ReadWrite", "Mail.Send"],
            Kind::Send | Kind::SendMail => &["Mail.Send"],
            Kind::ListFolders | Kind::FolderDelta | Kind::GetFolder => {
                &["Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite"]
            }
            Kind::ListMessages | Kind::MessageDelta | Kind::GetMessage => {
                &["Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite"]
            }
            Kind::Mime | Kind::ListAttachments | Kind::GetAttachment => {
                &["Mail.Read", "Mail.ReadWrite"]
            }
            _ => &["Mail.ReadWrite"],
        };
        let held = needed.iter().any(|scope| {
            let scope =
                if self.is_shared() { format!("{scope}.Shared") } else { (*scope).to_owned() };
            self.scopes.iter().any(|held| held.eq_ignore_ascii_case(&scope))
        });
        if held { Ok(()) } else { Err(denied()) }
    }

    pub(crate) fn holds(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held.eq_ignore_ascii_case(scope))
    }

    /// The directory is not the mailbox: a right on the one is none on the other.
    fn may_see_entry(&self, others: OtherEntries) -> Result<(), Problem> {
        let holds = |names: &[&str]| self.scopes.iter().any(|held| names.contains(&held.as_str()));
        let enough: &[&str] = match others {
            OtherEntries::Refused => &["User.ReadBasic.All", "User.Read.All"],
            OtherEntries::Shown => &["User.Read", "User.ReadBasic.All", "User.Read.All"],
        };
        if holds(enough) {
            return Ok(());
        }
        let text = "Insufficient privileges to complete the operation.";
        Err(Problem::new(403, "Authorization_RequestDenied", text))
    }
}
