//! Mailbox names in both of their encodings, and what LIST and STATUS say beyond RFC 3501.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use proptest::prelude::*;
use wire::imap::{
    Body, Code, Data, Event, Limits, Line, List, ListAttribute, ListExtended, ListReturn,
    ListSelection, MailboxName, NameEncoding, Namespace, ObjectId, Reply, Status, StatusItem,
    Stream, parse_with,
};

fn name(text: &str) -> MailboxName {
    MailboxName::new(text).unwrap()
}

fn read(line: &str, names: NameEncoding) -> Option<Body> {
    let line = Line::new(format!("a {line}\r\n").into_bytes());
    parse_with(&line, names).ok().map(|command| command.body)
}

fn written(data: &Data, names: NameEncoding) -> String {
    let mut out = Vec::new();
    data.write_with(&mut out, names);
    String::from_utf8(out).unwrap()
}

fn listing(mailbox: &str) -> Data {
    Data::List { attributes: vec![], delimiter: Some('/'), mailbox: name(mailbox) }
}

#[test]
fn a_name_is_written_as_the_client_reads_it() {
    let data = listing("Entwürfe & 日本");
    let old = "* LIST () \"/\" \"Entw&APw-rfe &- &ZeVnLA-\"\r\n";
    assert_eq!(written(&data, NameEncoding::Utf7), old);
    let new = written(&data, NameEncoding::Utf8);
    assert_eq!(new, "* LIST () \"/\" \"Entwürfe & 日本\"\r\n");
    assert!(matches!(ResponseCodec::default().decode(new.as_bytes()), Ok(([], _))));
    assert_eq!(written(&listing("a&b"), NameEncoding::Utf8), "* LIST () \"/\" a&b\r\n");
    assert_eq!(
        written(&listing("ä\"b\\"), NameEncoding::Utf8),
        "* LIST () \"/\" \"ä\\\"b\\\\\"\r\n"
    );
    let personal = vec![Namespace { prefix: "Öl/".into(), delimiter: Some('/') }];
    let data = Data::Namespace { personal, other_users: vec![], shared: vec![] };
    assert_eq!(written(&data, NameEncoding::Utf8), "* NAMESPACE ((\"Öl/\" \"/\")) NIL NIL\r\n");
}

#[test]
fn every_verb_reads_names_in_the_encoding_in_force() {
    for (verb, rest) in [
        ("SELECT", ""),
        ("EXAMINE", ""),
        ("CREATE", ""),
        ("DELETE", ""),
        ("SUBSCRIBE", ""),
        ("UNSUBSCRIBE", ""),
        ("STATUS", " (MESSAGES)"),
        ("COPY 1", ""),
        ("UID MOVE 1", ""),
        ("RENAME", " x"),
        ("RENAME x", ""),
        ("LIST \"\"", ""),
        ("LSUB \"\"", ""),
    ] {
        let asked = |text: &str, names| read(&format!("{verb} {text}{rest}"), names);
        let shifted = asked("\"R&-D &APw-\"", NameEncoding::Utf7).unwrap();
        let literal = asked("{7+}\r\nR&D \u{fc}x", NameEncoding::Utf8).unwrap();
        let quoted = asked("\"R&D \u{fc}x\"", NameEncoding::Utf8).unwrap();
        assert_eq!(literal, quoted, "{verb}");
        assert_eq!(asked("\"R&D \u{fc}\"", NameEncoding::Utf8).unwrap(), shifted, "{verb}");
        // An ampersand begins nothing any more.
        let plain = asked("\"R&-D &APw-\"", NameEncoding::Utf8).unwrap();
        assert_ne!(plain, shifted, "{verb}");
        assert!(format!("{plain:?}").contains("R&-D &APw-"), "{plain:?}");
    }
    let broken = Line::new(b"a SELECT \"\xff\"\r\n".to_vec());
    assert!(parse_with(&broken, NameEncoding::Utf8).is_err());
}

#[test]
fn no_name_holds_a_control_character_or_a_separator_of_lines() {
    for unfit in ["a\u{1}", "a\u{7f}", "a\u{85}", "a\u{2028}", "\u{2029}"] {
        for names in [NameEncoding::Utf7, NameEncoding::Utf8] {
            assert!(read(&format!("SELECT \"{unfit}\""), names).is_none(), "{unfit:?}");
        }
    }
}

#[test]
fn the_head_of_an_append_is_read_in_the_encoding_in_force() {
    let mailbox = |names| {
        let mut stream = Stream::new(Limits::default());
        stream.logged_in();
        stream.set_names(names);
        stream.push("a APPEND \"R&-D\" {5}\r\n".as_bytes());
        let Some(Event::Message(message)) = stream.next() else { panic!() };
        message.append.mailbox
    };
    assert_eq!(mailbox(NameEncoding::Utf7), name("R&D"));
    assert_eq!(mailbox(NameEncoding::Utf8), name("R&-D"));
}

