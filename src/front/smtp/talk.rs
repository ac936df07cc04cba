//! One client's conversation: the session's decisions carried out on the connection.

use wire::smtp::{EnhancedCode, Event, Mode, Reply};

use super::auth::Credentials;
use super::connection::{Connection, Next};
use super::data::{self, Incoming, Taken};
use super::session::{Action, Session};
use super::{MESSAGE_BEFORE_LOGIN, answers};
use crate::account::{Accepted, Account, Login};
use crate::front::login::{Door, TAKEN_BACK};
use crate::mailbox::Kind;
use crate::net::Loss;

#[derive(Debug)]
pub(super) struct Talk {
    id: u64,
    connection: Connection,
    door: Door,
    session: Session<Account>,
    /// Written, but the client has not yet shown that it lives.
    unconfirmed: Option<(Account, Accepted)>,
}

enum Course {
    On,
    Over,
}

impl Talk {
    pub(super) fn new(id: u64, connection: Connection, door: Door) -> Self {
        let session = Session::new(MESSAGE_BEFORE_LOGIN, connection.security());
        Self { id, connection, door, session, unconfirmed: None }
    }

    /// Speaks until the client leaves, fails, or is sent away.
    pub(super) async fn run(mut self) {
        tracing::debug!(connection = self.id, peer = %self.connection.peer(), "SMTP client connected");
        match self.converse().await {
            Ok(()) => self.connection.close().await,
            Err(loss) => tracing::debug!(connection = self.id, %loss, "SMTP client lost"),
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
            Event::Command(command) => self.session.command(command),
            Event::Invalid(invalid) => {
                self.connection.set_mode(Mode::Command);
                self.session.invalid(invalid)
            }
            Event::Auth(line) => {
                self.connection.set_mode(Mode::Command);
                self.session.auth_line(&line)
            }
            Event::Chunk(_) | Event::DataEnd(_) => {
                tracing::warn!(connection = self.id, "the SMTP stream is out of step");
                return self.farewell((4, 3, 0), "The bridge lost its place").await;
            }
        };
        self.act(action).await
    }

    async fn act(&mut self, action: Action<Account>) -> Result<Course, Loss> {
        match action {
            Action::Reply(reply) => self.connection.reply(&reply).await?,
            Action::Challenge(challenge) => {
                self.connection.set_mode(Mode::Auth);
                self.connection.reply(&challenge).await?;
            }
            Action::Check(credentials) => return self.log_in(credentials).await,
            Action::Receive { user, envelope, limit } => {
                let incoming = Incoming { account: user, envelope, limit };
                self.receive(incoming).await?;
            }
            Action::StartTls(reply) => return self.start_tls(&reply).await,
            Action::Close(reply) => {
                self.connection.reply(&reply).await?;
                return Ok(Course::Over);
            }
        }
        Ok(Course::On)
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
            Ok(Login { account, lease }) => {
                self.connection.logged_in(lease);
                let limit = account.limits().submission;
                self.session.logged_in(account, limit)
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

    async fn receive(&mut self, incoming: Incoming) -> Result<(), Loss> {
        let account = incoming.account.clone();
        // Large, and rare beside commands.
        match Box::pin(data::take(&mut self.connection, incoming)).await? {
            Taken::Yes(accepted, reply) => {
                self.session.taken();
                self.connection.reply(&reply).await?;
                self.connection.flush().await?;
                self.unconfirmed = Some((account, accepted));
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
    /// connection breaks may not have, and may come back with the same message.
    async fn confirm(&mut self, next: &Result<Next<Event>, Loss>) {
        let Some((account, accepted)) = self.unconfirmed.take() else { return };
        if !matches!(next, Ok(Next::Event(_) | Next::Silence) | Err(Loss::Closed)) {
            return;
        }
        if let Err(fault) = account.confirm(&accepted).await {
            tracing::warn!(submission.id = %accepted.id, %fault, "a delivered answer was not recorded");
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

#[cfg(test)]
#[path = "talk_tests.rs"]
mod tests;
