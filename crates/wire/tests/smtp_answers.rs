//! The SMTP examples of the RFCs: what a client sends reads as the value it means.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use wire::smtp::{
    Address, Bdat, BodyType, ChunkPlace, Command, Event, Limits, Mode, Notify, NotifyEvent, Rcpt,
    Recipient, Ret, Sender, Stream,
};

fn to(text: &str) -> Recipient {
    Recipient::Address(Address::parse(text).unwrap())
}

fn events(bytes: &[u8]) -> Vec<Event> {
    let mut stream = Stream::new(Limits::default());
    stream.push(bytes);
    std::iter::from_fn(|| stream.next()).collect()
}

fn recipient(line: &str) -> Rcpt {
    match &events(format!("{line}\r\n").as_bytes())[..] {
        [Event::Command(Command::Rcpt(rcpt))] => rcpt.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_scenario_of_rfc_5321_appendix_d_1_is_understood() {
    let mut stream = Stream::new(Limits::default());
    stream
        .push(b"EHLO bar.com\r\nMAIL FROM:<Smith@bar.com>\r\nRCPT TO:<Jones@foo.com>\r\nDATA\r\n");
    let mut commands = Vec::new();
    while let Some(event) = stream.next() {
        let Event::Command(command) = event else { panic!("{event:?}") };
        commands.push(command);
    }
    assert_eq!(commands[0], Command::Ehlo("bar.com".to_owned()));
    let smith = Sender::Address(Address::parse("Smith@bar.com").unwrap());
    assert!(matches!(&commands[1], Command::Mail(mail) if mail.sender == smith));
    assert!(matches!(&commands[2], Command::Rcpt(rcpt) if rcpt.recipient == to("Jones@foo.com")));
    assert_eq!(commands[3..], [Command::Data]);
    stream.set_mode(Mode::Data);
    stream.push(b"Blah blah blah...\r\n...etc. etc. etc.\r\n.\r\nQUIT\r\n");
    let message = b"Blah blah blah...\r\n..etc. etc. etc.\r\n".to_vec();
    assert_eq!(stream.next(), Some(Event::Chunk(message)));
    assert_eq!(stream.next(), Some(Event::DataEnd(Ok(37))));
    assert_eq!(stream.next(), Some(Event::Command(Command::Quit)));
}

#[test]
fn the_chunks_of_rfc_3030_section_4_2_are_counted() {
    let mut bytes = b"MAIL FROM:<ned@ymir.claremont.edu> BODY=BINARYMIME\r\n\
        RCPT TO:<gvaudre@cnri.reston.va.us>\r\n\
        RCPT TO:<jstewart@cnri.reston.va.us>\r\n\
        BDAT 100000\r\n"
        .to_vec();
    bytes.extend(vec![0; 100_000]);
    bytes.extend_from_slice(b"BDAT 324\r\n");
    bytes.extend(vec![b'\n'; 324]);
    bytes.extend_from_slice(b"BDAT 0 LAST\r\nQUIT\r\n");
    let events = events(&bytes);
    assert!(
        matches!(&events[0], Event::Command(Command::Mail(mail)) if mail.body == Some(BodyType::BinaryMime))
    );
    let bdat = |octets, place| Event::Command(Command::Bdat(Bdat { octets, place }));
    let expected = [
        bdat(100_000, ChunkPlace::Within),
        Event::Chunk(vec![0; 100_000]),
        Event::ChunkEnd,
        bdat(324, ChunkPlace::Within),
        Event::Chunk(vec![b'\n'; 324]),
        Event::ChunkEnd,
        bdat(0, ChunkPlace::Last),
        Event::ChunkEnd,
        Event::Command(Command::Quit),
    ];
    assert!(events[3..] == expected, "the octets are not where they should be");
}

#[test]
fn the_reports_of_rfc_3461_section_10_1_are_asked_for() {
    let events = events(b"MAIL FROM:<Alice@Pure-Heart.ORG> RET=HDRS ENVID=QQ314159\r\n");
    let [Event::Command(Command::Mail(mail))] = &events[..] else { panic!("{events:?}") };
    assert_eq!((mail.ret, mail.envelope_id.as_deref()), (Some(Ret::Headers), Some("QQ314159")));
    let bob =
        recipient("RCPT TO:<Bob@Big-Bucks.COM> NOTIFY=SUCCESS ORCPT=rfc822;Bob@Big-Bucks.COM");
    assert_eq!(bob.notify, Some(Notify::On(vec![NotifyEvent::Success])));
    assert_eq!(bob.original.as_deref(), Some("rfc822;Bob@Big-Bucks.COM"));
    let dana =
        recipient("RCPT TO:<Dana@Ivory.EDU> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Dana@Ivory.EDU");
    let both = vec![NotifyEvent::Success, NotifyEvent::Failure];
    assert_eq!((dana.recipient, dana.notify), (to("Dana@Ivory.EDU"), Some(Notify::On(both))));
    let fred = recipient("RCPT TO:<Fred@Bombs.AF.MIL> NOTIFY=NEVER");
    assert_eq!((fred.notify, fred.original), (Some(Notify::Never), None));
}
