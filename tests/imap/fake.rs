//! A mailbox in memory and a server over it, for the conversations in `conversations.rs`.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use footbridge::account::{Account, Accounts, Hydration, LocalPassword, Pace, Parts, Sizes, Use};
use footbridge::auth::Secret;
use footbridge::auth::password::HashedPassword;
use footbridge::backend::{
    Backend, FlagWrite, Limits, Page, RemoteChange, RemoteFolder, RemoteFolderRef, RemoteMessage,
    Seen, Staged, Traces, Upload, Urgency, Watch,
};
use footbridge::clock::Clock;
use footbridge::front::imap::Server;
use footbridge::mailbox::{
    Address, Cursor, Fault, Flags, Kind, Outcome, RemoteId, RemoteVersion, Role, Spooled, Timestamp,
};
use footbridge::net::{self, Drain, bind_all};
use footbridge::store::Store;

use crate::opinion::Listener;

#[derive(Debug, Default)]
pub(crate) struct Fake {
    state: Mutex<State>,
    stalled: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    tick: u64,
    folders: Vec<RemoteFolder>,
    messages: Vec<Message>,
    gone: Vec<(u64, RemoteId, RemoteId)>,
    /// Answers of the next calls that touch messages.
    faults: Vec<Kind>,
}

#[derive(Clone, Debug)]
struct Message {
    id: String,
    folder: RemoteId,
    flags: Flags,
    received: Timestamp,
    bytes: Vec<u8>,
    changed: u64,
}

impl Message {
    fn remote(&self) -> RemoteMessage {
        RemoteMessage {
            id: RemoteId::new(self.id.as_str()),
            folder: self.folder.clone(),
            version: Some(RemoteVersion::new(self.changed.to_string())),
            flags: self.flags.clone(),
            received: self.received,
            estimate: Some(1),
            thread: None,
        }
    }
}

impl State {
    fn add(&mut self, folder: &RemoteId, bytes: &[u8], flags: Flags) -> RemoteMessage {
        self.tick += 1;
        let message = Message {
            id: format!("m{}", self.tick),
            folder: folder.clone(),
            flags,
            received: Timestamp(1_700_000_000 + i64::try_from(self.tick).unwrap()),
            bytes: bytes.to_vec(),
            changed: self.tick,
        };
        self.messages.push(message.clone());
        message.remote()
    }

    fn find(&mut self, id: &RemoteId) -> Outcome<&mut Message> {
        if let Some(kind) = self.faults.pop() {
            return Err(kind.into());
        }
        let found = self.messages.iter_mut().find(|message| message.id == id.as_str());
        found.ok_or_else(|| Kind::NoSuchMessage.into())
    }

    fn remove(&mut self, id: &RemoteId) -> Outcome<Message> {
        let message = self.find(id)?.clone();
        self.tick += 1;
        self.messages.retain(|other| other.id != message.id);
        self.gone.push((self.tick, message.folder.clone(), id.clone()));
        Ok(message)
    }

    fn page(&self, folder: &RemoteId, since: Option<&Cursor>) -> Page<RemoteMessage> {
        let since: u64 = since.map_or(0, |cursor| cursor.as_str().parse().unwrap());
        let live = self.messages.iter().filter(|m| m.folder == *folder && m.changed > since);
        let live = live.map(|message| RemoteChange::Upsert(message.remote()));
        let gone =
            self.gone.iter().filter(|(at, from, _)| *at > since && since > 0 && from == folder);
        let gone = gone.map(|(_, _, id)| RemoteChange::Gone(id.clone()));
        let changes = live.chain(gone).collect();
        Page { changes, cursor: Cursor::new(self.tick.to_string()), more: false }
    }
}

impl Fake {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn deliver(&self, bytes: &str) -> RemoteId {
        let bytes = bytes.replace('\n', "\r\n");
        self.state().add(&RemoteId::new("inbox"), bytes.as_bytes(), Flags::none()).id
    }

