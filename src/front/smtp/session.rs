//! The conversation as a state machine: a command in, what to do out. It never waits and knows
//! nothing of sockets; `U` is whatever stands for a user who has logged in.

use wire::Secret;
use wire::smtp::{
    BodyType, Command, EnhancedCode, Invalid, Mail, Recipient, Reply, Sender, SmtpUtf8,
};

use super::answers;
use super::auth::{Credentials, Exchange, Step};
use crate::mailbox::{Address, Envelope};
use crate::net::{PlainLogin, Security};

/// Recipients of one message: what Exchange Online takes by default (reference E).
pub(super) const RECIPIENTS: usize = 500;
/// Mistakes since the last message that was taken, after which a client is taken for something else
/// than a mail client. A client that asks for every extension in turn makes fewer.
const MISTAKES: u32 = 20;

#[derive(Debug)]
pub(super) struct Session<U> {
    phase: Phase<U>,
    security: Security,
    /// Octets of a message, as announced.
    limit: u64,
    mistakes: u32,
}

#[derive(Debug)]
enum Phase<U> {
    /// Before HELO or EHLO.
    Greeted,
    Introduced,
    /// The next line belongs to AUTH.
    Authenticating(Exchange),
    /// Credentials are being checked.
    Checking,
    /// Logged in, no transaction.
    Ready(U),
    /// After MAIL, and after any RCPT.
    Mail {
        user: U,
        envelope: Envelope,
    },
    /// Nothing more is said.
    Over,
}

/// What a command leads to.
#[derive(Debug)]
pub(super) enum Action<U> {
    Reply(Reply),
    /// Reply, and read the next line as one of AUTH.
    Challenge(Reply),
    /// Check them and tell `logged_in` or `not_logged_in`.
    Check(Credentials),
    /// Take the message and tell `taken`.
    Receive {
        user: U,
        envelope: Envelope,
        limit: u64,
    },
    /// Reply, begin TLS and tell `secured`.
    StartTls(Reply),
    /// Reply and hang up.
    Close(Reply),
}

impl<U: Clone> Session<U> {
    pub(super) fn new(limit: u64, security: Security) -> Self {
        Self { phase: Phase::Greeted, security, limit, mistakes: 0 }
    }

