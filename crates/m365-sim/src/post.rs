//! What happens after 202: the copy in Sent Items, delivery inside the tenant, and the record of what left it.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::call::Problem;
use crate::clock::mail_date;
use crate::ids::{scramble, tag};
use crate::item::{NewItem, Source};
use crate::mailbox::{Store, Touch};
use crate::mime::{self, word};
use crate::switch::{FromAlias, Waiting};
use crate::tenant::State;
use crate::view::{Mailbox, View};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// One message that reached one recipient.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Timestamp,
    /// The mailbox it was sent from.
    pub from: String,
    /// The address it was delivered to, as written.
    pub to: String,
    /// The exact bytes the recipient got: without Bcc.
    pub mime: Bytes,
    pub message_id: Option<String>,
}

#[derive(Default)]
pub(crate) struct PostOffice {
    pub(crate) sent: Vec<Sent>,
    waiting: Vec<(Timestamp, Submission)>,
    /// When each mailbox sent, for the daily limit and the rate.
    log: Vec<(String, Timestamp)>,
}

/// A message on its way out; the item is in Drafts.
#[derive(Clone)]
pub(crate) struct Submission {
    pub(crate) mailbox: String,
    pub(crate) item: u64,
    pub(crate) save: SaveCopy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SaveCopy {
    Yes,
    No,
}

impl State {
    /// What the service refuses before it accepts a message. (reference B.8, E)
    pub(crate) fn may_send(
        &self,
        mailbox: &str,
        user: &str,
        source: &Source,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let switches = &self.switches.sending;
        let view = source.view();
        let recipients = recipients(&view);
        if recipients.is_empty() || recipients.iter().any(|to| !plausible(to)) {
            let text = "At least one recipient isn't valid., A message can't be sent because it contains no valid recipients.";
            return Err(Problem::bad("ErrorInvalidRecipients", text));
        }
        if recipients.len() > switches.recipients {
            let text = "The message exceeds the maximum number of recipients.";
            return Err(Problem::bad("ErrorExceededMaxRecipientLimit", text));
        }
        if source.size() > switches.message_bytes {
            return Err(too_large());
        }
        if let Some(from) = &view.from
            && !self.may_send_as(mailbox, user, &from.address.to_lowercase())
        {
            let text = "The user account which was used to submit this request does not have the right to send mail on \
                        behalf of the specified sending account., Cannot submit message.";
            return Err(Problem::new(403, "ErrorSendAsDenied", text));
        }
        if self.post.sent_since(mailbox, now, DAY) >= switches.messages_per_day {
            let text = "Cannot send mail. Daily message limit exceeded.";
            return Err(Problem::new(429, "ErrorExceededMessageLimit", text));
        }
        Ok(())
    }

    /// Whether its author is neither the mailbox nor one of its aliases.
    pub(crate) fn is_anothers(&self, mailbox: &str, source: &Source) -> bool {
        let author = source.view().from.as_ref().map(|author| author.address.to_lowercase());
        author.is_some_and(|author| self.owner_of(&author).as_deref() != Some(mailbox))
    }

    fn may_send_as(&self, mailbox: &str, user: &str, from: &str) -> bool {
        let is_alias = || {
            let store = self.stores.get(mailbox);
            store.is_some_and(|store| store.aliases.iter().any(|alias| alias == from))
        };
        from == mailbox
            || from == user
            || self.switches.sending.from_alias == FromAlias::Kept && is_alias()
            || self.switches.sending.send_as.iter().any(|pair| {
                pair.split_once('=').is_some_and(|(who, address)| {
                    who.eq_ignore_ascii_case(user) && address.eq_ignore_ascii_case(from)
                })
            })
    }

