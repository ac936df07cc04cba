//! `POST …/messages` in its two forms. (reference B.7)

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use jiff::Timestamp;

use crate::call::{Call, Problem, Reply};
use crate::clock::mail_date;
use crate::item::{Extra, NewItem, Source};
use crate::mailbox::Store;
use crate::mime::{Composed, addresses, word};
use crate::switch::{FolderMimeCreate, MessageSwitches, MimeCreate};
use crate::view::Body;

use super::Desk;
use super::messages;
use super::query::Selection;
use super::writable::Edit;

/// `PidTagMessageFlags`: read and unsent.
const READ: u32 = 1;
const UNSENT: u32 = 8;

/// A MIME create: always a draft, wherever it is put.
pub(crate) fn from_mime(desk: &mut Desk<'_>, folder: Option<&str>) -> Result<Reply, Problem> {
    let switches = desk.state.switches.messages.clone();
    if folder.is_some() && switches.folder_mime_create == FolderMimeCreate::Refused {
        return Err(Problem::post_body());
    }
    let bytes = mime_body(desk.call, &switches)?;
    let drafts = desk.folder("drafts")?;
    let target = folder.map_or(Ok(drafts), |id| desk.folder(id))?;
    let finished = switches.mime_create == MimeCreate::FinalOutsideDrafts && target != drafts;
    let now = desk.now;
    let source = Source::mime(bytes);
    let new = NewItem { source, draft: !finished, read: true, received: now, extra: None };
    let key = desk.store_mut().add_item(target, new, now);
    messages::entity(desk, key, 201, &Selection::default())
}

/// A JSON create: only here does 0x0E07 decide whether the item is a draft.
pub(crate) fn from_json(desk: &mut Desk<'_>, folder: Option<&str>) -> Result<Reply, Problem> {
    if desk.call.body.is_empty() {
        return Err(Problem::post_body());
    }
    let edit = Edit::parse(&desk.call.json().map_err(|_| Problem::post_body())?)?;
    let most = desk.state.switches.messages.custom_headers;
    if edit.headers.len() > most {
        let text = format!("The maximum number of internet message headers is {most}.");
        return Err(Problem::bad("InvalidInternetMessageHeaderCollection", &text));
    }
    let target = desk.folder(folder.unwrap_or("drafts"))?;
    let now = desk.now;
    let new = new_item(desk.store(), &edit, now);
    let key = desk.store_mut().add_item(target, new, now);
    messages::entity(desk, key, 201, &Selection::default())
}

/// The item a JSON message becomes.
pub(crate) fn new_item(store: &Store, edit: &Edit, now: Timestamp) -> NewItem {
    let flags = edit.property("Integer 0xe07").and_then(|value| value.parse::<u32>().ok());
    let time = |id: &str| edit.property(id).and_then(|value| value.parse::<Timestamp>().ok());
    let mut extra = Extra::default();
    apply_extra(&mut extra, edit);
    NewItem {
        source: Source::mime(compose(store, edit, time("SystemTime 0x39").unwrap_or(now))),
        draft: flags.is_none_or(|flags| flags & UNSENT != 0),
        read: edit.read.unwrap_or_else(|| flags.is_none_or(|flags| flags & READ != 0)),
        received: time("SystemTime 0xe06").unwrap_or(now),
        extra: Some(Box::new(extra)),
    }
}

/// Writes the MIME of a JSON message; there is no other place for its properties.
fn compose(store: &Store, edit: &Edit, sent: Timestamp) -> Bytes {
    let number = store.change;
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    if let Some(from) = edit.from.as_ref().or(edit.sender.as_ref()) {
        add("From", addresses(std::slice::from_ref(from)));
    } else if edit.property("Integer 0xe07").is_none() {
        let own =
            crate::view::Mailbox { name: Some(store.name.clone()), address: store.address.clone() };
        add("From", addresses(&[own]));
    }
    let lists =
        [("To", &edit.to), ("Cc", &edit.cc), ("Bcc", &edit.bcc), ("Reply-To", &edit.reply_to)];
    for (name, list) in lists {
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            add(name, addresses(list));
        }
    }
    add("Subject", word(edit.subject.as_deref().unwrap_or_default()));
    add("Date", mail_date(sent));
    let domain = store.address.rsplit('@').next().unwrap_or("localhost");
    let own_id =
        || format!("<{:016X}.{number}@namprd00.prod.{domain}>", crate::ids::scramble(number));
    let id = edit.message_id.as_deref().or_else(|| edit.property("String 0x1035"));
    add("Message-ID", id.map_or_else(own_id, str::to_owned));
    for (name, property) in [("In-Reply-To", "String 0x1042"), ("References", "String 0x1039")] {
        if let Some(value) = edit.property(property) {
            add(name, value.to_owned());
        }
    }
    for (name, value) in &edit.headers {
        add(name, word(value));
    }
    let (text, html) = match &edit.body {
        Some(Body::Text(text)) => (Some(text.clone()), None),
        Some(Body::Html(html)) => (None, Some(html.clone())),
        None => (None, None),
    };
    Composed { headers, text, html, attachments: edit.attachments.clone() }.write(number)
}

/// What is not in the MIME.
pub(crate) fn apply_extra(extra: &mut Extra, edit: &Edit) {
    let set = |slot: &mut String, value: &Option<String>| {
        if let Some(value) = value {
            slot.clone_from(value);
        }
    };
    set(&mut extra.importance, &edit.importance);
    set(&mut extra.inference, &edit.inference);
    if let Some(categories) = &edit.categories {
        extra.categories.clone_from(categories);
    }
    if let Some(flag) = &edit.flag {
        extra.flag.clone_from(flag);
    }
    extra.read_receipt = edit.read_receipt.unwrap_or(extra.read_receipt);
    extra.delivery_receipt = edit.delivery_receipt.unwrap_or(extra.delivery_receipt);
    for (id, value) in &edit.extended {
        match id.as_str() {
            // Kept in the item itself or in its MIME.
            "Integer 0xe07" | "Integer 0xe08" | "Integer 0xe23" | "SystemTime 0xe06"
            | "SystemTime 0x39" => {}
            "Integer 0x1090" => extra.flag = flag_of(value),
            _ => {
                extra.extended.insert(id.clone(), value.clone());
            }
        }
    }
}

fn flag_of(value: &str) -> serde_json::Value {
    let status = match value {
        "2" => "flagged",
        "1" => "complete",
        _ => "notFlagged",
    };
    serde_json::json!({"flagStatus": status})
}

/// The bytes of a base64 body, with the refusals Exchange has for them.
pub(crate) fn mime_body(call: &Call, switches: &MessageSwitches) -> Result<Bytes, Problem> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    let encoded: Vec<u8> =
        call.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if encoded.is_empty() {
        return Err(Problem::post_body());
    }
    let bytes = engine.decode(encoded).map_err(|_| {
        Problem::bad(
            "ErrorMimeContentInvalidBase64String",
            "Invalid base64 string for MIME content.",
        )
    })?;
    if switches.refuse_bare_lf && has_bare_lf(&bytes) {
        return Err(Problem::post_body());
    }
    Ok(Bytes::from(bytes))
}

fn has_bare_lf(bytes: &[u8]) -> bool {
    let mut before = 0;
    bytes.iter().any(|byte| {
        let bare = *byte == b'\n' && before != b'\r';
        before = *byte;
        bare
    })
}
