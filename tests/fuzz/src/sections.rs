//! Sections of messages: any octets are a message whose parts lie within it, however it arrives; and of a message made
//! part by part every number names the octets it was made with, in the eyes of mail-parser as well.

use std::convert::Infallible;
use std::iter;
use std::ops::Range;

use arbitrary::Unstructured;
use mail_parser::{MessageParser, MessagePart, PartType};

use crate::chance::splits;
use crate::mime::text::Needle;
use crate::mime::{
    self, Content, Edition, Form, Keep, Located, Outline, Part, Path, Place, Scanner, Section,
    Sought, envelope, filter_fields, locate, look,
};
use crate::{memory, opinion, structure, tree};

/// Of an outline, for each octet of the message: a part of four octets takes some two hundred.
const FOR_EACH_OCTET: usize = 160;
const AT_LEAST: usize = 64 * 1024;
/// Deep enough to pass every part of a message that real mail would hold.
const NUMBERS_TRIED: usize = 2_000;
/// Bodies within bodies that the other codec follows; our own reader of RFC 3501 follows all.
const DEEPEST_FOR_OTHERS: usize = 7;

pub fn check(data: &[u8]) {
    any(data);
    if let Ok((message, entity)) = tree::message(&mut Unstructured::new(data)) {
        any(&message);
        made(&message, &entity);
    }
}

// === any octets ===

fn any(message: &[u8]) {
    let mut splits = splits(message).into_iter();
    let outline = scanned(message, splits.next().unwrap());
    for reads in splits {
        assert_eq!(scanned(message, reads), outline, "the cut of the message shows");
    }
    assert_eq!(outline.size, message.len() as u64);
    outline.parts.iter().for_each(|part| lies_well(message, &outline, part));
    let stored = serde_json::to_string(&outline).unwrap();
    assert_eq!(serde_json::from_str::<Outline>(&stored).unwrap(), outline);
    described(message, &outline);
    numbers(&outline);
    fields(message, &outline);
    memory::within(AT_LEAST + FOR_EACH_OCTET * message.len(), || {
        found(message, &[Sought { needle: Needle::new("x"), place: Place::Message }])
    });
}

/// What SEARCH finds in a message that is at hand.
pub(crate) fn found(message: &[u8], sought: &[Sought]) -> Vec<Option<bool>> {
    let mut scanner = Scanner::new();
    scanner.feed(message);
    let outline = scanner.finish().without_headers();
    let read = |range: Range<u64>| Ok::<_, Infallible>(slice(message, &range));
    let Ok(found) = look(&outline, sought, read);
    found
}

fn scanned(message: &[u8], reads: Vec<&[u8]>) -> Outline {
    memory::within(AT_LEAST + FOR_EACH_OCTET * message.len(), || {
        let mut scanner = Scanner::new();
        reads.into_iter().for_each(|read| scanner.feed(read));
        scanner.finish()
    })
}

fn lies_well(message: &[u8], outline: &Outline, part: &Part) {
    assert!(part.header.start <= part.header.end && part.header.end == part.body.start);
    assert!(part.body.start <= part.body.end && part.body.end <= outline.size);
    assert_eq!(slice(message, &part.header), part.fields.as_slice());
    let body = slice(message, &part.body);
    let lines = body.split_inclusive(|octet| *octet == b'\n').count();
    assert_eq!(part.lines, lines as u64);
    let inside = |range: &Range<u64>| part.body.start <= range.start && range.end <= part.body.end;
    let children: Vec<&Part> = match &part.content {
        Content::Multipart(children) => children.iter().map(|at| outline.part(*at)).collect(),
        Content::Message(inner) => vec![outline.part(*inner)],
        Content::Single | Content::Opaque => Vec::new(),
    };
    // A header that runs into the next delimiter keeps the line end of its last field, which is the delimiter's as well.
    let shares = |child: &Part| child.body.is_empty() && child.body.end <= part.body.end + 2;
    assert!(
        children.iter().all(|child| inside(&child.header) && inside(&child.body) || shares(child))
    );
    let ordered = children.windows(2).all(|two| two[0].body.end <= two[1].header.start);
    assert!(ordered, "parts overlap");
}

