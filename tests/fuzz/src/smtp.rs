//! The SMTP stream: the cut of the network does not show; a message comes out as it went in, by DATA or in counted
//! chunks; and no octets within one are ever taken for its end or for commands.

use arbitrary::{Arbitrary, Result, Unstructured};
use wire::smtp::{
    Address, Bdat, ChunkPlace, Command, DataError, Event, Invalid, Limits, LineBreaks, Mail, Mode,
    Notify, Rcpt, Recipient, Script, Sender, Stream,
};

use crate::chance::{Chance, splits};
use crate::memory;

/// Small, so that small inputs reach them; a line still holds DSN parameters.
const LIMITS: Limits = Limits { command_line: 128, auth_line: 160, message: 256 };
const HELD: usize = 16 * 1024;
/// Every octet may be an event, in a list that doubles as it grows.
const FOR_EACH_OCTET: usize = 3 * size_of::<Event>();

pub fn check(data: &[u8]) {
    let taken = Chance::of(data).heads();
    let mut splits = splits(data).into_iter();
    let whole = drive(taken, splits.next().unwrap());
    for reads in splits {
        assert_eq!(drive(taken, reads), whole, "the cut of the stream shows");
    }
    whole.iter().for_each(inspect);
    any_data(data);
    conversation(data);
}

/// A session's part; `taken` says whether DATA is answered by 354.
fn drive(taken: bool, reads: Vec<&[u8]>) -> Vec<Event> {
    let mut stream = Stream::new(LIMITS);
    let mut events = Vec::new();
    for read in reads {
        let met = memory::within(HELD + FOR_EACH_OCTET * read.len(), || {
            stream.push(read);
            let mut met = Vec::new();
            while let Some(event) = stream.next() {
                react(&mut stream, taken, &event);
                met.push(event);
            }
            met
        });
        assert!(stream.buffered() <= LIMITS.auth_line, "{} octets wait", stream.buffered());
        met.into_iter().for_each(|event| add(&mut events, event));
    }
    // How much of a message is handed out before it is too large, or before its end, is a matter of the cut.
    events.pop_if(|event| matches!(event, Event::Chunk(_)));
    events
}

fn react(stream: &mut Stream, taken: bool, event: &Event) {
    match event {
        Event::Command(Command::Data) if taken => stream.set_mode(Mode::Data),
        Event::Command(Command::Auth { initial: None, .. }) => stream.set_mode(Mode::Auth),
        Event::Auth(_) => stream.set_mode(Mode::Command),
        _ => {}
    }
}

fn add(events: &mut Vec<Event>, event: Event) {
    match (events.last_mut(), event) {
        (Some(Event::Chunk(last)), Event::Chunk(more)) => last.extend(more),
        (Some(last @ Event::Chunk(_)), Event::DataEnd(Err(error))) => {
            *last = Event::DataEnd(Err(error));
        }
        (_, event) => events.push(event),
    }
}

fn inspect(event: &Event) {
    match event {
        Event::Invalid(invalid) => {
            let mut reply = Vec::new();
            invalid.reply().write(&mut reply);
            assert!(is_reply(&reply), "{}", reply.escape_ascii());
        }
        Event::Command(Command::Mail(mail)) => inspect_mail(mail),
        Event::Command(Command::Rcpt(rcpt)) => inspect_rcpt(rcpt),
        _ => {}
    }
}

fn inspect_mail(mail: &Mail) {
    if let Sender::Address(address) = &mail.sender {
        inspect_address(address);
    }
    if let Some(id) = &mail.envelope_id {
        assert!(!id.is_empty() && id.len() <= 100, "{id:?}");
        assert!(id.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{id:?}");
    }
}

fn inspect_rcpt(rcpt: &Rcpt) {
    if let Recipient::Address(address) = &rcpt.recipient {
        inspect_address(address);
        assert!(address.is_ascii() || rcpt.script == Script::Utf8);
    }
    if let Some(Notify::On(events)) = &rcpt.notify {
        let is_alone = |(at, event)| !events[..at].contains(event);
        assert!(!events.is_empty() && events.iter().enumerate().all(is_alone), "{events:?}");
    }
    if let Some(original) = &rcpt.original {
        assert!(original.contains(';') && !original.chars().any(char::is_control), "{original:?}");
    }
}

/// It can stand in a header without ending its line or being taken for another.
fn inspect_address(address: &Address) {
    assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(address));
    let is_clean = |c: char| !c.is_control() && (c == ' ' || !c.is_whitespace());
    assert!(address.as_str().chars().all(is_clean), "{address}");
    assert_eq!(format!("{}@{}", address.local_part(), address.domain()), address.as_str());
}

/// `ddd[- ]text CRLF`, all lines with one code, the last with a space (RFC 5321 section 4.2).
fn is_reply(reply: &[u8]) -> bool {
    let Some(text) = reply.strip_suffix(b"\r\n") else { return false };
    let lines: Vec<&str> = std::str::from_utf8(text).unwrap().split("\r\n").collect();
    lines.iter().enumerate().all(|(index, line)| {
        let sign = if index + 1 == lines.len() { " " } else { "-" };
        line.len() >= 4
            && line.bytes().all(|octet| (b' '..=b'~').contains(&octet))
            && line[..3] == lines[0][..3]
            && line[3..].starts_with(sign)
    })
}

// === data, against a reading that has all of it at once ===

