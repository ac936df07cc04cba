use proptest::prelude::*;

use super::*;
use crate::imap::{Body, MailboxName, MessageSet, parse};

fn small() -> Limits {
    Limits { line_before_login: 40, line: 80, literal_before_login: 10, literal: 20, message: 1000 }
}

/// Takes events; messages are accepted.
fn events(stream: &mut Stream) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = stream.next() {
        if matches!(event, Event::Message(_)) {
            stream.accept();
        }
        events.push(event);
    }
    events
}

fn stream_of(bytes: &[u8]) -> Stream {
    let mut stream = Stream::new(small());
    stream.push(bytes);
    stream
}

fn command(text: &str) -> Event {
    Event::Command(Line::new(text.as_bytes().to_vec()))
}

fn broken(tag: &str, defect: Defect, trust: Trust) -> Event {
    Event::Broken(StreamError { tag: Tag::new(tag.as_bytes()), defect, trust })
}

fn announced(event: Option<Event>) -> MessageLiteral {
    match event {
        Some(Event::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pipelined_lines_come_one_by_one() {
    let mut stream = stream_of(b"a NOOP\r\nb NOOP\n\r\nc LOG");
    assert_eq!(events(&mut stream), [command("a NOOP\r\n"), command("b NOOP\r\n")]);
    stream.push(b"OUT\r\n");
    assert_eq!(events(&mut stream), [command("c LOGOUT\r\n")]);
}

#[test]
fn argument_literals_are_asked_for_and_assembled() {
    let mut stream = stream_of(b"a LOGIN {3}\r\n");
    assert_eq!(events(&mut stream), [Event::Continue]);
    stream.push(b"ada {4+}\r\n{9}\r");
    assert_eq!(events(&mut stream), []);
    stream.push(b"\r\n");
    let [Event::Command(line)] = &events(&mut stream)[..] else { panic!() };
    assert_eq!(line.as_bytes(), b"a LOGIN {3}\r\nada {4+}\r\n{9}\r\r\n");
    let Body::Login { user, password } = parse(line).unwrap().body else { panic!() };
    assert_eq!((user.as_slice(), password.expose().as_slice()), (&b"ada"[..], &b"{9}\r"[..]));
}

#[test]
fn an_accepted_message_is_streamed() {
    let mut stream = stream_of(b"a APPEND {5}\r\n");
    assert_eq!(stream.next(), Some(Event::Continue));
    stream.push(b"inbox (\\Seen) {8}\r\n");
    let message = announced(stream.next());
    assert_eq!((message.size, message.kind), (8, LiteralKind::Synchronizing));
    assert_eq!(message.append.mailbox, MailboxName::inbox());
    assert_eq!(stream.next(), None, "the caller has to decide first");
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Continue));
    stream.push(b"a\0c\r\n");
    assert_eq!(stream.next(), Some(Event::Chunk(b"a\0c\r\n".to_vec())));
    stream.push(b"xyz\r\nb NOOP\r\n");
    let rest = [Event::Chunk(b"xyz".to_vec()), Event::MessageEnd(Ok(())), command("b NOOP\r\n")];
    assert_eq!(events(&mut stream), rest);
}

#[test]
fn a_message_that_comes_at_once_needs_no_continuation() {
    let mut stream = stream_of(b"a APPEND x {2+}\r\nHi\r\nb APPEND x {0}\r\n");
    announced(stream.next());
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Chunk(b"Hi".to_vec())));
    assert_eq!(stream.next(), Some(Event::MessageEnd(Ok(()))));
    announced(stream.next());
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Continue));
    stream.push(b"\r\n");
    assert_eq!(events(&mut stream), [Event::MessageEnd(Ok(()))]);
}

#[test]
fn a_refused_message_is_never_taken_for_commands() {
    let mut stream = stream_of(b"a APPEND x {10+}\r\n1 LOGOUT\r\n\r\nb NOOP\r\n");
    announced(stream.next());
    stream.refuse();
    assert_eq!(events(&mut stream), [command("b NOOP\r\n")]);
    let mut stream = stream_of(b"a APPEND x {10}\r\n");
    announced(stream.next());
    stream.refuse();
    stream.push(b"b NOOP\r\n");
    assert_eq!(events(&mut stream), [command("b NOOP\r\n")]);
}

