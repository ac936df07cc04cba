//! Telling a client's own copy of a message it has just sent from a new message.
//!
//! The service files a sent copy by itself; a client that then appends its own would see two
//! (reference B.8).

use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use super::Submitter;
use super::compose::message_id;
use super::header::Header;
use super::parcel::{broken, digest};
use crate::account::Account;
use crate::account::sync::Need;
use crate::backend::Urgency;
use crate::mailbox::{Fault, Folder, Outcome, RemoteId, Spooled, Uid};
use crate::store::{Attempt, Digest, Stage, Unclaimed};

/// Looks for the sent copy: the service files it a moment after it has taken the message.
const LOOKS: u32 = 4;
/// Seconds after the submission in which a client files its own copy. Most do so at once; who does not
/// do it at all may edit the message later, and that must not be taken for the copy.
const CLAIM_WITHIN: i64 = 10 * 60;
/// Between two looks; it grows with each.
const PAUSE: Duration = Duration::from_secs(1);

impl Account {
    /// The service's copy of a message that a client files in the Sent folder, if it was sent from
    /// here. After `None` the message is filed as any other.
    ///
    /// Only the first message with that Message-ID, if it comes soon, is taken for the copy, and the
    /// same bytes again: what comes later with other bytes was edited, and is nowhere else.
    pub(in crate::account) async fn sent_copy(
        &self,
        folder: &Folder,
        message: &Spooled,
    ) -> Outcome<Option<Uid>> {
        let Some((message_id, bytes)) = identity(message.clone()).await? else { return Ok(None) };
        let Some(sent) = self.0.submitter.last_sent(&message_id).await? else { return Ok(None) };
        for look in 1..=LOOKS {
            let copies = self.0.submitter.copies(&sent).await?;
            let found = self.0.store.by_remote(folder.id, &copies).await?;
            if let Some(row) = found.into_iter().flatten().next() {
                let Some(uid) = self.still_there(folder, &row.remote).await? else {
                    return Ok(None);
                };
                let waited = self.0.clock.now().0.saturating_sub(sent.begun.0);
                let unclaimed = match waited <= CLAIM_WITHIN {
                    true => Unclaimed::Free,
                    false => Unclaimed::Kept,
                };
                let is_copy = self.0.store.claim_sent_copy(&sent.id, bytes, unclaimed).await?;
                tracing::debug!(submission.id = %sent.id, is_copy, "a client files what it has sent");
                return Ok(is_copy.then_some(uid));
            }
            if look < LOOKS {
                self.0.clock.back_off(PAUSE * (look - 1)).await;
                self.refresh(folder, Need::Now, Urgency::Interactive).await?;
            }
        }
        Ok(None)
    }
}

impl Submitter {
    pub(super) async fn last_sent(&self, message_id: &str) -> Outcome<Option<Attempt>> {
        let attempts = self.store.attempts_named(message_id).await?;
        Ok(attempts.into_iter().find(|attempt| attempt.stage.is_sent()))
    }

    /// By what ids the sent copy may go: the draft's, which should last, and what a search finds.
    async fn copies(&self, sent: &Attempt) -> Outcome<Vec<RemoteId>> {
        let Stage::Sent { copy, .. } = &sent.stage else { return Ok(Vec::new()) };
        let mut copies = vec![copy.clone()];
        copies.extend(self.sent_copy_of(sent).await?);
        Ok(copies)
    }
}

/// The Message-ID and the digest of all bytes; `None` without a Message-ID.
async fn identity(message: Spooled) -> Outcome<Option<(String, Digest)>> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut file = File::open(&message.path).map_err(broken)?;
        // A header that cannot be sent can still be filed.
        let header = Header::read(BufReader::new(&file)).ok();
        let message_id = header.as_ref().and_then(message_id);
        message_id.map(|id| Ok((id, digest(&mut file)?))).transpose()
    });
    reading.await.map_err(|_| Fault::defect("reading a message broke off"))?
}
