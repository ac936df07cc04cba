//! IDLE (RFC 2177): the sync point, pushed.

use tokio::sync::watch;
use wire::imap::{Event, Mode};

use super::connection::{Connection, Next};
use super::ending::{Ending, Halt, Handled};
use super::selected::Selected;
use crate::front::login::TAKEN_BACK;
use crate::mailbox::{Expunges, ModSeq};

/// Also without a selected folder; then there is nothing to tell.
pub(super) async fn run(connection: &mut Connection, selected: Option<&mut Selected>) -> Handled {
    connection.set_mode(Mode::Data);
    connection.continuation("idling");
    let handled = push_until_done(connection, selected).await;
    connection.set_mode(Mode::Command);
    handled
}

async fn push_until_done(
    connection: &mut Connection,
    mut selected: Option<&mut Selected>,
) -> Handled {
    // Watching before looking: what changes in between wakes us at once.
    let mut watch = selected.as_deref().map(|selected| selected.folder.watch());
    loop {
        if let Some(selected) = selected.as_deref_mut() {
            sync(connection, selected).await?;
        }
        connection.flush().await?;
        let watched = tokio::select! {
            biased;
            next = connection.next() => return end(next?),
            watched = changed(watch.as_mut()) => watched,
        };
        // A closed watch says that the folder is gone: one more look, then nothing to wait for.
        if watched.is_err() {
            watch = None;
        }
    }
}

/// A look that fails is not the end of IDLE: the next change looks again.
async fn sync(connection: &mut Connection, selected: &mut Selected) -> Result<(), Halt> {
    match selected.sync(connection, Expunges::Announce).await {
        Err(Halt::Fault(fault)) => {
            tracing::debug!(kind = ?fault.kind(), cause = fault.cause(), "IDLE could not look");
            Ok(())
        }
        outcome => outcome,
    }
}

fn end(next: Next<Event>) -> Handled {
    match next {
        Next::Event(Event::Data(line)) => {
            if line.expose().trim_ascii().eq_ignore_ascii_case(b"DONE") {
                return Ok(Ending::ok("IDLE done"));
            }
            Err(Ending::bad("Expected DONE").into())
        }
        Next::Event(_) => Err(Halt::Farewell("Expected DONE")),
        Next::Shutdown => Err(Halt::Farewell("The bridge is shutting down")),
        Next::TakenBack => Err(Halt::Farewell(TAKEN_BACK)),
        Next::Silence => Err(Halt::Farewell("Logged out for inactivity")),
    }
}

/// Never, without a folder.
async fn changed(
    watch: Option<&mut watch::Receiver<ModSeq>>,
) -> Result<(), watch::error::RecvError> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
