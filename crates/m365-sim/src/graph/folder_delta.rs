//! `GET /mailFolders/delta`: the whole tree, flat. (reference B.3, B.6)

use serde_json::{Value, json};

use crate::call::{Problem, Reply};
use crate::folder::Folder;

use super::Desk;
use super::cursor::{Cursor, Walk, page_size};
use super::query::{FOLDER, Selection};
use super::render;

/// A folder that is there, or the id of one that is gone.
enum Row<'a> {
    Here(&'a Folder),
    Gone(u32),
}

pub(crate) fn answer(desk: &Desk<'_>) -> Result<Reply, Problem> {
    let cursor = match Cursor::from_link(desk, None)? {
        Some(cursor) => cursor,
        None => Cursor::first(desk, None, desk.store().change)?,
    };
    let cursor = match cursor.walk {
        Walk::Since(since) => {
            cursor.at(Walk::Window { since, until: desk.store().change, skip: 0 })
        }
        _ => cursor,
    };
    let selection = Selection::parse(
        cursor.select.as_deref(),
        cursor.expand.as_deref(),
        "mailFolder",
        &FOLDER,
    )?;
    let (rows, next) = page(desk, &cursor);
    let value: Vec<Value> = rows.iter().map(|row| show(desk, row, &selection)).collect();
    let name = if matches!(next, Walk::Since(_)) { "@odata.deltaLink" } else { "@odata.nextLink" };
    let link = cursor.at(next).link(desk);
    Ok(Reply::json(
        200,
        json!({"@odata.context": desk.context("mailFolders/$delta"), name: link, "value": value}),
    ))
}

fn page<'a>(desk: &'a Desk<'_>, cursor: &Cursor) -> (Vec<Row<'a>>, Walk) {
    let size = page_size(desk).min(cursor.top.unwrap_or(usize::MAX)).max(1);
    match cursor.walk {
        Walk::All { since, after, given } => {
            let below = after.map_or(0, |(_, key)| key);
            let left_out = &desk.state.switches.folders.delta_leaves_out;
            let folders = visible(desk, cursor.hidden)
                .filter(|folder| u64::from(folder.key) > below && !left_out.contains(&folder.name));
            let rows: Vec<&Folder> = folders.take(size + 1).collect();
            let more = rows.len() > size;
            let last =
                rows.iter().take(size).next_back().map_or(below, |folder| u64::from(folder.key));
            let next = match more {
                true => Walk::All { since, after: Some((0, last)), given: given + size },
                false => Walk::Since(since),
            };
            (rows.into_iter().take(size).map(Row::Here).collect(), next)
        }
        Walk::Window { since, until, skip } => {
            let rows = changes(desk, cursor, since, until);
            let end = (skip + size).min(rows.len());
            let next = match end < rows.len() {
                true => Walk::Window { since, until, skip: end },
                false => Walk::Since(until),
            };
            (rows.into_iter().take(end).skip(skip).collect(), next)
        }
        Walk::Since(since) => (Vec::new(), Walk::Since(since)),
    }
}

/// In the order of their last change.
fn changes<'a>(desk: &'a Desk<'_>, cursor: &Cursor, since: u64, until: u64) -> Vec<Row<'a>> {
    let counts = desk.state.switches.folders.delta_reports_counts;
    let only_removal = desk.state.switches.folders.delta_shows_only_removal;
    let fresh = |change: u64| change > since && change <= until;
    let mut rows: Vec<(u64, Row<'a>)> = visible(desk, cursor.hidden)
        .filter(|folder| fresh(folder.changed) || (counts && fresh(folder.counted)))
        .map(|folder| {
            let removed = only_removal && fresh(folder.changed);
            let row = if removed { Row::Gone(folder.key) } else { Row::Here(folder) };
            (folder.changed.max(folder.counted), row)
        })
        .collect();
    let purged = desk.store().purged_folders.iter().filter(|(change, _, _)| fresh(*change));
    rows.extend(purged.map(|(change, key, _)| (*change, Row::Gone(*key))));
    rows.sort_by_key(|(change, _)| *change);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn visible<'a>(desk: &'a Desk<'_>, hidden: bool) -> impl Iterator<Item = &'a Folder> {
    let folders = desk.store().folders.values();
    folders.filter(move |folder| folder.parent.is_some() && (hidden || !folder.hidden))
}

fn show(desk: &Desk<'_>, row: &Row<'_>, selection: &Selection) -> Value {
    let store = desk.store();
    let normalised = desk.state.switches.messages.normalise_property_ids;
    match row {
        Row::Here(folder) => {
            let mut value = render::folder(store, folder, selection, normalised);
            if value.get("@odata.type").is_none() {
                value["@odata.type"] = "#microsoft.graph.mailFolder".into();
            }
            value
        }
        Row::Gone(key) => json!({
            "@odata.type": "#microsoft.graph.mailFolder",
            "id": store.folder_id(*key),
            "@removed": {"reason": "deleted"},
        }),
    }
}
