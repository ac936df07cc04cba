//! What Graph wants to know of a part that becomes an attachment: read from the part's own header.

use mail_parser::{Message, MessageParser, MimeHeaders as _};

use super::filename::extended;
use super::words::joined;
use crate::mailbox::{Flaw, Kind, Leaf, Outcome};
use crate::mime::Transfer;

/// Characters of a file's name: what file systems hold.
const NAME_LONGEST: usize = 255;

/// An attachment before its content.
pub(super) struct Attached<'a> {
    pub(super) leaf: &'a Leaf,
    pub(super) transfer: Transfer,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) content_id: Option<String>,
    pub(super) inline: bool,
}

impl<'a> Attached<'a> {
    /// # Errors
    /// `Unacceptable` if it is not known what its octets stand for.
    pub(super) fn of(leaf: &'a Leaf) -> Outcome<Self> {
        let kind = media(leaf);
        let told = header(leaf, |part| {
            let id = part.content_id().map(str::to_owned);
            let inline = match part.content_disposition() {
                Some(disposition) => disposition.is_inline() && id.is_some(),
                None => id.is_some(),
            };
            (named(part).as_deref().map(clean), id, inline)
        });
        let (name, content_id, inline) = told.unwrap_or_default();
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| fallback(&kind));
        let (transfer, kind) = (transfer(leaf)?, with_charset(leaf, kind));
        Ok(Attached { leaf, transfer, name, kind, content_id, inline })
    }
}

/// Octets in an encoding that is not known would become a file that nothing opens.
pub(super) fn transfer(leaf: &Leaf) -> Outcome<Transfer> {
    Transfer::of(&leaf.fields).ok_or_else(|| Kind::Unacceptable(Flaw::Encoding).into())
}

/// `type/subtype` in lower case.
pub(super) fn media(leaf: &Leaf) -> String {
    let told = header(leaf, |part| {
        let kind = part.content_type()?;
        Some(format!("{}/{}", kind.ctype(), kind.subtype()?).to_ascii_lowercase())
    });
    told.flatten().unwrap_or_else(|| "text/plain".to_owned())
}

pub(super) fn header<T>(leaf: &Leaf, read: impl FnOnce(&Message<'_>) -> T) -> Option<T> {
    MessageParser::default().parse_headers(&joined(&leaf.fields)).map(|part| read(&part))
}

/// In the order in which mail programs look.
fn named(part: &Message<'_>) -> Option<String> {
    let spelled = |field: &'static str, name| {
        extended(part.header_raw(field).unwrap_or_default().as_bytes(), name)
    };
    spelled("Content-Disposition", "filename")
        .or_else(|| {
            let disposition = part.content_disposition()?;
            disposition.attribute("filename").map(str::to_owned)
        })
        .or_else(|| spelled("Content-Type", "name"))
        .or_else(|| part.attachment_name().map(str::to_owned))
}

/// The octets of a text go out as they are, and mean nothing without their character set.
fn with_charset(leaf: &Leaf, kind: String) -> String {
    let charset = |part: &Message<'_>| part.content_type()?.attribute("charset").map(str::to_owned);
    let is_token = |text: &String| {
        let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.:+".contains(&octet);
        !text.is_empty() && text.bytes().all(allowed)
    };
    match header(leaf, charset).flatten().filter(is_token) {
        Some(charset) if kind.starts_with("text/") => format!("{kind}; charset={charset}"),
        _ => kind,
    }
}

/// A name may have been spelled so that it holds anything: a line end would begin a header field.
fn clean(name: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let name: String = name.chars().map(printable).take(NAME_LONGEST).collect();
    name.trim().to_owned()
}

/// A name for a part that has none, so that its reader's machine knows what to open it with.
fn fallback(kind: &str) -> String {
    let (class, subtype) = kind.split_once('/').unwrap_or(("", ""));
    match (class, subtype) {
        ("message", "rfc822" | "global") => "message.eml".to_owned(),
        ("text", "plain") => "text.txt".to_owned(),
        ("text", "html") => "text.html".to_owned(),
        ("text", "calendar") => "calendar.ics".to_owned(),
        ("text", _) => "text.txt".to_owned(),
        ("image", "jpeg") => "image.jpg".to_owned(),
        ("image", "png" | "gif" | "webp" | "bmp") => format!("image.{subtype}"),
        ("application", "pdf") => "document.pdf".to_owned(),
        _ => "attachment".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::Place;

    fn attached(fields: &str) -> (String, String, Option<String>, bool) {
        let leaf = Leaf { fields: fields.into(), body: 0..0, place: Place::Other };
        let Attached { name, kind, content_id, inline, .. } = Attached::of(&leaf).unwrap();
        (name, kind, content_id, inline)
    }

    #[test]
    fn a_name_is_read_in_all_its_encodings() {
        for (fields, name) in [
            ("Content-Disposition: attachment; filename=\"a b.pdf\"\r\n", "a b.pdf"),
            (
                "Content-Disposition: attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf\r\n",
                "Größe.pdf",
            ),
            (
                "Content-Disposition: attachment;\r\n filename*0*=UTF-8''Gr%C3%B6;\r\n filename*1*=%C3%9Fe;\r\n filename*2=.pdf\r\n",
                "Größe.pdf",
            ),
            (
                "Content-Type: application/pdf; name=\"=?utf-8?B?R3LDtsOfZS5wZGY=?=\"\r\n",
                "Größe.pdf",
            ),
            (
                "Content-Disposition: attachment; filename=\"=?iso-8859-1?Q?Gr=F6=DFe?=.pdf\"\r\n",
                "Größe.pdf",
            ),
            (
                "Content-Disposition: attachment; filename=\"=?utf-8?B?R3LDtsOfZQ==?= \t=?utf-8?B?LVRlc3QucGRm?=\"\r\n",
                "Größe-Test.pdf",
            ),
            (
                "Content-Type: application/pdf;\r\n name=\"=?utf-8?B?R3LDtsOfZQ==?=\r\n  =?utf-8?B?LVRlc3QucGRm?=\"\r\n",
                "Größe-Test.pdf",
            ),
            (
                "Content-Disposition: attachment; filename=\"=?utf-8?Q?Gr=C3=B6=C3=9Fe?= 2 =?utf-8?Q?m=C2=B2?=.pdf\"\r\n",
                "Größe 2 m².pdf",
            ),
            ("Content-Type: application/pdf\r\n", "document.pdf"),
            ("Content-Type: message/rfc822\r\n", "message.eml"),
        ] {
            assert_eq!(attached(fields).0, name, "{fields}");
        }
    }

    #[test]
    fn no_name_can_begin_a_header_field() {
        let fields =
            "Content-Disposition: attachment; filename*=UTF-8''a%0D%0ABcc%3A%20eve%40x\r\n";
        assert_eq!(attached(fields).0, "a  Bcc: eve@x");
    }

    #[test]
    fn a_part_with_a_content_id_is_shown_inside_the_text() {
        let fields = "Content-Type: image/png\r\nContent-ID: <logo@x>\r\n";
        let expected = ("image.png".into(), "image/png".into(), Some("logo@x".into()), true);
        assert_eq!(attached(fields), expected);
        let text = "Content-Type: text/csv; charset=\"iso-8859-1\"; name=a.csv\r\n";
        assert_eq!(attached(text).1, "text/csv; charset=iso-8859-1");
    }
}