/// Octets after 354, and commands behind their end.
fn any_data(data: &[u8]) {
    let told = told_at_once(data);
    for reads in splits(data) {
        let mut stream = Stream::new(LIMITS);
        stream.set_mode(Mode::Data);
        let (mut message, mut end) = (Vec::new(), None);
        for read in reads {
            stream.push(read);
            while end.is_none() {
                match stream.next() {
                    Some(Event::Chunk(chunk)) => message.extend(chunk),
                    Some(Event::DataEnd(told)) => end = Some(told),
                    Some(other) => panic!("{other:?} within the data"),
                    None => break,
                }
            }
        }
        let Some((expected, after)) = &told else {
            assert_eq!(end, None, "the data has no end");
            continue;
        };
        match expected {
            Ok(expected) => {
                assert_eq!(end, Some(Ok(expected.len() as u64)));
                assert_eq!(&message, expected);
            }
            Err(error) => assert_eq!(end, Some(Err(*error))),
        }
        assert_eq!(stream.buffered(), after.len(), "the data ends elsewhere");
    }
}

/// The message, or why it is refused.
type Told = std::result::Result<Vec<u8>, DataError>;

/// RFC 5321 section 4.5.2 line by line, and what follows the data.
fn told_at_once(data: &[u8]) -> Option<(Told, &[u8])> {
    let (mut message, mut rest, mut bare) = (Vec::new(), data, false);
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line == b"." {
            break;
        }
        bare |= line.iter().any(|octet| b"\r\n".contains(octet));
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        message.extend_from_slice(b"\r\n");
    }
    let told = match message.len() as u64 > LIMITS.message {
        true => Err(DataError::TooLarge),
        false if bare => Err(DataError::BareLineBreak),
        false => Ok(message),
    };
    Some((told, rest))
}

// === a conversation that was made ===

#[derive(Arbitrary, Debug)]
enum Said {
    Noop,
    Reset,
    /// Lines of a message, the first of them without their line ends.
    Data(Vec<Vec<u8>>),
    Chunks(Vec<Vec<u8>>),
    /// A BDAT that does not say how much follows, and what does.
    Lost(Vec<u8>),
}

/// What is sent in one go comes back as it was meant, command by command and message by message.
fn conversation(data: &[u8]) {
    let mut rest = Unstructured::new(data);
    let Ok((bytes, expected)) = script(&mut rest) else { return };
    for reads in splits(&bytes) {
        assert_eq!(drive(true, reads), expected);
    }
}

fn script(rest: &mut Unstructured<'_>) -> Result<(Vec<u8>, Vec<Event>)> {
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    while !rest.is_empty() && expected.len() < 60 {
        match Said::arbitrary(rest)? {
            Said::Noop => {
                bytes.extend_from_slice(b"NOOP\r\n");
                expected.push(Event::Command(Command::Noop));
            }
            Said::Reset => {
                bytes.extend_from_slice(b"RSET\r\n");
                expected.push(Event::Command(Command::Rset));
            }
            Said::Data(lines) => message(&lines, &mut bytes, &mut expected),
            Said::Chunks(octets) => chunks(&octets, &mut bytes, &mut expected),
            Said::Lost(octets) => {
                bytes.extend_from_slice(b"BDAT 1x\r\n");
                bytes.extend_from_slice(&octets);
                expected.push(Event::Invalid(Invalid::ChunkSize));
                break;
            }
        }
    }
    Ok((bytes, expected))
}

fn chunks(octets: &[Vec<u8>], bytes: &mut Vec<u8>, expected: &mut Vec<Event>) {
    let mut breaks = LineBreaks::new();
    for (at, chunk) in octets.iter().enumerate() {
        let (place, word) = match at + 1 == octets.len() {
            true => (ChunkPlace::Last, " LAST"),
            false => (ChunkPlace::Within, ""),
        };
        bytes.extend_from_slice(format!("BDAT {}{word}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        breaks.read(chunk);
        let bdat = Bdat { octets: chunk.len() as u64, place };
        expected.push(Event::Command(Command::Bdat(bdat)));
        expected.extend((!chunk.is_empty()).then(|| Event::Chunk(chunk.clone())));
        expected.push(Event::ChunkEnd);
    }
    assert_eq!(breaks.is_clean(), is_lines(&octets.concat()), "the cut of the chunks shows");
}

/// Every CR has its LF, and every LF its CR.
fn is_lines(octets: &[u8]) -> bool {
    let pairs = octets.windows(2).filter(|two| *two == b"\r\n").count();
    let halves = octets.iter().filter(|octet| b"\r\n".contains(octet)).count();
    halves == 2 * pairs
}

fn message(lines: &[Vec<u8>], bytes: &mut Vec<u8>, expected: &mut Vec<Event>) {
    let clean = |line: &Vec<u8>| line.iter().copied().filter(|o| !b"\r\n".contains(o)).collect();
    let lines: Vec<Vec<u8>> = lines.iter().map(clean).collect();
    bytes.extend_from_slice(b"DATA\r\n");
    expected.push(Event::Command(Command::Data));
    for line in &lines {
        let dot: &[u8] = if line.starts_with(b".") { b"." } else { b"" };
        bytes.extend_from_slice(&[dot, line, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b".\r\n");
    let message: Vec<u8> =
        lines.iter().flat_map(|line| [line, b"\r\n".as_slice()].concat()).collect();
    let end = if message.len() as u64 > LIMITS.message {
        Err(DataError::TooLarge)
    } else {
        let end = Ok(message.len() as u64);
        expected.extend((!message.is_empty()).then_some(Event::Chunk(message)));
        end
    };
    expected.push(Event::DataEnd(end));
}
