use super::*;
use crate::imap::{
    CreateMailbox, Date, FetchItem, FilingVerb, Flag, Formula, IdField, Keyword, List, ListReturn,
    ListSelection, MailboxName, Mechanism, NameEncoding, Octets, Peek, SearchKey, SectionText,
    SpecialUse, StatusItem, StoreAction, StoreAnswer, Wrapping,
};

fn parsed(line: &str) -> Result<Body, Bad> {
    parse(&Line::new(format!("{line}\r\n").into_bytes())).map(|command| command.body)
}

fn body(line: &str) -> Body {
    parsed(line).unwrap_or_else(|bad| panic!("{line}: {bad:?}"))
}

fn refusal(line: &str) -> (BadKind, String) {
    let bad = parsed(line).expect_err(line);
    (bad.kind, bad.text)
}

fn name(text: &str) -> MailboxName {
    MailboxName::new(text).unwrap()
}

fn items(line: &str) -> Vec<FetchItem> {
    match body(line) {
        Body::Fetch(fetch) => fetch.items,
        other => panic!("{other:?}"),
    }
}

fn key(line: &str) -> Formula<SearchKey> {
    match body(line) {
        Body::Search(search) => search.key,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_verbs_are_read_in_any_case_and_with_spaces_behind() {
    for (line, expected) in [
        ("a CAPABILITY", Body::Capability),
        ("a noop", Body::Noop),
        ("a NOOP  ", Body::Noop),
        ("a Logout", Body::Logout),
        ("a STARTTLS", Body::StartTls),
        ("a Compress deflate", Body::Compress),
        ("a CHECK", Body::Check),
        ("a CLOSE", Body::Close),
        ("a UNSELECT", Body::Unselect),
        ("a EXPUNGE", Body::Expunge),
        ("a IDLE", Body::Idle),
        ("a NAMESPACE", Body::Namespace),
    ] {
        assert_eq!(body(line), expected, "{line}");
    }
    assert_eq!(refusal("a NOOP x").0, BadKind::Arguments);
    assert_eq!(refusal("a COMPRESS LZ4").1, "COMPRESS knows DEFLATE and nothing else");
}

#[test]
fn what_is_wrong_is_said_without_repeating_the_input() {
    assert_eq!(
        refusal("a XYZZY secret"),
        (BadKind::UnknownCommand, "unknown command XYZZY".into())
    );
    assert_eq!(refusal("a"), (BadKind::UnknownCommand, "expected a command after the tag".into()));
    assert_eq!(refusal("a UID NOOP").0, BadKind::UnknownCommand);
    assert_eq!(refusal("+ NOOP").0, BadKind::Tag);
    assert_eq!(refusal("").0, BadKind::Tag);
    let long = refusal(&format!("a {}", "\u{7}[x".repeat(5000))).1;
    assert!(long.len() < 60 && long.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    assert_eq!(refusal("a LOGIN only").1, "LOGIN needs a user name and a password");
    assert_eq!(parsed("a7 LOGIN x").unwrap_err().tag, Tag::new(b"a7"));
}

#[test]
fn login_takes_atoms_quotes_and_literals() {
    for line in [
        "a LOGIN ada {5}\r\np\"a s",
        "a LOGIN {3+}\r\nada {5+}\r\np\"a s",
        "a login ada \"p\\\"a s\" ",
    ] {
        let Body::Login { user, password } = body(line) else { panic!("{line}") };
        assert_eq!((user.as_slice(), password.expose().as_slice()), (&b"ada"[..], &b"p\"a s"[..]));
    }
    let Body::Login { password, .. } = body("a LOGIN ada {2}\r\nx ") else { panic!() };
    assert_eq!(password.expose(), b"x ", "spaces inside a literal are data");
    assert!(!format!("{:?}", body("a LOGIN ada swordfish")).contains("swordfish"));
}

#[test]
fn authenticate_takes_an_initial_response() {
    let Body::Authenticate { mechanism, initial } = body("a AUTHENTICATE PLAIN AGEAYg==") else {
        panic!()
    };
    assert_eq!(
        (mechanism, initial.unwrap().into_exposed()),
        (Mechanism::Plain, b"\0a\0b".to_vec())
    );
    let Body::Authenticate { mechanism, initial } = body("a authenticate login") else { panic!() };
    assert_eq!((mechanism, initial), (Mechanism::Login, None));
    let Body::Authenticate { initial, .. } = body("a AUTHENTICATE XOAUTH2 =") else { panic!() };
    assert_eq!(initial.unwrap().into_exposed(), b"");
    assert_eq!(refusal("a AUTHENTICATE PLAIN !!").0, BadKind::Arguments);
}

#[test]
fn id_and_enable_carry_lists() {
    assert_eq!(body("a ID NIL"), Body::Id(None));
    let fields = vec![
        IdField { name: "name".into(), value: Some("x".into()) },
        IdField { name: "os".into(), value: None },
    ];
    assert_eq!(body("a ID (\"name\" \"x\" \"os\" NIL)"), Body::Id(Some(fields)));
    assert_eq!(
        body("a ENABLE condstore X-FOO"),
        Body::Enable(vec!["CONDSTORE".into(), "X-FOO".into()])
    );
}

#[test]
fn mailbox_names_are_decoded() {
    assert_eq!(body("a SELECT inbox"), Body::Select(MailboxName::inbox().into()));
    assert_eq!(body("a EXAMINE \"Entw&APw-rfe\""), Body::Examine(name("Entwürfe").into()));
    assert_eq!(body("a DELETE {3}\r\na b"), Body::Delete(name("a b")));
    assert_eq!(body("a SUBSCRIBE R&-D"), Body::Subscribe(name("R&D")));
    assert_eq!(body("a SELECT R&D"), Body::Select(name("R&D").into()));
    assert_eq!(body("a UNSUBSCRIBE iNBOX"), Body::Unsubscribe(MailboxName::inbox()));
    assert_eq!(body("a RENAME a \"b c\""), Body::Rename { from: name("a"), to: name("b c") });
    for line in ["a CREATE &AAo-", "a SELECT {1}\r\n\n"] {
        assert!(refusal(line).1.starts_with("mailbox name"), "{line}");
    }
    for line in ["a SELECT", "a SELECT a b", "a SELECT (x)", "a SELECT a (x)", "a SELECT a ()"] {
        assert_eq!(refusal(line).0, BadKind::Arguments, "{line}");
    }
}

#[test]
fn create_may_name_special_uses() {
    let create = |uses| Body::Create(CreateMailbox { mailbox: name("x/y"), uses });
    assert_eq!(body("a CREATE x/y"), create(vec![]));
    let uses = vec![SpecialUse::Sent, SpecialUse::Archive];
    assert_eq!(body("a CREATE x/y (USE (\\Sent \\archive))"), create(uses));
    assert_eq!(refusal("a CREATE x/y (USE (\\Foo))").1, "unknown special use");
}

#[test]
fn list_has_its_simple_and_its_extended_form() {
    let simple = |reference: &str, pattern: &str| {
        Body::List(List {
            selection: vec![],
            reference: reference.into(),
            patterns: vec![pattern.into()],
            returns: vec![],
        })
    };
    assert_eq!(body("a LIST \"\" *"), simple("", "*"));
    assert_eq!(body("a LIST \"\" \"\""), simple("", ""));
    assert_eq!(body("a LIST a/ \"Entw&APw-%\""), simple("a/", "Entwü%"));
    assert_eq!(body("a LIST () \"\" %"), simple("", "%"));
    assert_eq!(
        body(
            "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a* \"b\") RETURN (CHILDREN SPECIAL-USE STATUS (MESSAGES SIZE))"
        ),
        Body::List(List {
            selection: vec![ListSelection::Subscribed, ListSelection::RecursiveMatch],
            reference: String::new(),
            patterns: vec!["a*".into(), "b".into()],
            returns: vec![
                ListReturn::Children,
                ListReturn::SpecialUse,
                ListReturn::Status(vec![StatusItem::Messages, StatusItem::Size]),
            ],
        })
    );
    let lsub = Body::Lsub { reference: String::new(), pattern: "*".into() };
    assert_eq!(body("a LSUB \"\" \"*\" "), lsub);
    for line in [
        "a LIST \"\"",
        "a LIST (FOO) \"\" *",
        "a LIST \"\" ()",
        "a LIST \"\" * RETURN (FOO)",
        "a LIST (RECURSIVEMATCH) \"\" *",
        "a LIST \"\" * x",
    ] {
        assert_eq!(refusal(line).0, BadKind::Arguments, "{line}");
    }
}

#[test]
fn status_names_its_items() {
    let items = vec![StatusItem::Messages, StatusItem::UidNext, StatusItem::Deleted];
    let expected = Body::Status { mailbox: MailboxName::inbox(), items };
    assert_eq!(body("a STATUS inbox (messages  UIDNEXT DELETED )"), expected);
    assert_eq!(refusal("a STATUS inbox ()").1, "expected STATUS items");
    assert_eq!(refusal("a STATUS inbox (FOO)").1, "unknown STATUS item");
}

#[test]
fn fetch_macros_are_expanded() {
    let fast = [FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size];
    assert_eq!(items("a FETCH 1 FAST"), fast);
    assert_eq!(items("a FETCH 1 all")[3..], [FetchItem::Envelope]);
    assert_eq!(items("a FETCH 1 FULL")[3..], [FetchItem::Envelope, FetchItem::Body]);
    assert_eq!(refusal("a FETCH 1 (ALL)").1, "unknown FETCH item");
    assert_eq!(refusal("a FETCH 1 ()").1, "expected FETCH items");
}

#[test]
fn fetch_sections_are_echoed_as_asked() {
    for (asked, echoed) in [
        ("BODY[]", "BODY[]"),
        ("body.peek[]<0.100>", "BODY[]<0>"),
        ("BODY[]<5.0>", "BODY[]<5>"),
        ("BODY[1.2]", "BODY[1.2]"),
        ("BODY[1.2.MIME]", "BODY[1.2.MIME]"),
        ("BODY[text]", "BODY[TEXT]"),
        ("BODY.PEEK[3.HEADER]", "BODY[3.HEADER]"),
        ("BODY[HEADER.FIELDS (dAte FROM)]", "BODY[HEADER.FIELDS (dAte FROM)]"),
        ("BODY[HEADER.FIELDS.NOT (\"X-A\")]", "BODY[HEADER.FIELDS.NOT (X-A)]"),
        ("BODY[HEADER.FIELDS (\"a b\")]", "BODY[HEADER.FIELDS (\"a b\")]"),
        ("BODY[HEADER.FIELDS ({1}\r\n\\)]", "BODY[HEADER.FIELDS (\"\\\\\")]"),
        ("RFC822.HEADER", "RFC822.HEADER"),
        ("BODYSTRUCTURE", "BODYSTRUCTURE"),
    ] {
        assert_eq!(items(&format!("a FETCH 1 {asked}"))[0].to_string(), echoed);
    }
    for asked in [
        "BODY[MIME]",
        "BODY[0]",
        "BODY[1.]",
        "BODY[FOO]",
        "BODY[",
        "BODY[]<1>",
        "BODY[]<1.2",
        "BODY.PEEK",
        "FLAGS[]",
        "BODY[HEADER.FIELDS ()]",
        "BODY[HEADER.FIELDS ({1}\r\n\n)]",
    ] {
        assert_eq!(refusal(&format!("a FETCH 1 {asked}")).0, BadKind::Arguments, "{asked}");
    }
}

#[test]
fn only_what_reads_the_body_sets_seen() {
    let items =
        items("a UID FETCH 1:* (UID  FLAGS BODY[] BODY.PEEK[1] RFC822 RFC822.HEADER RFC822.TEXT)");
    let seen: Vec<bool> = items.iter().map(FetchItem::sets_seen).collect();
    assert_eq!(seen, [false, false, true, false, true, false, true]);
    let FetchItem::Section(section) = &items[3] else { panic!() };
    assert_eq!((section.peek, &section.section.text), (Peek::Peek, &SectionText::Whole));
}

#[test]
fn a_uid_command_carries_a_uid_set() {
    let seq = MessageSet::Seq(SeqSet::parse(b"2:4").unwrap());
    let uid = MessageSet::Uid(UidSet::parse(b"2:4").unwrap());
    let copy = |set| Body::Copy { set, mailbox: name("x") };
    assert_eq!(body("a COPY 2:4 x"), copy(seq.clone()));
    assert_eq!(body("a UID COPY 2:4 x"), copy(uid.clone()));
    assert_eq!(body("a MOVE 2:4 x"), Body::Move { set: seq, mailbox: name("x") });
    assert_eq!(body("a uid move 2:4 x"), Body::Move { set: uid, mailbox: name("x") });
    assert_eq!(
        body("a UID EXPUNGE 5"),
        Body::UidExpunge(MessageSet::Uid(UidSet::parse(b"5").unwrap()))
    );
    assert_eq!(refusal("a COPY 0 x").1, "expected a sequence set");
}

#[test]
fn store_changes_flags_but_never_recent() {
    let Body::Store(store) = body("a STORE 1 +FLAGS.SILENT (\\Seen \\deleted $Forwarded)") else {
        panic!()
    };
    assert_eq!((store.action, store.answer), (StoreAction::Add, StoreAnswer::Silent));
    let forwarded = Flag::Keyword(Keyword::new("$Forwarded").unwrap());
    assert_eq!(store.flags, [Flag::Seen, Flag::Deleted, forwarded]);
    let Body::Store(store) = body("a UID STORE 1 flags \\Seen \\Draft") else { panic!() };
    assert_eq!((store.action, store.flags.len()), (StoreAction::Replace, 2));
    let Body::Store(store) = body("a STORE 1 -FLAGS ()") else { panic!() };
    assert_eq!((store.action, store.flags.len()), (StoreAction::Remove, 0));
    assert_eq!(refusal("a STORE 1 FLAGS (\\Recent)").1, "\\Recent cannot be set");
    for line in [
        "a STORE 1 FLAGS",
        "a STORE 1 *FLAGS (x)",
        "a STORE 1 FLAGS (\\*)",
        "a STORE 1 FLAGS (a\"b\")",
    ] {
        assert_eq!(refusal(line).0, BadKind::Arguments, "{line}");
    }
}

#[test]
fn search_keys_nest_and_carry_values() {
    let Body::Search(search) = body("a UID SEARCH CHARSET utf-8 TEXT {4}\r\n\u{e4}\u{f6}") else {
        panic!()
    };
    assert_eq!(search.numbering, Numbering::Uid);
    assert_eq!(search.charset.as_deref(), Some("UTF-8"));
    assert_eq!(search.key, SearchKey::Text("äö".into()).into());
    let expected = Formula::all(vec![
        SearchKey::SeqSet(SeqSet::parse(b"1:*").unwrap()).into(),
        Formula::all(vec![SearchKey::Seen.into(), SearchKey::Flagged.into()]).negated(),
        Formula::either(
            SearchKey::Since(Date::new(1994, 2, 1).unwrap()).into(),
            SearchKey::Header { name: b"X-A".to_vec(), value: Vec::new() }.into(),
        ),
        SearchKey::Uid(UidSet::parse(b"7").unwrap()).into(),
    ]);
    let line = "a SEARCH 1:* NOT (SEEN  FLAGGED) OR SINCE 1-Feb-1994 HEADER X-A \"\" UID 7 ";
    assert_eq!(key(line), expected);
    assert_eq!(key("a SEARCH ((ALL))"), SearchKey::All.into());
    assert_eq!(key("a SEARCH ( (ALL ) )"), SearchKey::All.into());
    assert_eq!(
        key("a SEARCH SENTON \"1-Feb-1994\""),
        SearchKey::SentOn(Date::new(1994, 2, 1).unwrap()).into()
    );
    assert_eq!(key("a SEARCH LARGER 5"), SearchKey::Larger(5).into());
    assert_eq!(key("a SEARCH SMALLER 4294967296"), SearchKey::Smaller(1 << 32).into());
    for line in [
        "a SEARCH",
        "a SEARCH FOO",
        "a SEARCH ()",
        "a SEARCH OR SEEN",
        "a SEARCH SINCE 30-Feb-2020",
        "a SEARCH LARGER x",
        "a SEARCH RETURN (UPDATE) ALL",
        "a SEARCH ALLSEEN",
        "a SEARCH (ALL",
        "a SEARCH (ALL ",
        "a SEARCH (ALL)SEEN",
        "a SEARCH (ALL(SEEN))",
        "a SEARCH ALL)",
        "a SEARCH (NOT)",
        "a SEARCH (OR SEEN)",
        "a SEARCH NOT(SEEN)",
    ] {
        assert_eq!(refusal(line).0, BadKind::Arguments, "{line}");
    }
}

#[test]
fn search_keys_nest_as_deeply_as_a_line_is_long() {
    const LINE: usize = 64 * 1024;
    let nested = |before: &str, key: &str, after: &str| {
        let depth = LINE / (before.len() + after.len());
        key_of(&[&before.repeat(depth), key, &after.repeat(depth)].concat())
    };
    let count = |formula: &Formula<SearchKey>| formula.keys().count();
    assert_eq!(nested("(", "ALL", ")"), SearchKey::All.into());
    assert_eq!(count(&nested("OR 1 ", "2", "")), LINE / 5 + 1);
    assert_eq!(count(&nested("OR ", "1", " 2")), LINE / 5 + 1);
    assert_eq!(count(&nested("(OR 1 ", "2", ")")), LINE / 7 + 1);
    assert_eq!(count(&nested("(OR NOT (1 ", "2", ") 3)")), LINE / 15 * 2 + 1);
    let answer = |formula: Formula<SearchKey>| formula.holds(|key| Some(*key == SearchKey::All));
    let nots = LINE / 4 % 2;
    assert_eq!(answer(nested("NOT ", "ALL", "")), Some(nots == 0));
    assert_eq!(answer(nested("OR SEEN ", "ALL", "")), Some(true));
    assert_eq!(answer(nested("NOT (SEEN ", "ALL", ")")), Some(true));
    assert_eq!(refusal(&format!("a SEARCH {}", "(".repeat(LINE))).0, BadKind::Arguments);
}

fn key_of(keys: &str) -> Formula<SearchKey> {
    key(&format!("a SEARCH {keys}"))
}

#[test]
fn the_head_of_an_append_is_told_from_its_arguments() {
    let head = |text: &str| append_head(text.as_bytes(), Octets::Text, NameEncoding::default());
    assert_eq!(head("a APPEND "), AppendHead::Argument);
    assert_eq!(head("a LOGIN "), AppendHead::Argument);
    assert_eq!(head("a SEARCH APPEND x "), AppendHead::Argument);
    let AppendHead::Message { tag, verb, append, wrapping } =
        head("a append {5}\r\ninbox (\\Seen $x)  \" 7-Feb-1994 21:52:25 -0800\" ")
    else {
        panic!()
    };
    assert_eq!((tag.as_str(), verb, wrapping), ("a", FilingVerb::Append, Wrapping::Bare));
    assert_eq!(append.mailbox, MailboxName::inbox());
    assert_eq!(append.flags.len(), 2);
    assert_eq!(append.date.unwrap().offset(), -480);
    for text in [
        "a APPEND INBOX (\\Recent) ",
        "a APPEND INBOX \"x\" ",
        "a APPEND INBOX UTF8 (",
        "a APPEND INBOX(\\Seen) ",
        "a APPEND INBOX (\\Seen",
        "a APPEND INBOX",
        "a APPEND INBOX CATENATE (TEXT ",
    ] {
        assert!(matches!(head(text), AppendHead::Bad(_)), "{text}");
    }
    assert_eq!(refusal("a APPEND INBOX \"text\"").1, "APPEND needs its message as a literal");
}

#[test]
fn utf8_wraps_a_literal8_as_in_rfc_6855_section_4() {
    let head = |text: &str| append_head(text.as_bytes(), Octets::Any, NameEncoding::default());
    let wrapping = |text: &str| match head(text) {
        AppendHead::Message { wrapping, .. } => wrapping,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(wrapping("a APPEND INBOX UTF8 ("), Wrapping::Utf8);
    assert_eq!(wrapping("a APPEND INBOX (\\Seen) utf8 ("), Wrapping::Utf8);
    assert_eq!(wrapping("a APPEND INBOX "), Wrapping::Bare);
    for text in ["a APPEND INBOX UTF8 ", "a APPEND INBOX UTF8(", "a APPEND INBOX UTF8 ( x"] {
        assert!(matches!(head(text), AppendHead::Bad(_)), "{text}");
    }
}

#[test]
fn replace_names_one_message_and_goes_on_as_append() {
    let head = |text: &str| append_head(text.as_bytes(), Octets::Text, NameEncoding::default());
    let replaced = |text: &str| match head(text) {
        AppendHead::Message { verb: FilingVerb::Replace(set), append, .. } => (set, append),
        other => panic!("{text}: {other:?}"),
    };
    let (set, append) = replaced("a REPLACE 4 Drafts (\\Draft) ");
    assert_eq!(set, MessageSet::Seq(SeqSet::parse(b"4").unwrap()));
    assert_eq!((append.mailbox.as_str(), append.flags.len()), ("Drafts", 1));
    assert_eq!(replaced("a REPLACE * x ").0, MessageSet::Seq(SeqSet::parse(b"*").unwrap()));
    let (set, _) = replaced("a uid replace 77 {6}\r\nDrafts ");
    assert_eq!(set, MessageSet::Uid(UidSet::parse(b"77").unwrap()));
    assert_eq!(head("a REPLACE 4 "), AppendHead::Argument);
    assert_eq!(head("a UID SEARCH SUBJECT "), AppendHead::Argument);
    for text in ["a REPLACE 1:2 x ", "a UID REPLACE 1,2 x ", "a REPLACE x y ", "a REPLACE 0 x "] {
        assert!(matches!(head(text), AppendHead::Bad(_)), "{text}");
    }
    assert_eq!(refusal("a UID REPLACE 4 x").1, "REPLACE needs its message as a literal");
}

#[test]
fn what_clients_really_send_before_login_is_understood() {
    assert_eq!(body("a ID ()"), Body::Id(Some(vec![])));
    assert_eq!(body("a ENABLE UTF8=ACCEPT"), Body::Enable(vec!["UTF8=ACCEPT".into()]));
    assert!(matches!(body("a LOGIN \"ada\" \"pä\""), Body::Login { .. }));
    assert!(matches!(body("a LOGIN ada@contoso.example p]}w"), Body::Login { .. }));
    assert!(matches!(body("a LOGIN ada \"\""), Body::Login { .. }));
    assert!(matches!(body("a authenticate plain AGEAYg=="), Body::Authenticate { .. }));
}
