//! Framing, cut at every place.

use proptest::prelude::*;

use super::*;
use crate::smtp::ChunkPlace;

fn events(stream: &mut Stream) -> Vec<Event> {
    std::iter::from_fn(|| stream.next()).collect()
}

fn stream_of(bytes: &[u8]) -> Stream {
    let mut stream = Stream::new(Limits::default());
    stream.push(bytes);
    stream
}

#[test]
fn pipelined_commands_come_one_by_one() {
    let mut stream = stream_of(b"RSET\r\nNOOP\r\nQU");
    assert_eq!(events(&mut stream), [Event::Command(Command::Rset), Event::Command(Command::Noop)]);
    stream.push(b"IT\r\n");
    assert_eq!(events(&mut stream), [Event::Command(Command::Quit)]);
    assert_eq!(stream.buffered(), 0);
}

#[test]
fn a_line_without_carriage_return_is_refused() {
    let mut stream = stream_of(b"NOOP\nQUIT\r\n\n");
    let bare = Event::Invalid(Invalid::BareLineBreak);
    assert_eq!(events(&mut stream), [bare.clone(), Event::Command(Command::Quit), bare]);
}

#[test]
fn an_endless_line_is_dropped_and_answered_once() {
    let mut stream = Stream::new(Limits::default());
    for sent in 1..100 {
        stream.push(&[b'x'; 1000]);
        assert_eq!(stream.next(), None);
        let held = if sent <= 12 { sent * 1000 } else { 0 };
        assert_eq!(stream.buffered(), held);
    }
    stream.push(b"\r\nNOOP\r\n");
    let too_long = Event::Invalid(Invalid::LineTooLong);
    assert_eq!(events(&mut stream), [too_long, Event::Command(Command::Noop)]);
}

#[test]
fn only_auth_may_be_long() {
    let token = "A".repeat(8000);
    let mut stream = stream_of(format!("AUTH XOAUTH2 {token}\r\nNOOP {token}\r\n").as_bytes());
    let events = events(&mut stream);
    assert!(matches!(events[0], Event::Command(Command::Auth { .. })));
    assert_eq!(events[1..], [Event::Invalid(Invalid::LineTooLong)]);
}

#[test]
fn an_auth_line_that_is_too_long_is_called_so() {
    let token = "A".repeat(13_000);
    let too_long = Event::Invalid(Invalid::AuthTooLong);
    let mut stream = stream_of(format!("auth PLAIN {token}\r\nNOOP\r\n").as_bytes());
    assert_eq!(events(&mut stream), [too_long.clone(), Event::Command(Command::Noop)]);
    stream.set_mode(Mode::Auth);
    stream.push(&token.as_bytes()[..12_500]);
    assert_eq!(stream.next(), None);
    stream.push(b"A\r\n");
    assert_eq!(stream.next(), Some(too_long));
    let mut reply = Vec::new();
    Invalid::AuthTooLong.reply().write(&mut reply);
    assert!(reply.starts_with(b"500 5.5.6 "), "{}", reply.escape_ascii());
}

#[test]
fn data_ends_and_commands_go_on() {
    let mut stream = stream_of(b"DATA\r\n");
    assert_eq!(stream.next(), Some(Event::Command(Command::Data)));
    stream.set_mode(Mode::Data);
    stream.push(b"Hi\r\n..\r\n.\r\nQUIT\r\n");
    let expected = [
        Event::Chunk(b"Hi\r\n.\r\n".to_vec()),
        Event::DataEnd(Ok(7)),
        Event::Command(Command::Quit),
    ];
    assert_eq!(events(&mut stream), expected);
}

#[test]
fn sasl_responses_are_secret_lines() {
    let mut stream = stream_of(b"dXNlcg==\r\n*\r\n");
    stream.set_mode(Mode::Auth);
    assert_eq!(format!("{:?}", stream.next()), "Some(Auth([redacted]))");
    assert_eq!(stream.next(), Some(Event::Auth(Secret::new(b"*".to_vec()))));
    stream.set_mode(Mode::Command);
    assert_eq!(stream.next(), None);
}

/// Chunks joined: how the network cut them is no one's business.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(Event::Chunk(last)), Event::Chunk(more)) => last.extend(more),
            (_, event) => joined.push(event),
        }
    }
    joined
}

