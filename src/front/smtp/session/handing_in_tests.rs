//! Envelopes and messages, by DATA and in chunks.

use wire::smtp::parse;

use super::super::tests::{TERMS, converse, greeted, ready};
use super::*;
use crate::mailbox::{Envelope, ReportOn, Returned};

#[test]
fn a_message_goes_from_mail_to_data() {
    let mut session = ready();
    converse(
        &mut session,
        &[
            ("MAIL FROM:<ada@a.test> SIZE=1000 BODY=8BITMIME", "250 2.1.0 "),
            ("RCPT TO:<b@x.test>", "250 2.1.5 "),
            ("RCPT TO:<B@X.test>", "250 2.1.5 "),
            ("RCPT TO:<c@x.test>", "250 2.1.5 "),
            ("DATA", "receive for ada, ada@a.test to [\"b@x.test\", \"c@x.test\"], 1000"),
            ("DATA", "503 5.5.1 "),
            ("MAIL FROM:<ada@a.test>", "250 2.1.0 "),
        ],
    );
}

#[test]
fn what_is_announced_as_too_large_is_refused_before_it_is_read() {
    converse(
        &mut ready(),
        &[
            ("MAIL FROM:<ada@a.test> SIZE=1001", "552 5.3.4 "),
            ("MAIL FROM:<ada@a.test> SIZE=99999999999999999999999", "552 5.3.4 "),
            ("RCPT TO:<b@x.test>", "503 "),
        ],
    );
}

#[test]
fn an_address_that_is_not_carried_is_told_why() {
    let why = "An address has up to 254 octets here, and no < or > within";
    let long = format!("RCPT TO:<a@{}.test>", "x".repeat(250));
    converse(
        &mut ready(),
        &[
            ("MAIL FROM:<\"a>b\"@a.test>", &format!("501 5.1.7 {why}")),
            ("MAIL FROM:<ada@a.test>", "250 "),
            ("RCPT TO:<\"a>b\"@x.test>", &format!("501 5.1.3 {why}")),
            (&long, &format!("501 5.1.3 {why}")),
            ("RCPT TO:<\"a b\"@x.test>", "250 "),
        ],
    );
}

#[test]
fn a_sender_without_a_domain_is_whom_someone_names() {
    let mut session = ready();
    converse(&mut session, &[("MAIL FROM:<root>", "name root")]);
    let named = session.name_sender(crate::mailbox::Address::new("ada@a.test").unwrap());
    assert!(matches!(named, Action::Expect("ada", _)), "{named:?}");
    converse(&mut session, &[("RCPT TO:<b@x.test>", "250 "), ("DATA", "receive for ada, ada@a.")]);
    converse(&mut session, &[("MAIL FROM:<root>", "name root")]);
    let refused = session.turn_away(answers::no_domain());
    assert!(matches!(refused, Action::Reply(reply) if reply.code() == 501));
    converse(&mut session, &[("RCPT TO:<b@x.test>", "503 "), ("MAIL FROM:<ada@a.test>", "250 ")]);
}

#[test]
fn a_message_has_a_limit_of_recipients() {
    let mut session = ready();
    converse(&mut session, &[("MAIL FROM:<ada@a.test>", "250 ")]);
    for number in 0..TERMS.recipients {
        converse(&mut session, &[(&format!("RCPT TO:<r{number}@x.test>"), "250 ")]);
    }
    converse(
        &mut session,
        &[
            ("RCPT TO:<more@x.test>", "452 4.5.3 "),
            ("RCPT TO:<r0@x.test>", "250 "),
            ("DATA", "receive "),
        ],
    );
}

#[test]
fn the_postmaster_is_the_one_of_the_senders_domain() {
    converse(
        &mut ready(),
        &[
            ("MAIL FROM:<ada@a.test>", "250 "),
            ("RCPT TO:<Postmaster>", "250 2.1.5 "),
            ("DATA", "receive for ada, ada@a.test to [\"postmaster@a.test\"]"),
        ],
    );
}

