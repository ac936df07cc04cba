//! Filing a message (reference B.7, decision 9): drafts from their MIME, anything else as a JSON
//! item, since the service makes a draft of every message it creates from MIME.

use serde_json::{Map, Value, json};

use super::Graph;
use super::batch;
use super::doubts::KEPT;
use super::fault::{LARGEST_MESSAGE, SILENT_LIMIT, about_target};
use super::flags::as_created;
use super::message::iso;
use super::message_ids;
use super::mime::Mime;
use super::model::{Collection, Message};
use super::path::encode;
use super::property::{APPEND_TAG, DELIVERY_TIME, MESSAGE_FLAGS, SUBMIT_TIME, select_and_expand};
use super::settle::SETTLING;
use crate::backend::{RemoteFolderRef, RemoteMessage, Upload, Urgency};
use crate::http::{Failure, Patience, Request};
use crate::mailbox::{Fault, Flags, Kind, Outcome, RemoteId, Role, SystemFlag, Timestamp};

/// One request's body (reference B.9: "4 MB", read as the smaller of its two meanings).
const LARGEST_REQUEST: usize = 4_000_000;

/// How far the service's servers may disagree about the time, in seconds, when a draft is looked for:
/// less than lies between two savings of the same draft.
const DRAFT_SKEW: i64 = 5;
/// How long after it was first tried a draft may come into being, in seconds: as long as a request
/// that was cut off may be at work. A later one is another saving.
const DRAFT_LATEST: i64 = 10 * 60;

/// Which of the new drafts may be the one in doubt.
#[derive(Clone, Copy)]
enum Pick<'a> {
    /// The only one that is not known to be another: while it is being made.
    Only,
    /// The earliest that is none of these.
    EarliestBut(&'a [RemoteId]),
}

impl Graph {
    pub(super) async fn file(
        &self,
        folder: &RemoteFolderRef,
        upload: &Upload,
    ) -> Outcome<RemoteMessage> {
        let patience = self.http.patience(Urgency::Interactive);
        let at_once = match Mime::read(&upload.message).await {
            Ok(mime) if folder.role == Some(Role::Drafts) => {
                self.file_draft(folder, &mime, upload, patience).await
            }
            Ok(mime) => self.file_item(folder, &mime, upload, patience).await,
            Err(fault) => Err(fault),
        };
        match (at_once, &upload.anatomy) {
            (Err(fault), Some(anatomy)) if matches!(fault.kind(), Kind::TooLarge { .. }) => {
                self.file_large(folder, upload, anatomy).await
            }
            (at_once, _) => at_once,
        }
    }

    async fn file_draft(
        &self,
        folder: &RemoteFolderRef,
        mime: &Mime,
        upload: &Upload,
        patience: Patience,
    ) -> Outcome<RemoteMessage> {
        let created = self.create_draft(mime, patience).await?;
        let id = created.remote_id();
        let finished = self.finish_draft(created, folder, &upload.flags, patience).await;
        let Err(fault) = finished else { return finished };
        // Half a job would come twice when the client tries again.
        let taken_back = self.remove_all(&[id]).await.into_iter().collect::<Outcome<()>>();
        match taken_back {
            Ok(()) => Err(fault),
            Err(left) => Err(Fault::from(Kind::InDoubt).because(left).because(fault)),
        }
    }

    /// What a filing in doubt has made: a draft is known by its Message-ID and its time, anything
    /// else by its tag.
    pub(super) async fn find_filed(
        &self,
        folder: &RemoteFolderRef,
        upload: &Upload,
        others: &[RemoteId],
    ) -> Outcome<Option<RemoteMessage>> {
        if upload.anatomy.is_some()
            && let Some(found) = self.find_large(folder, &upload.mark.tag).await?
        {
            return Ok(Some(found));
        }
        let patience = self.http.patience(Urgency::Interactive);
        if folder.role == Some(Role::Drafts) && upload.message.size <= LARGEST_MESSAGE {
            let mime = Mime::read(&upload.message).await?;
            let found = self
                .find_draft(&mime, (upload.mark.since, Pick::EarliestBut(others)), patience)
                .await?;
            let Some(found) = found else { return Ok(None) };
            return self.finish_draft(found, folder, &upload.flags, patience).await.map(Some);
        }
        let found = self.find_tagged(&folder.id, &upload.mark.tag, patience).await;
        match found.map_err(about_target)? {
            Some(found) => self.told_created(&found, &Flags::none(), patience).await.map(Some),
            None => Ok(None),
        }
    }