    pub(super) fn command(&mut self, command: Command) -> Action<U> {
        let action = match command {
            Command::Helo(_) => self.hello(answers::helo()),
            Command::Ehlo(_) => self.hello(answers::ehlo(self.limit, self.security)),
            Command::Auth { mechanism, initial } => match self.phase {
                Phase::Introduced if self.must_begin_tls() => {
                    let text = "Begin TLS first (STARTTLS)";
                    Action::Reply(Reply::new(538, EnhancedCode(5, 7, 11), text))
                }
                Phase::Introduced => self.step(Exchange::begin(&mechanism, initial)),
                Phase::Greeted => bad_sequence("Say EHLO first"),
                _ => bad_sequence("Already logged in"),
            },
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient) => self.rcpt(recipient),
            Command::Data => self.data(),
            Command::Rset => {
                self.reset();
                Action::Reply(answers::done("Reset"))
            }
            Command::Noop => Action::Reply(answers::done("OK")),
            Command::Vrfy => {
                let text = "Cannot tell, but will try to send";
                Action::Reply(Reply::new(252, EnhancedCode(2, 0, 0), text))
            }
            Command::Expn => Action::Reply(answers::not_offered("EXPN is not offered")),
            Command::Help => {
                let text = "See RFC 5321, RFC 6409 and the documentation of footbridge";
                Action::Reply(Reply::new(214, EnhancedCode(2, 0, 0), text))
            }
            Command::StartTls => self.start_tls(),
            Command::Quit => {
                self.phase = Phase::Over;
                Action::Close(Reply::new(221, EnhancedCode(2, 0, 0), "Until next time"))
            }
        };
        self.count(action)
    }

    /// TLS is there. All that was said before is forgotten (RFC 3207 §4.2).
    pub(super) fn secured(&mut self) {
        self.security = Security::Tls;
        self.phase = Phase::Greeted;
    }

    /// A line that was no command.
    pub(super) fn invalid(&mut self, invalid: Invalid) -> Action<U> {
        // A line that was lost on the way ends the exchange that waited for it.
        if matches!(self.phase, Phase::Authenticating(_)) {
            self.phase = Phase::Introduced;
        }
        self.count(Action::Reply(invalid.reply()))
    }

    /// A line that answers a challenge.
    pub(super) fn auth_line(&mut self, line: &Secret<Vec<u8>>) -> Action<U> {
        let action = match std::mem::replace(&mut self.phase, Phase::Introduced) {
            Phase::Authenticating(exchange) => self.step(exchange.line(line)),
            other => {
                self.phase = other;
                bad_sequence("No login is going on")
            }
        };
        self.count(action)
    }

    pub(super) fn logged_in(&mut self, user: U, limit: u64) -> Reply {
        self.phase = Phase::Ready(user);
        self.limit = limit;
        Reply::new(235, EnhancedCode(2, 7, 0), "Logged in")
    }

    pub(super) fn not_logged_in(&mut self) {
        self.phase = Phase::Introduced;
    }

    /// The message was answered 250.
    pub(super) fn taken(&mut self) {
        self.mistakes = 0;
    }

    // === commands ===

    /// EHLO begins anew, but a login stays (RFC 4954 §4: it cannot be repeated either).
    fn hello(&mut self, reply: Reply) -> Action<U> {
        self.reset();
        if matches!(self.phase, Phase::Greeted) {
            self.phase = Phase::Introduced;
        }
        Action::Reply(reply)
    }

    fn start_tls(&self) -> Action<U> {
        match (self.security, &self.phase) {
            (Security::Plain, _) => {
                Action::Reply(answers::not_offered("STARTTLS is not offered here"))
            }
            (Security::Tls, _) => bad_sequence("TLS is in use already"),
            (Security::Offered(_), Phase::Greeted | Phase::Introduced) => {
                Action::StartTls(Reply::new(220, EnhancedCode(2, 0, 0), "Begin TLS now"))
            }
            (Security::Offered(_), _) => bad_sequence("Already logged in"),
        }
    }

    fn must_begin_tls(&self) -> bool {
        self.security == Security::Offered(PlainLogin::Refused)
    }

    fn reset(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Mail { user, .. } => Phase::Ready(user),
            other => other,
        };
    }

    fn step(&mut self, step: Step) -> Action<U> {
        match step {
            Step::Challenge(exchange) => {
                let challenge = exchange.challenge();
                self.phase = Phase::Authenticating(exchange);
                Action::Challenge(challenge)
            }
            Step::Check(credentials) => {
                self.phase = Phase::Checking;
                Action::Check(credentials)
            }
            Step::Refuse(reply) => {
                self.phase = Phase::Introduced;
                Action::Reply(reply)
            }
        }
    }

    fn mail(&mut self, mail: Mail) -> Action<U> {
        let user = match &self.phase {
            Phase::Ready(user) => user.clone(),
            Phase::Mail { .. } => return bad_sequence("A message is begun already"),
            Phase::Greeted => return bad_sequence("Say EHLO first"),
            _ if self.must_begin_tls() => {
                let text = "Begin TLS first (STARTTLS)";
                return Action::Reply(Reply::new(530, EnhancedCode(5, 7, 0), text));
            }
            _ => {
                let text = "Log in first, with the local password of this mailbox";
                return Action::Reply(Reply::new(530, EnhancedCode(5, 7, 0), text));
            }
        };
        match self.sender(mail) {
            Ok(sender) => {
                let envelope = Envelope { sender: Some(sender), recipients: Vec::new() };
                self.phase = Phase::Mail { user, envelope };
                Action::Reply(Reply::new(250, EnhancedCode(2, 1, 0), "Sender OK"))
            }
            Err(reply) => Action::Reply(reply),
        }
    }

    fn sender(&self, mail: Mail) -> Result<Address, Reply> {
        if mail.size.is_some_and(|size| size > self.limit) {
            return Err(answers::too_large(self.limit));
        }
        if mail.body == Some(BodyType::BinaryMime) || mail.smtputf8 == SmtpUtf8::Requested {
            let text = "That parameter of MAIL is not offered";
            return Err(Reply::new(555, EnhancedCode(5, 5, 4), text));
        }
        // The service sends in the mailbox's own name only, so there is no way to send a bounce.
        let Sender::Address(sender) = mail.sender else {
            let text = "Microsoft 365 cannot send with an empty sender";
            return Err(Reply::new(550, EnhancedCode(5, 7, 1), text));
        };
        Address::new(sender.as_str()).ok_or_else(|| {
            Reply::new(501, EnhancedCode(5, 1, 7), "The sender's address is too long")
        })
    }

    fn rcpt(&mut self, recipient: Recipient) -> Action<U> {
        let Phase::Mail { envelope, .. } = &mut self.phase else {
            return bad_sequence("Say MAIL first");
        };
        let Recipient::Address(recipient) = recipient else {
            let text = "Give postmaster a domain";
            return Action::Reply(Reply::new(553, EnhancedCode(5, 1, 3), text));
        };
        let Some(recipient) = Address::new(recipient.as_str()) else {
            let text = "The recipient's address is too long";
            return Action::Reply(Reply::new(501, EnhancedCode(5, 1, 3), text));
        };
        if !envelope.recipients.contains(&recipient) {
            if envelope.recipients.len() >= RECIPIENTS {
                let text = "Too many recipients for one message; send the rest in another";
                return Action::Reply(Reply::new(452, EnhancedCode(4, 5, 3), text));
            }
            envelope.recipients.push(recipient);
        }
        Action::Reply(Reply::new(250, EnhancedCode(2, 1, 5), "Recipient OK"))
    }

    fn data(&mut self) -> Action<U> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Mail { user, envelope } if !envelope.recipients.is_empty() => {
                self.phase = Phase::Ready(user.clone());
                Action::Receive { user, envelope, limit: self.limit }
            }
            other => {
                let begun = matches!(other, Phase::Mail { .. });
                self.phase = other;
                if begun {
                    let text = "No valid recipients";
                    return Action::Reply(Reply::new(554, EnhancedCode(5, 5, 1), text));
                }
                bad_sequence("Say MAIL and RCPT first")
            }
        }
    }

    /// Counts mistakes, and ends it when there are too many.
    fn count(&mut self, action: Action<U>) -> Action<U> {
        let Action::Reply(reply) = &action else { return action };
        if reply.code() < 500 {
            return action;
        }
        self.mistakes += 1;
        if self.mistakes < MISTAKES {
            return action;
        }
        self.phase = Phase::Over;
        Action::Close(answers::farewell(EnhancedCode(4, 7, 0), "Too many mistakes; good-bye"))
    }
}

fn bad_sequence<U>(text: &'static str) -> Action<U> {
    Action::Reply(answers::bad_sequence(text))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
