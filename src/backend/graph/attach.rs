//! Adding attachments to an item, one request each or by an upload session (reference B.9).
//!
//! Only the last piece of a session makes an attachment, so whatever goes wrong before it is mended by a
//! session of its own. A last piece, or an attachment in one request, whose answer was lost is looked for.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Graph;
use super::decode::Content;
use super::described::Attached;
use super::fault::{LARGEST_MESSAGE, SILENT_LIMIT};
use super::settle::SETTLING;
use crate::backend::Urgency;
use crate::http::{Body, Failure, Patience, Refusal, Request};
use crate::mailbox::{Fault, Kind, Outcome, RemoteId};

/// Octets of one piece of an upload: below the service's 4 MB, and a multiple of 320 KiB, which some of
/// its hosts ask for.
const PIECE: usize = 10 * 320 * 1024;
/// Sessions that are begun for one attachment.
const SESSIONS: usize = 3;
/// How long one step may wait for a throttled service: whoever hands in so much waits for minutes anyway,
/// and giving up would mean to begin with the first attachment again.
const STEP_PATIENCE: Duration = Duration::from_secs(2 * 60);

/// How it is known that an attachment is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Added {
    Told,
    /// The answer was lost; it was found by looking.
    Found,
}

/// What the service shows of an attachment.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) name: Option<String>,
    pub(super) size: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    upload_url: String,
}

/// The answer to a piece that is not the last. Its member comes in two spellings (reference B.9, J).
#[derive(Debug, Deserialize)]
struct Progress {
    #[serde(rename = "nextExpectedRanges", alias = "NextExpectedRanges")]
    next: Vec<String>,
}

/// Why a session came to nothing.
enum Broken {
    /// It is of no use any more, and has made nothing: another one may do better.
    Lost(String),
    Failed(Failure),
}

enum Way {
    Request,
    Session,
}

impl Graph {
    /// Adds an attachment of `size` octets to an item that has `before` of them.
    ///
    /// # Errors
    /// `InDoubt` if it is not there, and a request may still be at work on it.
    pub(super) async fn attach(
        &self,
        item: &RemoteId,
        path: &Path,
        (attached, size, before): (&Attached<'_>, u64, usize),
    ) -> Outcome<Added> {
        let tried = match self.by_either_way(item, path, (attached, size)).await {
            Ok(()) => return Ok(Added::Told),
            Err(Failure::InDoubt { cause, .. }) => cause,
            Err(failure) => return Err(failure.into()),
        };
        self.http.settle(SETTLING, self.http.patience(Urgency::Interactive)).await;
        let doubt = |fault: Fault| Fault::from(Kind::InDoubt).because(fault).because(&tried);
        match self.attachments_of(item).await.map_err(doubt)?.len() > before {
            true => Ok(Added::Found),
            false => Err(Fault::from(Kind::InDoubt).because(&tried)),
        }
    }

    /// Octets of the content.
    pub(super) async fn size_of(&self, path: &Path, attached: &Attached<'_>) -> Outcome<u64> {
        let mut source = Content::open(path, &attached.leaf.body, attached.transfer).await?;
        let (mut size, mut content) = (0, Vec::new());
        loop {
            let more = source.fill(&mut content, PIECE).await?;
            size += content.len() as u64;
            content.clear();
            if !more {
                return Ok(size);
            }
        }
    }

    /// What is attached to an item, to the end of the list.
    pub(super) async fn attachments_of(&self, item: &RemoteId) -> Outcome<Vec<Entry>> {
        let path = format!("{}/attachments?$select=id,name,size", self.prefix.message(item));
        let request = Request::get("GET attachments", path);
        self.whole_list(request, self.http.patience(Urgency::Interactive)).await
    }

    /// What lies near the border between the two ways may be refused by one of them.
    async fn by_either_way(
        &self,
        item: &RemoteId,
        path: &Path,
        (attached, size): (&Attached<'_>, u64),
    ) -> Result<(), Failure> {
        let way = if size > LARGEST_MESSAGE { Way::Session } else { Way::Request };
        match (way, size > SILENT_LIMIT) {
            (Way::Session, _) => match self.upload(item, path, (attached, size)).await {
                Err(Failure::Refused(refusal)) if is_too_small(&refusal) => {
                    self.post(item, path, attached).await
                }
                done => done,
            },
            (Way::Request, true) => match self.post(item, path, attached).await {
                Err(Failure::Refused(refusal)) if is_too_large(&refusal) => {
                    match self.upload(item, path, (attached, size)).await {
                        Err(Failure::Refused(other)) if is_too_small(&other) => {
                            Err(Failure::Refused(refusal))
                        }
                        done => done,
                    }
                }
                done => done,
            },
            (Way::Request, false) => self.post(item, path, attached).await,
        }
    }

    async fn post(
        &self,
        item: &RemoteId,
        path: &Path,
        attached: &Attached<'_>,
    ) -> Result<(), Failure> {
        let body = self.written(path, attached).await?;
        let path = format!("{}/attachments", self.prefix.message(item));
        let request = Request::post("POST attachment", path).json_text(body);
        self.http.done(&request, self.step_patience()).await
    }

    /// The JSON of an attachment with its content, which is put into base64 as it is read.
    async fn written(&self, path: &Path, attached: &Attached<'_>) -> Outcome<String> {
        // A multiple of three, so that no padding comes to stand in between.
        const STEP: usize = 3 * 64 * 1024;
        let mut body = json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": attached.name,
            "contentType": attached.kind,
            "isInline": attached.inline,
            "contentId": attached.content_id,
        })
        .to_string();
        body.pop();
        body.push_str(",\"contentBytes\":\"");
        let mut source = Content::open(path, &attached.leaf.body, attached.transfer).await?;
        let mut content = Vec::new();
        loop {
            let more = source.fill(&mut content, STEP).await?;
            let whole = if more { content.len() - content.len() % 3 } else { content.len() };
            STANDARD.encode_string(&content[..whole], &mut body);
            content.drain(..whole);
            if !more {
                break;
            }
        }
        body.push_str("\"}");
        Ok(body)
    }

