//! RETURN, `$`, WITHIN, SORT, THREAD and PARTIAL.

use super::*;
use crate::imap::{
    Direction, End, Fetch, Formula, Page, ReturnOption, Returns, SearchKey, Sort, SortCriterion,
    SortKey, Thread, Threading,
};

fn parsed(line: &str) -> Result<Body, Bad> {
    parse(&Line::new(format!("{line}\r\n").into_bytes())).map(|command| command.body)
}

fn search(line: &str) -> crate::imap::Search {
    match parsed(line) {
        Ok(Body::Search(search)) => search,
        other => panic!("{line}: {other:?}"),
    }
}

fn page(from: End, one: u32, other: u32) -> Page {
    let number = |number| std::num::NonZeroU32::new(number).unwrap();
    Page { from, bounds: (number(one), number(other)) }
}

#[test]
fn return_options_stand_before_the_charset() {
    let returned = |line| search(line).returns;
    let returns = |options: &[ReturnOption]| Returns::new(options.to_vec());
    assert_eq!(returned("a SEARCH ALL"), None);
    assert_eq!(returned("a search return () all"), returns(&[ReturnOption::All]));
    assert_eq!(
        returned("a UID SEARCH RETURN (MIN COUNT) CHARSET UTF-8 TEXT x"),
        returns(&[ReturnOption::Min, ReturnOption::Count])
    );
    assert_eq!(
        returned("a SEARCH RETURN (SAVE PARTIAL 500:400) ALL"),
        returns(&[ReturnOption::Save, ReturnOption::Partial(page(End::First, 500, 400))])
    );
    assert_eq!(
        returned("a SEARCH RETURN (PARTIAL -1:-100) ALL"),
        returns(&[ReturnOption::Partial(page(End::Last, 1, 100))])
    );
    for line in [
        "a SEARCH RETURN",
        "a SEARCH RETURN ALL",
        "a SEARCH RETURN (MIN)",
        "a SEARCH RETURN(MIN) ALL",
        "a SEARCH RETURN (MIN MIN) ALL",
        "a SEARCH RETURN (NONE) ALL",
        "a SEARCH RETURN (ALL PARTIAL 1:2) ALL",
        "a SEARCH RETURN (PARTIAL) ALL",
        "a SEARCH RETURN (PARTIAL 1) ALL",
        "a SEARCH RETURN (PARTIAL 0:1) ALL",
        "a SEARCH RETURN (PARTIAL 1:*) ALL",
        "a SEARCH RETURN (PARTIAL 1:2:3) ALL",
        "a SEARCH RETURN (PARTIAL -1:2) ALL",
        "a SEARCH RETURN (PARTIAL 1:-2) ALL",
        "a SEARCH CHARSET UTF-8 RETURN (MIN) ALL",
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn what_was_found_last_can_be_named_where_a_set_can() {
    assert_eq!(search("a SEARCH $").key, SearchKey::Saved.into());
    assert_eq!(search("a SEARCH UID $").key, SearchKey::Saved.into());
    let not_saved = Formula::from(SearchKey::Saved).negated();
    let expected = Formula::all(vec![not_saved, SearchKey::Seen.into()]);
    assert_eq!(search("a SEARCH NOT $ SEEN").key, expected);
    let (seq, uid) = (MessageSet::Saved(Numbering::Seq), MessageSet::Saved(Numbering::Uid));
    assert!(matches!(parsed("a FETCH $ FLAGS"), Ok(Body::Fetch(fetch)) if fetch.set == seq));
    assert!(matches!(parsed("a UID FETCH $ FLAGS"), Ok(Body::Fetch(fetch)) if fetch.set == uid));
    assert!(matches!(parsed("a STORE $ FLAGS ()"), Ok(Body::Store(store)) if store.set == seq));
    assert!(matches!(parsed("a UID COPY $ x"), Ok(Body::Copy { set, .. }) if set == uid));
    assert!(matches!(parsed("a MOVE $ x"), Ok(Body::Move { set, .. }) if set == seq));
    assert_eq!(parsed("a UID EXPUNGE $"), Ok(Body::UidExpunge(uid)));
    for line in ["a FETCH $,1 FLAGS", "a FETCH 1:$ FLAGS", "a FETCH $:* FLAGS", "a SEARCH $$"] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn ages_are_counted_in_seconds_from_one() {
    let day = std::num::NonZeroU32::new(86_400).unwrap();
    assert_eq!(search("a SEARCH OLDER 86400").key, SearchKey::Older(day).into());
    assert_eq!(search("a SEARCH younger 86400").key, SearchKey::Younger(day).into());
    for line in ["a SEARCH OLDER", "a SEARCH OLDER 0", "a SEARCH YOUNGER -1", "a SEARCH OLDER x"] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn sort_names_criteria_charset_and_keys() {
    let criterion = |key, direction| SortCriterion { key, direction };
    let expected = Sort {
        numbering: Numbering::Uid,
        returns: None,
        criteria: vec![
            criterion(SortKey::Subject, Direction::Ascending),
            criterion(SortKey::Date, Direction::Descending),
            criterion(SortKey::DisplayTo, Direction::Ascending),
        ],
        charset: "UTF-8".into(),
        key: Formula::all(vec![SearchKey::Seen.into(), SearchKey::Flagged.into()]),
    };
    let line = "a UID SORT (SUBJECT REVERSE DATE displayto) utf-8 SEEN FLAGGED";
    assert_eq!(parsed(line), Ok(Body::Sort(expected)));
    let line = "a SORT RETURN (MIN) (ARRIVAL) \"US-ASCII\" ALL";
    assert!(matches!(parsed(line), Ok(Body::Sort(sort)) if sort.returns.is_some()));
    for line in [
        "a SORT (SUBJECT) ALL",
        "a SORT () UTF-8 ALL",
        "a SORT (REVERSE) UTF-8 ALL",
        "a SORT (REVERSE REVERSE DATE) UTF-8 ALL",
        "a SORT (COLOUR) UTF-8 ALL",
        "a SORT SUBJECT UTF-8 ALL",
        "a SORT (SUBJECT) UTF-8",
        &format!("a SORT ({}) UTF-8 ALL", "DATE ".repeat(33)),
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn thread_names_algorithm_charset_and_keys() {
    let expected = Thread {
        numbering: Numbering::Seq,
        algorithm: Threading::References,
        charset: "UTF-8".into(),
        key: SearchKey::All.into(),
    };
    assert_eq!(parsed("a THREAD REFERENCES UTF-8 ALL"), Ok(Body::Thread(expected)));
    let line = "a UID THREAD orderedsubject us-ascii 1:*";
    assert!(matches!(parsed(line), Ok(Body::Thread(thread))
        if thread.algorithm == Threading::OrderedSubject && thread.numbering == Numbering::Uid));
    for line in ["a THREAD REFS UTF-8 ALL", "a THREAD REFERENCES ALL", "a THREAD REFERENCES UTF-8"]
    {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn a_page_of_messages_belongs_to_uid_fetch() {
    let fetch = |line: &str| match parsed(line) {
        Ok(Body::Fetch(Fetch { changed_since, page, .. })) => (changed_since.is_some(), page),
        other => panic!("{line}: {other:?}"),
    };
    let last = Some(page(End::Last, 1, 3));
    assert_eq!(fetch("a UID FETCH 1:* (FLAGS) (PARTIAL -1:-3)"), (false, last));
    assert_eq!(fetch("a UID FETCH 1:* FLAGS (PARTIAL -1:-3 CHANGEDSINCE 5)"), (true, last));
    for line in [
        "a FETCH 1:* (FLAGS) (PARTIAL 1:3)",
        "a UID FETCH 1:* (FLAGS) (PARTIAL 1:3 PARTIAL 1:3)",
        "a UID FETCH 1:* (FLAGS) (PARTIAL 1)",
        "a UID FETCH 1:* (FLAGS) (PARTIAL 1:3 VANISHED)",
        "a UID FETCH 1:* (FLAGS) ()",
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
}
