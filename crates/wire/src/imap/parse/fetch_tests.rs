//! The FETCH items and SEARCH keys of RFC 3516, RFC 8474 and RFC 8970, and how they are answered.

use std::num::NonZeroU32;

use super::*;
use crate::imap::{
    BinaryPart, BinarySection, Code, FetchItem, FetchWriter, Laziness, ObjectId, Partial, Peek,
    Progress, Reply, SearchKey, Status,
};

fn parsed(line: &str) -> Result<Body, Bad> {
    parse(&Line::new(format!("{line}\r\n").into_bytes())).map(|command| command.body)
}

fn items(line: &str) -> Vec<FetchItem> {
    match parsed(line) {
        Ok(Body::Fetch(fetch)) => fetch.items,
        other => panic!("{line}: {other:?}"),
    }
}

fn part(numbers: &[u32]) -> BinaryPart {
    BinaryPart(numbers.iter().map(|number| NonZeroU32::new(*number).unwrap()).collect())
}

fn written(write: impl FnOnce(&mut FetchWriter, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    let mut writer = FetchWriter::begin(&mut out, NonZeroU32::MIN);
    write(&mut writer, &mut out);
    writer.end(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn parts_are_asked_for_without_their_encoding() {
    let expected = [
        FetchItem::Binary(BinarySection {
            peek: Peek::Peek,
            part: part(&[1, 2]),
            partial: Some(Partial { offset: 5, length: 9 }),
        }),
        FetchItem::Binary(BinarySection { peek: Peek::SetsSeen, part: part(&[]), partial: None }),
        FetchItem::BinarySize(part(&[3])),
    ];
    let items = items("a FETCH 1 (BINARY.PEEK[1.2]<5.9> binary[] BINARY.SIZE[3])");
    assert_eq!(items, expected);
    assert_eq!(items.iter().map(FetchItem::sets_seen).collect::<Vec<_>>(), [false, true, false]);
    let named: Vec<String> = items.iter().map(ToString::to_string).collect();
    assert_eq!(named, ["BINARY[1.2]<5>", "BINARY[]", "BINARY.SIZE[3]"]);
    for wrong in ["[1.]", "[0]", "[.1]", "[1.TEXT]", "[HEADER]", "", "[1", "[1]<5>"] {
        assert!(parsed(&format!("a FETCH 1 BINARY{wrong}")).is_err(), "{wrong}");
    }
    assert!(parsed("a FETCH 1 BINARY.SIZE[1]<0.5>").is_err(), "a size has no partial");
}

#[test]
fn a_preview_may_be_lazy_and_modifiers_of_the_fetch_are_not_taken_for_its_own() {
    let lazy = FetchItem::Preview(Laziness::Lazy);
    let eager = FetchItem::Preview(Laziness::Eager);
    assert_eq!(items("a FETCH 1 (PREVIEW (LAZY) UID)"), [lazy.clone(), FetchItem::Uid]);
    assert_eq!(items("a FETCH 1 preview (lazy)"), [lazy]);
    assert_eq!(items("a FETCH 1 (PREVIEW UID)"), [eager.clone(), FetchItem::Uid]);
    assert_eq!(items("a FETCH 1 PREVIEW (CHANGEDSINCE 5)"), [eager]);
    for wrong in ["PREVIEW ()", "PREVIEW (EAGER)", "(PREVIEW (LAZY FOO))", "PREVIEW(LAZY)"] {
        assert!(parsed(&format!("a FETCH 1 {wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn object_identifiers_are_asked_for_searched_and_written() {
    let id = ObjectId::new("M6d99ac3275bb4e").unwrap();
    assert_eq!(items("a FETCH 1 (EMAILID threadid)"), [FetchItem::EmailId, FetchItem::ThreadId]);
    let Ok(Body::Search(search)) = parsed("a SEARCH THREADID M6d99ac3275bb4e") else { panic!() };
    assert_eq!(search.key, SearchKey::ThreadId(id.clone()).into());
    let Ok(Body::Search(search)) = parsed("a SEARCH EMAILID \"M6d99ac3275bb4e\"") else { panic!() };
    assert_eq!(search.key, SearchKey::EmailId(id.clone()).into());
    assert!(parsed("a SEARCH EMAILID a=b").is_err());
    assert!(parsed("a SEARCH EMAILID \"\"").is_err());
    let answer = written(|writer, out| {
        writer.object_id(out, &FetchItem::EmailId, &id);
        writer.nil(out, &FetchItem::ThreadId);
    });
    assert_eq!(answer, "* 1 FETCH (EMAILID (M6d99ac3275bb4e) THREADID NIL)\r\n");
}

#[test]
fn a_preview_is_quoted_where_ascii_says_it_and_else_a_literal_of_utf_8() {
    let preview = FetchItem::Preview(Laziness::Lazy);
    let text = |text: &str| written(|writer, out| writer.text(out, &preview, text));
    assert_eq!(text(""), "* 1 FETCH (PREVIEW \"\")\r\n");
    assert_eq!(text("say \"hi\""), "* 1 FETCH (PREVIEW \"say \\\"hi\\\"\")\r\n");
    assert_eq!(text("caf\u{e9}"), "* 1 FETCH (PREVIEW {5}\r\ncaf\u{e9})\r\n");
}

#[test]
fn octets_with_nul_go_out_as_a_literal8() {
    let item = FetchItem::Binary(BinarySection {
        peek: Peek::Peek,
        part: part(&[2]),
        partial: Some(Partial { offset: 0, length: 3 }),
    });
    let answer = written(|writer, out| {
        writer.literal8(out, &item, 3);
        out.extend_from_slice(b"a\0b");
    });
    assert_eq!(answer, "* 1 FETCH (BINARY[2]<0> ~{3}\r\na\0b)\r\n");
}

#[test]
fn progress_names_the_command_and_how_far_it_has_come() {
    let line = |progress| {
        let tag = Tag::new(b"A]1").unwrap();
        let mut out = Vec::new();
        let reply = Reply::untagged(Status::Ok, "Still working");
        reply.with_code(Code::InProgress { tag, progress }).write(&mut out);
        String::from_utf8(out).unwrap()
    };
    let counted = |done, goal| Progress::Counted { done, goal: NonZeroU32::new(goal) };
    let head = "* OK [INPROGRESS (\"A]1\"";
    assert_eq!(line(Progress::Unknown), format!("{head} NIL NIL)] Still working\r\n"));
    assert_eq!(line(counted(3, 0)), format!("{head} 3 NIL)] Still working\r\n"));
    assert_eq!(line(counted(3, 9)), format!("{head} 3 9)] Still working\r\n"));
}