    /// Accepts a checked message: it leaves at once, or when its time comes.
    pub(crate) fn submit(&mut self, submission: Submission, now: Timestamp) {
        let switches = &self.switches.sending;
        let delay = i64::try_from(switches.delay_seconds).unwrap_or(i64::MAX / 2);
        let mut due = now + SignedDuration::from_secs(delay);
        if self.post.sent_since(&submission.mailbox, now, MINUTE) >= switches.messages_per_minute {
            due += MINUTE;
        }
        self.post.log.push((submission.mailbox.clone(), now));
        if let Some(store) = self.stores.get_mut(&submission.mailbox)
            && let Some(item) = store.items.get_mut(&submission.item)
        {
            item.draft = switches.waiting != Waiting::NoDraft;
            item.submitted = Some(switches.waiting);
            if let Some(bytes) = completed(&item.source, &store.address, submission.item, now) {
                item.source = Source::mime(bytes);
            }
        }
        if due > now {
            self.post.waiting.push((due, submission));
        } else {
            self.leave(&submission, now);
        }
    }

    /// Sends what has waited long enough.
    pub(crate) fn run_due(&mut self, now: Timestamp) {
        if self.post.waiting.iter().all(|(due, _)| *due > now) {
            return;
        }
        let waiting = std::mem::take(&mut self.post.waiting);
        let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(due, _)| *due <= now);
        self.post.waiting = later;
        for (at, submission) in due {
            self.leave(&submission, at);
        }
    }

    fn leave(&mut self, submission: &Submission, at: Timestamp) {
        let survives = self.switches.sending.id_survives_send;
        let Some(store) = self.stores.get_mut(&submission.mailbox) else { return };
        let Some(item) = store.items.get_mut(&submission.item) else { return };
        (item.draft, item.submitted) = (false, None);
        let source = item.source.clone();
        let wants_receipt = item.extra().delivery_receipt;
        let sent_items = store.well_known("sentitems");
        match (submission.save, sent_items) {
            (SaveCopy::Yes, Some(folder)) => {
                let mut key = submission.item;
                if survives {
                    store.move_item(key, folder, at);
                } else if let Some(copy) = store.copy_item(key, folder, at) {
                    store.purge_item(key, at);
                    key = copy;
                }
                store.set_received(key, at);
                store.set_read(key, true);
                store.touch(key, Touch::Content, at);
            }
            _ => store.purge_item(submission.item, at),
        }
        if self.switches.sending.copy_for_from {
            self.copy_for_author(&submission.mailbox, &source, at);
        }
        let reached = self.deliver(&submission.mailbox, &source, at);
        if wants_receipt && self.switches.sending.reports {
            let view = source.view().into_owned();
            for to in reached {
                let receipt = report(&submission.mailbox, &to, &view, (at, Fate::Delivered));
                self.put_in_inbox(&submission.mailbox, Source::mime(receipt), at);
            }
        }
    }

    /// Whom it reached.
    fn deliver(&mut self, from: &str, source: &Source, at: Timestamp) -> Vec<String> {
        let mut reached = Vec::new();
        let view = source.view().into_owned();
        let outgoing = self.outgoing(source);
        for to in recipients(&view) {
            let address = to.to_lowercase();
            let domain = address.rsplit('@').next().unwrap_or_default();
            let ours = self.stores.keys().any(|known| known.rsplit('@').next() == Some(domain));
            let owner = self.owner_of(&address);
            if owner.is_none() && ours {
                if self.switches.sending.reports {
                    self.put_in_inbox(
                        from,
                        Source::mime(report(from, &to, &view, (at, Fate::Unknown))),
                        at,
                    );
                }
                continue;
            }
            self.put_in_inbox(owner.as_deref().unwrap_or(&address), outgoing.clone(), at);
            reached.push(to.clone());
            self.post.sent.push(Sent {
                at,
                from: from.to_owned(),
                to,
                mime: outgoing.bytes(),
                message_id: view.message_id.clone(),
            });
        }
        reached
    }

    /// What recipients get. A large message is read a second time only if its header changed.
    fn outgoing(&self, source: &Source) -> Source {
        let sending = &self.switches.sending;
        let mut hidden: Vec<&str> = Vec::new();
        if sending.bcc_removed {
            hidden.push("Bcc");
        }
        hidden.extend(sending.lost_headers.iter().map(String::as_str));
        let bytes = mime::without(&source.bytes(), &hidden);
        if !sending.lost_headers.is_empty() || !sending.bcc_removed {
            return Source::mime(bytes);
        }
        Source::seen(bytes, View { bcc: Vec::new(), ..source.view().into_owned() })
    }