    async fn upload(
        &self,
        item: &RemoteId,
        path: &Path,
        (attached, size): (&Attached<'_>, u64),
    ) -> Result<(), Failure> {
        let mut cause = String::new();
        for _ in 0..SESSIONS {
            let address = match self.open_session(item, attached, size).await {
                Ok(address) => address,
                // A session that nobody uses makes nothing.
                Err(Failure::InDoubt { cause: lost, .. }) => {
                    cause = lost;
                    self.http.settle(SETTLING, self.step_patience()).await;
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            match self.send_pieces(&address, path, (attached, size)).await {
                Ok(()) => return Ok(()),
                Err(Broken::Failed(failure)) => return Err(failure),
                Err(Broken::Lost(lost)) => cause = lost,
            }
        }
        Err(Fault::from(Kind::Unreachable).because(cause).because("no session lasts").into())
    }

    /// Piece by piece: what is in memory is one of them.
    async fn send_pieces(
        &self,
        address: &str,
        path: &Path,
        (attached, size): (&Attached<'_>, u64),
    ) -> Result<(), Broken> {
        let mut source = Content::open(path, &attached.leaf.body, attached.transfer).await?;
        let (mut first, mut content) = (0, Vec::with_capacity(PIECE));
        while first < size {
            source.fill(&mut content, PIECE).await?;
            let rest = content.split_off(content.len().min(PIECE));
            let octets = Bytes::from(std::mem::replace(&mut content, rest));
            if octets.is_empty() {
                return Err(Fault::defect("an attachment has become shorter").into());
            }
            let next = first + octets.len() as u64;
            let request = Request::piece(
                "PUT attachment piece",
                address,
                Body::Piece { octets, first, whole: size },
            );
            match next == size {
                true => self.last_piece(&request.expect(&[201])).await?,
                false => self.next_piece(&request.expect(&[200, 202]), next).await?,
            }
            first = next;
        }
        Ok(())
    }

    async fn last_piece(&self, request: &Request) -> Result<(), Broken> {
        self.http.done(request, self.step_patience()).await.map_err(|failure| match failure {
            Failure::Refused(refusal) if is_lost(&refusal) => Broken::Lost(refusal.to_string()),
            failure => Broken::Failed(failure),
        })
    }

    async fn next_piece(&self, request: &Request, next: u64) -> Result<(), Broken> {
        match self.http.json::<Progress>(request, self.step_patience()).await {
            Ok(progress) if progress.begins_at(next) => Ok(()),
            Ok(_) => Err(Broken::Lost("the service expects another piece".to_owned())),
            Err(Failure::InDoubt { cause, .. }) => {
                self.http.settle(SETTLING, self.step_patience()).await;
                Err(Broken::Lost(cause))
            }
            Err(Failure::Refused(refusal)) if is_lost(&refusal) => {
                Err(Broken::Lost(refusal.to_string()))
            }
            Err(failure) => Err(Broken::Failed(failure)),
        }
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
        match self.http.json::<Session>(&request, self.step_patience()).await {
            Ok(session) => Ok(session.upload_url),
            // In a mailbox of someone else's there are none (reference B.9).
            Err(Failure::Refused(refusal)) if refusal.status == 403 && self.shared.is_some() => {
                Err(Fault::from(Kind::PartTooLarge).because(refusal).into())
            }
            Err(failure) => Err(failure),
        }
    }

    fn step_patience(&self) -> Patience {
        self.http.patience_of(Urgency::Interactive, STEP_PATIENCE)
    }
}

impl Progress {
    /// Ranges are written `first-` or `first`.
    fn begins_at(&self, next: u64) -> bool {
        let first = self.next.first().and_then(|range| range.split('-').next()?.parse().ok());
        first == Some(next)
    }
}

/// The address is not known any more, or stands elsewhere: whatever is said of it, it takes no token.
fn is_lost(refusal: &Refusal) -> bool {
    matches!(refusal.status, 401 | 404 | 409 | 410 | 412 | 416)
}

fn is_too_small(refusal: &Refusal) -> bool {
    refusal.is("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")
}

/// "Bad request" is one of the service's ways to say so (reference B.9).
fn is_too_large(refusal: &Refusal) -> bool {
    refusal.status == 413 || refusal.is("ErrorMessageSizeExceeded") || refusal.is("BadRequest")
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}
