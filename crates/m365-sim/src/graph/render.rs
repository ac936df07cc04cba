//! Messages and folders as Graph shows them.

use std::borrow::Cow;
use std::cell::OnceCell;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value, json};

use crate::clock::seconds;
use crate::folder::Folder;
use crate::ids::{self, IdForm, scramble, tag};
use crate::item::Item;
use crate::mailbox::Store;
use crate::mime;
use crate::view::{self, Body, Mailbox, View};

use super::attachments;
use super::extended;
use super::filter::Row;
use super::query::{FOLDER, MESSAGE, Selection};

/// How a request wants its messages.
pub(crate) struct Show<'a> {
    pub(crate) selection: &'a Selection,
    pub(crate) ids: IdForm,
    /// `Prefer: outlook.body-content-type="text"`
    pub(crate) text_body: bool,
    /// Property ids are shown normalised, or as the reference spells them.
    pub(crate) normalised: bool,
}

pub(crate) fn message(store: &Store, item: &Item, show: &Show<'_>) -> Value {
    let mut row = Map::new();
    let etag = format!("W/\"{}\"", ids::change_key(store.tag, item.change));
    row.insert("@odata.etag".into(), etag.into());
    let shown = MESSAGE.iter().filter(|name| show.selection.wants(name));
    let seen = Seen { store, item, view: OnceCell::new(), show };
    for name in shown {
        if let Some(value) = seen.value(name) {
            row.insert((*name).to_owned(), value);
        }
    }
    let properties = extended_list(&show.selection.properties, show.normalised, |id| {
        extended::of_item(item, id)
    });
    row.extend(properties.map(|list| ("singleValueExtendedProperties".to_owned(), list)));
    if show.selection.attachments {
        row.insert(
            "attachments".into(),
            attachments::all(store, item, (attachments::Detail::Full, 0)),
        );
    }
    Value::Object(row)
}

/// A message as a filter or a sort order sees it.
pub(crate) struct Plain<'a> {
    pub(crate) store: &'a Store,
    pub(crate) item: &'a Item,
    pub(crate) show: &'a Show<'a>,
}

impl Row for Plain<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        Seen { store: self.store, item: self.item, view: OnceCell::new(), show: self.show }
            .value(name)
    }

    fn property(&self, id: &str) -> Option<String> {
        extended::of_item(self.item, id)
    }
}

struct Seen<'a> {
    store: &'a Store,
    item: &'a Item,
    /// Parsed when the first property needs it: large folders are mostly listed by state alone.
    view: OnceCell<Cow<'a, View>>,
    show: &'a Show<'a>,
}

impl Seen<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        let item = self.item;
        Some(match name {
            "id" => self.store.item_id(item, self.show.ids).into(),
            "changeKey" => ids::change_key(self.store.tag, item.change).into(),
            "createdDateTime" => seconds(item.created).into(),
            "lastModifiedDateTime" => seconds(item.modified).into(),
            "receivedDateTime" => seconds(item.received).into(),
            "parentFolderId" => self.store.folder_id(item.folder).into(),
            "isRead" => item.read.into(),
            "isDraft" => item.draft.into(),
            "webLink" => self.web_link().into(),
            "body" | "uniqueBody" => self.body(),
            "internetMessageHeaders" => headers(item),
            "attachments" | "singleValueExtendedProperties" => return None,
            _ => return self.rare(name).or_else(|| self.parsed(name)),
        })
    }

    fn parsed(&self, name: &str) -> Option<Value> {
        let view = self.view.get_or_init(|| self.item.source.view());
        Some(match name {
            "sentDateTime" => seconds(view.date.unwrap_or(self.item.received)).into(),
            "hasAttachments" => view.has_attachments.into(),
            "internetMessageId" => view.message_id.clone().into(),
            "subject" => view.subject.clone().unwrap_or_default().into(),
            "bodyPreview" => view.preview.clone().into(),
            "conversationId" => conversation(self.store, view).into(),
            "conversationIndex" => STANDARD.encode(noise(conversation_tag(view), 22)).into(),
            "sender" => person(view.sender.as_ref()),
            "from" => person(view.from.as_ref()),
            "toRecipients" => people(&view.to),
            "ccRecipients" => people(&view.cc),
            "bccRecipients" => people(&view.bcc),
            "replyTo" => people(&view.reply_to),
            _ => return None,
        })
    }

    fn rare(&self, name: &str) -> Option<Value> {
        let extra = self.item.extra();
        Some(match name {
            "categories" => extra.categories.clone().into(),
            "importance" => extra.importance.clone().into(),
            "inferenceClassification" => extra.inference.clone().into(),
            "isDeliveryReceiptRequested" => extra.delivery_receipt.into(),
            "isReadReceiptRequested" => extra.read_receipt.into(),
            "flag" => extra.flag.clone(),
            _ => return None,
        })
    }

    fn body(&self) -> Value {
        let bytes = self.item.source.bytes();
        match view::body(&bytes) {
            Body::Text(text) if self.show.text_body => {
                json!({"contentType": "text", "content": text})
            }
            Body::Html(_) if self.show.text_body => {
                json!({"contentType": "text", "content": view::plain_text(&bytes)})
            }
            Body::Html(html) => json!({"contentType": "html", "content": html}),
            Body::Text(text) => {
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                let html = format!(
                    "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head>\
                     <body>\r\n<div class=\"PlainText\">{text}</div>\r\n</body></html>\r\n"
                );
                json!({"contentType": "html", "content": html})
            }
        }
    }

    fn web_link(&self) -> String {
        let id = crate::call::percent_encode(&self.store.item_id(self.item, IdForm::Ordinary));
        format!(
            "https://outlook.office365.com/owa/?ItemID={id}&exvsurl=1&viewmodel=ReadMessageItem"
        )
    }
}

