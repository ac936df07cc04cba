//! What `ping` tells: one line for each step, however far it came.

use std::time::Duration;

use serde::Serialize;

use crate::auth::oauth::NoGrant;
use crate::http::Failure;
use crate::mailbox::{Fault, Kind};
use crate::verdict::Verdict;

/// From the outside in: a step is not tried when the one before it failed, unless it stands alone.
pub(super) const STEPS: [&str; 6] = ["token", "scopes", "mailbox", "folder", "send", "local"];

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) address: String,
    pub(super) user: String,
    pub(super) ok: bool,
    pub(super) steps: Vec<Step>,
    /// What to do about the first thing that failed.
    pub(super) advice: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) step: &'static str,
    /// `None`: not reached.
    pub(super) ok: Option<bool>,
    pub(super) ms: Option<u64>,
    #[serde(flatten)]
    pub(super) trouble: Option<Trouble>,
}

/// Why a step failed, in plain words.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Trouble {
    pub(super) error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation_id: Option<String>,
    pub(super) cure: String,
}

impl Report {
    pub(super) fn new(address: &str, user: &str) -> Self {
        let steps = STEPS.map(|step| Step { step, ok: None, ms: None, trouble: None });
        Self {
            address: address.to_owned(),
            user: user.to_owned(),
            ok: true,
            steps: steps.into(),
            advice: None,
        }
    }

    /// Writes a step down; answers whether it went well.
    pub(super) fn set(
        &mut self,
        step: &'static str,
        took: Duration,
        outcome: Result<(), Trouble>,
    ) -> bool {
        let ok = outcome.is_ok();
        let trouble = outcome.err();
        self.ok &= ok;
        if self.advice.is_none() {
            self.advice = trouble.as_ref().map(|trouble| trouble.cure.clone());
        }
        if let Some(line) = self.steps.iter_mut().find(|line| line.step == step) {
            let ms = u64::try_from(took.as_millis()).ok();
            *line = Step { step, ok: Some(ok), ms, trouble };
        }
        ok
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("{}: {}", self.user, if self.ok { "ok" } else { "NOT OK" })];
        for step in &self.steps {
            let word = match step.ok {
                Some(true) => "ok",
                Some(false) => "FAILED",
                None => "not reached",
            };
            let ms = step.ms.map(|ms| format!("  {ms} ms")).unwrap_or_default();
            lines.push(format!("  {:8}{word}{ms}", step.step));
            let Some(trouble) = &step.trouble else { continue };
            let code = trouble.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
            lines.push(format!("          {}{code}", trouble.error));
            lines.extend(
                trouble.correlation_id.iter().map(|id| format!("          correlation id {id}")),
            );
            lines.push(format!("          {}", trouble.cure));
        }
        lines.join("\n")
    }
}

impl Trouble {
    pub(super) fn new(error: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { error: error.into(), cure: cure.into(), ..Self::default() }
    }

    /// A failure of a request to Graph.
    pub(super) fn of_request(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => {
                let (code, id) = (refusal.code.clone(), refusal.request_id.clone());
                let status = refusal.status;
                let fault = Fault::from(refusal);
                let error = format!("{} (status {status})", Verdict::from(&fault).text);
                Self {
                    error,
                    code: Some(code).filter(|code| !code.is_empty()),
                    correlation_id: Some(id).filter(|id| !id.is_empty()),
                    cure: cure(fault.kind()).to_owned(),
                }
            }
            Failure::InDoubt { cause, .. } => {
                Self::new(cause, "look into the mailbox before you try again")
            }
            Failure::Fault(fault) => Self::new(
                format!("{}: {}", Verdict::from(&fault).text, fault.cause()),
                cure(fault.kind()),
            ),
        }
    }
}

impl From<NoGrant> for Trouble {
    fn from(reason: NoGrant) -> Self {
        let NoGrant::SignIn(error) = reason else {
            return match reason {
                NoGrant::Nothing(cause) => Self::new(cause, "run: footbridge connection sign-in"),
                other => Self::new(other.to_string(), "check the network and try again"),
            };
        };
        let code = error.error_codes.first().map(|code| format!("AADSTS{code}"));
        let (meaning, cure) = match error.advice() {
            Some(advice) => (advice.meaning, advice.cure),
            None => ("Microsoft wants a new sign-in", "run: footbridge connection sign-in"),
        };
        Self {
            error: format!("{meaning} ({})", error.error),
            code,
            correlation_id: error.correlation_id,
            cure: cure.to_owned(),
        }
    }
}

fn cure(kind: &Kind) -> &'static str {
    match kind {
        Kind::Denied => {
            "check that the permission was granted, that the account has a right on the mailbox, and \
             that no application access policy excludes it"
        }
        Kind::NoSuchFolder | Kind::NoSuchMessage | Kind::NotSupported => {
            "check that the account has an Exchange Online mailbox, and its licence"
        }
        Kind::SenderRefused => "ask an administrator for the right to send as this mailbox",
        Kind::SignInNeeded => "run: footbridge connection sign-in",
        Kind::Throttled { .. } => "wait some minutes",
        Kind::Unreachable => "check network, proxy and firewall",
        _ => "try again; report it if it stays",
    }
}
