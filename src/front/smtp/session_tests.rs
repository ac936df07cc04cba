//! Conversations with the state machine.

use proptest::prelude::*;
use wire::smtp::parse;

use super::*;

/// A message of which so many octets are there.
pub(super) type Dialogue = Session<&'static str, u64>;

pub(super) const TERMS: Terms = Terms { message: 1000, recipients: 5 };

/// What one line leads to, in a form that is easy to compare.
pub(super) fn say(session: &mut Dialogue, line: &str) -> String {
    let action = match parse(line.as_bytes()) {
        Ok(command) => session.command(command),
        Err(invalid) => session.invalid(invalid),
    };
    told(action)
}

fn answer(session: &mut Dialogue, line: &str) -> String {
    told(session.auth_line(&Secret::new(line.as_bytes().to_vec())))
}

fn told(action: Action<&'static str, u64>) -> String {
    match action {
        Action::Reply(reply) => written(&reply),
        Action::Challenge(reply) => written(&reply),
        Action::Check(credentials) => {
            let password = credentials.password.expose();
            let [user, password] = [&credentials.user, password]
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            format!("check {user} {password}")
        }
        Action::Expect(..) => written(&answers::sender_taken()),
        Action::Name(_, name) => format!("name {name}"),
        Action::Receive(handover) => format!("receive {}", handed_over(&handover)),
        Action::Chunk(Chunk::First(handover), bdat) => {
            format!("first {:?} of {}", bdat.octets, handed_over(&handover))
        }
        Action::Chunk(Chunk::Next(before), bdat) => format!("next {} {before}", bdat.octets),
        Action::PassOver(reply) => format!("pass over, {}", written(&reply)),
        Action::StartTls(reply) => format!("tls {}", written(&reply)),
        Action::Close(reply) => format!("close {}", written(&reply)),
    }
}

fn handed_over(handover: &Handover<&'static str>) -> String {
    let envelope = &handover.transaction.envelope;
    let recipients: Vec<String> = envelope.addresses().map(ToString::to_string).collect();
    let sender = envelope.sender.as_ref().unwrap();
    format!("for {}, {sender} to {recipients:?}, {}", handover.user, handover.limit)
}

fn member() -> Member<&'static str> {
    Member { user: "ada", address: Address::new("ada@a.test").unwrap() }
}

fn written(reply: &Reply) -> String {
    let mut out = Vec::new();
    reply.write(&mut out);
    String::from_utf8(out).unwrap().trim_end_matches("\r\n").to_owned()
}

pub(super) fn greeted() -> Dialogue {
    opened(Ehlo::Answered, Pass::None)
}

fn opened(ehlo: Ehlo, pass: Pass<&'static str>) -> Dialogue {
    Session::new(Opening { terms: TERMS, security: Security::Plain, ehlo, pass })
}

pub(super) fn ready() -> Dialogue {
    let mut session = greeted();
    assert!(say(&mut session, "EHLO me").starts_with("250-"));
    assert_eq!(say(&mut session, "AUTH PLAIN AGFkYQBwdw=="), "check ada pw");
    assert!(written(&session.logged_in(member(), TERMS)).starts_with("235 2.7.0 "));
    session
}

/// Says the lines and compares the starts of the answers.
pub(super) fn converse(session: &mut Dialogue, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let heard = say(session, line);
        assert!(heard.starts_with(expected), "{line}: {heard}, not {expected}");
    }
}

#[test]
fn nothing_is_sent_for_strangers() {
    converse(
        &mut greeted(),
        &[
            ("MAIL FROM:<ada@a.test>", "503 5.5.1 "),
            ("AUTH PLAIN AGFkYQBwdw==", "503 5.5.1 "),
            ("HELO me", "250 footbridge"),
            ("MAIL FROM:<ada@a.test>", "530 5.7.0 "),
            ("RCPT TO:<b@x.test>", "503 5.5.1 "),
            ("DATA", "503 5.5.1 "),
            ("STARTTLS", "502 5.5.1 "),
            ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        ],
    );
}

#[test]
fn login_asks_with_the_words_that_scanners_expect() {
    let mut session = greeted();
    converse(&mut session, &[("HELO me", "250 "), ("AUTH LOGIN", "334 VXNlcm5hbWU6")]);
    assert_eq!(answer(&mut session, "YWRh"), "334 UGFzc3dvcmQ6");
    assert_eq!(answer(&mut session, "cHc"), "check ada pw");
    session.not_logged_in();
    assert_eq!(say(&mut session, "AUTH LOGIN YWRh"), "334 UGFzc3dvcmQ6");
    assert_eq!(answer(&mut session, "cHc="), "check ada pw");
    session.not_logged_in();
    assert_eq!(say(&mut session, "AUTH PLAIN"), "334 ");
    assert_eq!(answer(&mut session, "YWRhAGFkYQBwdw=="), "check ada pw");
}

