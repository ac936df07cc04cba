//! One client's conversation: the session's decisions carried out on the connection.

use std::sync::Arc;

use wire::smtp::{Bdat, ChunkPlace, Command, EnhancedCode, Event, Mode, Reply, SmtpUtf8};

use super::auth::Credentials;
use super::chunks::{self, Gathered, Gathering};
use super::connection::{Connection, Next};
use super::deliver::{Incoming, Taken};
use super::session::{Action, Chunk, Ehlo, Handover, Member, Opening, Pass, Session};
use super::treatment::Treatment;
use super::{answers, data};
use crate::account::{Accepted, Account, Login};
use crate::front::login::{Door, TAKEN_BACK};
use crate::mailbox::{Envelope, Kind, Origin};
use crate::net::{Loss, Parting};

#[derive(Debug)]
pub(super) struct Talk {
    id: u64,
    connection: Connection,
    door: Door,
    treatment: Treatment,
    session: Session<Account, Box<Gathering>>,
    /// Written, but the client has not yet shown that it lives.
    unconfirmed: Option<Unconfirmed>,
    /// The user name of whoever logged in, or for whom a device sends.
    login: String,
}

#[derive(Debug)]
struct Unconfirmed {
    account: Account,
    accepted: Accepted,
    /// How often we had written when the answer was out.
    writes: u64,
}

enum Course {
    On,
    Over,
}

impl Talk {
    pub(super) fn new(
        id: u64,
        mut connection: Connection,
        door: Door,
        treatment: Treatment,
    ) -> Self {
        let mut terms = treatment.first_terms();
        let login = treatment.connection().unwrap_or_default().to_owned();
        let pass = match treatment.connection().map(|user| (user, door.trust(user))) {
            None => Pass::None,
            Some((user, None)) => Pass::Missing(user.to_owned()),
            Some((_, Some(Login { account, lease, .. }))) => {
                connection.logged_in(lease);
                terms = treatment.terms(account.limits().submission);
                Pass::Guest(Member { address: account.address().clone(), user: account })
            }
        };
        let ehlo = if treatment.is_esmtp() { Ehlo::Answered } else { Ehlo::Refused };
        let security = treatment.security(connection.security());
        let session = Session::new(Opening { terms, security, ehlo, pass });
        Self { id, connection, door, treatment, session, unconfirmed: None, login }
    }

    /// Speaks until the client leaves, fails, or is sent away.
    pub(super) async fn run(mut self) {
        tracing::debug!(connection = self.id, peer = %self.connection.peer(), "SMTP client connected");
        if let Err(loss) = self.converse().await {
            tracing::debug!(connection = self.id, %loss, "SMTP client lost");
            return;
        }
        let parting = self.connection.close().await;
        if let (Parting::Heard, Some(unconfirmed)) = (parting, self.unconfirmed) {
            unconfirmed.confirm().await;
        }
    }

    async fn converse(&mut self) -> Result<(), Loss> {
        self.connection.reply(&answers::greeting()).await?;
        loop {
            let next = self.connection.next().await;
            self.confirm(&next).await;
            let course = match next? {
                Next::Event(event) => self.event(event).await?,
                Next::Shutdown => self.farewell((4, 3, 2), "The bridge is shutting down").await?,
                Next::TakenBack => self.farewell((4, 7, 0), TAKEN_BACK).await?,
                Next::Silence => self.farewell((4, 4, 2), "Nothing was said for too long").await?,
            };
            if matches!(course, Course::Over) {
                return Ok(());
            }
        }
    }

    async fn event(&mut self, event: Event) -> Result<Course, Loss> {
        let action = match event {
            Event::Command(command) => {
                if matches!(command, Command::Ehlo(_) | Command::Mail(_)) {
                    let treatment = &self.treatment;
                    self.session.renew(|account| treatment.terms(account.limits().submission));
                }
                self.session.command(command)
            }
            Event::Invalid(invalid) => {
                self.connection.set_mode(Mode::Command);
                self.session.invalid(invalid)
            }
            Event::Auth(line) => {
                self.connection.set_mode(Mode::Command);
                self.session.auth_line(&line)
            }
            Event::Chunk(_) | Event::ChunkEnd | Event::DataEnd(_) => {
                tracing::warn!(connection = self.id, "the SMTP stream is out of step");
                return self.farewell((4, 3, 0), "The bridge lost its place").await;
            }
        };
        self.act(action).await
    }

