//! An independent codec reads what we write, and what it takes from a client we take too.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::num::{NonZeroU32, NonZeroU64};

use imap_codec::decode::Decoder as _;
use imap_codec::encode::Encoder as _;
use imap_codec::imap_types::response::{Code as TheirCode, Response, StatusBody, StatusKind};
use imap_codec::{CommandCodec, GreetingCodec, ResponseCodec};
use proptest::prelude::*;
use wire::imap::{
    AnyKeyword, Body, Code, Data, DateTime, FetchItem, FetchWriter, Flag, IdField, Keyword, Line,
    ListAttribute, MailboxName, MessageSet, Namespace, Reply, SeqSet, SpecialUse, Status,
    StatusItem, Tag, UidSet, parse,
};

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn mod_seq(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

/// Read by the other codec and written again, it must be the same.
fn agrees(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (rest, response) =
        ResponseCodec::default().decode(bytes).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!(rest, b"", "{text}");
    let again = ResponseCodec::default().encode(&response).dump();
    // It knows capabilities by value and writes their names in its own case.
    let again = String::from_utf8_lossy(&again).replace("IMAP4REV1", "IMAP4rev1");
    assert_eq!(again, text);
}

fn data_agrees(data: &Data) {
    let mut out = Vec::new();
    data.write(&mut out);
    agrees(&out);
}

fn coded(code: Code) -> Vec<u8> {
    let mut out = Vec::new();
    let tag = Tag::new(b"a1").unwrap();
    Reply::tagged(&tag, Status::No, "Some text").with_code(code).write(&mut out);
    out
}

#[test]
fn every_status_is_understood() {
    for status in [Status::Ok, Status::No, Status::Bad] {
        for reply in [
            Reply::untagged(status, "Some [text]"),
            Reply::tagged(&Tag::new(b"a1").unwrap(), status, "[Some] text"),
        ] {
            let mut out = Vec::new();
            reply.write(&mut out);
            agrees(&out);
        }
    }
    let mut out = Vec::new();
    Reply::untagged(Status::Bye, "So long").write(&mut out);
    agrees(&out);
    let mut out = Vec::new();
    let capability = Code::Capability(vec!["IMAP4rev1".into(), "IDLE".into()]);
    Reply::untagged(Status::PreAuth, "Welcome").with_code(capability).write(&mut out);
    assert!(matches!(GreetingCodec::default().decode(&out), Ok(([], _))));
}

#[test]
fn every_code_is_understood() {
    let uids = || UidSet::from_ordered([1, 3, 4].map(number)).unwrap();
    for code in [
        Code::Alert,
        Code::BadCharset(vec![]),
        Code::BadCharset(vec!["UTF-8".into(), "US-ASCII".into()]),
        Code::Capability(vec!["IMAP4rev1".into(), "AUTH=PLAIN".into()]),
        Code::PermanentFlags { flags: vec![], any_keyword: AnyKeyword::Refused },
        Code::PermanentFlags { flags: vec![Flag::Seen], any_keyword: AnyKeyword::Allowed },
        Code::ReadOnly,
        Code::ReadWrite,
        Code::TryCreate,
        Code::UidNext(number(7)),
        Code::UidValidity(number(u32::MAX)),
        Code::Unseen(number(1)),
        Code::AppendUid { validity: number(1), uid: number(2) },
        Code::CopyUid { validity: number(1), source: uids(), target: uids() },
        Code::Closed,
        Code::HighestModSeq(mod_seq(5)),
        Code::HighestModSeq(mod_seq(u64::MAX >> 1)),
        Code::Modified(MessageSet::Uid(uids())),
        Code::Modified(MessageSet::Seq(SeqSet::from(number(7)))),
        Code::NoModSeq,
        Code::TooBig,
    ] {
        let bytes = coded(code.clone());
        agrees(&bytes);
        let (_, Response::Status(status)) = ResponseCodec::default().decode(&bytes).unwrap() else {
            panic!("{code:?}")
        };
        let read = status.code().unwrap_or_else(|| panic!("{code:?}"));
        assert!(!matches!(read, TheirCode::Other(_)), "{code:?} is {read:?}");
    }
}

#[test]
fn the_codes_of_rfc_5530_pass_as_words() {
    for code in [
        Code::AlreadyExists,
        Code::AuthenticationFailed,
        Code::AuthorizationFailed,
        Code::Cannot,
        Code::ClientBug,
        Code::ContactAdmin,
        Code::Corruption,
        Code::Expired,
        Code::ExpungeIssued,
        Code::HasChildren,
        Code::InUse,
        Code::Limit,
        Code::NonExistent,
        Code::NoPerm,
        Code::OverQuota,
        Code::PrivacyRequired,
        Code::ServerBug,
        Code::Unavailable,
        Code::UseAttr,
    ] {
        let bytes = coded(code.clone());
        agrees(&bytes);
        let (_, response) = ResponseCodec::default().decode(&bytes).unwrap();
        let Response::Status(imap_codec::imap_types::response::Status::Tagged(tagged)) = response
        else {
            panic!("{code:?}")
        };
        let StatusBody { kind, code: read, text } = tagged.body;
        assert_eq!((kind, text.inner()), (StatusKind::No, "Some text"));
        assert!(read.is_some(), "{code:?}");
    }
}

#[test]
fn every_data_is_understood() {
    let keyword = Flag::Keyword(Keyword::new("$Forwarded").unwrap());
    let attributes = vec![
        ListAttribute::HasChildren,
        ListAttribute::HasNoChildren,
        ListAttribute::NonExistent,
        ListAttribute::Remote,
        ListAttribute::Subscribed,
    ];
    let uses = SpecialUse::ALL.map(ListAttribute::SpecialUse).to_vec();
    let listing = |attributes: &[ListAttribute], delimiter, name: &str| Data::List {
        attributes: attributes.to_vec(),
        delimiter,
        mailbox: MailboxName::new(name).unwrap(),
    };
    let field = |name: &'static str, value: Option<&'static str>| IdField {
        name: name.into(),
        value: value.map(Into::into),
    };
    for data in [
        Data::Capability(vec!["IMAP4rev1".into(), "LITERAL+".into(), "SPECIAL-USE".into()]),
        Data::Enabled(vec!["CONDSTORE".into()]),
        Data::Exists(0),
        Data::Recent(0),
        Data::Expunge(number(3)),
        Data::Flags(vec![Flag::Answered, keyword]),
        Data::Id(None),
        Data::Id(Some(vec![field("name", Some("foot \"bridge\"")), field("os", None)])),
        listing(&attributes, Some('/'), "INBOX"),
        listing(&uses, Some('/'), "R&D/Entwürfe"),
        listing(&[ListAttribute::Marked], None, "a b"),
        listing(&[ListAttribute::Unmarked], Some('\\'), "x"),
        listing(&[ListAttribute::NoInferiors], Some('.'), "x"),
        listing(&[ListAttribute::NoSelect], Some('.'), "x"),
        Data::Lsub { attributes: vec![], delimiter: Some('/'), mailbox: MailboxName::inbox() },
        Data::Namespace {
            personal: vec![Namespace { prefix: String::new(), delimiter: Some('/') }],
            other_users: vec![],
            shared: vec![Namespace { prefix: "Öffentlich/".into(), delimiter: None }],
        },
        Data::Search(vec![]),
        Data::Search(vec![number(1), number(u32::MAX)]),
        Data::SearchModSeq(vec![number(2), number(5)], mod_seq(917_162_500)),
        Data::Vanished(UidSet::parse(b"405,407,410:425").unwrap()),
        Data::VanishedEarlier(UidSet::parse(b"300:310,405,411").unwrap()),
        Data::Status {
            mailbox: MailboxName::new("x").unwrap(),
            items: vec![
                (StatusItem::Messages, 1.into()),
                (StatusItem::Recent, 0.into()),
                (StatusItem::UidNext, 2.into()),
                (StatusItem::UidValidity, 3.into()),
                (StatusItem::Unseen, 4.into()),
                (StatusItem::Deleted, 5.into()),
                (StatusItem::HighestModSeq, 7_011_231_777.into()),
            ],
        },
    ] {
        data_agrees(&data);
    }
}

#[test]
fn a_fetch_response_is_understood() {
    let line = "a FETCH 1 (BODY[] BODY[1.2.HEADER.FIELDS (From X-A)]<3.4> BODY[1.MIME] RFC822.TEXT BODY[9] BODYSTRUCTURE)\r\n";
    let Body::Fetch(fetch) = parse(&Line::new(line.into())).unwrap().body else { panic!() };
    let mut out = Vec::new();
    let mut writer = FetchWriter::begin(&mut out, number(1));
    writer.uid(&mut out, number(9));
    writer.flags(&mut out, &[Flag::Seen, Flag::Recent]);
    writer.mod_seq(&mut out, mod_seq(624_140_003));
    writer.internal_date(&mut out, DateTime::parse(b"17-Jul-1996 02:44:25 -0700").unwrap());
    writer.size(&mut out, 4_294_967_295);
    for item in &fetch.items[..4] {
        writer.literal(&mut out, item, 5);
        out.extend_from_slice(b"a\r\n)\xff");
    }
    writer.nil(&mut out, &fetch.items[4]);
    let structure = b"(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 5 1 NIL NIL NIL NIL)";
    writer.value(&mut out, &FetchItem::BodyStructure, structure);
    writer.end(&mut out);
    agrees(&out);
}

fn set() -> impl Strategy<Value = String> {
    "([1-9][0-9]?|\\*)(:([1-9][0-9]?|\\*))?(,[1-9](:[1-9])?)?"
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,3}",
        "\"[a-z ]{0,3}\"",
        Just("{2}\r\nab".to_owned()),
        Just("{1+}\r\n\"".to_owned())
    ]
}

