//! What `ping` tells: one line for each step, however far it came.

use std::time::Duration;

use serde::Serialize;

use super::cures;
use crate::auth::EntraError;
use crate::auth::oauth::NoGrant;
use crate::auth::scopes::Ownership;
use crate::http::{Failure, Refusal};
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
    /// What to do about the first thing that failed, or is going to.
    pub(super) advice: Option<String>,
    /// When the sign-in was last renewed, this test included.
    pub(super) last_refresh: Option<String>,
    /// How long it lasts without use from then on; none where nobody can know.
    pub(super) days_left: Option<i64>,
    pub(super) warnings: Vec<String>,
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
    /// By the clock of whoever refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
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
            last_refresh: None,
            days_left: None,
            warnings: Vec::new(),
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

    /// Nothing has failed yet, but a person should know.
    pub(super) fn warn(&mut self, warning: String) {
        self.advice.get_or_insert_with(|| warning.clone());
        self.warnings.push(warning);
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
            let at = trouble.timestamp.as_deref().map(|at| format!(", {at}")).unwrap_or_default();
            let id = trouble.correlation_id.iter();
            lines.extend(id.map(|id| format!("          correlation id {id}{at}")));
            lines.push(format!("          {}", trouble.cure));
        }
        let known = (self.last_refresh.as_deref(), self.days_left);
        lines.push(match known {
            (None, _) => "  no sign-in stored".to_owned(),
            (Some(at), None) => format!("  last refresh {at}; days left: not known"),
            (Some(at), Some(days)) => format!(
                "  last refresh {at}; good for {days} days without use, or less by a policy of the organisation"
            ),
        });
        lines.extend(self.warnings.iter().map(|warning| format!("  warning: {warning}")));
        lines.join("\n")
    }
}

impl Trouble {
    pub(super) fn new(error: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { error: error.into(), cure: cure.into(), ..Self::default() }
    }

    /// A failure of a request to Graph.
    pub(super) fn of_request(failure: Failure, mailbox: Ownership) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::refused(refusal, mailbox),
            Failure::InDoubt { cause, .. } => {
                Self::new(cause, "look into the mailbox before you try again")
            }
            Failure::Fault(fault) if *fault.kind() == Kind::Unreachable => {
                Self::of_network(fault.cause())
            }
            Failure::Fault(fault) => Self::new(
                format!("{}: {}", Verdict::from(&fault).text, fault.cause()),
                cures::of_kind(fault.kind()),
            ),
        }
    }

    fn refused(refusal: Refusal, mailbox: Ownership) -> Self {
        let Refusal { status, code, request_id, date, .. } = refusal.clone();
        let fault = Fault::from(refusal);
        let by_kind = (Verdict::from(&fault).text, cures::of_kind(fault.kind()));
        let (error, cure) = cures::of_code(&code, mailbox).unwrap_or(by_kind);
        Self {
            error: format!("{error} (status {status})"),
            code: some(code),
            correlation_id: some(request_id),
            timestamp: some(date),
            cure: cure.to_owned(),
        }
    }

    fn of_network(cause: &str) -> Self {
        match cures::of_network(cause) {
            Some((error, cure)) => Self::new(format!("{error} ({cause})"), cure),
            None => Self::new(cause, cures::of_kind(&Kind::Unreachable)),
        }
    }

    fn of_entra(error: EntraError, otherwise: cures::Words) -> Self {
        let advice = error.advice().map(|advice| (advice.meaning, advice.cure));
        let (meaning, cure) = advice.unwrap_or(otherwise);
        Self {
            error: format!("{meaning} ({})", error.error),
            code: error.error_codes.first().map(|code| format!("AADSTS{code}")),
            correlation_id: error.correlation_id.map(String::from),
            timestamp: error.timestamp.map(String::from),
            cure: cure.to_owned(),
        }
    }
}

impl From<NoGrant> for Trouble {
    fn from(reason: NoGrant) -> Self {
        let again = "run: footbridge connection sign-in";
        match reason {
            NoGrant::SignIn(error) => {
                Self::of_entra(error, ("Microsoft wants a new sign-in", again))
            }
            NoGrant::Nothing(cause) => Self::new(cause, again),
            NoGrant::Passing { told: Some(error), .. } => {
                let busy = ("Microsoft's sign-in is busy", "try again in a few minutes");
                Self::of_entra(*error, busy)
            }
            NoGrant::Passing { cause, .. } => Self::of_network(&cause),
        }
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
