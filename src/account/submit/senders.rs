//! Who may send: MAIL FROM, and the authors that the message names.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::author::{Author, Rewriter, author};
use super::header::Header;
use super::{Order, Submitter};
use crate::account::Account;
use crate::clock::Instant;
use crate::config::Submission as Rules;
use crate::config::submission::Senders as Rule;
use crate::mailbox::{Address, By, Envelope, Fault, Flaw, Kind, Outcome, SenderBy};

/// How long the mailbox's addresses are believed. They change when an administrator changes them.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Who may send from a mailbox, beside its own address.
#[derive(Debug, Default)]
pub(super) struct Senders {
    /// As last told by the service.
    told: Mutex<Option<Told>>,
    /// By the connection's own list.
    listed: RwLock<Arc<[Address]>>,
}

#[derive(Clone, Debug)]
struct Told {
    at: Instant,
    addresses: Arc<[Address]>,
}

/// Who sends a message, put right and permitted.
#[derive(Debug)]
pub(super) struct Parties {
    /// Of the envelope.
    pub(super) sender: Address,
    pub(super) author: Author,
}

impl Account {
    /// Besides the mailbox's own addresses these may stand in MAIL FROM and From: mailboxes for which
    /// the signed-in account has the right to send as, or on behalf.
    pub fn let_send_as(&self, others: Vec<Address>) {
        let listed = &self.0.submitter.senders.listed;
        *listed.write().unwrap_or_else(PoisonError::into_inner) = others.into();
    }
}

impl Account {
    /// The address that a rule of `rewrite_from` gives to a sender without a domain.
    ///
    /// # Errors
    /// `Defect` for a rule with something else than an address.
    pub fn sender_named(&self, name: &str, rules: &Rules) -> Outcome<Option<Address>> {
        let own = &self.0.submitter.own;
        Rewriter { rules, own }.rewritten(name)
    }
}

impl Submitter {
    /// Who sends it, rewritten by the rules, then checked: each must be one of the mailbox's addresses
    /// or on the connection's list, with or without a `+tag`. Whether the service agrees is for it to say.
    ///
    /// # Errors
    /// `SenderRefused`, also for the null sender: the service cannot send with one (reference F.2).
    /// `Unacceptable` if From is unclear, or the message is someone else's to be resent.
    pub(super) async fn check_senders(&self, order: &Order, header: &Header) -> Outcome<Parties> {
        let rewriter = Rewriter { rules: &order.rules, own: &self.own };
        let sender = self.check_envelope(&order.envelope, &order.rules).await?;
        let author = author(header, &sender, rewriter)?;
        if order.rules.senders == Rule::Any {
            return Ok(Parties { sender, author });
        }
        for address in &author.addresses {
            if self.permitted(address).await?.is_some() {
                continue;
            }
            return Err(match header.has_any("Resent-") {
                true => Kind::Unacceptable(Flaw::Resent).into(),
                false => Kind::SenderRefused(By::Header).into(),
            });
        }
        Ok(Parties { sender, author })
    }

    /// The envelope's sender as it is sent from.
    ///
    /// # Errors
    /// `SenderRefused`.
    pub(super) async fn check_envelope(
        &self,
        envelope: &Envelope,
        rules: &Rules,
    ) -> Outcome<Address> {
        let Some(sender) = &envelope.sender else {
            return Err(Fault::from(Kind::SenderRefused(By::Envelope)).because("null sender"));
        };
        let rewriter = Rewriter { rules, own: &self.own };
        let other = match envelope.sender_by {
            SenderBy::Client => rewriter.rewritten(sender.as_str())?,
            SenderBy::Rule => None,
        };
        let sender = other.unwrap_or_else(|| sender.clone());
        match rules.senders {
            Rule::Any => Ok(sender),
            Rule::Listed => {
                let permitted = self.permitted(&sender).await?;
                permitted.ok_or_else(|| Kind::SenderRefused(By::Envelope).into())
            }
        }
    }

    /// The address by which this one may send: itself, or what is left of it without its tag.
    pub(super) async fn permitted(&self, sender: &Address) -> Outcome<Option<Address>> {
        let plain = untagged(sender);
        let fits = |known: &Address| {
            let is_plain = || plain.as_ref().filter(|plain| *plain == known).cloned();
            if known == sender { Some(sender.clone()) } else { is_plain() }
        };
        let listed = self.senders.listed();
        if let Some(known) = fits(&self.own).or_else(|| listed.iter().find_map(fits)) {
            return Ok(Some(known));
        }
        Ok(self.own_addresses().await?.iter().find_map(fits))
    }

    async fn own_addresses(&self) -> Outcome<Arc<[Address]>> {
        let now = self.clock.instant();
        let told = self.senders.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(told) = told
            && now.since(told.at) < FRESH
        {
            return Ok(told.addresses);
        }
        let addresses: Arc<[Address]> = self.backend.addresses().await?.into();
        let told = Told { at: now, addresses: Arc::clone(&addresses) };
        *self.senders.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        Ok(addresses)
    }
}

impl Senders {
    fn listed(&self) -> Arc<[Address]> {
        Arc::clone(&self.listed.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `user+tag@domain` as `user@domain`.
fn untagged(address: &Address) -> Option<Address> {
    let (local, domain) = address.as_str().rsplit_once('@')?;
    let (user, _) = local.split_once('+')?;
    Address::new(&format!("{user}@{domain}"))
}
