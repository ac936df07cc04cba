//! The conversation as a state machine: a command in, what to do out. It never waits and knows
//! nothing of sockets; `U` is whatever stands for a user who has logged in, `M` for a message of
//! which some chunks are there.

mod handing_in;

use wire::Secret;
use wire::smtp::{Bdat, Command, EnhancedCode, Invalid, Reply, SmtpUtf8};

use super::answers;
use super::auth::{Credentials, Exchange, Step};
use super::transaction::{Terms, Transaction};
use crate::mailbox::{Address, Envelope};
use crate::net::{PlainLogin, Security};

/// Mistakes since the last message that was taken, after which a client is taken for something else
/// than a mail client. A client that asks for every extension in turn makes fewer. As many recipients
/// in a row that cannot be taken count the same; others among good ones are a list that nobody has tidied.
const MISTAKES: u32 = 20;

#[derive(Debug)]
pub(super) struct Session<U, M> {
    phase: Phase<U, M>,
    security: Security,
    ehlo: Ehlo,
    hello: Hello,
    terms: Terms,
    pass: Pass<U>,
    mistakes: u32,
    /// Since the last recipient that was taken.
    bad_recipients: u32,
}

/// What is known of a client that has said nothing yet.
#[derive(Debug)]
pub(super) struct Opening<U> {
    pub(super) terms: Terms,
    pub(super) security: Security,
    pub(super) ehlo: Ehlo,
    pub(super) pass: Pass<U>,
}

/// Whether extensions are offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ehlo {
    Answered,
    /// To a device that does not cope with them.
    Refused,
}

/// What a client may do without a login.
#[derive(Debug)]
pub(super) enum Pass<U> {
    None,
    /// Send as this one.
    Guest(Member<U>),
    /// Send by the connection of this name, which is not there.
    Missing(String),
}

/// How the client greeted.
#[derive(Debug)]
enum Hello {
    Plain(String),
    Extended(String),
}

/// Who has logged in.
#[derive(Clone, Debug)]
pub(super) struct Member<U> {
    pub(super) user: U,
    pub(super) address: Address,
}

#[derive(Debug)]
enum Phase<U, M> {
    /// Before HELO or EHLO.
    Greeted,
    Introduced,
    /// The next line belongs to AUTH.
    Authenticating(Exchange),
    /// Credentials are being checked.
    Checking,
    /// Logged in or in no need to, no transaction.
    Ready(Member<U>),
    /// After MAIL, and after any RCPT.
    Mail(Member<U>, Transaction),
    /// Some chunks of the message are there.
    Chunks(Member<U>, M),
    /// The transaction failed. What the client had sent ahead is answered, and is no mistake.
    Failed(Member<U>),
    /// Nothing more is said.
    Over,
}

/// What a command leads to.
#[derive(Debug)]
pub(super) enum Action<U, M> {
    Reply(Reply),
    /// Reply, and read the next line as one of AUTH.
    Challenge(Reply),
    /// Check them and tell `logged_in` or `not_logged_in`.
    Check(Credentials),
    /// Find out whether a message from this sender may come, and tell `turn_away` if not.
    Expect(U, Envelope),
    /// Find out whom this name without a domain stands for, and tell `name_sender` or `turn_away`.
    Name(U, String),
    /// Take the message and tell `taken`.
    Receive(Handover<U>),
    /// Take a chunk and tell `keep`, or `taken` after the last; if neither is told it has failed.
    Chunk(Chunk<U, M>, Bdat),
    /// Let the octets of a chunk pass, then reply.
    PassOver(Reply),
    /// Reply, begin TLS and tell `secured`.
    StartTls(Reply),
    /// Reply and hang up.
    Close(Reply),
}

/// Everything about a message but its octets.
#[derive(Debug)]
pub(super) struct Handover<U> {
    pub(super) user: U,
    pub(super) transaction: Transaction,
    /// Octets of the message.
    pub(super) limit: u64,
}

#[derive(Debug)]
pub(super) enum Chunk<U, M> {
    First(Handover<U>),
    Next(M),
}

impl<U: Clone, M> Session<U, M> {
    pub(super) fn new(opening: Opening<U>) -> Self {
        let Opening { terms, security, ehlo, pass } = opening;
        let hello = Hello::Plain(String::new());
        let (phase, mistakes, bad_recipients) = (Phase::Greeted, 0, 0);
        Self { phase, security, ehlo, hello, terms, pass, mistakes, bad_recipients }
    }