#[test]
fn a_wrong_append_swallows_what_comes_anyway() {
    let mut stream = stream_of(b"a APPEND x (\\Recent) {3+}\r\nabc\r\nb NOOP\r\n");
    let events = events(&mut stream);
    let [Event::Bad(bad), second] = &events[..] else { panic!("{events:?}") };
    assert_eq!(bad.tag, Tag::new(b"a"));
    assert_eq!(*second, command("b NOOP\r\n"));
}

#[test]
fn text_after_a_message_undoes_the_append() {
    for tail in [" (\\Seen)", " (\\Recent) {2+}\r\nyz", " x {2+}\r\nyz", ")", "{2+}\r\nyz"] {
        let mut stream =
            stream_of(format!("a APPEND x {{1+}}\r\nx{tail}\r\nb NOOP\r\n").as_bytes());
        let events = events(&mut stream);
        assert!(matches!(&events[2], Event::MessageEnd(Err(bad)) if bad.tag == Tag::new(b"a")));
        assert_eq!(events[3..], [command("b NOOP\r\n")], "{tail}");
    }
}

#[test]
fn several_messages_of_one_append_follow_each_other() {
    let mut stream =
        stream_of(b"a APPEND x (\\Seen) {1+}\r\nx \"17-Jul-1996 02:44:25 -0700\" {2}\r\n");
    let first = announced(stream.next());
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Chunk(b"x".to_vec())));
    let second = announced(stream.next());
    assert_eq!((&second.tag, &second.append.mailbox), (&first.tag, &first.append.mailbox));
    assert_eq!((second.append.flags.len(), second.size), (0, 2));
    assert!(second.append.date.is_some());
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Continue));
    stream.push(b"yz\r\nb NOOP\r\n");
    let rest = [Event::Chunk(b"yz".to_vec()), Event::MessageEnd(Ok(())), command("b NOOP\r\n")];
    assert_eq!(events(&mut stream), rest);
}

#[test]
fn after_a_refusal_the_rest_of_an_append_is_let_go_by() {
    let mut stream = stream_of(b"a APPEND x {1+}\r\nx {2+}\r\nyz {3+}\r\nabc\r\nb NOOP\r\n");
    announced(stream.next());
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Chunk(b"x".to_vec())));
    announced(stream.next());
    stream.refuse();
    assert_eq!(events(&mut stream), [command("b NOOP\r\n")]);
}

#[test]
fn a_replace_has_one_message() {
    let mut stream = stream_of(b"a UID REPLACE 7 x {1+}\r\nx {2+}\r\nyz\r\nb NOOP\r\n");
    let events = events(&mut stream);
    let [Event::Message(message), Event::Chunk(_), Event::MessageEnd(Err(_)), last] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(matches!(message.verb, FilingVerb::Replace(MessageSet::Uid(_))));
    assert_eq!(*last, command("b NOOP\r\n"));
}

#[test]
fn a_literal8_is_told_from_a_literal_and_utf8_has_an_end() {
    let mut stream = stream_of(b"a APPEND x ~{1+}\r\n\0 UTF8 (~{2}\r\n");
    let first = announced(stream.next());
    assert_eq!((first.octets, first.wrapping), (Octets::Any, Wrapping::Bare));
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Chunk(b"\0".to_vec())));
    assert_eq!(announced(stream.next()).wrapping, Wrapping::Utf8);
    stream.accept();
    assert_eq!(stream.next(), Some(Event::Continue));
    stream.push(b"yz)\r\nb NOOP\r\n");
    let rest = [Event::Chunk(b"yz".to_vec()), Event::MessageEnd(Ok(())), command("b NOOP\r\n")];
    assert_eq!(events(&mut stream), rest);
    let mut stream = stream_of(b"a APPEND x UTF8 (~{2+}\r\nyz\r\n");
    assert!(matches!(events(&mut stream)[2], Event::MessageEnd(Err(_))));
}

#[test]
fn a_message_beyond_the_limit_is_refused_before_it_is_read() {
    let too_large = broken("a", Defect::MessageTooLarge, Trust::Kept);
    let mut stream = stream_of(b"a APPEND x {1001}\r\nb NOOP\r\n");
    assert_eq!(events(&mut stream), [too_large.clone(), command("b NOOP\r\n")]);
    let mut stream = stream_of(b"a APPEND x {1001+}\r\n");
    assert_eq!(events(&mut stream), [too_large]);
    stream.push(&[b'\n'; 1001]);
    stream.push(b"\r\nb NOOP\r\n");
    assert_eq!(events(&mut stream), [command("b NOOP\r\n")]);
}