    async fn finish_draft(
        &self,
        mut created: Message,
        folder: &RemoteFolderRef,
        flags: &Flags,
        patience: Patience,
    ) -> Outcome<RemoteMessage> {
        if created.parent_folder_id.as_deref() != Some(folder.id.as_str()) {
            let here = created.told_with(&Flags::none());
            let here = [here.ok_or_else(|| Fault::defect("a new draft that tells nothing"))?];
            let moved =
                self.transfer(super::copy::Transfer::Move, &here, &folder.id, patience).await;
            let moved = moved.into_iter().next();
            let moved = moved.unwrap_or_else(|| Err(Fault::defect("a move without an answer")));
            created.id = moved?.id.as_str().to_owned();
            created.parent_folder_id = Some(folder.id.as_str().to_owned());
        }
        let unseen = Flags::none();
        let flags = flags.clone().without(SystemFlag::MarkedDraft);
        let (properties, mut patch) = as_created(&flags, self.http.clock().now());
        // A new draft counts as read until told otherwise.
        patch.insert("isRead".to_owned(), json!(flags.has(SystemFlag::Seen)));
        let path = self.prefix.message(&created.remote_id());
        let request = Request::patch("PATCH message", path).json(&Value::Object(patch));
        let patched: Message = self.http.json(&request, patience).await?;
        match patched.told_with(&properties) {
            Some(message) => Ok(message),
            None => created
                .told_with(&unseen)
                .ok_or_else(|| Fault::defect("a new draft that tells nothing")),
        }
    }

    /// Creates a draft from MIME, once: a creation in doubt is looked for before it is repeated.
    pub(super) async fn create_draft(&self, mime: &Mime, patience: Patience) -> Outcome<Message> {
        let started = self.http.clock().now();
        let request =
            Request::post("POST message MIME", self.prefix.messages()).text(mime.base64());
        for retry in 0.. {
            match self.http.json::<Message>(&request, patience).await {
                Ok(message) => {
                    self.doubts.note_made(message.remote_id());
                    return Ok(message);
                }
                Err(Failure::InDoubt { status, cause }) => {
                    self.http.settle(SETTLING, patience).await;
                    let found = self.find_draft(mime, (started, Pick::Only), patience).await;
                    if let Some(message) = found.map_err(in_doubt)? {
                        self.doubts.note_made(message.remote_id());
                        return Ok(message);
                    }
                    refuse_silence(status, mime, &cause)?;
                    if !self.http.pause(retry, patience).await {
                        break;
                    }
                }
                Err(failure) => return Err(refused(failure, mime.len())),
            }
        }
        Err(Fault::from(Kind::Unreachable).because("the draft was not created"))
    }

