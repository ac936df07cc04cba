//! Message bytes on their way to Graph: read, normalized, put into words (reference B.7).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{
    Address, Encoding, Message, MessageParser, MessagePart, MimeHeaders as _, PartType,
};
use serde_json::{Map, Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::fault::LARGEST_MESSAGE;
use super::message::{iso, timestamp};
use super::property::{HEADERS, IN_REPLY_TO, REFERENCES, SUBMIT_TIME};
use crate::mailbox::{Fault, Kind, Outcome, Spooled};

/// How many `X-` headers the service takes with an item (reference B.7); all of them are in the
/// header block anyway.
const CUSTOM_HEADERS: usize = 5;
/// Longest value of such a header, from RFC 5322 §2.1.1's line limit.
const CUSTOM_HEADER_LENGTH: usize = 998;

/// A message's bytes with CRLF line ends: bare line feeds are refused by the service.
pub(super) struct Mime(Vec<u8>);

impl Mime {
    /// # Errors
    /// `TooLarge` beyond what one request takes.
    pub(super) async fn read(message: &Spooled) -> Outcome<Self> {
        let too_large = || Fault::from(Kind::TooLarge { limit: LARGEST_MESSAGE });
        if message.size > LARGEST_MESSAGE {
            return Err(too_large());
        }
        let bytes = tokio::fs::read(&message.path).await.map_err(Fault::defect)?;
        if bytes.len() as u64 != message.size {
            return Err(Fault::defect("a spooled message has not the size it should have"));
        }
        let mime = Self::normalized(&bytes);
        if mime.0.len() as u64 > LARGEST_MESSAGE {
            return Err(too_large());
        }
        Ok(mime)
    }

    pub(super) fn normalized(bytes: &[u8]) -> Self {
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 64);
        push_lines(bytes, 0, &mut out);
        Self(out)
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// The Message-ID field as it stands, angle brackets included.
    pub(super) fn message_id(&self) -> Option<String> {
        self.field("Message-ID")
    }

    fn field(&self, name: &'static str) -> Option<String> {
        let parsed = MessageParser::default().parse_headers(&self.0[..self.header_end()])?;
        let value = unfold(parsed.header_raw(name)?);
        (!value.is_empty()).then_some(value)
    }

    /// Where the header block ends: its last line's CRLF included, the empty line not.
    fn header_end(&self) -> usize {
        if self.0.starts_with(b"\r\n") {
            return 0;
        }
        let empty_line = self.0.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        empty_line.map_or(self.0.len(), |at| at + 2)
    }

    /// The message as Graph's JSON, and its extended properties. Exchange keeps properties and no
    /// MIME, so structure is flattened: one body, and the other parts as attachments.
    pub(super) fn item(&self) -> (Map<String, Value>, Vec<Value>) {
        let mut item = Map::new();
        let mut properties = Vec::new();
        let header = String::from_utf8_lossy(&self.0[..self.header_end()]);
        if !header.is_empty() {
            properties.push(json!({ "id": HEADERS, "value": header }));
        }
        let Some(message) = MessageParser::default().parse(&self.0) else {
            return (item, properties);
        };
        envelope(&message, &mut item);
        content(&message, &self.0, &mut item);
        if let Some(id) = self.message_id() {
            item.insert("internetMessageId".to_owned(), json!(id));
        }
        for (property, name) in [(IN_REPLY_TO, "In-Reply-To"), (REFERENCES, "References")] {
            if let Some(value) = self.field(name) {
                properties.push(json!({ "id": property, "value": value }));
            }
        }
        if let Some(sent) = message.date().map(|date| date.to_rfc3339()) {
            let sent =
                timestamp(&sent).map(|sent| json!({ "id": SUBMIT_TIME, "value": iso(sent) }));
            properties.extend(sent);
        }
        (item, properties)
    }
}

/// A message as Graph takes it for sending: its octets with CRLF line ends, and these in base64. What is in
/// memory is the base64.
///
/// # Errors
/// `TooLarge` beyond what one request takes.
pub(super) async fn encoded(message: &Spooled) -> Outcome<(u64, String)> {
    // A multiple of three, so that no padding comes to stand in between.
    const STEP: usize = 3 * 64 * 1024;
    let too_large = || Fault::from(Kind::TooLarge { limit: LARGEST_MESSAGE });
    if message.size > LARGEST_MESSAGE {
        return Err(too_large());
    }
    let mut file = File::open(&message.path).await.map_err(Fault::defect)?;
    let expected = usize::try_from(message.size).map_err(Fault::defect)?;
    let mut body = String::with_capacity(expected.div_ceil(3) * 4 + 4);
    let (mut read, mut size) = (0, 0);
    let (mut step, mut lines, mut last) = (vec![0; STEP], Vec::with_capacity(STEP + STEP / 8), 0);
    loop {
        let count = file.read(&mut step).await.map_err(Fault::defect)?;
        read += count as u64;
        last = push_lines(&step[..count], last, &mut lines);
        let whole = if count > 0 { lines.len() - lines.len() % 3 } else { lines.len() };
        size += whole as u64;
        STANDARD.encode_string(&lines[..whole], &mut body);
        lines.drain(..whole);
        match count {
            _ if size > LARGEST_MESSAGE => return Err(too_large()),
            0 if read != message.size => {
                return Err(Fault::defect("a spooled message has not the size it should have"));
            }
            0 => return Ok((size, body)),
            _ => {}
        }
    }
}

/// Adds octets whose bare line feeds become line ends; `last` is the octet before them. Answers the last one.
fn push_lines(octets: &[u8], mut last: u8, out: &mut Vec<u8>) -> u8 {
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let before = if line.len() > 1 { line[line.len() - 2] } else { last };
        match line.split_last() {
            Some((b'\n', text)) if before != b'\r' => {
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(line),
        }
        last = line.last().copied().unwrap_or(last);
    }
    last
}

fn envelope(message: &Message<'_>, item: &mut Map<String, Value>) {
    item.insert("subject".to_owned(), json!(message.subject().unwrap_or_default()));
    let lists = [
        ("toRecipients", message.to()),
        ("ccRecipients", message.cc()),
        ("bccRecipients", message.bcc()),
        ("replyTo", message.reply_to()),
    ];
    for (name, addresses) in lists {
        let list = recipients(addresses);
        if !list.is_empty() {
            item.insert(name.to_owned(), Value::Array(list));
        }
    }
    let author = recipients(message.from()).into_iter().next();
    let sender = recipients(message.sender()).into_iter().next().or_else(|| author.clone());
    for (name, person) in [("from", author), ("sender", sender)] {
        if let Some(person) = person {
            item.insert(name.to_owned(), person);
        }
    }
    let custom = custom_headers(message);
    if !custom.is_empty() {
        item.insert("internetMessageHeaders".to_owned(), Value::Array(custom));
    }
}

fn recipients(addresses: Option<&Address<'_>>) -> Vec<Value> {
    let Some(addresses) = addresses else { return Vec::new() };
    let recipient = |person: &mail_parser::Addr<'_>| {
        let address = person.address().filter(|address| address.contains('@'))?;
        let name = person.name().unwrap_or(address);
        Some(json!({ "emailAddress": { "name": name, "address": address } }))
    };
    addresses.iter().filter_map(recipient).collect()
}

