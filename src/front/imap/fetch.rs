//! FETCH and UID FETCH (RFC 3501 §6.4.5): plan, gather, show.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _};
use wire::imap::{Fetch, Numbering};

use super::connection::Connection;
use super::ending::{Ending, Halt, Handled};
use super::plan::{Effect, Needs, Plan};
use super::render::{self, Content, Shown};
use super::resync;
use super::selected::Selected;
use crate::account::OpenFolder;
use crate::mailbox::{Fault, FlagEdit, Flags, Kind, Outcome, Row, SystemFlag, Uid};
use crate::net::Loss;

/// Messages gathered ahead of the one being written: what the service answers at once for one
/// mailbox (reference B.9).
pub(super) const AHEAD: usize = 4;

/// What of the request could not be answered.
#[derive(Debug, Default)]
struct Lapses {
    /// A message is gone that the client still counts.
    vanished: bool,
    first_fault: Option<Fault>,
}

/// Whether to go on with the next message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Onward {
    Go,
    Stop,
}

pub(super) async fn run(
    connection: &mut Connection,
    selected: &mut Selected,
    fetch: Fetch,
) -> Handled {
    let uids = resync::wanted(connection, selected, &fetch).await?;
    let plan = Plan::new(fetch, selected.access, selected.enabled());
    let mut lapses = Lapses::default();
    for uids in uids.chunks(plan.chunk()) {
        let rows = connection.patiently(selected.folder.rows(uids)).await??;
        lapses.vanished |= rows.len() < uids.len();
        let onward = match plan.effect {
            Effect::None => show(connection, selected, (&plan, rows), &mut lapses).await?,
            Effect::SetsSeen => read(connection, selected, (&plan, rows), &mut lapses).await?,
        };
        if onward == Onward::Stop {
            break;
        }
    }
    lapses.end(plan.numbering)
}

/// Answers message by message, in order, as fast as the client takes it.
async fn show(
    connection: &mut Connection,
    selected: &mut Selected,
    (plan, rows): (&Plan, Vec<Row>),
    lapses: &mut Lapses,
) -> Result<Onward, Halt> {
    let wanted = with_needs(plan, rows);
    let mut gathered = gather(&selected.folder, wanted);
    while let Some((row, content)) = connection.patiently(gathered.next()).await? {
        let shown = Shown { plan, row: &row, seen_now: false };
        if answer(connection, selected, (shown, content), lapses).await? == Onward::Stop {
            return Ok(Onward::Stop);
        }
    }
    Ok(Onward::Go)
}

/// Like `show`, but marks the messages as read once their bytes are here, so that the new flags
/// stand in the same response (RFC 3501 §6.4.5). A mark that the service refuses is not shown; the
/// bytes are.
async fn read(
    connection: &mut Connection,
    selected: &mut Selected,
    (plan, rows): (&Plan, Vec<Row>),
    lapses: &mut Lapses,
) -> Result<Onward, Halt> {
    let mut gathered = gather(&selected.folder, with_needs(plan, rows));
    let mut ready = Vec::new();
    while let Some((row, content)) = connection.patiently(gathered.next()).await? {
        let stop = matches!(&content, Err(fault) if ends_all(fault));
        ready.push((row, content));
        if stop {
            break;
        }
    }
    drop(gathered);
    let unread =
        ready.iter().filter(|(row, content)| content.is_ok() && !row.flags.has(SystemFlag::Seen));
    let unread: Vec<Uid> = unread.map(|(row, _)| row.uid).collect();
    let mut marked = mark_seen(connection, selected, &unread).await?;
    for (row, content) in ready {
        let now = marked.remove(&row.uid);
        let shown = Shown { plan, row: now.as_ref().unwrap_or(&row), seen_now: now.is_some() };
        if answer(connection, selected, (shown, content), lapses).await? == Onward::Stop {
            return Ok(Onward::Stop);
        }
    }
    Ok(Onward::Go)
}

