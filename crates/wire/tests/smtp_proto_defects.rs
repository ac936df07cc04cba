//! The crate smtp-proto was looked at and left (its defects as of 0.2.5: empty messages, stray CRs, lost quotes and the
//! like). Each test here shows that our own grammar and framing have none of them; the number is the one in that list.

use wire::smtp::{
    Bdat, ChunkPlace, Command, DataError, DataReader, Event, Limits, Mail, Mechanism, Mode, Rcpt,
    Recipient, Reply, Sender, Stream, parse,
};

/// The message that comes out of data which is read in these pieces, each drained at once.
fn drained(pieces: &[&[u8]]) -> (Vec<u8>, Option<Result<u64, DataError>>) {
    let (mut reader, mut message) = (DataReader::new(1000), Vec::new());
    for piece in pieces {
        let mut out = Vec::new();
        let (_, end) = reader.read(piece, &mut out);
        message.extend(out);
        if end.is_some() {
            return (message, end);
        }
    }
    (message, None)
}

fn mail(line: &str) -> Mail {
    match parse(line.as_bytes()) {
        Ok(Command::Mail(mail)) => mail,
        other => panic!("{other:?}"),
    }
}

fn rcpt(line: &str) -> Rcpt {
    match parse(line.as_bytes()) {
        Ok(Command::Rcpt(rcpt)) => rcpt,
        other => panic!("{other:?}"),
    }
}

fn sender(line: &str) -> String {
    match mail(line).sender {
        Sender::Address(address) => address.to_string(),
        Sender::Null | Sender::Local(_) => panic!("no address"),
    }
}

#[test]
fn defect_1_an_empty_message_ends_with_its_first_line() {
    assert_eq!(drained(&[b".\r\n"]), (Vec::new(), Some(Ok(0))));
}

#[test]
fn defect_1_a_first_line_of_two_dots_loses_one() {
    assert_eq!(drained(&[b"..\r\n.\r\n"]), (b".\r\n".to_vec(), Some(Ok(3))));
}

#[test]
fn defect_2_no_stray_carriage_return_is_left_wherever_the_end_is_cut() {
    let data = b"Hi\r\n\r\n.\r\n";
    for cut in 0..=data.len() {
        for second in cut..=data.len() {
            let (message, end) = drained(&[&data[..cut], &data[cut..second], &data[second..]]);
            assert_eq!((message.as_slice(), end), (&data[..6], Some(Ok(6))), "{cut} {second}");
        }
    }
}

#[test]
fn defect_3_an_address_needs_no_angle_brackets() {
    assert_eq!(sender("MAIL FROM:a@b.c"), "a@b.c");
    assert_eq!(sender("MAIL FROM: a@b.c SIZE=10"), "a@b.c");
}

#[test]
fn defect_3_postmaster_is_not_an_empty_address() {
    assert_eq!(rcpt("RCPT TO:<postmaster>").recipient, Recipient::Postmaster);
    assert!(parse(b"RCPT TO:<>").is_err());
}

#[test]
fn defect_3_an_address_literal_is_a_domain() {
    assert_eq!(sender("MAIL FROM:<a@[10.0.0.1]>"), "a@[10.0.0.1]");
    assert_eq!(sender("MAIL FROM:<a@[IPv6:fe80::1]>"), "a@[IPv6:fe80::1]");
}

#[test]
fn defect_3_a_local_part_keeps_the_quotes_it_needs() {
    assert_eq!(sender("MAIL FROM:<\"john doe\"@x>"), "\"john doe\"@x");
    assert_eq!(sender("MAIL FROM:<\"a\\\"b\"@x>"), "\"a\\\"b\"@x");
}

#[test]
fn defect_3_an_original_recipient_may_be_in_utf8() {
    let rcpt = rcpt("RCPT TO:<j@x> ORCPT=utf-8;j\\x{F6}rg@x");
    assert_eq!(rcpt.original.as_deref(), Some("utf-8;jörg@x"));
}

#[test]
fn defect_4_a_size_beyond_64_bits_is_a_very_large_size() {
    assert_eq!(mail("MAIL FROM:<a@b> SIZE=18446744073709552615").size, Some(u64::MAX));
}

#[test]
fn defect_4_an_unknown_mechanism_keeps_its_name() {
    let Ok(Command::Auth { mechanism, .. }) = parse(b"AUTH SCRAM-SHA-256") else { panic!() };
    assert_eq!(mechanism, Mechanism::Other("SCRAM-SHA-256".to_owned()));
}

#[test]
fn defect_4_a_long_token_is_neither_refused_nor_cut_short() {
    let token = "QUFB".repeat(2500);
    let line = format!("AUTH XOAUTH2 {token}\r\n");
    let mut stream = Stream::new(Limits::default());
    let mut events = Vec::new();
    for piece in line.as_bytes().chunks(1000) {
        stream.push(piece);
        events.extend(std::iter::from_fn(|| stream.next()));
    }
    let [Event::Command(Command::Auth { initial: Some(initial), .. })] = &events[..] else {
        panic!("{} events", events.len())
    };
    assert_eq!(initial.expose().len(), 7500);
    stream.set_mode(Mode::Auth);
    stream.push(format!("{token}\r\n").as_bytes());
    let Some(Event::Auth(response)) = stream.next() else { panic!("no response") };
    assert_eq!(response.expose(), token.as_bytes());
}

#[test]
fn defect_4_ehlo_says_what_it_is_given_and_nothing_else() {
    let mut out = Vec::new();
    Reply::ehlo("footbridge", ["LIMITS RCPTMAX=500".into(), "HELP".into()]).write(&mut out);
    let written = String::from_utf8(out).unwrap();
    assert_eq!(written, "250-footbridge\r\n250-LIMITS RCPTMAX=500\r\n250 HELP\r\n");
}

#[test]
fn what_was_right_there_is_right_here() {
    let bdat = Bdat { octets: 86, place: ChunkPlace::Last };
    assert_eq!(parse(b"BDAT 86 LAST"), Ok(Command::Bdat(bdat)));
    let smuggled = b"a\n.\nb\r.\rc\r\n.\nd\r\n.\r\n";
    assert_eq!(drained(&[smuggled]).1, Some(Err(DataError::BareLineBreak)));
}
