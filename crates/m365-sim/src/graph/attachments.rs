//! Attachments of a message. (reference B.9)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::{Problem, Reply};
use crate::clock::seconds;
use crate::ids::{self, Named};
use crate::item::Item;
use crate::mailbox::{Store, Touch};
use crate::switch::{AttachTo, Attaching, SizeCheck};
use crate::view::Attachment;

use super::Desk;
use super::messages;
use super::writable;

/// From here on an upload session is needed. (reference B.9)
pub(crate) const LARGEST_INLINE: usize = 3 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Full,
    /// Without contentBytes.
    Meta,
}

pub(crate) fn list(desk: &Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let detail = match desk.call.query.option("$select") {
        Some(names) if !names.contains("contentBytes") => Detail::Meta,
        _ => Detail::Full,
    };
    let overhead = desk.state.switches.messages.attachment_overhead;
    let value = all(desk.store(), desk.found(key)?, (detail, overhead));
    let context = desk.context(&format!("messages('{id}')/attachments"));
    Ok(messages::collection(context, value.as_array().cloned().unwrap_or_default()))
}

pub(crate) fn show(desk: &Desk<'_>, id: &str, part: &str) -> Result<Reply, Problem> {
    let (item, index, attachment) = one(desk, id, part)?;
    let mut body = rendered(desk.store(), item, (index, &attachment), full(desk));
    body["@odata.context"] = desk.context(&format!("messages('{id}')/attachments/$entity")).into();
    Ok(Reply::json(200, body))
}

pub(crate) fn value(desk: &Desk<'_>, id: &str, part: &str) -> Result<Reply, Problem> {
    let (_, _, attachment) = one(desk, id, part)?;
    let kind = if attachment.message { "text/plain" } else { "application/octet-stream" };
    Ok(Reply::raw(kind, attachment.bytes))
}

pub(crate) fn add(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let attachment = writable::attachment(&desk.call.json().map_err(|_| Problem::post_body())?)?;
    if attachment.bytes.len() > LARGEST_INLINE {
        let text = "The attachment is too large for one request: use an upload session.";
        return Err(Problem::new(413, "ErrorMessageSizeExceeded", text));
    }
    may_attach(desk, key, attachment.bytes.len())?;
    let now = desk.now;
    let attaching = desk.state.switches.messages.attaching;
    let index = attach(desk.store_mut(), (key, now), (attachment, attaching))?;
    let item = desk.found(key)?;
    let list = item.source.attachments();
    let attachment = list.get(index).ok_or_else(Problem::not_found)?;
    let mut body = rendered(desk.store(), item, (index, attachment), full(desk));
    body["@odata.context"] = desk.context(&format!("messages('{id}')/attachments/$entity")).into();
    Ok(Reply::json(201, body))
}

pub(crate) fn delete(desk: &mut Desk<'_>, id: &str, part: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    let (_, index, _) = one(desk, id, part)?;
    let now = desk.now;
    let store = desk.store_mut();
    let item = store.items.get_mut(&key).ok_or_else(Problem::not_found)?;
    item.source = item.source.without(index, key);
    store.touch(key, Touch::Content, now);
    Ok(Reply::empty(204))
}

pub(crate) fn all(store: &Store, item: &Item, how: (Detail, usize)) -> Value {
    let list = item.source.attachments();
    list.iter()
        .enumerate()
        .map(|(index, attachment)| rendered(store, item, (index, attachment), how))
        .collect()
}

/// Whether this message takes an attachment of this size: the documents speak of drafts. (reference B.9)
pub(crate) fn may_attach(desk: &Desk<'_>, key: u64, size: usize) -> Result<(), Problem> {
    let item = desk.found(key)?;
    let drafts_only = desk.state.switches.messages.attach_to == AttachTo::Drafts;
    if drafts_only && !item.draft || item.submitted.is_some() {
        let text = "Attachments can be added to drafts only.";
        return Err(Problem::bad("ErrorInvalidRequest", text));
    }
    let sending = &desk.state.switches.sending;
    let whole = item.source.size() + size / 57 * 78;
    if item.draft && sending.size_check == SizeCheck::AtAttach && whole > sending.message_bytes {
        return Err(crate::post::too_large());
    }
    Ok(())
}

/// Puts an attachment behind the others, and answers its place.
pub(crate) fn attach(
    store: &mut Store,
    (key, now): (u64, Timestamp),
    (attachment, attaching): (Attachment, Attaching),
) -> Result<usize, Problem> {
    let item = store.items.get_mut(&key).ok_or_else(Problem::not_found)?;
    item.source = item.source.with(attachment, attaching, key);
    let index = item.source.attachments().len() - 1;
    store.touch(key, Touch::Content, now);
    Ok(index)
}

fn one<'a>(
    desk: &'a Desk<'_>,
    id: &str,
    part: &str,
) -> Result<(&'a Item, usize, Attachment), Problem> {
    let key = desk.item(id)?;
    let store = desk.store();
    let index = match ids::decode(store.tag, part) {
        Some(Named::Attachment { item, index }) if item == key => index as usize,
        _ if ids::well_formed(part) => return Err(Problem::not_found()),
        _ => return Err(Problem::malformed_id()),
    };
    let item = desk.found(key)?;
    let attachment = item.source.attachments().into_iter().nth(index);
    Ok((item, index, attachment.ok_or_else(Problem::not_found)?))
}

fn full(desk: &Desk<'_>) -> (Detail, usize) {
    (Detail::Full, desk.state.switches.messages.attachment_overhead)
}

fn rendered(
    store: &Store,
    item: &Item,
    (index, attachment): (usize, &Attachment),
    (detail, overhead): (Detail, usize),
) -> Value {
    let kind = if attachment.message { "itemAttachment" } else { "fileAttachment" };
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let mut body = json!({
        "@odata.type": format!("#microsoft.graph.{kind}"),
        "@odata.mediaContentType": attachment.content_type,
        "id": ids::encode(store.tag, Named::Attachment { item: item.key, index }),
        "lastModifiedDateTime": seconds(item.modified),
        "name": attachment.name,
        "contentType": attachment.content_type,
        "size": attachment.bytes.len() + overhead,
        "isInline": attachment.inline,
    });
    if !attachment.message {
        body["contentId"] = attachment.content_id.clone().into();
        body["contentLocation"] = Value::Null;
        if detail == Detail::Full {
            body["contentBytes"] = STANDARD.encode(&attachment.bytes).into();
        }
    }
    body
}