fn custom_headers(message: &Message<'_>) -> Vec<Value> {
    let ours_to_set = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-") && !name.starts_with("x-ms-exchange-")
    };
    let header = |(name, value): (&str, &str)| {
        let value = unfold(value);
        let fits = !value.is_empty() && value.len() <= CUSTOM_HEADER_LENGTH;
        (ours_to_set(name) && fits).then(|| json!({ "name": name, "value": value }))
    };
    message.headers_raw().filter_map(header).take(CUSTOM_HEADERS).collect()
}

fn content(message: &Message<'_>, raw: &[u8], item: &mut Map<String, Value>) {
    let is_html = |id: &u32| message.part(*id).is_some_and(MessagePart::is_text_html);
    let shown = match message.html_body.iter().any(is_html) {
        true => &message.html_body,
        false => &message.text_body,
    };
    let mut texts = shown.iter().filter_map(|id| message.part(*id)).filter(|part| is_text(part));
    let body = match texts.next() {
        Some(part) => {
            let kind = if part.is_text_html() { "html" } else { "text" };
            json!({ "contentType": kind, "content": part.text_contents().unwrap_or_default() })
        }
        None => json!({ "contentType": "text", "content": "" }),
    };
    item.insert("body".to_owned(), body);
    // Graph holds one body, so further texts would be lost if they were not attached.
    let mut attachments: Vec<Value> = texts.map(|part| attachment(part, raw)).collect();
    attachments.extend(message.attachments().map(|part| attachment(part, raw)));
    if !attachments.is_empty() {
        item.insert("attachments".to_owned(), Value::Array(attachments));
    }
}

fn is_text(part: &MessagePart<'_>) -> bool {
    matches!(part.body, PartType::Text(_) | PartType::Html(_))
}

