//! Sending (reference B.8): a draft with exactly the message's bytes, then `send`.
//!
//! Sending is not idempotent, and 202 only means "accepted". So a send in doubt is never repeated
//! before the draft was looked at, twice, with time for the service to settle in between.

use std::time::Duration;

use super::Graph;
use super::batch;
use super::mime::Mime;
use super::model::{Collection, Message, User};
use super::path::{encode, literal};
use super::property::{MESSAGE_FLAGS, expand_property, select};
use crate::backend::{Trace, Urgency};
use crate::http::{Failure, Patience, Request};
use crate::mailbox::{Address, Fault, Kind, Outcome, RemoteId, Spooled, Timestamp};

/// Looks at a draft that may be on its way, with these pauses before each: the service takes it
/// out of Drafts some time after it accepted it.
const LOOKS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];

impl Graph {
    pub(super) async fn stage_draft(&self, message: &Spooled) -> Outcome<RemoteId> {
        let patience = self.http.patience(Urgency::Interactive);
        let mime = Mime::read(message).await?;
        Ok(self.create_draft(&mime, patience).await?.remote_id())
    }

    pub(super) async fn send_draft(&self, staged: &RemoteId) -> Outcome<()> {
        let patience = self.http.patience(Urgency::Interactive);
        let path = format!("{}/send", self.prefix.message(staged));
        let request = Request::post("POST message send", path).expect(&[202]);
        let mut doubted = false;
        for retry in 0.. {
            match self.http.done(&request, patience).await {
                Ok(()) => return Ok(()),
                Err(Failure::InDoubt { cause, .. }) => {
                    doubted = true;
                    let doubt =
                        |fault: Fault| Fault::from(Kind::InDoubt).because(fault).because(&cause);
                    if self.has_left(staged, patience).await.map_err(doubt)? {
                        return Ok(());
                    }
                    if !self.http.pause(retry, patience).await {
                        break;
                    }
                }
                Err(failure) => {
                    let fault = Fault::from(failure);
                    // The first send was done after all, and took the draft away.
                    let missing = *fault.kind() == Kind::NoSuchMessage;
                    if doubted && missing {
                        return Ok(());
                    }
                    return Err(if missing {
                        self.really_gone(staged, fault, patience).await
                    } else {
                        fault
                    });
                }
            }
        }
        Err(Fault::from(Kind::Unreachable).because("the message is still a draft"))
    }

    /// One attempt: without the right to read nobody can look what became of it.
    pub(super) async fn send_mime(&self, message: &Spooled) -> Outcome<()> {
        let patience = self.http.patience(Urgency::Interactive);
        let mime = Mime::read(message).await?;
        let path = format!("{}/sendMail", self.prefix.as_str());
        let request = Request::post("POST sendMail", path).expect(&[202]).text(mime.base64());
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
    async fn has_left(&self, staged: &RemoteId, patience: Patience) -> Outcome<bool> {
        let expand = expand_property(MESSAGE_FLAGS);
        let path = format!("{}?{}&{expand}", self.prefix.message(staged), select());
        let request = Request::get("GET message", path);
        for pause in LOOKS {
            if !self.http.settle(pause, patience).await {
                return Err(Fault::from(Kind::Unreachable).because("no time left to look"));
            }
            let found: Result<Message, Failure> = self.http.json(&request, patience).await;
            match found.map_err(Fault::from) {
                Ok(message) if message.is_draft == Some(true) && !is_submitted(&message) => {}
                Ok(_) => return Ok(true),
                Err(fault) if *fault.kind() == Kind::NoSuchMessage => return Ok(true),
                Err(fault) => return Err(fault),
            }
        }
        Ok(false)
    }

    pub(super) async fn find_submitted(
        &self,
        message_id: &str,
        since: Timestamp,
    ) -> Outcome<Option<Trace>> {
        let patience = self.http.patience(Urgency::Interactive);
        let filter = encode(&format!("internetMessageId eq {}", literal(message_id)));
        let step = |folder: &str| {
            let folder = self.prefix.folder(folder);
            let query = format!("$filter={filter}&{}&$top=50", select());
            Request::get("GET messages", format!("{folder}/messages?{query}"))
        };
        let steps = [step("sentitems"), step("drafts")];
        let answers = self.batch(&steps, patience).await;
        let since = self.new_since(since);
        let is_new = |message: &Message| message.created().is_none_or(|created| created >= since);
        let mut newest = Vec::with_capacity(steps.len());
        for answer in answers {
            let found: Collection<Message> = batch::read(answer)?;
            newest.push(found.value.into_iter().filter(is_new).max_by_key(Message::created));
        }
        let draft = newest.pop().flatten().map(|message| Trace::Draft(message.remote_id()));
        let sent = newest.pop().flatten().map(|message| Trace::Sent(message.remote_id()));
        Ok(sent.or(draft))
    }

    /// The mailbox's own address, then its sign-in name where that is another address. Whose mailbox
    /// is shared may keep their entry in the directory to themselves: then the address is all there is.
    pub(super) async fn own_addresses(&self) -> Outcome<Vec<Address>> {
        let patience = self.http.patience(Urgency::Interactive);
        let path = format!("{}?$select=mail,userPrincipalName", self.prefix.as_str());
        let answer = self.http.json(&Request::get("GET user", path), patience).await;
        let user: User = match (answer.map_err(Fault::from), &self.shared) {
            (Err(fault), Some(own)) if *fault.kind() == Kind::Denied => {
                tracing::debug!(%fault, "the shared mailbox's other addresses are not told");
                return Ok(vec![own.clone()]);
            }
            (answer, _) => answer?,
        };
        let mut addresses: Vec<Address> = Vec::new();
        for text in [user.mail, user.user_principal_name].into_iter().flatten() {
            if let Some(address) = Address::new(&text)
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

/// Bit 4 of PidTagMessageFlags: handed over for sending, though still in Drafts (reference B.5).
fn is_submitted(message: &Message) -> bool {
    const SUBMIT: u32 = 4;
    let flags = message.property(MESSAGE_FLAGS).and_then(|flags| flags.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & SUBMIT != 0)
}