fn fetch_items() -> impl Strategy<Value = String> {
    let section = "BODY(\\.PEEK)?\\[([1-9](\\.[1-9])?(\\.(MIME|TEXT|HEADER|HEADER\\.FIELDS \\(From\\)))?|HEADER|TEXT|HEADER\\.FIELDS(\\.NOT)? \\(From \"X-A\"\\)|)\\](<[0-9]\\.[1-9]>)?";
    let item = prop_oneof![
        "(UID|FLAGS|INTERNALDATE|ENVELOPE|BODY|BODYSTRUCTURE|MODSEQ|RFC822(\\.(SIZE|TEXT|HEADER))?)",
        section,
    ];
    prop_oneof![
        "(ALL|FULL|fast)",
        item.clone(),
        prop::collection::vec(item, 1..4).prop_map(|items| format!("({})", items.join(" "))),
    ]
}

fn search_key() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "(ALL|ANSWERED|DELETED|DRAFT|FLAGGED|NEW|OLD|RECENT|SEEN|UN(ANSWERED|DELETED|DRAFT|FLAGGED|SEEN))",
        "(UN)?KEYWORD [$a-z]{1,3}",
        "(SENT)?(BEFORE|ON|SINCE) (\"[1-9]-Feb-19[0-9]{2}\"|[1-9]-Feb-19[0-9]{2})",
        "(LARGER|SMALLER) [0-9]{1,9}",
        "MODSEQ( \"/flags/(\\\\\\\\)?[$a-z]{1,3}\" (priv|shared|all))? (0|[1-9][0-9]{0,17})",
        ("(BCC|BODY|CC|FROM|SUBJECT|TEXT|TO|HEADER x)", text())
            .prop_map(|(key, text)| format!("{key} {text}")),
        set(),
        set().prop_map(|set| format!("UID {set}")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|key| format!("NOT {key}")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("OR {left} {right}")),
            prop::collection::vec(inner, 1..4).prop_map(|keys| format!("({})", keys.join(" "))),
        ]
    })
}