    async fn act(&mut self, action: Action<Account, Box<Gathering>>) -> Result<Course, Loss> {
        match action {
            Action::Reply(reply) => self.connection.reply(&reply).await?,
            Action::Challenge(challenge) => {
                self.connection.set_mode(Mode::Auth);
                self.connection.reply(&challenge).await?;
            }
            Action::Check(credentials) => return self.log_in(credentials).await,
            Action::Expect(account, envelope) => {
                return self.expect(&account, &envelope).await;
            }
            Action::Name(account, name) => {
                let named = account.sender_named(&name, self.treatment.rules());
                let action = match named {
                    Ok(Some(address)) => self.session.name_sender(address),
                    Ok(None) => self.session.turn_away(answers::no_domain()),
                    Err(fault) => self.session.turn_away(answers::fault(&fault)),
                };
                return Box::pin(self.act(action)).await;
            }
            Action::Receive(handover) => {
                let incoming = self.incoming(handover);
                let account = incoming.account.clone();
                // Large, and rare beside commands.
                let taken = Box::pin(data::take(&mut self.connection, incoming)).await?;
                self.answer(account, taken).await?;
            }
            Action::Chunk(chunk, bdat) => Box::pin(self.chunk(chunk, bdat)).await?,
            Action::PassOver(reply) => {
                chunks::pass_over(&mut self.connection).await?;
                self.connection.reply(&reply).await?;
            }
            Action::StartTls(reply) => return self.start_tls(&reply).await,
            Action::Close(reply) => {
                self.connection.reply(&reply).await?;
                return Ok(Course::Over);
            }
        }
        Ok(Course::On)
    }

    async fn expect(&mut self, account: &Account, envelope: &Envelope) -> Result<Course, Loss> {
        let (reply, course) = match account.expect(envelope, self.treatment.rules()).await {
            Ok(()) => (answers::sender_taken(), Course::On),
            Err(fault) => match self.session.turn_away(answers::fault(&fault)) {
                Action::Close(reply) => (reply, Course::Over),
                _ => (answers::fault(&fault), Course::On),
            },
        };
        self.connection.reply(&reply).await?;
        Ok(course)
    }

    fn incoming(&self, handover: Handover<Account>) -> Incoming {
        let Handover { user, transaction, limit } = handover;
        Incoming {
            account: user,
            origin: self.origin(transaction.smtputf8),
            envelope: transaction.envelope,
            limit,
            rules: Arc::clone(self.treatment.rules()),
        }
    }

    fn origin(&self, smtputf8: SmtpUtf8) -> Origin {
        Origin {
            login: self.login.as_str().into(),
            profile: self.treatment.device().map(Into::into),
            peer: self.connection.peer().ip(),
            hello: self.session.hello().into(),
            protocol: self.session.protocol(smtputf8),
        }
    }

    async fn start_tls(&mut self, reply: &Reply) -> Result<Course, Loss> {
        // Whoever stands between could have put it there (CVE-2011-0411); STARTTLS ends a group of
        // pipelined commands (RFC 3207 §4).
        if self.connection.is_ahead() {
            return self.farewell((4, 7, 0), "Nothing may follow STARTTLS but the handshake").await;
        }
        self.connection.reply(reply).await?;
        self.connection.secure().await?;
        self.session.secured();
        Ok(Course::On)
    }