    pub(crate) fn vanish(&self, id: &RemoteId) {
        self.state().remove(id).unwrap();
    }

    /// No message bytes come until `go_on`.
    pub(crate) fn stall(&self) {
        self.stalled.send_replace(true);
    }

    pub(crate) fn go_on(&self) {
        self.stalled.send_replace(false);
    }

    pub(crate) fn fail_next(&self, kind: Kind) {
        self.state().faults.push(kind);
    }
}

#[async_trait]
impl Backend for Fake {
    fn limits(&self) -> Limits {
        Limits {
            append: 3_000_000,
            submission: 3_000_000,
            stage: 3_000_000,
            stage_surely: 3_000_000,
            part: 3_000_000,
        }
    }

    async fn folders(&self, _: Option<&Cursor>, _: Urgency) -> Outcome<Page<RemoteFolder>> {
        let state = self.state();
        let changes = state.folders.iter().cloned().map(RemoteChange::Upsert).collect();
        Ok(Page { changes, cursor: Cursor::new("1"), more: false })
    }

    async fn look_up_folders(
        &self,
        folders: &[RemoteId],
        _: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteFolder>>> {
        let state = self.state();
        let find = |id: &RemoteId| state.folders.iter().find(|folder| folder.id == *id).cloned();
        Ok(folders.iter().map(|id| find(id).ok_or_else(|| Kind::NoSuchFolder.into())).collect())
    }

    async fn changes(
        &self,
        folder: &RemoteId,
        since: Option<&Cursor>,
        _: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        Ok(self.state().page(folder, since))
    }

    async fn listing(
        &self,
        folder: &RemoteId,
        _: Option<&Cursor>,
        _: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        Ok(self.state().page(folder, None))
    }

    async fn poll(&self, watches: &[Watch]) -> Outcome<Vec<Outcome<Seen>>> {
        let mut seen = Vec::new();
        for watch in watches {
            seen.push(match watch {
                Watch::Folders(since) => {
                    self.folders(Some(since), Urgency::Poll).await.map(Seen::Folders)
                }
                Watch::Messages { folder, since } => {
                    Ok(Seen::Messages(self.state().page(folder, Some(since))))
                }
            });
        }
        Ok(seen)
    }

    async fn count(&self, folder: &RemoteId, _: Urgency) -> Outcome<u64> {
        Ok(self.state().messages.iter().filter(|m| m.folder == *folder).count() as u64)
    }

    async fn look_up(
        &self,
        messages: &[RemoteId],
        _: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let mut state = self.state();
        Ok(messages.iter().map(|id| state.find(id).map(|message| message.remote())).collect())
    }

    async fn fetch(&self, message: &RemoteId, file: &Path, _: Urgency) -> Outcome<u64> {
        let mut stalled = self.stalled.subscribe();
        stalled.wait_for(|stalled| !stalled).await.map_err(Fault::defect)?;
        let bytes = self.state().find(message)?.bytes.clone();
        tokio::fs::write(file, &bytes).await.map_err(Fault::defect)?;
        Ok(bytes.len() as u64)
    }

    async fn write_flags(&self, writes: &[FlagWrite]) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let mut state = self.state();
        let write = |write: &FlagWrite| {
            state.tick += 1;
            let tick = state.tick;
            let message = state.find(&write.known.id)?;
            message.flags = write.edit.apply(&message.flags);
            message.changed = tick;
            Ok(message.remote())
        };
        Ok(writes.iter().map(write).collect())
    }

    async fn recover(
        &self,
        _: &RemoteFolderRef,
        _: &Upload,
        _: &[RemoteId],
    ) -> Outcome<Option<RemoteMessage>> {
        Ok(None)
    }

