//! Filing a message that is too large for one request (reference B.9): an item with the header's
//! properties and the text, and every other part as an attachment.
//!
//! It grows in a hidden folder and moves when it is whole, so that nobody ever sees a part of it.

use mail_parser::{Message as Parsed, MessageParser, MimeHeaders as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::Graph;
use super::append::{in_doubt, item};
use super::copy::Transfer;
use super::decode::Content;
use super::described::{Attached, header, media, transfer};
use super::mime::Mime;
use super::model::{Collection, Folder};
use super::property::MESSAGE_FLAGS;
use crate::backend::{RemoteFolderRef, RemoteMessage, Upload, Urgency};
use crate::http::{Failure, Request};
use crate::mailbox::{
    Anatomy, Fault, Flags, Kind, Leaf, Outcome, Place, RemoteId, Role, SystemFlag,
};
use crate::mime::{Keep, filter_fields};

/// The hidden folder, below the mailbox's root.
const FOLDER: &str = "Footbridge uploads";
/// Octets of text that go into the item itself; longer texts are attached. Nobody reads as much, and
/// the rest of the request has to fit beside it.
const TEXT_MAX: u64 = 1_000_000;
/// Octets of a header that go into the item; what is beyond them is in our own copy.
const HEADER_MAX: u64 = 500_000;
/// Tries of one attachment.
const TRIES: usize = 3;

#[derive(Debug, Deserialize)]
struct Made {
    id: String,
}

impl Graph {
    pub(super) async fn file_large(
        &self,
        folder: &RemoteFolderRef,
        upload: &Upload,
        anatomy: &Anatomy,
    ) -> Outcome<RemoteMessage> {
        if let Some(flaw) = anatomy.flaw {
            let cause = "too large for one request, and not to be taken apart";
            return Err(Fault::from(Kind::Unacceptable(flaw)).because(cause));
        }
        let (mime, body, flags, attached) = self.taken_apart(folder, upload, anatomy).await?;
        let staging = self.staging().await?;
        let patience = self.http.patience(Urgency::Interactive);
        let tag = upload.mark.tag.as_str();
        let made = self.create_item(&staging, &mime, (body, tag), patience).await?;
        let here = match self.told_created(&made, &flags, patience).await {
            Ok(here) => here,
            Err(fault) => return self.take_back(&made.remote_id(), fault).await,
        };
        for (number, part) in attached.iter().enumerate() {
            if let Err(fault) = self.attach_surely(&here.id, upload, (part, number)).await {
                return self.take_back(&here.id, fault).await;
            }
        }
        let patience = self.http.patience(Urgency::Interactive);
        let moved =
            self.transfer(Transfer::Move, std::slice::from_ref(&here), &folder.id, patience).await;
        let moved = moved.into_iter().next();
        match moved.unwrap_or_else(|| Err(Fault::defect("a move without an answer"))) {
            Err(fault) if *fault.kind() != Kind::InDoubt => self.take_back(&here.id, fault).await,
            moved => moved,
        }
    }

    /// Tries again what is not there: a second one of it, should both come, does no harm to filed mail.
    async fn attach_surely(
        &self,
        item: &RemoteId,
        upload: &Upload,
        (part, before): (&Attached<'_>, usize),
    ) -> Outcome<()> {
        let path = &upload.message.path;
        let size = self.size_of(path, part).await?;
        for _ in 0..TRIES {
            match self.attach(item, path, (part, size, before)).await {
                Err(fault) if *fault.kind() == Kind::InDoubt => {}
                attached => return attached.map(drop),
            }
        }
        Err(Fault::from(Kind::Unreachable).because("an attachment could not be handed over"))
    }

    /// What became of a large message whose filing broke off: it is in its folder, or it is not whole.
    pub(super) async fn find_large(
        &self,
        folder: &RemoteFolderRef,
        tag: &str,
    ) -> Outcome<Option<RemoteMessage>> {
        let patience = self.http.patience(Urgency::Interactive);
        let found = self.find_tagged(&folder.id, tag, patience).await;
        if let Some(found) = found.map_err(super::fault::about_target)? {
            return self.told_created(&found, &Flags::none(), patience).await.map(Some);
        }
        let Some(staging) = self.known_staging().await? else { return Ok(None) };
        if let Some(part) = self.find_tagged(&staging.id, tag, patience).await? {
            self.remove_all(&[part.remote_id()]).await.into_iter().collect::<Outcome<()>>()?;
        }
        Ok(None)
    }

    /// Nothing was filed; what cannot be removed stays where nobody sees it.
    async fn take_back(&self, item: &RemoteId, fault: Fault) -> Outcome<RemoteMessage> {
        let removed = self.remove_all(std::slice::from_ref(item)).await;
        if let Err(left) = removed.into_iter().collect::<Outcome<()>>() {
            return Err(in_doubt(left).because(fault));
        }
        // It is certainly not there: what was in doubt has gone with it.
        let settled = *fault.kind() == Kind::InDoubt;
        Err(if settled { Fault::from(Kind::Unreachable).because(fault) } else { fault })
    }

    async fn taken_apart<'a>(
        &self,
        folder: &RemoteFolderRef,
        upload: &Upload,
        anatomy: &'a Anatomy,
    ) -> Outcome<(Mime, Map<String, Value>, Flags, Vec<Attached<'a>>)> {
        let header = anatomy.header.start..anatomy.header.end.min(HEADER_MAX);
        let mime = Mime::normalized(&read(upload, &header).await?);
        let is_draft = folder.role == Some(Role::Drafts);
        let upload = match is_draft {
            true => {
                let flags = upload.flags.clone().without(SystemFlag::MarkedDraft);
                Upload { flags, ..upload.clone() }
            }
            false => upload.clone(),
        };
        let (flags, mut body) = item(&mime, &upload, self.http.clock().now());
        if is_draft && let Some(Value::Array(list)) = body.get_mut("singleValueExtendedProperties")
        {
            list.retain(|property| property["id"] != MESSAGE_FLAGS);
        }
        body.remove("attachments");
        let shown = shown(&anatomy.leaves);
        if let Some(leaf) = shown {
            body.insert("body".to_owned(), text(&upload, leaf).await?);
        }
        let is_html = shown.is_some_and(|leaf| media(leaf) == "text/html");
        let is_other_form = |leaf: &Leaf| {
            is_html && leaf.place == Place::Alternative && media(leaf) == "text/plain"
        };
        let rest = anatomy.leaves.iter().filter(|leaf| {
            !shown.is_some_and(|shown| shown.body == leaf.body) && !is_other_form(leaf)
        });
        let attached = rest.map(Attached::of).collect::<Outcome<Vec<_>>>()?;
        Ok((mime, body, flags, attached))
    }

    async fn staging(&self) -> Outcome<RemoteFolderRef> {
        if let Some(known) = self.known_staging().await? {
            return Ok(known);
        }
        let path = format!("{}/mailFolders", self.prefix.as_str());
        let body = json!({ "displayName": FOLDER, "isHidden": true });
        let request = Request::post("POST folder", path).json(&body);
        let patience = self.http.patience(Urgency::Interactive);
        match self.http.json::<Made>(&request, patience).await {
            Ok(made) => Ok(reference(made.id)),
            // Someone else was faster, or the answer was lost.
            Err(failure) => match (self.known_staging().await?, failure) {
                (Some(known), _) => Ok(known),
                (None, Failure::InDoubt { cause, .. }) => {
                    Err(Fault::from(Kind::Unreachable).because(cause))
                }
                (None, failure) => Err(failure.into()),
            },
        }
    }

    async fn known_staging(&self) -> Outcome<Option<RemoteFolderRef>> {
        let query = "includeHiddenFolders=true&$top=250&$select=id,displayName";
        let path = format!("{}/mailFolders?{query}", self.prefix.as_str());
        let patience = self.http.patience(Urgency::Interactive);
        let mut request = Request::get("GET folders", path);
        loop {
            let page: Collection<Folder> = self.http.json(&request, patience).await?;
            let is_ours = |folder: &Folder| folder.display_name.as_deref() == Some(FOLDER);
            if let Some(found) = page.value.into_iter().find(is_ours) {
                return Ok(Some(reference(found.id)));
            }
            match page.next {
                Some(next) => request = Request::follow("GET folders", next),
                None => return Ok(None),
            }
        }
    }
}

fn reference(id: String) -> RemoteFolderRef {
    RemoteFolderRef { id: RemoteId::new(id), parent: None, name: FOLDER.to_owned(), role: None }
}

/// The text that a reader sees first: HTML before plain, and no attached file.
fn shown(leaves: &[Leaf]) -> Option<&Leaf> {
    let is_text = |leaf: &&Leaf, kind: &str| {
        let fits = leaf.body.end - leaf.body.start <= TEXT_MAX;
        fits && media(leaf) == kind && header(leaf, |part| !is_file(part)).unwrap_or(true)
    };
    let of = |kind: &str| leaves.iter().find(|leaf| is_text(leaf, kind));
    of("text/html").or_else(|| of("text/plain"))
}

fn is_file(part: &Parsed<'_>) -> bool {
    part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment)
}