pub(crate) fn folder(
    store: &Store,
    folder: &Folder,
    selection: &Selection,
    normalised: bool,
) -> Value {
    let mut row = Map::new();
    if folder.search {
        row.insert("@odata.type".into(), "#microsoft.graph.mailSearchFolder".into());
        row.insert("isSupported".into(), true.into());
    }
    for name in FOLDER.iter().filter(|name| selection.wants(name)) {
        row.insert(
            (*name).to_owned(),
            FolderRow { store, folder }.value(name).unwrap_or(Value::Null),
        );
    }
    let properties =
        extended_list(&selection.properties, normalised, |id| extended::of_folder(folder, id));
    row.extend(properties.map(|list| ("singleValueExtendedProperties".to_owned(), list)));
    if selection.child_folders {
        let children = store.children(folder.key).filter(|child| !child.hidden);
        let plain = Selection::default();
        let children: Vec<Value> =
            children.map(|child| self::folder(store, child, &plain, normalised)).collect();
        row.insert("childFolders".into(), children.into());
    }
    Value::Object(row)
}

/// A folder as a filter sees it.
pub(crate) struct FolderRow<'a> {
    pub(crate) store: &'a Store,
    pub(crate) folder: &'a Folder,
}

impl Row for FolderRow<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        let folder = self.folder;
        Some(match name {
            "id" => self.store.folder_id(folder.key).into(),
            "displayName" => folder.name.clone().into(),
            // The roots hang below the invisible root of the store.
            "parentFolderId" => self.store.folder_id(folder.parent.unwrap_or_default()).into(),
            "childFolderCount" => {
                self.store.children(folder.key).filter(|child| !child.hidden).count().into()
            }
            "unreadItemCount" => folder.unread.into(),
            "totalItemCount" => folder.items.len().into(),
            "isHidden" => folder.hidden.into(),
            _ => return None,
        })
    }

    fn property(&self, id: &str) -> Option<String> {
        extended::of_folder(self.folder, id)
    }
}

/// Only what was asked for and exists; no list at all if nothing of it does.
fn extended_list(
    ids: &[String],
    normalised: bool,
    of: impl Fn(&str) -> Option<String>,
) -> Option<Value> {
    let found: Vec<Value> = ids
        .iter()
        .filter_map(|id| of(id).map(|value| json!({"id": spelled(id, normalised), "value": value})))
        .collect();
    (!found.is_empty()).then(|| found.into())
}

/// The other spelling pads tags to four upper-case digits.
fn spelled(id: &str, normalised: bool) -> String {
    match id.rsplit_once("0x").filter(|_| !normalised) {
        Some((front, digits)) => format!("{front}0x{:0>4}", digits.to_uppercase()),
        None => id.to_owned(),
    }
}

fn person(mailbox: Option<&Mailbox>) -> Value {
    mailbox.map_or(Value::Null, |mailbox| {
        let name = mailbox.name.as_deref().unwrap_or(&mailbox.address);
        json!({"emailAddress": {"name": name, "address": mailbox.address}})
    })
}

fn people(list: &[Mailbox]) -> Value {
    list.iter().map(|mailbox| person(Some(mailbox))).collect()
}

fn headers(item: &Item) -> Value {
    let bytes = item.source.bytes();
    let (head, _) = mime::split(&bytes);
    let fields = mime::fields(head).into_iter();
    fields
        .map(|(name, raw)| {
            let value = String::from_utf8_lossy(raw).replace("\r\n", "");
            json!({"name": name, "value": value.trim()})
        })
        .collect()
}

fn conversation_tag(view: &View) -> u64 {
    let first = view.references.as_deref().and_then(|ids| ids.split_whitespace().next());
    tag(first.or(view.in_reply_to.as_deref()).or(view.message_id.as_deref()).unwrap_or_default())
}

fn conversation(store: &Store, view: &View) -> String {
    let mut bytes = vec![0x00, 0x04, 0x24];
    bytes.extend(noise(store.tag, 40));
    bytes.extend(noise(conversation_tag(view), 16));
    URL_SAFE.encode(bytes)
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = scramble(state);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}
