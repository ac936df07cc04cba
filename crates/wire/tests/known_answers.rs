//! The examples of the RFCs: what a client sends reads as the value it means, and what we write
//! is what the RFC shows.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroU32;

use wire::imap::{
    AnyKeyword, Body, Code, Command, Data, DateTime, Event, Fetch, FetchItem, FetchWriter, Flag,
    Limits, Line, ListAttribute, MailboxName, MessageSet, Mode, Namespace, Peek, Reply, SearchKey,
    SectionText, Status, StatusItem, Stream, Tag, Trust, UidSet, continuation, parse,
};

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn command(line: &str) -> Command {
    parse(&Line::new(format!("{line}\r\n").into_bytes())).unwrap()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn data(data: &Data) -> String {
    written(|out| data.write(out))
}

fn reply(reply: &Reply) -> String {
    written(|out| reply.write(out))
}

fn tag(text: &str) -> Tag {
    Tag::new(text.as_bytes()).unwrap()
}

#[test]
fn the_session_of_rfc_3501_section_8_is_understood() {
    let mut stream = Stream::new(Limits::default());
    stream.push(b"a001 login mrc secret\r\na002 select inbox\r\na003 fetch 12 full\r\n");
    stream.push(b"a004 fetch 12 body[header]\r\na005 store 12 +flags \\deleted\r\na006 logout\r\n");
    let mut verbs = Vec::new();
    while let Some(event) = stream.next() {
        let Event::Command(line) = event else { panic!("{event:?}") };
        verbs.push(parse(&line).unwrap().body);
    }
    assert!(matches!(&verbs[0], Body::Login { user, password }
        if user == b"mrc" && password.expose() == b"secret"));
    assert_eq!(verbs[1], Body::Select(MailboxName::inbox().into()));
    let Body::Fetch(Fetch { set: MessageSet::Seq(set), items, .. }) = &verbs[2] else { panic!() };
    assert_eq!((set.to_string().as_str(), items.len()), ("12", 5));
    let Body::Fetch(Fetch { items, .. }) = &verbs[3] else { panic!() };
    let [FetchItem::Section(section)] = &items[..] else { panic!() };
    assert_eq!((section.peek, &section.section.text), (Peek::SetsSeen, &SectionText::Header));
    assert!(matches!(&verbs[4], Body::Store(store) if store.flags == [Flag::Deleted]));
    assert_eq!(verbs[5], Body::Logout);
}

#[test]
fn select_answers_as_in_rfc_3501_section_6_3_1() {
    let flags = vec![Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
    assert_eq!(data(&Data::Exists(172)), "* 172 EXISTS\r\n");
    assert_eq!(data(&Data::Recent(1)), "* 1 RECENT\r\n");
    assert_eq!(
        reply(
            &Reply::untagged(Status::Ok, "Message 12 is first unseen")
                .with_code(Code::Unseen(number(12)))
        ),
        "* OK [UNSEEN 12] Message 12 is first unseen\r\n"
    );
    assert_eq!(
        reply(
            &Reply::untagged(Status::Ok, "UIDs valid")
                .with_code(Code::UidValidity(number(3_857_529_045)))
        ),
        "* OK [UIDVALIDITY 3857529045] UIDs valid\r\n"
    );
    assert_eq!(
        data(&Data::Flags(flags)),
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
    );
    let permanent = Code::PermanentFlags {
        flags: vec![Flag::Deleted, Flag::Seen],
        any_keyword: AnyKeyword::Allowed,
    };
    assert_eq!(
        reply(&Reply::untagged(Status::Ok, "Limited").with_code(permanent)),
        "* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited\r\n"
    );
    let none = Code::PermanentFlags { flags: vec![], any_keyword: AnyKeyword::Refused };
    assert_eq!(
        reply(&Reply::untagged(Status::Ok, "None").with_code(none)),
        "* OK [PERMANENTFLAGS ()] None\r\n"
    );
    assert_eq!(
        reply(
            &Reply::tagged(&tag("A142"), Status::Ok, "SELECT completed").with_code(Code::ReadWrite)
        ),
        "A142 OK [READ-WRITE] SELECT completed\r\n"
    );
}

#[test]
fn append_runs_as_in_rfc_3501_section_6_3_11() {
    let mut stream = Stream::new(Limits::default());
    stream.push(b"A003 APPEND saved-messages (\\Seen) {310}\r\n");
    let Some(Event::Message(message)) = stream.next() else { panic!() };
    assert_eq!((message.tag.as_str(), message.size), ("A003", 310));
    assert_eq!(message.append.mailbox.as_str(), "saved-messages");
    assert_eq!(message.append.flags, [Flag::Seen]);
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Continue));
    assert_eq!(
        written(|out| continuation(out, "Ready for literal data")),
        "+ Ready for literal data\r\n"
    );
    let code = Code::AppendUid {
        validity: number(38505),
        uids: UidSet::from_ordered([number(3955)]).unwrap(),
    };
    assert_eq!(
        reply(&Reply::tagged(&tag("A003"), Status::Ok, "APPEND completed").with_code(code)),
        "A003 OK [APPENDUID 38505 3955] APPEND completed\r\n"
    );
}

