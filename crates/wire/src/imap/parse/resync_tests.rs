//! The grammar of RFC 7162, with its own examples.

use std::num::{NonZeroU32, NonZeroU64};

use super::*;
use crate::imap::{
    ChangedSince, Expunged, FetchItem, MailboxName, QResync, SearchKey, Select, SelectParameter,
    SeqMatches, StatusItem,
};

const MAX: u64 = 9_223_372_036_854_775_807;

fn body(line: &str) -> Body {
    let line = Line::new(format!("{line}\r\n").into_bytes());
    parse(&line).unwrap_or_else(|bad| panic!("{line:?}: {bad:?}")).body
}

fn is_refused(line: &str) -> bool {
    let refused = parse(&Line::new(format!("{line}\r\n").into_bytes()));
    refused.is_err_and(|bad| bad.kind == BadKind::Arguments)
}

fn mod_seq(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

fn uids(text: &str) -> UidSet {
    UidSet::parse(text.as_bytes()).unwrap()
}

fn select(line: &str) -> Select {
    match body(line) {
        Body::Select(select) | Body::Examine(select) => select,
        other => panic!("{other:?}"),
    }
}

#[test]
fn select_may_ask_for_mod_sequences_and_for_what_was_missed() {
    let asked = select("a SELECT INBOX (condstore)");
    assert_eq!(asked.mailbox, MailboxName::inbox());
    assert_eq!(asked.parameters, [SelectParameter::CondStore]);
    let mut known = QResync {
        validity: NonZeroU32::new(67_890_007).unwrap(),
        mod_seq: mod_seq(20_050_715_194_045_000),
        known_uids: None,
        matches: None,
    };
    let numbers = "67890007 20050715194045000";
    assert_eq!(select(&format!("a EXAMINE x (QRESYNC ({numbers}))")).qresync(), Some(&known));
    let sample = SeqMatches::new(&SeqSet::parse(b"5,7:8").unwrap(), &uids("9,12,14")).unwrap();
    assert_eq!(sample.pairs().collect::<Vec<_>>(), [(5, 9), (7, 12), (8, 14)]);
    known.matches = Some(sample);
    let line = format!("a SELECT x (QRESYNC ({numbers} (5,7:8 9,12,14)))");
    assert_eq!(select(&line).qresync(), Some(&known));
    known.known_uids = Some(uids("41,43:211,214:541"));
    let line =
        format!("a SELECT x (QRESYNC ({numbers} 41,43:211,214:541 (5,7:8 9,12,14)) CONDSTORE)");
    assert_eq!(select(&line).qresync(), Some(&known));
    assert_eq!(select(&line).parameters.len(), 2);
}

#[test]
fn a_select_with_parameters_that_make_no_sense_is_refused() {
    for parameters in [
        "",
        "X",
        "CONDSTORE CONDSTORE",
        "QRESYNC",
        "QRESYNC ()",
        "QRESYNC (1)",
        "QRESYNC (1 0)",
        "QRESYNC (0 1)",
        "QRESYNC (1 9223372036854775808)",
        "QRESYNC (1 1 1:*)",
        "QRESYNC (1 1 1:3 (1:2 1:3))",
        "QRESYNC (1 1 1:3 (2,1 1,2))",
        "QRESYNC (1 1 1:3 (1:2 *))",
        "QRESYNC (1 1 (1 1) 1:3)",
        "QRESYNC (1 1 ())",
        "QRESYNC (1 1) QRESYNC (1 1)",
    ] {
        assert!(is_refused(&format!("a SELECT x ({parameters})")), "{parameters}");
    }
    // As many as there can be cost nothing to compare.
    select("a SELECT x (QRESYNC (1 1 1:4294967295 (1:4294967295 1:4294967295)))");
}

#[test]
fn fetch_may_be_bound_to_what_has_changed() {
    let Body::Fetch(fetch) = body("s100 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)")
    else {
        panic!()
    };
    let expected = ChangedSince { mod_seq: mod_seq(12345), expunged: Expunged::Listed };
    assert_eq!(fetch.changed_since, Some(expected));
    let Body::Fetch(fetch) = body("a FETCH 1:3 ALL (changedsince 9223372036854775807)") else {
        panic!()
    };
    let expected = ChangedSince { mod_seq: mod_seq(MAX), expunged: Expunged::Omitted };
    assert_eq!(fetch.changed_since, Some(expected));
    let Body::Fetch(fetch) = body("a FETCH 1:3 (UID MODSEQ)") else { panic!() };
    assert_eq!((fetch.items, fetch.changed_since), (vec![FetchItem::Uid, FetchItem::ModSeq], None));
    for line in [
        "a FETCH 1 FLAGS ()",
        "a FETCH 1 FLAGS (CHANGEDSINCE)",
        "a FETCH 1 FLAGS (CHANGEDSINCE 0)",
        "a FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
        "a FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)",
        "a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
        "a UID FETCH 1 FLAGS (VANISHED)",
        "a UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED VANISHED)",
        "a UID FETCH 1 FLAGS (CHANGEDSINCE 1) (VANISHED)",
        "a UID FETCH 1 FLAGS (X)",
    ] {
        assert!(is_refused(line), "{line}");
    }
}

#[test]
fn store_may_be_bound_to_what_has_not_changed() {
    for (line, expected) in [
        ("a STORE * (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\\Deleted)", Some(12_121_230_045)),
        ("a UID STORE 1 (unchangedsince 0) -FLAGS $MDNSent", Some(0)),
        ("a STORE 1 FLAGS (\\Seen)", None),
    ] {
        let Body::Store(store) = body(line) else { panic!() };
        assert_eq!(store.unchanged_since, expected, "{line}");
    }
    for modifiers in [
        "()",
        "(UNCHANGEDSINCE)",
        "(UNCHANGEDSINCE 9223372036854775808)",
        "(UNCHANGEDSINCE 1 UNCHANGEDSINCE 1)",
        "(CHANGEDSINCE 1)",
    ] {
        assert!(is_refused(&format!("a STORE 1 {modifiers} FLAGS (\\Seen)")), "{modifiers}");
    }
}

#[test]
fn search_and_status_know_mod_sequences() {
    for (line, expected) in [
        ("a SEARCH MODSEQ 620162338", 620_162_338),
        ("a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338", 620_162_338),
        ("a UID SEARCH MODSEQ \"/FLAGS/$mdnsent\" priv 0", 0),
    ] {
        let Body::Search(search) = body(line) else { panic!() };
        assert_eq!(search.key, SearchKey::ModSeq(expected).into(), "{line}");
        assert!(search.key.names_mod_seq() && !search.key.names_numbers());
    }
    let Body::Search(search) = body("t SEARCH OR NOT MODSEQ 720162338 LARGER 50000") else {
        panic!()
    };
    assert!(search.key.names_mod_seq());
    let Body::Search(search) = body("t UID SEARCH UNSEEN (SEEN NOT 1:3)") else { panic!() };
    assert!(search.key.names_numbers() && !search.key.names_mod_seq());
    for line in [
        "a SEARCH MODSEQ",
        "a SEARCH MODSEQ 9223372036854775808",
        "a SEARCH MODSEQ \"/flags/x\" 1",
        "a SEARCH MODSEQ \"/flags/x\" some 1",
        "a SEARCH MODSEQ \"/comment\" all 1",
    ] {
        assert!(is_refused(line), "{line}");
    }
    let Body::Status { items, .. } = body("a STATUS x (UIDNEXT HIGHESTMODSEQ)") else { panic!() };
    assert_eq!(items, [StatusItem::UidNext, StatusItem::HighestModSeq]);
}