/// ENVELOPE, BODY and BODYSTRUCTURE are IMAP and say what the outline knows, whatever the message is.
fn described(message: &[u8], outline: &Outline) {
    let room = AT_LEAST + FOR_EACH_OCTET * message.len();
    let text = memory::within(room, || envelope(outline));
    let read = structure::envelope(&text);
    assert!(read.is_ok(), "{read:?}: {}", text.escape_ascii());
    told("ENVELOPE", &text);
    for (item, form, edition) in [
        ("BODY", Form::Body, Edition::Rev1),
        ("BODYSTRUCTURE", Form::BodyStructure, Edition::Rev1),
        ("BODY", Form::Body, Edition::Rev2),
        ("BODYSTRUCTURE", Form::BodyStructure, Edition::Rev2),
    ] {
        let text = memory::within(room, || mime::structure(outline, form, edition));
        let shown = || format!("{item} {}", text.escape_ascii());
        let read = structure::body(&text, (form, edition));
        let body = read.unwrap_or_else(|problem| panic!("{problem:?} in {}", shown()));
        assert!(body.agrees(outline, outline.root()), "{}", shown());
        // The other codec knows the older grammar.
        if body.depth() <= DEEPEST_FOR_OTHERS && edition == Edition::Rev1 {
            told(item, &text);
        }
    }
}

/// Another codec reads it as well.
fn told(item: &str, text: &[u8]) {
    let begin = format!("* 1 FETCH ({item} ");
    opinion::response(&[begin.as_bytes(), text, b")\r\n"].concat());
}

/// Part by part, level by level, as a client asks that trusts its own counting.
fn numbers(outline: &Outline) {
    let mut open = vec![Vec::new()];
    let mut tried = 0;
    while let Some(prefix) = open.pop() {
        for number in 1.. {
            tried += 1;
            let path: Vec<u32> = prefix.iter().copied().chain([number]).collect();
            let found = locate(outline, &Section::Part(Path(path.clone())));
            if tried > NUMBERS_TRIED || found == Located::Missing {
                break;
            }
            assert_ne!(locate(outline, &Section::Mime(Path(path.clone()))), Located::Missing);
            open.push(path);
        }
    }
}

fn fields(message: &[u8], outline: &Outline) {
    let header = slice(message, &outline.root().header);
    let kept = filter_fields(header, &[], Keep::Others);
    let blank = header.ends_with(b"\r\n\r\n") || header.ends_with(b"\n\n");
    assert!(if blank { kept == header } else { kept.starts_with(header) || header == b"\n" });
    let none = filter_fields(header, &[], Keep::Named);
    assert_eq!(none.trim_ascii(), b"");
}

// === a message that was made ===

fn made(message: &[u8], entity: &tree::Entity) {
    let outline = scanned(message, vec![message]);
    let at = |section| match locate(&outline, &section) {
        Located::Range(range) => Some(range),
        Located::Filter { .. } | Located::Missing => None,
    };
    assert_eq!(at(Section::Header(Path::default())), Some(entity.header.clone()));
    assert_eq!(at(Section::Text(Path::default())), Some(entity.body.clone()));
    let numbered = entity.numbered();
    for part in &numbered {
        let path = || Path(part.path.clone());
        assert_eq!(at(Section::Part(path())), Some(part.body.clone()), "{:?}", part.path);
        assert_eq!(at(Section::Mime(path())), Some(part.mime.clone()), "{:?}", part.path);
        let (header, text) = part.message.clone().unzip();
        assert_eq!(at(Section::Header(path())), header, "{:?}", part.path);
        assert_eq!(at(Section::Text(path())), text, "{:?}", part.path);
        let next = part.path.split_last().map(|(last, rest)| [rest, &[last + 1]].concat()).unwrap();
        let known = numbered.iter().any(|part| part.path == next);
        assert_eq!(at(Section::Part(Path(next))).is_some(), known, "after {:?}", part.path);
    }
    // It loses what stands behind a message that is a message itself.
    if !entity.has_message_in_message() {
        let parsed = MessageParser::new().parse(message).unwrap();
        let theirs: Vec<_> = parsed.parts.iter().flat_map(leaves).collect();
        assert_eq!(theirs, entity.leaves(), "mail-parser: {}", message.escape_ascii());
    }
}

fn leaves(part: &MessagePart<'_>) -> Vec<Range<u64>> {
    match &part.body {
        PartType::Multipart(_) => Vec::new(),
        PartType::Message(inner) => inner.parts.iter().flat_map(leaves).collect(),
        _ => iter::once(u64::from(part.offset_body)..u64::from(part.offset_end)).collect(),
    }
}

fn slice<'a>(message: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    &message[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}