#[test]
fn what_waits_to_be_asked_for_is_refused_however_large_it_is() {
    for suffix in ["{4294967296}", "{99999999999}"] {
        let mut stream = stream_of(format!("a LOGIN {suffix}\r\nb LOGOUT\r\n").as_bytes());
        let refused = broken("a", Defect::LiteralTooLarge, Trust::Kept);
        let events = events(&mut stream);
        assert_eq!(events[0], refused, "{suffix}");
        assert!(matches!(events[1..], [Event::Command(_)]), "{suffix}");
    }
}

#[test]
fn malformed_announcements_end_the_stream() {
    for suffix in [
        "{99999999999+}",
        "{99999999999999999999}",
        "{}",
        "{+}",
        "{-5}",
        "{5-}",
        "{5++}",
        "{ 5}",
        "{5 }",
        "{5} ",
        "{x}",
        "{5}\0}",
    ] {
        let mut stream = stream_of(format!("a LOGIN {suffix}\r\nb LOGOUT\r\n").as_bytes());
        let lost = broken("a", Defect::MalformedLiteral, Trust::Lost);
        assert_eq!(events(&mut stream), [lost], "{suffix}");
        stream.push(b"c LOGOUT\r\n");
        assert_eq!(stream.next(), None);
        assert_eq!(stream.buffered(), 0);
    }
}

#[test]
fn braces_that_announce_nothing_are_text() {
    for line in [
        "a LOGIN x y}\r\n",
        "a LOGIN x \"{5}\"\r\n",
        "a LOGIN \"{5\" x}\r\n",
        "a LOGIN x{5}y\r\n",
        "a LOGIN \"\\\"{\" }\r\n",
    ] {
        assert_eq!(events(&mut stream_of(line.as_bytes())), [command(line)], "{line}");
    }
}

#[test]
fn an_announcement_inside_open_quotes_still_counts() {
    let mut stream = stream_of(b"a LOGIN \"{8+}\r\nb LOGOUT\r\nc NOOP\r\n");
    let events = events(&mut stream);
    let [Event::Command(line), second] = &events[..] else { panic!("{events:?}") };
    assert!(parse(line).is_err());
    assert_eq!(*second, command("c NOOP\r\n"));
}

#[test]
fn argument_literals_have_a_budget_for_the_whole_command() {
    let kept = broken("a", Defect::LiteralTooLarge, Trust::Kept);
    let mut stream = stream_of(b"a LOGIN {11}\r\nb NOOP\r\n");
    assert_eq!(events(&mut stream), [kept, command("b NOOP\r\n")]);
    let lost = broken("a", Defect::LiteralTooLarge, Trust::Lost);
    assert_eq!(stream_of(b"a LOGIN {11+}\r\n").next().as_ref(), Some(&lost));
    assert_eq!(events(&mut stream_of(b"a LOGIN {6+}\r\n123456 {6+}\r\n")), [lost]);
    let mut stream = stream_of(b"a X {20}\r\n");
    stream.logged_in();
    assert_eq!(events(&mut stream), [Event::Continue]);
}

#[test]
fn lines_have_a_budget_for_the_whole_command() {
    let lost = |tag| broken(tag, Defect::LineTooLong, Trust::Lost);
    assert_eq!(events(&mut stream_of(&[b'x'; 42])), [lost("")]);
    let mut line = vec![b'x'; 39];
    line.extend_from_slice(b"\r\n");
    assert!(matches!(events(&mut stream_of(&line))[..], [Event::Command(_)]));
    let mut stream =
        stream_of(b"a X {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\n");
    assert_eq!(events(&mut stream), [lost("a")]);
    let mut stream = stream_of(b"");
    stream.logged_in();
    stream.push(&line);
    assert!(matches!(events(&mut stream)[..], [Event::Command(_)]));
}