#[test]
fn a_login_can_be_cancelled_and_tried_again() {
    let mut session = greeted();
    converse(&mut session, &[("EHLO me", "250-"), ("AUTH LOGIN", "334 ")]);
    assert!(answer(&mut session, "*").starts_with("501 5.7.0 "));
    converse(&mut session, &[("AUTH PLAIN", "334 ")]);
    assert!(answer(&mut session, "???").starts_with("501 5.5.2 "));
    converse(&mut session, &[("AUTH PLAIN", "334 ")]);
    assert!(answer(&mut session, "YWRh").starts_with("501 5.5.2 "));
    converse(
        &mut session,
        &[
            ("AUTH PLAIN YmVuAGFkYQBwdw==", "535 5.7.8 "),
            ("AUTH CRAM-MD5", "504 5.5.4 "),
            ("AUTH PLAIN !", "501 5.5.2 "),
            ("AUTH PLAIN AGFkYQBwdw==", "check ada pw"),
        ],
    );
}

#[test]
fn one_login_is_enough() {
    let mut session = ready();
    converse(
        &mut session,
        &[
            ("AUTH LOGIN", "503 5.5.1 "),
            ("MAIL FROM:<ada@a.test>", "250 "),
            ("AUTH LOGIN", "503 5.5.1 "),
            ("EHLO again", "250-"),
            ("RCPT TO:<b@x.test>", "503 "),
            ("MAIL FROM:<ada@a.test>", "250 "),
        ],
    );
}

#[test]
fn what_cannot_be_done_is_refused_in_so_many_words() {
    converse(
        &mut ready(),
        &[
            ("MAIL FROM:<>", "550-5.7.1 "),
            ("MAIL FROM:<jörg@a.test>", "553 5.6.7 "),
            ("MAIL FROM:<ada@a.test> HOLDFOR=10", "555 5.5.4 "),
            ("MAIL FROM:<ada@a.test> RET=HDRS RET=HDRS", "501 5.5.4 "),
            ("MAIL FROM:<ada@a.test>", "250 "),
            ("MAIL FROM:<ada@a.test>", "503 "),
            ("RCPT TO:<jörg@x.test>", "553 5.6.7 "),
            ("RCPT TO:<j@x.test> ORCPT=utf-8;jörg@x.test", "553 5.6.7 "),
            ("RCPT TO:<nobody>", "501 5.1.3 "),
            ("DATA", "554 5.5.1 "),
            ("VRFY ada", "252 "),
            ("EXPN all", "502 "),
            ("HELP", "214 "),
            ("NOOP", "250 "),
            ("RSET", "250 "),
            ("RCPT TO:<b@x.test>", "503 "),
            ("WHAT", "500 5.5.1 "),
            ("QUIT", "close 221 2.0.0 "),
        ],
    );
}

#[test]
fn the_name_of_what_is_spoken_tells_of_utf8() {
    let mut session = greeted();
    assert_eq!(session.protocol(SmtpUtf8::Absent), "SMTP");
    converse(&mut session, &[("EHLO me", "250-")]);
    assert_eq!(session.protocol(SmtpUtf8::Absent), "ESMTPA");
    assert_eq!(session.protocol(SmtpUtf8::Requested), "UTF8SMTPA");
    session.secured();
    assert_eq!(session.protocol(SmtpUtf8::Requested), "UTF8SMTPSA");
}

#[test]
fn who_makes_nothing_but_mistakes_is_sent_away() {
    let mut session = greeted();
    for _ in 1..MISTAKES {
        converse(&mut session, &[("GET / HTTP/1.1", "500 ")]);
    }
    converse(&mut session, &[("GET / HTTP/1.1", "close 421 4.7.0 ")]);
}

#[test]
fn bad_recipients_among_good_ones_cost_nobody_the_message() {
    let mut session = ready();
    converse(&mut session, &[("MAIL FROM:<ada@a.test>", "250 ")]);
    let bad = [("RCPT TO:<nobody>", "501 5.1.3 "), ("RCPT TO:<j\u{f6}rg@x.test>", "553 5.6.7 ")];
    for number in 0..4 {
        (1..MISTAKES).for_each(|at| converse(&mut session, &bad[at as usize % 2..][..1]));
        converse(&mut session, &[(&format!("RCPT TO:<r{number}@x.test>"), "250 ")]);
    }
    converse(&mut session, &[("RCPT TO:<r5@x.test>", "250 "), ("DATA", "receive ")]);
}