    /// The draft made at `started` or soon after. Clients save a draft again and again under one
    /// Message-ID, so neither an earlier nor a later one must pass for it: that would lose a saving.
    ///
    /// # Errors
    /// `InDoubt` if it may be one of several, or has no Message-ID and may be any new draft.
    async fn find_draft(
        &self,
        mime: &Mime,
        (started, pick): (Timestamp, Pick<'_>),
        patience: Patience,
    ) -> Outcome<Option<Message>> {
        let filter = match mime.message_id() {
            Some(id) => message_ids::named(&id),
            None => format!("createdDateTime ge {}", iso(self.new_since(started))),
        };
        let folder = self.prefix.folder("drafts");
        let query = format!("$filter={}&{}&$top=50", encode(&filter), super::property::select());
        let request = Request::get("GET messages", format!("{folder}/messages?{query}"));
        let mut found: Vec<Message> = self.whole_list(request, patience).await?;
        let at = self.http.service_time(started).0;
        let since = Timestamp(at.saturating_sub(DRAFT_SKEW));
        let until = Timestamp(at.saturating_add(DRAFT_LATEST));
        let is_other = |draft: &Message| match pick {
            Pick::Only => self.doubts.is_made(&draft.id),
            Pick::EarliestBut(others) => others.iter().any(|other| other.as_str() == draft.id),
        };
        let fits = |created: Timestamp| (since..=until).contains(&created);
        found.retain(|draft| draft.created().is_some_and(fits) && !is_other(draft));
        if found.is_empty() || mime.message_id().is_none() && self.is_forgotten(started) {
            return Ok(None);
        }
        if mime.message_id().is_none() {
            return Err(doubtful("a draft without Message-ID may be any of the new ones"));
        }
        if matches!(pick, Pick::Only) && found.len() > 1 {
            return Err(doubtful("more than one new draft has its Message-ID"));
        }
        Ok(found.into_iter().min_by_key(Message::created))
    }

    /// A doubt that nothing can settle ends when no client comes back for it any more.
    fn is_forgotten(&self, started: Timestamp) -> bool {
        self.http.clock().now().0.saturating_sub(started.0) > KEPT
    }

    async fn file_item(
        &self,
        folder: &RemoteFolderRef,
        mime: &Mime,
        upload: &Upload,
        patience: Patience,
    ) -> Outcome<RemoteMessage> {
        let tag = upload.mark.tag.as_str();
        let (properties, body) = item(mime, upload, self.http.clock().now());
        let made = self.create_item(folder, mime, (body, tag), patience).await?;
        self.told_created(&made, &properties, patience).await.map_err(in_doubt)
    }

    /// Creates an item, once: a creation in doubt is looked for by its tag before it is repeated.
    pub(super) async fn create_item(
        &self,
        folder: &RemoteFolderRef,
        mime: &Mime,
        (body, tag): (Map<String, Value>, &str),
        patience: Patience,
    ) -> Outcome<Message> {
        let path = format!("{}/messages", self.prefix.folder(folder.id.as_str()));
        let request = Request::post("POST message", path).json(&Value::Object(body));
        if matches!(&request.body, crate::http::Body::Json(body) if body.len() > LARGEST_REQUEST) {
            return Err(Kind::TooLarge { limit: LARGEST_MESSAGE }.into());
        }
        for retry in 0.. {
            match self.http.json::<Message>(&request, patience).await {
                Ok(message) => return Ok(message),
                Err(Failure::InDoubt { status, cause }) => {
                    self.http.settle(SETTLING, patience).await;
                    let found = self.find_tagged(&folder.id, tag, patience).await;
                    if let Some(message) = found.map_err(in_doubt)? {
                        return Ok(message);
                    }
                    refuse_silence(status, mime, &cause)?;
                    if !self.http.pause(retry, patience).await {
                        break;
                    }
                }
                Err(failure) => return Err(about_target(refused(failure, mime.len()))),
            }
        }
        Err(Fault::from(Kind::Unreachable).because("the message was not filed"))
    }

    pub(super) async fn told_created(
        &self,
        message: &Message,
        properties: &Flags,
        patience: Patience,
    ) -> Outcome<RemoteMessage> {
        if let Some(told) = message.told_with(properties) {
            return Ok(told);
        }
        let path = format!("{}?{}", self.prefix.message(&message.remote_id()), select_and_expand());
        let step = Request::get("GET message", path);
        let whole: Message = batch::read(self.http.json(&step, patience).await)?;
        whole.told().ok_or_else(|| Fault::defect("a message that lacks what was asked for"))
    }

    pub(super) async fn find_tagged(
        &self,
        folder: &RemoteId,
        tag: &str,
        patience: Patience,
    ) -> Outcome<Option<Message>> {
        let filter = format!(
            "singleValueExtendedProperties/Any(ep: ep/id eq '{APPEND_TAG}' and ep/value eq '{tag}')"
        );
        let path = format!(
            "{}/messages?$filter={}&{}",
            self.prefix.folder(folder.as_str()),
            encode(&filter),
            select_and_expand()
        );
        let request = Request::get("GET messages", path);
        let found: Collection<Message> = self.http.json(&request, patience).await?;
        Ok(found.value.into_iter().next())
    }
}

/// The JSON of a new item that is no draft, and those of its flags that live in properties.
pub(super) fn item(mime: &Mime, upload: &Upload, now: Timestamp) -> (Flags, Map<String, Value>) {
    let received = upload.received.unwrap_or(now);
    let seen = upload.flags.has(SystemFlag::Seen);
    let (stored, patch) = as_created(&upload.flags, now);
    let (mut body, mut properties) = mime.item();
    let has = |properties: &[Value], id: &str| properties.iter().any(|known| known["id"] == id);
    if !has(&properties, SUBMIT_TIME) {
        properties.push(json!({ "id": SUBMIT_TIME, "value": iso(received) }));
    }
    // Without bit 8 (unsent) the item is no draft; it can only be left out before the first save.
    let read_bit = if seen { "1" } else { "0" };
    properties.push(json!({ "id": MESSAGE_FLAGS, "value": read_bit }));
    properties.push(json!({ "id": DELIVERY_TIME, "value": iso(received) }));
    properties.push(json!({ "id": APPEND_TAG, "value": upload.mark.tag }));
    for (name, value) in patch {
        match value {
            Value::Array(more) if name == "singleValueExtendedProperties" => {
                properties.extend(more)
            }
            value => drop(body.insert(name, value)),
        }
    }
    body.insert("isRead".to_owned(), json!(seen));
    body.insert("singleValueExtendedProperties".to_owned(), Value::Array(properties));
    (stored, body)
}

/// The trap of a success code without effect for what is too large (reference B.9).
fn refuse_silence(status: Option<u16>, mime: &Mime, cause: &str) -> Outcome<()> {
    let silent = status.is_some_and(|status| (200..300).contains(&status));
    if silent && mime.len() > SILENT_LIMIT {
        return Err(Fault::from(Kind::TooLarge { limit: SILENT_LIMIT }).because(cause));
    }
    Ok(())
}

fn doubtful(cause: &str) -> Fault {
    Fault::from(Kind::InDoubt).because(cause)
}

/// It may be there, and could not be looked for.
pub(super) fn in_doubt(fault: Fault) -> Fault {
    Fault::from(Kind::InDoubt).because(fault)
}

/// "Bad request" is one of the service's ways to say "too large" (reference B.9).
pub(super) fn refused(failure: Failure, size: u64) -> Fault {
    match failure {
        Failure::Refused(refusal) if refusal.is("BadRequest") && size > SILENT_LIMIT => {
            Fault::from(Kind::TooLarge { limit: SILENT_LIMIT }).because(refusal)
        }
        failure => failure.into(),
    }
}
