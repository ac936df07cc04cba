//! One client's conversation: phases, dispatch, and the sync point after every command.

use wire::imap::{
    Bad, Body, Code, Command, Data, Defect, Event, FilingVerb, MessageLiteral, Reply, Select,
    Status, StreamError, Tag, Trust, parse_with,
};

use super::connection::{Connection, Next};
use super::enabled::{Enabled, Extension};
use super::ending::{self, Ending, Halt, Handled};
use super::manner::{Closing, Manner, wants_mod_sequences};
use super::selected::{Access, Selected};
use super::{
    Standing, append, auth, basic, capabilities, copy, expunge, fetch, folder, idle, list, replace,
    search, select, sort, status, store, thread,
    wrap::{self, Wrap},
};
use crate::account::{Account, Filed};
use crate::front::login::{Door, TAKEN_BACK};
use crate::mailbox::Expunges;
use crate::net::Loss;

/// Mistakes in a row after which a client is taken for something else than a mail client.
const MISTAKES: u32 = 10;

#[derive(Debug)]
pub(super) struct Session {
    id: u64,
    connection: Connection,
    door: Door,
    phase: Phase,
    enabled: Enabled,
    mistakes: u32,
    /// What was filed, and the client may not have read the answer.
    unconfirmed: Vec<Unconfirmed>,
}

#[derive(Debug)]
struct Unconfirmed {
    filed: Filed,
    /// Its answer has left after so many writes.
    writes: u64,
}

/// RFC 3501 §3.
#[derive(Debug)]
enum Phase {
    NotAuthenticated,
    Authenticated(Account),
    Selected(Box<Selected>),
    Logout,
}

/// How the sync point after a command went.
enum Sync {
    Done,
    /// The news come later.
    Missed,
    Farewell(&'static str),
}

impl Session {
    pub(super) fn new(id: u64, connection: Connection, door: Door) -> Self {
        let (phase, enabled) = (Phase::NotAuthenticated, Enabled::default());
        Self { id, connection, door, phase, enabled, mistakes: 0, unconfirmed: Vec::new() }
    }

    /// Speaks until the client leaves, fails, or is sent away.
    pub(super) async fn run(mut self) {
        tracing::debug!(connection = self.id, peer = %self.connection.peer(), "IMAP client connected");
        let code = Code::Capability(capabilities(self.standing()));
        self.connection.reply(&Reply::untagged(Status::Ok, "footbridge ready").with_code(code));
        match self.converse().await {
            Ok(()) => self.connection.close().await,
            Err(loss) => tracing::debug!(connection = self.id, %loss, "IMAP client lost"),
        }
    }

    async fn converse(&mut self) -> Result<(), Loss> {
        loop {
            match self.connection.next().await? {
                Next::Event(event) => self.event(event).await?,
                Next::Shutdown => self.farewell("The bridge is shutting down"),
                Next::TakenBack => self.farewell(TAKEN_BACK),
                Next::Silence => self.farewell("Logged out for inactivity"),
            }
            if matches!(self.phase, Phase::Logout) {
                return Ok(());
            }
            self.connection.relieve().await?;
        }
    }

    async fn event(&mut self, event: Event) -> Result<(), Loss> {
        self.confirm_filed().await;
        match event {
            Event::Command(line) => match parse_with(&line, self.enabled.names()) {
                Ok(command) => self.command(command).await?,
                Err(bad) => self.bad(bad),
            },
            Event::Message(message) => self.append(message).await?,
            Event::Continue => self.connection.continuation("Go ahead"),
            Event::Bad(bad) => self.bad(bad),
            Event::Broken(error) => self.broken(&error),
            Event::Data(_) | Event::Chunk(_) | Event::MessageEnd(_) => {
                tracing::warn!(connection = self.id, "the IMAP stream is out of step");
                self.farewell("The bridge lost its place in the conversation");
            }
        }
        Ok(())
    }

    // === commands ===

    async fn command(&mut self, command: Command) -> Result<(), Loss> {
        let Command { tag, body } = command;
        self.connection.begin(&tag);
        let manner = Manner::of(&body);
        if let Some(wrap) = Wrap::asked_by(&body) {
            return self.wrap(&tag, (wrap, manner)).await;
        }
        if wants_mod_sequences(&body) {
            self.enable(Extension::CondStore);
        }
        let handled = self.perform(&tag, body).await;
        self.finish(&tag, manner, handled).await
    }

