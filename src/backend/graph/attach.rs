//! Adding attachments to an item, one request each or by an upload session (reference B.9).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Graph;
use super::decode::{Coding, Decoder};
use super::fault::LARGEST_MESSAGE;
use super::settle::SETTLING;
use crate::backend::Urgency;
use crate::http::{Body, Failure, Request};
use crate::mailbox::{Fault, Kind, Leaf, Outcome, RemoteId};

/// Octets of one piece of an upload: below the service's 4 MB, and a multiple of 320 KiB, which some of
/// its hosts ask for.
const PIECE: usize = 10 * 320 * 1024;
/// Tries of one attachment.
const TRIES: usize = 3;

/// An attachment before its content.
pub(super) struct Attached<'a> {
    pub(super) leaf: &'a Leaf,
    pub(super) coding: Coding,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) content_id: Option<String>,
    pub(super) inline: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    upload_url: String,
}

#[derive(Debug, Deserialize)]
struct Entry {}

impl Graph {
    /// Adds attachment number `before`; whether an attempt in doubt was done is told by their count.
    pub(super) async fn attach(
        &self,
        item: &RemoteId,
        path: &Path,
        (attached, before): (&Attached<'_>, usize),
    ) -> Outcome<()> {
        let size = self.size_of(path, attached).await?;
        for _ in 0..TRIES {
            let tried = match size > LARGEST_MESSAGE {
                true => self.upload(item, path, (attached, size)).await,
                false => self.post(item, path, attached).await,
            };
            let tried = match tried {
                Err(Failure::Refused(refusal))
                    if refusal.is("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize") =>
                {
                    self.post(item, path, attached).await
                }
                tried => tried,
            };
            let Err(failure) = tried else { return Ok(()) };
            let Failure::InDoubt { .. } = failure else { return Err(failure.into()) };
            self.http.settle(SETTLING, self.http.patience(Urgency::Interactive)).await;
            if self.count_attached(item).await? > before {
                return Ok(());
            }
        }
        Err(Fault::from(Kind::Unreachable).because("an attachment could not be handed over"))
    }

    async fn size_of(&self, path: &Path, attached: &Attached<'_>) -> Outcome<u64> {
        let mut decoder = Decoder::open(path, &attached.leaf.body, attached.coding).await?;
        let (mut size, mut content) = (0, Vec::new());
        loop {
            let more = decoder.fill(&mut content, PIECE).await?;
            size += content.len() as u64;
            content.clear();
            if !more {
                return Ok(size);
            }
        }
    }

    async fn count_attached(&self, item: &RemoteId) -> Outcome<usize> {
        let path = format!("{}/attachments?$select=id", self.prefix.message(item));
        let patience = self.http.patience(Urgency::Interactive);
        let request = Request::get("GET attachments", path);
        let found: Vec<Entry> = self.whole_list(request, patience).await?;
        Ok(found.len())
    }

    async fn post(
        &self,
        item: &RemoteId,
        path: &Path,
        attached: &Attached<'_>,
    ) -> Result<(), Failure> {
        let mut decoder = Decoder::open(path, &attached.leaf.body, attached.coding).await?;
        let mut content = Vec::new();
        while decoder.fill(&mut content, usize::MAX).await? {}
        let body = json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": attached.name,
            "contentType": attached.kind,
            "isInline": attached.inline,
            "contentId": attached.content_id,
            "contentBytes": STANDARD.encode(&content),
        });
        let path = format!("{}/attachments", self.prefix.message(item));
        let request = Request::post("POST attachment", path).json(&body);
        self.http.done(&request, self.http.patience(Urgency::Interactive)).await
    }

    /// Piece by piece: what is in memory is one of them.
    async fn upload(
        &self,
        item: &RemoteId,
        path: &Path,
        (attached, size): (&Attached<'_>, u64),
    ) -> Result<(), Failure> {
        let address = self.open_session(item, attached, size).await?;
        let mut decoder = Decoder::open(path, &attached.leaf.body, attached.coding).await?;
        let (mut first, mut content) = (0, Vec::new());
        while first < size {
            decoder.fill(&mut content, PIECE).await?;
            let rest = content.split_off(content.len().min(PIECE));
            let octets = Bytes::from(std::mem::replace(&mut content, rest));
            if octets.is_empty() {
                return Err(Fault::defect("an attachment has become shorter").into());
            }
            let next = first + octets.len() as u64;
            let body = Body::Piece { octets, first, whole: size };
            // Only the last piece makes something.
            let expect: &[u16] = if next == size { &[201] } else { &[200, 202] };
            let request = Request::piece("PUT attachment piece", &address, body).expect(expect);
            self.http.done(&request, self.http.patience(Urgency::Interactive)).await?;
            first = next;
        }
        Ok(())
    }

    async fn open_session(
        &self,
        item: &RemoteId,
        attached: &Attached<'_>,
        size: u64,
    ) -> Result<String, Failure> {
        let mut wish = json!({
            "attachmentType": "file",
            "name": attached.name,
            "size": size,
            "contentType": attached.kind,
            "isInline": attached.inline,
        });
        if let Some(id) = &attached.content_id {
            wish["contentId"] = Value::String(id.clone());
        }
        let path = format!("{}/attachments/createUploadSession", self.prefix.message(item));
        let request =
            Request::post("POST attachment session", path).json(&json!({ "AttachmentItem": wish }));
        let patience = self.http.patience(Urgency::Interactive);
        Ok(self.http.json::<Session>(&request, patience).await?.upload_url)
    }
}