    async fn append(&self, folder: &RemoteFolderRef, upload: &Upload) -> Outcome<RemoteMessage> {
        let bytes = tokio::fs::read(&upload.message.path).await.map_err(Fault::defect)?;
        Ok(self.state().add(&folder.id, &bytes, upload.flags.clone()))
    }

    async fn copy(
        &self,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let mut state = self.state();
        let copy = |known: &RemoteMessage| {
            let message = state.find(&known.id)?.clone();
            Ok(state.add(to, &message.bytes, message.flags))
        };
        Ok(messages.iter().map(copy).collect())
    }

    async fn relocate(
        &self,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let mut state = self.state();
        let relocate = |known: &RemoteMessage| {
            let message = state.remove(&known.id)?;
            Ok(state.add(to, &message.bytes, message.flags))
        };
        Ok(messages.iter().map(relocate).collect())
    }

    async fn destroy(&self, messages: &[RemoteId]) -> Outcome<Vec<Outcome<()>>> {
        let mut state = self.state();
        Ok(messages.iter().map(|id| state.remove(id).map(drop)).collect())
    }

    async fn create_folder(&self, parent: Option<&RemoteId>, name: &str) -> Outcome<RemoteFolder> {
        let mut state = self.state();
        let made = RemoteFolder {
            id: RemoteId::new(format!("f{}", state.folders.len())),
            parent: parent.cloned(),
            name: name.into(),
            role: None,
            total: None,
        };
        state.folders.push(made.clone());
        Ok(made)
    }

    async fn rename_folder(
        &self,
        folder: &RemoteFolderRef,
        parent: Option<&RemoteId>,
        name: &str,
    ) -> Outcome<RemoteFolder> {
        let mut state = self.state();
        let found = state.folders.iter_mut().find(|known| known.id == folder.id);
        let found = found.ok_or_else(|| Fault::from(Kind::NoSuchFolder))?;
        (found.parent, found.name) = (parent.cloned(), name.into());
        Ok(found.clone())
    }

    async fn delete_folder(&self, folder: &RemoteId) -> Outcome<()> {
        self.state().folders.retain(|known| known.id != *folder);
        Ok(())
    }

    async fn addresses(&self) -> Outcome<Vec<Address>> {
        Ok(Vec::new())
    }

    async fn stage(&self, _: &Spooled) -> Outcome<Staged> {
        Err(Kind::NotSupported.into())
    }

    async fn dispatch(&self, _: &RemoteId) -> Outcome<()> {
        Err(Kind::NotSupported.into())
    }

    async fn unstage(&self, _: &RemoteId) -> Outcome<()> {
        Err(Kind::NotSupported.into())
    }

    async fn trace(&self, _: &str, _: Timestamp) -> Outcome<Traces> {
        Ok(Traces::default())
    }
}

/// A served mailbox.
pub(crate) struct World {
    pub(crate) backend: Arc<Fake>,
    pub(crate) clock: Clock,
    pub(crate) drain: Drain,
    address: std::net::SocketAddr,
    _directory: TempDir,
}

/// One client: sends whole lines, hears until its tagged answer.
pub(crate) struct Client {
    socket: TcpStream,
    heard: Vec<u8>,
    listener: Listener,
}

