//! The bridge of a world: where it runs, and how it ends.

use std::time::Duration;

use footbridge::account::Accounts;
use footbridge::app::{Addresses, App, Parts, VaultOf};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Whether the bridge can be killed as a process is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mortality {
    /// It shares the test's runtime.
    Immortal,
    /// It has a runtime of its own, whose tasks all end where they stand.
    Killable,
}

pub(super) struct Bridge {
    pub(super) addresses: Addresses,
    pub(super) looks: watch::Receiver<u32>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    runtime: Option<Runtime>,
}

/// What a bridge tells once it listens.
type Begun = (Addresses, watch::Receiver<u32>, Accounts);

impl Bridge {
    /// Starts it, and answers once it listens.
    pub(super) async fn start(
        parts: Parts,
        vault_of: Option<VaultOf>,
        mortality: Mortality,
    ) -> (Self, Accounts) {
        let (stop, stopped) = oneshot::channel();
        let (begin, begun) = oneshot::channel();
        let life = live(parts, vault_of, (begin, stopped));
        let runtime = match mortality {
            Mortality::Immortal => None,
            Mortality::Killable => Some(runtime()),
        };
        #[expect(clippy::disallowed_methods, reason = "a test has no tracker")]
        let running = match &runtime {
            None => tokio::spawn(life),
            Some(runtime) => runtime.spawn(life),
        };
        let (addresses, looks, accounts) = begun.await.expect("the bridge starts");
        (Self { addresses, looks, stop, running, runtime }, accounts)
    }

    /// Stops it in order.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        self.running.await.unwrap();
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
    }

    /// Ends it as SIGKILL would: no task has a say in it, nothing is finished.
    pub(super) fn kill(self) {
        let runtime = self.runtime.expect("it is killable");
        // On a thread of its own, since the end of a runtime is waited for.
        let end = move || runtime.shutdown_timeout(Duration::from_secs(60));
        std::thread::spawn(end).join().unwrap();
    }

    /// The world ends; nobody looks any more.
    pub(super) fn forget(self) {
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
    }
}

/// The life of a bridge.
async fn live(
    parts: Parts,
    vault_of: Option<VaultOf>,
    (begin, stopped): (oneshot::Sender<Begun>, oneshot::Receiver<()>),
) {
    let mut app = App::build(parts).await.unwrap();
    if let Some(vault_of) = vault_of {
        app = app.following(vault_of);
    }
    let _ = begin.send((app.addresses(), app.looks(), app.accounts().clone()));
    let stopped = async move { drop(stopped.await) };
    app.run(stopped).await.unwrap();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