#[test]
fn twenty_bad_recipients_in_a_row_end_it() {
    let mut session = ready();
    converse(&mut session, &[("MAIL FROM:<ada@a.test>", "250 "), ("RCPT TO:<b@x.test>", "250 ")]);
    (1..MISTAKES).for_each(|_| converse(&mut session, &[("RCPT TO:<nobody>", "501 ")]));
    converse(&mut session, &[("RCPT TO:<nobody>", "close 421 4.7.0 ")]);
}

#[test]
fn a_guest_sends_without_a_login_and_may_still_log_in() {
    let mut session = opened(Ehlo::Answered, Pass::Guest(member()));
    let message = [
        ("MAIL FROM:<ada@a.test>", "250 "),
        ("RCPT TO:<postmaster>", "250 "),
        ("DATA", "receive for ada, ada@a.test to [\"postmaster@a.test\"]"),
    ];
    converse(&mut session, &[("MAIL FROM:<ada@a.test>", "503 "), ("EHLO me", "250-")]);
    assert_eq!(session.protocol(SmtpUtf8::Absent), "ESMTP");
    converse(&mut session, &message);
    converse(&mut session, &[("AUTH LOGIN", "334 ")]);
    assert!(answer(&mut session, "*").starts_with("501 5.7.0 "));
    converse(&mut session, &message);
    converse(&mut session, &[("AUTH PLAIN AGJvYgBwdw==", "check bob pw")]);
    session.not_logged_in();
    converse(&mut session, &message);
    converse(&mut session, &[("AUTH PLAIN AGJvYgBwdw==", "check bob pw")]);
    let bob = Member { user: "bob", address: Address::new("bob@b.test").unwrap() };
    assert!(written(&session.logged_in(bob, TERMS)).starts_with("235 "));
    assert_eq!(session.protocol(SmtpUtf8::Absent), "ESMTPA");
    converse(
        &mut session,
        &[
            ("AUTH LOGIN", "503 "),
            ("MAIL FROM:<bob@b.test>", "250 "),
            ("RCPT TO:<postmaster>", "250 "),
            ("DATA", "receive for bob, bob@b.test to [\"postmaster@b.test\"]"),
            ("RSET", "250 "),
            ("MAIL FROM:<bob@b.test>", "250 "),
        ],
    );
}

#[test]
fn a_device_whose_connection_is_missing_is_told_to_try_later() {
    let mut session = opened(Ehlo::Answered, Pass::Missing("scans@a.test".to_owned()));
    converse(
        &mut session,
        &[
            ("HELO me", "250 "),
            ("MAIL FROM:<ada@a.test>", "451 4.3.5 The connection scans@a.test,"),
            ("RCPT TO:<b@x.test>", "503 "),
            ("AUTH PLAIN AGFkYQBwdw==", "check ada pw"),
        ],
    );
}

#[test]
fn a_device_without_esmtp_falls_back_to_helo() {
    converse(
        &mut opened(Ehlo::Refused, Pass::None),
        &[
            ("EHLO me", "502 5.5.1 "),
            ("AUTH LOGIN", "503 "),
            ("HELO me", "250 footbridge"),
            ("AUTH PLAIN AGFkYQBwdw==", "check ada pw"),
        ],
    );
}

proptest! {
    #[test]
    fn no_order_of_commands_sends_for_a_stranger_or_panics(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "EHLO x", "HELO x", "AUTH PLAIN", "AUTH LOGIN", "AUTH LOGIN YQ==", "MAIL FROM:<a@b.c>",
                "RCPT TO:<a@b.c>", "DATA", "BDAT 5", "BDAT 0 LAST", "BDAT", "RSET", "NOOP", "VRFY x", "STARTTLS", "HELP", "*", "YQ==",
            ]),
            0..19,
        )
    ) {
        let mut session = greeted();
        for line in lines {
            let heard = match session.phase {
                Phase::Authenticating(_) => answer(&mut session, line),
                _ => say(&mut session, line),
            };
            let is_taken = ["receive", "first", "next"].iter().any(|word| heard.starts_with(word));
            prop_assert!(!is_taken, "{}", heard);
            if heard.starts_with("check") {
                session.not_logged_in();
            }
        }
    }
}