fn select_parameters() -> impl Strategy<Value = String> {
    let known = "( [1-4](:[5-9])?(,1[0-4](:1[5-9])?)?)?";
    let sample = prop_oneof![Just(""), Just(" (1 2)"), Just(" (1:3,5 2,4:5,9)")];
    let qresync = ("[1-9]", "[1-9][0-9]{0,17}", known, sample).prop_map(
        |(validity, since, known, sample)| format!("QRESYNC ({validity} {since}{known}{sample})"),
    );
    prop_oneof![
        Just("CONDSTORE".to_owned()),
        qresync.clone(),
        qresync.prop_map(|qresync| format!("condstore {qresync}")),
    ]
}

fn own_command() -> impl Strategy<Value = String> {
    let flags =
        "(\\(((\\\\(Seen|Foo|deleted)|[$a-z]{1,3})( (\\\\Draft|[a-z]))?)?\\)|\\\\Seen( x)?)";
    prop_oneof![
        ("(SELECT|EXAMINE|CREATE)", text()).prop_map(|(verb, name)| format!("{verb} {name}")),
        ("(SELECT|EXAMINE)", text(), select_parameters())
            .prop_map(|(verb, name, parameters)| format!("{verb} {name} ({parameters})")),
        ("(LIST|LSUB)", text(), prop_oneof!["[a-z%*]{1,4}".boxed(), text().boxed()])
            .prop_map(|(verb, reference, pattern)| format!("{verb} {reference} {pattern}")),
        (text(), "(MESSAGES|RECENT|UIDNEXT|UIDVALIDITY|UNSEEN|DELETED|HIGHESTMODSEQ)( UNSEEN)?")
            .prop_map(|(name, items)| format!("STATUS {name} ({items})")),
        ("(UID )?FETCH", set(), fetch_items(), "( \\(CHANGEDSINCE [1-9][0-9]{0,17}\\))?")
            .prop_map(|(verb, set, items, since)| format!("{verb} {set} {items}{since}")),
        (set(), fetch_items(), "CHANGEDSINCE [1-9] VANISHED|VANISHED CHANGEDSINCE [1-9]")
            .prop_map(|(set, items, since)| format!("UID FETCH {set} {items} ({since})")),
        (
            "(UID )?STORE",
            set(),
            "( \\(UNCHANGEDSINCE [0-9]{1,18}\\))?",
            "[+-]?FLAGS(\\.SILENT)?",
            flags
        )
            .prop_map(|(verb, set, since, action, flags)| format!(
                "{verb} {set}{since} {action} {flags}"
            )),
        ("(UID )?(COPY|MOVE)", set(), text())
            .prop_map(|(verb, set, name)| format!("{verb} {set} {name}")),
        set().prop_map(|set| format!("UID EXPUNGE {set}")),
        ("(UID )?SEARCH( CHARSET UTF-8)?", prop::collection::vec(search_key(), 1..3))
            .prop_map(|(verb, keys)| format!("{verb} {}", keys.join(" "))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_commands_made_here_are_taken_by_the_other_codec(command in own_command()) {
        let line = format!("a1 {command}\r\n");
        let taken = CommandCodec::default().decode(line.as_bytes());
        prop_assert!(matches!(taken, Ok(([], _))), "{line:?}: {taken:?}");
    }

    #[test]
    fn what_another_codec_takes_we_take(command in own_command(), damage in prop::option::weighted(0.2, (any::<prop::sample::Index>(), "[ ()a\"]"))) {
        let mut line = format!("a1 {command}\r\n");
        if let Some((place, text)) = damage {
            line.insert_str(place.index(line.len() - 2), &text);
        }
        let taken = matches!(CommandCodec::default().decode(line.as_bytes()), Ok(([], _)));
        let ours = parse(&Line::new(line.clone().into_bytes()));
        prop_assert!(!taken || ours.is_ok(), "{line:?}: {ours:?}");
    }
}
