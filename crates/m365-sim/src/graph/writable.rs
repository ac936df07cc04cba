//! The JSON of a message on its way in: every member known, or 400 UnableToDeserializePostBody.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::call::Problem;
use crate::view::{Attachment, Body, Mailbox};

use super::extended;

/// Members that are accepted and have no effect: they are the service's to set. (reference B.2, J)
const IGNORED: [&str; 16] = [
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "bodyPreview",
    "parentFolderId",
    "conversationId",
    "conversationIndex",
    "isDraft",
    "webLink",
    "uniqueBody",
    "multiValueExtendedProperties",
    "extensions",
];

/// What a create or a PATCH says. None is "not mentioned".
#[derive(Default)]
pub(crate) struct Edit {
    pub(crate) subject: Option<String>,
    pub(crate) body: Option<Body>,
    pub(crate) from: Option<Mailbox>,
    pub(crate) sender: Option<Mailbox>,
    pub(crate) to: Option<Vec<Mailbox>>,
    pub(crate) cc: Option<Vec<Mailbox>>,
    pub(crate) bcc: Option<Vec<Mailbox>>,
    pub(crate) reply_to: Option<Vec<Mailbox>>,
    pub(crate) message_id: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) read: Option<bool>,
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) flag: Option<Value>,
    pub(crate) importance: Option<String>,
    pub(crate) inference: Option<String>,
    pub(crate) read_receipt: Option<bool>,
    pub(crate) delivery_receipt: Option<bool>,
    /// Normalised ids.
    pub(crate) extended: Vec<(String, String)>,
}

impl Edit {
    pub(crate) fn parse(message: &Value) -> Result<Self, Problem> {
        let mut edit = Self::default();
        for (name, value) in message.as_object().ok_or_else(Problem::post_body)? {
            edit.member(name, value)?;
        }
        Ok(edit)
    }

    fn member(&mut self, name: &str, value: &Value) -> Result<(), Problem> {
        match name {
            "subject" => self.subject = Some(text(value)?),
            "body" => self.body = Some(body(value)?),
            "from" => self.from = optional_person(value)?,
            "sender" => self.sender = optional_person(value)?,
            "toRecipients" => self.to = Some(people(value)?),
            "ccRecipients" => self.cc = Some(people(value)?),
            "bccRecipients" => self.bcc = Some(people(value)?),
            "replyTo" => self.reply_to = Some(people(value)?),
            "internetMessageId" => self.message_id = Some(text(value)?),
            "internetMessageHeaders" => self.headers = headers(value)?,
            "attachments" => {
                self.attachments = list(value)?.iter().map(attachment).collect::<Result<_, _>>()?
            }
            "isRead" => self.read = Some(truth(value)?),
            "categories" => {
                self.categories = Some(list(value)?.iter().map(text).collect::<Result<_, _>>()?)
            }
            "flag" => self.flag = Some(flag(value)?),
            "importance" => self.importance = Some(one_of(value, &["low", "normal", "high"])?),
            "inferenceClassification" => {
                self.inference = Some(one_of(value, &["focused", "other"])?)
            }
            "isReadReceiptRequested" => self.read_receipt = value.as_bool(),
            "isDeliveryReceiptRequested" => self.delivery_receipt = value.as_bool(),
            "singleValueExtendedProperties" => {
                self.extended = list(value)?.iter().map(property).collect::<Result<_, _>>()?;
            }
            _ if name.starts_with('@') || name.contains("@odata.") || IGNORED.contains(&name) => {}
            _ => return Err(Problem::post_body()),
        }
        Ok(())
    }

    /// Touches what only a draft may change. (reference B.2)
    pub(crate) fn needs_draft(&self) -> bool {
        let addressed =
            [&self.to, &self.cc, &self.bcc, &self.reply_to].iter().any(|list| list.is_some());
        addressed || self.subject.is_some() || self.body.is_some() || self.message_id.is_some()
    }

    pub(crate) fn property(&self, id: &str) -> Option<&str> {
        self.extended.iter().find(|(found, _)| found == id).map(|(_, value)| value.as_str())
    }