/// A text as Graph takes it, decoded.
async fn text(upload: &Upload, leaf: &Leaf) -> Outcome<Value> {
    let mut content = Content::open(&upload.message.path, &leaf.body, transfer(leaf)?).await?;
    // What is left to be undone is the character set.
    let encoding = ["Content-Transfer-Encoding".to_owned()];
    let mut part = filter_fields(&leaf.fields, &encoding, Keep::Others);
    while content.fill(&mut part, usize::MAX).await? {}
    let kind = if media(leaf) == "text/html" { "html" } else { "text" };
    let parsed = MessageParser::default().parse(&part);
    let content = parsed.as_ref().and_then(|message| message.part(0)?.text_contents());
    Ok(json!({ "contentType": kind, "content": content.unwrap_or_default() }))
}

async fn read(upload: &Upload, range: &std::ops::Range<u64>) -> Outcome<Vec<u8>> {
    let mut file = File::open(&upload.message.path).await.map_err(Fault::defect)?;
    file.seek(std::io::SeekFrom::Start(range.start)).await.map_err(Fault::defect)?;
    let mut octets = Vec::new();
    let length = range.end.saturating_sub(range.start);
    file.take(length).read_to_end(&mut octets).await.map_err(Fault::defect)?;
    Ok(octets)
}