    async fn log_in(&mut self, credentials: Credentials) -> Result<Course, Loss> {
        // What was answered before should not wait for a slow check.
        self.connection.flush().await?;
        let admitted = self.door.admit(&credentials.user, credentials.password.expose()).await;
        let reply = match admitted {
            Ok(login) => {
                self.login = String::from_utf8_lossy(&credentials.user).into_owned();
                self.logged_in(login)
            }
            Err(fault) => {
                tracing::info!(connection = self.id, peer = %self.connection.peer(), %fault, "SMTP login failed");
                self.session.not_logged_in();
                if *fault.kind() == Kind::WrongPassword && self.door.is_shut() {
                    self.connection.reply(&answers::fault(&fault)).await?;
                    return self.farewell((4, 7, 0), "Too many wrong passwords").await;
                }
                answers::fault(&fault)
            }
        };
        self.connection.reply(&reply).await?;
        Ok(Course::On)
    }

    fn logged_in(&mut self, login: Login) -> Reply {
        let Login { account, lease, device } = login;
        if self.treatment.log_in(device.as_deref()).is_err() {
            tracing::warn!(
                connection = self.id,
                device,
                "a password is for a device that the settings do not have"
            );
            self.session.not_logged_in();
            return answers::unknown_device();
        }
        self.connection.logged_in(lease);
        let terms = self.treatment.terms(account.limits().submission);
        let member = Member { address: account.address().clone(), user: account };
        self.session.logged_in(member, terms)
    }

    async fn chunk(
        &mut self,
        chunk: Chunk<Account, Box<Gathering>>,
        bdat: Bdat,
    ) -> Result<(), Loss> {
        let gathered = match chunk {
            Chunk::First(handover) => {
                let incoming = self.incoming(handover);
                Gathering::begin(&mut self.connection, incoming, bdat).await?
            }
            Chunk::Next(gathering) => gathering.take(&mut self.connection, bdat).await?,
        };
        match (gathered, bdat.place) {
            (Gathered::Yes(gathering), ChunkPlace::Within) => {
                self.session.keep(gathering);
                self.connection.reply(&answers::chunk_taken(bdat.octets)).await
            }
            (Gathered::Yes(gathering), ChunkPlace::Last) => {
                let account = gathering.account().clone();
                let taken = gathering.finish(&mut self.connection).await;
                self.answer(account, taken).await
            }
            (Gathered::No(reply), _) => self.connection.reply(&reply).await,
        }
    }

    /// The last word on a message.
    async fn answer(&mut self, account: Account, taken: Taken) -> Result<(), Loss> {
        match taken {
            Taken::Yes(accepted, reply) => {
                self.session.taken();
                self.connection.reply(&reply).await?;
                self.connection.flush().await?;
                let writes = self.connection.writes();
                self.unconfirmed = Some(Unconfirmed { account, accepted, writes });
            }
            Taken::Unheard(accepted, reply) => {
                tracing::info!(submission.id = %accepted.id, "the client hung up before its answer");
                // It may have closed only its own half.
                self.connection.reply(&reply).await?;
            }
            Taken::No(reply) => self.connection.reply(&reply).await?,
        }
        Ok(())
    }

    /// A client that goes on, or closes in an orderly way, has read the answer before. One whose
    /// connection breaks may not have, and may come back with the same message; nor does a command
    /// tell anything that was sent ahead of the answer.
    async fn confirm(&mut self, next: &Result<Next<Event>, Loss>) {
        let is_later = |unconfirmed: &mut Unconfirmed| match next {
            Ok(Next::Event(_)) => self.connection.writes_before() >= unconfirmed.writes,
            _ => true,
        };
        let Some(unconfirmed) = self.unconfirmed.take_if(is_later) else { return };
        if matches!(next, Ok(Next::Event(_) | Next::Silence) | Err(Loss::Closed)) {
            unconfirmed.confirm().await;
        }
    }

    async fn farewell(
        &mut self,
        detail: (u16, u16, u16),
        text: &'static str,
    ) -> Result<Course, Loss> {
        let detail = EnhancedCode(detail.0, detail.1, detail.2);
        self.connection.reply(&answers::farewell(detail, text)).await?;
        Ok(Course::Over)
    }
}

impl Unconfirmed {
    async fn confirm(self) {
        if let Err(fault) = self.account.confirm(&self.accepted).await {
            tracing::warn!(submission.id = %self.accepted.id, %fault, "a delivered answer was not recorded");
        }
    }
}

#[cfg(test)]
#[path = "talk_tests.rs"]
mod tests;