async fn answer(
    connection: &mut Connection,
    selected: &mut Selected,
    (shown, content): (Shown<'_>, Outcome<Content>),
    lapses: &mut Lapses,
) -> Result<Onward, Halt> {
    let written = match content {
        Ok(content) => render::message(connection, selected, &shown, &content).await,
        Err(fault) => Err(Halt::Fault(fault)),
    };
    match written {
        Ok(()) => {
            connection.relieve().await?;
            Ok(Onward::Go)
        }
        Err(Halt::Fault(fault)) => Ok(lapses.note(fault)),
        Err(halt) => Err(halt),
    }
}

/// Whether the messages behind this one would only cost time. Without a sign-in each fails at once,
/// and those whose bytes are here can still be read.
fn ends_all(fault: &Fault) -> bool {
    fault.is_general() && *fault.kind() != Kind::SignInNeeded
}

/// The rows as confirmed, of those that could be marked.
async fn mark_seen(
    connection: &mut Connection,
    selected: &Selected,
    uids: &[Uid],
) -> Result<HashMap<Uid, Row>, Loss> {
    if uids.is_empty() {
        return Ok(HashMap::new());
    }
    let edit = FlagEdit::Add(Flags::none().with(SystemFlag::Seen));
    let results = match connection.patiently(selected.folder.edit_flags(uids, &edit)).await? {
        Ok(results) => results,
        Err(fault) => {
            tracing::info!(kind = ?fault.kind(), cause = fault.cause(), "not marked as read");
            return Ok(HashMap::new());
        }
    };
    Ok(results.into_iter().filter_map(|(uid, row)| Some((uid, row.ok()?))).collect())
}

// === gathering ===

fn with_needs(plan: &Plan, rows: Vec<Row>) -> Vec<(Row, Needs)> {
    rows.into_iter().map(|row| (plan.needs(&row), row)).map(|(needs, row)| (row, needs)).collect()
}

/// Each row with what it takes, in order, a few ahead.
fn gather(
    folder: &OpenFolder,
    wanted: Vec<(Row, Needs)>,
) -> impl stream::Stream<Item = (Row, Outcome<Content>)> + Unpin + Send + use<> {
    let folder = folder.clone();
    let gathered = stream::iter(wanted).map(move |(row, needs)| {
        let folder = folder.clone();
        async move {
            let content = content(&folder, row.uid, needs).await;
            (row, content)
        }
    });
    Box::pin(gathered.buffered(AHEAD))
}

async fn content(folder: &OpenFolder, uid: Uid, needs: Needs) -> Outcome<Content> {
    // The bytes first: afterwards the texts are in the index.
    let body = match needs {
        Needs::Bytes | Needs::SummaryAndBytes => Some(folder.body(uid).await?),
        Needs::Row | Needs::Summary => None,
    };
    let summary = match needs {
        Needs::Summary | Needs::SummaryAndBytes => Some(folder.summary(uid).await?),
        Needs::Row | Needs::Bytes => None,
    };
    Ok(Content { summary, body })
}

// === impl Lapses ===

impl Lapses {
    fn note(&mut self, fault: Fault) -> Onward {
        if *fault.kind() == Kind::NoSuchMessage {
            self.vanished = true;
            return Onward::Go;
        }
        // One bad message must not hide the good ones behind it.
        let onward = if ends_all(&fault) { Onward::Stop } else { Onward::Go };
        self.first_fault.get_or_insert(fault);
        onward
    }

    /// UIDs that are gone are passed over (RFC 3501 §6.4.8); of sequence numbers the client is
    /// told (RFC 5530 §3).
    fn end(self, numbering: Numbering) -> Handled {
        if let Some(fault) = self.first_fault {
            return Err(fault.into());
        }
        if self.vanished && numbering == Numbering::Seq {
            return Ok(Ending::fault(&Fault::from(Kind::NoSuchMessage)));
        }
        Ok(Ending::ok("FETCH done"))
    }
}