#[test]
fn nul_is_answered_and_ends_the_stream_only_before_a_literal() {
    let mut stream = stream_of(b"a NO\0OP\r\nb NOOP\r\n");
    let kept = broken("a", Defect::Nul, Trust::Kept);
    assert_eq!(events(&mut stream), [kept, command("b NOOP\r\n")]);
    let lost = broken("a", Defect::Nul, Trust::Lost);
    assert_eq!(events(&mut stream_of(b"a LOGIN \0 {3+}\r\nabc\r\n")), [lost]);
}

#[test]
fn data_lines_are_secret_and_hold_no_literals() {
    let mut stream = stream_of(b"a IDLE\r\nDONE\r\nb NOOP\r\n");
    assert_eq!(stream.next(), Some(command("a IDLE\r\n")));
    stream.set_mode(Mode::Data);
    assert_eq!(stream.next(), Some(Event::Data(Secret::new(b"DONE".to_vec()))));
    stream.set_mode(Mode::Command);
    assert_eq!(stream.next(), Some(command("b NOOP\r\n")));
    let mut stream = stream_of(b"\r\n{5+}\r\n");
    stream.set_mode(Mode::Data);
    assert_eq!(stream.next(), Some(Event::Data(Secret::new(Vec::new()))));
    assert_eq!(stream.next(), Some(Event::Data(Secret::new(b"{5+}".to_vec()))));
}

#[test]
fn nothing_a_client_sends_is_printed() {
    let mut stream = stream_of(b"a LOGIN ada swordfish\r\nmore swordfish");
    let event = stream.next();
    assert!(!format!("{event:?}{stream:?}").contains("swordfish"));
}

/// Chunks joined, so that only what a client would notice is compared.
fn outcome(pieces: &[&[u8]]) -> Vec<Event> {
    let mut stream = Stream::new(small());
    let mut outcome: Vec<Event> = Vec::new();
    for piece in pieces {
        stream.push(piece);
        for event in events(&mut stream) {
            match (outcome.last_mut(), event) {
                (Some(Event::Chunk(before)), Event::Chunk(more)) => before.extend(more),
                (_, event) => outcome.push(event),
            }
        }
    }
    outcome
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_makes_no_difference(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("a NOOP\r\n"), Just("a LOGIN {3}\r\nabc x\r\n"), Just("b APPEND x {4+}\r\nabcd\r\n"),
                Just("b APPEND x {12}\r\n{3+}\r\n{3+}\r\n\r\n"), Just("c APPEND x (\\Recent) {2+}\r\n\r\n\r\n"),
                Just("d APPEND x {2000+}\r\n"), Just("e X {5+}\r\n"), Just("\r\n"), Just("\n"), Just("{3}"),
                Just("\"{1}\r\n"), Just("f LOGIN \"{5}\" x}\r\n"), Just("\0"), Just(" {9999999999}\r\n"),
            ],
            0..8,
        ),
        cut in 0_usize..150,
    ) {
        let bytes = pieces.concat().into_bytes();
        let cut = cut.min(bytes.len());
        let whole = outcome(&[&bytes]);
        prop_assert_eq!(&outcome(&[&bytes[..cut], &bytes[cut..]]), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&outcome(&single), &whole);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for event in events(&mut stream_of(&bytes)) {
            if let Event::Command(line) = event {
                let _ = parse(&line);
            }
        }
    }

    #[test]
    fn almost_commands_are_read_without_panic(
        words in prop::collection::vec(
            prop_oneof![
                Just("UID "), Just("FETCH "), Just("1:* "), Just("(BODY["), Just("]<0.1>"), Just("HEADER.FIELDS ("),
                Just("SEARCH "), Just("OR "), Just("NOT "), Just("STORE "), Just("+FLAGS "), Just("\\Seen"), Just(")"),
                Just("LIST "), Just("\"\" "), Just("RETURN ("), Just("{3+}\r\nabc"), Just("{1}\r\n"), Just("\""), Just(" "),
                Just("APPEND "), Just("x "), Just("STATUS "), Just("(USE ("), Just("CREATE "), Just("LOGIN "), Just("ID ("),
                Just("\u{e4}"), Just("*"), Just("4294967296"), Just("CHARSET "),
            ],
            0..12,
        ),
    ) {
        let line = format!("a {}\r\n", words.concat());
        let _ = parse(&Line::new(line.clone().into_bytes()));
        let mut stream = Stream::new(Limits::default());
        stream.push(line.as_bytes());
        events(&mut stream);
    }
}
