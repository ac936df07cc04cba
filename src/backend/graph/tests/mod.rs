//! Graph against a simulated tenant, over real HTTP.

mod faults;
mod filing;
mod folders;
mod reading;
mod sending;
mod writing;

use std::sync::Arc;

use m365_sim::{ItemId, Person, Running, Switches, Tenant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Graph;
use crate::auth::{Cloud, Keeper, KeeperLimits, MemoryVault, Secret};
use crate::backend::{Backend as _, RemoteChange, RemoteFolder, RemoteFolderRef, RemoteMessage};
use crate::clock::Clock;
use crate::http::{HttpClient, HttpLimits, MailboxHttp, Reach, Urgency};
use crate::mailbox::{RemoteId, Role, Spooled, Timestamp};

const ADA: &str = "ada@contoso.example";
const START: &str = "2026-11-01T08:00:00Z";

/// A tenant, and a mailbox of it behind Graph.
struct World {
    tenant: Tenant,
    graph: Graph,
    clock: Clock,
    files: TempDir,
    _running: Running,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Switches)) -> Self {
        let start: jiff::Timestamp = START.parse().unwrap();
        let tenant = Tenant::builder()
            .user(ADA)
            .user("bob@contoso.example")
            .clock(m365_sim::Clock::manual(start))
            .build();
        tenant.set_switches(change);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = tenant.serve(listener).await;
        let clock = Clock::manual(Timestamp(start.as_second()));
        let cloud = Cloud {
            login: running.url(),
            graph: running.url(),
            resource: running.url(),
            tenant: "organizations".to_owned(),
            client_id: "footbridge".to_owned(),
        };
        let http = HttpClient::new(Reach::Loopback, clock.clone(), HttpLimits::default()).unwrap();
        let scopes = "Mail.ReadWrite Mail.Send User.Read offline_access";
        let refresh_token = tenant.grant(ADA, &cloud.client_id, scopes);
        let keeper = Keeper {
            owner: crate::auth::Owner::Organisation,
            address: ADA.to_owned(),
            http: http.clone(),
            cloud: cloud.clone(),
            vault: Arc::new(MemoryVault::holding(Secret::new(refresh_token))),
            limits: KeeperLimits::default(),
            shutdown: CancellationToken::new(),
        };
        let tokens = Arc::new(keeper.start(&TaskTracker::new()));
        let mailbox = MailboxHttp::new(http, &cloud.graph_root(), tokens).unwrap();
        let files = tempfile::tempdir().unwrap();
        Self { tenant, graph: Graph::own(mailbox), clock, files, _running: running }
    }

    fn ada(&self) -> Person {
        self.tenant.person(ADA)
    }

    /// Every folder, from a whole walk.
    async fn folders(&self) -> Vec<RemoteFolder> {
        let (mut since, mut folders) = (None, Vec::new());
        loop {
            let page = self.graph.folders(since.as_ref(), Urgency::Interactive).await.unwrap();
            folders.extend(page.changes.into_iter().filter_map(|change| match change {
                RemoteChange::Upsert(folder) => Some(folder),
                RemoteChange::Touched(_) | RemoteChange::Gone(_) => None,
            }));
            if !page.more {
                return folders;
            }
            since = Some(page.cursor);
        }
    }

    async fn folder(&self, role: Role) -> RemoteFolderRef {
        let folders = self.folders().await;
        let found = folders.into_iter().find(|folder| folder.role == Some(role)).unwrap();
        reference(&found)
    }

    async fn named(&self, name: &str) -> RemoteFolderRef {
        let folders = self.folders().await;
        reference(folders.iter().find(|folder| folder.name == name).unwrap())
    }

    async fn look_up(&self, id: &RemoteId) -> RemoteMessage {
        let mut found =
            self.graph.look_up(std::slice::from_ref(id), Urgency::Interactive).await.unwrap();
        found.remove(0).unwrap()
    }

    fn spool(&self, text: &str) -> Spooled {
        let path = self.files.path().join(uuid::Uuid::new_v4().to_string());
        std::fs::write(&path, text).unwrap();
        Spooled { path, size: text.len() as u64 }
    }

    /// What the journal counts while `work` runs, the token endpoint apart.
    async fn requests<T>(&self, work: impl Future<Output = T>) -> (T, usize) {
        self.tenant.journal().clear();
        let output = work.await;
        (output, self.tenant.journal().graph_requests())
    }
}

fn reference(folder: &RemoteFolder) -> RemoteFolderRef {
    RemoteFolderRef {
        id: folder.id.clone(),
        parent: folder.parent.clone(),
        name: folder.name.clone(),
        role: folder.role,
    }
}

fn remote(id: &ItemId) -> RemoteId {
    RemoteId::new(id.0.as_str())
}

fn mail(subject: &str) -> String {
    format!(
        "From: Bob <bob@contoso.example>\r\nTo: ada@contoso.example\r\nSubject: {subject}\r\n\
         Message-ID: <{subject}@contoso.example>\r\nDate: Sat, 31 Oct 2026 12:00:00 +0000\r\n\r\n\
         {subject}\r\n"
    )
}
