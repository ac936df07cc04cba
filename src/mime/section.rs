//! Which bytes a `BODY[section]` names (RFC 3501 §6.4.5).

use std::ops::Range;

use super::{Content, Keep, Outline, Part};

/// Part numbers from the outside in; empty for the message itself where the RFC allows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<u32>);

/// What stands between the brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// `BODY[]`
    Whole,
    /// `BODY[HEADER]`, `BODY[2.HEADER]`
    Header(Path),
    /// `BODY[HEADER.FIELDS (…)]`, or with `complement` `BODY[HEADER.FIELDS.NOT (…)]`
    HeaderFields { path: Path, fields: Vec<String>, complement: bool },
    /// `BODY[TEXT]`, `BODY[2.TEXT]`
    Text(Path),
    /// `BODY[1.MIME]`
    Mime(Path),
    /// `BODY[1.2]`
    Part(Path),
}

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// These octets of the message, possibly none.
    Range(Range<u64>),
    /// These octets, put through [`filter_fields`](super::filter_fields).
    Filter { header: Range<u64>, fields: Vec<String>, keep: Keep },
    /// The message has no such part, or it is no message and so has no HEADER or TEXT. To be answered as `NIL`,
    /// which clients take for "not there"; an empty string would claim an empty part.
    Missing,
}

/// Finds the bytes of a section.
pub fn locate(outline: &Outline, section: &Section) -> Located {
    let found =
        match section {
            Section::Whole => Some(0..outline.size),
            Section::Part(path) if path.0.is_empty() => Some(0..outline.size),
            Section::Part(path) => part(outline, path).map(|part| part.body.clone()),
            Section::Mime(path) => part(outline, path).map(|part| part.header.clone()),
            Section::Header(path) => message(outline, path).map(|message| message.header.clone()),
            Section::Text(path) => message(outline, path).map(|message| message.body.clone()),
            Section::HeaderFields { path, fields, complement } => {
                let keep = if *complement { Keep::Others } else { Keep::Named };
                return message(outline, path).map_or(Located::Missing, |message| {
                    Located::Filter { header: message.header.clone(), fields: fields.clone(), keep }
                });
            }
        };
    found.map_or(Located::Missing, Located::Range)
}

/// A part whose octets may be encoded for transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Where the encoding is named. `None`: there can be no encoding, as of a multipart (RFC 2045 §6.4) or of
    /// the whole message, header included.
    pub header: Option<Range<u64>>,
    pub body: Range<u64>,
}

/// Finds what `BINARY[part]` names (RFC 3516 §4.2); `None` if the message has no such part.
pub fn encoded(outline: &Outline, path: &Path) -> Option<Encoded> {
    if path.0.is_empty() {
        return Some(Encoded { header: None, body: 0..outline.size });
    }
    let part = part(outline, path)?;
    let plain = matches!(part.content, Content::Multipart(_));
    let header = (!plain).then(|| part.header.clone());
    Some(Encoded { header, body: part.body.clone() })
}

/// The part of this number. Every message has a part 1: the only one, when it is no multipart.
fn part<'a>(outline: &'a Outline, path: &Path) -> Option<&'a Part> {
    let (first, rest) = path.0.split_first()?;
    let mut part = numbered(outline, outline.root(), *first)?;
    for number in rest {
        part = match &part.content {
            Content::Multipart(_) => numbered(outline, part, *number)?,
            Content::Message(message) => numbered(outline, outline.part(*message), *number)?,
            Content::Single | Content::Opaque => return None,
        };
    }
    Some(part)
}

/// A part of a multipart, or the one part of a message that is none.
fn numbered<'a>(outline: &'a Outline, holder: &'a Part, number: u32) -> Option<&'a Part> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    match &holder.content {
        Content::Multipart(parts) => parts.get(index).map(|part| outline.part(*part)),
        _ => (index == 0).then_some(holder),
    }
}

/// The message itself, or the one that the part of this number holds.
fn message<'a>(outline: &'a Outline, path: &Path) -> Option<&'a Part> {
    if path.0.is_empty() {
        return Some(outline.root());
    }
    match part(outline, path)?.content {
        Content::Message(message) => Some(outline.part(message)),
        _ => None,
    }
}

// === impl Path ===