    pub(super) fn command(&mut self, command: Command) -> Action<U, M> {
        let is_behind_a_failure = matches!(self.phase, Phase::Failed(_))
            && matches!(command, Command::Rcpt(_) | Command::Data | Command::Bdat(_));
        let is_recipient = matches!((&self.phase, &command), (Phase::Mail(..), Command::Rcpt(_)));
        let action = self.decide(command);
        match (is_behind_a_failure, is_recipient) {
            (true, _) => action,
            (_, true) => self.count_recipient(action),
            _ => self.count(action),
        }
    }

    fn decide(&mut self, command: Command) -> Action<U, M> {
        match command {
            Command::Helo(name) => self.greet(Hello::Plain(name), answers::helo()),
            Command::Ehlo(_) if self.ehlo == Ehlo::Refused => {
                Action::Reply(answers::not_offered("Say HELO; this device is offered no more"))
            }
            Command::Ehlo(name) => {
                let offer = answers::ehlo(self.terms, self.security);
                self.greet(Hello::Extended(name), offer)
            }
            Command::Auth { mechanism, initial } if self.may_log_in() => {
                if self.must_begin_tls() {
                    let text = "Begin TLS first (STARTTLS)";
                    return Action::Reply(Reply::new(538, EnhancedCode(5, 7, 11), text));
                }
                self.step(Exchange::begin(&mechanism, initial))
            }
            Command::Auth { .. } => match self.phase {
                Phase::Greeted => bad_sequence("Say EHLO first"),
                _ => bad_sequence("Already logged in"),
            },
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(rcpt) => self.rcpt(rcpt),
            Command::Data => self.data(),
            Command::Bdat(bdat) => self.bdat(bdat),
            Command::Rset => {
                self.reset();
                Action::Reply(answers::done("Reset"))
            }
            Command::Noop => Action::Reply(answers::done("OK")),
            Command::Vrfy => Action::Reply(answers::vrfy()),
            Command::Expn => Action::Reply(answers::not_offered("EXPN is not offered")),
            Command::Help => Action::Reply(answers::help()),
            Command::StartTls => self.start_tls(),
            Command::Quit => {
                self.phase = Phase::Over;
                Action::Close(Reply::new(221, EnhancedCode(2, 0, 0), "Until next time"))
            }
        }
    }

    /// The name that the client gave itself, whatever it is worth.
    pub(super) fn hello(&self) -> &str {
        let (Hello::Plain(name) | Hello::Extended(name)) = &self.hello;
        name
    }