#[test]
fn fetch_answers_as_in_rfc_3501_section_7_4_2() {
    let Body::Fetch(fetch) =
        command("a UID FETCH 7 (FLAGS BODY.PEEK[HEADER.FIELDS (dAte)]<5.9> BODY[2])").body
    else {
        panic!()
    };
    let text = written(|out| {
        let mut writer = FetchWriter::begin(out, number(23));
        writer.uid(out, number(7));
        writer.flags(out, &[Flag::Seen, Flag::Recent]);
        writer.size(out, 44827);
        writer.internal_date(out, DateTime::parse(b" 7-Feb-1994 02:44:25 -0700").unwrap());
        writer.value(out, &FetchItem::Envelope, b"(NIL)");
        writer.literal(out, &fetch.items[1], 3);
        out.extend_from_slice(b"abc");
        writer.nil(out, &fetch.items[2]);
        writer.end(out);
    });
    assert_eq!(
        text,
        "* 23 FETCH (UID 7 FLAGS (\\Seen \\Recent) RFC822.SIZE 44827 \
         INTERNALDATE \" 7-Feb-1994 02:44:25 -0700\" ENVELOPE (NIL) \
         BODY[HEADER.FIELDS (dAte)]<5> {3}\r\nabc BODY[2] NIL)\r\n"
    );
    assert_eq!(written(|out| FetchWriter::begin(out, number(1)).end(out)), "* 1 FETCH ()\r\n");
}

#[test]
fn listings_are_written_as_in_rfc_3501_and_its_extensions() {
    let list = |attributes, name: &str| {
        data(&Data::List {
            attributes,
            delimiter: Some('/'),
            mailbox: MailboxName::new(name).unwrap(),
        })
    };
    assert_eq!(list(vec![ListAttribute::NoSelect], "foo"), "* LIST (\\Noselect) \"/\" foo\r\n");
    assert_eq!(list(vec![], "a b\"c"), "* LIST () \"/\" \"a b\\\"c\"\r\n");
    assert_eq!(list(vec![], "台北"), "* LIST () \"/\" &U,BTFw-\r\n");
    assert_eq!(list(vec![], "nil"), "* LIST () \"/\" \"nil\"\r\n");
    assert_eq!(list(vec![], ""), "* LIST () \"/\" \"\"\r\n");
    let items = vec![(StatusItem::Messages, 231.into()), (StatusItem::UidNext, 44292.into())];
    let mailbox = MailboxName::new("blurdybloop").unwrap();
    assert_eq!(
        data(&Data::Status { mailbox, items }),
        "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n"
    );
    assert_eq!(data(&Data::Search(vec![number(2), number(84)])), "* SEARCH 2 84\r\n");
    assert_eq!(data(&Data::Search(vec![])), "* SEARCH\r\n");
    let personal = vec![Namespace { prefix: String::new(), delimiter: Some('/') }];
    assert_eq!(
        data(&Data::Namespace { personal, other_users: vec![], shared: vec![] }),
        "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"
    );
}

#[test]
fn copies_are_named_as_in_rfc_4315() {
    let uids = |list: &[u32]| UidSet::from_ordered(list.iter().map(|&uid| number(uid))).unwrap();
    let code = Code::CopyUid {
        validity: number(38505),
        source: uids(&[304, 319, 320]),
        target: uids(&[3956, 3957, 3958]),
    };
    assert_eq!(
        reply(&Reply::tagged(&tag("A004"), Status::Ok, "Done").with_code(code)),
        "A004 OK [COPYUID 38505 304,319:320 3956:3958] Done\r\n"
    );
}

#[test]
fn text_cannot_look_like_protocol() {
    assert_eq!(
        reply(&Reply::tagged(&tag("a"), Status::No, "[ALERT] x\r\nb OK ü")),
        "a NO (ALERT] x??b OK ?\r\n"
    );
    assert_eq!(reply(&Reply::untagged(Status::Bye, "")), "* BYE done\r\n");
    assert_eq!(written(|out| continuation(out, "")), "+ \r\n");
}

#[test]
fn mistakes_have_their_answer() {
    let bad = parse(&Line::new(b"a1 FOO\r\n".to_vec())).unwrap_err();
    assert_eq!(reply(&bad.reply()), "a1 BAD unknown command FOO\r\n");
    let bad = parse(&Line::new(b"\xff\r\n".to_vec())).unwrap_err();
    assert_eq!(reply(&bad.reply()), "* BAD expected a tag and a command\r\n");
    let mut stream = Stream::new(Limits::default());
    stream.push(b"a2 APPEND x {999999999}\r\na3 LOGIN {99999999999+}\r\n");
    let Some(Event::Broken(error)) = stream.next() else { panic!() };
    assert_eq!(reply(&error.reply()), "a2 NO [TOOBIG] message exceeds the size limit\r\n");
    let Some(Event::Broken(error)) = stream.next() else { panic!() };
    assert_eq!(reply(&error.reply()), "a3 BAD malformed literal announcement\r\n");
    assert_eq!(error.trust, Trust::Lost);
}

#[test]
fn a_search_in_another_charset_is_read_as_in_rfc_3501_section_6_4_4() {
    let Body::Search(search) = command("A284 SEARCH CHARSET UTF-8 TEXT {6}\r\nпри").body else {
        panic!()
    };
    assert_eq!(search.charset.as_deref(), Some("UTF-8"));
    assert_eq!(search.key, SearchKey::Text("при".into()).into());
}

#[test]
fn idle_and_authenticate_take_lines_of_their_own() {
    let mut stream = Stream::new(Limits::default());
    stream.push(b"A001 AUTHENTICATE PLAIN\r\ndGVzdAB0ZXN0AHRlc3Q=\r\nA002 NOOP\r\n");
    assert!(matches!(stream.next(), Some(Event::Command(_))));
    stream.set_mode(Mode::Data);
    let Some(Event::Data(response)) = stream.next() else { panic!() };
    assert_eq!(response.expose(), b"dGVzdAB0ZXN0AHRlc3Q=");
    stream.set_mode(Mode::Command);
    assert!(matches!(stream.next(), Some(Event::Command(_))));
}