impl World {
    pub(crate) async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let clock = Clock::manual(Timestamp(1_700_000_000));
        let backend = Arc::new(Fake::default());
        for (id, name, role) in
            [("inbox", "Inbox", Role::Inbox), ("sent", "Sent Items", Role::Sent)]
        {
            let (id, name) = (RemoteId::new(id), name.to_owned());
            let folder = RemoteFolder { id, parent: None, name, role: Some(role), total: None };
            backend.state().folders.push(folder);
        }
        backend.state().tick = 1;
        let store = Store::open(directory.path(), clock.clone()).await.unwrap();
        let second = Duration::from_secs(1);
        let pace = Pace {
            poll: second * 15,
            // Every NOOP looks: the clock stands still.
            freshness: Duration::ZERO,
            audit: second * 3600,
            cache_bytes: 1 << 30,
            message_bytes: 3_000_000,
            hydration: Hydration::Off,
            sizes: Sizes::Exact,
        };
        let address = Address::new("ada@contoso.example").unwrap();
        let shared: Arc<dyn Backend> = backend.clone();
        let queue = footbridge::config::Queue::default();
        let parts = Parts { address, backend: shared, store, clock: clock.clone(), pace, queue };
        let account = Account::new(parts);
        let accounts = Accounts::new();
        let hash = HashedPassword::new(&Secret::new("secret"));
        accounts
            .add(account.clone(), vec![LocalPassword { hash, purpose: Use::Both, device: None }]);
        let drain = Drain::new();
        let (syncer, ending) = (account.clone(), drain.clone());
        drain.spawn(async move {
            tokio::select! { () = syncer.run() => {}, () = ending.begun() => {} }
        });
        account.looks().wait_for(|looks| looks.good > 0).await.unwrap();
        let bound = bind_all(&["127.0.0.1:0".parse().unwrap()]).await.unwrap().remove(0);
        let address = bound.address();
        let server = Server::new(accounts, footbridge::front::Silence::default(), drain.clone());
        drain.spawn(bound.serve(server, net::Limits::default(), clock.clone(), drain.clone()));
        Self { backend, clock, drain, address, _directory: directory }
    }

    pub(crate) async fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let mut client = Client { socket, heard: Vec::new(), listener: Listener::default() };
        let greeting = client.until("\r\n").await;
        assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 "), "{greeting}");
        client
    }

    pub(crate) async fn inbox(&self) -> Client {
        let mut client = self.connect().await;
        client.ok("LOGIN ada@contoso.example secret").await;
        client.ok("SELECT INBOX").await;
        client
    }
}

impl World {
    /// Lets time pass without end, one step with each round trip of another client.
    pub(crate) async fn let_pass(&self, step: Duration) {
        let mut other = self.connect().await;
        loop {
            other.ok("CAPABILITY").await;
            self.clock.advance(step);
        }
    }
}

/// Which session is the first to hear of a message is for other tests.
fn without_recent(heard: &str) -> String {
    let flags = heard.replace("(\\Recent)", "()").replace(" \\Recent)", ")");
    let told = |line: &&str| !line.ends_with(" RECENT\r\n");
    flags.split_inclusive('\n').filter(told).collect()
}

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    /// All that is heard up to and with the next `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.heard.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let rest = self.heard.split_off(at + end.len());
                let heard = std::mem::replace(&mut self.heard, rest);
                let heard = without_recent(&String::from_utf8_lossy(&heard));
                if heard.is_empty() {
                    continue;
                }
                return heard;
            }
            let mut buffer = [0; 4096];
            let read = self.socket.read(&mut buffer).await.unwrap();
            assert!(read > 0, "closed; heard {:?}", String::from_utf8_lossy(&self.heard));
            self.listener.hear(&buffer[..read]);
            self.heard.extend_from_slice(&buffer[..read]);
        }
    }

    /// One command with its whole answer.
    pub(crate) async fn say(&mut self, command: &str) -> String {
        self.send(&format!("t {command}\r\n")).await;
        self.answer().await
    }

    pub(crate) async fn answer(&mut self) -> String {
        let mut heard = String::new();
        loop {
            let line = self.until("\r\n").await;
            heard.push_str(&line);
            if line.starts_with("t ") {
                return heard;
            }
        }
    }

    pub(crate) async fn ok(&mut self, command: &str) -> String {
        let answer = self.say(command).await;
        assert!(answer.contains("t OK "), "{command}: {answer}");
        answer
    }

    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.heard);
        let heard = rest.len();
        self.socket.read_to_end(&mut rest).await.unwrap();
        self.listener.hear(&rest[heard..]);
        without_recent(&String::from_utf8_lossy(&rest))
    }
}