    /// What was agreed begins after the answer.
    async fn wrap(&mut self, tag: &Tag, (wrap, manner): (Wrap, Manner)) -> Result<(), Loss> {
        let handled = wrap.handle(&self.connection, self.standing());
        let is_agreed = handled.is_ok();
        self.finish(tag, manner, handled).await?;
        if is_agreed {
            wrap.begin(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn append(&mut self, message: MessageLiteral) -> Result<(), Loss> {
        let tag = message.tag.clone();
        self.connection.begin(&tag);
        let manner = match message.verb {
            FilingVerb::Append => Manner::APPEND,
            FilingVerb::Replace(_) => Manner::REPLACE,
        };
        match Box::pin(self.file(message)).await {
            Err(halt) => self.finish(&tag, manner, Err(halt)).await,
            Ok((ending, filed)) => {
                self.finish(&tag, manner, Ok(ending)).await?;
                let writes = self.connection.writes_needed();
                self.unconfirmed.push(Unconfirmed { filed, writes });
                Ok(())
            }
        }
    }

    /// A client whose connection breaks before it has the answer comes back with the same message,
    /// which is then no other one. Who begins to speak after the answer has left has it; what was
    /// sent ahead of the answer proves nothing.
    async fn confirm_filed(&mut self) {
        let had = self.connection.writes_before();
        let Ok(account) = self.account() else { return };
        for Unconfirmed { filed, .. } in self.unconfirmed.extract_if(.., |one| one.writes <= had) {
            if let Err(fault) = account.confirm_filed(filed).await {
                ending::log(self.id, "APPEND", &fault);
            }
        }
    }

    async fn file(&mut self, message: MessageLiteral) -> Result<(Ending, Filed), Halt> {
        let own = self.unconfirmed.iter().flat_map(|one| one.filed.names()).cloned();
        let own: Vec<String> = own.collect();
        let connection = &mut self.connection;
        let refused = match message.verb.clone() {
            FilingVerb::Append => match self.phase.account() {
                Ok(account) => {
                    return append::run(connection, (&account, self.enabled), message, &own).await;
                }
                Err(refusal) => refusal,
            },
            FilingVerb::Replace(set) => match self.phase.selected() {
                Ok(selected) => {
                    return replace::run(connection, selected, (&set, message), &own).await;
                }
                Err(refusal) => refusal,
            },
        };
        connection.refuse();
        Err(refused.into())
    }

    async fn perform(&mut self, tag: &Tag, body: Body) -> Handled {
        match body {
            Body::Capability => {
                let standing = self.standing();
                Ok(basic::capability(&mut self.connection, standing))
            }
            Body::Id(_) => Ok(basic::id(&mut self.connection)),
            Body::Noop => self.refresh("NOOP done").await,
            Body::Logout => {
                self.farewell("Until next time");
                Ok(Ending::ok("Logged out"))
            }
            Body::Authenticate { .. } | Body::Login { .. } => self.sign_in(body).await,
            Body::Enable(names) => self.enable_all(&names),
            Body::Select(select) => self.select(&select, Access::ReadWrite).await,
            Body::Examine(select) => self.select(&select, Access::ReadOnly).await,
            Body::Idle => {
                self.account()?;
                Box::pin(idle::run(&mut self.connection, self.phase.selected().ok())).await
            }
            Body::Check => {
                self.phase.selected()?;
                self.refresh("CHECK done").await
            }
            Body::Close => self.close().await,
            Body::Unselect => {
                self.phase.selected()?;
                self.unselect();
                Ok(Ending::ok("Folder closed, nothing expunged"))
            }
            Body::Delete(name) => self.delete(&name).await,
            body @ (Body::Search(_)
            | Body::Sort(_)
            | Body::Thread(_)
            | Body::Fetch(_)
            | Body::Store(_)
            | Body::Copy { .. }
            | Body::Move { .. }
            | Body::Expunge
            | Body::UidExpunge(_)) => Box::pin(self.on_messages(tag, body)).await,
            body => Box::pin(self.on_folders(body)).await,
        }
    }

    async fn sign_in(&mut self, body: Body) -> Handled {
        if !matches!(self.phase, Phase::NotAuthenticated) {
            return Err(Ending::bad("Already logged in").into());
        }
        wrap::may_log_in(&self.connection)?;
        let (connection, door) = (&mut self.connection, &mut self.door);
        let login = match body {
            Body::Login { user, password } => auth::login(connection, door, &user, &password).await,
            Body::Authenticate { mechanism, initial } => {
                auth::authenticate(connection, door, &mechanism, initial).await
            }
            _ => Err(Ending::bad("Not now").into()),
        }?;
        tracing::info!(connection = self.id, account = %login.account.address(), "IMAP login");
        self.connection.logged_in(login.lease);
        self.phase = Phase::Authenticated(login.account);
        let code = Code::Capability(capabilities(self.standing()));
        Ok(Ending::ok("Logged in").with(code))
    }

    async fn on_folders(&mut self, body: Body) -> Handled {
        let account = self.account()?;
        let connection = &mut self.connection;
        match body {
            Body::Namespace => Ok(basic::namespace(connection)),
            Body::Create(create) => {
                folder::create(connection, &account, &create, self.enabled).await
            }
            Body::Rename { from, to } => {
                folder::rename(connection, &account, (&from, &to), self.enabled).await
            }
            Body::Subscribe(name) => folder::subscribe(connection, &account, &name).await,
            Body::Unsubscribe(name) => folder::unsubscribe(connection, &account, &name).await,
            Body::List(list) => list::list(connection, &account, &list, self.enabled).await,
            Body::Lsub { reference, pattern } => {
                list::lsub(connection, &account, &reference, &pattern).await
            }
            Body::Status { mailbox, items } => {
                status::run(connection, &account, (&mailbox, &items), self.enabled).await
            }
            _ => Err(Ending::bad("Not now").into()),
        }
    }

    async fn on_messages(&mut self, tag: &Tag, body: Body) -> Handled {
        self.enabled.permits(&body)?;
        let selected = self.phase.selected()?;
        let connection = &mut self.connection;
        match body {
            Body::Search(search) => search::run(connection, selected, (tag, &search)).await,
            Body::Sort(sort) => sort::run(connection, selected, (tag, &sort)).await,
            Body::Thread(thread) => thread::run(connection, selected, &thread).await,
            Body::Fetch(fetch) => fetch::run(connection, selected, fetch).await,
            Body::Store(store) => store::run(connection, selected, &store).await,
            Body::Copy { set, mailbox } => copy::copy(connection, selected, &set, &mailbox).await,
            Body::Move { set, mailbox } => {
                copy::relocate(connection, selected, &set, &mailbox).await
            }
            Body::Expunge => expunge::all(connection, selected).await,
            Body::UidExpunge(set) => expunge::some(connection, selected, &set).await,
            _ => Err(Ending::bad("Not now").into()),
        }
    }

    // === phases ===

    /// ENABLE names what of its arguments is in force from now on (RFC 5161 §3.2).
    fn enable_all(&mut self, names: &[String]) -> Handled {
        self.account()?;
        let wanted = |extension: &Extension| {
            names.iter().any(|name| name.eq_ignore_ascii_case(extension.name()))
        };
        let extensions: Vec<Extension> = Extension::ALL.into_iter().filter(wanted).collect();
        extensions.iter().for_each(|extension| self.enable(*extension));
        let names = extensions.iter().map(|extension| extension.name().into());
        self.connection.data(&Data::Enabled(names.collect()));
        Ok(Ending::ok("ENABLE done"))
    }

    /// A client that begins to want mod-sequences in the middle of a folder is told where it stands
    /// (RFC 7162 §3.1).
    fn enable(&mut self, extension: Extension) {
        if matches!(self.phase, Phase::NotAuthenticated | Phase::Logout) {
            return;
        }
        self.enabled = self.enabled.with(extension);
        self.connection.set_names(self.enabled.names());
        if let Ok(selected) = self.phase.selected() {
            selected.enable(&mut self.connection, self.enabled);
        }
    }

    /// A failed SELECT leaves no folder selected (RFC 3501 §6.3.1), one that asks for the impossible
    /// changes nothing.
    async fn select(&mut self, select: &Select, access: Access) -> Handled {
        let account = self.account()?;
        if select.qresync().is_some() && !self.enabled.has(Extension::QResync) {
            return Err(Ending::bad("QRESYNC needs ENABLE QRESYNC first").into());
        }
        if self.unselect() {
            let closed = Reply::untagged(Status::Ok, "Previous folder closed");
            self.connection.reply(&closed.with_code(Code::Closed));
        }
        let connection = &mut self.connection;
        let wish = select::Wish { select, access, enabled: self.enabled };
        let (selected, ending) = Box::pin(select::run(connection, account, &wish)).await?;
        self.phase = Phase::Selected(Box::new(selected));
        Ok(ending)
    }

    /// If a message cannot be expunged the folder stays selected: the client may try again.
    async fn close(&mut self) -> Handled {
        let selected = self.phase.selected()?;
        if selected.access == Access::ReadWrite {
            Box::pin(expunge::quietly(&mut self.connection, selected)).await?;
        }
        self.unselect();
        Ok(Ending::ok("Folder closed"))
    }

    async fn delete(&mut self, name: &wire::imap::MailboxName) -> Handled {
        let account = self.account()?;
        let deleted = folder::delete(&mut self.connection, &account, name).await?;
        // By its id: it may have been renamed since it was selected.
        if self.phase.selected().is_ok_and(|selected| *selected.folder.id() == deleted) {
            self.unselect();
            let closed = Reply::untagged(Status::Ok, "The selected folder was deleted");
            self.connection.reply(&closed.with_code(Code::Closed));
        }
        Ok(Ending::ok("Folder deleted"))
    }

    /// Asks the service for news. It cannot fail for the client: news that cannot be had now come
    /// later.
    async fn refresh(&mut self, text: &'static str) -> Handled {
        if let Ok(selected) = self.phase.selected()
            && let Err(fault) = self.connection.patiently(selected.folder.refresh()).await?
        {
            ending::log(self.id, "refresh", &fault);
        }
        Ok(Ending::ok(text))
    }

    /// Whether a folder was selected.
    fn unselect(&mut self) -> bool {
        let Phase::Selected(selected) = &self.phase else { return false };
        self.phase = Phase::Authenticated(selected.account.clone());
        true
    }

    fn account(&self) -> Result<Account, Ending> {
        self.phase.account()
    }

    fn standing(&self) -> Standing {
        match self.phase.account() {
            Ok(account) => Standing::User { append_limit: account.limits().append },
            Err(_) => Standing::Stranger(self.connection.security()),
        }
    }

    // === answers ===

    async fn finish(&mut self, tag: &Tag, manner: Manner, handled: Handled) -> Result<(), Loss> {
        let mut ending = match handled {
            Ok(ending) | Err(Halt::Refused(ending)) => ending,
            Err(Halt::Fault(fault)) => {
                ending::log(self.id, manner.name, &fault);
                Ending::fault(&fault)
            }
            Err(Halt::Farewell(text)) => {
                self.farewell(text);
                return Ok(());
            }
            Err(Halt::Loss(loss)) => return Err(loss),
        };
        let synced = self.sync(manner.expunges).await?;
        if manner.closing == Closing::HighestModSeq && matches!(synced, Sync::Done) {
            self.close_with_highest(&mut ending);
        }
        self.answer(Some(tag), ending);
        if let Sync::Farewell(text) = synced {
            self.farewell(text);
        }
        if self.door.is_shut() {
            self.farewell("Too many wrong passwords");
        }
        Ok(())
    }

    async fn sync(&mut self, expunges: Expunges) -> Result<Sync, Loss> {
        let Ok(selected) = self.phase.selected() else { return Ok(Sync::Done) };
        match selected.sync(&mut self.connection, expunges).await {
            Ok(()) => Ok(Sync::Done),
            Err(Halt::Refused(_)) => Ok(Sync::Missed),
            Err(Halt::Farewell(text)) => Ok(Sync::Farewell(text)),
            Err(Halt::Loss(loss)) => Err(loss),
            Err(Halt::Fault(fault)) => {
                // The command itself has its answer; the news come with a later one.
                ending::log(self.id, "sync", &fault);
                Ok(Sync::Missed)
            }
        }
    }

    fn close_with_highest(&mut self, ending: &mut Ending) {
        let wanted = ending.status == Status::Ok && ending.code.is_none();
        if let (true, Ok(selected)) = (wanted, self.phase.selected()) {
            ending.code = selected.highest_mod_seq();
        }
    }

    fn answer(&mut self, tag: Option<&Tag>, ending: Ending) {
        self.mistakes = if ending.status == Status::Bad { self.mistakes + 1 } else { 0 };
        let Ending { status, code, text } = ending;
        self.connection.reply(&Reply { tag: tag.cloned(), status, code, text });
        if self.mistakes >= MISTAKES {
            self.farewell("Too many mistakes in a row");
        }
    }

    fn bad(&mut self, bad: Bad) {
        self.answer(bad.tag.as_ref(), Ending::bad(bad.text));
    }

    fn broken(&mut self, error: &StreamError) {
        let text = error.defect.to_string();
        let ending = match error.defect {
            Defect::MessageTooLarge => Ending::no(text).with(Code::TooBig),
            _ => Ending::bad(text),
        };
        self.answer(error.tag.as_ref(), ending);
        if error.trust == Trust::Lost {
            self.farewell("Cannot tell where the next command begins");
        }
    }

    /// BYE, once.
    fn farewell(&mut self, text: &'static str) {
        if matches!(self.phase, Phase::Logout) {
            return;
        }
        self.connection.reply(&Reply::untagged(Status::Bye, text));
        self.phase = Phase::Logout;
    }
}

impl Phase {
    fn account(&self) -> Result<Account, Ending> {
        match self {
            Self::Authenticated(account) => Ok(account.clone()),
            Self::Selected(selected) => Ok(selected.account.clone()),
            Self::NotAuthenticated | Self::Logout => Err(Ending::bad("Log in first")),
        }
    }

    fn selected(&mut self) -> Result<&mut Selected, Ending> {
        match self {
            Self::Selected(selected) => Ok(selected),
            Self::Authenticated(_) => Err(Ending::bad("Select a folder first")),
            Self::NotAuthenticated | Self::Logout => Err(Ending::bad("Log in first")),
        }
    }
}
