//! Adding to a draft what its message is too large for (reference B.9): attachments, one after the other.

use serde_json::json;

use super::Graph;
use super::attach::{Added, Entry};
use super::described::Attached;
use crate::backend::Urgency;
use crate::http::{Failure, Request};
use crate::mailbox::{Fault, Kind, Leaf, Outcome, RemoteId, Spooled};

/// Octets that the service may count beside an attachment's content: it stores properties with it.
const OVERHEAD: u64 = 64 * 1024;

impl Graph {
    /// Whatever fails leaves the draft to be thrown away: a request that is still at work on it then adds
    /// to nothing.
    pub(super) async fn complete_draft(
        &self,
        draft: &RemoteId,
        message: &Spooled,
        parts: &[Leaf],
    ) -> Outcome<()> {
        // What a part of the message is in the service's eyes cannot be told from here.
        let mut there = self.attachments_of(draft).await?;
        let mut doubted = false;
        for leaf in parts {
            let attached = Attached::of(leaf)?;
            let size = self.size_of(&message.path, &attached).await?;
            let what = (&attached, size, there.len());
            doubted |= self.attach(draft, &message.path, what).await? == Added::Found;
            there.push(Entry { name: Some(attached.name), size: Some(size) });
        }
        if doubted {
            self.verify(draft, &there).await?;
        }
        Ok(())
    }

    /// For the whole message: the service knows no recipients that differ in that (reference B.2).
    pub(super) async fn want_receipt(&self, draft: &RemoteId) -> Outcome<()> {
        let patience = self.http.patience(Urgency::Interactive);
        let wish = json!({ "isDeliveryReceiptRequested": true });
        let request = Request::patch("PATCH message", self.prefix.message(draft)).json(&wish);
        match self.http.done(&request, patience).await {
            Err(Failure::Refused(refusal)) if refusal.status == 400 => {
                tracing::debug!(status = refusal.status, "a delivery receipt cannot be asked for");
                Ok(())
            }
            done => Ok(done?),
        }
    }

    /// What was found by counting is compared in full before anything is sent.
    async fn verify(&self, draft: &RemoteId, expected: &[Entry]) -> Outcome<()> {
        let mut found = self.attachments_of(draft).await?;
        for wanted in expected {
            if let Some(at) = found.iter().position(|entry| is_same(entry, wanted)) {
                found.swap_remove(at);
            } else {
                return Err(unlike("an attachment is missing"));
            }
        }
        match found.is_empty() {
            true => Ok(()),
            false => Err(unlike("an attachment too many")),
        }
    }
}

/// The service may count more than the content, never less.
fn is_same(found: &Entry, wanted: &Entry) -> bool {
    let told = found.size.unwrap_or_default();
    let size = wanted.size.unwrap_or_default();
    found.name == wanted.name && told >= size && told - size <= OVERHEAD
}

fn unlike(cause: &str) -> Fault {
    Fault::from(Kind::InDoubt).because(cause)
}