    /// Only isRead, which does not move lastModifiedDateTime.
    pub(crate) fn only_read(&self) -> bool {
        let others = self.needs_draft()
            || self.from.is_some()
            || self.sender.is_some()
            || self.categories.is_some()
            || self.flag.is_some()
            || self.importance.is_some()
            || self.inference.is_some()
            || self.read_receipt.is_some()
            || self.delivery_receipt.is_some()
            || !self.extended.is_empty();
        self.read.is_some() && !others
    }
}

fn text(value: &Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        _ => Err(Problem::post_body()),
    }
}

fn truth(value: &Value) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(Problem::post_body)
}

fn list(value: &Value) -> Result<&[Value], Problem> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Null => Ok(&[]),
        _ => Err(Problem::post_body()),
    }
}

fn one_of(value: &Value, known: &[&str]) -> Result<String, Problem> {
    let found =
        value.as_str().and_then(|word| known.iter().find(|known| known.eq_ignore_ascii_case(word)));
    found.map(|word| (*word).to_owned()).ok_or_else(Problem::post_body)
}

fn body(value: &Value) -> Result<Body, Problem> {
    let content = text(&value["content"])?;
    let kind = value["contentType"].as_str().unwrap_or("text");
    Ok(if kind.eq_ignore_ascii_case("html") { Body::Html(content) } else { Body::Text(content) })
}

fn optional_person(value: &Value) -> Result<Option<Mailbox>, Problem> {
    if value.is_null() { Ok(None) } else { person(value).map(Some) }
}

fn person(value: &Value) -> Result<Mailbox, Problem> {
    let inner = &value["emailAddress"];
    let address = inner["address"].as_str().ok_or_else(Problem::post_body)?.to_owned();
    Ok(Mailbox { name: inner["name"].as_str().map(str::to_owned), address })
}

fn people(value: &Value) -> Result<Vec<Mailbox>, Problem> {
    list(value)?.iter().map(person).collect()
}

/// Only names that start with `x-` may be given. (reference B.7)
fn headers(value: &Value) -> Result<Vec<(String, String)>, Problem> {
    list(value)?
        .iter()
        .map(|header| {
            let name = text(&header["name"])?;
            if !name.to_ascii_lowercase().starts_with("x-") {
                let text = format!(
                    "The internet message header name '{name}' should start with 'x-' or 'X-'."
                );
                return Err(Problem::bad("InvalidInternetMessageHeader", &text));
            }
            Ok((name, text(&header["value"])?))
        })
        .collect()
}

/// dueDateTime needs startDateTime. (reference B.2)
fn flag(value: &Value) -> Result<Value, Problem> {
    one_of(&value["flagStatus"], &["notFlagged", "flagged", "complete"])?;
    if value.get("dueDateTime").is_some_and(|due| !due.is_null())
        && value["startDateTime"].is_null()
    {
        return Err(Problem::bad("ErrorInvalidRequest", "The dueDateTime needs a startDateTime."));
    }
    Ok(value.clone())
}

fn property(value: &Value) -> Result<(String, String), Problem> {
    let id = extended::normalise(value["id"].as_str().unwrap_or_default())?;
    let value = value["value"].as_str().ok_or_else(Problem::post_body)?;
    Ok((id, value.to_owned()))
}

/// A fileAttachment with its bytes, or an itemAttachment given as MIME.
pub(crate) fn attachment(value: &Value) -> Result<Attachment, Problem> {
    let kind = value["@odata.type"].as_str().unwrap_or("#microsoft.graph.fileAttachment");
    if !kind.ends_with("fileAttachment") {
        return Err(Problem::bad("ErrorInvalidRequest", "Only file attachments can be given."));
    }
    let encoded = value["contentBytes"].as_str().ok_or_else(Problem::post_body)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| Problem::post_body())?;
    let kind = value["contentType"].as_str().unwrap_or("application/octet-stream").to_owned();
    Ok(Attachment {
        name: value["name"].as_str().ok_or_else(Problem::post_body)?.to_owned(),
        message: kind.eq_ignore_ascii_case("message/rfc822"),
        content_type: kind,
        content_id: value["contentId"].as_str().map(str::to_owned),
        inline: value["isInline"].as_bool().unwrap_or_default(),
        bytes: Bytes::from(bytes),
    })
}
