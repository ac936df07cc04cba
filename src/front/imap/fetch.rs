//! FETCH and UID FETCH (RFC 3501 §6.4.5): plan, gather, show.

use std::collections::HashMap;
use std::iter::Peekable;
use std::mem;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use wire::imap::{Fetch, Numbering};

use super::ahead::Ahead;
use super::connection::Connection;
use super::ending::{Ending, Halt, Handled};
use super::objects::{Asks, Extras};
use super::plan::{Effect, Needs, Plan};
use super::render::{self, Content, Shown};
use super::resync;
use super::selected::Selected;
use crate::account::{Body, Listed, OpenFolder, Summary};
use crate::mailbox::{Fault, FlagEdit, Flags, Kind, Line, Outcome, Row, Snapshot, SystemFlag, Uid};
use crate::mime::Edition;
use crate::net::Loss;

/// Messages gathered ahead of the one being written: what the service answers at once for one
/// mailbox (reference B.9).
pub(super) const AHEAD: usize = 4;

/// Batches read from the index ahead of the one being written.
const BATCHES_AHEAD: usize = 2;

/// Some of the messages asked for, with what of them is at hand.
#[derive(Debug)]
struct Batch {
    uids: Vec<Uid>,
    snapshot: Arc<Snapshot>,
    /// By UID ascending. What is missing here is had one by one.
    summaries: Vec<(Uid, Summary)>,
    bodies: Vec<(Uid, Body)>,
    extras: Extras,
    headers: Vec<(Uid, Listed)>,
}