impl<const N: usize> From<[u32; N]> for Path {
    fn from(numbers: [u32; N]) -> Self {
        Self(numbers.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::{Scanner, filter_fields};

    /// The numbering example of RFC 3501 §6.4.5 (parts 1, 2, 3 with a message, 4 with a multipart).
    const EXAMPLE: &str = "Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\n\r\nONE\r\n\
        --a\r\nContent-Type: application/octet-stream\r\n\r\nTWO\r\n\
        --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nX: 3.1\r\n\r\nTHREE-ONE\r\n--b\r\n\r\nTHREE-TWO\r\n--b--\r\n\
        --a\r\nContent-Type: multipart/mixed; boundary=c\r\nX: 4\r\n\r\n\
        --c\r\nContent-Type: image/gif\r\nX: 4.1\r\n\r\nFOUR-ONE\r\n\
        --c\r\nContent-Type: message/rfc822\r\n\r\nSubject: four-two\r\nContent-Type: multipart/alternative; boundary=d\r\n\r\n\
        --d\r\n\r\nFOUR-TWO-ONE\r\n--d\r\nContent-Type: text/richtext\r\n\r\nFOUR-TWO-TWO\r\n--d--\r\n\
        --c--\r\n--a--\r\n";

    fn bytes(message: &str, section: &Section) -> Option<String> {
        let mut scanner = Scanner::new();
        scanner.feed(message.as_bytes());
        let offset = |at: u64| usize::try_from(at).unwrap();
        let slice = |range: Range<u64>| &message[offset(range.start)..offset(range.end)];
        match locate(&scanner.finish(), section) {
            Located::Range(range) => Some(slice(range).to_owned()),
            Located::Filter { header, fields, keep } => {
                let filtered = filter_fields(slice(header).as_bytes(), &fields, keep);
                Some(String::from_utf8(filtered).unwrap())
            }
            Located::Missing => None,
        }
    }

    fn body<const N: usize>(path: [u32; N]) -> Option<String> {
        bytes(EXAMPLE, &Section::Part(path.into()))
    }

    #[test]
    fn parts_are_numbered_as_in_the_example_of_rfc_3501() {
        assert_eq!(body([]).as_deref(), Some(EXAMPLE));
        assert_eq!(body([1]).as_deref(), Some("ONE"));
        assert_eq!(body([2]).as_deref(), Some("TWO"));
        assert_eq!(body([3, 1]).as_deref(), Some("THREE-ONE"));
        assert_eq!(body([3, 2]).as_deref(), Some("THREE-TWO"));
        assert_eq!(body([4, 1]).as_deref(), Some("FOUR-ONE"));
        assert_eq!(body([4, 2, 1]).as_deref(), Some("FOUR-TWO-ONE"));
        assert_eq!(body([4, 2, 2]).as_deref(), Some("FOUR-TWO-TWO"));
        assert!(
            body([3])
                .is_some_and(|body| body.starts_with("Subject: three") && body.ends_with("--b--"))
        );
    }

    #[test]
    fn a_part_that_is_not_there_is_missing() {
        for path in [vec![0], vec![5], vec![1, 1], vec![3, 3], vec![4, 2, 3], vec![u32::MAX]] {
            assert_eq!(bytes(EXAMPLE, &Section::Part(Path(path.clone()))), None, "{path:?}");
        }
    }

    #[test]
    fn only_messages_have_header_and_text() {
        let header = |path: Path| bytes(EXAMPLE, &Section::Header(path));
        assert!(header([].into()).is_some_and(
            |header| header.starts_with("Subject: top") && header.ends_with("\r\n\r\n")
        ));
        assert!(header([3].into()).is_some_and(|header| header.starts_with("Subject: three")));
        assert!(
            header([4, 2].into()).is_some_and(|header| header.starts_with("Subject: four-two"))
        );
        assert_eq!(header([1].into()), None);
        assert_eq!(header([4].into()), None);
        let text = |path: Path| bytes(EXAMPLE, &Section::Text(path));
        assert!(text([].into()).is_some_and(|text| text.starts_with("--a\r\n\r\nONE")));
        assert!(text([3].into()).is_some_and(|text| text.starts_with("--b\r\nX: 3.1")));
        assert_eq!(text([2].into()), None);
    }

    #[test]
    fn mime_is_the_header_of_the_part() {
        let mime = |path: Path| bytes(EXAMPLE, &Section::Mime(path));
        assert_eq!(
            mime([4, 1].into()).as_deref(),
            Some("Content-Type: image/gif\r\nX: 4.1\r\n\r\n")
        );
        assert_eq!(mime([3, 1].into()).as_deref(), Some("X: 3.1\r\n\r\n"));
        assert_eq!(mime([3].into()).as_deref(), Some("Content-Type: message/rfc822\r\n\r\n"));
        assert_eq!(mime([1].into()).as_deref(), Some("\r\n"));
        assert_eq!(mime([].into()), None);
    }

    #[test]
    fn fields_are_chosen_in_nested_messages_too() {
        let fields = |path: Path, complement| {
            let section =
                Section::HeaderFields { path, fields: vec!["SUBJECT".to_owned()], complement };
            bytes(EXAMPLE, &section)
        };
        assert_eq!(fields([4, 2].into(), false).as_deref(), Some("Subject: four-two\r\n\r\n"));
        assert_eq!(
            fields([3].into(), true).as_deref(),
            Some("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
        );
        assert_eq!(fields([2].into(), false), None);
    }

    #[test]
    fn part_one_of_a_plain_message_is_its_body() {
        let message = "Subject: x\r\n\r\nHello\r\n";
        assert_eq!(bytes(message, &Section::Part([1].into())).as_deref(), Some("Hello\r\n"));
        assert_eq!(
            bytes(message, &Section::Mime([1].into())).as_deref(),
            Some("Subject: x\r\n\r\n")
        );
        assert_eq!(bytes(message, &Section::Part([2].into())), None);
    }

    #[test]
    fn a_message_that_is_itself_a_message_has_it_as_part_one() {
        let message = "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nHello\r\n";
        assert_eq!(
            bytes(message, &Section::Header([1].into())).as_deref(),
            Some("Subject: in\r\n\r\n")
        );
        assert_eq!(bytes(message, &Section::Part([1, 1].into())).as_deref(), Some("Hello\r\n"));
    }
}
