//! One message: show, `$value`, move, copy, delete. (reference B.4, B.10)

use bytes::Bytes;
use serde_json::Value;

use crate::call::{Problem, Reply};
use crate::ids::scramble;
use crate::mime::{Composed, is_opaque};
use crate::switch::{MessageDelete, MimeFidelity};

use super::Desk;
use super::query::{MESSAGE, Selection};
use super::render;

pub(crate) fn show(desk: &Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let selection = Selection::of(&desk.call.query, "message", &MESSAGE)?;
    entity(desk, key, 200, &selection)
}

/// The message in a body of its own, with its context.
pub(crate) fn entity(
    desk: &Desk<'_>,
    key: u64,
    status: u16,
    selection: &Selection,
) -> Result<Reply, Problem> {
    let item = desk.found(key)?;
    let mut body = render::message(desk.store(), item, &desk.show(selection));
    body["@odata.context"] = desk.context("messages/$entity").into();
    let etag = body["@odata.etag"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(status, body).with("ETag", etag))
}

/// `GET …/$value`: raw RFC 5322 bytes.
pub(crate) fn mime(desk: &Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let item = desk.found(key)?;
    let bytes = item.source.bytes();
    Ok(Reply::raw("text/plain", regenerated(bytes, key, desk)))
}

/// What Exchange makes of the stored parts; signed, encrypted and report mail stays one blob.
fn regenerated(bytes: Bytes, key: u64, desk: &Desk<'_>) -> Bytes {
    let seed = match desk.state.switches.messages.mime {
        MimeFidelity::ByteExact => return bytes,
        MimeFidelity::Regenerated => key,
        MimeFidelity::RegeneratedEachTime => scramble(crate::ids::tag(&desk.call.request_id)),
    };
    if is_opaque(&bytes) {
        return bytes;
    }
    let mut composed = Composed::of(&bytes);
    composed.headers.sort_by_key(|(name, _)| !name.eq_ignore_ascii_case("received"));
    composed.write(seed)
}

pub(crate) fn relocate(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let to = desk.destination()?;
    let now = desk.now;
    if desk.found(key)?.folder != to {
        desk.store_mut().move_item(key, to, now);
    }
    entity(desk, key, 201, &Selection::default())
}

pub(crate) fn copy(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let to = desk.destination()?;
    let now = desk.now;
    let copy = desk.store_mut().copy_item(key, to, now).ok_or_else(Problem::not_found)?;
    entity(desk, copy, 201, &Selection::default())
}

pub(crate) fn delete(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    unchanged(desk, key)?;
    let folder = desk.found(key)?.folder;
    let now = desk.now;
    let how = desk.state.switches.messages.delete;
    let store = desk.store_mut();
    let recoverable = store.well_known("recoverableitemsdeletions");
    if Some(folder) == recoverable {
        return Err(Problem::new(403, "ErrorCannotDeleteObject", "Object cannot be deleted."));
    }
    let trash = store.well_known("deleteditems");
    let target = match how {
        // What is in Deleted Items already has one place left to go.
        MessageDelete::DeletedItems if trash != Some(folder) => trash,
        _ => recoverable,
    };
    match target {
        Some(target) => store.move_item(key, target, now),
        None => store.purge_item(key, now),
    }
    Ok(Reply::empty(204))
}

/// `permanentDelete`: to Purges, out of everybody's sight.
pub(crate) fn purge(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let now = desk.now;
    desk.store_mut().purge_item(key, now);
    Ok(Reply::empty(204))
}

/// If-Match, where it is given.
pub(crate) fn unchanged(desk: &Desk<'_>, key: u64) -> Result<(), Problem> {
    let Some(wanted) = desk.call.header("if-match").filter(|wanted| *wanted != "*") else {
        return Ok(());
    };
    let current = crate::ids::change_key(desk.store().tag, desk.found(key)?.change);
    if wanted.trim_start_matches("W/").trim_matches('"') == current {
        return Ok(());
    }
    let text = "The send or update operation could not be performed because the change key passed in the request \
                does not match the current change key for the item.";
    Err(Problem::new(412, "ErrorIrresolvableConflict", text))
}

/// An answer with a list and its context.
pub(crate) fn collection(context: String, value: Vec<Value>) -> Reply {
    Reply::json(200, serde_json::json!({"@odata.context": context, "value": value}))
}