fn attachment(part: &MessagePart<'_>, raw: &[u8]) -> Value {
    let declared = part.content_type().map(|kind| match kind.subtype() {
        Some(subtype) => format!("{}/{subtype}", kind.ctype()),
        None => kind.ctype().to_owned(),
    });
    let (kind, name) = match &part.body {
        PartType::Message(_) => ("message/rfc822".to_owned(), "message.eml"),
        // The text was decoded, so its character set is now UTF-8.
        _ if is_text(part) => {
            let declared = declared.unwrap_or_else(|| "text/plain".to_owned());
            (format!("{declared}; charset=utf-8"), "text.txt")
        }
        _ => (declared.unwrap_or_else(|| "application/octet-stream".to_owned()), "attachment"),
    };
    let id = part.content_id();
    let inline = match part.content_disposition() {
        Some(disposition) => disposition.is_inline() && id.is_some(),
        None => id.is_some(),
    };
    let mut value = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": part.attachment_name().unwrap_or(name),
        "contentType": kind,
        "contentBytes": STANDARD.encode(bytes(part, raw)),
        "isInline": inline,
    });
    if let Some(id) = id {
        value["contentId"] = json!(id);
    }
    value
}

/// An enclosed message is attached with the very bytes it had.
fn bytes<'p>(part: &'p MessagePart<'_>, raw: &'p [u8]) -> &'p [u8] {
    match (&part.body, part.encoding) {
        (PartType::Message(_), Encoding::None) => {
            let range = part.offset_body as usize..part.offset_end as usize;
            raw.get(range).unwrap_or_default()
        }
        (PartType::Message(message), _) => message.raw_message(),
        _ => part.contents(),
    }
}

fn unfold(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> (Map<String, Value>, Vec<Value>) {
        Mime::normalized(text.as_bytes()).item()
    }

    #[test]
    fn bare_line_feeds_become_line_ends_and_nothing_else_changes() {
        let mime = Mime::normalized(b"A: b\r\nC: d\n\nx\ry\r\n");
        assert_eq!(mime.0, b"A: b\r\nC: d\r\n\r\nx\ry\r\n");
    }

    #[test]
    fn fields_of_the_header_are_found() {
        let mime = Mime::normalized(
            b"Message-ID:\n <a@b>\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\nMessage-ID: no\n",
        );
        assert_eq!(mime.message_id().as_deref(), Some("<a@b>"));
        assert_eq!(Mime::normalized(b"\nMessage-ID: <no>\n").message_id(), None);
    }

    #[test]
    fn a_plain_message_becomes_an_item() {
        let (item, properties) = item(
            "From: Ada <ada@contoso.example>\nTo: bob@contoso.example, Eve <eve@x.example>\n\
             Subject: Hi\nMessage-ID: <1@x>\nReferences: <0@x>\n <00@x>\nX-Trace: 7\n\
             Date: Sat, 31 Jan 2026 13:34:56 +0100\n\nHello\n",
        );
        assert_eq!(item["subject"], "Hi");
        assert_eq!(item["body"], json!({ "contentType": "text", "content": "Hello\r\n" }));
        assert_eq!(item["toRecipients"][1]["emailAddress"]["address"], "eve@x.example");
        assert_eq!(item["from"]["emailAddress"]["name"], "Ada");
        assert_eq!(item["internetMessageId"], "<1@x>");
        assert_eq!(item["internetMessageHeaders"][0], json!({ "name": "X-Trace", "value": "7" }));
        let property = |id: &str| {
            let found = properties.iter().find(|property| property["id"] == id).unwrap();
            found["value"].as_str().unwrap().to_owned()
        };
        assert_eq!(property(REFERENCES), "<0@x> <00@x>");
        assert_eq!(property(SUBMIT_TIME), "2026-01-31T12:34:56Z");
        assert!(property(HEADERS).starts_with("From: Ada"));
        assert!(property(HEADERS).ends_with("+0100\r\n"));
    }

    #[test]
    fn every_part_is_the_body_or_attached() {
        let (item, _) = item(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nfirst\n\
             --b\nContent-Type: text/plain\n\nsecond\n--b\nContent-Type: message/rfc822\n\n\
             Subject: inner\n\nbody\n--b\nContent-Type: image/png\nContent-ID: <i@x>\n\
             Content-Transfer-Encoding: base64\n\nAAEC\n--b--\n",
        );
        assert_eq!(item["body"]["content"], "first");
        let attached = item["attachments"].as_array().unwrap();
        let bytes = |index: usize| {
            STANDARD.decode(attached[index]["contentBytes"].as_str().unwrap()).unwrap()
        };
        assert_eq!(attached.len(), 3);
        assert_eq!(bytes(0), b"second");
        assert_eq!(bytes(1), b"Subject: inner\r\n\r\nbody");
        assert_eq!((bytes(2), &attached[2]["contentId"]), (vec![0, 1, 2], &json!("i@x")));
        assert_eq!(attached[2]["isInline"], true);
    }

    #[test]
    fn an_empty_message_is_still_an_item() {
        let (item, properties) = item("");
        assert!(item.is_empty() && properties.is_empty());
    }
}
