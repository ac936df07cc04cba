//! Upload sessions of large attachments. (reference B.9)

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::call::{Call, Problem, Reply};
use crate::clock::seconds;
use crate::tenant::State;
use crate::view::Attachment;

use super::Desk;
use super::attachments::{self, LARGEST_INLINE};

/// Where the upload URLs lead: not below Graph's root.
pub(crate) const PATH: &str = "/outlook/upload/";
/// Largest attachment.
const LARGEST: u64 = 150_000_000;
/// Largest piece.
const LARGEST_PIECE: usize = 4 * 1024 * 1024;
const LIFETIME: SignedDuration = SignedDuration::from_hours(3);

/// One session.
pub(crate) struct Upload {
    mailbox: String,
    item: u64,
    attachment: Attachment,
    size: u64,
    received: Vec<u8>,
    expires: Timestamp,
}

pub(crate) fn create(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.item(id)?;
    if desk.session.is_shared() {
        let text = "Access is denied. Check credentials and try again.";
        return Err(Problem::new(403, "ErrorAccessDenied", text));
    }
    let body = desk.call.json()?;
    let wish = &body["AttachmentItem"];
    let size = wish["size"].as_u64().ok_or_else(Problem::post_body)?;
    attachments::may_attach(desk, key, usize::try_from(size).unwrap_or(usize::MAX))?;
    if size < LARGEST_INLINE as u64 {
        let text = "The attachment is smaller than an upload session takes.";
        return Err(Problem::bad("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", text));
    }
    if size > LARGEST {
        let text = "The attachment exceeds the maximum supported size.";
        return Err(Problem::bad("ErrorAttachmentSizeLimitExceeded", text));
    }
    let kind = wish["contentType"].as_str().unwrap_or("application/octet-stream").to_owned();
    let attachment = Attachment {
        name: wish["name"].as_str().ok_or_else(Problem::post_body)?.to_owned(),
        message: kind.eq_ignore_ascii_case("message/rfc822"),
        content_type: kind,
        content_id: wish["contentId"].as_str().map(str::to_owned),
        inline: wish["isInline"].as_bool().unwrap_or_default(),
        bytes: Bytes::new(),
    };
    let expires = desk.now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
    let mailbox = desk.session.mailbox.clone();
    let token = uuid::Uuid::new_v4().simple().to_string();
    let url = format!("{}{PATH}{token}", upload_origin(&desk.call.origin));
    let upload = Upload { mailbox, item: key, attachment, size, received: Vec::new(), expires };
    desk.state.uploads.insert(token, upload);
    let answer = json!({
        "uploadUrl": url,
        "expirationDateTime": seconds(expires),
        "nextExpectedRanges": ["0-"],
    });
    Ok(Reply::json(201, answer))
}

/// A request to an upload URL, which is the only authorization it takes.
pub(crate) fn receive(
    state: &mut State,
    call: &Call,
    token: &str,
    now: Timestamp,
) -> Result<Reply, Problem> {
    if call.header("authorization").is_some() {
        let text = "An upload URL takes no Authorization header.";
        return Err(Problem::new(401, "InvalidAudience", text));
    }
    if upload_origin(&call.origin) != call.origin {
        return Err(Problem::not_found());
    }
    let known = state.uploads.get_mut(token).filter(|upload| upload.expires > now);
    let upload = known.ok_or_else(Problem::not_found)?;
    if call.method == "DELETE" {
        state.uploads.remove(token);
        return Ok(Reply::empty(204));
    }
    let range = call.header("content-range").and_then(range);
    let (first, last, total) = range.ok_or_else(Problem::post_body)?;
    let next = upload.received.len() as u64;
    let fits = first == next && last + 1 == first + call.body.len() as u64 && total == upload.size;
    if !fits || last >= total {
        return Err(Problem::new(416, "ErrorInvalidRange", "Not the range that is expected next."));
    }
    if call.body.len() > LARGEST_PIECE {
        return Err(Problem::new(413, "RequestEntityTooLarge", "The piece is too large."));
    }
    upload.received.extend_from_slice(&call.body);
    if last + 1 < total {
        let answer = json!({
            "ExpirationDateTime": seconds(upload.expires),
            "NextExpectedRanges": [(last + 1).to_string()],
        });
        return Ok(Reply::json(200, answer));
    }
    finish(state, call, token, now)
}

/// The attachment is there at once, and the session is over.
fn finish(state: &mut State, call: &Call, token: &str, now: Timestamp) -> Result<Reply, Problem> {
    let upload = state.uploads.remove(token).ok_or_else(Problem::not_found)?;
    let store = state.stores.get_mut(&upload.mailbox).ok_or_else(Problem::not_found)?;
    let attachment = Attachment { bytes: upload.received.into(), ..upload.attachment };
    let attaching = state.switches.messages.attaching;
    let index = attachments::attach(store, (upload.item, now), (attachment, attaching))?;
    let place = format!("{}/v1.0/attachments/{index}", call.origin);
    Ok(Reply::empty(201).with("Location", place))
}

/// Uploads go to another host than Graph: here to the same machine by its other name.
fn upload_origin(origin: &str) -> String {
    origin.replace("//127.0.0.1", "//localhost")
}

/// `bytes first-last/total`
fn range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}