    /// What is spoken, by its name in trace fields (RFC 3848, RFC 6531 §4.3): with S under TLS, with
    /// A after a login.
    pub(super) fn protocol(&self, smtputf8: SmtpUtf8) -> &'static str {
        let names = match (&self.hello, smtputf8) {
            (Hello::Plain(_), _) => return "SMTP",
            (Hello::Extended(_), SmtpUtf8::Absent) => ["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"],
            (Hello::Extended(_), SmtpUtf8::Requested) => {
                ["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"]
            }
        };
        match (&self.pass, self.security) {
            (Pass::Guest(_), Security::Tls) => names[1],
            (Pass::Guest(_), _) => names[0],
            (_, Security::Tls) => names[3],
            (_, _) => names[2],
        }
    }

    /// TLS is there. All that was said before is forgotten (RFC 3207 §4.2).
    pub(super) fn secured(&mut self) {
        self.security = Security::Tls;
        self.phase = Phase::Greeted;
    }

    /// A line that was no command.
    pub(super) fn invalid(&mut self, invalid: Invalid) -> Action<U, M> {
        if invalid == Invalid::ChunkSize {
            self.phase = Phase::Over;
            return Action::Close(invalid.reply());
        }
        // A line that was lost on the way ends the exchange that waited for it.
        if matches!(self.phase, Phase::Authenticating(_)) {
            self.phase = self.introduced();
        }
        let action = Action::Reply(invalid.reply());
        match (&self.phase, invalid) {
            (Phase::Mail(..), Invalid::Recipient) => self.count_recipient(action),
            _ => self.count(action),
        }
    }

    /// A line that answers a challenge.
    pub(super) fn auth_line(&mut self, line: &Secret<Vec<u8>>) -> Action<U, M> {
        let introduced = self.introduced();
        let action = match std::mem::replace(&mut self.phase, introduced) {
            Phase::Authenticating(exchange) => self.step(exchange.line(line)),
            other => {
                self.phase = other;
                bad_sequence("No login is going on")
            }
        };
        self.count(action)
    }

    pub(super) fn logged_in(&mut self, member: Member<U>, terms: Terms) -> Reply {
        self.phase = Phase::Ready(member);
        self.pass = Pass::None;
        self.terms = terms;
        Reply::new(235, EnhancedCode(2, 7, 0), "Logged in")
    }

    pub(super) fn not_logged_in(&mut self) {
        self.phase = self.introduced();
    }

    /// Whom the sender's name stands for is known.
    pub(super) fn name_sender(&mut self, address: Address) -> Action<U, M> {
        let Phase::Mail(member, transaction) = &mut self.phase else {
            return bad_sequence("Say MAIL first");
        };
        transaction.name_sender(address);
        Action::Expect(member.user.clone(), transaction.envelope.clone())
    }

    /// The sender of the message that is begun is refused.
    pub(super) fn turn_away(&mut self, reply: Reply) -> Action<U, M> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Mail(member, _) => Phase::Failed(member),
            other => other,
        };
        self.count(Action::Reply(reply))
    }

    /// What this client may hand in from now on, if it is known who it is.
    pub(super) fn renew(&mut self, terms: impl FnOnce(&U) -> Terms) {
        if let Phase::Ready(member)
        | Phase::Mail(member, _)
        | Phase::Chunks(member, _)
        | Phase::Failed(member) = &self.phase
        {
            self.terms = terms(&member.user);
        }
    }

    /// A chunk that is not the last was taken.
    pub(super) fn keep(&mut self, message: M) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Failed(member) => Phase::Chunks(member, message),
            other => other,
        };
    }

    /// The message was answered 250.
    pub(super) fn taken(&mut self) {
        (self.mistakes, self.bad_recipients) = (0, 0);
    }

    // === commands ===

    /// EHLO begins anew, but a login stays (RFC 4954 §4: it cannot be repeated either).
    fn greet(&mut self, hello: Hello, reply: Reply) -> Action<U, M> {
        self.hello = hello;
        self.reset();
        if matches!(self.phase, Phase::Greeted) {
            self.phase = self.introduced();
        }
        Action::Reply(reply)
    }

    /// Where a client is that has given its name and not logged in.
    fn introduced(&self) -> Phase<U, M> {
        match &self.pass {
            Pass::Guest(member) => Phase::Ready(member.clone()),
            Pass::None | Pass::Missing(_) => Phase::Introduced,
        }
    }

    fn may_log_in(&self) -> bool {
        match self.phase {
            Phase::Introduced => true,
            Phase::Ready(_) => matches!(self.pass, Pass::Guest(_)),
            _ => false,
        }
    }

    fn start_tls(&self) -> Action<U, M> {
        match (self.security, &self.phase) {
            (Security::Plain, _) => {
                Action::Reply(answers::not_offered("STARTTLS is not offered here"))
            }
            (Security::Tls, _) => bad_sequence("TLS is in use already"),
            (Security::Offered(_), phase)
                if matches!(phase, Phase::Greeted) || self.may_log_in() =>
            {
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
            Phase::Mail(member, _) | Phase::Chunks(member, _) | Phase::Failed(member) => {
                Phase::Ready(member)
            }
            other => other,
        };
    }

    fn step(&mut self, step: Step) -> Action<U, M> {
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
                self.phase = self.introduced();
                Action::Reply(reply)
            }
        }
    }

    /// Counts mistakes, and ends it when there are too many.
    fn count(&mut self, action: Action<U, M>) -> Action<U, M> {
        self.mistakes += u32::from(is_mistake(&action));
        self.end_if_many(self.mistakes, action)
    }

    /// The same for recipients, who count only in a row.
    fn count_recipient(&mut self, action: Action<U, M>) -> Action<U, M> {
        match &action {
            Action::Reply(reply) if reply.code() < 400 => self.bad_recipients = 0,
            action => self.bad_recipients += u32::from(is_mistake(action)),
        }
        self.end_if_many(self.bad_recipients, action)
    }

    fn end_if_many(&mut self, mistakes: u32, action: Action<U, M>) -> Action<U, M> {
        if mistakes < MISTAKES || !is_mistake(&action) {
            return action;
        }
        self.phase = Phase::Over;
        Action::Close(answers::farewell(EnhancedCode(4, 7, 0), "Too many mistakes; good-bye"))
    }
}

fn is_mistake<U, M>(action: &Action<U, M>) -> bool {
    matches!(action, Action::Reply(reply) | Action::PassOver(reply) if reply.code() >= 500)
}

fn bad_sequence<U, M>(text: &'static str) -> Action<U, M> {
    Action::Reply(answers::bad_sequence(text))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
