//! `GET …/mailFolders/{id}/messages/delta`. (reference B.6)

use std::collections::HashMap;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::call::{Problem, Reply};
use crate::folder::{Folder, LogEntry, What};
use crate::ids::{self, IdForm};
use crate::item::Item;
use crate::switch::{DeltaExpand, DeltaSwitches};

use super::Desk;
use super::cursor::{Cursor, Walk, page_size};
use super::filter::Filter;
use super::query::{MESSAGE, Selection};
use super::render::{self, Plain, Show};

/// With a `$filter` the first round ends here. (reference B.6.1)
const FILTERED_ROUND: usize = 5000;

/// One page and how the walk goes on.
struct Page {
    rows: Vec<Value>,
    next: Walk,
}

/// What the log says about one message, seen from a request's kind of ids.
struct Slot {
    item: u64,
    place: u32,
    /// The message was in the folder when the window began.
    existed: bool,
    left: bool,
    only_read: bool,
    only_moved_in: bool,
    last: u64,
}

/// The fixed parts of a round.
struct Round<'a> {
    desk: &'a Desk<'a>,
    folder: &'a Folder,
    cursor: &'a Cursor,
    show: &'a Show<'a>,
    filter: Option<Filter>,
}

pub(crate) fn answer(desk: &Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let by_link = desk
        .call
        .query
        .option("$skiptoken")
        .or_else(|| desk.call.query.option("$deltatoken"))
        .is_some();
    let key = desk.folder(id).map_err(|problem| match by_link && problem.status == 404 {
        true => {
            Problem::new(404, "ErrorSyncFolderNotFound", "The folder to synchronise was not found.")
        }
        false => problem,
    })?;
    let folder = desk.store().folder(key);
    let (cursor, new_round) = begin(desk, folder)?;
    let selection = selection(desk, &cursor)?;
    let show = desk.show(&selection);
    let known = ["receivedDateTime"];
    let filter = cursor.filter.as_deref().map(|text| Filter::parse(text, &known)).transpose()?;
    let round = Round { desk, folder, cursor: &cursor, show: &show, filter };
    let switches = &desk.state.switches.delta;
    let mut page = if new_round && switches.empty_first_page {
        Page { rows: Vec::new(), next: cursor.walk.clone() }
    } else {
        round.page(page_size(desk))
    };
    if switches.duplicates {
        page.rows = page.rows.into_iter().flat_map(|row| [row.clone(), row]).collect();
    }
    if switches.endless && matches!(page.next, Walk::Since(_)) {
        page.next = cursor.walk.clone();
    }
    let mut body = Map::new();
    body.insert(
        "@odata.context".into(),
        desk.context(&format!("mailFolders('{id}')/messages/$delta")).into(),
    );
    let name =
        if matches!(page.next, Walk::Since(_)) { "@odata.deltaLink" } else { "@odata.nextLink" };
    body.insert(name.into(), cursor.at(page.next).link(desk).into());
    body.insert("value".into(), page.rows.into());
    Ok(Reply::json(200, Value::Object(body)))
}

/// The cursor to answer, and whether a round begins with this request.
fn begin(desk: &Desk<'_>, folder: &Folder) -> Result<(Cursor, bool), Problem> {
    let switches = &desk.state.switches.delta;
    let until = visible(desk, folder, switches);
    let Some(cursor) = Cursor::from_link(desk, Some(folder.key))? else {
        return Ok((Cursor::first(desk, Some(folder.key), until)?, true));
    };
    let Walk::Since(since) = cursor.walk else { return Ok((cursor, false)) };
    let since = replayed(folder, since, switches.replay);
    Ok((cursor.at(Walk::Window { since, until: until.max(since), skip: 0 }), true))
}

/// The last change that late visibility lets through.
fn visible(desk: &Desk<'_>, folder: &Folder, switches: &DeltaSwitches) -> u64 {
    let late = SignedDuration::from_secs(i64::try_from(switches.late_seconds).unwrap_or_default());
    let fresh = |entry: &&LogEntry| desk.now.duration_since(entry.at) < late;
    let first_hidden = folder.log.iter().find(fresh).map(|entry| entry.change);
    first_hidden.map_or_else(|| desk.store().change, |change| change - 1)
}

fn replayed(folder: &Folder, since: u64, entries: usize) -> u64 {
    if entries == 0 {
        return since;
    }
    let seen = folder.log.partition_point(|entry| entry.change <= since);
    folder.log.get(seen.saturating_sub(entries)).map_or(since, |entry| since.min(entry.change - 1))
}

fn selection(desk: &Desk<'_>, cursor: &Cursor) -> Result<Selection, Problem> {
    let expand = match desk.state.switches.delta.expand {
        DeltaExpand::Honoured => cursor.expand.as_deref(),
        DeltaExpand::Ignored => None,
        DeltaExpand::Refused if cursor.expand.is_none() => None,
        DeltaExpand::Refused => {
            return Err(Problem::bad(
                "ErrorInvalidUrlQuery",
                "$expand is not supported with delta.",
            ));
        }
    };
    Selection::parse(cursor.select.as_deref(), expand, "message", &MESSAGE)
}

