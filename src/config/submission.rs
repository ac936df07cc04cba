//! How messages that clients hand in are sent: `[submission]`, and what a device has of its own.

use super::reader::Reader;

/// The rules for what one client hands in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Submission {
    pub when_unreachable: WhenUnreachable,
    pub recipients_elsewhere: RecipientsElsewhere,
    pub senders: Senders,
    /// The first that fits is applied.
    pub rewrite_from: Vec<Rewrite>,
    /// Whether the sender's mailbox keeps a copy in Sent Items.
    pub save_to_sent: bool,
    /// Whether a Received field tells where the message was handed in (RFC 5321 §4.4).
    pub add_received: bool,
    pub recipients_per_message: usize,
    /// What one mailbox may send.
    pub messages_per_minute: usize,
    pub recipients_per_day: usize,
}

/// What happens to a message while the service cannot take it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WhenUnreachable {
    /// The client is told to try later, and keeps it.
    Refuse,
    /// The bridge keeps it and goes on trying, for clients that cannot.
    Queue,
}

/// What happens if To or Cc names people whom the envelope does not: the service would mail them too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecipientsElsewhere {
    Refuse,
    /// They are left out of what goes out.
    LeaveOut,
}

/// Who may stand in MAIL FROM and in From.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Senders {
    /// The mailbox's own addresses, and those that the connection lists.
    Listed,
    /// Anyone whom the service lets pass.
    Any,
}

/// Another sender for a device that cannot be told what to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rewrite {
    pub matches: Pattern,
    pub with: Replacement,
}

/// An address in which `*` stands for any number of characters, in any case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern(String);

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Replacement {
    /// The mailbox's own address.
    Own,
    Address(String),
}

/// What one Exchange Online mailbox may do by default (reference E).
const RECIPIENTS_PER_MESSAGE: usize = 500;
const MESSAGES_PER_MINUTE: usize = 30;
const RECIPIENTS_PER_DAY: usize = 10_000;

impl Default for Submission {
    fn default() -> Self {
        Self {
            when_unreachable: WhenUnreachable::Refuse,
            recipients_elsewhere: RecipientsElsewhere::Refuse,
            senders: Senders::Listed,
            rewrite_from: Vec::new(),
            save_to_sent: true,
            add_received: false,
            recipients_per_message: RECIPIENTS_PER_MESSAGE,
            messages_per_minute: MESSAGES_PER_MINUTE,
            recipients_per_day: RECIPIENTS_PER_DAY,
        }
    }
}

/// The rules below `section`; what it does not say is as in `base`.
pub(super) fn read(reader: &mut Reader<'_>, section: &str, base: Submission) -> Submission {
    let key = |name: &str| format!("{section}.{name}");
    Submission {
        when_unreachable: reader.choice(
            &key("when_unreachable"),
            base.when_unreachable,
            &[("refuse", WhenUnreachable::Refuse), ("queue", WhenUnreachable::Queue)],
        ),
        recipients_elsewhere: reader.choice(
            &key("recipients_elsewhere"),
            base.recipients_elsewhere,
            &[
                ("refuse", RecipientsElsewhere::Refuse),
                ("leave-out", RecipientsElsewhere::LeaveOut),
            ],
        ),
        senders: reader.choice(
            &key("senders"),
            base.senders,
            &[("listed", Senders::Listed), ("any", Senders::Any)],
        ),
        rewrite_from: reader.list(&key("rewrite_from"), base.rewrite_from, Rewrite::parse),
        save_to_sent: reader.switch(&key("save_to_sent"), base.save_to_sent),
        add_received: reader.switch(&key("add_received"), base.add_received),
        recipients_per_message: reader
            .count(&key("recipients_per_message"), base.recipients_per_message),
        messages_per_minute: reader.count(&key("messages_per_minute"), base.messages_per_minute),
        recipients_per_day: reader.count(&key("recipients_per_day"), base.recipients_per_day),
    }
}

impl Rewrite {
    /// `PATTERN -> ADDRESS`, or `PATTERN -> own`.
    fn parse(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "wants rules such as \"root@* -> scans@contoso.com\" or \"*@printer.local -> own\", not {text:?}"
            )
        };
        let (pattern, with) = text.split_once("->").ok_or_else(form)?;
        let (pattern, with) = (pattern.trim(), with.trim());
        let is_address = |text: &str| {
            let parts = text.rsplit_once('@');
            parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        };
        if pattern.is_empty() || pattern.contains(char::is_whitespace) {
            return Err(form());
        }
        let with = match with {
            "own" => Replacement::Own,
            address if is_address(address) && !address.contains(char::is_whitespace) => {
                Replacement::Address(address.to_owned())
            }
            _ => return Err(form()),
        };
        Ok(Self { matches: Pattern(pattern.to_ascii_lowercase()), with })
    }
}

impl Pattern {
    pub fn fits(&self, address: &str) -> bool {
        let address = address.to_ascii_lowercase();
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = address.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, address: &str) -> bool {
        Rewrite::parse(&format!("{pattern} -> own")).unwrap().matches.fits(address)
    }

    #[test]
    fn a_star_stands_for_any_characters_and_case_does_not_count() {
        assert!(fits("root@*", "Root@printer.local"));
        assert!(fits("*@printer.local", "scan@PRINTER.local"));
        assert!(fits("*", "a@b"));
        assert!(fits("a*b*c@x", "axxbxbc@x"));
        assert!(fits("a@b", "a@b"));
        for (pattern, address) in
            [("root@*", "xroot@a"), ("*@a", "b@a.c"), ("a*a@b", "a@b"), ("a@b", "a@bc")]
        {
            assert!(!fits(pattern, address), "{pattern} {address}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused() {
        for text in ["root@*", "-> own", "root -> ", "root@* -> nobody", "a b -> own", "a -> b c@d"]
        {
            assert!(Rewrite::parse(text).is_err(), "{text}");
        }
    }
}