/// The envelope that a conversation comes to.
fn envelope(mail: &str, rcpts: &[&str]) -> Envelope {
    let mut session = ready();
    converse(&mut session, &[(mail, "250 ")]);
    rcpts.iter().for_each(|rcpt| converse(&mut session, &[(rcpt, "250 ")]));
    match session.command(parse(b"BDAT 0 LAST").unwrap()) {
        Action::Chunk(Chunk::First(handover), _) => handover.transaction.envelope,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_wished_of_reports_stands_in_the_envelope() {
    let envelope = envelope(
        "MAIL FROM:<ada@a.test> RET=HDRS ENVID=a+20b",
        &[
            "RCPT TO:<b@x.test> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;c@x.test",
            "RCPT TO:<B@x.test> NOTIFY=NEVER",
            "RCPT TO:<d@x.test> NOTIFY=NEVER",
            "RCPT TO:<e@x.test> NOTIFY=DELAY",
            "RCPT TO:<f@x.test>",
        ],
    );
    assert_eq!((envelope.id.as_deref(), envelope.returned), (Some("a b"), Some(Returned::Headers)));
    let reports: Vec<Option<Vec<ReportOn>>> = envelope
        .recipients
        .iter()
        .map(|recipient| recipient.reports.as_ref().map(|reports| reports.0.clone()))
        .collect();
    let first = vec![ReportOn::Failure, ReportOn::Success];
    assert_eq!(reports, [Some(first), Some(vec![]), Some(vec![ReportOn::Delay]), None]);
    assert_eq!(envelope.recipients[0].original.as_deref(), Some("rfc822;c@x.test"));
}

#[test]
fn addresses_in_utf8_are_taken_from_who_asked_for_them() {
    let envelope = envelope(
        "MAIL FROM:<jörg@bücher.test> SMTPUTF8 BODY=BINARYMIME RET=FULL",
        &["RCPT TO:<用户@例子.广告> ORCPT=utf-8;用户@例子.广告"],
    );
    assert_eq!(envelope.sender.unwrap().as_str(), "jörg@bücher.test");
    assert_eq!(envelope.recipients[0].address.as_str(), "用户@例子.广告");
    assert_eq!((envelope.octets, envelope.returned), (Octets::Binary, Some(Returned::Full)));
}

#[test]
fn a_message_comes_in_chunks() {
    let mut session = ready();
    converse(
        &mut session,
        &[
            ("MAIL FROM:<ada@a.test> BODY=BINARYMIME", "250 "),
            ("RCPT TO:<b@x.test>", "250 "),
            ("BDAT 10", "first 10 of for ada, ada@a.test to [\"b@x.test\"], 1000"),
        ],
    );
    session.keep(10);
    converse(&mut session, &[("NOOP", "250 "), ("BDAT 20", "next 20 10")]);
    session.keep(30);
    converse(
        &mut session,
        &[
            ("RCPT TO:<c@x.test>", "503 "),
            ("MAIL FROM:<ada@a.test>", "503 "),
            ("BDAT 0 LAST", "next 0 30"),
            ("BDAT 0 LAST", "pass over, 503 5.5.1 "),
            ("MAIL FROM:<ada@a.test>", "250 "),
        ],
    );
}

#[test]
fn after_a_chunk_that_failed_nothing_is_taken_until_the_client_begins_again() {
    for again in ["RSET", "EHLO me", "MAIL FROM:<ada@a.test>"] {
        let mut session = ready();
        converse(
            &mut session,
            &[
                ("MAIL FROM:<ada@a.test>", "250 "),
                ("RCPT TO:<b@x.test>", "250 "),
                ("BDAT 10", "first "),
                ("BDAT 10", "pass over, 503 5.5.1 "),
                ("RCPT TO:<b@x.test>", "503 "),
                ("DATA", "503 "),
                ("BDAT 10 LAST", "pass over, 503 5.5.1 "),
                (again, "250"),
            ],
        );
        if !again.starts_with("MAIL") {
            converse(&mut session, &[("MAIL FROM:<ada@a.test>", "250 ")]);
        }
        converse(&mut session, &[("RCPT TO:<b@x.test>", "250 "), ("BDAT 1 LAST", "first ")]);
    }
}

#[test]
fn what_was_begun_one_way_cannot_end_the_other() {
    let mut session = ready();
    let begin = [("MAIL FROM:<ada@a.test>", "250 "), ("RCPT TO:<b@x.test>", "250 ")];
    converse(&mut session, &begin);
    converse(&mut session, &[("BDAT 10", "first ")]);
    session.keep(10);
    converse(
        &mut session,
        &[("DATA", "503 5.5.1 "), ("BDAT 1 LAST", "pass over, 503 "), ("RSET", "250 ")],
    );
    converse(&mut session, &begin);
    converse(&mut session, &[("DATA", "receive "), ("BDAT 1 LAST", "pass over, 503 ")]);
    converse(
        &mut session,
        &[
            ("MAIL FROM:<ada@a.test> BODY=BINARYMIME", "250 "),
            ("RCPT TO:<b@x.test>", "250 "),
            ("DATA", "503 5.5.1 "),
            ("BDAT 1 LAST", "pass over, 503 "),
        ],
    );
}

#[test]
fn a_chunk_at_the_wrong_time_is_passed_over() {
    let mut session = greeted();
    converse(&mut session, &[("BDAT 10", "pass over, 503 "), ("EHLO me", "250-")]);
    converse(&mut session, &[("BDAT 10 LAST", "pass over, 503 ")]);
    let mut session = ready();
    converse(
        &mut session,
        &[
            ("BDAT 10 LAST", "pass over, 503 "),
            ("MAIL FROM:<ada@a.test>", "250 "),
            ("BDAT 10", "pass over, 554 5.5.1 "),
            ("RCPT TO:<b@x.test>", "503 "),
        ],
    );
}

#[test]
fn a_chunk_of_unknown_size_ends_the_conversation() {
    converse(&mut ready(), &[("BDAT many", "close 521 5.5.4 ")]);
}

#[test]
fn what_was_sent_ahead_of_a_refusal_is_no_mistake() {
    let mut session = ready();
    converse(&mut session, &[("MAIL FROM:<ada@a.test> SIZE=2000", "552 ")]);
    for number in 0..100 {
        converse(&mut session, &[(&format!("RCPT TO:<r{number}@x.test>"), "503 ")]);
        converse(&mut session, &[("BDAT 100", "pass over, 503 ")]);
    }
    converse(&mut session, &[("BDAT 0 LAST", "pass over, 503 "), ("NOOP", "250 ")]);
}