impl Round<'_> {
    fn page(&self, size: usize) -> Page {
        match self.cursor.walk {
            Walk::All { since, after, given } => self.everything(since, after, given, size),
            Walk::Window { since, until, skip } => self.changes(since, until, skip, size),
            Walk::Since(since) => Page { rows: Vec::new(), next: Walk::Since(since) },
        }
    }

    /// Newest first, what was there when the round began.
    fn everything(&self, since: u64, after: Option<(i64, u64)>, given: usize, size: usize) -> Page {
        let cap = self.cursor.top.unwrap_or(usize::MAX);
        let cap = if self.filter.is_some() { cap.min(FILTERED_ROUND) } else { cap };
        let size = size.min(cap.saturating_sub(given));
        let store = self.desk.store();
        let below = after.unwrap_or((i64::MAX, u64::MAX));
        let items =
            self.folder.items.range(..below).rev().filter_map(|(_, key)| store.items.get(key));
        let mut items = items.filter(|item| item.entered <= since && self.passes(item)).peekable();
        let mut rows = Vec::new();
        let mut last = after;
        while rows.len() < size
            && let Some(item) = items.next()
        {
            last = Some(item.position());
            rows.extend(self.wanted("created").then(|| self.full(item)));
        }
        let given = given + rows.len();
        if items.peek().is_none() || given >= cap {
            return Page { rows, next: Walk::Since(since) };
        }
        Page { rows, next: Walk::All { since, after: last, given } }
    }

    fn changes(&self, since: u64, until: u64, skip: usize, size: usize) -> Page {
        let mut slots = slots(self.folder.window(since, until), self.show.ids);
        if self.desk.state.switches.delta.reorder {
            slots.reverse();
        }
        let cap = self.cursor.top.unwrap_or(usize::MAX).min(slots.len());
        let end = (skip + size).min(cap);
        let rows = slots[skip.min(end)..end].iter().filter_map(|slot| self.row(slot)).collect();
        let next = if end < cap {
            Walk::Window { since, until, skip: end }
        } else if end < slots.len() {
            // `$top` capped the round: the rest belongs to the next one.
            Walk::Since(slots[..end].iter().map(|slot| slot.last).max().unwrap_or(since))
        } else {
            Walk::Since(until)
        };
        Page { rows, next }
    }

    fn row(&self, slot: &Slot) -> Option<Value> {
        let switches = &self.desk.state.switches.delta;
        let immutable = self.show.ids == IdForm::Immutable;
        let here = self.desk.store().items.get(&slot.item).filter(|item| {
            item.folder == self.folder.key && (immutable || item.place == slot.place)
        });
        let Some(item) = here else {
            // A window that repeats reaches back to before it came, and who asks was told of it since.
            let told = slot.existed || switches.replay > 0;
            return (told && self.wanted("deleted")).then(|| self.removed(slot));
        };
        if immutable && slot.existed && slot.left && switches.away_and_back_hole {
            return self.wanted("deleted").then(|| self.removed(slot));
        }
        if immutable && slot.only_moved_in && switches.move_shows_only_removal {
            return None;
        }
        if !self.passes(item) || !self.wanted(if slot.existed { "updated" } else { "created" }) {
            return None;
        }
        if slot.only_read && switches.short_read_change {
            return self.show.selection.wants("isRead").then(|| self.read_change(item));
        }
        Some(self.full(item))
    }

    fn full(&self, item: &Item) -> Value {
        let mut row = render::message(self.desk.store(), item, self.show);
        row["@odata.type"] = "#microsoft.graph.message".into();
        row
    }

    fn read_change(&self, item: &Item) -> Value {
        let store = self.desk.store();
        json!({
            "@odata.type": "#microsoft.graph.message",
            "@odata.etag": format!("W/\"{}\"", ids::change_key(store.tag, item.change)),
            "id": store.item_id(item, self.show.ids),
            "isRead": item.read,
            "parentFolderId": store.folder_id(item.folder),
        })
    }

    fn removed(&self, slot: &Slot) -> Value {
        json!({
            "@odata.type": "#microsoft.graph.message",
            "id": self.desk.store().id_of(slot.item, slot.place, self.show.ids),
            "@removed": {"reason": "deleted"},
        })
    }

    fn wanted(&self, change: &str) -> bool {
        self.cursor.change_type.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(change))
    }

    fn passes(&self, item: &Item) -> bool {
        let plain = Plain { store: self.desk.store(), item, show: self.show };
        self.filter.as_ref().is_none_or(|filter| filter.matches(&plain))
    }
}

/// One slot per message, in the order of its last change. Under ordinary ids a message that moved is another message.
fn slots(window: &[LogEntry], form: IdForm) -> Vec<Slot> {
    let mut found: HashMap<(u64, u32), Slot> = HashMap::new();
    for entry in window {
        let place = if form == IdForm::Immutable { 0 } else { entry.place };
        let slot = found.entry((entry.item, place)).or_insert_with(|| Slot {
            item: entry.item,
            place: entry.place,
            existed: !matches!(entry.what, What::Created | What::MovedIn),
            left: false,
            only_read: true,
            only_moved_in: true,
            last: 0,
        });
        slot.place = entry.place;
        slot.left |= entry.what == What::Left;
        slot.only_read &= entry.what == What::Read;
        slot.only_moved_in &= entry.what == What::MovedIn;
        slot.last = entry.change;
    }
    let mut slots: Vec<Slot> = found.into_values().collect();
    slots.sort_by_key(|slot| slot.last);
    slots
}