fn bdat(octets: u64, place: ChunkPlace) -> Event {
    Event::Command(Command::Bdat(Bdat { octets, place }))
}

#[test]
fn bdat_takes_exactly_its_octets_whatever_they_are() {
    let mut stream = stream_of(b"BDAT 9\r\nQUIT\r\n.\r\nBDAT 0 LAST\r\nNOOP\r\n");
    let expected = [
        bdat(9, ChunkPlace::Within),
        Event::Chunk(b"QUIT\r\n.\r\n".to_vec()),
        Event::ChunkEnd,
        bdat(0, ChunkPlace::Last),
        Event::ChunkEnd,
        Event::Command(Command::Noop),
    ];
    assert_eq!(events(&mut stream), expected);
}

#[test]
fn a_mode_cannot_take_octets_from_a_chunk() {
    let mut stream = stream_of(b"BDAT 6\r\n");
    assert_eq!(stream.next(), Some(bdat(6, ChunkPlace::Within)));
    stream.set_mode(Mode::Command);
    stream.push(b"RSET\r\nNOOP\r\n");
    let expected =
        [Event::Chunk(b"RSET\r\n".to_vec()), Event::ChunkEnd, Event::Command(Command::Noop)];
    assert_eq!(events(&mut stream), expected);
}

#[test]
fn nothing_is_a_command_behind_a_bdat_that_does_not_say_how_much_follows() {
    let long = format!("BDAT 4 LAST{}\r\n", " ".repeat(3000));
    let endless = format!("BDAT 4{}\r\n", " ".repeat(20_000));
    for line in
        ["BDAT\r\n", "BDAT 4 FIRST\r\n", "BDAT 4\n", "bdat\t4x\r\n", " BDAT 4\n", &long, &endless]
    {
        let mut stream = stream_of(line.as_bytes());
        assert_eq!(events(&mut stream), [Event::Invalid(Invalid::ChunkSize)], "{line:?}");
        stream.set_mode(Mode::Command);
        stream.push(b"QUIT\r\n");
        assert_eq!(events(&mut stream), [], "{line:?}");
        assert_eq!(stream.buffered(), 0);
    }
}

#[test]
fn a_chunk_larger_than_memory_passes_through() {
    let mut stream = stream_of(b"BDAT 18446744073709551615 LAST\r\n");
    assert_eq!(stream.next(), Some(bdat(u64::MAX, ChunkPlace::Last)));
    for _ in 0..1000 {
        stream.push(&[b'x'; 1000]);
        assert_eq!(events(&mut stream), [Event::Chunk(vec![b'x'; 1000])]);
        assert_eq!(stream.buffered(), 0);
    }
}

proptest! {
    #[test]
    fn a_group_with_chunks_cut_anywhere_gives_the_same_events(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5),
        cut in 0_usize..200,
        second in 0_usize..200,
    ) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            bytes.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
        }
        bytes.extend_from_slice(b"RSET\r\n");
        let whole = events(&mut stream_of(&bytes));
        prop_assert_eq!(whole.iter().filter(|event| **event == Event::ChunkEnd).count(), chunks.len());
        prop_assert_eq!(whole.last(), Some(&Event::Command(Command::Rset)));
        let (first, last) = (cut.min(second).min(bytes.len()), cut.max(second).min(bytes.len()));
        let mut stream = Stream::new(Limits::default());
        let mut cut_events = Vec::new();
        for piece in [&bytes[..first], &bytes[first..last], &bytes[last..]] {
            stream.push(piece);
            cut_events.extend(events(&mut stream));
        }
        prop_assert_eq!(joined(cut_events), whole);
    }

    #[test]
    fn any_bytes_cut_anywhere_give_the_same_events(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n')], 0..200),
        cut in 0_usize..200,
    ) {
        let cut = cut.min(bytes.len());
        let whole = events(&mut stream_of(&bytes));
        let mut stream = stream_of(&bytes[..cut]);
        let mut cut_events = events(&mut stream);
        stream.push(&bytes[cut..]);
        cut_events.extend(events(&mut stream));
        prop_assert_eq!(whole, cut_events);
    }
}
