//! What Exchange reads out of a MIME message when it is stored.

use bytes::Bytes;
use jiff::Timestamp;
use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType};

/// The properties of one message that come from its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) subject: Option<String>,
    pub(crate) from: Option<Mailbox>,
    pub(crate) sender: Option<Mailbox>,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) cc: Vec<Mailbox>,
    pub(crate) bcc: Vec<Mailbox>,
    pub(crate) reply_to: Vec<Mailbox>,
    /// With angle brackets.
    pub(crate) message_id: Option<String>,
    pub(crate) in_reply_to: Option<String>,
    pub(crate) references: Option<String>,
    pub(crate) date: Option<Timestamp>,
    /// Some part is an attachment that is not inline.
    pub(crate) has_attachments: bool,
    /// The first 255 characters of the text.
    pub(crate) preview: String,
}

/// One address with its display name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) name: Option<String>,
    pub(crate) address: String,
}

/// A body in the form the message has it.
pub(crate) enum Body {
    Text(String),
    Html(String),
}

/// One attachment, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) content_id: Option<String>,
    pub(crate) inline: bool,
    /// message/rfc822: shown as an itemAttachment.
    pub(crate) message: bool,
    pub(crate) bytes: Bytes,
}

/// bodyPreview, in characters.
const PREVIEW: usize = 255;

/// The parser asserts, in debug builds only, what some deeply nested messages disprove; to a tenant
/// those are messages without parts.
fn parse(bytes: &[u8]) -> Option<Message<'_>> {
    std::panic::catch_unwind(|| MessageParser::default().parse(bytes)).ok().flatten()
}

impl View {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let Some(message) = parse(bytes) else {
            return Self::default();
        };
        let list = |header: Option<&mail_parser::Address<'_>>| {
            header
                .map(|address| address.iter().filter_map(Mailbox::of).collect())
                .unwrap_or_default()
        };
        let from: Vec<Mailbox> = list(message.from());
        let sender: Vec<Mailbox> = list(message.sender());
        Self {
            subject: message.subject().map(str::to_owned),
            sender: sender.first().or_else(|| from.first()).cloned(),
            from: from.into_iter().next(),
            to: list(message.to()),
            cc: list(message.cc()),
            bcc: list(message.bcc()),
            reply_to: list(message.reply_to()),
            message_id: message.message_id().map(|id| format!("<{id}>")),
            in_reply_to: ids(message.in_reply_to()),
            references: ids(message.references()),
            date: message.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()),
            has_attachments: message.attachments().any(|part| !is_inline(part)),
            preview: preview(&message),
        }
    }
}

impl Mailbox {
    fn of(address: &mail_parser::Addr<'_>) -> Option<Self> {
        Some(Self {
            name: address.name().map(str::to_owned),
            address: address.address()?.to_owned(),
        })
    }
}

/// The body a reader would show, HTML first.
pub(crate) fn body(bytes: &[u8]) -> Body {
    let Some(message) = parse(bytes) else {
        return Body::Text(String::new());
    };
    let html = message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.to_string()),
        _ => None,
    });
    match html {
        Some(html) => Body::Html(html),
        None => Body::Text(message.body_text(0).unwrap_or_default().into_owned()),
    }
}

/// Text beside HTML, if the message has both.
pub(crate) fn plain_text(bytes: &[u8]) -> String {
    let message = parse(bytes);
    message
        .and_then(|message| message.body_text(0).map(|text| text.into_owned()))
        .unwrap_or_default()
}

pub(crate) fn attachments(bytes: &[u8]) -> Vec<Attachment> {
    parse(bytes).map(|message| attachments_of(&message)).unwrap_or_default()
}

fn attachments_of(message: &Message<'_>) -> Vec<Attachment> {
    let parts = message.attachments().enumerate();
    parts.map(|(index, part)| attachment(index, part)).collect()
}

fn attachment(index: usize, part: &mail_parser::MessagePart<'_>) -> Attachment {
    let message = matches!(part.body, PartType::Message(_));
    let content_type = match part.content_type() {
        Some(kind) => format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream")),
        None if message => "message/rfc822".into(),
        None => "application/octet-stream".into(),
    };
    let content_id = part.content_id().map(str::to_owned);
    let subject = match &part.body {
        PartType::Message(inner) => inner.subject().map(str::to_owned),
        _ => None,
    };
    Attachment {
        name: part
            .attachment_name()
            .map(str::to_owned)
            .or(subject)
            .unwrap_or_else(|| format!("ATT{:05}", index + 1)),
        content_type,
        content_id,
        inline: is_inline(part),
        message,
        bytes: Bytes::copy_from_slice(match &part.body {
            PartType::Message(inner) => inner.raw_message(),
            _ => part.contents(),
        }),
    }
}

/// As the disposition says; without one, a part with a Content-ID is shown inside the text.
fn is_inline(part: &mail_parser::MessagePart<'_>) -> bool {
    let disposition = part.content_disposition();
    disposition.map_or_else(|| part.content_id().is_some(), |found| found.is_inline())
}

fn preview(message: &Message<'_>) -> String {
    let text = message.body_text(0).unwrap_or_default();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(PREVIEW).collect()
}

fn ids(value: &HeaderValue<'_>) -> Option<String> {
    let ids: Vec<String> = match value {
        HeaderValue::Text(id) => vec![format!("<{id}>")],
        HeaderValue::TextList(ids) => ids.iter().map(|id| format!("<{id}>")).collect(),
        _ => return None,
    };
    Some(ids.join(" "))
}