#[test]
fn the_extended_form_of_list_is_read_whole() {
    let line = "LIST (SUBSCRIBED REMOTE SPECIAL-USE recursivematch) \"\" (INBOX \"a b\" %) RETURN \
                (CHILDREN SUBSCRIBED SPECIAL-USE STATUS (MESSAGES SIZE DELETED APPENDLIMIT MAILBOXID HIGHESTMODSEQ))";
    let Some(Body::List(List { selection, patterns, returns, .. })) =
        read(line, NameEncoding::Utf7)
    else {
        panic!()
    };
    assert_eq!((selection.len(), returns.len()), (4, 4));
    assert_eq!(patterns, ["INBOX", "a b", "%"]);
    let items = [
        StatusItem::Messages,
        StatusItem::Size,
        StatusItem::Deleted,
        StatusItem::AppendLimit,
        StatusItem::MailboxId,
        StatusItem::HighestModSeq,
    ];
    assert_eq!(returns[3], ListReturn::Status(items.to_vec()));
    for plain in ["LIST () \"\" *", "LIST \"\" (*)", "LIST \"\" * RETURN ()", "LIST \"\" (\"\" x)"]
    {
        assert!(read(plain, NameEncoding::Utf7).is_some(), "{plain}");
    }
    assert!(read("LIST (RECURSIVEMATCH SPECIAL-USE) \"\" *", NameEncoding::Utf7).is_some());
    for refused in [
        "LIST (RECURSIVEMATCH) \"\" *",
        "LIST (RECURSIVEMATCH REMOTE) \"\" *",
        "LIST (NONSENSE) \"\" *",
        "LIST \"\" * RETURN (NONSENSE)",
        "LIST \"\" * RETURN (STATUS)",
        "LIST \"\" * RETURN (STATUS ())",
        "LIST \"\" * RETURN (STATUS (NONSENSE))",
        "LIST \"\" * RETURN",
        "LIST \"\" * NONSENSE (CHILDREN)",
        "LIST \"\" ()",
        "LIST (SUBSCRIBED \"\" *",
    ] {
        assert!(read(refused, NameEncoding::Utf7).is_none(), "{refused}");
    }
}

#[test]
fn extended_items_and_object_ids_are_written_as_their_standards_say() {
    let extended = |extended| Data::ListExtended {
        attributes: vec![ListAttribute::NonExistent],
        delimiter: Some('/'),
        mailbox: name("Gelöscht"),
        extended,
    };
    let child = ListExtended::ChildInfo(vec![ListSelection::Subscribed, ListSelection::SpecialUse]);
    let line = written(&extended(child), NameEncoding::Utf7);
    let wanted = "* LIST (\\NonExistent) \"/\" Gel&APY-scht (\"CHILDINFO\" (\"SUBSCRIBED\" \"SPECIAL-USE\"))\r\n";
    assert_eq!(line, wanted);
    let line = written(&extended(ListExtended::OldName(name("Müll"))), NameEncoding::Utf8);
    let wanted = "* LIST (\\NonExistent) \"/\" \"Gelöscht\" (\"OLDNAME\" (\"Müll\"))\r\n";
    assert_eq!(line, wanted);
    let id = ObjectId::new("F2212ea87").unwrap();
    let items = vec![
        (StatusItem::MailboxId, wire::imap::StatusValue::ObjectId(id.clone())),
        (StatusItem::Size, 8_589_934_592.into()),
        (StatusItem::AppendLimit, 5.into()),
    ];
    let line = written(&Data::Status { mailbox: name("x"), items }, NameEncoding::Utf7);
    assert_eq!(line, "* STATUS x (MAILBOXID (F2212ea87) SIZE 8589934592 APPENDLIMIT 5)\r\n");
    let mut out = Vec::new();
    Reply::untagged(Status::Ok, "Ok").with_code(Code::MailboxId(id)).write(&mut out);
    assert_eq!(out, b"* OK [MAILBOXID (F2212ea87)] Ok\r\n");
}

proptest! {
    #[test]
    fn any_name_survives_either_way(text in "[^\\p{Cc}\u{2028}\u{2029}]{1,20}") {
        for names in [NameEncoding::Utf7, NameEncoding::Utf8] {
            let line = written(&listing(&text), names);
            let spelled = line.strip_prefix("* LIST () \"/\" ").unwrap().trim_end_matches("\r\n");
            let Some(Body::Delete(back)) = read(&format!("DELETE {spelled}"), names) else {
                panic!("{line}")
            };
            prop_assert_eq!(back, name(&text));
        }
    }
}