/// What of the request could not be answered.
#[derive(Debug, Default)]
struct Lapses {
    /// A message is gone that the client still counts.
    vanished: bool,
    first_fault: Option<Fault>,
    first_refusal: Option<Ending>,
    /// Messages answered or passed over, of all that were asked for.
    done: usize,
    goal: usize,
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
    let plan = Arc::new(Plan::new(fetch, selected.access, selected.enabled()));
    let mut lapses = Lapses { goal: uids.len(), ..Lapses::default() };
    connection.progress(0, lapses.goal);
    let chunks: Vec<Vec<Uid>> = uids.chunks(plan.chunk()).map(<[_]>::to_vec).collect();
    let (folder, planned) = (selected.folder.clone(), Arc::clone(&plan));
    let batches =
        stream::iter(chunks).map(move |uids| batch(folder.clone(), Arc::clone(&planned), uids));
    let ahead = match plan.effect {
        Effect::None => BATCHES_AHEAD,
        // Each is marked as read before the next is looked at.
        Effect::SetsSeen => 1,
    };
    let mut batches = Box::pin(batches.buffered(ahead));
    while let Some(batch) = connection.patiently(batches.next()).await? {
        let batch = batch?;
        let onward = match plan.effect {
            Effect::None => show(connection, selected, (&*plan, batch), &mut lapses).await?,
            Effect::SetsSeen => read(connection, selected, (&*plan, batch), &mut lapses).await?,
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
    (plan, mut batch): (&Plan, Batch),
    lapses: &mut Lapses,
) -> Result<Onward, Halt> {
    let mut ready = batch.ready(plan);
    let mut lines = batch.snapshot.lines(&batch.uids).peekable();
    let mut shown = 0;
    while let Some(row) = lines.peek() {
        let Some(content) = ready.content(row) else { break };
        let message = Shown { plan, row: *row, seen_now: false };
        if answer(connection, selected, (message, Ok(content)), lapses).await? == Onward::Stop {
            return Ok(Onward::Stop);
        }
        lines.next();
        shown += 1;
    }
    let rest: Vec<(Line<'_>, Needs)> = lines.map(|row| (row, plan.needs(&row))).collect();
    lapses.vanished |= shown + rest.len() < batch.uids.len();
    if rest.is_empty() {
        return Ok(Onward::Go);
    }
    let mut gathered = gather(&selected.folder, rest, ready);
    while let Some(Gathered { row, content }) = connection.patiently(gathered.next()).await? {
        let shown = Shown { plan, row, seen_now: false };
        let answered = answer(connection, selected, (shown, content), lapses);
        if gathered.during(answered).await? == Onward::Stop {
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
    (plan, mut batch): (&Plan, Batch),
    lapses: &mut Lapses,
) -> Result<Onward, Halt> {
    let ready = batch.ready(plan);
    let lines: Vec<(Line<'_>, Needs)> =
        batch.snapshot.lines(&batch.uids).map(|row| (row, plan.needs(&row))).collect();
    lapses.vanished |= lines.len() < batch.uids.len();
    let mut gathered = gather(&selected.folder, lines, ready);
    let mut ready = Vec::new();
    while let Some(Gathered { row, content }) = connection.patiently(gathered.next()).await? {
        let stop = matches!(&content, Err(fault) if ends_all(fault));
        ready.push((row, content));
        connection.progress(lapses.done + ready.len(), lapses.goal);
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
        let row = now.as_ref().map_or(row, Line::from);
        let shown = Shown { plan, row, seen_now: now.is_some() };
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
    lapses.done += 1;
    connection.progress(lapses.done, lapses.goal);
    match written {
        Ok(()) => {
            connection.relieve().await?;
            Ok(Onward::Go)
        }
        Err(Halt::Fault(fault)) => Ok(lapses.note(fault)),
        Err(Halt::Refused(refusal)) => {
            lapses.first_refusal.get_or_insert(refusal);
            Ok(Onward::Go)
        }
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

/// Reads what of these messages can be had with one look at the index.
async fn batch(folder: OpenFolder, plan: Arc<Plan>, uids: Vec<Uid>) -> Outcome<Batch> {
    let snapshot = folder.snapshot().await?;
    let (mut summarised, mut read) = (Vec::new(), Vec::new());
    for row in snapshot.lines(&uids) {
        let needs = plan.needs(&row);
        if matches!(needs, Needs::Summary | Needs::SummaryAndBytes) {
            summarised.push(row.uid);
        }
        if matches!(needs, Needs::Bytes | Needs::SummaryAndBytes) {
            read.push(row.uid);
        }
    }
    let (mut summaries, mut bodies) = (Vec::new(), Vec::new());
    if !summarised.is_empty() {
        summaries = folder.summaries(&summarised).await?;
    }
    if !read.is_empty() {
        bodies = folder.small_bodies(&read).await?;
    }
    let extras = plan.asks.look(&folder, &uids).await?;
    let headers = match plan.headers_do() {
        // A size must be known as well, be it an estimate.
        true => {
            let sized = snapshot.lines(&uids).filter(|row| row.size.is_some());
            let sized: Vec<Uid> = sized.map(|row| row.uid).collect();
            folder.headers(&sized).await?
        }
        false => Vec::new(),
    };
    Ok(Batch { uids, snapshot, summaries, bodies, extras, headers })
}

/// What is at hand, given out in the order of the UIDs.
struct Ready<'p> {
    plan: &'p Plan,
    summaries: Peekable<std::vec::IntoIter<(Uid, Summary)>>,
    bodies: Peekable<std::vec::IntoIter<(Uid, Body)>>,
    extras: Extras,
    headers: Peekable<std::vec::IntoIter<(Uid, Listed)>>,
}

impl Batch {
    fn ready<'p>(&mut self, plan: &'p Plan) -> Ready<'p> {
        Ready {
            plan,
            summaries: mem::take(&mut self.summaries).into_iter().peekable(),
            bodies: mem::take(&mut self.bodies).into_iter().peekable(),
            extras: mem::take(&mut self.extras),
            headers: mem::take(&mut self.headers).into_iter().peekable(),
        }
    }
}

impl Ready<'_> {
    /// All that the message takes, if it is at hand. Messages are asked for in ascending order.
    fn content(&mut self, row: &Line<'_>) -> Option<Content> {
        let extra = self.extras.take(self.plan.asks, row.uid)?;
        if let Some(header) = of(&mut self.headers, row.uid) {
            return Some(Content { summary: None, body: None, extra, header: Some(header) });
        }
        let needs = self.plan.needs(row);
        let (mut summary, mut body) = (None, None);
        if matches!(needs, Needs::Summary | Needs::SummaryAndBytes) {
            let kept = of(&mut self.summaries, row.uid)?;
            summary = Some(kept).filter(|kept| self.plan.takes(kept));
            summary.as_ref()?;
        }
        if matches!(needs, Needs::Bytes | Needs::SummaryAndBytes) {
            body = Some(of(&mut self.bodies, row.uid)?);
        }
        Some(Content { summary, body, extra, header: None })
    }
}

fn of<T>(ready: &mut Peekable<std::vec::IntoIter<(Uid, T)>>, uid: Uid) -> Option<T> {
    while ready.next_if(|(ready, _)| *ready < uid).is_some() {}
    ready.next_if(|(ready, _)| *ready == uid).map(|(_, found)| found)
}

/// A message with what it takes.
struct Gathered<'s> {
    row: Line<'s>,
    content: Outcome<Content>,
}

/// Each message in order, a few ahead.
fn gather<'s>(
    folder: &OpenFolder,
    wanted: Vec<(Line<'s>, Needs)>,
    mut ready: Ready<'_>,
) -> Ahead<BoxFuture<'s, Gathered<'s>>> {
    let (asks, edition) = (ready.plan.asks, ready.plan.edition);
    let gathered = wanted.into_iter().map(|(row, needs)| {
        let (folder, ready) = (folder.clone(), ready.content(&row));
        let gathering = async move {
            let content = match ready {
                Some(content) => Ok(content),
                None => content(&folder, row.uid, (needs, asks, edition)).await,
            };
            Gathered { row, content }
        };
        gathering.boxed()
    });
    Ahead::new(gathered.collect(), AHEAD)
}

async fn content(
    folder: &OpenFolder,
    uid: Uid,
    (needs, asks, edition): (Needs, Asks, Edition),
) -> Outcome<Content> {
    // The bytes first: afterwards the texts are in the index.
    let body = match needs {
        Needs::Bytes | Needs::SummaryAndBytes => Some(folder.body(uid).await?),
        Needs::Row | Needs::Summary => None,
    };
    let summary = match needs {
        Needs::Summary | Needs::SummaryAndBytes => Some(folder.summary_in(uid, edition).await?),
        Needs::Row | Needs::Bytes => None,
    };
    let extra = asks.have(folder, uid).await?;
    Ok(Content { summary, body, extra, header: None })
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
        if let Some(refusal) = self.first_refusal {
            return Err(refusal.into());
        }
        if self.vanished && numbering == Numbering::Seq {
            return Ok(Ending::fault(&Fault::from(Kind::NoSuchMessage)));
        }
        Ok(Ending::ok("FETCH done"))
    }
}
