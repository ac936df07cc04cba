//! Who may stand in MAIL FROM.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Submitter;
use crate::clock::Instant;
use crate::mailbox::{Address, Envelope, Fault, Kind, Outcome};

/// How long the mailbox's addresses are believed. They change when an administrator changes them.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// The mailbox's addresses as last told by the service.
#[derive(Debug, Default)]
pub(super) struct Senders(Mutex<Option<Told>>);

#[derive(Clone, Debug)]
struct Told {
    at: Instant,
    addresses: Arc<[Address]>,
}

impl Submitter {
    /// The envelope's sender must be one of the mailbox's addresses, with or without a `+tag`. The
    /// `From:` field is the service's to judge.
    ///
    /// # Errors
    /// `SenderRefused`, also for the null sender: the service cannot send with one (reference F.2).
    pub(super) async fn check_sender(&self, envelope: &Envelope) -> Outcome<()> {
        let Some(sender) = &envelope.sender else {
            return Err(Fault::from(Kind::SenderRefused).because("null sender"));
        };
        let plain = untagged(sender);
        let may_send = |own: &Address| own == sender || Some(own) == plain.as_ref();
        if may_send(&self.own) || self.own_addresses().await?.iter().any(may_send) {
            return Ok(());
        }
        Err(Fault::from(Kind::SenderRefused).because("MAIL FROM is no address of this mailbox"))
    }

    async fn own_addresses(&self) -> Outcome<Arc<[Address]>> {
        let now = self.clock.instant();
        let told = self.senders.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(told) = told
            && now.since(told.at) < FRESH
        {
            return Ok(told.addresses);
        }
        let addresses: Arc<[Address]> = self.backend.addresses().await?.into();
        let told = Told { at: now, addresses: Arc::clone(&addresses) };
        *self.senders.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        Ok(addresses)
    }
}

/// `user+tag@domain` as `user@domain`.
fn untagged(address: &Address) -> Option<Address> {
    let (local, domain) = address.as_str().rsplit_once('@')?;
    let (user, _) = local.split_once('+')?;
    Address::new(&format!("{user}@{domain}"))
}
