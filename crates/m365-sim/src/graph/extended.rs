//! Extended (MAPI) properties: their ids, and the ones that Exchange computes. (reference B.5)

use crate::call::Problem;
use crate::clock::seconds;
use crate::folder::Folder;
use crate::item::Item;
use crate::mime;
use crate::switch::Waiting;

const TYPES: [&str; 12] = [
    "Integer",
    "String",
    "Boolean",
    "SystemTime",
    "Binary",
    "Long",
    "Short",
    "Double",
    "Float",
    "Currency",
    "ApplicationTime",
    "CLSID",
];

/// `Integer 0x0E23` becomes `Integer 0xe23`; a GUID is lower-cased, a name is kept.
pub(crate) fn normalise(id: &str) -> Result<String, Problem> {
    let malformed = || {
        let text = format!("The extended property id '{id}' is not valid.");
        Problem::bad("ErrorInvalidProperty", &text)
    };
    let (kind, rest) = id.trim().split_once(' ').ok_or_else(malformed)?;
    let kind = TYPES.iter().find(|known| known.eq_ignore_ascii_case(kind)).ok_or_else(malformed)?;
    let rest = rest.trim();
    if let Some(tag) = hexadecimal(rest) {
        return Ok(format!("{kind} {tag}"));
    }
    let (set, rest) = rest.split_once(' ').ok_or_else(malformed)?;
    if !(set.starts_with('{') && set.ends_with('}')) {
        return Err(malformed());
    }
    let set = set.to_ascii_lowercase();
    match rest.trim().split_once(' ').ok_or_else(malformed)? {
        (word, number) if word.eq_ignore_ascii_case("id") => {
            let number = hexadecimal(number.trim()).ok_or_else(malformed)?;
            Ok(format!("{kind} {set} Id {number}"))
        }
        (word, name) if word.eq_ignore_ascii_case("name") => {
            Ok(format!("{kind} {set} Name {}", name.trim()))
        }
        _ => Err(malformed()),
    }
}

fn hexadecimal(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    u32::from_str_radix(digits, 16).ok().map(|number| format!("0x{number:x}"))
}

/// The value of a normalised property of a message; always text.
pub(crate) fn of_item(item: &Item, id: &str) -> Option<String> {
    let extra = item.extra();
    match id {
        "Integer 0xe07" => Some(flags(item).to_string()),
        "Integer 0xe08" => Some(item.store_size().to_string()),
        "Integer 0xe23" => Some(item.article.to_string()),
        "SystemTime 0xe06" => Some(seconds(item.received)),
        "SystemTime 0x39" => item.source.view().date.map(seconds),
        "SystemTime 0x3007" => Some(seconds(item.created)),
        "SystemTime 0x3008" => Some(seconds(item.modified)),
        "String 0x37" => item.source.view().subject.clone(),
        "String 0x1035" => item.source.view().message_id.clone(),
        "String 0x1042" => item.source.view().in_reply_to.clone(),
        "String 0x1039" => item.source.view().references.clone(),
        "Integer 0x1090" => match extra.flag["flagStatus"].as_str() {
            Some("flagged") => Some("2".into()),
            Some("complete") => Some("1".into()),
            _ => None,
        },
        "String 0x7d" => extra.extended.get(id).cloned().or_else(|| transport_headers(item)),
        "String 0x1a" => Some(extra.extended.get(id).cloned().unwrap_or_else(|| "IPM.Note".into())),
        _ => extra.extended.get(id).cloned(),
    }
}

pub(crate) fn of_folder(folder: &Folder, id: &str) -> Option<String> {
    match id {
        "String 0x3613" => Some(folder.class.clone()),
        "SystemTime 0x3008" | "SystemTime 0x670a" => Some(seconds(folder.modified)),
        "Integer 0x6751" => Some(folder.next_article.to_string()),
        "String 0x3001" => Some(folder.name.clone()),
        _ => folder.extended.get(id).cloned(),
    }
}

/// `PidTagMessageFlags`: read 1, unmodified 2, submitted 4, unsent 8, attachments 0x10.
fn flags(item: &Item) -> u32 {
    u32::from(item.read)
        | (u32::from(item.submitted == Some(Waiting::Submitted)) << 2)
        | (u32::from(item.draft) << 3)
        | (u32::from(item.source.view().has_attachments) << 4)
}

/// Received mail keeps its header block; what was made here never had one.
fn transport_headers(item: &Item) -> Option<String> {
    if item.draft {
        return None;
    }
    let bytes = item.source.bytes();
    let (head, _) = mime::split(&bytes);
    let received = mime::fields(head).iter().any(|(name, _)| name.eq_ignore_ascii_case("received"));
    received.then(|| String::from_utf8_lossy(head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_ids_come_back_in_the_short_form() {
        let normal = |id: &str| normalise(id).unwrap();
        assert_eq!(normal("Integer 0x0E23"), "Integer 0xe23");
        assert_eq!(
            normal("Integer {00062008-0000-0000-C000-000000000046} Id 0x8570"),
            "Integer {00062008-0000-0000-c000-000000000046} Id 0x8570"
        );
        assert_eq!(
            normal("String {00020386-0000-0000-C000-000000000046} Name Content-Class"),
            "String {00020386-0000-0000-c000-000000000046} Name Content-Class"
        );
        assert!(normalise("0x0E23").is_err());
    }
}