    /// Whose mailbox this address belongs to.
    fn owner_of(&self, address: &str) -> Option<String> {
        let is_owner = |(known, store): &(&String, &Store)| {
            *known == address || store.aliases.iter().any(|alias| alias == address)
        };
        self.stores.iter().find(is_owner).map(|(known, _)| known.clone())
    }

    fn copy_for_author(&mut self, from: &str, source: &Source, at: Timestamp) {
        let author = source.view().from.as_ref().map(|author| author.address.to_lowercase());
        let owner = author.and_then(|author| self.owner_of(&author)).filter(|owner| owner != from);
        let Some(store) = owner.and_then(|owner| self.stores.get_mut(&owner)) else { return };
        if let Some(sent) = store.well_known("sentitems") {
            let new = NewItem { read: true, ..NewItem::delivered(source.clone(), at) };
            store.add_item(sent, new, at);
        }
    }

    fn put_in_inbox(&mut self, address: &str, source: Source, at: Timestamp) {
        if let Some(store) = self.stores.get_mut(address)
            && let Some(inbox) = store.well_known("inbox")
        {
            store.add_item(inbox, NewItem::delivered(source, at), at);
        }
    }
}

impl PostOffice {
    fn sent_since(&self, mailbox: &str, now: Timestamp, within: SignedDuration) -> usize {
        let recent = self.log.iter().rev().take_while(|(_, at)| now.duration_since(*at) < within);
        recent.filter(|(who, _)| who == mailbox).count()
    }
}

/// Every address of To, Cc and Bcc, once.
fn recipients(view: &View) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for Mailbox { address, .. } in view.to.iter().chain(&view.cc).chain(&view.bcc) {
        if !found.iter().any(|other| other.eq_ignore_ascii_case(address)) {
            found.push(address.clone());
        }
    }
    found
}

fn plausible(address: &str) -> bool {
    address.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !address.contains(char::is_whitespace)
}

pub(crate) fn too_large() -> Problem {
    let text = "The message exceeds the maximum supported size.";
    Problem::new(413, "ErrorMessageSizeExceeded", text)
}

/// What a message must have to leave, in front of the bytes it came with. `None` if it has it all.
fn completed(source: &Source, address: &str, item: u64, now: Timestamp) -> Option<Bytes> {
    let mut bytes = source.bytes();
    let mut lacked = false;
    let domain = address.rsplit('@').next().unwrap_or_default();
    let missing = [
        ("Message-ID", format!("<{:016X}@namprd00.prod.{domain}>", scramble(item ^ tag(address)))),
        ("Date", mail_date(now)),
        ("From", address.to_owned()),
    ];
    for (name, value) in missing {
        if mime::header(&bytes, name).is_none() {
            bytes = mime::with_header(&bytes, name, &value);
            lacked = true;
        }
    }
    lacked.then_some(bytes)
}

/// The report that comes back for a recipient nobody knows.
/// What a report is about.
#[derive(Clone, Copy)]
enum Fate {
    Unknown,
    Delivered,
}

fn report(from: &str, to: &str, view: &View, (at, fate): (Timestamp, Fate)) -> Bytes {
    let (word_for, says, why) = match fate {
        Fate::Unknown => (
            "Undeliverable",
            "Delivery has failed to these recipients:",
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        ),
        Fate::Delivered => {
            ("Delivered", "Your message has been delivered to the following recipients:", "")
        }
    };
    let subject = word(&format!("{word_for}: {}", view.subject.as_deref().unwrap_or_default()));
    let domain = from.rsplit('@').next().unwrap_or_default();
    let id = scramble(tag(to) ^ tag(view.message_id.as_deref().unwrap_or_default()));
    Bytes::from(format!(
        "Date: {}\r\nFrom: Microsoft Outlook <postmaster@{domain}>\r\nTo: {from}\r\nSubject: {subject}\r\n\
         Message-ID: <{id:016X}@{domain}>\r\nIn-Reply-To: {}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{says}\r\n\r\n{to}\r\n{why}\r\n",
        mail_date(at),
        view.message_id.as_deref().unwrap_or("<>"),
    ))
}
