//! Conversations with the state machine.

use proptest::prelude::*;
use wire::smtp::parse;

use super::*;

const LIMIT: u64 = 1000;

/// What one line leads to, in a form that is easy to compare.
fn say(session: &mut Session<&'static str>, line: &str) -> String {
    let action = match parse(line.as_bytes()) {
        Ok(command) => session.command(command),
        Err(invalid) => session.invalid(invalid),
    };
    told(action)
}

fn answer(session: &mut Session<&'static str>, line: &str) -> String {
    told(session.auth_line(&Secret::new(line.as_bytes().to_vec())))
}

fn told(action: Action<&'static str>) -> String {
    match action {
        Action::Reply(reply) => written(&reply),
        Action::Challenge(reply) => written(&reply),
        Action::Check(credentials) => {
            let password = credentials.password.expose();
            let [user, password] = [&credentials.user, password]
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            format!("check {user} {password}")
        }
        Action::Receive { user, envelope, limit } => {
            format!(
                "receive for {user}, {} to {:?}, {limit}",
                envelope.sender.unwrap(),
                envelope.recipients
            )
        }
        Action::StartTls(reply) => format!("tls {}", written(&reply)),
        Action::Close(reply) => format!("close {}", written(&reply)),
    }
}

fn written(reply: &Reply) -> String {
    let mut out = Vec::new();
    reply.write(&mut out);
    String::from_utf8(out).unwrap().trim_end_matches("\r\n").to_owned()
}

fn greeted() -> Session<&'static str> {
    Session::new(LIMIT, Security::Plain)
}

fn ready() -> Session<&'static str> {
    let mut session = greeted();
    assert!(say(&mut session, "EHLO me").starts_with("250-"));
    assert_eq!(say(&mut session, "AUTH PLAIN AGFkYQBwdw=="), "check ada pw");
    assert!(written(&session.logged_in("ada", LIMIT)).starts_with("235 2.7.0 "));
    session
}

/// Says the lines and compares the starts of the answers.
fn converse(session: &mut Session<&'static str>, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let heard = say(session, line);
        assert!(heard.starts_with(expected), "{line}: {heard}, not {expected}");
    }
}

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
            ("DATA", "receive for ada, ada@a.test to [b@x.test, c@x.test], 1000"),
            ("DATA", "503 5.5.1 "),
            ("MAIL FROM:<ada@a.test>", "250 2.1.0 "),
        ],
    );
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
fn what_cannot_be_done_is_refused_in_so_many_words() {
    converse(
        &mut ready(),
        &[
            ("MAIL FROM:<>", "550 5.7.1 "),
            ("MAIL FROM:<ada@a.test> SMTPUTF8", "555 5.5.4 "),
            ("MAIL FROM:<ada@a.test> BODY=BINARYMIME", "555 5.5.4 "),
            ("MAIL FROM:<ada@a.test> RET=HDRS", "555 5.5.4 "),
            ("MAIL FROM:<ada@a.test>", "250 "),
            ("MAIL FROM:<ada@a.test>", "503 "),
            ("RCPT TO:<postmaster>", "553 5.1.3 "),
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
fn a_message_has_a_limit_of_recipients() {
    let mut session = ready();
    converse(&mut session, &[("MAIL FROM:<ada@a.test>", "250 ")]);
    for number in 0..RECIPIENTS {
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
fn who_makes_nothing_but_mistakes_is_sent_away() {
    let mut session = greeted();
    for _ in 1..MISTAKES {
        converse(&mut session, &[("GET / HTTP/1.1", "500 ")]);
    }
    converse(&mut session, &[("GET / HTTP/1.1", "close 421 4.7.0 ")]);
}

proptest! {
    #[test]
    fn no_order_of_commands_sends_for_a_stranger_or_panics(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "EHLO x", "HELO x", "AUTH PLAIN", "AUTH LOGIN", "AUTH LOGIN YQ==", "MAIL FROM:<a@b.c>",
                "RCPT TO:<a@b.c>", "DATA", "RSET", "NOOP", "VRFY x", "STARTTLS", "HELP", "*", "YQ==",
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
            prop_assert!(!heard.starts_with("receive"), "{}", heard);
            if heard.starts_with("check") {
                session.not_logged_in();
            }
        }
    }
}
