//! Sending (reference B.8): a draft with exactly the message's bytes, then `send`.
//!
//! Sending is not idempotent, and 202 only means "accepted". So a send in doubt is never repeated
//! before the draft was looked at, twice, with time for the service to settle in between.

use std::time::Duration;

use super::Graph;
use super::append::refused;
use super::batch::{self, StepResult};
use super::message::iso;
use super::message_ids;
use super::mime::encoded;
use super::model::{Collection, Message};
use super::path::encode;
use super::property::{MESSAGE_FLAGS, expand_property, select};
use crate::backend::{Staged, Traced, Traces, Urgency};
use crate::http::{Failure, Patience, Request};
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, Spooled, Timestamp};

/// Looks at a draft that may be on its way, with these pauses before each: the service takes it
/// out of Drafts some time after it accepted it.
const LOOKS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];

impl Graph {
    pub(super) async fn stage_draft(&self, message: &Spooled) -> Outcome<Staged> {
        let patience = self.http.patience(Urgency::Interactive);
        let (size, body) = encoded(message).await?;
        let request = Request::post("POST message MIME", self.prefix.messages()).text(body);
        match self.http.json::<Message>(&request, patience).await {
            Ok(draft) => {
                self.doubts.note_made(draft.remote_id());
                Ok(Staged::Draft(draft.remote_id()))
            }
            Err(Failure::InDoubt { status: Some(200..300), .. }) => Ok(Staged::Unnamed),
            Err(failure) => Err(refused(failure, size)),
        }
    }

    pub(super) async fn send_draft(&self, staged: &RemoteId) -> Outcome<()> {
        let patience = self.http.patience(Urgency::Interactive);
        let path = format!("{}/send", self.prefix.message(staged));
        let request = Request::post("POST message send", path).expect(&[202]);
        let mut doubt: Option<String> = None;
        for retry in 0.. {
            match self.http.done(&request, patience).await {
                Ok(()) => return Ok(()),
                Err(Failure::InDoubt { cause, .. }) => {
                    if self
                        .has_left(staged, patience)
                        .await
                        .map_err(|fault| in_doubt(&fault, &cause))?
                    {
                        return Ok(());
                    }
                    doubt = Some(cause);
                    if !self.http.pause(retry, patience).await {
                        break;
                    }
                }
                // The first one may be why this one is refused.
                Err(failure) if let Some(cause) = &doubt => {
                    return Err(in_doubt(&failure.into(), cause));
                }
                Err(failure) => {
                    let fault = Fault::from(failure);
                    return Err(match fault.kind() {
                        Kind::NoSuchMessage => self.really_gone(staged, fault, patience).await,
                        _ => fault,
                    });
                }
            }
        }
        Err(Fault::from(Kind::Unreachable).because("the message is still a draft"))
    }

    /// One attempt: without the right to read nobody can look what became of it.
    pub(super) async fn send_mime(&self, message: &Spooled) -> Outcome<()> {
        let patience = self.http.patience(Urgency::Interactive);
        let (_, body) = encoded(message).await?;
        let path = format!("{}/sendMail", self.prefix.as_str());
        let request = Request::post("POST sendMail", path).expect(&[202]).text(body);
        Ok(self.http.done(&request, patience).await?)
    }

    /// "Not found" is believed after a look: the draft would stay behind, and be found by no one.
    async fn really_gone(&self, staged: &RemoteId, fault: Fault, patience: Patience) -> Fault {
        let looks = self.look_up_all(std::slice::from_ref(staged), patience).await;
        match looks.into_iter().next() {
            Some(Ok(_)) => Fault::from(Kind::Conflict).because("not found, and yet there"),
            _ => fault,
        }
    }

    /// Whether a draft is a draft no more, or on its way out.
    ///
    /// # Errors
    /// If it is gone: it was sent, or someone removed it. Its Message-ID tells.
    async fn has_left(&self, staged: &RemoteId, patience: Patience) -> Outcome<bool> {
        let request = self.state_of_draft(staged);
        for pause in LOOKS {
            if !self.http.settle(pause, patience).await {
                return Err(Fault::from(Kind::Unreachable).because("no time left to look"));
            }
            let found: Result<Message, Failure> = self.http.json(&request, patience).await;
            match found.map_err(Fault::from) {
                Ok(message) if message.is_draft == Some(true) && !is_submitted(&message) => {}
                Ok(_) => return Ok(true),
                Err(fault) => return Err(fault),
            }
        }
        Ok(false)
    }

    pub(super) fn state_of_draft(&self, staged: &RemoteId) -> Request {
        let expand = expand_property(MESSAGE_FLAGS);
        let path = format!("{}?{}&{expand}", self.prefix.message(staged), select());
        Request::get("GET message", path)
    }

    pub(super) async fn find_submitted(
        &self,
        message_id: &str,
        since: Timestamp,
    ) -> Outcome<Traces> {
        // Whoever sends all mail under one Message-ID has many of them: only the new ones are asked for.
        let from = iso(self.new_since(since));
        let named = message_ids::named(message_id);
        let new = self.find_both(&format!("createdDateTime ge {from} and {named}"), since).await;
        match new {
            // "Too complex" (reference B.4).
            Err(Failure::Refused(refusal)) if refusal.status == 400 => {
                Ok(self.find_both(&named, since).await?)
            }
            found => Ok(found?),
        }
    }

    async fn find_both(&self, filter: &str, since: Timestamp) -> Result<Traces, Failure> {
        let patience = self.http.patience(Urgency::Interactive);
        let query = format!("$filter={}&{}&$top=1000", encode(filter), select());
        let step = |folder: &str| {
            let path = format!("{}/messages?{query}", self.prefix.folder(folder));
            Request::get("GET messages", path)
        };
        let mut answers = self.batch(&[step("sentitems"), step("drafts")], patience).await;
        let drafts = answers.pop().unwrap_or_else(no_answer);
        let sent = answers.pop().unwrap_or_else(no_answer);
        let (sent, drafts) =
            (self.whole(sent, patience).await?, self.whole(drafts, patience).await?);
        let traced = |message: Message| {
            let created = message.created().map_or(since, |created| self.http.our_time(created));
            Traced { id: message.remote_id(), created }
        };
        let traced = |found: Vec<Message>| found.into_iter().map(traced).collect();
        Ok(Traces { drafts: traced(drafts), sent: traced(sent) })
    }

    /// A list whose first page was a step of a batch: what is not seen here would be sent again.
    async fn whole(&self, first: StepResult, patience: Patience) -> Result<Vec<Message>, Failure> {
        let page: Collection<Message> = batch::read(first)?;
        let mut found = page.value;
        if let Some(link) = page.next {
            let rest = self.whole_list(Request::follow("GET messages", link), patience);
            found.extend(rest.await.map_err(Failure::Fault)?);
        }
        Ok(found)
    }
}

fn no_answer() -> StepResult {
    Err(Fault::defect("no answer").into())
}

fn in_doubt(fault: &Fault, cause: &str) -> Fault {
    Fault::from(Kind::InDoubt).because(fault).because(cause)
}

/// Bit 4 of PidTagMessageFlags: handed over for sending, though still in Drafts (reference B.5).
pub(super) fn is_submitted(message: &Message) -> bool {
    const SUBMIT: u32 = 4;
    let flags = message.property(MESSAGE_FLAGS).and_then(|flags| flags.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & SUBMIT != 0)
}
