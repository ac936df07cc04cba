//! One mail transaction: MAIL and RCPT become an envelope (RFC 5321 §3.3).

use wire::smtp::{
    BodyType, EnhancedCode, Mail, Notify, NotifyEvent, Rcpt, Recipient as To, Reply, Ret, Script,
    Sender, SmtpUtf8,
};

use super::answers;
use crate::mailbox::{Address, Envelope, Octets, Recipient, ReportOn, Reports, Returned, SenderBy};

/// What is agreed so far about one message.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// What MAIL said in place of an address: a name without a domain.
    pub(super) name: Option<String>,
    pub(super) smtputf8: SmtpUtf8,
}

/// What one client may hand in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Octets of a message, as announced.
    pub(super) message: u64,
    /// Of one message.
    pub(super) recipients: usize,
}

impl Transaction {
    /// # Errors
    /// The answer to a MAIL that cannot be taken.
    pub(super) fn begin(mail: Mail, terms: Terms) -> Result<Self, Reply> {
        if mail.size.is_some_and(|size| size > terms.message) {
            return Err(answers::too_large(terms.message));
        }
        let said = match &mail.sender {
            Sender::Null => return Err(answers::null_sender()),
            Sender::Address(address) => address.as_str(),
            Sender::Local(name) => name,
        };
        if mail.smtputf8 == SmtpUtf8::Absent && !said.is_ascii() {
            return Err(answers::needs_smtputf8());
        }
        let (sender, name) = match mail.sender {
            Sender::Local(name) => (None, Some(name)),
            _ => {
                let sender = Address::new(said);
                let no_address = || answers::no_address(EnhancedCode(5, 1, 7));
                (Some(sender.ok_or_else(no_address)?), None)
            }
        };
        let envelope = Envelope {
            sender,
            sender_by: SenderBy::Client,
            recipients: Vec::new(),
            id: mail.envelope_id.map(Into::into),
            returned: mail.ret.map(|ret| match ret {
                Ret::Full => Returned::Full,
                Ret::Headers => Returned::Headers,
            }),
            octets: match mail.body {
                Some(BodyType::BinaryMime) => Octets::Binary,
                Some(BodyType::SevenBit | BodyType::EightBitMime) | None => Octets::Lines,
            },
        };
        Ok(Self { envelope, name, smtputf8: mail.smtputf8 })
    }

    /// A rule says whom the name stands for.
    pub(super) fn name_sender(&mut self, address: Address) {
        (self.envelope.sender, self.envelope.sender_by) = (Some(address), SenderBy::Rule);
    }

    /// A recipient named twice gets the message once, and the first wish about reports counts.
    ///
    /// # Errors
    /// The answer to a RCPT that cannot be taken; the transaction goes on without it.
    pub(super) fn add(&mut self, rcpt: Rcpt, own: &Address, terms: Terms) -> Result<(), Reply> {
        if self.smtputf8 == SmtpUtf8::Absent && rcpt.script == Script::Utf8 {
            return Err(answers::needs_smtputf8());
        }
        let address = match rcpt.recipient {
            To::Address(address) => Address::new(address.as_str()),
            To::Postmaster => postmaster(own),
        };
        let address = address.ok_or_else(|| answers::no_address(EnhancedCode(5, 1, 3)))?;
        if self.envelope.addresses().any(|known| *known == address) {
            return Ok(());
        }
        if self.envelope.recipients.len() >= terms.recipients {
            let text = "Too many recipients for one message; send the rest in another";
            return Err(Reply::new(452, EnhancedCode(4, 5, 3), text));
        }
        let (reports, original) = (rcpt.notify.map(reports), rcpt.original.map(Into::into));
        self.envelope.recipients.push(Recipient { address, reports, original });
        Ok(())
    }
}

/// Without a domain it is the one of the mailbox that sends (RFC 5321 §4.5.1).
fn postmaster(own: &Address) -> Option<Address> {
    let (_, domain) = own.as_str().rsplit_once('@')?;
    Address::new(&format!("postmaster@{domain}"))
}

fn reports(notify: Notify) -> Reports {
    let events = match notify {
        Notify::Never => Vec::new(),
        Notify::On(events) => events,
    };
    let on = |event| match event {
        NotifyEvent::Success => ReportOn::Success,
        NotifyEvent::Failure => ReportOn::Failure,
        NotifyEvent::Delay => ReportOn::Delay,
    };
    Reports(events.into_iter().map(on).collect())
}
